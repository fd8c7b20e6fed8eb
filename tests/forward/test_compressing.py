"""Objects go compressed where a destination is to have them so, and in the best other way where it refuses."""

import numpy
import pydicom
import pytest

from edge.dicom import syntax
from edge.spool.intake import Source
from tests.forward import stock
from tests.pixels import objects
from tests.support import samples
from tests.support.dcmtk import Storescp
from tests.support.process import wait_until
from tests.support.service import Service, destination

EXPLICIT, IMPLICIT, JPEG_LS = syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE, "1.2.840.10008.1.2.4.80"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_XL = "1.2.840.10008.1.2.4.110"


def put(spool, octets):
    """Take a Part 10 file in for the archive; return its number."""
    made = objects.read(octets)
    arrival = spool.intake.begin(
        made.SOPClassUID, made.SOPInstanceUID, made.file_meta.TransferSyntaxUID, Source("CT1", "EDGE", "127.0.0.1")
    )
    arrival.write(octets[samples.data_set_offset(octets) :])
    return arrival.commit(lambda facts: ["archive"]).object_id


def sent(tmp_path, octets, options, compress=JPEG_LS):
    """What storescp, run with `options`, kept of the object: a pydicom data set."""
    with stock.opened(tmp_path / "state") as spool:
        with Storescp(tmp_path / "got", bit_preserving=True, options=options, accept_all=False) as archive:
            put(spool, octets)
            with stock.working(spool, "archive", stock.to(archive.port, compress=compress)):
                stock.await_count(spool, "archive", "delivered", 1)
            wait_until(lambda: list((tmp_path / "got").iterdir()), 5, "the file")
    (path,) = (tmp_path / "got").iterdir()
    return pydicom.dcmread(path)


@pytest.fixture
def image():
    generator = numpy.random.default_rng(3)
    return numpy.cumsum(generator.integers(-3, 4, (120, 97)), axis=1).astype("i2")


@pytest.mark.parametrize(
    "stored, option, arrives",
    [
        ("explicit", "+xt", JPEG_LS),
        ("explicit", "+xr", EXPLICIT),
        ("explicit", "+xi", IMPLICIT),
        ("implicit", "+xt", JPEG_LS),
        ("deflated", "+xt", JPEG_LS),
        ("jpeg-lossless", "+xt", JPEG_LS),
        ("jpeg-lossless", "+xs", JPEG_LOSSLESS),
        ("jpeg-lossless", "+x=", EXPLICIT),
        ("rle", "+xi", IMPLICIT),
        ("jpeg-ls", "+xt", JPEG_LS),
    ],
)
def test_the_order_is_compressed_then_as_received_then_decompressed(tmp_path, image, stored, option, arrives):
    octets = objects.turned(objects.octets_of(objects.dataset(image)), stored)
    got = sent(tmp_path, octets, [option])
    assert got.file_meta.TransferSyntaxUID == arrives
    assert numpy.array_equal(got.pixel_array, image)
    assert got.SOPInstanceUID == "1.2.3.4"


def test_without_compress_a_compressed_object_is_decompressed_only_where_it_must(tmp_path, image):
    octets = objects.turned(objects.octets_of(objects.dataset(image)), "jpeg-ls")
    assert sent(tmp_path / "one", octets, ["+xt"], None).file_meta.TransferSyntaxUID == JPEG_LS
    got = sent(tmp_path / "other", octets, ["+x="], None)
    assert got.file_meta.TransferSyntaxUID == EXPLICIT
    assert numpy.array_equal(got.pixel_array, image)


def test_an_object_whose_codec_is_missing_is_held_with_that_reason(tmp_path, image):
    made = objects.dataset(image)
    made.PixelData = pydicom.encaps.encapsulate([b"\xff\x0a nobody here reads this"])
    with stock.opened(tmp_path / "state") as spool:
        with Storescp(tmp_path / "got", options=["+x="], accept_all=False) as archive:
            octets = objects.octets_of(made, JPEG_LS)
            number = put(spool, objects.raw(JPEG_XL, octets[samples.data_set_offset(octets) :]))
            with stock.working(spool, "archive", stock.to(archive.port, compress=JPEG_LS)):
                stock.await_count(spool, "archive", "held", 1)
        assert "there is no codec for JPEG XL" in stock.job_of(spool, "archive", number).why
    assert list((tmp_path / "got").iterdir()) == []


def test_what_cannot_be_compressed_goes_as_it_was_received(tmp_path, image):
    octets = objects.octets_of(objects.dataset(image.view("u2"), stored=12))  # with bits above the stored ones
    got = sent(tmp_path, octets, ["+xt"])
    assert got.file_meta.TransferSyntaxUID == EXPLICIT
    assert got.PixelData == image.tobytes()


def test_an_object_without_pixels_goes_as_it_was_received(tmp_path, image):
    made = objects.dataset(image)
    del made.PixelData
    assert sent(tmp_path, objects.octets_of(made), ["+xt"]).file_meta.TransferSyntaxUID == EXPLICIT


def test_a_large_object_that_fails_in_the_middle_goes_as_it_was_received_at_the_next_try(tmp_path):
    frames = numpy.zeros((12, 1024, 512), "u2")
    frames[-1, -1, -1] = 0x8000
    octets = objects.octets_of(objects.dataset(frames, stored=12, frames=12))
    got = sent(tmp_path, octets, ["+xt"])
    assert got.file_meta.TransferSyntaxUID == EXPLICIT
    assert got.PixelData == frames.tobytes()


def test_a_damaged_compressed_object_is_held_and_nothing_of_it_arrives(tmp_path, image):
    octets = objects.turned(objects.octets_of(objects.dataset(image)), "jpeg-ls")
    with stock.opened(tmp_path / "state") as spool:
        with Storescp(tmp_path / "got", options=["+x="], accept_all=False) as archive:
            made = objects.read(octets)
            made.PixelData = made.PixelData[:2000] + bytes(400) + made.PixelData[2400:]
            number = put(spool, objects.octets_of(made, JPEG_LS))
            with stock.working(spool, "archive", stock.to(archive.port)):
                stock.await_count(spool, "archive", "held", 1)
        assert "frame 1" in stock.job_of(spool, "archive", number).why
    assert list((tmp_path / "got").iterdir()) == []


def test_the_running_box_compresses_for_a_destination_that_is_to_have_it_so(tmp_path, image):
    (tmp_path / "ct.dcm").write_bytes(objects.octets_of(objects.dataset(image)))
    got = tmp_path / "got"
    with Storescp(got, options=["+xt"], accept_all=False) as archive:
        with Service(tmp_path / "box", [destination("archive", archive.port, compress="jpeg-ls")]) as box:
            box.edge("send", "archive", tmp_path / "ct.dcm")
            wait_until(lambda: {job["state"] for job in box.queue()} == {"delivered"}, 20, "the outcome")
    (path,) = got.iterdir()
    arrived = pydicom.dcmread(path)
    assert arrived.file_meta.TransferSyntaxUID == JPEG_LS
    assert numpy.array_equal(arrived.pixel_array, image)
