"""What a crash left, and what is made of it when the spool is opened."""

import os
import shutil

import pytest

from edge.dicom import part10
from edge.spool.jobs import FOUND
from tests.spool import data
from tests.spool.data import after_crash, data_set, deliver, files_of, open_spool, receive
from tests.spool.test_index import after, lose_index


def object_file(uid, octets=None):
    """A whole Part 10 file."""
    return part10.head(data.CT, uid, data.EXPLICIT, "CT1") + (data_set(uid) if octets is None else octets)


def put(path, name, octets):
    """Put a file into the newest folder of a spool, as a rename before a crash would have."""
    folder = os.path.join(path, "objects", max(os.listdir(os.path.join(path, "objects"))))
    with open(os.path.join(folder, name), "wb") as file:
        file.write(octets)


def test_what_was_being_received_is_gone(tmp_path):
    spool = open_spool(tmp_path / "state")
    arrival = spool.intake.begin(data.CT, "1.2.3", data.EXPLICIT, data.MODALITY)
    arrival.write(data_set("1.2.3"))
    assert files_of(spool.path) != []
    again = after_crash(spool)
    assert files_of(again.path) == []
    again.close()


def test_a_name_without_a_line_is_discarded_while_the_journal_is_whole(tmp_path):
    spool = open_spool(tmp_path / "state")
    receive(spool, "1.2.1")
    put(spool.path, "1.2.2.dcm", object_file("1.2.2"))
    put(spool.path, "1.2.4.dcm", b"torn")
    again = after_crash(spool)
    assert again.recovered.discarded == 2
    assert [os.path.basename(path) for path in files_of(again.path)] == ["1.2.1.dcm"]
    told = again.journal.latest(9, ("discarded",))
    assert len(told) == 2
    assert "never acknowledged" in told[0].record["why"]
    receive(again, "1.2.2")
    again.close()


def test_a_name_without_a_line_is_found_in_any_folder_that_was_in_use_lately(tmp_path):
    spool = open_spool(tmp_path / "state", limits=data.SMALL._replace(folder_entries=2))
    for number in range(5):
        receive(spool, "1.2.%d" % number)
    folders = sorted({path.split("/")[1] for path in files_of(spool.path)})
    for folder in folders[-2:]:
        (tmp_path / "state" / "objects" / folder / "1.9.dcm").write_bytes(b"torn")
    again = after_crash(spool)
    assert again.recovered.discarded == 2
    assert again.index.total()[0] == 5
    again.close()


def test_nothing_is_looked_for_after_an_orderly_end(spool):
    receive(spool, "1.2.1")
    again = after(spool, lambda path: put(path, "1.2.2.dcm", b"put there by somebody"))
    assert again.recovered == (0, 0, 0)
    assert len(files_of(again.path)) == 2
    again.close()


def test_without_journal_and_index_whole_files_are_adopted_and_held_and_others_set_aside(spool):
    receive(spool, "1.2.1", to=["PACS"])
    deliver(spool)
    receive(spool, "1.2.2", data_set("1.2.2", patient="99"))  # another patient under the same study
    receive(spool, "1.2.3")
    torn = spool.path_of(spool.objects()[2])

    def lose_both(path):
        lose_index(path)
        shutil.rmtree(path + "/journal")
        os.truncate(torn, os.path.getsize(torn) - 10)

    again = after(spool, lose_both)
    assert again.recovered == (0, 2, 1)
    held = again.objects(held=True)
    assert [(stored.uid, stored.hold) for stored in held] == [("1.2.1", FOUND), ("1.2.2", FOUND)]
    assert (held[1].patient_id, held[1].calling) == ("99", "CT1")
    assert "without a journal line" in held[0].why
    assert [again.files.fault(stored) for stored in held] == [None, None]
    assert os.listdir(again.path + "/quarantine") != []
    again.queue(held[0].id, ["PACS"])
    assert deliver(again) == ["1.2.1"]
    third = after(again, lambda path: None)
    assert third.recovered == (0, 0, 0)
    assert not third.health.degraded
    third.close()


