"""The extension itself, built with ASan and UBSan: what Python calls through cffi touches only what is its own."""

import os
import subprocess
import sys

import pytest

from tests.native import built

# Load the extension from sys.argv[1] in the place of the box's own before anything else asks for it.
LOADED = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("edge._native", sys.argv[1])
import edge
edge._native = sys.modules["edge._native"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(edge._native)
from edge import _native
assert _native.__file__ == sys.argv[1]
ffi, lib = _native.ffi, _native.lib
"""

CODECS = """
import random
from tests.native import jpeg_ls_stream, streams
from tests.native.streams import Shape

chance = random.Random(3)
KINDS = ("smooth", "noise", "flat", "steps", "extremes")

def spoilt(stream):
    yield from (stream[: chance.randrange(len(stream))] for _ in range(12))
    for _ in range(25):
        octets = bytearray(stream)
        for _ in range(chance.randrange(1, 4)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        yield bytes(octets)

def survives(decode, stream):
    refused = 0
    for each in spoilt(stream):
        try:
            decode(each)
        except (streams.CodecError, jpeg_ls_stream.CodecError):
            refused += 1
    return refused

refused = 0
shapes = [Shape(61, 9), Shape(300, 3, 1, 16, 12), Shape(40, 7, 1, 16, 16, 1), Shape(33, 5, 3), Shape(1, 1)]
for number, shape in enumerate(shapes):
    for piece in (None, 7):
        pixels = streams.picture(shape, KINDS[(number + (piece is None)) % 5]).tobytes()
        whole = int(piece is None)
        rle = streams.rle_encode(pixels, shape, whole, piece)
        assert streams.rle_decode(rle, shape, whole, piece).pixels == pixels
        refused += survives(lambda each: streams.rle_decode(each, shape, whole, piece), rle)
        for predictor in range(1, 8):
            jpeg = streams.jpeg_encode(pixels, shape, predictor, 0, 1 + whole, whole, predictor % 2, None, piece)
            assert streams.jpeg_decode(jpeg, shape, 0, piece).pixels == pixels
        refused += survives(lambda each: streams.jpeg_decode(each, shape, whole, piece), jpeg)
        image = {"allocated": shape.allocated, "stored": shape.stored or 0, "signed": shape.signed}
        size = (shape.columns, shape.rows, shape.components)
        for options in ({}, {"restart_rows": 1}, {"interleave": jpeg_ls_stream.LINE}, {"near": 1 - shape.signed}):
            stream = jpeg_ls_stream.encode(pixels, *size, piece=piece, **image, **options)
            back = jpeg_ls_stream.decode(stream, shape.columns, 4, **image, piece=piece).pixels
            assert back == pixels or options.get("near")
        refused += survives(lambda each: jpeg_ls_stream.decode(each, 512, 4, piece=piece), stream)
assert refused > 300, refused
"""

BOX = """
import zlib
from edge.spool import checksum
from edge.spool.intake import LAST_WANTED, WANTED
from edge.spool.stepper import stepper
step = stepper(WANTED, LAST_WANTED)
assert step is not None
octets = bytes(range(256)) * 300
for length in (*range(200), len(octets)):
    assert checksum.crc32(memoryview(octets)[:length]) == zlib.crc32(octets[:length])
head = bytes.fromhex("0800180055490a00") + b"1.2.3.4.5" + bytes(1)
for length in range(len(head)):
    step(memoryview(bytearray(head[:length])), 0, {})
values = {}
assert step(memoryview(bytearray(head)), 0, values) == len(head) and values == {0x00080018: head[8:]}
"""

# Reads one octet behind what it was given: a sanitizer that looks on must end it.
BREAKS = """
lib.edge_crc32_scalar(0, ffi.new("uint8_t[]", 24) + 1, 24)
"""


def run(text):
    extension, runtime = built.sanitized_extension()
    # Python's own allocator would hide where an object ends, and it leaves objects behind at its end.
    watched = {"LD_PRELOAD": runtime, "PYTHONMALLOC": "malloc", "ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.run(
        [sys.executable, "-c", LOADED + text, extension],
        cwd=built.PROJECT,
        env={**os.environ, **watched},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("text", [CODECS, BOX], ids=["codecs", "box"])
def test_pixels_come_back_and_damage_is_refused_without_a_word_from_the_sanitizers(text):
    done = run(text)
    assert done.returncode == 0 and "ERROR: " not in done.stderr and "runtime error" not in done.stderr, done.stderr


def test_a_read_beyond_is_seen():
    done = run(BREAKS)
    assert done.returncode != 0 and "AddressSanitizer" in done.stderr, done.stderr
