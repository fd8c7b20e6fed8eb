"""Objects of every shape come through every codec of ours, and software that is not ours reads them alike."""

import subprocess

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.dicom.errors import DicomError
from edge.pixels import plan, registry
from tests.pixels import objects

NAMES = ("rle", "jpeg-lossless", "jpeg-lossless-57", "jpeg-ls")

SIZES = st.one_of(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from([(1, 1), (1, 300), (300, 1), (1, 65535), (2, 65535), (31, 33)]),
)


@st.composite
def images(draw):
    """(array, Bits Stored, Planar Configuration): any size, depth, sign and kind of content."""
    rows, columns = draw(SIZES)
    colour = draw(st.booleans()) and rows * columns < 70000
    octets = 1 if colour else draw(st.sampled_from([1, 2]))
    stored = draw(st.integers(2, 8 * octets))
    signed = not colour and draw(st.booleans())
    kind = draw(st.sampled_from(["noise", "flat", "ramp", "extremes"]))
    shape = (rows, columns, 3) if colour else (rows, columns)
    generator = numpy.random.default_rng(draw(st.integers(0, 1000)))
    low, high = (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)
    if kind == "noise":
        pixels = generator.integers(low, high, shape, endpoint=True)
    elif kind == "flat":
        pixels = numpy.full(shape, draw(st.sampled_from([low, high, (low + high) // 2])))
    elif kind == "ramp":
        pixels = low + numpy.arange(numpy.prod(shape)).reshape(shape) % (high - low + 1)
    else:
        pixels = numpy.where(generator.integers(0, 2, shape) == 1, low, high)
    return pixels.astype(("i%d" if signed else "u%d") % octets), stored, draw(st.integers(0, 1)) if colour else 0


@given(images(), st.sampled_from(NAMES))
@settings(max_examples=120, deadline=None)
def test_any_image_comes_back_and_pydicom_decodes_the_same(image, name):
    pixels, stored, planar = image
    octets = objects.octets_of(objects.dataset(pixels, stored, planar))
    there = objects.turned(octets, name)
    assert objects.native(objects.turned(there, "explicit")) == pixels.tobytes()
    assert objects.native(objects.turned(objects.streamed(octets, name), "explicit")) == pixels.tobytes()
    assert numpy.array_equal(numpy.squeeze(objects.pixels(there)), numpy.squeeze(pixels))


SHAPES = {
    "8 bits": ((33, 41), "u1", 8, None),
    "12 of 16": ((40, 31), "u2", 12, None),
    "7 of 16": ((40, 31), "u2", 7, None),
    "16": ((17, 64), "u2", 16, None),
    "signed 16": ((17, 63), "i2", 16, None),
    "signed 12 of 16": ((17, 63), "i2", 12, None),
    "RGB": ((23, 29, 3), "u1", 8, None),
    "frames": ((5, 16, 13), "u2", 12, 5),
    "odd frames": ((3, 7, 9), "u1", 8, 3),
}


def shaped(label):
    shape, kind, stored, frames = SHAPES[label]
    generator = numpy.random.default_rng(len(label))
    low = -(1 << stored - 1) if kind.startswith("i") else 0
    return generator.integers(low, low + (1 << stored), shape).astype(kind), stored, frames


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("label", SHAPES)
def test_two_foreign_decoders_agree_on_what_we_write(label, name):
    pixels, stored, frames = shaped(label)
    there = objects.turned(objects.octets_of(objects.dataset(pixels, stored, frames=frames)), name)
    # JPEG-LS carries no sign: these two leave it to whoever shows the pixels
    wanted = (pixels & 0xFFF if (label, name) == ("signed 12 of 16", "jpeg-ls") else pixels).tobytes()
    assert objects.by_dcmtk(there, name) == wanted, "DCMTK"
    assert objects.by_gdcm(there) == wanted, "GDCM"
    if name == "jpeg-ls":
        mask = (1 << stored) - 1
        seen = objects.by_charls(there).astype("u4") & mask
        assert numpy.array_equal(seen.ravel(), pixels.ravel().astype("i8") & mask), "CharLS"
    elif name == "rle":
        assert objects.pixels(there).tobytes() == pixels.tobytes(), "pylibjpeg-rle"
    else:
        assert numpy.array_equal(objects.by_libjpeg(there).astype(pixels.dtype).ravel(), pixels.ravel()), "libjpeg"


@pytest.mark.parametrize("name", [*NAMES, "implicit", "jpeg-ls-near"])
def test_dcmdump_and_dciodvfy_find_no_fault_with_what_we_write(tmp_path, name):
    pixels, stored, frames = shaped("12 of 16")
    path = tmp_path / "it.dcm"
    path.write_bytes(objects.turned(objects.octets_of(objects.dataset(pixels, stored)), name))
    said = subprocess.run(["dcmdump", "-q", path], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")
    before = tmp_path / "before.dcm"
    before.write_bytes(objects.octets_of(objects.dataset(pixels, stored)))
    faults = [set(errors(each)) for each in (before, path)]
    assert faults[1] - faults[0] == set()


@pytest.mark.parametrize("name", ["encapsulated-uncompressed", "deflated"])
def test_dcmdump_reads_what_dciodvfy_does_not_know(tmp_path, name):
    pixels, stored, frames = shaped("12 of 16")
    path = tmp_path / "it.dcm"
    path.write_bytes(objects.turned(objects.octets_of(objects.dataset(pixels, stored)), name))
    said = subprocess.run(["dcmdump", "-q", path], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")


def errors(path):
    said = subprocess.run(["dciodvfy", path], capture_output=True, text=True)
    for line in said.stderr.splitlines():
        if line.startswith("Error"):
            yield line


@pytest.mark.parametrize("name", [codec.name for codec in registry.CODECS if codec.encodes])
def test_every_way_there_and_back_keeps_all_elements(name):
    pixels, stored, frames = shaped("frames")
    if not registry.encodes(registry.named(name).uid) or not registry.named(name).lossless:
        with pytest.raises(DicomError):
            objects.streamed(objects.octets_of(objects.dataset(pixels, stored, frames=frames)), name)
        return
    octets = objects.octets_of(objects.dataset(pixels, stored, frames=frames, SmallestImagePixelValue=3))
    back = objects.turned(objects.turned(octets, name), "explicit")
    before, after = objects.read(octets), objects.read(back)
    assert after == before


@pytest.mark.parametrize("one", NAMES)
@pytest.mark.parametrize("other", ["rle", "jpeg-ls", "implicit", "deflated"])
def test_from_one_compressed_syntax_straight_into_another(one, other):
    pixels, stored, frames = shaped("frames")
    octets = objects.octets_of(objects.dataset(pixels, stored, frames=frames))
    there = objects.turned(objects.turned(octets, one), other)
    assert objects.native(objects.turned(there, "explicit")) == pixels.tobytes()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_frames_stay_in_order_however_many_are_under_way(threads):
    generator = numpy.random.default_rng(1)
    pixels = generator.integers(0, 4096, (40, 64, 50)).astype("u2")
    pixels[::3] = 5  # some are done much sooner
    octets = objects.octets_of(objects.dataset(pixels, 12, frames=40))
    there = objects.turned(octets, "jpeg-ls", threads=threads)
    assert there[200:] == objects.turned(octets, "jpeg-ls")[200:]
    assert objects.native(objects.turned(there, "explicit", threads=threads)) == pixels.tobytes()


@pytest.mark.parametrize("name", ["jpeg-ls", "jpeg-lossless", "rle"])
@pytest.mark.parametrize("shape", [(1200, 700), (2400, 1)])
def test_a_single_large_frame_goes_by_rows_to_the_same_end(name, shape, monkeypatch):
    from edge.pixels import flow

    pixels = numpy.cumsum(numpy.random.default_rng(2).integers(-2, 3, shape), axis=0).astype("u2") & 0x3FFF
    octets = objects.octets_of(objects.dataset(pixels, 14))
    monkeypatch.setattr(flow, "ROWS_ABOVE_OCTETS", 1000)
    monkeypatch.setattr(flow, "GATHERED_OCTETS", 1000)
    there = objects.turned(octets, name)
    assert numpy.array_equal(numpy.squeeze(objects.pixels(there)), numpy.squeeze(pixels))
    assert objects.native(objects.turned(there, "explicit")) == pixels.tobytes()
    again = objects.turned(there, "jpeg-lossless" if name == "jpeg-ls" else "jpeg-ls")
    assert objects.native(objects.turned(again, "explicit")) == pixels.tobytes()


def test_a_stopped_transcoding_ends_within_the_frame():
    from edge.dicom import syntax
    from edge.pixels import transcode
    from edge.pixels.binding import Stopped

    pixels = numpy.random.default_rng(1).integers(0, 4096, (900, 900)).astype("u2")
    octets = objects.octets_of(objects.dataset(pixels, 12))
    with objects.Opened(octets) as found:
        made = transcode.Transcoding(found.chunks, syntax.lookup(objects.EXPLICIT), "jpeg-ls")
        parts = made.parts()
        next(parts)
        made.stop()
        with pytest.raises(Stopped):
            list(parts)


def test_near_lossless_makes_a_new_object_that_says_what_was_done_to_it():
    pixels, stored, _ = shaped("12 of 16")
    octets = objects.octets_of(objects.dataset(pixels, stored, SmallestImagePixelValue=0, LossyImageCompression="00"))
    there, made = objects.turned(octets, "jpeg-ls-near", gives=True, near=3)
    got = objects.read(there)
    assert numpy.abs(objects.pixels(there).astype(int) - pixels).max() == 3
    assert got.SOPInstanceUID == got.file_meta.MediaStorageSOPInstanceUID == made.sop_instance
    assert got.SOPInstanceUID.startswith("2.25.")
    assert (got.LossyImageCompression, got.LossyImageCompressionMethod) == ("01", "ISO_14495_1")
    fragment = objects.generate_frames(got.PixelData, number_of_frames=1)
    assert abs(got.LossyImageCompressionRatio - pixels.nbytes / len(next(fragment))) < 0.01
    assert list(got.ImageType) == ["DERIVED", "PRIMARY"]
    assert "3" in got.DerivationDescription
    assert got.DerivationCodeSequence[0].CodeValue == "113040"
    assert got.SourceImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"
    assert "SmallestImagePixelValue" not in got
    theirs = numpy.frombuffer(objects.by_dcmtk(there, "jpeg-ls-near"), "u2")
    assert numpy.abs(theirs - pixels.ravel().astype(int)).max() == 3


def test_lossy_htj2k_says_that_it_is_irreversible_and_how_far_samples_may_be_off():
    pixels, stored, _ = shaped("12 of 16")
    there = objects.turned(objects.octets_of(objects.dataset(pixels, stored)), "htj2k-203")
    said = "High-Throughput JPEG 2000, irreversible, no sample off by more than 8"
    assert objects.read(there).DerivationDescription == said
    assert numpy.abs(objects.pixels(objects.turned(there, "explicit")).astype(int) - pixels).max() <= 8


@pytest.mark.parametrize("bits, most", [(1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (12, 8), (16, 8)])
def test_how_far_samples_may_be_off_is_little_of_their_range(bits, most):
    assert plan.irreversible_loss(bits) == most


def test_a_second_lossy_step_is_added_to_the_first():
    pixels, stored, _ = shaped("12 of 16")
    octets = objects.octets_of(objects.dataset(pixels, stored))
    once = objects.turned(octets, "jpeg-ls-near")
    got = objects.read(objects.turned(objects.turned(once, "explicit"), "jpeg-ls-near"))
    assert len(got.LossyImageCompressionRatio) == 2
    assert list(got.LossyImageCompressionMethod) == ["ISO_14495_1"] * 2
    assert len(got.SourceImageSequence) == len(got.DerivationCodeSequence) == 2


@pytest.mark.parametrize("label", ["signed 16", "signed 12 of 16"])
def test_near_lossless_is_refused_for_signed_samples_in_words(label):
    pixels, stored, _ = shaped(label)
    with pytest.raises(DicomError, match="signed samples wrap around"):
        objects.turned(objects.octets_of(objects.dataset(pixels, stored)), "jpeg-ls-near")