def test_lines_lost_by_damage_leave_objects_that_are_held_not_lost(tmp_path):
    spool = open_spool(tmp_path / "state")
    for number in range(10):
        receive(spool, "1.2.%d" % number)
    lines = [line for line in spool.journal.lines_of(1) if line.kind == "object"]
    spool.close()
    lose_index(spool.path)
    with open(spool.path + "/journal/0000000001.log", "r+b") as file:
        file.seek(lines[3].start + 30)
        file.write(b"\0" * 40)
    again = open_spool(spool.path)
    assert again.recovered == (0, 1, 0)
    assert again.index.total()[0] == 10
    assert [stored.uid for stored in again.objects(held=True)] == ["1.2.3"]
    assert [trouble.key for trouble in again.health.troubles()] == ["journal"]
    assert os.listdir(again.path + "/quarantine") == ["journal-0000000001.log"]
    assert again.jobs.counts()["PACS"]["waiting"][0] == 9
    third = after(again, lose_index)
    assert not third.health.degraded
    assert third.index.total()[0] == 10
    third.close()


def test_an_index_that_knows_more_than_the_journal_is_believed(spool):
    for number in range(5):
        receive(spool, "1.2.%d" % number)
    deliver(spool, limit=2)

    def lose_the_end(path):
        with open(path + "/journal/0000000001.log", "r+b") as file:
            file.seek(1000)
            file.write(bytes(100000))

    again = after(spool, lose_the_end)
    assert again.index.total()[0] == 5
    counts = again.jobs.counts()["PACS"]
    assert (counts["waiting"][0], counts["delivered"][0]) == (3, 2)
    assert again.recovered == (0, 0, 0)
    third = after(again, lose_index)
    assert third.index.total()[0] == 5
    third.close()


def test_a_copy_of_what_the_spool_has_is_set_aside_not_adopted_twice(spool):
    receive(spool, "1.2.1")

    def copy(path):
        put(path, "1.2.77.dcm", object_file("1.2.1"))
        shutil.rmtree(path + "/journal")

    again = after(spool, copy)
    assert again.recovered == (0, 0, 1)
    assert again.index.total()[0] == 1
    again.close()


def test_a_removal_that_a_crash_cut_short_is_finished(spool):
    receive(spool, "1.2.1")
    deliver(spool)
    spool.journal.append("removed", {"ids": [1], "cause": "space", "at": 1.0})
    assert len(files_of(spool.path)) == 1
    again = after_crash(spool)
    assert files_of(again.path) == []
    assert again.index.total() == (0, 0)
    again.close()


def test_a_removal_that_was_not_finished_never_takes_a_newer_file_of_that_name(tmp_path):
    spool = open_spool(tmp_path / "state")
    receive(spool, "1.2.1")
    path = spool.path_of(spool.objects()[0])
    spool.journal.append("removed", {"ids": [1], "cause": "space", "at": 1.0})
    spool.index.drain()
    os.unlink(path)
    receive(spool, "1.2.1")
    assert spool.path_of(spool.objects()[0]) == path
    again = after_crash(spool)
    assert [again.files.fault(stored) for stored in again.objects()] == [None]
    again.close()


def test_the_numbers_of_removed_objects_are_not_given_again(spool):
    receive(spool, "1.2.1")
    receive(spool, "1.2.2")
    spool.remove(2, "tester")
    again = after(spool, lose_index)
    assert receive(again, "1.2.3").object_id == 3
    again.close()


def test_what_a_crash_left_is_told_when_the_spool_is_opened(tmp_path):
    spool = open_spool(tmp_path / "state")
    receive(spool, "1.2.1")
    put(spool.path, "1.2.2.dcm", b"torn")
    again = after_crash(spool)
    (opened, *_) = again.journal.latest(1, ("opened",))
    assert (opened.record["discarded"], opened.record["adopted"]) == (1, 0)
    again.close()


@pytest.mark.parametrize("name", ["README", "lost+found"])
def test_foreign_files_and_folders_are_left_alone(spool, name):
    receive(spool, "1.2.1")

    def litter(path):
        put(path, name, b"x")
        open(path + "/objects/" + name, "wb").close()
        lose_index(path)

    again = after(spool, litter)
    assert again.recovered == (0, 0, 0)
    again.close()
