"""An object that comes again compressed, or decompressed, is the object that is here already."""

import os

import numpy
import pytest

from edge.box.sameness import same_decoded
from edge.spool.compare import Comparison
from edge.spool.disk import Disk
from tests.pixels import objects
from tests.support import samples

GENERATOR = numpy.random.default_rng(4)
PIXELS = GENERATOR.integers(0, 4096, (3, 20, 17)).astype("u2")
COLOUR = GENERATOR.integers(0, 256, (9, 8, 3)).astype("u1")
NAMES = ("explicit", "implicit", "deflated", "rle", "jpeg-lossless", "jpeg-ls", "encapsulated-uncompressed")


def same(folder, one, other):
    sides = []
    for number, octets in enumerate((one, other)):
        path = folder / str(number)
        path.write_bytes(octets)
        offset = samples.data_set_offset(octets)
        uid = str(objects.read(octets).file_meta.TransferSyntaxUID)
        sides.append((os.open(path, os.O_RDONLY), offset, len(octets) - offset, uid))
    try:
        return Comparison(Disk(), same_decoded).same(*sides)
    finally:
        for side in sides:
            os.close(side[0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other", ["explicit", "jpeg-ls"])
def test_the_same_pixels_in_another_syntax_are_the_same_object(tmp_path, name, other):
    for pixels, frames in ((PIXELS, 3), (COLOUR, None)):
        octets = objects.octets_of(objects.dataset(pixels, frames=frames))
        assert same(tmp_path, objects.turned(octets, name), objects.turned(octets, other))


@pytest.mark.parametrize("name", NAMES)
def test_one_other_pixel_or_element_is_another_object(tmp_path, name):
    octets = objects.octets_of(objects.dataset(PIXELS, frames=3))
    pixels = PIXELS.copy()
    pixels[2, 19, 16] ^= 1
    changed = objects.octets_of(objects.dataset(pixels, frames=3))
    renamed = objects.octets_of(objects.dataset(PIXELS, frames=3, PatientID="2"))
    there = objects.turned(octets, name)
    for each in (changed, renamed):
        assert not same(tmp_path, there, objects.turned(each, "jpeg-ls"))


def test_a_damaged_copy_is_another_object(tmp_path):
    octets = objects.octets_of(objects.dataset(PIXELS, frames=3))
    there = objects.turned(octets, "jpeg-ls")
    assert not same(tmp_path, octets, there[:-600] + bytes(590) + there[-10:])
