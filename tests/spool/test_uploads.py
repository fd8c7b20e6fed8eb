"""Uploads are durable as far as they say, whatever cuts them off."""

import errno
import hashlib

import pytest

from edge.demo import phantom
from edge.spool import errors, uploads
from edge.spool.intake import NEW, Source
from edge.spool.jobs import NORMAL
from tests.spool import data
from tests.spool.test_quota import fill, small_spool

MADE = phantom.ct(phantom.study("CT", 3), size=64)
FILE = phantom.part10(MADE)
ANNOUNCED = uploads.Announced(len(FILE), hashlib.sha256(FILE).hexdigest(), "", "", Source("", "", ""), NORMAL, "")


def to_archive(facts):
    return ["archive"]


@pytest.fixture
def opened(spool):
    spool.uploads.open()
    return spool


def write(upload, octets):
    """One connection's work on an upload."""
    assert upload.try_take(None)
    try:
        upload.append(octets)
    finally:
        upload.give()


def restarted(folder, clock, disk=None):
    """A spool that was closed, or left by a crash, with its uploads read again."""
    spool = data.open_spool(folder, clock, disk=disk)
    spool.uploads.open()
    return spool


def test_the_offset_that_is_told_was_synced_before(tmp_path, clock):
    disk = data.RecordingDisk()
    spool = restarted(tmp_path / "state", clock, disk)
    upload = spool.uploads.create("box1", ANNOUNCED)
    disk.calls.clear()
    write(upload, FILE[:500])
    spool.close()
    calls = [call for call in disk.calls if upload.id in str(call)]
    kinds = [(call[0], str(call[1]).rpartition(".")[2]) for call in calls if call[0] in ("pwrite", "fdatasync")]
    assert kinds[:4] == [("pwrite", "part"), ("fdatasync", "part"), ("pwrite", "notes"), ("fdatasync", "notes")]


def test_octets_behind_the_last_note_do_not_count_after_a_crash(tmp_path, clock):
    spool = restarted(tmp_path / "state", clock)
    upload = spool.uploads.create("box1", ANNOUNCED)
    write(upload, FILE[:500])
    spool.close()
    folder = tmp_path / "state/uploads"
    with open(folder / (upload.id + ".part"), "ab") as file:
        file.write(bytes(300))  # what a power cut can leave: a longer file, without what was in it
    with open(folder / (upload.id + ".notes"), "ab") as file:
        file.write(b"80")  # and a torn note
    spool = restarted(tmp_path / "state", clock)
    upload = spool.uploads.find("box1", upload.id)
    assert upload.offset == 500
    write(upload, FILE[500:])
    assert upload.try_take(None)
    assert upload.finish(to_archive).verdict == NEW
    upload.give()
    spool.close()


def test_a_crash_between_taking_it_in_and_the_note_of_it_takes_nothing_in_twice(tmp_path, clock):
    spool = restarted(tmp_path / "state", clock)
    upload = spool.uploads.create("box1", ANNOUNCED)
    write(upload, FILE)
    spool.adopt(str(tmp_path / "state/uploads" / (upload.id + ".part")), ["archive"])
    spool.close()
    spool = restarted(tmp_path / "state", clock)
    upload = spool.uploads.find("box1", upload.id)
    assert upload.is_complete() and not upload.is_done
    assert upload.try_take(None)
    upload.finish(to_archive)
    upload.give()
    assert len(spool.objects()) == 1 and upload.is_done
    spool.close()


def test_what_is_done_is_known_after_a_restart_and_leaves_no_file(tmp_path, clock):
    spool = restarted(tmp_path / "state", clock)
    upload = spool.uploads.create("box1", ANNOUNCED)
    write(upload, FILE)
    assert upload.try_take(None)
    upload.finish(to_archive)
    upload.give()
    spool.close()
    spool = restarted(tmp_path / "state", clock)
    assert spool.uploads.find("box1", upload.id).is_done
    assert spool.uploads.create("box1", ANNOUNCED).id == upload.id
    assert [path.suffix for path in (tmp_path / "state/uploads").iterdir()] == [".notes"]
    spool.close()


def finished(upload, octets=FILE):
    """Bring an upload to its end; the number of its object."""
    write(upload, octets)
    assert upload.try_take(None)
    number = upload.finish(to_archive).object_id
    upload.give()
    return number


@pytest.mark.parametrize("restarts", [False, True])
def test_what_has_left_the_spool_is_taken_in_again_when_it_is_announced_again(tmp_path, clock, restarts):
    spool = restarted(tmp_path / "state", clock)
    first = spool.uploads.create("box1", ANNOUNCED)
    number = finished(first)
    assert spool.uploads.create("box1", ANNOUNCED).id == first.id  # it is here: nothing has to be sent
    spool.remove(number, "somebody")
    if restarts:
        spool.close()
        spool = restarted(tmp_path / "state", clock)
    again = spool.uploads.create("box1", ANNOUNCED)
    assert again.id != first.id and again.offset == 0
    finished(again)
    assert len(spool.objects()) == 1
    spool.close()


