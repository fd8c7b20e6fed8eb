"""`edge` begun from a process that has loaded it before: the same program in a process of its own, a fifth of a second
sooner. A suite begins it a thousand times.

Such a process is forked off one that has imported what a box and its console import; it gets arguments,
environment, folder and open files as any other, runs the program's own `main`, and ends as an interpreter ends. What it
cannot show is what a beginning takes, in time and memory, and what is loaded when: such tests begin the command itself.
"""

import array
import importlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

# The program under test: from source, or a packaged one (image-build/program/smoke)
EDGE = os.environ.get("EDGE_PROGRAM") or str(Path(sys.executable).parent / "edge")

_LOADED = """
    edge.service.__main__ edge.console.commandline edge.service.serve edge.service.wiring edge.console.actions
    edge.console.reaching edge.verbs.table edge.web.app tomllib
""".split()
# libc and the interpreter read these when they begin; as `edge serve` would have the first two for itself
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_ARENA_MAX": "1"}
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "ASAN_", "UBSAN_")
_HEAD = struct.Struct("!I")
_PID, _CODE = struct.Struct("!I"), struct.Struct("!i")


class Process:
    """A command that was begun: what subprocess.Popen has of it, as far as tests ask."""

    def __init__(self, args, news, stdout):
        self.args = args
        self.stdout = stdout
        self.returncode = None
        self._news = news  # the end of a pipe on which its number comes, and later its exit code
        self._lock = threading.Lock()
        self.pid = _PID.unpack(os.read(news, _PID.size))[0]

    def poll(self):
        """Return its exit code, None while it runs; a signal counts below zero."""
        with self._lock:
            if self.returncode is None and select.select([self._news], [], [], 0)[0]:
                self.returncode = _CODE.unpack(os.read(self._news, _CODE.size))[0]
                os.close(self._news)
            return self.returncode

    def wait(self, timeout=None):
        """Wait for its end and return its exit code; subprocess.TimeoutExpired when it goes on."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            rest = None if deadline is None else deadline - time.monotonic()
            if rest is not None and rest <= 0:
                raise subprocess.TimeoutExpired(self.args, timeout)
            try:
                select.select([self._news], [], [], rest)
            except (OSError, ValueError):  # another thread saw its end meanwhile
                continue
        return self.returncode

    def send_signal(self, number):
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self):
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)


class _Nursery:
    """The process that others are forked off, begun when the first is wanted."""

    def __init__(self):
        self.network = None  # the namespace in which it works; None until anybody may use it
        self.pid = None
        self._lock = threading.Lock()
        self._socket = None

    def begin(self, args, env, folder, files):
        """Have `edge` begun with these arguments and files (three of them); return the pipe with its news."""
        with self._lock:
            if self._socket is None:
                self._socket = self._start()
            news, tell = os.pipe()
            try:
                octets = json.dumps({"args": args, "env": env, "folder": folder}).encode()
                passed = array.array("i", [*files, tell])
                self._socket.sendmsg(
                    [_HEAD.pack(len(octets))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed.tobytes())]
                )
                self._socket.sendall(octets)
            finally:
                os.close(tell)
            return news

    def _start(self):
        ours, theirs = socket.socketpair()
        with theirs:
            begun = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd=Path(__file__).parents[2],
                env={**os.environ, **_MEMORY},
            )
        self.pid = begun.pid
        return ours


_nursery = _Nursery()


def use():
    """From now on begin `edge` warm, where that can be; before this is called each is a command of its own."""
    _nursery.network = _network()


def nursery_pid():
    """The number of the process that stays with this one to begin others; None before the first."""
    return _nursery.pid


def _network():
    """The network that this thread is in, which tests give networks of their own."""
    return os.readlink("/proc/thread-self/ns/net")


def _can_be_warm(env):
    """Say whether this is the nursery's network, and nothing of `env` that is read before the first line is another."""
    here = os.environ
    same = all(env.get(name) == here.get(name) for name in {*env, *here} if name.startswith(_READ_AT_START))
    return same and "EDGE_PROGRAM" not in env and _nursery.network == _network()


