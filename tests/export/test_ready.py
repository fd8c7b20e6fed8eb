"""Exports before they begin: what cannot succeed is refused at once, what will does wait; what comes later is said."""

import os
import subprocess

import pytest
from pydicom.uid import generate_uid

from edge.demo import phantom
from edge.export import apart, make, order, ready, staging
from edge.export.exports import Exports
from edge.media.errors import MediaError
from edge.spool import errors
from tests.export.test_make import SMALLEST, SOURCE, export, give, settings_of
from tests.media import sets
from tests.spool.data import SMALL
from tests.support import mediafiles, process

PATIENT = "DEMO-00003"


@pytest.fixture
def spool(timed, clock, tmp_path):
    take(timed, tmp_path, 1)
    clock.now += 3600
    return timed


def take(spool, folder, number, seed=3):
    give(spool, folder, phantom.cr(phantom.study("CR", seed), number=number, of=9, size=SMALLEST))


def asked(spool, to, **request):
    return order.read({"to": to, "patient": PATIENT, "viewer": False, **request}, settings_of(spool), True)


def notes(spool, to, **request):
    found = asked(spool, to, **request)
    return order.remarks({"to": to, **request}, found) + ready.check(spool, settings_of(spool), found)


def refusal(spool, to, **request):
    with pytest.raises(MediaError) as caught:
        notes(spool, to, **request)
    return str(caught.value)


def test_a_place_that_cannot_take_it_is_refused_when_it_is_ordered(spool, tmp_path):
    assert "there is no folder" in refusal(spool, f"iso:{tmp_path}/none/x.iso")
    assert "no stick is mounted" in refusal(spool, f"usb:{tmp_path}")
    assert "there is no burner at /dev/none" in refusal(spool, "burner:/dev/none")
    spool.renew(SMALL._replace(reserve_bytes=1 << 60))
    assert "it needs at least 1 MB" in refusal(spool, f"zip:{tmp_path}/x.zip")


def test_a_stick_that_no_reader_takes_is_refused_when_it_is_ordered(spool):
    words = refusal(spool, "usb:/dev/shm")
    assert "has the file system tmpfs" in words and "FAT32" in words


def test_what_fits_no_place_of_this_kind_is_said_with_the_day_that_is_none(spool, tmp_path):
    assert "a medium is for iso: and burner: alone" in refusal(spool, f"dir:{tmp_path}/x", medium="dvd")
    assert "there is no day 2026-02-30" in refusal(spool, f"dir:{tmp_path}/x", since="2026-02-30")
    assert "exchange them" in refusal(spool, f"dir:{tmp_path}/x", since="2026-02-03", until="2026-02-02")


def test_what_is_written_otherwise_than_it_was_asked_for_is_said(spool, tmp_path):
    found = notes(spool, f"iso:{tmp_path}/disc", label="Ward 7")
    assert found == ["the volume is called WARD_7", f"it is written to {tmp_path}/disc.iso"]


def test_how_many_volumes_it_takes_is_said_before(spool, tmp_path, monkeypatch):
    take(spool, tmp_path, 2)
    spool.now.now += 3600
    monkeypatch.setitem(ready.layout.CAPACITIES, "cd74", (2 << 20) + (40 << 10))
    assert notes(spool, f"iso:{tmp_path}/x.iso", medium="cd74") == ["it takes 2 or more images (cd74)"]


def test_studies_that_no_date_says_anything_of_are_counted_where_dates_are_asked_for(spool, tmp_path):
    for date in (None, "", "soon"):
        ds = mediafiles.data_set(PatientID=PATIENT, StudyDate=date, StudyInstanceUID=generate_uid())
        with (tmp_path / "undated").open("wb+") as file:
            file.write(mediafiles.octets(ds))
            file.flush()
            spool.adopt(file.fileno(), [], SOURCE)
    words = "3 studies without a Study Date are not among them: name each by its UID (`edge studies` shows it)"
    assert words in notes(spool, f"dir:{tmp_path}/x", since="2020-01-01")
    assert not any("without a Study Date" in each for each in notes(spool, f"dir:{tmp_path}/x"))


