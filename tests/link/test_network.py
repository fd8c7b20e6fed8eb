"""The emulated line does what it is told: a test that passes on a line without its faults would show nothing."""

import socket
import subprocess
import threading
import time

import pytest

from tests.support import network
from tests.support.network import Network
from tests.support.process import wait_until

PORT = 5000
LIMIT_S = 20


@pytest.fixture
def net():
    with Network() as made:
        yield made


class Reader:
    """Whoever takes octets at the other end of a line, and counts them."""

    def __init__(self, line):
        self.octets = 0
        with line.far():
            self._server = socket.create_server((line.address, PORT))
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._server.close()

    def _serve(self):
        try:
            connected, _ = self._server.accept()
            with connected:
                while octets := connected.recv(1 << 16):
                    self.octets += len(octets)
        except OSError:
            pass


def connect(net, line):
    with net.near():
        return socket.create_connection((line.address, PORT), LIMIT_S)


def test_a_line_keeps_its_delay_and_its_rate(net):
    line = net.line(rate_bit_per_s=4_000_000, round_trip_ms=100)
    with Reader(line):
        begun = time.monotonic()
        with connect(net, line) as connected:
            assert 0.1 <= time.monotonic() - begun < 0.2
            before = line.octets_out()
            begun = time.monotonic()
            connected.sendall(bytes(1_000_000))
            connected.shutdown(socket.SHUT_WR)
            connected.recv(1)
            seconds = time.monotonic() - begun
        assert line.octets_out() - before > 1_000_000
    assert 2.0 <= seconds < 4


def test_jitter_makes_round_trips_differ(net):
    line = net.line(round_trip_ms=20, jitter_ms=40)
    trips = []
    for _ in range(8):
        begun = time.monotonic()
        with net.near(), pytest.raises(ConnectionRefusedError):
            socket.create_connection((line.address, PORT + 1), LIMIT_S)
        trips.append(time.monotonic() - begun)
    assert 0.02 <= min(trips) and max(trips) - min(trips) > 0.005


def test_a_line_loses_the_part_of_its_packets_that_was_asked_for(net):
    line = net.line(loss_percent=20)
    with line.far():
        there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        there.bind((line.address, PORT))
    with net.near():
        here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with here, there:
        came = 0
        for _ in range(20):
            for _ in range(50):
                here.sendto(b"x", (line.address, PORT))
            there.settimeout(0.1)
            try:
                while there.recv(10):
                    came += 1
            except TimeoutError:
                pass
    assert 700 < came < 900


@pytest.mark.parametrize("by_reset", [True, False])
def test_a_connection_is_cut_in_mid_transfer_where_it_was_asked_for(net, by_reset):
    line = net.line(round_trip_ms=10)
    line.cut_after(200_000, by_reset)
    with Reader(line) as reader, connect(net, line) as connected:
        connected.settimeout(1)
        with pytest.raises(ConnectionResetError if by_reset else TimeoutError):
            while True:
                connected.sendall(bytes(10_000))
        wait_until(lambda: 100_000 < reader.octets <= 200_000, 2, f"{reader.octets} octets to have come")


def test_a_black_hole_swallows_and_a_mended_line_goes_on_where_it_was(net):
    line = net.line(round_trip_ms=10)
    with Reader(line) as reader, connect(net, line) as connected:
        connected.sendall(b"x")
        wait_until(lambda: reader.octets == 1, LIMIT_S, "an octet")
        line.black_hole()
        connected.sendall(b"y")
        with pytest.raises(TimeoutError):
            wait_until(lambda: reader.octets == 2, 0.5, "an octet that must not come")
        line.mend()
        wait_until(lambda: reader.octets == 2, LIMIT_S, "the octet to be sent again")


def test_nothing_is_left_of_a_network_whose_test_failed():
    with pytest.raises(ZeroDivisionError):
        with Network() as made:
            line = made.line(round_trip_ms=10)
            raise ZeroDivisionError
    there = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert made.space not in there
    assert line._relay.poll() is not None


def test_what_a_killed_process_left_is_removed_by_the_next_network():
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = f"{network._PREFIX}{gone.pid}-0-near"
    subprocess.run(["ip", "netns", "add", left], check=True)
    with Network():
        there = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert left not in there