def popen(args, stdin=subprocess.DEVNULL, stdout=None, stderr=None, env=None, cwd=None):
    """Begin `edge` with `args`; return a Process, or a subprocess.Popen where the environment wants a new interpreter.

    stdin, stdout, stderr: subprocess.PIPE (stdout only), subprocess.DEVNULL, an open file, or None for this process's.
    """
    args = [str(each) for each in args]
    env = dict(os.environ if env is None else env)
    if not _can_be_warm(env):
        return subprocess.Popen([EDGE, *args], stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd)
    read = write = None
    with open(os.devnull, "r+b", buffering=0) as nothing:
        if stdout == subprocess.PIPE:
            read, write = os.pipe()
        given = [nothing if each == subprocess.DEVNULL else each for each in (stdin, write or stdout, stderr)]
        files = [
            each if type(each) is int else number if each is None else each.fileno()
            for number, each in enumerate(given)
        ]
        try:
            news = _nursery.begin(args, env, str(cwd or os.getcwd()), files)
        finally:
            if write is not None:
                os.close(write)
    return Process([EDGE, *args], news, open(read, "rb") if read is not None else None)


def run(args, timeout=60, env=None, input=None, cwd=None):
    """Run `edge` with `args` to its end; return a subprocess.CompletedProcess with what it wrote, as text."""
    with tempfile.TemporaryFile() as typed, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        typed.write((input or "").encode())
        typed.seek(0)
        begun = popen(args, typed, out, err, env, cwd)
        try:
            code = begun.wait(timeout)
        except subprocess.TimeoutExpired:
            begun.kill()
            begun.wait()
            raise
        written = []
        for file in (out, err):
            file.seek(0)
            written.append(file.read().decode())
    return subprocess.CompletedProcess(begun.args, code, *written)


# The other side


def _wanted(channel):
    """Return the next request and its files, None when nobody will ask any more."""
    room = array.array("i", [0] * 4)
    head, ancillary, _, _ = channel.recvmsg(_HEAD.size, socket.CMSG_SPACE(len(room) * room.itemsize))
    if not head:
        return None
    files = array.array("i")
    for _, _, octets in ancillary:
        files.frombytes(octets)
    octets = b""
    while len(octets) < _HEAD.unpack(head)[0]:
        octets += channel.recv(_HEAD.unpack(head)[0] - len(octets))
    return json.loads(octets), files


def _report(tell):
    """Say of each process that has ended how."""
    while tell:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        os.write(tell[pid], _CODE.pack(os.waitstatus_to_exitcode(status)))
        os.close(tell.pop(pid))


def _serve(channel):
    """Fork a process for each request; return the request within that process, None at the end of the last."""
    tell = {}
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    while True:
        ready = select.select([channel, woken], [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
            _report(tell)
        if channel not in ready:
            continue
        asked = _wanted(channel)
        if asked is None:
            return None
        request, files = asked
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number in (woken, wake, *tell.values(), files[3]):
                os.close(number)
            channel.close()
            for number in range(3):
                os.dup2(files[number], number)
            for number in set(files[:3]):
                os.close(number)
            return request
        for number in set(files[:3]):
            os.close(number)
        tell[pid] = files[3]
        os.write(files[3], _PID.pack(pid))


def _main():
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        for name in _LOADED:
            importlib.import_module(name)
        request = _serve(channel)
    if request is None:
        return 0
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update({**request["env"], **_MEMORY})
    time.tzset()
    sys.argv = [EDGE, *request["args"]]
    sys.orig_argv = [sys.executable, *sys.argv]
    return sys.modules["edge.service.__main__"].main()


if __name__ == "__main__":
    sys.exit(_main())
