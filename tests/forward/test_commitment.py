"""Asking an archive for commitment: in batches, on the association that is open, again and again, and to what end."""

import time
from contextlib import contextmanager

import pytest

from edge.forward import commitment, worker
from edge.net.report import Reports
from tests.forward import stock
from tests.support import process
from tests.support.archive import Archive
from tests.support.committing import CommittingArchive, on_same_association, refuse_all, report

NAME = "archive"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """What was sent is gathered for a moment only."""
    monkeypatch.setattr(commitment, "_GATHER_S", 0.2)
    monkeypatch.setattr(commitment, "_GATHER_LONGEST_S", 1.0)


@contextmanager
def committing(spool, port, wait_s=60.0, tries=2, linger_s=5.0):
    """A Worker and a Committer for the destination while the block lasts."""
    schedules = worker.schedules(stock.FIRST_S, stock.CAP_S, tries)
    provider = commitment.Provider("127.0.0.1", port, "ARCHIVE", "EDGE", stock.TERMS, None, wait_s, linger_s)
    reports = Reports(spool.commitments, {"ARCHIVE": [NAME]}, time.time)
    both = [
        commitment.Committer(spool, NAME, provider, reports, *schedules),
        worker.Worker(spool, NAME, [stock.to(port)], *worker.schedules(stock.FIRST_S, stock.CAP_S, 4), commits=True),
    ]
    for each in both:
        each.start()
    try:
        yield both[0]
    finally:
        for each in both:
            each.stop()
        for each in both:
            each.join(5)


def test_what_is_committed_to_on_the_same_association_is_delivered_many_in_one_transaction(tmp_path):
    with stock.opened(tmp_path) as spool, CommittingArchive(on_same_association) as archive:
        for made in stock.slices(30):
            stock.put(spool, made, NAME)
        with committing(spool, archive.port):
            stock.await_count(spool, NAME, "delivered", 30)
        assert len(archive.requests) <= 3
        asked = [instance for _, instances in archive.requests for instance in instances]
        assert sorted(asked) == sorted((each.sop_class, each.sop_instance) for each in archive.received)


def test_nothing_is_delivered_while_the_archive_says_nothing(tmp_path):
    with stock.opened(tmp_path) as spool, CommittingArchive() as archive:
        stock.put(spool, stock.slices(1)[0], NAME)
        with committing(spool, archive.port, linger_s=0.2):
            archive.await_requests(1)
            stock.await_count(spool, NAME, "sent", 1)
        assert stock.count(spool, NAME, "delivered") == 0


def test_what_is_refused_is_sent_again_and_then_held_with_the_reason_in_words(tmp_path):
    with stock.opened(tmp_path) as spool, CommittingArchive(refuse_all) as archive:
        number = stock.put(spool, stock.slices(1)[0], NAME)
        with committing(spool, archive.port):
            stock.await_count(spool, NAME, "held", 1)
        assert len(archive.received) == 2
        why = "archive does not commit to it: it does not have it (0112) (sent 2 times)"
        assert stock.job_of(spool, NAME, number).why == why


def test_one_that_is_refused_holds_up_no_other(tmp_path):
    def refuse_first(archive, association, transaction, instances):
        bad = [each for each in instances if each[1] == archive.received[0].sop_instance]
        good = [each for each in instances if each not in bad]
        report(association, transaction, good, [(*each, 0x0122) for each in bad])

    with stock.opened(tmp_path) as spool, CommittingArchive(refuse_first) as archive:
        for made in stock.slices(5):
            stock.put(spool, made, NAME)
        with committing(spool, archive.port):
            stock.await_count(spool, NAME, "delivered", 4)
            stock.await_count(spool, NAME, "held", 1)
        assert len(archive.received) == 5  # a SOP Class that it does not keep is not sent again


def test_silence_is_asked_about_again_then_the_object_is_sent_again_then_held(tmp_path):
    with stock.opened(tmp_path) as spool, CommittingArchive() as archive:
        number = stock.put(spool, stock.slices(1)[0], NAME)
        with committing(spool, archive.port, wait_s=0.5, linger_s=0.05):
            stock.await_count(spool, NAME, "held", 1)
        assert len(archive.received) == 2
        assert len(archive.requests) == 4
        assert len({transaction for transaction, _ in archive.requests}) == 4
        assert "has not said, asked 2 times, whether it keeps it" in stock.job_of(spool, NAME, number).why


def test_a_report_before_the_answer_to_the_request_is_taken(tmp_path):
    """pynetdicom reports from another thread while its answer waits for the handler."""

    class Hasty(CommittingArchive):
        is_hasty = True

    def hastily(archive, association, transaction, instances):
        association.dimse.send_msg(_event(transaction, instances), association.accepted_contexts[-1].context_id)

    with stock.opened(tmp_path) as spool, Hasty(hastily) as archive:
        stock.put(spool, stock.slices(1)[0], NAME)
        with committing(spool, archive.port):
            stock.await_count(spool, NAME, "delivered", 1)


def _event(transaction, instances):
    """An N-EVENT-REPORT-RQ as pynetdicom sends it."""
    from io import BytesIO

    from pynetdicom.dimse_primitives import N_EVENT_REPORT

    from edge.dicom import syntax
    from edge.protocol import commitment as messages

    event = N_EVENT_REPORT()
    event.MessageID = 77
    event.AffectedSOPClassUID, event.AffectedSOPInstanceUID = messages.SOP_CLASS, messages.SOP_INSTANCE
    event.EventTypeID = 1
    known = syntax.lookup(syntax.EXPLICIT_LITTLE)
    event.EventInformation = BytesIO(b"".join(messages.report_data_set(known, transaction, instances)))
    return event


def test_a_refused_request_spends_nothing_and_is_made_again(tmp_path):
    with stock.opened(tmp_path) as spool, CommittingArchive(on_same_association, status=0x0213) as archive:
        stock.put(spool, stock.slices(1)[0], NAME)
        with committing(spool, archive.port):
            archive.await_requests(3)
            process.wait_until(lambda: spool.commitments.link(NAME).failures, 10, "the refusal to be noted")
            assert "0213" in spool.commitments.link(NAME).why
            archive.status = 0
            stock.await_count(spool, NAME, "delivered", 1)
        assert len(archive.received) == 1


def test_an_archive_without_the_service_is_said_to_be_one_and_nothing_is_given_up(tmp_path):
    with stock.opened(tmp_path) as spool, Archive() as archive:
        stock.put(spool, stock.slices(1)[0], NAME)
        with committing(spool, archive.port):
            process.wait_until(lambda: spool.commitments.link(NAME).failures >= 2, 10, "two tries to ask")
            words = "ARCHIVE does not take requests for storage commitment from EDGE"
            assert spool.commitments.link(NAME).why.startswith(words)
            assert stock.count(spool, NAME, "sent") == 1
        assert len(archive.received) == 1


def test_stopping_does_not_wait_for_the_answer(tmp_path):
    with stock.opened(tmp_path) as spool, CommittingArchive() as archive:
        stock.put(spool, stock.slices(1)[0], NAME)
        with committing(spool, archive.port, linger_s=600) as running:
            archive.await_requests(1)
            process.wait_until(lambda: running._link is not None, 5, "the association to stay")
            began = time.monotonic()
            running.stop()
            assert running.join(5)
            assert time.monotonic() - began < 4
