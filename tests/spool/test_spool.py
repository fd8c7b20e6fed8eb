"""The spool as a whole: who may open it, what its scrub finds, what it adopts, what it does about the house."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from edge.dicom import part10
from edge.spool import errors
from edge.spool.intake import IDENTICAL, Source
from edge.spool.jobs import ROTTEN
from tests.spool import data
from tests.spool.data import CT, EXPLICIT, data_set, deliver, files_of, open_spool, receive


def test_one_process_at_a_time_has_a_spool_open(spool):
    with pytest.raises(errors.Locked, match="process %d" % os.getpid()):
        open_spool(spool.path)


def test_another_process_is_told_who_has_it(spool):
    program = "from edge.spool.spool import Spool; Spool.open(%r)" % spool.path
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "is in use by process %d" % os.getpid() in done.stderr


def test_a_spool_can_be_opened_again_when_it_was_closed(spool):
    path = spool.path
    spool.close()
    open_spool(path).close()


def test_nobody_else_may_read_what_is_in_a_spool(spool):
    receive(spool, "1.2.3")
    spool.index.drain()
    for folder, folders, names in os.walk(spool.path):
        for name in folders + names:
            assert stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) & 0o077 == 0, name


def test_a_spool_is_small_when_it_is_idle(tmp_path):
    program = (
        "from edge.spool.spool import Spool\n"
        "spool = Spool.open(%r)\n"
        "print([int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmRSS')][0])\n"
        "spool.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program % str(tmp_path / "state")], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 20000, "resident set of an idle spool in KB"


def test_every_folder_above_the_first_object_is_durable(tmp_path):
    disk = data.RecordingDisk()
    spool = open_spool(tmp_path / "var" / "lib" / "edge", disk=disk)
    for folder, parent in (("var", tmp_path.name), ("lib", "var"), ("edge", "lib"), ("objects", "edge")):
        made = disk.calls.index(("mkdir", folder))
        assert ("fsync", parent) in disk.calls[made:]
    spool.close()


def test_folders_that_a_killed_process_made_are_synced_before_they_are_used(spool):
    receive(spool, "1.2.3")
    spool.close()
    disk = data.RecordingDisk()
    again = open_spool(spool.path, disk=disk)
    for folder in (os.path.basename(os.path.dirname(spool.path)), "state", "objects"):
        assert ("fsync", folder) in disk.calls
    again.close()


def test_a_folder_whose_name_cannot_be_made_durable_is_not_used(tmp_path):
    disk = data.FailingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    disk.failing = {"fsync": data.EIO}
    disk.where = lambda fd: os.readlink("/proc/self/fd/%d" % fd).endswith("/objects")
    with pytest.raises(errors.Degraded):
        receive(spool, "1.2.3")
    assert os.listdir(spool.path + "/objects") == []
    disk.failing = {}
    receive(spool, "1.2.3")
    spool.close()


# Scrub


def rot(spool, number):
    """Flip a bit in the middle of a stored file."""
    stored = spool.index.get(number)
    with open(spool.path_of(stored), "r+b") as file:
        file.seek(stored.offset + stored.size // 2)
        octet = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([octet[0] ^ 4]))


def test_a_scrub_finds_what_has_rotted_holds_it_and_reports_it(spool):
    for number in range(5):
        receive(spool, "1.2.%d" % number)
    rot(spool, 3)
    assert spool.scrub.step(1 << 30) == (5, 1)
    assert spool.index.get(3).hold == ROTTEN
    assert [row[:3] for row in spool.index.holds()] == [(ROTTEN, 1, 3)]
    assert deliver(spool) == ["1.2.0", "1.2.1", "1.2.3", "1.2.4"]


def test_a_scrub_goes_on_where_it_stopped_and_begins_again(spool):
    for number in range(5):
        receive(spool, "1.2.%d" % number)
    size = spool.objects()[0].size
    assert [spool.scrub.step(2 * size)[0] for _ in range(3)] == [2, 2, 1]
    assert spool.scrub.rounds == 1
    assert spool.scrub.step(1 << 30)[0] == 5


def test_a_scrub_that_lacks_descriptors_condemns_nothing_and_goes_on_later(spool):
    for number in range(3):
        receive(spool, "1.2.%d" % number)
    really = spool.disk.open

    def refuse(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    spool.disk.open = refuse
    assert spool.scrub.step(1 << 30) == (0, 0)
    spool.disk.open = really
    assert spool.scrub.step(1 << 30) == (3, 0)
    assert spool.index.holds() == []


def test_what_has_rotted_is_told_once(spool):
    receive(spool, "1.2.3")
    rot(spool, 1)
    for _ in range(3):
        spool.scrub.step(1 << 30)
    assert len(spool.journal.latest(9, ("hold",))) == 1


def test_what_is_rotten_is_not_released(spool):
    receive(spool, "1.2.3")
    rot(spool, 1)
    spool.scrub.step(1 << 30)
    with pytest.raises(errors.Rotten):
        spool.release(1)
    rot(spool, 1)  # the bit flips back
    spool.release(1)
    assert deliver(spool) == ["1.2.3"]


def test_what_a_worker_finds_rotten_is_held(spool):
    receive(spool, "1.2.3")
    (job,) = spool.jobs.claim("PACS", spool.now(), 1)
    rot(spool, 1)
    assert not spool.files.check(job)
    spool.jobs.give_back([job], spool.now())
    assert spool.jobs.claim("PACS", spool.now(), 1) == []
    assert spool.jobs.counts()["PACS"]["held"][0] == 1


# Adopting


def file_of(tmp_path, octets):
    path = tmp_path / "file.dcm"
    path.write_bytes(octets)
    return str(path)


def test_a_file_is_adopted_with_its_data_set_bit_for_bit(spool, tmp_path):
    octets = data_set("1.2.3")
    path = file_of(tmp_path, part10.head(CT, "1.2.3", EXPLICIT, "SENDER") + octets)
    stored = spool.adopt(path, ["PACS"])
    kept = spool.index.get(stored.object_id)
    assert open(spool.path_of(kept), "rb").read()[kept.offset :] == octets
    assert (kept.uid, kept.calling, kept.address) == ("1.2.3", "SENDER", "by hand")
    assert deliver(spool) == ["1.2.3"]


def test_a_file_without_preamble_and_meta_is_adopted(spool, tmp_path):
    stored = spool.adopt(file_of(tmp_path, data_set("1.2.3")), ["PACS"])
    kept = spool.index.get(stored.object_id)
    assert (kept.uid, kept.syntax) == ("1.2.3", EXPLICIT)


def test_an_open_file_is_adopted_and_stays_open(spool, tmp_path):
    path = file_of(tmp_path, part10.head(CT, "1.2.3", EXPLICIT) + data_set("1.2.3"))
    with open(path, "rb") as file:
        file.seek(77)
        spool.adopt(file.fileno(), ["PACS"], Source("ME", "", ""))
        assert file.read(1) != b""
    assert spool.objects()[0].calling == "ME"


def test_a_file_that_is_in_the_spool_already_goes_to_those_who_have_not_had_it(spool, tmp_path):
    receive(spool, "1.2.3")
    path = file_of(tmp_path, data_set("1.2.3"))
    assert spool.adopt(path, ["ARCHIVE"]).verdict == IDENTICAL
    assert deliver(spool, "ARCHIVE") == ["1.2.3"]


def test_a_preamble_that_is_a_program_is_not_carried_over(spool, tmp_path):
    file = bytearray(part10.head(CT, "1.2.3", EXPLICIT) + data_set("1.2.3"))
    file[:4] = b"MZ\x90\0"
    stored = spool.adopt(file_of(tmp_path, file), ["PACS"])
    assert open(spool.path_of(spool.index.get(stored.object_id)), "rb").read(128) == bytes(128)


@pytest.mark.parametrize("octets", [b"", b"hello, world" * 100, part10.head(CT, "1.2.3", EXPLICIT)[:100]])
def test_what_is_no_dicom_file_is_not_adopted(spool, tmp_path, octets):
    with pytest.raises(errors.Unreadable):
        spool.adopt(file_of(tmp_path, octets), ["PACS"])
    assert files_of(spool.path) == []


def test_a_file_that_is_not_there_is_the_callers_error(spool, tmp_path):
    with pytest.raises(FileNotFoundError):
        spool.adopt(str(tmp_path / "nothing"), ["PACS"])


# The house


def test_keeping_house_makes_outcomes_durable(spool):
    receive(spool, "1.2.3")
    deliver(spool)
    assert spool.journal.synced_sequence < spool.journal.sequence
    spool.tidy()
    assert spool.journal.synced_sequence == spool.journal.sequence


def test_keeping_house_on_a_disk_that_refuses_is_reported_not_raised(tmp_path):
    disk = data.FailingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    receive(spool, "1.2.3")
    deliver(spool)
    disk.failing = {"fdatasync": data.EIO, "pwrite": data.EIO}
    spool.tidy()
    assert "house" in [trouble.key for trouble in spool.health.troubles()]
    disk.failing = {}
    spool.tidy()
    assert "house" not in [trouble.key for trouble in spool.health.troubles()]
    spool.close()


def test_no_patient_is_named_in_troubles_or_errors(spool):
    receive(spool, "1.2.3", data_set("1.2.3", patient="SECRET-ID", name="SECRET^NAME"))
    receive(spool, "1.2.3", data_set("1.2.3", patient="SECRET-ID", name="SECRET^NAME", pixels=b"\7" * 64))
    rot(spool, 1)
    spool.scrub.step(1 << 30)
    with pytest.raises(errors.Mismatch) as caught:
        receive(spool, "1.2.9", data_set("1.2.3", patient="SECRET-ID", name="SECRET^NAME"))
    said = str(caught.value) + "".join(trouble.words for trouble in spool.health.troubles())
    assert "SECRET" not in said
