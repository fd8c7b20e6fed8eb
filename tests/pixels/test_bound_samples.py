"""Every sample of pydicom's in JPEG 2000 and JPEG decodes to what foreign decoders make of it."""

import imagecodecs
import numpy
import pytest
from pydicom.pixels import get_decoder

from edge.dicom.errors import PeerError
from edge.pixels.image import Image
from edge.pixels.limited import Decoders
from tests.pixels import material
from tests.support import samples

SAMPLES = [sample for sample in map(material.read, material.paths()) if sample]
J2K = [sample for sample in SAMPLES if sample.syntax in (material.J2K, material.J2K_LOSSY)]
JPEG = [sample for sample in SAMPLES if sample.syntax in (material.JPEG, material.JPEG_EXTENDED)]
BROKEN = {"emri_small_jpeg_2k_lossless_too_short.dcm", "JPEG2000-embedded-sequence-delimiter.dcm"}
TWELVE = {"JPGExtended.dcm", "JPEG-lossy.dcm"}


@pytest.fixture(scope="module")
def decoders():
    with Decoders() as made:
        yield made


def name(sample):
    return sample.path.name


def test_there_are_samples_of_each_kind():
    assert len(J2K) >= 17 and len(JPEG) >= 14


@pytest.mark.parametrize("sample", [each for each in J2K if name(each) not in BROKEN], ids=name)
def test_a_jpeg_2000_sample_becomes_the_pixels_that_openjpeg_in_imagecodecs_makes(decoders, sample):
    for frame in sample.frames:
        ours = material.array(decoders.decode("j2k", frame, sample.image), sample.image)
        theirs = imagecodecs.jpeg2k_decode(frame)
        if theirs.dtype != ours.dtype:  # the stream and the data set disagree on the sign: the sign bit is the stream's
            depth = 32 - _depth(frame)
            theirs = (theirs.astype("i4") << depth >> depth).astype(ours.dtype)
        difference = numpy.abs(ours.astype("i4") - theirs.astype("i4")).max()
        # Lossy streams pass through floating point, where two versions round apart.
        assert difference <= (1 if sample.syntax == material.J2K_LOSSY else 0)


@pytest.mark.parametrize("sample", [each for each in J2K if name(each) not in BROKEN], ids=name)
def test_a_jpeg_2000_sample_becomes_the_pixels_that_gdcm_makes(decoders, sample):
    samples.quiet()
    ours = material.array(decoders.decode("j2k", sample.frames[0], sample.image), sample.image)
    theirs, _ = get_decoder(sample.syntax).as_array(sample.dataset, index=0, decoding_plugin="gdcm", raw=True)
    difference = numpy.abs(ours.astype("i4") - theirs.astype("i4")).max()
    assert difference <= (1 if sample.syntax == material.J2K_LOSSY else 0)


def test_a_sample_whose_stream_contradicts_its_data_set_is_refused(decoders):
    sample = next(each for each in J2K if name(each) == "JPEG2000-embedded-sequence-delimiter.dcm")
    with pytest.raises(PeerError, match="the data set says 256 x 1024 with 1 samples a pixel, the stream 3722445056"):
        decoders.decode("j2k", sample.frames[0], sample.image)


@pytest.mark.parametrize("sample", [each for each in JPEG if name(each) not in TWELVE], ids=name)
def test_a_jpeg_sample_keeps_the_colours_of_its_stream(decoders, sample):
    for frame in sample.frames:
        ours = material.array(decoders.decode("jpeg", frame, sample.image), sample.image)
        wanted = {"outcolorspace": "YCBCR"} if _is_ycbcr(frame, sample.image) else {}
        theirs = imagecodecs.jpeg8_decode(frame, **wanted)
        assert numpy.array_equal(ours, theirs)


@pytest.mark.parametrize("sample", [each for each in JPEG if name(each) not in TWELVE], ids=name)
def test_a_jpeg_sample_becomes_rgb_where_that_is_asked(decoders, sample):
    ours = material.array(decoders.decode("jpeg", sample.frames[0], sample.image, rgb=True), sample.image)
    assert numpy.array_equal(ours, imagecodecs.jpeg8_decode(sample.frames[0]))


@pytest.mark.parametrize("sample", [each for each in JPEG if name(each) in TWELVE], ids=name)
def test_a_jpeg_sample_of_twelve_bits_is_what_libjpeg_turbo_3_makes_of_it(decoders, sample):
    ours = material.array(decoders.decode("jpeg", sample.frames[0], sample.image), sample.image)
    theirs = imagecodecs.jpeg8_decode(sample.frames[0])
    difference = numpy.abs(ours.astype("i4") - theirs.astype("i4"))
    assert difference.max() <= 1 and (difference != 0).mean() < 0.02  # theirs rounds in integers, twice


@pytest.mark.parametrize("subsampling", ["444", "422", "420"])
def test_colour_of_twelve_bits_is_decoded_too(decoders, subsampling):
    image = Image(97, 61, 3, 16, 12, 0, 0)
    pixels = material.array(material.picture(image, 0.01), image)
    stream = imagecodecs.jpeg8_encode(pixels, level=95, bitspersample=12, subsampling=subsampling)
    ours = material.array(decoders.decode("jpeg", stream, image), image)
    difference = numpy.abs(ours.astype("i4") - imagecodecs.jpeg8_decode(stream, outcolorspace="YCBCR").astype("i4"))
    assert difference[..., 0].max() <= 1
    # Fewer samples of the colours are repeated here and interpolated there.
    assert difference[..., 1:].max() <= (1 if subsampling == "444" else 80)
    with pytest.raises(PeerError, match="colours of 12 bits are given as they are, not as RGB"):
        decoders.decode("jpeg", stream, image, rgb=True)


def _depth(frame):
    at = frame.index(b"\xff\x4f\xff\x51")
    return (frame[at + 42] & 0x7F) + 1


def _is_ycbcr(frame, image):
    """Whether a stream of three components says YCbCr, as libjpeg's rules have it."""
    if image.components != 3:
        return False
    adobe, frame_at = frame.find(b"Adobe"), max(frame.find(b"\xff\xc0"), frame.find(b"\xff\xc1"))
    if b"JFIF" in frame[:40]:
        return True
    if adobe > 0 and int.from_bytes(frame[adobe - 2 : adobe], "big") >= 14:  # a shorter one counts for nothing
        return frame[adobe + 11] == 1
    return bytes(frame[frame_at + 10 : frame_at + 19 : 3]) != b"RGB"
