"""The same data set in another transfer syntax is the same object; anything that differs is not."""

import io
import os
import random
import resource
import subprocess
import tempfile
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian
from pydicom.uid import ImplicitVRLittleEndian

from edge.dicom import element, syntax
from edge.spool.compare import Comparison
from edge.spool.disk import Disk
from edge.spool.intake import CONFLICT, IDENTICAL
from tests.spool.data import CT, data_set, files_of, one, open_spool, receive
from tests.support import samples

JPEG_LS = "1.2.840.10008.1.2.4.80"
SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)


def image(bits=16, rows=40, columns=50):
    """A pydicom data set with numbers of every width, sequences within sequences and pixels."""
    ds = pydicom.Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CT, "1.2.3"
    ds.PatientID, ds.PatientName, ds.StudyInstanceUID = "4711", "Doe^Jane", "1.2"
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit = rows, columns, bits, bits, bits - 1
    ds.SamplesPerPixel, ds.PixelRepresentation, ds.PhotometricInterpretation = 1, 0, "MONOCHROME2"
    ds.add_new(0x00189087, "FD", [1.5, -2.25])
    ds.add_new(0x00720066, "LT", "text")
    ds.add_new(0x00280009, "AT", [0x00181063, 0x00181065])
    ds.add_new(0x00720074, "FD", 3.5)
    ds.add_new(0x00720078, "UL", 70000)
    inner, outer = pydicom.Dataset(), pydicom.Dataset()
    inner.ReferencedSOPInstanceUID = "1.9"
    inner.add_new(0x00720078, "UL", 3)
    outer.ReferencedSeriesSequence = [inner, pydicom.Dataset()]
    outer.StudyDate = "20260101"
    ds.ReferencedStudySequence = [outer]
    noise = random.Random(1)
    ds.add_new(0x7FE00010, "OW", noise.randbytes(rows * columns * bits // 8))
    return ds


OPTIONS = dict(zip(SYNTAXES, ("+ti", "+te", "+tb", "+td")))


def written(ds, uid):
    """The octets of a data set in an uncompressed transfer syntax, as DCMTK converts it."""
    with tempfile.TemporaryDirectory() as folder:
        file, converted = os.path.join(folder, "in"), os.path.join(folder, "out")
        ds.file_meta = pydicom.dataset.FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        pydicom.dcmwrite(file, ds, enforce_file_format=True)
        subprocess.run(["dcmconv", OPTIONS[uid], file, converted], check=True)
        octets = Path(converted).read_bytes()
    return octets[samples.data_set_offset(octets) :]


def same(tmp_path, ones, one_syntax, others, other_syntax, **more):
    """What the comparison says of two data sets, each octets and a transfer syntax."""
    sides = []
    for name, octets, uid in (("one", ones, one_syntax), ("other", others, other_syntax)):
        path = tmp_path / name
        path.write_bytes(b"head" + octets)
        sides.append((os.open(path, os.O_RDONLY), 4, len(octets), str(uid)))
    try:
        return Comparison(Disk(), **more).same(*sides)
    finally:
        for side in sides:
            os.close(side[0])


@pytest.mark.parametrize("first", SYNTAXES, ids=lambda uid: uid.name)
@pytest.mark.parametrize("second", SYNTAXES, ids=lambda uid: uid.name)
def test_a_data_set_is_the_same_in_every_uncompressed_syntax(tmp_path, first, second):
    ds = image()
    assert same(tmp_path, written(ds, first), first, written(ds, second), second)


@pytest.mark.parametrize("uid", SYNTAXES, ids=lambda uid: uid.name)
def test_one_pixel_makes_a_difference(tmp_path, uid):
    ds, other = image(), image()
    pixels = bytearray(other.PixelData)
    pixels[1001] ^= 1
    other.PixelData = bytes(pixels)
    assert not same(tmp_path, written(ds, ExplicitVRLittleEndian), ExplicitVRLittleEndian, written(other, uid), uid)


def test_one_element_more_makes_a_difference(tmp_path):
    ds, other = image(), image()
    other.PatientComments = "x"
    ones, others = written(ds, ExplicitVRLittleEndian), written(other, ImplicitVRLittleEndian)
    assert not same(tmp_path, ones, ExplicitVRLittleEndian, others, ImplicitVRLittleEndian)


def test_one_item_more_makes_a_difference(tmp_path):
    ds, other = image(), image()
    other.ReferencedStudySequence.append(pydicom.Dataset())
    ones, others = written(ds, ExplicitVRLittleEndian), written(other, ImplicitVRLittleEndian)
    assert not same(tmp_path, ones, ExplicitVRLittleEndian, others, ImplicitVRLittleEndian)


def test_an_element_in_an_item_is_not_the_same_as_one_behind_it(tmp_path):
    inside = one(0x00080060, "CS", "CT")
    first = element.write(0x00081110, "SQ", 8 + len(inside)) + element.write(element.ITEM, "", len(inside)) + inside
    second = element.write(0x00081110, "SQ", 8) + element.write(element.ITEM, "", 0) + inside
    implicit = element.write(0x00081110, "SQ", 18, False) + element.write(element.ITEM, "", 10)
    implicit += element.write(0x00080060, "CS", 2, False) + b"CT"
    assert same(tmp_path, first, syntax.EXPLICIT_LITTLE, implicit, syntax.IMPLICIT_LITTLE)
    assert not same(tmp_path, second, syntax.EXPLICIT_LITTLE, implicit, syntax.IMPLICIT_LITTLE)


def test_how_lengths_are_written_makes_no_difference(tmp_path):
    inside = one(0x00080060, "CS", "CT")
    defined = element.write(0x00081110, "SQ", 8 + len(inside)) + element.write(element.ITEM, "", len(inside)) + inside
    open_ended = (
        element.write(0x00081110, "SQ", element.UNDEFINED, False)
        + element.write(element.ITEM, "", element.UNDEFINED)
        + element.write(0x00080060, "CS", 2, False)
        + b"CT"
        + element.write(element.ITEM_END, "", 0)
        + element.write(element.SEQUENCE_END, "", 0)
    )
    assert same(tmp_path, defined, syntax.EXPLICIT_LITTLE, open_ended, syntax.IMPLICIT_LITTLE)


def test_group_lengths_and_padding_make_no_difference(tmp_path):
    plain = data_set("1.2.3")
    padded = element.write(0x00080000, "UL", 4) + b"\1\0\0\0" + plain + one(0xFFFCFFFC, "OB", bytes(10))
    implicit = written(pydicom.dcmread(io.BytesIO(plain), force=True), ImplicitVRLittleEndian)
    assert same(tmp_path, padded, syntax.EXPLICIT_LITTLE, implicit, syntax.IMPLICIT_LITTLE)


def test_a_data_set_that_is_cut_off_is_not_the_same(tmp_path):
    ds = image()
    ones, others = written(ds, ExplicitVRLittleEndian), written(ds, ImplicitVRLittleEndian)
    for cut in (1, 100, len(others) - 1):
        assert not same(tmp_path, ones, ExplicitVRLittleEndian, others[:cut], ImplicitVRLittleEndian)


def test_a_private_sequence_is_the_same_where_nothing_names_its_vr(tmp_path):
    ds, other = image(), image()
    for each, text in ((ds, "x"), (other, "y")):
        item = pydicom.Dataset()
        item.PatientComments = text
        each.add_new(0x00490010, "LO", "GEMS_CT_CARDIAC")
        each.add_new(0x00491001, "SQ", [item])
    ones = written(ds, ExplicitVRLittleEndian)
    for uid in SYNTAXES:
        assert same(tmp_path, ones, ExplicitVRLittleEndian, written(ds, uid), uid)
        assert not same(tmp_path, ones, ExplicitVRLittleEndian, written(other, uid), uid)


def test_a_private_value_that_begins_like_a_sequence_need_not_be_one(tmp_path):
    value = bytes.fromhex("feff00e0") + b"nothing of the kind."
    explicit = one(0x00080060, "CS", "CT") + one(0x00491001, "UN", value)
    implicit = element.write(0x00080060, "CS", 2, False) + b"CT"
    implicit += element.write(0x00491001, "UN", len(value), False) + value
    assert same(tmp_path, explicit, syntax.EXPLICIT_LITTLE, implicit, syntax.IMPLICIT_LITTLE)


# What DCMTK changes on the way: padding of values, an order of elements that was wrong
REWRITTEN = {"winter.dcm", "SC_rgb_gdcm2k_uncompressed.dcm", "gdcm-US-ALOKA-16.dcm"}


def test_every_sample_of_pydicom_is_the_same_after_dcmtk_has_converted_it(tmp_path):
    compared, differing = 0, set()
    for sample in samples.readable():
        if sample.transfer_syntax not in SYNTAXES:
            continue
        to = ExplicitVRLittleEndian if sample.transfer_syntax == ImplicitVRLittleEndian else ImplicitVRLittleEndian
        (tmp_path / "in").write_bytes(samples.part_10(sample))
        done = subprocess.run(["dcmconv", "-q", OPTIONS[to], tmp_path / "in", tmp_path / "out"], check=False)
        if done.returncode != 0:
            continue  # cut off: DCMTK does not read it
        octets = (tmp_path / "out").read_bytes()
        converted = octets[samples.data_set_offset(octets) :]
        if same(tmp_path, sample.data_set, sample.transfer_syntax, converted, to):
            compared += 1
        else:
            differing.add(sample.path.name)
    assert differing == REWRITTEN
    assert compared > 150


# Compressed


def test_without_a_decoder_a_compressed_one_is_another_object(tmp_path):
    octets = data_set("1.2.3")
    assert not same(tmp_path, octets, syntax.EXPLICIT_LITTLE, octets, JPEG_LS)


def test_a_decoder_decides_over_compressed_ones(tmp_path):
    octets = data_set("1.2.3")
    asked = []

    def decoder(ones, others):
        asked.append((ones[3], others[3]))
        return True

    assert same(tmp_path, octets, syntax.EXPLICIT_LITTLE, octets, JPEG_LS, same_decoded=decoder)
    assert asked == [(syntax.EXPLICIT_LITTLE, JPEG_LS)]


# In the spool


def test_an_object_that_comes_again_in_another_syntax_is_one_object(spool):
    ds = image()
    receive(spool, "1.2.3", written(ds, ExplicitVRLittleEndian))
    for uid in SYNTAXES:
        assert receive(spool, "1.2.3", written(ds, uid), transfer_syntax=str(uid)).verdict == IDENTICAL
    assert len(files_of(spool.path)) == 1


def test_a_compressed_copy_is_kept_and_held_and_the_reason_is_said(spool):
    receive(spool, "1.2.3")
    assert receive(spool, "1.2.3", transfer_syntax=JPEG_LS).verdict == CONFLICT
    (held,) = spool.objects(held=True)
    assert "decode" in held.why
    assert len(files_of(spool.path)) == 2


def test_a_spool_with_a_decoder_asks_it(tmp_path):
    spool = open_spool(tmp_path / "state", same_decoded=lambda ones, others: True)
    receive(spool, "1.2.3")
    assert receive(spool, "1.2.3", transfer_syntax=JPEG_LS).verdict == IDENTICAL
    spool.close()


def test_comparing_needs_no_more_memory_for_a_large_data_set(tmp_path):
    def compared(mebibytes):
        pixels = os.urandom(1 << 20) * mebibytes
        little = one(0x00080060, "CS", "CT") + element.write(0x7FE00010, "OW", len(pixels)) + pixels
        implicit = element.write(0x00080060, "CS", 2, False) + b"CT"
        implicit += element.write(0x7FE00010, "OW", len(pixels), False) + pixels
        (tmp_path / "one").write_bytes(little)
        (tmp_path / "other").write_bytes(implicit)
        sizes = len(little), len(implicit)
        del pixels, little, implicit
        pid = os.fork()
        if pid == 0:  # in a process of its own, whose peak is nobody else's
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            sides = [
                (os.open(tmp_path / name, os.O_RDONLY), 0, size, uid)
                for name, size, uid in zip(("one", "other"), sizes, (syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE))
            ]
            told = Comparison(Disk()).same(*sides)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            os._exit(0 if told and grown < 4096 else 1)
        return os.waitpid(pid, 0)[1] == 0

    assert compared(1)
    assert compared(96)
