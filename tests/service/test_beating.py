"""systemd is fed while the box moves, and not any more when a lock that a main path needs is never given back."""

import contextlib
import os
import socket
import threading
import time

import pytest

from edge.box import load
from edge.service import consoles, housekeeping, parts
from edge.service.beating import Beating
from edge.service.running import Running
from edge.verbs.box import open_spool
from tests.support.process import free_port, wait_until
from tests.support.service import Service

PERIOD_S = 0.5
CONFIGURATION = """
[box]
state_dir = "state"
[dicom]
bind = "127.0.0.1"
port = 0
[console]
bind = "127.0.0.1"
port = {port}
tls = false
[[destination]]
name = "archive"
host = "127.0.0.1"
port = {nobody}
ae_title = "ARCHIVE"
"""


class Heard:
    """What systemd hears."""

    def __init__(self, name):
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + name[1:])
        self._socket.setblocking(False)
        self.lines = []

    def hear(self):
        """Take what has come."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.lines += self._socket.recv(4096).decode().split("\n")

    def wait_for(self, *words, forget=True):
        """Wait for a line that has all of these, as a rule among those that come from now on."""
        self.hear()
        if forget:
            self.lines.clear()

        def found():
            self.hear()
            return next((line for line in self.lines if all(word in line for word in words)), None)

        return wait_until(found, 60, f"{words} on the socket")

    def close(self):
        self._socket.close()


@pytest.fixture(scope="module")
def heard():
    name = f"@edge-beating-{os.getpid()}-{time.monotonic_ns()}"
    listening = Heard(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOTIFY_SOCKET", name)
        patch.setenv("WATCHDOG_USEC", str(int(PERIOD_S * 1e6)))
        patch.delenv("WATCHDOG_PID", raising=False)
        patch.setattr(housekeeping, "_TIDY_S", 0.05)
        patch.setattr(housekeeping, "_PATIENCE_S", PERIOD_S)
        yield listening
    listening.close()


@pytest.fixture(scope="module")
def running(heard, tmp_path_factory):
    """A box that runs in this process, with its console opened by a first visitor."""
    path = tmp_path_factory.mktemp("box") / "edge.toml"
    port = free_port()
    path.write_text(CONFIGURATION.format(port=port, nobody=free_port()), encoding="utf-8")
    loaded = load.load(str(path))
    spool = open_spool(loaded.config)
    box = Running(loaded, spool)
    box.start()
    thread = threading.Thread(target=box.listener.run)
    thread.start()
    try:
        wait_until(lambda: box[consoles.Console].door is not None, 30, "the console")
        with socket.create_connection(("127.0.0.1", port)) as visitor:
            visitor.sendall(b"GET / HTTP/1.1\r\nHost: box\r\n\r\n")
            assert visitor.recv(16).startswith(b"HTTP/1.1")
        yield box
    finally:
        box.listener.stop()
        thread.join()
        box.stop()
        spool.close()


@contextlib.contextmanager
def _held(lock):
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _loop_held(running):
    """The event loop of the console waits for a lock that another thread has."""
    lock = threading.Lock()
    with lock:
        running[consoles.Console].door._server.loop.call_soon_threadsafe(lambda: lock.acquire() and lock.release())
        yield


DEADLOCKS = {
    "listener": lambda running: _held(running.listener._lock),
    "to archive": lambda running: _held(running[parts.Forwarding].workers()[0]._lock),
    "journal": lambda running: _held(running.spool.journal._door),
    "index": lambda running: _held_elsewhere(running.spool.index.lock),
    "housekeeping": lambda running: _held(running.spool.health._lock),
    "console": _loop_held,
}


@contextlib.contextmanager
def _held_elsewhere(lock):
    """A lock that a thread may take again is held by another one than this."""
    taken, over = threading.Event(), threading.Event()

    def hold():
        with lock:
            taken.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_box_with_nothing_to_do_is_fed(running, heard):
    heard.wait_for("WATCHDOG=1")
    heard.wait_for("WATCHDOG=1")


@pytest.mark.parametrize("name", DEADLOCKS)
def test_a_deadlock_stops_the_feeding_and_its_end_begins_it_again(running, heard, name):
    def goes_unfed():
        heard.hear()
        heard.lines.clear()
        for _ in range(3):
            running[Beating].feeder.judge()
        heard.hear()
        return "WATCHDOG=1" not in heard.lines

    heard.wait_for("WATCHDOG=1")
    with DEADLOCKS[name](running):
        heard.wait_for("STATUS=stands still: ", name)
        wait_until(goes_unfed, 60, f"a box that {name} keeps unfed")  # it may have been late before it hung
        assert name in running[Beating].progress.stuck(time.monotonic(), PERIOD_S)
    heard.wait_for("WATCHDOG=1")


def test_every_main_path_is_among_those_that_are_asked(running):
    names = {each.name for each in running[Beating].progress._all()}
    assert names == set(DEADLOCKS)


def test_systemd_hears_that_the_box_is_ready_reloads_and_stops(tmp_path):
    heard = Heard(f"@edge-serve-{os.getpid()}-{time.monotonic_ns()}")
    with Service(tmp_path, env={"NOTIFY_SOCKET": heard.name, "WATCHDOG_USEC": "1000000"}) as box:
        heard.wait_for("READY=1", forget=False)
        heard.wait_for("WATCHDOG=1")
        assert box.reload()
        heard.wait_for("RELOADING=1", forget=False)
        assert box.stop() == 0
        heard.wait_for("STOPPING=1", forget=False)
        assert "READY=1" in heard.lines[heard.lines.index("RELOADING=1") :]
    assert int((tmp_path / "state/watch/clock").read_text()) > 0
    heard.close()
