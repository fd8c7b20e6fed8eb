"""Taking an object in: what is durable in which order, what is refused, and what is left after a refusal: nothing."""

import os
import threading
import zlib

import pydicom
import pytest

from edge.dicom import syntax
from edge.spool import errors
from edge.spool.intake import IDENTICAL, NEW, Source
from edge.spool.jobs import UNROUTED
from edge.spool.spool import Limits
from tests.spool import data
from tests.spool.data import CT, EIO, ENOSPC, EXPLICIT, MODALITY, data_set, files_of, one, open_spool, receive


def test_an_object_is_a_part_10_file_with_its_data_set_bit_for_bit(spool):
    octets = data_set("1.2.3")
    stored = receive(spool, "1.2.3", octets)
    assert stored.verdict == NEW
    kept = spool.index.get(stored.object_id)
    file = open(spool.path_of(kept), "rb").read()
    assert file[kept.offset :] == octets
    assert (kept.size, kept.crc) == (len(octets), zlib.crc32(octets))
    read = pydicom.dcmread(spool.path_of(kept))
    assert (read.file_meta.MediaStorageSOPInstanceUID, read.PatientID) == ("1.2.3", "4711")
    assert read.file_meta.SourceApplicationEntityTitle == "CT1"


def test_what_identifies_an_object_is_in_the_index(spool):
    stored = receive(spool, "1.2.3", data_set("1.2.3", patient="77", name="Roe^Jane", study="1.9"))
    kept = spool.index.get(stored.object_id)
    assert (kept.patient_id, kept.patient_name, kept.study, kept.series) == ("77", "Roe^Jane", "1.9", "1.9.1")
    assert (kept.modality, kept.accession, kept.date, kept.number) == ("CT", "A1", "20260102", "1")
    assert (kept.calling, kept.called, kept.address) == tuple(MODALITY)
    assert kept.received == spool.now()


def test_names_are_told_in_their_character_set(spool):
    stored = receive(spool, "1.2.3", data_set("1.2.3", name="M\u00fcller^J\u00f6rg"))
    assert spool.index.get(stored.object_id).patient_name == "M\u00fcller^J\u00f6rg"


def test_a_file_lies_in_the_folder_of_its_day(spool, clock):
    clock.now = 1_800_000_000.0
    receive(spool, "1.2.3")
    clock.now += 2 * 86400
    receive(spool, "1.2.4")
    folders = [path.split("/")[1] for path in files_of(spool.path)]
    assert len(set(folders)) == 2
    assert all(len(folder) == 10 for folder in folders)


def test_a_folder_with_enough_entries_is_followed_by_another(tmp_path):
    spool = open_spool(tmp_path / "state", limits=data.SMALL._replace(folder_entries=3))
    for number in range(7):
        receive(spool, "1.2.%d" % number)
    folders = sorted({path.split("/")[1] for path in files_of(spool.path)})
    assert [folder[10:] for folder in folders] == ["", ".2", ".3"]
    spool.close()
    again = open_spool(tmp_path / "state", limits=data.SMALL._replace(folder_entries=3))
    for number in range(7, 9):
        receive(again, "1.2.%d" % number)
    assert len({path.split("/")[1] for path in files_of(again.path)}) == 3
    again.close()


@pytest.mark.parametrize("step", [1, 7, 100])
def test_the_data_set_may_come_in_any_pieces(spool, step):
    octets = data_set("1.2.3")
    arrival = spool.intake.begin(CT, "1.2.3", EXPLICIT, MODALITY)
    for at in range(0, len(octets), step):
        arrival.write(memoryview(octets)[at : at + step])
    kept = spool.index.get(arrival.commit(lambda facts: ["PACS"]).object_id)
    assert open(spool.path_of(kept), "rb").read()[kept.offset :] == octets
    assert kept.patient_id == "4711"


