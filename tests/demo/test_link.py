"""The bad link passes octets on, and cuts where it is told to."""

import socket
import threading

import pytest

from edge.demo.link import Link


@pytest.fixture
def echo():
    """A server that sends back whatever comes; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    connected, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_echo, args=(connected,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)


def _echo(connected):
    with connected:
        try:
            while octets := connected.recv(65536):
                connected.sendall(octets)
        except OSError:
            pass


@pytest.fixture
def link(echo):
    made = Link(echo)
    yield made
    made.close()


def connect(link):
    connected = socket.create_connection(("127.0.0.1", link.port), 5)
    connected.settimeout(5)
    return connected


def receive(connected, count):
    octets = b""
    while len(octets) < count:
        more = connected.recv(count - len(octets))
        if not more:
            break
        octets += more
    return octets


def test_octets_pass_both_ways(link):
    with connect(link) as connected:
        connected.sendall(b"there and back")
        assert receive(connected, 14) == b"there and back"


def test_a_cut_resets_what_is_open_and_refuses_what_is_new(link):
    with connect(link) as connected:
        connected.sendall(b"x")
        assert receive(connected, 1) == b"x"
        link.cut()
        with pytest.raises(ConnectionResetError):
            connected.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connect(link)
    assert not link.is_up


def test_a_mended_link_passes_octets_at_the_same_port(link):
    port = link.port
    link.cut()
    link.mend()
    assert link.port == port
    with connect(link) as connected:
        connected.sendall(b"again")
        assert receive(connected, 5) == b"again"


def test_a_link_cuts_itself_in_mid_transfer(link):
    link.cut_after(100_000)
    with connect(link) as connected:
        with pytest.raises(OSError):
            for _ in range(100):
                connected.sendall(bytes(10_000))
                receive(connected, 10_000)
    assert not link.is_up
    assert link.cuts == (1, 1)


def test_an_end_on_one_side_ends_the_other(link):
    with connect(link) as connected:
        connected.sendall(b"last")
        connected.shutdown(socket.SHUT_WR)
        while connected.recv(10):
            pass
