"""A pace holds over any ten seconds, however many share it and however late they wake."""

import os
import random
import socket
import threading

import pytest

from edge.net import outbound, transport
from edge.net.pace import Pace
from tests.net.test_outbound import CT, TERMS, WANTED, Provider
from tests.support.process import wait_until


class Clock:
    """Time that passes only when somebody sleeps; each sleep is up to `late_s` too long."""

    def __init__(self, late_s=0.0):
        self.now = 1000.0
        self._late_s = late_s
        self._random = random.Random(7)

    def __call__(self):
        return self.now

    def sleep(self, wait_s):
        assert wait_s > 0
        self.now += wait_s + self._random.random() * self._late_s


def busiest(taken, span_s):
    """The most octets in any `span_s` of `taken`, pairs of time and octets."""
    most = inside = first = 0
    for at, octets in taken:
        inside += octets
        while taken[first][0] < at - span_s:
            inside -= taken[first][1]
            first += 1
        most = max(most, inside)
    return most


@pytest.mark.parametrize("rate", [4096, 64000, 1_000_000, 10_000_000])
@pytest.mark.parametrize("late_s", [0.0, 0.004])
def test_any_ten_seconds_hold_what_the_rate_allows_to_two_percent(rate, late_s):
    clock = Clock(late_s)
    pace = Pace(rate, clock, clock.sleep)
    taken = []
    while clock.now < 1030:
        assert pace.take(pace.piece_bytes)
        taken.append((clock.now, pace.piece_bytes))
    assert busiest(taken, 10) <= 10 * rate * 1.02 + pace.piece_bytes
    assert sum(octets for _, octets in taken) >= 30 * rate * 0.98


def test_what_was_not_used_in_a_pause_is_not_made_up_for():
    clock = Clock()
    pace = Pace(1_000_000, clock, clock.sleep)
    pace.take(pace.piece_bytes)
    clock.now += 3600
    taken = []
    while not taken or clock.now < taken[0][0] + 10:
        pace.take(pace.piece_bytes)
        taken.append((clock.now, pace.piece_bytes))
    assert sum(octets for _, octets in taken) <= 10_000_000 * 1.02


def test_what_is_charged_afterwards_is_waited_for_by_the_next():
    clock = Clock()
    pace = Pace(1000, clock, clock.sleep)
    pace.take(1000)
    pace.charge(500)
    pace.take(1)
    assert clock.now == pytest.approx(1001.5, abs=0.1)


def test_those_who_wait_go_one_after_another_and_share_the_rate():
    pace = Pace(200_000)
    counts = [0] * 4
    over = threading.Event()

    def take(number):
        while pace.take(pace.piece_bytes, over):
            counts[number] += 1

    threads = [threading.Thread(target=take, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    wait_until(lambda: sum(counts) > 60, 20, "sixty pieces")
    over.set()
    for each in threads:
        each.join(5)
    assert min(counts) >= 5, counts


def test_who_waits_is_let_go_when_the_connection_is_cut():
    ours, theirs = socket.socketpair()
    with theirs:
        wire = transport.Paced(transport.Wire(ours, 60000), Pace(1))
        wire.send(b"x")  # the first goes at once, and the next one has to wait for a second
        failures = []

        def send():
            try:
                wire.send(bytes(1000))
            except OSError as error:
                failures.append(error)

        sender = threading.Thread(target=send)
        sender.start()
        wire.cut()
        sender.join(5)
        assert len(failures) == 1
        wire.close()


@pytest.mark.parametrize("max_pdu", [4096, 131072])
def test_a_data_set_that_goes_by_a_pace_arrives_whole_and_takes_its_time(tmp_path, max_pdu):
    payload = os.urandom(300_000)
    large = tmp_path / "large"
    large.write_bytes(b"head" + payload)
    received = []
    clock = Clock()
    pace = Pace(500_000, clock, clock.sleep)
    keep = lambda event: received.append(event.request.DataSet.getvalue()) or 0
    with Provider(keep, max_pdu=max_pdu) as peer:
        link = outbound.associate("127.0.0.1", peer.port, "US", "THEM", WANTED, TERMS._replace(pace=pace))
        link._wire._cut.wait = lambda wait_s: clock.sleep(wait_s)
        context_id = link.accepted[1].id
        with open(large, "rb") as file:
            assert link.store(context_id, CT, "1.2.3.4", file.fileno(), 4, len(payload)).code == 0
        chunks = (payload[begin : begin + 777] for begin in range(0, len(payload), 777))
        link.begin_store_from(context_id, CT, "1.2.3.5", chunks)
        assert link.reply().code == 0
        link.release()
    assert received == [payload, payload]
    assert clock.now - 1000 == pytest.approx(600_000 / 500_000, rel=0.1)


def test_no_pdu_by_a_slow_pace_takes_longer_than_a_peer_has_patience_for():
    with Provider(max_pdu=131072) as peer:
        terms = TERMS._replace(pace=Pace(16_000))
        link = outbound.associate("127.0.0.1", peer.port, "US", "THEM", WANTED, terms)
        assert link._payload_limit() <= 2 * 16_000
        link.release()
