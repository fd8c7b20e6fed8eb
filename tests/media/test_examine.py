"""The checker against sets that are broken in one way each, those among them that no other checker notices."""

import os
import struct

import pytest

from edge.media import directory, envelope, examine, profile, walk
from edge.media.leaf import Leaf
from tests.media import sets
from tests.support import mediafiles, volume

CT_CLASS, MR_CLASS = b"1.2.840.10008.5.1.4.1.1.2\0", b"1.2.840.10008.5.1.4.1.1.4\0"


@pytest.fixture
def root(tmp_path):
    """A set of two patients, with a series of two images each, that nothing is wrong with."""
    for patient in ("1", "2"):
        for number in ("1", "2"):
            mediafiles.write(
                tmp_path / ("P" + patient) / ("I" + number), PatientID="P" + patient, StudyInstanceUID="1.2." + patient,
                SeriesInstanceUID="1.2.3." + patient, InstanceNumber=number,
            )  # fmt: skip
    sets.make(tmp_path, profile.named("STD-GEN-CD").extra)
    assert list(examine.examine(str(tmp_path), profile.named("STD-GEN-CD"))) == []
    return tmp_path


def _record(root, kind, number=0):
    return [each for each in sets.walked(root / "DICOMDIR")[0] if each.kind == kind][number]


def _write(root, offset, octets):
    with open(root / "DICOMDIR", "r+b") as file:
        file.seek(offset)
        file.write(octets)


def _replace(root, old, new, count=1):
    path = root / "DICOMDIR"
    whole = path.read_bytes()
    assert old in whole and len(old) == len(new)
    path.write_bytes(whole.replace(old, new, count))


def _link(root, kind, at, target, number=0):
    _write(root, _record(root, kind, number).offset + at, struct.pack("<I", target))


def _twice(root, kind):
    with walk.Directory(str(root / "DICOMDIR")) as opened:
        writer = directory.Writer(str(root / "NEW"))
        nodes = {}
        for each in opened.walk():
            above = nodes[each.above[-1].offset] if each.above else None
            nodes[each.offset] = writer.copy(each.kind, opened.content(each), above)
            if each.kind == kind:
                writer.copy(each.kind, opened.content(each), above)
        writer.finish()
    (root / "NEW").rename(root / "DICOMDIR")


BREAKS = {
    "a next offset that leads nowhere": ("offset", lambda root: _link(root, "IMAGE", 16, 77777)),
    "a next offset into the middle of a record": (
        "offset", lambda root: _link(root, "IMAGE", 16, _record(root, "IMAGE").next + 2)),
    "an odd offset": ("offset", lambda root: _link(root, "IMAGE", 16, _record(root, "IMAGE").next + 1)),
    "a loop": ("loop", lambda root: _link(root, "IMAGE", 16, _record(root, "PATIENT").offset)),
    "a subtree without a way to it": ("orphan", lambda root: _link(root, "STUDY", 38, 0)),
    "nothing below a study": ("childless", lambda root: _link(root, "STUDY", 38, 0)),
    "a file that is missing": ("missing-file", lambda root: (root / "P1" / "I1").unlink()),
    "a File ID in small letters": ("file-id", lambda root: _replace(root, b"P1\\I1", b"p1\\i1")),
    "a File ID that leads out of the set": ("file-id", lambda root: _replace(root, b"P1\\I1", b"..\\I1")),
    "a file spelled otherwise": ("case", lambda root: (root / "P1" / "I1").rename(root / "P1" / "i1")),
    "another SOP Class": ("class", lambda root: _replace(root, CT_CLASS, MR_CLASS)),
    "another transfer syntax": (
        "syntax", lambda root: _write(root, (root / "DICOMDIR").read_bytes().rindex(b".1.2.1\0") + 5, b"2")),
    "another SOP Instance": ("instance", lambda root: (root / "P1" / "I1").write_bytes(
        (root / "P1" / "I2").read_bytes())),
    "another patient": ("mismatch", lambda root: mediafiles.write(
        root / "P1" / "I1", PatientID="P3", StudyInstanceUID="1.2.1", SeriesInstanceUID="1.2.3.1")),
    "another instance number": ("mismatch", lambda root: _replace(root, b"IS\2\x001 ", b"IS\2\x007 ", 2)),
    "one patient twice": ("duplicate", lambda root: _twice(root, "PATIENT")),
    "one object twice": ("duplicate", lambda root: _twice(root, "IMAGE")),
    "one series twice": ("duplicate", lambda root: _twice(root, "SERIES")),
    "a file that is no DICOM file": ("not-dicom", lambda root: (root / "P1" / "I1").write_bytes(b"hello" * 100)),
    "a file that is not recorded": ("unreferenced", lambda root: mediafiles.write(root / "P3" / "I1")),
    "the consistency flag": (
        "flag", lambda root: _write(root, (root / "DICOMDIR").read_bytes().index(b"\4\0\x12\x12US") + 8, b"\xff\xff")),
    "a record that is not in use": ("unused", lambda root: _write(root, _record(root, "IMAGE").offset + 28, b"\0\0")),
    "a record type that there is not": ("type", lambda root: _replace(root, b"IMAGE ", b"IMAGEX")),
    "a record of a former edition": ("type", lambda root: _replace(root, b"IMAGE ", b"TOPIC ")),
    "a series without its number": ("key", lambda root: _replace(root, b" \0\x11\0IS", b" \0\x12\0IS")),
    "a last record that is not the last": ("last", lambda root: _write(
        root, (root / "DICOMDIR").read_bytes().index(b"\4\0\2\x12UL") + 8, struct.pack("<I", 400))),
    "something that runs by itself": ("autorun", lambda root: (root / "AUTORUN.INF").write_bytes(b"[autorun]")),
    "a change that did not end": ("unfinished", lambda root: (root / "DICOMDIR.NEW").write_bytes(b"")),
    "no directory": ("missing-directory", lambda root: (root / "DICOMDIR").unlink()),
    "a directory in small letters": ("case", lambda root: (root / "DICOMDIR").rename(root / "dicomdir")),
    "a directory that is an image": ("missing-directory", lambda root: (root / "DICOMDIR").write_bytes(
        (root / "P1" / "I1").read_bytes())),
    "a directory cut off": ("offset", lambda root: (root / "DICOMDIR").write_bytes(
        (root / "DICOMDIR").read_bytes()[:-40])),
}  # fmt: skip


