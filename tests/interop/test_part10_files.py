"""Part 10 files against foreign eyes: heads of ours read by others, files of others in every shape they come in."""

import subprocess

import pydicom
import pytest

from edge.dicom import element, part10, syntax, uid
from tests.interop import pydicom_samples

SAMPLE = next(path for path in pydicom_samples.paths() if path.name == "MR_small.dcm")
CT = "1.2.840.10008.5.1.4.1.1.2"

# dcmconv's options -> the transfer syntax of what it writes
CONVERSIONS = (
    (["--write-xfer-little"], syntax.EXPLICIT_LITTLE),
    (["--write-xfer-implicit"], syntax.IMPLICIT_LITTLE),
    (["--write-xfer-big"], syntax.EXPLICIT_BIG),
    (["--write-xfer-deflated"], syntax.DEFLATED_LITTLE),
    (["--write-xfer-little", "--length-undefined"], syntax.EXPLICIT_LITTLE),
    (["--write-xfer-implicit", "--length-undefined", "--group-length-create"], syntax.IMPLICIT_LITTLE),
    (["--write-xfer-little", "--padding-create", "2048", "256"], syntax.EXPLICIT_LITTLE),
    (["--write-xfer-little", "--write-dataset"], syntax.EXPLICIT_LITTLE),
    (["--write-xfer-implicit", "--write-dataset"], syntax.IMPLICIT_LITTLE),
    (["--write-xfer-big", "--write-dataset"], syntax.EXPLICIT_BIG),
)


def run(*command):
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, errors="replace", timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def look(octets):
    head = part10.HeadReader()
    if not head.feed(octets):
        head.finish()
    return head


@pytest.mark.parametrize("known", sorted(syntax.table()))
def test_a_head_of_ours_is_a_part_10_head_to_others(known, tmp_path):
    path = tmp_path / "head.dcm"
    length = b"CS\x0a\0" if syntax.lookup(known).explicit else b"\x0a\0\0\0"
    data_set = b"\x08\0\x05\0" + length + b"ISO_IR 100"
    path.write_bytes(part10.head(CT, "1.2.3.4", known, "EDGE", "SENDER", "RECEIVER") + data_set)
    assert run("/usr/bin/dcmftest", path).startswith("yes")
    meta = pydicom.filereader.read_file_meta_info(path)
    assert meta.TransferSyntaxUID == known and meta.MediaStorageSOPClassUID == CT
    assert meta.MediaStorageSOPInstanceUID == "1.2.3.4" and meta.FileMetaInformationVersion == b"\0\1"
    assert meta.ImplementationClassUID == uid.IMPLEMENTATION_CLASS_UID
    assert meta.ImplementationVersionName == uid.IMPLEMENTATION_VERSION_NAME
    assert meta.SourceApplicationEntityTitle == "EDGE" and meta.SendingApplicationEntityTitle == "SENDER"
    assert meta.FileMetaInformationGroupLength == path.stat().st_size - len(data_set) - 144
    assert pydicom.dataset.validate_file_meta(meta) is None


@pytest.mark.parametrize("options, expected", CONVERSIONS, ids=[" ".join(options) for options, _ in CONVERSIONS])
def test_whatever_dcmtk_writes_is_read(options, expected, tmp_path):
    path = tmp_path / "converted.dcm"
    run("/usr/bin/dcmconv", *options, SAMPLE, path)
    octets = path.read_bytes()
    head = look(octets)
    assert head.transfer_syntax.uid == expected
    assert (head.preamble == part10.ABSENT) == ("--write-dataset" in options)
    ours = pydicom_samples.by_us(octets, 1000)
    assert ours.error is None
    original = {each.where: each.octets for each in pydicom_samples.by_us(SAMPLE.read_bytes()).elements}
    found = {each.where: each.octets for each in ours.elements if is_comparable(each)}
    assert len(found) > 50
    for where, octets in found.items():
        assert original[where] == octets


def is_comparable(each):
    """Say whether an element is one that a conversion has to leave as it is."""
    is_added = each.where[-1] & 0xFFFF == 0 or each.where[-1] == 0xFFFCFFFC
    return len(each.where) == 1 and not is_added and each.vr not in element.WIDTHS


def test_a_head_of_ours_before_any_data_set_makes_a_file_that_others_read(tmp_path):
    """What the box does with every object: its own head, the sender's octets untouched."""
    for path in pydicom_samples.paths():
        if path.name in ("no_meta.dcm", "SC_rgb_jpeg.dcm") or "trunc" in path.name or "short" in path.name:
            continue
        octets = path.read_bytes()
        head = look(octets)
        mine = tmp_path / "mine.dcm"
        mine.write_bytes(part10.head(CT, "1.2.3", head.transfer_syntax.uid, "EDGE") + octets[head.data_set_offset :])
        again = look(mine.read_bytes())
        assert again.transfer_syntax == head.transfer_syntax and again.notices == []
        assert run("/usr/bin/dcmftest", mine).startswith("yes")
        theirs = pydicom_samples.by_pydicom(path)
        assert {each.where: each.octets for each in pydicom_samples.by_pydicom(mine)} == {
            each.where: each.octets for each in theirs
        }


def test_a_program_in_the_preamble_does_not_survive(tmp_path):
    octets = b"MZ" + bytes(range(126)) + SAMPLE.read_bytes()[128:]
    head = look(octets)
    assert head.preamble == part10.EXECUTABLE
    mine = tmp_path / "mine.dcm"
    meta = head.meta
    made = part10.head(meta.sop_class, meta.sop_instance, meta.transfer_syntax) + octets[head.data_set_offset :]
    mine.write_bytes(made)
    assert made[:128] == bytes(128) and run("/usr/bin/dcmftest", mine).startswith("yes")
