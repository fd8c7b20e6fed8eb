"""Every compressed sample of pydicom decodes here to what software that is not ours makes of it."""

import imagecodecs
import numpy
import pytest
from pydicom.encaps import generate_frames

from edge.dicom import syntax
from edge.dicom.errors import DicomError
from edge.pixels import registry
from tests.pixels import objects
from tests.support import samples

# Samples that are broken on purpose: what is wrong with them has to be said
BROKEN = {
    "MR_truncated.dcm", "emri_small_jpeg_2k_lossless_too_short.dcm", "SC_rgb_jpeg_no_color_transform.dcm",
    "bad_sequence.dcm", "badVR.dcm", "JPEG2000-embedded-sequence-delimiter.dcm",
}  # fmt: skip
# Of 12 bits: pydicom's plugins cannot decode them, and libjpeg-turbo 3 rounds in integers, twice
TWELVE = {"JPGExtended.dcm", "JPEG-lossy.dcm"}


def compressed():
    for sample in samples.readable():
        codec = registry.of(sample.transfer_syntax)
        if codec is None or codec.engine == registry.NATIVE or sample.path.name in BROKEN:
            continue
        if registry.state(codec).decodes:
            yield sample


COMPRESSED = list(compressed())


@pytest.mark.parametrize("sample", COMPRESSED, ids=lambda sample: sample.path.name)
def test_a_compressed_sample_decodes_as_foreign_decoders_do(sample):
    octets = samples.part_10(sample)
    mine = objects.pixels(objects.turned(octets, "explicit"))
    if sample.path.name in TWELVE:
        (frame,) = generate_frames(objects.read(octets).PixelData, number_of_frames=1)
        assert abs(mine.astype("i4") - imagecodecs.jpeg8_decode(frame)).max() <= 1
        return
    theirs = objects.pixels(octets)
    assert mine.dtype == theirs.dtype
    assert numpy.array_equal(mine, theirs)


@pytest.mark.parametrize("sample", COMPRESSED, ids=lambda sample: sample.path.name)
def test_all_other_elements_of_a_compressed_sample_stay(sample):
    octets = samples.part_10(sample)
    before, after = objects.read(octets), objects.read(objects.turned(octets, "explicit"))
    changed = ["PixelData", "PlanarConfiguration", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"]
    if before.PhotometricInterpretation in ("YBR_FULL_422", "YBR_RCT", "YBR_ICT"):
        assert after.PhotometricInterpretation in ("YBR_FULL", "RGB")
        changed.append("PhotometricInterpretation")
    if before.file_meta.TransferSyntaxUID in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"):
        assert after.LossyImageCompression == "01"
        changed += ["LossyImageCompression", "LossyImageCompressionMethod"]
    for made in (before, after):
        for keyword in changed:
            made.pop(keyword, None)
    assert samples.differences(after, before) == []


NATIVE = [
    sample for sample in samples.readable()
    if not syntax.lookup(sample.transfer_syntax).encapsulated and sample.path.name not in BROKEN
    and "PixelData" in samples.read(sample.path)
]  # fmt: skip


@pytest.mark.parametrize("sample", NATIVE, ids=lambda sample: sample.path.name)
def test_a_native_sample_comes_back_from_every_lossless_codec(sample):
    octets = samples.part_10(sample)
    for name in ("rle", "jpeg-lossless", "jpeg-ls", "encapsulated-uncompressed"):
        try:
            there = objects.turned(octets, name)
        except DicomError as refusal:
            assert "takes no pixels" in str(refusal) or "subsampled" in str(refusal) or "missing" in str(refusal)
            continue
        back = objects.turned(there, "explicit")
        # Big endian of 32 bits is in words of 16 by PS3.5, which DCMTK keeps to, and pydicom does not
        judge = objects.by_dcmconv(octets) if sample.path.name.startswith("rtdose_expb") else octets
        assert numpy.array_equal(objects.pixels(back), objects.pixels(judge))
        if name != "encapsulated-uncompressed":
            assert numpy.array_equal(objects.pixels(there), objects.pixels(judge))