@pytest.mark.parametrize("how", BREAKS)
def test_the_checker_finds(root, how):
    code, break_it = BREAKS[how]
    break_it(root)
    found = list(examine.examine(str(root)))
    assert code in [each.code for each in found], found
    assert all(each.code in examine.CODES and each.words for each in found)


def test_every_kind_of_finding_that_a_set_can_give_is_told_apart():
    elsewhere = {"directory", "depth", "profile", "protected", "unprotected", "persons"}
    assert {code for code, _ in BREAKS.values()} >= set(examine.CODES) - elsewhere


def test_two_persons_of_one_patient_id_are_found_by_id_and_study_and_not_by_name(tmp_path):
    for number, name in ("1", "Alpha^A"), ("2", "Beta^B"), ("3", "ALPHA^A^"):
        mediafiles.write(
            tmp_path / ("I" + number), PatientID="SAME", PatientName=name, StudyInstanceUID="1.2." + number,
            SeriesInstanceUID="1.2.3." + number,
        )  # fmt: skip
    sets.make(tmp_path)
    names = [str(each.values[0x00100010], "ascii").strip() for each in sets.walked(tmp_path / "DICOMDIR")[0]
             if each.kind == "PATIENT"]  # fmt: skip
    assert names == ["Alpha^A", "Beta^B"]
    found = [each.words for each in examine.examine(str(tmp_path)) if each.code == "persons"]
    assert len(found) == 1 and "Patient ID SAME of study 1.2.2 " in found[0] and "Beta" not in found[0]


def test_what_the_profile_does_not_take_is_found(tmp_path):
    mediafiles.write(tmp_path / "I1", syntax="1.2.840.10008.1.2")
    sets.make(tmp_path, profile.named("STD-GEN-CD").extra)
    found = list(examine.examine(str(tmp_path), profile.named("STD-GEN-CD")))
    assert [each.code for each in found] == ["profile"]


def test_a_directory_in_implicit_vr_is_read_and_found_wrong(tmp_path):
    import pydicom

    mediafiles.write(tmp_path / "I1")
    path, _ = sets.make(tmp_path)
    ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    pydicom.dcmwrite(path, ds, implicit_vr=True, little_endian=True, force_encoding=True)
    assert "directory" in [each.code for each in examine.examine(str(tmp_path))]


def test_no_finding_has_patients_data_in_it(root):
    for patient in ("1", "2"):
        mediafiles.write(root / ("P" + patient) / "I1", PatientID="SECRET", PatientName="Secret^Name")
    assert not [each for each in examine.examine(str(root)) if "ecret" in each.words.lower()]


def test_no_octets_make_the_checker_fail_or_go_on_without_end(root):
    import random

    chance = random.Random(7)
    whole = (root / "DICOMDIR").read_bytes()
    for _ in range(150):
        octets = bytearray(whole)
        for _ in range(chance.choice((1, 3, 20))):
            octets[chance.randrange(132, len(octets))] = chance.randrange(256)
        (root / "DICOMDIR").write_bytes(octets[: chance.choice((len(octets), chance.randrange(len(octets))))])
        assert len(list(examine.examine(str(root)))) < 200


def test_a_file_that_is_not_protected_is_found_in_a_secure_set(root):
    lock = envelope.Password("a long pass phrase")
    for path in [path for path in root.rglob("*") if path.is_file() and path.name != "I2"]:
        volume.drained(envelope.seal(Leaf(path.name, str(path), path.stat().st_size), str(path) + "_", lock))
        os.replace(str(path) + "_", path)
    found = [(each.code, each.where) for each in examine.examine(str(root))]
    assert found == [("protected", ""), ("unprotected", "P1/I2"), ("unprotected", "P2/I2")]
