"""Clients that send an octet now and then: their time is limited, their number is, and a known modality is served."""

import selectors
import socket
import threading
import time

import pytest

from tests.bench import measure
from tests.support import process
from tests.support.rawpeer import (
    COMMAND,
    CT,
    EXPLICIT,
    IMPLICIT,
    LAST,
    VERIFICATION,
    RawPeer,
    associate_rq,
    p_data,
    pdv,
    store_rq,
)
from tests.support.service import Service

DEADLINE_S = 3  # the settings' defaults are ten times that
CLOSING_S = 2  # after an A-ABORT the peer is given this long to close (ARTIM, PS3.8 9.1.5)
SLACK_S = 2
PAUSE_S = 0.4
STRANGER, MODALITY = "127.0.0.2", "127.0.0.1"
QUICK = {"artim_s": DEADLINE_S, "pdu_s": DEADLINE_S, "idle_timeout_s": DEADLINE_S}
REQUEST = associate_rq([(1, VERIFICATION, [IMPLICIT]), (3, CT, [EXPLICIT])])


class Drip:
    """Connections that send one octet of `octets` every `PAUSE_S` each, from a thread, until they are closed."""

    def __init__(self, port, count, octets, associate=False, sources=(STRANGER,)):
        self.lifetimes = []  # seconds until the box closed
        self.answers = []  # seconds until it said that it would
        self._octets = octets
        self._stopped = False
        self._selector = selectors.DefaultSelector()
        for number in range(count):
            self._open(port, sources[number % len(sources)], associate)
        self._thread = threading.Thread(target=self._run)

    def _open(self, port, source, associate):
        try:
            if associate:
                peer = RawPeer(port, source=source)
                peer.associate([(1, VERIFICATION, [IMPLICIT]), (3, CT, [EXPLICIT])])
                connected = peer.socket
            else:
                connected = socket.create_connection(("127.0.0.1", port), 5, (source, 0))
        except OSError:  # refused at once, which is an answer too
            self.lifetimes.append(0.0)
            return
        connected.setblocking(False)
        self._selector.register(connected, selectors.EVENT_READ, [time.monotonic(), 0])

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._stopped = True
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    def open(self):
        """How many connections the box has not closed yet."""
        return len(self._selector.get_map())

    def _close(self, key):
        self._selector.unregister(key.fileobj)
        key.fileobj.close()
        self.lifetimes.append(time.monotonic() - key.data[0])

    def _run(self):
        due = 0.0
        while not self._stopped:
            for key, _ in self._selector.select(0.05) if self._selector.get_map() else ():
                try:
                    if key.fileobj.recv(4096):
                        self.answers.append(time.monotonic() - key.data[0])
                    else:
                        self._close(key)
                except OSError:
                    self._close(key)
            if time.monotonic() < due:
                time.sleep(0.01)
                continue
            due = time.monotonic() + PAUSE_S
            for key in list(self._selector.get_map().values()):
                at = key.data[1]
                try:
                    key.fileobj.send(self._octets[at : at + 1])
                    key.data[1] = min(at + 1, len(self._octets) - 2)
                except OSError:
                    self._close(key)


def echo_seconds(box):
    """How long a known modality waits for its whole C-ECHO."""
    begun = time.monotonic()
    with RawPeer(box.port, source=MODALITY) as peer:
        peer.associate([(1, VERIFICATION, [IMPLICIT])], calling=b"CT1")
        assert peer.echo(1).status == 0
        peer.release()
    return time.monotonic() - begun


@pytest.fixture
def box(tmp_path):
    known = {"accept_calling": [f"CT1@{MODALITY}", f"RAW@{STRANGER}"]}
    with Service(tmp_path, dicom={**QUICK, **known}, limits={"per_address": 16}) as running:
        yield running


def outlived(box, drip):
    """Ask for echoes until every slow connection is gone; return the longest that the modality waited."""
    longest = 0.0
    deadline = time.monotonic() + DEADLINE_S + SLACK_S + 5
    while drip.open() and time.monotonic() < deadline:
        longest = max(longest, echo_seconds(box))
        time.sleep(0.1)
    return longest


@pytest.mark.parametrize("count", [1, 60, 1000])
def test_connections_that_drip_their_request_are_closed_in_time_and_a_modality_is_served(box, count):
    sources = [f"127.0.1.{number}" for number in range(1, 100)]
    with Drip(box.port, count, REQUEST, sources=sources) as drip:
        assert outlived(box, drip) < 2
        assert drip.open() == 0
    assert len(drip.lifetimes) == count
    assert max(drip.lifetimes) <= DEADLINE_S + SLACK_S + count / 500
    process.wait_until(lambda: measure.threads(box.pid) <= 8, 10, "the threads to end")


def test_connections_that_begin_a_request_without_meaning_are_closed_in_time(box):
    with Drip(box.port, 10, b"\1\0\0\0\x40\0" + bytes(60)) as drip:
        assert outlived(box, drip) < 2
        assert drip.open() == 0
    assert max(drip.lifetimes) <= DEADLINE_S + SLACK_S


def test_associations_that_stop_in_the_middle_of_a_pdu_are_aborted_in_time_and_leave_nothing(box):
    store = p_data([pdv(3, COMMAND | LAST, store_rq(1, CT, b"2.25.1500"))]) + p_data([pdv(3, LAST, bytes(4000))])
    with Drip(box.port, 10, store, associate=True) as drip:
        assert drip.open() == 10
        assert outlived(box, drip) < 2
        assert drip.open() == 0
    assert len(drip.answers) == 10
    assert max(drip.answers) <= DEADLINE_S + SLACK_S
    assert max(drip.lifetimes) <= DEADLINE_S + CLOSING_S + SLACK_S
    assert box.partial() == []
    assert box.stored() == []


def test_associations_that_stop_between_messages_are_ended_in_time(box):
    with RawPeer(box.port, source=MODALITY, timeout_s=DEADLINE_S + SLACK_S) as peer:
        peer.associate([(1, VERIFICATION, [IMPLICIT])], calling=b"CT1")
        assert peer.echo(1).status == 0
        assert peer.read_pdu().kind == 7


def test_connections_of_one_address_are_capped(box):
    with Drip(box.port, 200, REQUEST) as drip:
        process.wait_until(lambda: drip.open() <= 16, DEADLINE_S - 1, "all but the cap to be turned away")
        assert echo_seconds(box) < 2
