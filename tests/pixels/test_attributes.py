"""What stands around the pixels is right afterwards, and what would be lost without a word is refused or moved."""

import numpy
import pytest
from pydicom.sequence import Sequence
from pydicom.uid import UID

from edge.dicom import syntax
from edge.dicom.errors import DicomError, LocalError
from edge.pixels import binding
from edge.pixels.image import Image
from tests.pixels import objects

GENERATOR = numpy.random.default_rng(5)
SMALL = GENERATOR.integers(0, 4096, (12, 10)).astype("u2")
COLOUR = GENERATOR.integers(0, 256, (9, 11, 3)).astype("u1")


@pytest.mark.parametrize("name", ["rle", "jpeg-lossless", "jpeg-ls"])
def test_planar_pixels_come_back_colour_by_pixel_and_say_so(name):
    octets = objects.octets_of(objects.dataset(COLOUR, planar=1))
    there = objects.turned(octets, name)
    back = objects.turned(there, "explicit")
    assert objects.read(there).PlanarConfiguration == objects.read(back).PlanarConfiguration == 0
    assert objects.native(back) == COLOUR.tobytes()


def coded(pixels, image):
    """The JPEG-LS stream of pixels."""
    encoder = binding.JpegLsEncoder(image)
    encoder.begin()
    return bytes(encoder.code(bytes(pixels)))


def test_planar_jpeg_ls_streams_are_read():
    planes = numpy.ascontiguousarray(numpy.moveaxis(COLOUR, 2, 0))
    stream = coded(planes, Image(11, 9, 3, 8, 8, 0, 1))
    octets = encapsulated([stream], COLOUR, "1.2.840.10008.1.2.4.80")
    assert objects.native(objects.turned(octets, "explicit")) == COLOUR.tobytes()


def encapsulated(frames, pixels, uid, **more):
    from pydicom.encaps import encapsulate

    made = objects.dataset(pixels, **more)
    made.PixelData = encapsulate(frames)
    return objects.octets_of(made, UID(uid))


def test_palette_and_ybr_full_keep_their_photometric_interpretation():
    for photometric, pixels in (("PALETTE COLOR", COLOUR[:, :, 0]), ("YBR_FULL", COLOUR), ("MONOCHROME1", SMALL)):
        octets = objects.octets_of(objects.dataset(pixels, photometric=photometric))
        there = objects.turned(octets, "jpeg-ls")
        assert objects.read(there).PhotometricInterpretation == photometric
        assert objects.read(objects.turned(there, "explicit")).PhotometricInterpretation == photometric


def test_subsampled_native_colour_is_refused_in_words():
    made = objects.dataset(COLOUR[:8, :10], photometric="YBR_FULL_422")
    made.PixelData = bytes(8 * 10 * 2)
    with pytest.raises(LocalError, match="subsampled"):
        objects.turned(objects.octets_of(made), "jpeg-ls")
    assert objects.read(objects.turned(objects.octets_of(made), "implicit")).PixelData == made.PixelData


@pytest.mark.parametrize("name", ["jpeg-ls", "jpeg-lossless"])
def test_bits_that_no_element_explains_are_refused_and_kept_by_rle(name):
    pixels = SMALL.copy()
    pixels[3, 4] |= 0x8000
    octets = objects.octets_of(objects.dataset(pixels, stored=12))
    with pytest.raises(LocalError, match="frame 1: .*above"):
        objects.turned(octets, name)
    assert objects.native(objects.turned(objects.turned(octets, "rle"), "explicit")) == pixels.tobytes()


def test_signed_samples_whose_sign_was_not_extended_are_no_loss():
    values = GENERATOR.integers(-2048, 2048, (12, 10)).astype("i2")
    octets = objects.octets_of(objects.dataset(values & 0x0FFF, stored=12))
    back = objects.native(objects.turned(objects.turned(octets, "jpeg-ls"), "explicit"))
    assert back == values.tobytes()


@pytest.mark.parametrize("name", ["jpeg-ls", "jpeg-lossless"])
@pytest.mark.parametrize("big", [False, True])
def test_an_overlay_in_the_pixels_moves_out_into_overlay_data(name, big):
    frames = GENERATOR.integers(0, 4096, (3, 7, 9)).astype("u2")
    overlay = GENERATOR.integers(0, 2, (3, 7, 9)).astype("u2")
    made = objects.dataset(frames | overlay << 13, stored=12, frames=3)
    block = ((0x10, "US", 7), (0x11, "US", 9), (0x15, "IS", 3), (0x40, "CS", "G"), (0x50, "SS", [1, 1]),
             (0x100, "US", 16), (0x102, "US", 13))  # fmt: skip
    for number, vr, value in block:
        made.add_new(0x60020000 | number, vr, value)
    octets = objects.by_dcmconv_big(objects.octets_of(made)) if big else objects.octets_of(made)
    there, transcoding = objects.turned(octets, name, gives=True)
    got = objects.read(there)
    assert numpy.array_equal(objects.pixels(there), frames)
    assert (got[0x60020100].value, got[0x60020102].value) == (1, 0)
    seen = numpy.unpackbits(numpy.frombuffer(got[0x60023000].value, "u1"), bitorder="little")[: overlay.size]
    assert numpy.array_equal(seen, overlay.ravel())
    assert "6002" in transcoding.notes[0]
    back = objects.turned(objects.turned(octets, "rle"), "explicit")
    assert objects.native(back) == (frames | overlay << 13).tobytes()


