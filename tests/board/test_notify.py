"""What systemd hears: on a real socket, by its path or its abstract name."""

import os
import socket
import time

import pytest

from edge.board.notify import Notifier


@pytest.fixture(params=("path", "abstract"))
def heard(request, tmp_path):
    """A socket that listens, and what NOTIFY_SOCKET says of it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@edge-test-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name[1:] if name[0] == "@" else name)
        listening.settimeout(5)
        yield listening, name


def test_each_word_is_one_datagram(heard):
    listening, name = heard
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready("DICOM on\nport 11112")
    notifier.status("3 wait")
    notifier.fed()
    notifier.stopping()
    got = [listening.recv(4096).decode() for _ in range(4)]
    assert got == ["READY=1\nSTATUS=DICOM on port 11112", "STATUS=3 wait", "WATCHDOG=1", "STOPPING=1"]
    notifier.close()


def test_a_reload_says_when_it_began_by_the_clock_that_systemd_compares_with(heard):
    listening, name = heard
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    Notifier({"NOTIFY_SOCKET": name}).reloading()
    first, second = listening.recv(4096).decode().split("\n")
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


@pytest.mark.parametrize("name", ("", "/", "relative", "@", "/" + "x" * 200))
def test_a_name_that_is_none_is_told_nothing(name):
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready("ready")
    assert not notifier.is_heard


def test_nobody_at_the_socket_harms_nobody(tmp_path):
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notifier.ready("ready")
    notifier.fed()
    assert notifier.is_heard


def test_one_who_does_not_read_holds_nobody_up(heard):
    notifier = Notifier({"NOTIFY_SOCKET": heard[1]})
    for _ in range(2000):
        notifier.fed()
    assert heard[0].recv(64) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    "environment, seconds",
    (
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ),
)
def test_the_watchdog_is_fed_where_it_is_meant_for_this_process(environment, seconds):
    assert Notifier(environment).watchdog_s == seconds
