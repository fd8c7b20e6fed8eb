"""Each way in which a DICOM destination fails is understood: foreign peers, and one that says what it is told."""

import socket
import threading

import pytest

from edge.net import outbound
from tests.forward import stock
from tests.support.archive import VERIFICATION, Archive
from tests.support.dcmtk import Storescp
from tests.support.process import free_port, wait_until


class Rejecting:
    """A peer that answers every A-ASSOCIATE-RQ by one PDU, while the `with` block lasts."""

    def __init__(self, answer):
        self._answer = answer
        self.asked = 0

    def __enter__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def _serve(self):
        while True:
            try:
                connected, _ = self._server.accept()
            except OSError:
                return
            with connected:
                connected.recv(65536)
                self.asked += 1
                connected.sendall(self._answer)

    def __exit__(self, *exception):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


def rejection(result, source, reason):
    return bytes((3, 0, 0, 0, 0, 4, 0, result, source, reason))


ABORT = bytes((7, 0, 0, 0, 0, 4, 0, 0, 2, 0))


@pytest.mark.parametrize(
    "answer, permanent, unsaid, words",
    [
        (rejection(1, 1, 1), True, True, "rejected for good: no reason given"),
        (rejection(2, 1, 1), False, True, "rejected for now: no reason given"),
        (rejection(1, 1, 2), True, False, "application context name not supported"),
        (rejection(1, 1, 3), True, False, "calling AE title not recognized; the peer must be told"),
        (rejection(1, 1, 7), True, False, "called AE title not recognized; check the destination's ae_title"),
        (rejection(1, 2, 2), True, False, "protocol version not supported"),
        (rejection(2, 3, 1), False, False, "rejected for now: temporary congestion"),
        (rejection(2, 3, 2), False, False, "local limit exceeded; it has too many associations open"),
        (ABORT, False, True, "abort"),
        (b"", False, True, "closed the connection"),
    ],
)
def test_each_refusal_of_an_association_is_told_apart(answer, permanent, unsaid, words):
    with Rejecting(answer) as peer, pytest.raises(outbound.LinkFailure) as raised:
        wanted = [(VERIFICATION, ("1.2.840.10008.1.2",))]
        outbound.associate("127.0.0.1", peer.port, "EDGE", "THEM", wanted, stock.TERMS)
    said = raised.value
    assert (said.layer, said.permanent, said.unsaid) == (outbound.ASSOCIATION, permanent, unsaid)
    assert words in said.reason


@pytest.mark.parametrize("answer, lasting", [(rejection(1, 1, 3), True), (rejection(2, 3, 2), False), (ABORT, False)])
def test_only_a_refusal_for_good_has_the_longest_wait_and_no_object_pays_for_any(tmp_path, answer, lasting):
    (made,) = stock.slices(1)
    with stock.opened(tmp_path / "state") as spool, Rejecting(answer) as peer:
        number = stock.put(spool, made, "archive")
        with stock.working(spool, "archive", stock.to(peer.port), first_s=1, cap_s=600):
            wait_until(lambda: spool.jobs.link("archive").failures, 10, "a failure")
            link = spool.jobs.link("archive")
        assert link.lasting == lasting
        assert (link.until - spool.now() > 250) == lasting
        assert stock.job_of(spool, "archive", number).tries == 0


def test_storescp_that_refuses_every_association_is_told_to_refuse_for_good(tmp_path):
    (made,) = stock.slices(1)
    with stock.opened(tmp_path / "state") as spool, Storescp(options=["--refuse"]) as archive:
        stock.put(spool, made, "archive")
        with stock.working(spool, "archive", stock.to(archive.port)):
            wait_until(lambda: spool.jobs.link("archive").failures >= 2, 10, "two refusals")
        assert "rejected" in spool.jobs.link("archive").why


@pytest.mark.parametrize("knows_echo", [True, False])
def test_after_an_outage_an_echo_is_asked_for_before_any_object_is_sent_where_the_peer_knows_it(tmp_path, knows_echo):
    objects = stock.slices(3)
    port = free_port()
    archive = Archive(port=port)
    if not knows_echo:
        archive._ae.remove_supported_context(VERIFICATION)
    with stock.opened(tmp_path / "state") as spool:
        for made in objects:
            stock.put(spool, made, "archive")
        with stock.working(spool, "archive", stock.to(port)):
            wait_until(lambda: spool.jobs.link("archive").failures, 10, "a failure")
            with archive:
                stock.await_count(spool, "archive", "delivered", 3)
                assert (archive.echoes, archive.associations) == (1 if knows_echo else 0, 2)


def test_a_peer_that_takes_two_associations_is_sent_to_over_two(tmp_path):
    objects = stock.slices(40)
    pause = threading.Event()
    with stock.opened(tmp_path / "state") as spool, Archive(answer=lambda got: pause.wait(0.02) or 0) as archive:
        archive._ae.maximum_associations = 2
        for made in objects:
            stock.put(spool, made, "archive")
        with stock.working(spool, "archive", *[stock.to(archive.port) for _ in range(5)]):
            stock.await_count(spool, "archive", "delivered", 40)
            assert spool.jobs.link("archive").failures == 0
        assert archive.associations == 2
        assert sorted(got.sop_instance for got in archive.received) == sorted(made.sop_instance for made in objects)


def test_with_four_associations_four_answers_are_awaited_at_a_time(tmp_path):
    objects = stock.slices(24)
    lock, now, most = threading.Lock(), [0], [0]
    pause = threading.Event()

    def answer(got):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        pause.wait(0.1)
        with lock:
            now[0] -= 1
        return 0

    with stock.opened(tmp_path / "state") as spool, Archive(answer=answer) as archive:
        for made in objects:
            stock.put(spool, made, "archive")
        with stock.working(spool, "archive", *[stock.to(archive.port) for _ in range(4)]):
            stock.await_count(spool, "archive", "delivered", 24)
    assert most[0] == 4
