"""Whose fault it was: what the line swallowed costs no object a try, what the peer had and did not answer does."""

import contextlib
import threading

import pytest

from tests.forward import stock
from tests.support.archive import Archive
from tests.support.network import Network
from tests.support.process import wait_until

PORT = 104
TERMS = stock.TERMS._replace(connect_ms=1000, dimse_ms=1000)


@pytest.fixture
def network():
    with Network() as made:
        yield made


@contextlib.contextmanager
def sending(network, line, spool, **options):
    """An archive at the end of `line`, and a worker that brings it what waits for "there"."""
    with contextlib.ExitStack() as stack:
        with line.far():
            archive = stack.enter_context(Archive(address=line.address, port=PORT, **options))
        target = stock.DicomTarget(line.address, PORT, "ARCHIVE", "EDGE", TERMS)
        with network.near():
            stack.enter_context(stock.working(spool, "there", target))
        yield archive


@pytest.mark.parametrize("fault", ["black_hole", "reset"])
def test_an_object_that_the_line_swallowed_spends_no_try(network, tmp_path, fault):
    line = network.line(round_trip_ms=20)
    with stock.opened(tmp_path / "state") as spool:
        first, second = stock.slices(2, size=128)
        stock.put(spool, first, "there")
        with sending(network, line, spool):
            stock.await_count(spool, "there", "delivered", 1)
            getattr(line, fault)()
            number = stock.put(spool, second, "there")
            wait_until(lambda: spool.jobs.link("there").failures, 10, "a failure")
            assert stock.job_of(spool, "there", number).tries == 0
            line.mend()
            stock.await_count(spool, "there", "delivered", 2)
        assert stock.job_of(spool, "there", number).tries == 1


def test_an_object_that_the_archive_has_and_never_answers_is_held_after_its_tries(network, tmp_path):
    line = network.line(round_trip_ms=20)
    first, second = stock.slices(2, size=128)
    for_good = threading.Event()

    def answer(received):
        if received.sop_instance == first.sop_instance:
            for_good.wait(30)
        return 0x0000

    with stock.opened(tmp_path / "state") as spool:
        silent, other = (stock.put(spool, each, "there") for each in (first, second))
        with sending(network, line, spool, answer=answer):
            stock.await_count(spool, "there", "delivered", 1)
            stock.await_count(spool, "there", "held", 1)
            for_good.set()
        assert stock.job_of(spool, "there", silent).tries == stock.TRIES
        assert "did not answer" in stock.job_of(spool, "there", silent).why
        assert stock.job_of(spool, "there", other).tries == 1


def test_an_object_that_a_thin_line_takes_long_for_is_not_given_up_while_it_moves(network, tmp_path):
    line = network.line(rate_bit_per_s=48_000, round_trip_ms=20)
    with stock.opened(tmp_path / "state") as spool:
        (made,) = stock.slices(1, size=128)
        number = stock.put(spool, made, "there")
        with sending(network, line, spool) as archive:
            stock.await_count(spool, "there", "delivered", 1)
        assert len(archive.received) == 1
        assert stock.job_of(spool, "there", number).tries == 1
