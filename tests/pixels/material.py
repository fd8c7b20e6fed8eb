"""Frames for the bound codecs: pydicom's compressed samples, and images made here."""

import importlib.metadata
from collections import namedtuple
from pathlib import Path

import numpy
import pydicom
from pydicom.encaps import generate_frames

from edge.pixels.image import Image
from tests.support import samples

J2K, J2K_LOSSY = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
HTJ2K, HTJ2K_RPCL, HTJ2K_LOSSY = (f"1.2.840.10008.1.2.4.20{last}" for last in "123")
JPEG, JPEG_EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
CODEC = {J2K: "j2k", J2K_LOSSY: "j2k", HTJ2K: "htj2k", HTJ2K_RPCL: "htj2k", HTJ2K_LOSSY: "htj2k", JPEG: "jpeg",
         JPEG_EXTENDED: "jpeg"}  # fmt: skip

# path: Path; syntax: str; image: Image, as the data set says; frames: list of bytes; dataset: pydicom's
Sample = namedtuple("Sample", "path syntax image frames dataset")


def paths():
    """Every sample of pydicom and pydicom-data that lies on this machine, once by its name."""
    folders = [Path(pydicom.__file__).parent / "data" / "test_files"]
    more = importlib.metadata.files("pydicom-data")
    folders += {Path(file.locate()).parent for file in more if file.suffix == ".dcm"}
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.dcm")):
            found.setdefault(path.name, path)
    return list(found.values())


def read(path, most=3):
    """Return the Sample of a file in one of these syntaxes with at most so many frames, or None."""
    try:
        syntax = str(pydicom.filereader.read_file_meta_info(path).get("TransferSyntaxUID", ""))
    except Exception:  # no Part 10 file: some samples are not
        return None
    if syntax not in CODEC:
        return None
    dataset = samples.read(path)
    if "PixelData" not in dataset:
        return None
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    frames = [frame for frame, _ in zip(generate_frames(dataset.PixelData, number_of_frames=count), range(most))]
    image = Image(dataset.Columns, dataset.Rows, dataset.SamplesPerPixel, dataset.BitsAllocated, dataset.BitsStored,
                  dataset.PixelRepresentation, 0)  # fmt: skip
    return Sample(path, syntax, image, frames, dataset)


def array(octets, image):
    """Native pixels as numpy has them."""
    kind = f"<{'i' if image.is_signed else 'u'}{image.bits_allocated // 8}"
    shape = (image.rows, image.columns) + ((image.components,) if image.components > 1 else ())
    return numpy.frombuffer(octets, kind).reshape(shape)


def picture(image, noise=0.02, seed=1):
    """Return native pixels: waves over the whole range of the image's samples, with some noise; 1.0 is nothing but."""
    random = numpy.random.default_rng(seed)
    low = -(1 << image.bits_stored - 1) if image.is_signed else 0
    high = low + (1 << image.bits_stored) - 1
    y, x, c = numpy.ogrid[: image.rows, : image.columns, : image.components]
    waves = (numpy.sin(x / 17 + c) * numpy.cos(y / 23 - c) + 1) / 2
    mixed = waves * (1 - noise) + random.random((image.rows, image.columns, image.components)) * noise
    whole = numpy.clip(numpy.rint(low + mixed * (high - low)), low, high)
    return whole.astype(f"<{'i' if image.is_signed else 'u'}{image.bits_allocated // 8}").tobytes()
