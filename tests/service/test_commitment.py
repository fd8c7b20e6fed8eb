"""Storage commitment with the box as a process: answers that come later, from whom they must, and through kill -9."""

import re
from pathlib import Path

import pydicom.data
import pytest

from tests.support import dcmtk
from tests.support.archive import CT
from tests.support.committing import CommittingArchive, report_later
from tests.support.process import free_port, wait_until
from tests.support.service import Service, destination, route

IMAGE = pydicom.data.get_testdata_file("CT_small.dcm")
LIMIT_S = 30


@pytest.fixture
def archive():
    with CommittingArchive() as running:
        yield running


def box_for(folder, *archives, **more):
    """A box that sends to each archive, named a, b, ..., and has each commit."""
    names = "abc"[: len(archives)]
    more = {"commitment": True, "commitment_linger_s": 0, "retry_first_s": 0.1, **more}
    tables = [
        destination(name, each.port, "ARCHIVE" if name == "a" else "OTHER", **more)
        for name, each in zip(names, archives)
    ]
    return Service(folder, tables, [route(*names)])


def states(box):
    """The state of each job, by destination."""
    return {job["destination"]: job["state"] for job in box.queue()}


def asked(box, archive):
    """Send one object through; return (transaction, instances) once commitment was asked for."""
    dcmtk.send(dcmtk.STORESCU, box.port, [IMAGE])
    return archive.await_requests(1)[0]


def test_a_report_on_an_association_that_the_archive_opens_delivers_with_and_without_roles(tmp_path, archive):
    for with_role in (True, False):
        with box_for(tmp_path / str(with_role), archive) as box:
            archive.requests.clear()
            transaction, instances = asked(box, archive)
            assert states(box) == {"a": "sent"}
            assert report_later(box.port, transaction, instances, with_role=with_role) == 0
            assert states(box) == {"a": "delivered"}
            assert "Traceback" not in box.log()


def test_the_same_report_again_is_answered_with_success_and_changes_nothing(tmp_path, archive):
    with box_for(tmp_path, archive) as box:
        transaction, instances = asked(box, archive)
        assert report_later(box.port, transaction, instances) == 0
        (before,) = box.queue()
        assert report_later(box.port, transaction, instances) == 0
        assert report_later(box.port, transaction, [], [(*each, 0x0112) for each in instances]) == 0
        assert box.queue() == [before]


def test_reports_that_cannot_be_right_are_refused_and_commit_to_nothing(tmp_path, archive):
    with box_for(tmp_path, archive) as box:
        transaction, instances = asked(box, archive)
        assert report_later(box.port, "2.25.1", instances) == 0x0115
        assert report_later(box.port, transaction, instances, event_type=7) == 0x0113
        assert report_later(box.port, transaction, [(CT, "1.2.3.4")]) == 0
        assert states(box) == {"a": "sent"}


def test_who_answers_for_no_destination_or_another_one_cannot_report_on_it(tmp_path, archive):
    with CommittingArchive(ae_title="OTHER") as other, box_for(tmp_path, archive, other) as box:
        transaction, instances = asked(box, archive)
        others, _ = other.await_requests(1)[0]
        assert others != transaction
        assert report_later(box.port, transaction, instances, calling="STRANGER") is None
        assert report_later(box.port, transaction, instances, calling="OTHER") == 0x0115
        assert states(box) == {"a": "sent", "b": "sent"}
        assert report_later(box.port, others, instances, calling="OTHER") == 0
        assert states(box) == {"a": "sent", "b": "delivered"}


def test_a_box_killed_between_request_and_report_loses_nothing_and_sends_nothing_twice(tmp_path, archive):
    with box_for(tmp_path, archive) as box:
        transaction, instances = asked(box, archive)
        box.kill()
        box.restart()
        assert states(box) == {"a": "sent"}
        assert report_later(box.port, transaction, instances) == 0
        assert states(box) == {"a": "delivered"}
        box.kill()
        box.edge("reindex")
        box.restart()
        assert states(box) == {"a": "delivered"}
        assert report_later(box.port, transaction, instances) == 0
        assert len(archive.received) == 1 and len(archive.requests) == 1


def test_a_refusal_holds_with_the_reason_and_release_lets_it_go_again(tmp_path, archive):
    with box_for(tmp_path, archive, commitment_tries=1) as box:
        transaction, instances = asked(box, archive)
        assert report_later(box.port, transaction, [], [(*each, 0x0112) for each in instances]) == 0
        (job,) = box.queue()
        why = "a does not commit to it: it does not have it (0112) (sent once)"
        assert (job["state"], job["cause"], job["error"]) == ("held", "uncommitted", why)
        assert box.edge("status", check=False).returncode == 1
        box.edge("release", "--destination", "a")
        transaction, instances = archive.await_requests(2)[1]
        assert report_later(box.port, transaction, instances) == 0
        assert states(box) == {"a": "delivered"}


def test_queue_and_status_say_what_waits_and_since_when(tmp_path, archive):
    with box_for(tmp_path, archive, commitment_wait_s=3) as box:
        transaction, _ = asked(box, archive)
        (job,) = box.queue()
        assert (job["state"], job["transaction"]) == ("sent", transaction)
        said = box.edge("queue").stdout
        assert re.search(r"awaiting commitment, asked (now|\d+ s ago)", said), said
        assert "a: 0 waiting, 1 sent, awaiting commitment" in said
        troubles = wait_until(lambda: box.status()["troubles"], LIMIT_S, "the trouble")
        assert troubles[0]["key"] == "uncommitted a"
        words = "a does not commit to what it was sent: it was asked, and does not answer"
        assert troubles[0]["error"].startswith(words)


def test_release_has_an_archive_asked_again_that_lost_the_request(tmp_path, archive):
    with box_for(tmp_path, archive) as box:
        first, instances = asked(box, archive)
        box.edge("release", "--destination", "a")
        second, again = archive.await_requests(2)[1]
        assert first != second and instances == again
        assert report_later(box.port, first, instances) == 0
        assert states(box) == {"a": "delivered"}


def test_another_device_may_be_who_commits(tmp_path, archive):
    with CommittingArchive(ae_title="KEEPER") as keeper:
        more = {"commitment_ae_title": "KEEPER", "commitment_port": keeper.port}
        with box_for(tmp_path, archive, **more) as box:
            transaction, instances = asked(box, keeper)
            assert report_later(box.port, transaction, instances) is None
            assert report_later(box.port, transaction, instances, calling="KEEPER") == 0
            assert states(box) == {"a": "delivered"}
            assert not archive.requests


def test_a_destination_that_need_not_commit_any_more_has_what_it_was_sent(tmp_path, archive):
    with box_for(tmp_path, archive) as box:
        asked(box, archive)
        assert box.stop() == 0
        box.document["destination"][0]["commitment"] = False
        box.restart()
        assert states(box) == {"a": "delivered"}


def test_a_box_where_nobody_has_to_commit_has_no_thread_more_and_takes_no_report(tmp_path):
    threads = {}
    for commitment in (False, True):
        table = destination("a", free_port(), "ARCHIVE", commitment=commitment)
        with Service(tmp_path / str(commitment), [table], [route("a")]) as box:
            threads[commitment] = len(list(Path(f"/proc/{box.pid}/task").iterdir()))
            assert report_later(box.port, "2.25.1", [(CT, "1.2.3")]) == (0x0115 if commitment else None)
    assert threads[True] == threads[False] + 1
