"""The same SOP Instance UID again: one object when it is the same, both when it is not, never a loss."""

import os

import pytest

from edge.spool.intake import CONFLICT, IDENTICAL, NEW
from edge.spool.jobs import ROTTEN
from tests.spool import data
from tests.spool.data import CT, EXPLICIT, MODALITY, data_set, deliver, files_of, open_spool, receive


def test_the_same_octets_are_one_object(spool):
    first = receive(spool, "1.2.3")
    again = receive(spool, "1.2.3")
    assert (first.verdict, again.verdict) == (NEW, IDENTICAL)
    assert first.object_id == again.object_id
    assert len(files_of(spool.path)) == 1
    assert deliver(spool) == ["1.2.3"]


def test_what_was_delivered_is_not_due_again_because_it_came_again(spool):
    receive(spool, "1.2.3")
    deliver(spool)
    receive(spool, "1.2.3")
    assert deliver(spool) == []


def test_an_object_that_comes_again_gets_the_destinations_it_has_not_had(spool):
    receive(spool, "1.2.3", to=["PACS"])
    deliver(spool)
    receive(spool, "1.2.3", to=["PACS", "ARCHIVE"])
    assert deliver(spool, "PACS") == []
    assert deliver(spool, "ARCHIVE") == ["1.2.3"]


def test_an_object_nobody_wanted_goes_when_it_comes_again_and_somebody_does(spool):
    receive(spool, "1.2.3", to=[])
    receive(spool, "1.2.3", to=["PACS"])
    assert spool.objects(held=True) == []
    assert deliver(spool) == ["1.2.3"]


def test_other_octets_are_kept_beside_the_first_and_held(spool):
    receive(spool, "1.2.3")
    second = receive(spool, "1.2.3", data_set("1.2.3", pixels=b"\7" * 64))
    assert second.verdict == CONFLICT
    first, other = spool.objects()
    assert [os.path.basename(each.path) for each in (first, other)] == ["1.2.3.dcm", "1.2.3.2.dcm"]
    assert (first.hold, other.hold) == (None, CONFLICT)
    assert [spool.files.fault(each) for each in (first, other)] == [None, None]
    assert [row[:3] for row in spool.index.holds()] == [(CONFLICT, 1, other.id)]
    assert [job.path for job in spool.jobs.claim("PACS", spool.now(), 9)] == [first.path]
    assert spool.jobs.counts()["PACS"]["held"][0] == 1


def test_a_third_one_is_told_from_both(spool):
    receive(spool, "1.2.3")
    second = receive(spool, "1.2.3", data_set("1.2.3", pixels=b"\7" * 64))
    third = receive(spool, "1.2.3", data_set("1.2.3", pixels=b"\x08" * 64))
    assert third.verdict == CONFLICT
    assert receive(spool, "1.2.3", data_set("1.2.3", pixels=b"\7" * 64)) == (second.object_id, IDENTICAL)
    assert [stored.copy for stored in spool.objects()] == [1, 2, 3]


def test_a_conflict_goes_when_a_person_releases_it(spool):
    receive(spool, "1.2.3")
    deliver(spool)
    second = receive(spool, "1.2.3", data_set("1.2.3", pixels=b"\7" * 64))
    spool.release(second.object_id, "tester")
    assert deliver(spool) == ["1.2.3"]
    assert spool.objects(held=True) == []


def test_a_conflict_goes_away_when_a_person_removes_it(spool):
    receive(spool, "1.2.3")
    second = receive(spool, "1.2.3", data_set("1.2.3", pixels=b"\7" * 64))
    spool.remove(second.object_id, "tester")
    assert [path.split("/")[2] for path in files_of(spool.path)] == ["1.2.3.dcm"]
    assert spool.jobs.counts()["PACS"]["held"][0] == 0


def test_a_release_of_all_held_jobs_leaves_conflicts_alone(spool):
    receive(spool, "1.2.3")
    receive(spool, "1.2.3", data_set("1.2.3", pixels=b"\7" * 64))
    assert spool.jobs.release(spool.now()) == 0


@pytest.mark.parametrize("policy, waiting, held", [("hold", 1, 1), ("send", 2, 0), ("keep", 1, 0)])
def test_a_policy_decides_over_other_octets(tmp_path, policy, waiting, held):
    spool = open_spool(tmp_path / "state", limits=data.SMALL._replace(conflict=policy))
    receive(spool, "1.2.3")
    assert receive(spool, "1.2.3", data_set("1.2.3", pixels=b"\7" * 64)).verdict == CONFLICT
    counts = spool.jobs.counts()["PACS"]
    assert (counts["waiting"][0], counts["held"][0]) == (waiting, held)
    assert len(files_of(spool.path)) == 2
    spool.close()


def test_a_resend_that_is_cut_off_leaves_the_first_as_it_was(spool):
    receive(spool, "1.2.3")
    before = files_of(spool.path)
    arrival = spool.intake.begin(CT, "1.2.3", EXPLICIT, MODALITY)
    arrival.write(data_set("1.2.3")[:150])
    arrival.abandon()
    assert files_of(spool.path) == before
    assert spool.files.fault(spool.objects()[0]) is None


def test_the_same_octets_on_another_day_are_one_object(spool, clock):
    receive(spool, "1.2.3")
    clock.now += 3 * 86400
    assert receive(spool, "1.2.3").verdict == IDENTICAL
    assert len(files_of(spool.path)) == 1


def test_equal_checksums_alone_make_no_identity(spool, monkeypatch):
    from edge.spool import intake

    monkeypatch.setattr(intake, "crc32", lambda octets, crc=0: 7)
    receive(spool, "1.2.3")
    spool.files.fault = lambda stored: None
    assert receive(spool, "1.2.3", data_set("1.2.3", pixels=b"\7" * 64)).verdict == CONFLICT


@pytest.mark.parametrize("rot", ["flipped", "short", "gone"])
def test_a_copy_that_has_rotted_is_replaced_by_the_good_one_that_came_again(spool, rot):
    stored = receive(spool, "1.2.3")
    path = spool.path_of(spool.index.get(stored.object_id))
    octets = bytearray(open(path, "rb").read())
    if rot == "flipped":
        octets[-5] ^= 1
        open(path, "wb").write(octets)
    elif rot == "short":
        open(path, "wb").write(octets[:-9])
    else:
        os.unlink(path)
    spool.scrub.step(1 << 30)
    assert spool.index.get(stored.object_id).hold == ROTTEN
    assert receive(spool, "1.2.3") == (stored.object_id, IDENTICAL)
    healed = spool.index.get(stored.object_id)
    assert healed.hold is None
    assert spool.files.fault(healed) is None
    assert deliver(spool) == ["1.2.3"]
    assert len(files_of(spool.path)) == 1