def test_a_study_that_is_still_coming_in_is_said_before_and_what_comes_after_it_began_at_the_end(spool, tmp_path):
    take(spool, tmp_path, 2)
    (words,) = notes(spool, f"dir:{tmp_path}/x")
    assert "is still coming in" in words and "15 min" in words
    exports = Exports(spool, lambda: settings_of(spool))
    number = exports.add(asked(spool, f"dir:{tmp_path}/x"), "dir:x", "test", notes=[words])
    made = exports.make(number)
    for each in made:
        if each.stage == "writing the directory" and spool.intake.last_id == 2:
            take(spool, tmp_path, 3)
    row = exports.row(number)
    assert (row["state"], row["objects"], row["later"]) == ("done", 2, 1) and row["notes"] == [words]
    assert row["words"].endswith("; 1 came since it began and are NOT on it: order it again")


def test_an_export_waits_for_its_study_while_others_go_first(spool, clock, tmp_path):
    take(spool, tmp_path, 2)
    exports = Exports(spool, lambda: settings_of(spool), is_apart=True)
    first = exports.add(asked(spool, f"dir:{tmp_path}/a", wait=True), "dir:a", "test")
    second = exports.add(asked(spool, f"dir:{tmp_path}/b"), "dir:b", "test")
    exports.start()
    try:
        process.wait_until(lambda: exports.row(second)["state"] == "done", 30, "the second export")
        shown = exports.row(first)
        assert shown["state"] == "waiting" and "until nothing of it has come for 15 min" in shown["progress"].stage
        clock.now += 16 * 60
        exports.start()
        process.wait_until(lambda: exports.row(first)["state"] == "done", 30, "the first export")
    finally:
        exports.stop()
    assert len(list(sets.loaded(tmp_path / "a" / "DICOMDIR"))) == 2


def test_an_export_waits_for_a_blank_disc_and_is_burnt_when_one_is_put_in(spool, tmp_path):
    disc = tmp_path / "disc"
    disc.write_bytes(b"burnt before" * 1000)
    to = f"burner:stdio:{disc}"
    assert any("it waits: the disc in" in each for each in notes(spool, to))
    exports = Exports(spool, lambda: settings_of(spool), is_apart=True)
    number = exports.add(asked(spool, to), to, "[[export]] 1")
    exports.start()
    try:
        process.wait_until(lambda: exports.row(number)["progress"], 30, "what it waits for")
        assert "is not blank" in exports.row(number)["progress"].stage and exports.row(number)["state"] == "waiting"
        disc.write_bytes(b"")
        exports.start()
        process.wait_until(lambda: exports.row(number)["state"] == "done", 30, "the disc")
    finally:
        exports.stop()
    assert exports.row(number)["words"].startswith("burnt and compared")


def delivered(spool, now):
    for number in range(1, spool.intake.last_id + 1):
        spool.queue(number, ["away"])
    for job in spool.jobs.claim("away", now, 99):
        spool.jobs.settle(job, "delivered", now)


def under_way(spool, tmp_path, folder):
    """An export that has chosen its objects, and its generator."""
    at = staging.Staging(spool, 1)
    made = make.run(spool, settings_of(spool), asked(spool, f"dir:{folder}"), at)
    return at, made


