"""Objects reach a folder as Part 10 files that foreign tools read; what goes wrong there loses and overwrites none."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from edge.demo import phantom
from edge.dicom import part10
from edge.forward.folder import IN_THE_WAY, PARTIAL, FolderTarget
from edge.morph import change, layout
from edge.spool.inflate import inflater
from tests.forward import stock
from tests.morph.data import rule
from tests.support import faults, samples
from tests.support.process import wait_until

LAYOUT = "{PatientID}/{StudyInstanceUID}/{Modality}/{SOPInstanceUID}.dcm"
FLAT = "{SOPInstanceUID}.dcm"
JPEG_LS = "1.2.840.10008.1.2.4.80"
HOSTILE = [b"..", b"../../esc", b"/etc", b"a\0b", b"", b" . ", b"\xff\xfe", b"C:\\x", b"NUL"]


def to(folder, shape=LAYOUT, **options):
    return FolderTarget(str(folder), layout.read(shape), "EDGE", "test", **options)


def files(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


@pytest.fixture
def share(tmp_path):
    (tmp_path / "share").mkdir()
    return tmp_path / "share"


@pytest.fixture
def spool(tmp_path):
    with stock.opened(tmp_path / "state") as opened:
        yield opened


def delivered(spool, target, objects):
    for made in objects:
        stock.put(spool, made, "share")
    with stock.working(spool, "share", target):
        stock.await_count(spool, "share", "delivered", len(objects))


def test_each_object_becomes_a_file_by_the_layout_with_its_data_set_bit_for_bit(spool, share):
    objects = stock.slices(5) + [phantom.cr(phantom.study("CR"), size=1024)]
    delivered(spool, to(share), objects)
    found = {samples.read(path, force=False).SOPInstanceUID: path for path in files(share)}
    assert len(found) == len(objects)
    for made in objects:
        path = found[made.sop_instance]
        octets = path.read_bytes()
        assert octets[samples.data_set_offset(octets) :] == made.data_set
        ds = samples.read(path)
        parts = (ds.PatientID, ds.StudyInstanceUID, ds.Modality, ds.SOPInstanceUID + ".dcm")
        assert path.relative_to(share).parts == parts
        assert ds.file_meta.SourceApplicationEntityTitle == "EDGE"
        assert ds.file_meta.SendingApplicationEntityTitle == "CT1"
        assert ds.file_meta.ReceivingApplicationEntityTitle == "EDGE"
    assert os.listdir(share / PARTIAL) == []


def test_dcmtk_and_dicom3tools_find_nothing_wrong_with_the_files(spool, share):
    delivered(spool, to(share, FLAT), [phantom.ct(phantom.study("CT"), size=64), phantom.us(phantom.study("US"))])
    for path in files(share):
        assert subprocess.run(["dcmftest", path], capture_output=True, check=False).returncode == 0
        dumped = subprocess.run(["dcmdump", "-q", path], capture_output=True, text=True, check=True)
        assert "SOPInstanceUID" in dumped.stdout
        judged = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
        assert "Error" not in judged.stderr, judged.stderr


def test_an_object_goes_changed_and_compressed_as_the_destination_is_to_have_it(spool, share):
    stage = change.Changes([rule("PatientID", "set", "OTHER")], "EDGE", inflater)
    made = phantom.ct(phantom.study("CT"), size=128)
    delivered(spool, to(share, compress=JPEG_LS, stages=(stage,)), [made])
    (path,) = files(share)
    ds = samples.read(path)
    assert path.relative_to(share).parts[0] == ds.PatientID == "OTHER"
    assert ds.file_meta.TransferSyntaxUID == JPEG_LS
    (share / "as-sent.dcm").write_bytes(phantom.part10(made))
    assert (ds.pixel_array == samples.read(share / "as-sent.dcm").pixel_array).all()


def test_an_object_that_cannot_be_compressed_goes_as_it_is(spool, share):
    whole = phantom.ct(phantom.study("CT"), size=1024)
    cut = whole._replace(data_set=whole.data_set[:-100_000])
    delivered(spool, to(share, compress=JPEG_LS), [cut])
    (path,) = files(share)
    octets = path.read_bytes()
    assert octets[samples.data_set_offset(octets) :] == cut.data_set
    assert os.listdir(share / PARTIAL) == []


def test_a_file_that_is_there_and_the_same_counts_as_delivered(spool, share):
    (made,) = stock.slices(1)
    path = share / (made.sop_instance + ".dcm")
    path.write_bytes(part10.head(made.sop_class, made.sop_instance, made.transfer_syntax, "OTHER") + made.data_set)
    before = path.read_bytes()
    delivered(spool, to(share, FLAT), [made])
    assert files(share) == [path] and path.read_bytes() == before


def test_another_file_of_that_name_stays_and_the_new_one_gets_a_number(spool, share):
    first, second, third = stock.slices(3)
    (share / "CT.dcm").write_bytes(b"somebody's notes")
    delivered(spool, to(share, "{Modality}.dcm"), [first, second, third])
    assert [path.name for path in files(share)] == ["CT.2.dcm", "CT.3.dcm", "CT.4.dcm", "CT.dcm"]
    assert (share / "CT.dcm").read_bytes() == b"somebody's notes"
    uids = [samples.read(share / ("CT.%d.dcm" % number)).SOPInstanceUID for number in (2, 3, 4)]
    assert uids == [made.sop_instance for made in (first, second, third)]


@pytest.mark.parametrize("patient", HOSTILE)
def test_whatever_an_object_calls_itself_its_file_stays_below_the_folder(tmp_path, spool, share, patient):
    made = phantom.ct(phantom.study("CT"), size=32)
    kept = patient.ljust(10)
    hostile = made._replace(data_set=made.data_set.replace(b"DEMO-00000", kept))
    assert hostile != made and len(hostile.data_set) == len(made.data_set)
    before = {path for path in tmp_path.rglob("*") if share not in path.parents}
    delivered(spool, to(share, "{PatientID}/{SOPInstanceUID}.dcm"), [hostile])
    (path,) = files(share)
    assert len(path.relative_to(share).parts) == 2
    outside = {path for path in tmp_path.rglob("*") if share not in path.parents}
    assert {path for path in outside - before if "state" not in path.parts} == set()


@pytest.mark.parametrize("layout_words, planted", [("CT/{SOPInstanceUID}.dcm", "CT"), ("CT.dcm", "CT.dcm")])
def test_a_link_that_somebody_put_there_is_not_followed_and_the_object_is_held(
    tmp_path, spool, share, layout_words, planted
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (share / planted).symlink_to(elsewhere)
    number = stock.put(spool, stock.slices(1)[0], "share")
    with stock.working(spool, "share", to(share, layout_words)):
        stock.await_count(spool, "share", "held", 1)
    assert os.listdir(elsewhere) == []
    row = stock.job_of(spool, "share", number)
    assert row.cause == IN_THE_WAY and "move it away" in row.why


def test_a_folder_that_is_gone_is_a_link_that_is_down_and_is_not_made(spool, share):
    share.rmdir()
    stock.put(spool, stock.slices(1)[0], "share")
    with stock.working(spool, "share", to(share)):
        wait_until(lambda: spool.jobs.link("share").failures >= 2, 10, "two failures")
        assert "there is no folder" in spool.jobs.link("share").why
        assert not share.exists()
        share.mkdir()
        stock.await_count(spool, "share", "delivered", 1)
    assert stock.jobs(spool, "share")[0].tries == 1  # the one that got through


def test_an_empty_mount_point_is_not_filled(spool, share):
    stock.put(spool, stock.slices(1)[0], "share")
    with stock.working(spool, "share", to(share, mounted=True)):
        wait_until(lambda: spool.jobs.link("share").failures >= 2, 10, "two failures")
        assert "nothing is mounted" in spool.jobs.link("share").why
        assert os.listdir(share) == []
        with faults.tmpfs(share, 8 << 20):
            stock.await_count(spool, "share", "delivered", 1)
            assert len(files(share)) == 1
    assert os.listdir(share) == []


def test_a_share_that_goes_between_two_objects_is_noticed(spool, share):
    first, second = stock.slices(2)
    with stock.working(spool, "share", to(share, mounted=True)):
        with faults.tmpfs(share, 8 << 20):
            stock.put(spool, first, "share")
            stock.await_count(spool, "share", "delivered", 1)
        stock.put(spool, second, "share")
        wait_until(lambda: spool.jobs.link("share").failures, 10, "a failure")
    assert os.listdir(share) == []


def test_a_folder_without_room_makes_the_destination_wait_and_leaves_nothing_half_done(spool, share):
    objects = [phantom.cr(phantom.study("CR"), size=1024, number=number) for number in (1, 2)]
    with faults.tmpfs(share, 8 << 20):
        ballast = faults.fill_space(share, 3 << 20)
        for made in objects:
            stock.put(spool, made, "share")
        with stock.working(spool, "share", to(share, FLAT)):
            wait_until(lambda: spool.jobs.link("share").failures >= 2, 10, "two failures")
            assert "no room left" in spool.jobs.link("share").why
            assert len(files(share)) <= 2  # the ballast, and the one that found room
            assert os.listdir(share / PARTIAL) == []
            ballast.unlink()
            stock.await_count(spool, "share", "delivered", 2)
        assert len(files(share)) == 2
    assert {row.tries for row in stock.jobs(spool, "share")} == {1}


def test_temporary_files_of_a_crash_go_when_the_folder_is_opened_and_those_of_another_box_stay(spool, share):
    (share / PARTIAL).mkdir()
    (share / PARTIAL / "test-1-7").write_bytes(b"half")
    (share / PARTIAL / "other-1-7").write_bytes(b"another box's")
    delivered(spool, to(share), stock.slices(1))
    assert os.listdir(share / PARTIAL) == ["other-1-7"]


def test_looking_whether_a_folder_can_be_written_to_leaves_it_as_it_is_while_a_box_writes(share):
    (share / PARTIAL).mkdir()
    (share / PARTIAL / "test-1-7").write_bytes(b"of the box at work")
    to(share).probe()
    assert os.listdir(share / PARTIAL) == ["test-1-7"]


def test_a_long_object_takes_no_more_memory_than_a_short_one(spool, share):
    stock.put_long(spool, 200 << 20, "share")
    peak = _peak_while(lambda: _drain(spool, to(share)))
    assert peak < 8 << 20
    (path,) = files(share)
    assert path.stat().st_size > 200 << 20


def _drain(spool, target):
    with stock.working(spool, "share", target):
        stock.await_count(spool, "share", "delivered", 1, 60)


def _peak_while(action):
    """How much longer the resident memory of this process got, at its most, while `action` ran."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status("VmRSS")
    action()
    return _status("VmHWM") - before


def _status(name):
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) << 10
    raise ValueError(name)


def test_two_workers_for_one_folder_lose_nothing(tmp_path, spool, share):
    objects = stock.slices(30)
    for made in objects:
        stock.put(spool, made, "one", "two")
    targets = [FolderTarget(str(share), layout.read(LAYOUT), "EDGE", mark) for mark in ("one", "two")]
    with stock.working(spool, "one", targets[0]), stock.working(spool, "two", targets[1]):
        stock.await_count(spool, "one", "delivered", 30)
        stock.await_count(spool, "two", "delivered", 30)
    assert len(files(share)) == 30
    assert threading.active_count() < 10