def test_data_then_name_then_line_are_durable_before_commit_returns(tmp_path):
    disk = data.RecordingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    receive(spool, "1.2.2")
    arrival = spool.intake.begin(CT, "1.2.3", EXPLICIT, MODALITY)
    del disk.calls[:]
    arrival.write(data_set("1.2.3"))
    arrival.commit(lambda facts: ["PACS"])
    day = files_of(spool.path)[0].split("/")[1]
    assert disk.calls == [
        ("pwritev", "2.part"),
        ("rename", "2.part", "1.2.3.dcm"),
        ("fsync", "1.2.3.dcm"),
        ("fsync", day),
        ("pwrite", "0000000001.log"),
        ("fdatasync", "0000000001.log"),
    ]
    spool.close()


def test_a_new_folder_is_durable_in_its_parent_before_an_object_in_it_is_acknowledged(tmp_path):
    disk = data.RecordingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    del disk.calls[:]
    receive(spool, "1.2.3")
    day = files_of(spool.path)[0].split("/")[1]
    assert disk.calls.index(("mkdir", day)) < disk.calls.index(("fsync", "objects")) < disk.calls.index(("fsync", day))
    spool.close()


def test_short_writes_of_the_kernel_are_completed(tmp_path):
    disk = data.FailingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    pwrite, pwritev = disk.pwrite, disk.pwritev
    disk.pwrite = lambda fd, octets, offset: pwrite(fd, octets[:7], offset)
    disk.pwritev = lambda fd, pieces, offset: pwritev(fd, (pieces[0][:5],), offset)
    octets = data_set("1.2.3")
    arrival = spool.intake.begin(CT, "1.2.3", EXPLICIT, MODALITY)
    arrival.write(octets[:100])
    arrival.write(octets[100:])
    kept = spool.index.get(arrival.commit(lambda facts: ["PACS"]).object_id)
    assert open(spool.path_of(kept), "rb").read()[kept.offset :] == octets
    assert spool.files.fault(kept) is None
    spool.close()


def test_a_data_set_in_thousands_of_pieces_is_taken_at_once(spool):
    octets = data_set("1.2.3", pixels=bytes(4000))
    arrival = spool.intake.begin(CT, "1.2.3", EXPLICIT, MODALITY)
    arrival.write_all([memoryview(octets)[at : at + 1] for at in range(len(octets))])
    kept = spool.index.get(arrival.commit(lambda facts: ["PACS"]).object_id)
    assert open(spool.path_of(kept), "rb").read()[kept.offset :] == octets


def test_what_is_abandoned_leaves_nothing(spool):
    arrival = spool.intake.begin(CT, "1.2.3", EXPLICIT, MODALITY)
    arrival.write(data_set("1.2.3"))
    arrival.abandon()
    arrival.abandon()
    assert files_of(spool.path) == []
    assert spool.objects() == []


# What it is, and where it goes


def test_the_route_is_asked_with_what_the_data_set_says(spool):
    asked = []
    receive(spool, "1.2.3", to=lambda facts: asked.append(facts) or ["PACS"])
    (facts,) = asked
    assert (facts.sop_class, facts.sop_instance, facts.transfer_syntax) == (CT, "1.2.3", EXPLICIT)
    assert (facts.source, facts.modality, facts.patient_id) == (MODALITY, "CT", "4711")
    assert facts.values[0x00100020] == b"4711"


def test_an_object_goes_to_every_destination_of_its_route_once(spool):
    stored = receive(spool, "1.2.3", to=["PACS", ("ARCHIVE", 0), "PACS"])
    rows = spool.jobs.of_object(stored.object_id)
    assert sorted((row.destination, row.priority, row.state) for row in rows) == [
        ("ARCHIVE", 0, "waiting"), ("PACS", 1, "waiting"),
    ]  # fmt: skip


def test_an_object_that_no_route_takes_is_held_with_that_reason(spool):
    stored = receive(spool, "1.2.3", to=[])
    (held,) = spool.objects(held=True)
    assert (held.id, held.hold) == (stored.object_id, UNROUTED)
    assert "no route" in held.why


def test_a_route_may_hold_an_object_in_its_own_words(spool):
    receive(spool, "1.2.3", to="the study is not from today")
    (held,) = spool.objects(held=True)
    assert held.why == "the study is not from today"


def test_what_was_held_goes_when_somebody_says_where(spool):
    stored = receive(spool, "1.2.3", to=[])
    spool.queue(stored.object_id, ["PACS"])
    assert spool.objects(held=True) == []
    assert data.deliver(spool) == ["1.2.3"]


