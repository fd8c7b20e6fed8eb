"""Broken streams through the confined process: each is an error in words or some pixels, and never more than that."""

import random

import imagecodecs
import numpy
import pytest

from edge.dicom.errors import PeerError
from edge.pixels.image import Image
from edge.pixels.limited import Decoders
from tests.pixels import material

GREY = Image(200, 150, 1, 16, 12, 0, 0)
COLOUR = Image(97, 61, 3, 8, 8, 0, 0)


@pytest.fixture(scope="module")
def decoders():
    with Decoders(seconds=10, memory_bytes=256 << 20) as made:
        yield made


@pytest.fixture(scope="module")
def streams(decoders):
    """codec -> [(stream, image, pixels)]."""
    made = {"j2k": [], "htj2k": [], "jpeg": []}
    for image in (GREY, COLOUR):
        pixels = material.picture(image)
        for codec, syntax in (("j2k", material.J2K), ("htj2k", material.HTJ2K), ("htj2k", material.HTJ2K_RPCL)):
            stream = bytes(decoders.encode(codec, pixels, image, syntax, image.components == 3))
            made[codec].append((stream, image, pixels))
    stream = imagecodecs.jpeg8_encode(material.array(material.picture(COLOUR), COLOUR), level=90)
    made["jpeg"].append((stream, COLOUR, bytes(decoders.decode("jpeg", stream, COLOUR))))
    pixels = material.array(material.picture(GREY, 0.01), GREY)
    stream = imagecodecs.jpeg8_encode(pixels, level=90, bitspersample=12)
    made["jpeg"].append((stream, GREY, bytes(decoders.decode("jpeg", stream, GREY))))
    return made


@pytest.mark.parametrize("codec", ["j2k", "htj2k", "jpeg"])
def test_a_truncated_stream_is_an_error_wherever_it_ends(decoders, streams, codec):
    for stream, image, pixels in streams[codec]:
        ends = sorted({0, 1, 2, 3, 11, 40, 44, 45, 60, len(stream) // 3, len(stream) // 2, len(stream) - 20})
        for end in ends:
            with pytest.raises(PeerError):
                decoders.decode(codec, stream[:end], image)
        assert decoders.decode(codec, stream + b"\0", image) == pixels  # padded, as frames are


@pytest.mark.parametrize("codec", ["j2k", "htj2k", "jpeg"])
def test_a_corrupt_stream_is_an_error_or_pixels_and_the_next_frame_is_right(decoders, streams, codec):
    chance = random.Random(20)
    errors = 0
    for number in range(60):
        stream, image, pixels = chance.choice(streams[codec])
        broken = bytearray(stream)
        for _ in range(chance.choice((1, 2, 8, 50))):
            top = min(len(broken), 200) if chance.random() < 0.4 else len(broken)
            broken[chance.randrange(top)] = chance.randrange(256)
        try:
            made = decoders.decode(codec, broken, image)
            assert len(made) == len(pixels)
        except PeerError:
            errors += 1
        if number % 10 == 0:
            assert decoders.decode(codec, stream, image) == pixels
    assert errors > 10


@pytest.mark.parametrize("codec", ["j2k", "htj2k", "jpeg"])
def test_what_is_no_stream_at_all_is_refused(decoders, codec):
    for octets in (b"", b"\0", b"\xff\xd8", b"\xff\x4f\xff\x51", bytes(5000), b"\xff" * 5000, b"\xff\xd8\xff" * 99):
        with pytest.raises(PeerError):
            decoders.decode(codec, octets, GREY)


def in_two_tiles(decoders, codec, syntax):
    """Return a stream of two tiles side by side, glued together from two images, and its image and pixels."""
    half = Image(2048, 33, 1, 16, 12, 0, 0)  # blocks of 64 begin there at each of the five levels
    sides = [material.picture(half, 0.1, seed) for seed in (1, 2)]
    left, right = (bytes(decoders.encode(codec, side, half, syntax, False)) for side in sides)
    at = left.index(b"\xff\x90\x00\x0a")
    head, first, second = bytearray(left[:at]), left[at:-2], bytearray(right[right.index(b"\xff\x90\x00\x0a") :])
    head[8:12] = (4096).to_bytes(4, "big")
    second[4:6] = (1).to_bytes(2, "big")
    pixels = numpy.hstack([material.array(side, half) for side in sides]).tobytes()
    return bytes(head) + first + bytes(second), half._replace(columns=4096), pixels


@pytest.mark.parametrize("codec, syntax", [("j2k", material.J2K), ("htj2k", material.HTJ2K)])
def test_tiles_are_put_together_and_missing_ones_counted(decoders, codec, syntax):
    stream, image, pixels = in_two_tiles(decoders, codec, syntax)
    assert imagecodecs.jpeg2k_decode(stream).tobytes() == pixels
    assert decoders.decode(codec, stream, image) == pixels
    second = stream.rindex(b"\xff\x90\x00\x0a")
    with pytest.raises(PeerError, match="1 of its 2 tiles are missing"):
        decoders.decode(codec, stream[:second] + b"\xff\xd9", image)
    with pytest.raises(PeerError, match="truncated: tile 1 lacks 2 of its octets"):
        decoders.decode(codec, stream[:-4], image)


def test_more_tiles_than_there_can_be_are_refused(decoders, streams):
    stream, image, _ = streams["j2k"][0]
    broken = bytearray(stream)
    broken[24:32] = bytes.fromhex("0000000100000001")  # tiles of one pixel: 30,000 of them, of which one is there
    with pytest.raises(PeerError, match="29999 of its 30000 tiles are missing"):
        decoders.decode("j2k", broken, image)


def test_high_throughput_is_asked_for_by_its_name(decoders, streams):
    stream, image, _ = streams["j2k"][0]
    with pytest.raises(PeerError, match="is JPEG 2000, but not high-throughput"):
        decoders.decode("htj2k", stream, image)


def test_a_whole_jp2_file_in_a_frame_is_tolerated(decoders):
    pixels = material.picture(GREY)
    stream = imagecodecs.jpeg2k_encode(material.array(pixels, GREY), level=0, codecformat="jp2")
    assert stream[4:8] == b"jP  " and decoders.decode("j2k", stream, GREY) == pixels


def test_other_processes_of_jpeg_are_refused_in_words(decoders):
    lossless = imagecodecs.jpeg8_encode(material.array(material.picture(COLOUR), COLOUR), lossless=True)
    with pytest.raises(PeerError, match="another JPEG process .SOF3. than baseline and extended"):
        decoders.decode("jpeg", lossless, COLOUR)
