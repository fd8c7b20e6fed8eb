"""Spoilt streams under the sanitizers; and RLE and lossless JPEG on other processors, bit by bit."""

import zlib

import pytest

from tests.native import built
from tests.native.streams import Shape, jpeg_encode, picture, rle_encode

# Encode and decode made-up images in many shapes and print a sum over every stream.
EVERY_SHAPE = r"""
#include "edge_codec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill(uint8_t *pixels, const edge_image *image, uint32_t seed)
{
    const size_t octets = edge_image_octets(image), step = image->bits_allocated / 8u;
    const uint32_t mask = image->bits_stored == 32 ? 0xFFFFFFFFu : (1u << image->bits_stored) - 1u;
    uint32_t value = 0;
    for (size_t i = 0; i < octets; i += step) {
        seed = seed * 1664525u + 1013904223u;
        if (seed >> 30)
            value = value + (seed >> 16 & 7u) - 3u;
        if (seed >> 24 == 0)
            value = seed >> 5;
        const uint32_t sample = value & mask;
        for (size_t k = 0; k < step; k++)
            pixels[i + k] = (uint8_t)(sample >> 8 * k);
    }
}

typedef edge_result (*step_function)(void *state, edge_io *io);

static size_t run(step_function step, void *state, const uint8_t *in, size_t length, uint8_t *out, size_t room)
{
    edge_io io = {in, length, out, room, 1};
    if (step(state, &io) != EDGE_DONE)
        exit(1);
    return room - io.out_left;
}

int main(void)
{
    static const uint8_t depths[][2] = {{8, 8}, {8, 5}, {16, 16}, {16, 12}, {16, 9}, {32, 32}};
    static uint64_t state[1 << 16];
    static uint8_t pixels[1 << 17], stream[1 << 20], back[1 << 17];
    uint32_t sum = 0;

    for (uint32_t shape = 0; shape < 240; shape++) {
        edge_image image = {.columns = 1 + shape * 37 % 700, .rows = 1 + shape % 5,
                            .components = (uint8_t)(1 + shape / 6 % 4), .bits_allocated = depths[shape % 6][0],
                            .bits_stored = depths[shape % 6][1], .planar = shape >> 4 & 1};
        const size_t octets = edge_image_octets(&image);
        fill(pixels, &image, shape + 1);
        if (edge_rle_encode_begin(state, sizeof state, &image, 1) == EDGE_NEEDS_INPUT) {
            const size_t length = run(edge_rle_encode, state, pixels, octets, stream, sizeof stream);
            sum = edge_crc32(sum, stream, length);
            for (int whole = 0; whole < 2; whole++) {
                if (edge_rle_decode_begin(state, sizeof state, &image, whole) != EDGE_NEEDS_INPUT)
                    return 1;
                run(edge_rle_decode, state, stream, length, back, octets);
                if (memcmp(back, pixels, octets) != 0)
                    return 1;
            }
        }
        for (unsigned predictor = 1; predictor < 8 && image.bits_allocated < 32; predictor++) {
            const edge_jpeg_lossless_options options = {.predictor = (uint8_t)predictor, .whole_input = 1,
                                                        .passes = (uint8_t)(1 + shape % 2), .restart_rows = shape % 3};
            if (edge_jpeg_lossless_encode_begin(state, sizeof state, &image, &options, NULL) != EDGE_NEEDS_INPUT)
                return 1;
            const size_t length = run(edge_jpeg_lossless_encode, state, pixels, octets, stream, sizeof stream);
            sum = edge_crc32(sum, stream, length);
            if (edge_jpeg_lossless_decode_begin(state, sizeof state, &image, 0) != EDGE_NEEDS_INPUT)
                return 1;
            run(edge_jpeg_lossless_decode, state, stream, length, back, octets);
            if (memcmp(back, pixels, octets) != 0)
                return 1;
        }
    }
    printf("%08x\n", (unsigned)sum);
    return 0;
}
"""


def printed(compiler, *flags, emulator=()):
    return built.run(*emulator, built.program(EVERY_SHAPE, compiler, *flags))


@pytest.mark.parametrize("flags", [(), ("-DEDGE_SCALAR",)], ids=["vectors", "scalar"])
class TestSanitizersFindNothing:
    @pytest.mark.parametrize("target", ["rle_decode", "jpeg_lossless_decode", "jpeg_ls_decode"])
    def test_in_streams_cut_and_spoilt(self, target, flags):
        files = sorted((built.NATIVE / "fuzz" / "corpus" / target).iterdir())
        assert len(files) >= 10
        built.run(built.replay(target, *flags), "--spoil", "6", *files)

    @pytest.mark.parametrize("target", ["rle_round", "jpeg_lossless_round"])
    def test_in_pixels_that_have_memory_of_their_own_size(self, target, flags, tmp_path):
        for seed in range(40):
            head = zlib.crc32(bytes([seed])).to_bytes(4, "little") + bytes([seed * 7 & 255, seed])
            body = picture(Shape(200, 9), ["smooth", "noise", "steps"][seed % 3], seed).tobytes()
            (tmp_path / f"{seed:02}.pixels").write_bytes(head + body)
        built.run(built.replay(target, *flags), *sorted(tmp_path.iterdir()))

    def test_in_larger_streams_of_lossless_jpeg_spoilt(self, flags, tmp_path):
        for number, shape in enumerate([Shape(300, 8, 1, 16, 12), Shape(150, 6, 3), Shape(290, 5, 1, 16)]):
            predictor = (1, 1, 6)[number]
            stream = jpeg_encode(picture(shape, "steps").tobytes(), shape, predictor, restart=2 * (predictor == 6))
            (tmp_path / f"{number}.jpg").write_bytes(bytes([number, 90]) + stream)
        built.run(built.replay("jpeg_lossless_decode", *flags), "--spoil", "6", *sorted(tmp_path.iterdir()))

    def test_in_larger_streams_of_rle_spoilt(self, flags, tmp_path):
        for number, shape in enumerate([Shape(250, 31), Shape(200, 25, 1, 16), Shape(70, 20, 3)]):
            head = bytes([shape.columns - 1, shape.rows - 1, shape.components - 1 | (shape.allocated == 16) << 2, 200])
            (tmp_path / f"{number}.rle").write_bytes(head + rle_encode(picture(shape, "steps").tobytes(), shape))
        built.run(built.replay("rle_decode", *flags), "--spoil", "12", *sorted(tmp_path.iterdir()))


@pytest.mark.parametrize("compiler, emulator, _", built.PROCESSORS, ids=map(built.identity, built.PROCESSORS))
def test_other_processors_write_the_same_streams(compiler, emulator, _):
    assert printed(compiler, "-O2", "-static", emulator=[emulator]) == printed("gcc", "-O3")


@pytest.mark.parametrize("compiler, flags", built.OTHERS, ids=map(built.identity, built.OTHERS))
def test_other_compilers_and_flags_write_the_same_streams(compiler, flags):
    assert printed(compiler, *flags) == printed("gcc", "-O3")
