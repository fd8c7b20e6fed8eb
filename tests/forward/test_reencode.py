"""A data set keeps every element and every pixel on its way into another uncompressed transfer syntax."""

import io
import subprocess
import zlib

import numpy
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from edge.demo import phantom
from edge.dicom import part10, syntax
from edge.dicom.errors import DicomError, LimitError, PeerError
from edge.forward.reencode import TARGETS, reencode
from tests.support import samples

EXPLICIT, IMPLICIT = syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE
BIG, DEFLATED = syntax.EXPLICIT_BIG, syntax.DEFLATED_LITTLE

# Samples that end in the middle of something
BROKEN = {"MR_truncated.dcm", "rtplan_truncated.dcm"}

WAYS = [(source, target) for source, targets in TARGETS.items() for target in targets]


def cut(octets, size):
    return (octets[at : at + size] for at in range(0, len(octets), size))


def turned(octets, source, target, size=65536):
    """The data set `octets` re-encoded, as bytes."""
    return b"".join(bytes(part) for part in reencode(cut(octets, size), source, target))


def written(data_set, uid):
    """A pydicom data set as octets in transfer syntax `uid`."""
    file = io.BytesIO()
    data_set = pydicom.dcmread(io.BytesIO(_as_file(data_set)), force=True)
    known = syntax.lookup(uid)
    if not known.little:
        data_set.walk(_swap)  # pydicom writes these octets as they are
    pydicom.filewriter.write_dataset(_writer(file, known), data_set)
    octets = file.getvalue()
    if known.deflated:
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        octets = packer.compress(octets) + packer.flush()
        octets += b"\0" * (len(octets) & 1)
    return octets


def _swap(_, element):
    width = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}.get(element.VR)
    if width:
        element.value = numpy.frombuffer(element.value, f"<u{width}").astype(f">u{width}").tobytes()


def _as_file(data_set):
    file = io.BytesIO()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    data_set.save_as(file, enforce_file_format=False, implicit_vr=False, little_endian=True)
    return file.getvalue()


def _writer(file, known):
    target = pydicom.filebase.DicomIO(file)
    target.is_little_endian = known.little
    target.is_implicit_VR = not known.explicit
    return target


def read(octets, uid):
    known = syntax.lookup(uid)
    assert not known.deflated
    return pydicom.dcmread(io.BytesIO(part10.head("1.2", "1.3", uid) + octets))


def rich():
    """A data set with every kind of VR, and sequences in sequences."""
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    made.SOPInstanceUID = "1.2.3.4"
    made.PatientName = "Ä^Б"
    made.Rows, made.Columns = 3, 5
    made.PixelRepresentation = 1
    made.SmallestImagePixelValue = -7
    made.BitsAllocated = 16
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.BitsStored, made.HighBit = 16, 15
    made.FrameIncrementPointer = [0x00181063, 0x00181065]
    made.ReferencePixelX0 = -300000
    made.RegionLocationMinX0 = 4000000000
    made.PhysicalDeltaX = 0.1
    made.add_new(0x00189074, "DT", "20260105081500.000000")
    made.add_new(0x00660016, "OF", numpy.arange(6, dtype="<f4").tobytes())
    made.add_new(0x00720075, "OL", numpy.arange(6, dtype="<u4").tobytes())
    made.add_new(0x00720073, "OD", numpy.arange(3, dtype="<f8").tobytes())
    made.add_new(0x7FE00001, "OV", numpy.arange(3, dtype="<u8").tobytes())
    made.add_new(0x00720082, "SV", [-(2**40), 2**50])
    made.add_new(0x00720083, "UV", [2**63])
    made.add_new(0x00091001, "OB", b"\1\2\3\4")
    made.add_new(0x00090010, "LO", "EDGE TEST")
    made.add_new(0x00091002, "UN", b"\5\6\7\10")
    inner = Dataset()
    inner.CodeValue, inner.CodeMeaning = "A", "Б" * 40
    inner.add_new(0x00281201, "OW", b"\1\0\2\0")
    outer = Dataset()
    outer.ProcedureCodeSequence = Sequence([inner, Dataset()])
    made.RequestAttributesSequence = Sequence([outer, outer])
    made.ReferencedImageSequence = Sequence([])
    made.PixelData = numpy.arange(15, dtype="<i2").tobytes() + b""
    made["PixelData"].VR = "OW"
    return made


def as_seen(data_set):
    """All elements as (path, VR, value), of one meaning whatever the encoding."""
    seen = []

    def look(items, path):
        for element in items:
            if element.VR == "SQ":
                seen.append((*path, element.tag, "SQ", len(element.value)))
                for number, item in enumerate(element.value):
                    look(item, (*path, element.tag, number))
            else:
                seen.append((*path, element.tag, element.VR, element.value))

    look(data_set, ())
    return seen


def alike(one, other):
    """Compare values; OB and OW are one where implicit VR is involved, and so are UN and the VR a dictionary gives."""
    assert [each[:-2] for each in one] == [each[:-2] for each in other]
    for mine, theirs in zip(one, other):
        if "UN" in (mine[-2], theirs[-2]) and mine[-2] != theirs[-2]:
            continue
        assert mine[-1] == theirs[-1], mine[:-1]


