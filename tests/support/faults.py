"""Real faults, made as root and undone at the end of a `with` block: full disks, little memory, failing system calls.

A fault that cannot be made raises, so that the test fails: a skipped torture test says that all is well.
"""

import contextlib
import os
import subprocess
from pathlib import Path

from tests.support import process

_MEMORY_GROUPS = Path("/sys/fs/cgroup/memory")


@contextlib.contextmanager
def tmpfs(folder, size_bytes, inodes=0):
    """A file system of `size_bytes` and at most `inodes` names (0: no limit) mounted on `folder`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={size_bytes}" + (f",nr_inodes={inodes}" if inodes else "")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "edge-test", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def memory_limit(limit_bytes):
    """A memory control group; yields the command that what runs in it is to be run under."""
    group = _MEMORY_GROUPS / f"edge-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(limit_bytes), encoding="ascii")
        yield ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"]
    finally:
        process.wait_until(lambda: _removed(group), 10, f"{group} to be empty")


def _removed(group):
    try:
        group.rmdir()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def failing(pid, calls, error, when):
    """Make the system calls `calls` of a running process fail with `error` while the block lasts.

    when: as strace has it, counted from now on and in each thread by itself: "3" is the third call, "2+" all from the
    second on.
    """
    with _injecting(pid, calls, f"error={error}:when={when}"):
        yield


@contextlib.contextmanager
def without_syncs(pid):
    """Make every sync of a running process succeed without being done: what the tests must be able to notice."""
    with _injecting(pid, "fsync,fdatasync", "retval=0"):
        yield


@contextlib.contextmanager
def _injecting(pid, calls, what):
    injection = f"inject={calls}:{what}"
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", injection, "-p", str(pid)]
    tracer = subprocess.Popen(command)
    try:
        process.wait_until(lambda: process.is_traced(pid), 10, "strace to attach")
        yield
    finally:
        process.end(tracer)


def fill_space(folder, leave_bytes):
    """Use up the file system below `folder` but for `leave_bytes`; return the path of the file that does it."""
    ballast = Path(folder) / "ballast"
    free = os.statvfs(folder)
    size = free.f_bavail * free.f_frsize - leave_bytes
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, size))
    return ballast


def fill_inodes(folder, leave):
    """Use up the names of the file system below `folder` but for `leave`; return the folder that holds them."""
    ballast = Path(folder) / "ballast"
    ballast.mkdir()
    for number in range(os.statvfs(folder).f_favail - leave):
        (ballast / str(number)).touch()
    return ballast