def test_there_are_so_many_notes_of_what_is_done_and_no_more(opened, clock, monkeypatch):
    monkeypatch.setattr(uploads, "_DONE_LIMIT", 2)
    made = []
    for box in ("box1", "box2", "box3", "box4"):
        made.append(opened.uploads.create(box, ANNOUNCED))
        finished(made[-1])
        clock.now += 1
    under_way = opened.uploads.create("box5", ANNOUNCED)
    opened.tidy()
    left = [each for each in made if opened.uploads.find(each.box, each.id)]
    assert left == made[2:] and opened.uploads.find("box5", under_way.id)
    assert len(opened.disk.listdir(opened.path + "/uploads")) == len(left) + 2


@pytest.mark.parametrize("call", ["fdatasync", "pwrite"])
def test_a_disk_that_refuses_takes_the_offset_back_to_what_was_synced(tmp_path, clock, call):
    disk = data.FailingDisk()
    spool = restarted(tmp_path / "state", clock, disk)
    upload = spool.uploads.create("box1", ANNOUNCED)
    write(upload, FILE[:500])
    disk.failing = {call: errno.EIO}
    with pytest.raises(errors.Degraded):
        write(upload, FILE[500:900])
    assert upload.offset == 500
    disk.failing = {}
    write(upload, FILE[500:])
    assert upload.try_take(None)
    assert upload.finish(to_archive).verdict == NEW
    upload.give()
    spool.close()


def test_a_full_disk_keeps_what_is_complete_for_another_try(tmp_path, clock):
    disk = data.FailingDisk()
    spool = restarted(tmp_path / "state", clock, disk)
    upload = spool.uploads.create("box1", ANNOUNCED)
    write(upload, FILE)
    disk.failing = {"pwritev": errno.ENOSPC, "rename": errno.ENOSPC}
    assert upload.try_take(None)
    with pytest.raises(errors.NoSpace):
        upload.finish(to_archive)
    disk.failing = {}
    assert upload.finish(to_archive).verdict == NEW
    upload.give()
    spool.close()


def test_nothing_is_left_of_an_upload_that_could_not_begin(tmp_path, clock):
    disk = data.FailingDisk()
    spool = restarted(tmp_path / "state", clock, disk)
    disk.failing = {"fsync": errno.ENOSPC}
    with pytest.raises(errors.NoSpace):
        spool.uploads.create("box1", ANNOUNCED)
    disk.failing = {}
    assert not list((tmp_path / "state/uploads").iterdir()) and not spool.uploads.listing()
    spool.close()


def test_delivered_objects_make_room_for_an_upload_and_others_never_do(tmp_path):
    spool = small_spool(tmp_path, octets=1_000_000, reserve_bytes=100_000)
    spool.uploads.open()
    fill(spool, 7)
    wanted = ANNOUNCED._replace(length=300_000)
    with pytest.raises(errors.NoSpace):
        spool.uploads.create("box1", wanted)
    assert len(spool.objects()) == 7
    data.deliver(spool, 2)
    with pytest.raises(errors.NoSpace):
        spool.uploads.create("box1", wanted)
    assert len(spool.objects()) == 7  # what would not be enough stays
    data.deliver(spool)
    assert spool.uploads.create("box1", wanted)
    assert 1 <= len(spool.objects()) < 4


def test_uploads_that_nobody_goes_on_with_go_after_their_days(opened, clock):
    left = opened.uploads.create("box1", ANNOUNCED)
    clock.now += uploads.KEEP_S - 1
    opened.tidy()
    assert opened.uploads.find("box1", left.id)
    clock.now += 2
    opened.tidy()
    assert opened.uploads.find("box1", left.id) is None
    assert not opened.disk.listdir(opened.path + "/uploads")


def test_an_upload_that_somebody_is_at_work_on_does_not_go(opened, clock):
    upload = opened.uploads.create("box1", ANNOUNCED)
    assert upload.try_take(None)
    clock.now += uploads.KEEP_S + 1
    opened.tidy()
    assert opened.uploads.find("box1", upload.id) is upload
    upload.give()


def test_a_box_has_so_many_uploads_and_no_more(opened, monkeypatch):
    monkeypatch.setattr(uploads, "OPEN_LIMIT", 2)
    for number in range(2):
        opened.uploads.create("box1", ANNOUNCED._replace(sha256="%064d" % number))
    with pytest.raises(uploads.TooMany):
        opened.uploads.create("box1", ANNOUNCED)
    assert opened.uploads.create("box2", ANNOUNCED)


@pytest.mark.parametrize("notes", [b"", b"{}\n", b"no JSON\n", b"[1]\n0\n", b'{"box": 1}\n0\nx\n', b"\xff\n"])
def test_notes_that_cannot_be_understood_go(tmp_path, clock, notes):
    restarted(tmp_path / "state", clock).close()
    (tmp_path / "state/uploads/1234.notes").write_bytes(notes)
    (tmp_path / "state/uploads/1234.part").write_bytes(b"x")
    restarted(tmp_path / "state", clock).close()
    assert not list((tmp_path / "state/uploads").iterdir())