@pytest.mark.parametrize("source, target", WAYS)
@pytest.mark.parametrize("size", [1, 7, 65536])
def test_every_element_keeps_its_value(source, target, size):
    octets = written(rich(), source)
    alike(as_seen(read(turned(octets, source, target, size), target)), as_seen(rich()))


@pytest.mark.parametrize("size", [3, 65536])
def test_long_values_are_swapped_across_chunks_and_never_held(size):
    made = Dataset()
    made.add_new(0x00660016, "OF", numpy.arange(50_000, dtype="<f4").tobytes())
    made.add_new(0x7FE00010, "OW", numpy.arange(60_000, dtype="<u2").tobytes())
    octets = written(made, BIG)
    found = read(turned(octets, BIG, EXPLICIT, size), EXPLICIT)
    assert found[0x00660016].value == made[0x00660016].value
    assert found[0x7FE00010].value == made[0x7FE00010].value


def test_a_deflated_data_set_comes_out_as_it_was_deflated():
    octets = written(rich(), EXPLICIT)
    packed = written(rich(), DEFLATED)
    assert turned(packed, DEFLATED, EXPLICIT, 11) == octets


def test_a_deflated_bomb_stops_at_the_limit():
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = b"\x09\x00\x01\x10OB\0\0\xff\xff\xff\x7f"
    packed = packer.compress(head + bytes(10_000_000)) + packer.flush()
    for target in TARGETS[DEFLATED]:
        with pytest.raises(LimitError):
            for part in reencode(cut(packed, 1000), DEFLATED, target, 1_000_000):
                assert len(part) <= 65536


def test_compressed_pixels_under_an_uncompressed_syntax_are_refused():
    octets = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    with pytest.raises(PeerError, match="compressed"):
        turned(octets, EXPLICIT, IMPLICIT)


@pytest.mark.parametrize("cut_at", [10, 200])
def test_a_truncated_data_set_is_an_error_and_not_a_shorter_one(cut_at):
    octets = written(rich(), EXPLICIT)
    with pytest.raises(DicomError):
        turned(octets[:-cut_at], EXPLICIT, IMPLICIT)


@pytest.mark.parametrize("modality", phantom.MAKERS)
def test_pixels_of_phantoms_are_the_same_there_and_back(modality):
    small = {"CT": {"size": 64}, "MR": {"size": 64}, "CR": {"size": 64}, "US": {"size": 64, "frames": 2}}[modality]
    made = phantom.MAKERS[modality](phantom.study(modality), **small)
    implicit = turned(made.data_set, EXPLICIT, IMPLICIT)
    assert read(implicit, IMPLICIT).PixelData == made.data_set[made.pixels]
    again = turned(implicit, IMPLICIT, EXPLICIT)
    alike(as_seen(read(again, EXPLICIT)), as_seen(read(made.data_set, EXPLICIT)))


def lost_vr(words):
    """Whether a difference is only that implicit VR cannot say which VR a value has."""
    one, slash, other = words.split()[1].partition("/")
    return bool(slash) and one != other


def test_pydicom_reads_the_same_from_its_own_samples_turned():
    turned_count = 0
    for sample in samples.readable():
        for target in TARGETS.get(sample.transfer_syntax, ()):
            where = f"{sample.path.name} as {syntax.lookup(target).name}"
            try:
                made = turned(sample.data_set, sample.transfer_syntax, target)
            except DicomError as error:
                assert sample.path.name in BROKEN, f"{where}: {error}"
                continue
            before = samples.read(io.BytesIO(samples.part_10(sample)))
            after = samples.read(io.BytesIO(part10.head("1.2", "1.3", target) + made))
            big_endian = (sample.transfer_syntax == BIG, False)
            said = samples.differences(before, after, big_endian=big_endian)
            assert [words for words in said if not (target == IMPLICIT and lost_vr(words))] == [], where
            turned_count += 1
    assert turned_count > 60


@pytest.mark.parametrize("option, uid", [("+tb", BIG), ("+ti", IMPLICIT), ("+td", DEFLATED)])
def test_what_dcmconv_makes_of_a_phantom_comes_back_as_it_was(option, uid, tmp_path):
    made = phantom.ct(phantom.study("CT"), size=64)
    path, converted = phantom.save(made, tmp_path), tmp_path / "converted.dcm"
    subprocess.run(["dcmconv", option, path, converted], check=True)
    octets = converted.read_bytes()
    head = part10.HeadReader()
    head.feed(octets)
    back = turned(octets[head.data_set_offset :], uid, EXPLICIT)
    alike(as_seen(read(back, EXPLICIT)), as_seen(read(made.data_set, EXPLICIT)))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(WAYS), st.integers(1, 50))
def test_any_octets_give_octets_or_a_dicom_error(octets, way, size):
    try:
        turned(octets, *way, size)
    except DicomError:
        pass