def test_an_overlay_that_cannot_be_moved_out_is_refused():
    made = objects.dataset(SMALL, stored=12)
    for number, vr, value in ((0x10, "US", 3), (0x11, "US", 3), (0x100, "US", 16), (0x102, "US", 13)):
        made.add_new(0x60000000 | number, vr, value)
    with pytest.raises(LocalError, match="overlay of group 6000"):
        objects.turned(objects.octets_of(made), "jpeg-ls")


def test_a_high_bit_elsewhere_is_refused_in_words():
    made = objects.dataset(SMALL << 4, stored=12, HighBit=15)
    with pytest.raises(LocalError, match="High Bit is 15"):
        objects.turned(objects.octets_of(made), "jpeg-ls")


def test_floating_point_pixels_pass_native_and_are_refused_compressed():
    made = objects.dataset(SMALL)
    del made.PixelData
    made.FloatPixelData = numpy.arange(120, dtype="<f4").tobytes()
    octets = objects.octets_of(made)
    assert objects.read(objects.turned(octets, "implicit")).FloatPixelData == made.FloatPixelData
    with pytest.raises(LocalError, match="floating point"):
        objects.turned(octets, "jpeg-ls")


def test_an_object_without_pixels_is_refused_compressed_and_re_encoded_otherwise():
    made = objects.dataset(SMALL)
    del made.PixelData
    with pytest.raises(LocalError, match="no pixel data"):
        objects.turned(objects.octets_of(made), "rle")
    assert objects.read(objects.turned(objects.octets_of(made), "deflated")) == objects.read(objects.octets_of(made))


def test_a_native_icon_stays_as_it_is():
    icon = objects.dataset(COLOUR[:4, :4, 0])
    made = objects.dataset(SMALL, IconImageSequence=Sequence([icon]))
    there = objects.turned(objects.octets_of(made), "jpeg-ls")
    assert objects.read(there).IconImageSequence[0].PixelData == icon.PixelData
    assert objects.read(objects.turned(there, "explicit")) == objects.read(objects.octets_of(made))


def test_video_is_never_transcoded():
    octets = encapsulated([b"\0\0\1\xb3 a film"], COLOUR, "1.2.840.10008.1.2.4.100")
    for name in ("explicit", "jpeg-ls"):
        with pytest.raises(LocalError, match="never transcoded"):
            objects.turned(octets, name)


def test_deflated_output_has_an_even_length_whatever_it_holds():
    for length in range(1, 30):
        made = objects.dataset(SMALL, PatientComments="x" * length)
        octets = objects.turned(objects.octets_of(made), "deflated")
        assert len(octets) % 2 == 0
        assert objects.read(octets).PatientComments == "x" * length


def test_native_pixels_too_long_for_a_value_become_encapsulated_uncompressed(monkeypatch):
    from edge.pixels import plan

    frames = GENERATOR.integers(0, 4096, (3, 7, 9)).astype("u2")
    there = objects.turned(objects.octets_of(objects.dataset(frames, 12, frames=3)), "jpeg-ls")
    monkeypatch.setattr(plan, "LONGEST_VALUE", 300)
    octets, made = objects.turned(there, "explicit", gives=True)
    assert made.target.uid == syntax.ENCAPSULATED_UNCOMPRESSED and "too long" in made.notes[0]
    monkeypatch.undo()
    assert objects.native(objects.turned(octets, "explicit")) == frames.tobytes()


def test_group_lengths_are_dropped_and_a_lossy_past_is_kept():
    made = objects.dataset(SMALL, LossyImageCompression="01", LossyImageCompressionRatio="10")
    made.add_new(0x00080000, "UL", 44)
    got = objects.read(objects.turned(objects.octets_of(made), "jpeg-ls"))
    assert 0x00080000 not in got
    assert (got.LossyImageCompression, got.LossyImageCompressionRatio) == ("01", 10)
    assert got.SOPInstanceUID == "1.2.3.4"


def test_a_stream_of_other_dimensions_is_refused():
    stream = coded(bytes(120), Image(12, 10, 1, 8, 8, 0, 0))
    octets = encapsulated([stream], numpy.zeros((12, 10), "u1"), "1.2.840.10008.1.2.4.80")
    with pytest.raises(DicomError, match="12 x 10|larger"):
        objects.turned(octets, "explicit")


@pytest.mark.parametrize("missing", ["Rows", "Columns", "BitsAllocated"])
def test_pixels_without_their_description_are_refused(missing):
    made = objects.dataset(SMALL, 12)
    delattr(made, missing)
    with pytest.raises(DicomError, match="missing"):
        objects.turned(objects.octets_of(made), "rle")


def test_a_short_value_is_told(monkeypatch):
    made = objects.dataset(SMALL, 12)
    made.PixelData = made.PixelData[:-10]
    with pytest.raises(DicomError, match="230 octets of pixels, and 1 frames take 240"):
        objects.turned(objects.octets_of(made), "jpeg-ls")