def test_objects_that_an_export_reads_are_not_removed_by_hand_nor_for_room_that_can_wait(spool, clock, tmp_path):
    for number in range(2, 5):
        take(spool, tmp_path, number)
    take(spool, tmp_path, 1, seed=4)
    delivered(spool, clock())
    clock.now += 10
    spool.renew(SMALL._replace(remove_delivered_s=1))
    at, made = under_way(spool, tmp_path, tmp_path / "x")
    with at:
        next(each for each in made if each.stage == "reading the objects")
        spool.tidy()
        assert [each.patient_id for each in spool.objects()] == [PATIENT] * 4, "that of nobody's export went"
        with pytest.raises(errors.InUse, match="export 1 has to end first"):
            spool.remove(1, "test")
        list(made)
    spool.tidy()
    assert spool.objects() == [] and len(list(sets.loaded(tmp_path / "x" / "DICOMDIR"))) == 4


def test_what_comes_in_goes_before_an_export_which_then_says_so(spool, clock, tmp_path):
    delivered(spool, clock())
    clock.now += 10
    at, made = under_way(spool, tmp_path, tmp_path / "x")
    with at:
        next(each for each in made if each.stage == "reading the objects")
        spool.renew(SMALL._replace(quota_bytes=spool.index.kept()[1]))
        spool.quota.admit()
        spool.renew(SMALL)
        with pytest.raises(MediaError, match="the box had no room for objects that come in.*order it again"):
            list(made)
    assert not (tmp_path / "x").exists()


def test_the_object_that_a_person_released_from_a_conflict_goes_and_the_other_is_said(spool, tmp_path):
    head = phantom.study("CR", 3)
    other = phantom.cr(head._replace(description="another"), number=1, of=9, size=SMALLEST)
    give(spool, tmp_path, other)
    held = spool.objects(held=True)[-1]
    result, _ = export(spool, f"dir:{tmp_path}/a", viewer=False)
    assert "`edge release` decides" in result.tally.reasons[0] and result.tally.objects == 1
    spool.release(held.id)
    result, _ = export(spool, f"dir:{tmp_path}/b", viewer=False)
    (found,) = sets.loaded(tmp_path / "b" / "DICOMDIR")
    assert found.StudyDescription == "another"
    assert result.tally.reasons == ["object 1: another object of this export has its SOP Instance UID"]


def test_a_viewer_that_a_volume_has_no_room_for_is_left_out_with_a_word(spool, tmp_path, monkeypatch):
    plain, _ = export(spool, f"iso:{tmp_path}/plain.iso", viewer=False, medium="cd74")
    room = plain.volumes[0].octets + (8 << 10)
    monkeypatch.setattr(make, "_FIXED", 0)
    monkeypatch.setitem(make.layout.CAPACITIES, "cd74", room)
    result, _ = export(spool, f"iso:{tmp_path}/disc.iso", viewer=True, medium="cd74")
    assert any("the viewer was left out, since there is no room for it" in each for each in result.tally.notes)
    assert result.volumes[0].octets <= room
    told = subprocess.run(["isoinfo", "-f", "-i", tmp_path / "disc.iso"], capture_output=True, text=True, check=True)
    assert "/INDEX.HTM" in told.stdout and "VIEWER" not in told.stdout


def test_every_stage_is_said_to_be_through_however_short_it_is(spool, tmp_path):
    for number in range(2, 6):
        take(spool, tmp_path, number)
    last = {}
    with staging.Staging(spool, 1) as at:
        for each in apart.run(spool, settings_of(spool), asked(spool, f"iso:{tmp_path}/x.iso", viewer=True), at):
            last[each.stage] = each
    stages = {"reading the objects", "writing the directory", "making the pages", "making the viewer"}
    assert stages <= set(last)
    assert [each.stage for each in last.values() if each.done != each.total] == []


def test_the_process_that_makes_an_export_can_be_ended_and_leaves_nothing(spool, tmp_path):
    for number in range(2, 6):
        take(spool, tmp_path, number)
    with staging.Staging(spool, 1) as at:
        made = apart.run(spool, settings_of(spool), asked(spool, f"iso:{tmp_path}/x.iso", viewer=True), at)
        next(each for each in made if each.stage == "making the pages")
        made.close()
    assert not [name for name in os.listdir(tmp_path) if "iso" in name or name.startswith(".edge")]
