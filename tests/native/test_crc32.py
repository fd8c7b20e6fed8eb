"""The CRC-32 of the C extension agrees with zlib's, whichever way it takes."""

import random
import subprocess
import threading
import zlib
from pathlib import Path

import pytest

from edge import _native as native
from edge.spool import checksum
from tests.native import built

PROJECT = Path(__file__).resolve().parents[2]
WAYS = ("edge_crc32", "edge_crc32_scalar")
NOISE = random.Random(32).randbytes(70000)


def native_crc32(way, view, crc=0):
    return getattr(native.lib, way)(crc, native.ffi.from_buffer("uint8_t[]", view), len(view))


@pytest.mark.parametrize("way", WAYS)
def test_every_length_up_to_three_blocks_agrees(way):
    for length in range(0, 3 * 64 + 17):
        octets = NOISE[:length]
        assert native_crc32(way, octets) == zlib.crc32(octets), length


@pytest.mark.parametrize("way", WAYS)
def test_every_alignment_agrees(way):
    whole = memoryview(NOISE)
    for start in range(64):
        for length in (0, 1, 15, 63, 64, 65, 127, 128, 1000, 4099):
            view = whole[start : start + length]
            assert native_crc32(way, view) == zlib.crc32(view), (start, length)


@pytest.mark.parametrize("way", WAYS)
def test_any_beginning_is_carried_on(way):
    for seed in (0, 1, 0xFFFFFFFF, 0x80000000, 0xDEADBEEF):
        for length in (0, 7, 64, 1009, 65536):
            assert native_crc32(way, NOISE[:length], seed) == zlib.crc32(NOISE[:length], seed), (seed, length)


@pytest.mark.parametrize("way", WAYS)
def test_pieces_give_what_the_whole_gives(way):
    pieces = random.Random(1)
    for _ in range(100):
        crc = at = 0
        while at < len(NOISE):
            step = pieces.choice((0, 1, 3, 16, 63, 64, 65, 700, 16384))
            crc = native_crc32(way, NOISE[at : at + step], crc)
            at += step
        assert crc == zlib.crc32(NOISE)


@pytest.mark.parametrize("way", WAYS)
def test_known_values(way):
    assert native_crc32(way, b"") == 0
    assert native_crc32(way, b"123456789") == 0xCBF43926
    assert native_crc32(way, bytes(1 << 20)) == zlib.crc32(bytes(1 << 20))
    assert native_crc32(way, b"\xff" * 4096) == zlib.crc32(b"\xff" * 4096)


def test_the_way_has_a_name():
    assert native.ffi.string(native.lib.edge_crc32_way()) in (b"pclmulqdq", b"crc32-instructions", b"slicing-by-8")


@pytest.mark.parametrize("length", [0, 1, 2047, 2048, 2049, 65536])
def test_python_callers_get_the_same_number_for_every_kind_of_buffer(length):
    expected = zlib.crc32(NOISE[:length], 7)
    mutable = bytearray(NOISE[:length])
    for view in (NOISE[:length], mutable, memoryview(mutable), memoryview(NOISE)[:length]):
        assert checksum.crc32(view, 7) == expected


def test_a_buffer_is_free_again_after_the_call():
    window = bytearray(NOISE)
    checksum.crc32(window)
    window.extend(b"grows")  # raises BufferError while anything still looks at it


def test_threads_do_not_disturb_each_other():
    found = []
    threads = [threading.Thread(target=lambda: found.append(checksum.crc32(NOISE * 50))) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [zlib.crc32(NOISE * 50)] * 4


@pytest.mark.parametrize("compiler, flags", [("gcc", "-O3"), ("clang", "-O2")])
def test_the_sources_compile_without_a_warning(compiler, flags):
    assert "-Werror" in built.WARNINGS and built.objects(compiler, flags)


def test_nothing_beyond_the_given_octets_is_read(tmp_path):
    program = tmp_path / "exact.c"
    program.write_text(
        """#include "edge_codec.h"
        #include <stdlib.h>
        int main(void) {
            for (size_t length = 0; length < 300; length++) {
                uint8_t *exact = malloc(length ? length : 1);
                if (!exact) return 2;
                for (size_t i = 0; i < length; i++) exact[i] = (uint8_t)(i * 7);
                if (edge_crc32(5, exact, length) != edge_crc32_scalar(5, exact, length)) return 1;
                free(exact);
            }
            return edge_crc32(9, NULL, 0) == 9 ? 0 : 1;
        }""",
        encoding="ascii",
    )
    binary = tmp_path / "exact"
    subprocess.run(
        ["cc", "-std=c11", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
         "-I", PROJECT / "native" / "include", program, PROJECT / "native" / "src" / "crc32.c", "-o", binary],
        check=True,
    )  # fmt: skip
    assert subprocess.run([binary], check=False).returncode == 0
