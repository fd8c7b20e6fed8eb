"""Programs that run beside a test: ports, waiting, and an end that is certain."""

import random
import socket
import subprocess
import time
from pathlib import Path

# Before a command that is to mount: in a namespace of its own, where a neighbour's disks go when he takes them off.
OWN_MOUNTS = ("unshare", "--mount", "--propagation", "slave")
_PAUSE_MOST_S = 0.05  # s


def free_port():
    """A loopback TCP port that nobody listens on, and that the system gives no connection on its way out."""
    while True:
        port = random.SystemRandom().randrange(12000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_until(condition, limit_s, what, pause_s=0.01):
    """Wait for `condition()` to be true and return its value; raise TimeoutError naming `what` after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit_s} s for {what}")
        time.sleep(pause_s)
        pause_s = max(pause_s, min(pause_s * 1.25, _PAUSE_MOST_S))  # what takes long is not asked all the while


def _tcp_rows():
    for table in ("/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"):
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            yield int(fields[1].rpartition(":")[2], 16), fields[3]


def is_listening(port):
    """True when a TCP socket listens on `port`; asks the kernel, so that no connection is used up."""
    return any(local == port and state == "0A" for local, state in _tcp_rows())


def has_connection(port):
    """True when a TCP connection to the local port `port` is established."""
    return any(local == port and state == "01" for local, state in _tcp_rows())


def is_traced(pid):
    """True when a tracer has attached to every thread of a process."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return all("TracerPid:\t0\n" not in (task / "status").read_text(encoding="utf-8") for task in tasks)


def end(process, limit_s=10):
    """Stop a subprocess.Popen: SIGTERM, and SIGKILL after `limit_s`. Return its exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()