def test_a_route_that_fails_leaves_nothing(spool):
    with pytest.raises(ZeroDivisionError):
        receive(spool, "1.2.3", to=lambda facts: 1 // 0)
    assert files_of(spool.path) == []
    receive(spool, "1.2.3")


@pytest.mark.parametrize(
    "octets",
    [
        data_set("1.2.999"),
        data_set("1.2.3", sop_class="1.2.840.10008.5.1.4.1.1.4"),
    ],
)
def test_a_data_set_of_another_object_than_announced_is_a_mismatch(spool, octets):
    with pytest.raises(errors.Mismatch):
        receive(spool, "1.2.3", octets)
    assert files_of(spool.path) == []
    assert spool.objects() == []


@pytest.mark.parametrize("octets", [b"", b"\xff" * 400, b"GET / HTTP/1.1\r\n\r\n" * 20, data_set("1.2.3")[:100]])
def test_what_is_no_data_set_is_unreadable(spool, octets):
    with pytest.raises(errors.Unreadable):
        receive(spool, "1.2.3", octets)
    assert files_of(spool.path) == []


def test_a_data_set_that_does_not_name_itself_is_taken_at_its_command(spool):
    stored = receive(spool, "1.2.3", one(0x00080060, "CS", "CT"))
    assert spool.index.get(stored.object_id).uid == "1.2.3"


def test_a_deflated_data_set_is_looked_into(spool):
    deflater = zlib.compressobj(wbits=-15)
    octets = deflater.compress(data_set("1.2.3", patient="88")) + deflater.flush()
    stored = receive(spool, "1.2.3", octets, transfer_syntax=syntax.DEFLATED_LITTLE)
    assert spool.index.get(stored.object_id).patient_id == "88"
    with pytest.raises(errors.Mismatch):
        receive(spool, "1.2.4", octets, transfer_syntax=syntax.DEFLATED_LITTLE)


@pytest.mark.parametrize("uid", ["../../../etc/passwd", "a/b", ".", "..", "1.2;rm -rf", "1." * 40, "x" * 64, "1..2"])
def test_no_uid_leads_out_of_the_folder(spool, uid):
    octets = one(0x00080060, "CS", "CT")
    stored = receive(spool, uid, octets)
    kept = spool.index.get(stored.object_id)
    assert kept.uid == uid
    assert files_of(spool.path) == ["objects/" + kept.path]
    assert kept.path.split("/")[1] == "object-%d.dcm" % kept.id


@pytest.mark.parametrize("uid", ["", "1\0.2", "1.2\n", "\u0661.2"])
def test_an_object_without_a_uid_that_can_be_written_is_refused(spool, uid):
    with pytest.raises(errors.Unreadable):
        receive(spool, uid, one(0x00080060, "CS", "CT"))
    assert files_of(spool.path) == []


def test_a_title_that_is_no_ascii_does_not_stop_an_object(spool):
    receive(spool, "1.2.3", source=Source("R\u00d6NTGEN", "EDGE", "10.0.0.7"))
    assert spool.objects()[0].calling == "R\u00d6NTGEN"


# The disk refuses


@pytest.mark.parametrize("call", ["fsync", "fdatasync", "rename", "pwrite"])
def test_an_object_that_cannot_be_made_durable_is_refused_and_leaves_nothing(tmp_path, call):
    disk = data.FailingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    receive(spool, "1.2.1")
    kept = files_of(spool.path)
    disk.failing = {call: EIO}
    with pytest.raises(errors.Degraded):
        receive(spool, "1.2.3")
    disk.failing = {}
    assert files_of(spool.path) == kept
    assert [stored.uid for stored in spool.objects()] == ["1.2.1"]
    assert "sync" in [trouble.key for trouble in spool.health.troubles()]
    receive(spool, "1.2.3")
    spool.close()
    again = open_spool(tmp_path / "state")
    assert [stored.uid for stored in again.objects()] == ["1.2.1", "1.2.3"]
    assert again.recovered == (0, 0, 0)
    again.close()


def test_an_object_that_comes_again_is_refused_while_its_first_copy_cannot_be_looked_at(tmp_path):
    disk = data.FailingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    receive(spool, "1.2.1")
    kept = files_of(spool.path)
    arrival = spool.intake.begin(CT, "1.2.1", EXPLICIT, MODALITY)
    arrival.write(data_set("1.2.1"))
    disk.failing = {"open": EIO}
    with pytest.raises(errors.Degraded):
        arrival.commit(lambda facts: ["PACS"])
    disk.failing = {}
    assert files_of(spool.path) == kept
    assert receive(spool, "1.2.1").verdict == IDENTICAL
    spool.close()


@pytest.mark.parametrize("call", ["open", "pwritev", "fsync", "rename"])
def test_a_full_disk_refuses_an_object_and_leaves_nothing(tmp_path, call):
    disk = data.FailingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    receive(spool, "1.2.1")
    kept = files_of(spool.path)
    disk.failing = {call: ENOSPC}
    with pytest.raises(errors.NoSpace):
        receive(spool, "1.2.3")
    disk.failing = {}
    assert files_of(spool.path) == kept
    receive(spool, "1.2.3")
    spool.close()


def test_a_file_whose_sync_failed_is_never_synced_again(tmp_path):
    disk = data.FailingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    asked = []
    fsync = disk.fsync

    def fails_for_objects(fd):
        name = os.readlink("/proc/self/fd/%d" % fd)
        asked.append(name)
        if name.endswith(".dcm"):
            raise OSError(EIO, "injected")
        fsync(fd)

    disk.fsync = fails_for_objects
    with pytest.raises(errors.Degraded):
        receive(spool, "1.2.3")
    assert len([name for name in asked if name.endswith(".dcm")]) == 1
    disk.fsync = fsync
    spool.close()


def test_a_folder_whose_sync_failed_gets_no_more_names(tmp_path):
    disk = data.FailingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    receive(spool, "1.2.1")
    folder = files_of(spool.path)[0].split("/")[1]
    disk.failing = {"fsync": EIO}
    disk.where = lambda fd: os.readlink("/proc/self/fd/%d" % fd).endswith(folder)
    with pytest.raises(errors.Degraded):
        receive(spool, "1.2.2")
    disk.failing = {}
    receive(spool, "1.2.3")
    assert spool.objects()[-1].path == folder + ".2/1.2.3.dcm"
    spool.close()


def test_an_object_is_refused_while_the_reserve_is_touched(tmp_path):
    spool = open_spool(tmp_path / "state", limits=data.SMALL._replace(reserve_bytes=1 << 60))
    with pytest.raises(errors.NoSpace, match="reserve"):
        receive(spool, "1.2.3")
    assert files_of(spool.path) == []
    assert not spool.quota.has_room()
    assert [trouble.key for trouble in spool.health.troubles()] == ["space"]
    spool.close()


def test_an_object_without_end_stops_at_the_reserve(tmp_path):
    spool = open_spool(tmp_path / "state")
    arrival = spool.intake.begin(CT, "1.2.3", EXPLICIT, MODALITY)
    spool.quota._limits = Limits(reserve_bytes=1 << 60)
    with pytest.raises(errors.NoSpace):
        for _ in range(100):
            arrival.write(data_set("1.2.3") + bytes(1 << 20))
    arrival.abandon()
    assert files_of(spool.path) == []
    spool.close()


# Many at a time


def test_many_associations_store_at_the_same_time(spool):
    failures = []

    def send(base):
        try:
            for number in range(40):
                receive(spool, "1.2.%d.%d" % (base, number))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=send, args=(base,)) for base in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    stored = spool.objects(limit=1000)
    assert len(stored) == 240
    assert [spool.files.fault(each) for each in stored] == [None] * 240
    assert spool.jobs.counts()["PACS"]["waiting"][0] == 240


def test_the_same_object_from_many_associations_at_once_is_one(spool):
    verdicts = []
    start = threading.Barrier(6)

    def send():
        start.wait(10)
        verdicts.append(receive(spool, "1.2.3").verdict)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(verdicts) == ["identical"] * 5 + ["new"]
    assert len(files_of(spool.path)) == 1
