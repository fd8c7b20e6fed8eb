"""JPEG-LS keeps to T.87, to its own word, and to the pixels."""

import random
from pathlib import Path

import jpeg_ls
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.native import built
from tests.native.jpeg_ls_stream import FIT, LINE, NONE, SAMPLE, CodecError, decode, encode, native

CONFORMANCE = Path(jpeg_ls.__file__).parent / "tests" / "jlsimV100"


def picture(columns, rows, components=1, bits=8, kind="steps", seed=1):
    """Pixels of a kind: noise, flat, steps (runs and edges) or smooth with some noise."""
    generator = numpy.random.default_rng(seed)
    shape = (rows, columns, components)
    most = (1 << bits) - 1
    if kind == "noise":
        values = generator.integers(0, most, shape, endpoint=True)
    elif kind == "flat":
        values = numpy.full(shape, most // 3)
    elif kind == "steps":
        levels = generator.integers(0, most, (rows, columns // 7 + 1, components), endpoint=True)
        values = numpy.repeat(levels, 7, axis=1)[:, :columns] ^ (generator.random(shape) < 0.05)
    else:
        y, x = numpy.mgrid[:rows, :columns]
        slope = (y * 3 + x * 2)[..., None] * most / (3 * rows + 2 * columns)
        values = slope + generator.normal(0, 2 + most / 200, shape)
    values = numpy.clip(values, 0, most).astype("u1" if bits <= 8 else "<u2")
    return values


def pnm(name):
    header, size, most, samples = (CONFORMANCE / name).read_bytes().split(b"\n", 3)
    if int(most) > 255:
        samples = numpy.frombuffer(samples, ">u2").astype("<u2").tobytes()
    return samples


def subsampled():
    """The lines of T8SS's components, in the order of its units: 4 of R, 1 of G, 2 of B."""
    red, green, blue = pnm("TEST8R.PGM"), pnm("TEST8GR4.PGM"), pnm("TEST8BS2.PGM")
    sizes = ((red, 1024), (green, 256), (blue, 256))
    return b"".join(plane[i * size : (i + 1) * size] for i in range(64) for plane, size in sizes)


RGB = {"columns": 256, "rows": 256, "components": 3}
STREAMS = {
    "T8C0": (lambda: pnm("TEST8R.PGM") + pnm("TEST8G.PGM") + pnm("TEST8B.PGM"), {**RGB, "planar": 1}),
    "T8C1": (lambda: pnm("TEST8.PPM"), {**RGB, "interleave": LINE}),
    "T8C2": (lambda: pnm("TEST8.PPM"), {**RGB, "interleave": SAMPLE}),
    "T8SS": (subsampled, {**RGB, "planar": 1, "sampling": [0x24, 0x21, 0x12, 0]}),
    "T8ND": (lambda: pnm("TEST8BS2.PGM"), {"columns": 128, "rows": 128, "t1": 9, "t2": 9, "t3": 9, "reset": 31}),
    "T16": (lambda: pnm("TEST16.PGM"), {"columns": 256, "rows": 256, "allocated": 16, "stored": 12}),
}


@pytest.mark.parametrize("near", [0, 3])
@pytest.mark.parametrize("name", STREAMS)
def test_conformance_streams_of_t87_are_written_octet_by_octet_and_read(name, near):
    source, image = STREAMS[name]
    pixels = source()
    stream = (CONFORMANCE / f"{name}E{near}.JLS").read_bytes()
    assert encode(pixels, near=near, **image) == stream

    found = decode(stream, takes_sampling=1)
    assert (found.near, found.left) == (near, 0)
    kind = "<u2" if name == "T16" else "u1"
    off = numpy.frombuffer(found.pixels, kind).astype(int) - numpy.frombuffer(pixels, kind)
    assert abs(off).max() == near


@given(
    columns=st.integers(1, 40),
    rows=st.integers(1, 12),
    components=st.integers(1, 4),
    bits=st.integers(2, 16),
    near=st.integers(0, 5),
    interleave=st.sampled_from([FIT, LINE, SAMPLE]),
    restart_rows=st.integers(0, 5),
    kind=st.sampled_from(["noise", "flat", "steps", "smooth"]),
    seed=st.integers(0, 1000),
    pieces=st.tuples(st.sampled_from([None, 1, 2, 3, 7, 100]), st.sampled_from([1, 2, 5, 300, 1 << 16])),
)
@settings(max_examples=300, deadline=None)
def test_any_image_comes_back_in_pieces_of_any_size(
    columns, rows, components, bits, near, interleave, restart_rows, kind, seed, pieces
):
    values = picture(columns, rows, components, bits, kind, seed)
    near = min(near, ((1 << bits) - 1) // 2)
    image = {"allocated": values.itemsize * 8, "stored": bits, "near": near, "interleave": interleave,
             "restart_rows": restart_rows}  # fmt: skip
    piece, room = pieces
    stream = encode(values.tobytes(), columns, rows, components, **image)
    assert encode(values.tobytes(), columns, rows, components, piece=piece, room=room, **image) == stream

    found = decode(stream + b"\0", columns, components, piece=piece, room=room)
    assert found.left in (0, 1)
    assert found.image == {"columns": columns, "rows": rows, "components": components, "bits_stored": bits, "planar": 0,
                           "bits_allocated": image["allocated"], "is_signed": 0, "drops_high_bits": 0}  # fmt: skip
    off = numpy.frombuffer(found.pixels, values.dtype).astype(int) - values.ravel()
    assert abs(off).max() <= near


@pytest.mark.parametrize("kind", ["noise", "flat", "steps"])
@pytest.mark.parametrize("columns,rows", [(1, 1), (65535, 2), (1, 300), (1, 65535), (257, 3), (255, 1), (4096, 2)])
def test_extreme_sizes(columns, rows, kind):
    values = picture(columns, rows, bits=12, kind=kind)
    assert decode(encode(values.tobytes(), columns, rows, allocated=16, stored=12)).pixels == values.tobytes()


@pytest.mark.parametrize("bits", range(2, 17))
def test_every_depth_in_noise_that_uses_all_escapes(bits):
    values = picture(300, 40, bits=bits, kind="noise")
    values[::7] = 0
    values[:, ::11] = (1 << bits) - 1
    stream = encode(values.tobytes(), 300, 40, allocated=values.itemsize * 8, stored=bits)
    assert decode(stream).pixels == values.tobytes()


def test_planar_pixels_become_a_scan_for_each_component():
    values = picture(31, 9, 3)
    planes = values.transpose(2, 0, 1).tobytes()
    stream = encode(planes, 31, 9, 3, planar=1)
    assert stream.count(b"\xff\xda\x00\x08\x01") == 3
    found = decode(stream)
    assert found.pixels == planes and found.image["planar"] == 1


def test_few_bits_in_sixteen_come_back_as_wide_as_they_are_asked_for():
    values = picture(33, 8, bits=6).astype("<u2")
    stream = encode(values.tobytes(), 33, 8, allocated=16, stored=6)
    assert decode(stream, allocated=16).pixels == values.tobytes()
    assert decode(stream).pixels == values.astype("u1").tobytes()


@pytest.mark.parametrize("bits", [8, 12, 14, 16])
def test_signed_samples_are_extended_from_bits_stored(bits):
    values = numpy.arange(-(1 << (bits - 1)), 1 << (bits - 1), dtype="<i2")
    stream = encode(values.tobytes(), len(values) // 8, 8, allocated=16, stored=bits, signed=1)
    assert decode(stream, allocated=16, signed=1).pixels == values.tobytes()
    assert decode(stream, allocated=16, signed=1, stored=bits).pixels == values.tobytes()
    unsigned = (values.view("<u2") & numpy.uint16((1 << bits) - 1)).tobytes()
    assert decode(stream, allocated=16).pixels == unsigned


def test_bits_above_those_stored_are_refused_or_dropped_as_asked():
    values = picture(20, 5, bits=12)
    values[3, 4] |= 0x4000
    with pytest.raises(CodecError, match="EDGE_BAD_SAMPLE"):
        encode(values.tobytes(), 20, 5, allocated=16, stored=12)
    found = decode(encode(values.tobytes(), 20, 5, allocated=16, stored=12, drops=1))
    assert found.pixels == (values & 0xFFF).tobytes()
    minus = (values | 0xF000).tobytes()
    with pytest.raises(CodecError, match="EDGE_BAD_SAMPLE"):
        encode(minus, 20, 5, allocated=16, stored=12, signed=1)


@pytest.mark.parametrize("near", [0, 2])
def test_a_sample_above_maxval_is_refused(near):
    values = picture(20, 5, bits=8, kind="flat")
    assert decode(encode(values.tobytes(), 20, 5, maxval=200, near=near)).pixels == values.tobytes()
    values[2, 2] = 201
    with pytest.raises(CodecError, match="EDGE_BAD_SAMPLE"):
        encode(values.tobytes(), 20, 5, maxval=200, near=near)


def test_parameters_of_ones_own_come_back():
    values = numpy.minimum(picture(200, 30, bits=11, kind="smooth"), 1500)
    for options in ({"maxval": 1500}, {"t1": 3, "t2": 3, "t3": 40}, {"reset": 3}, {"reset": 2047}, {"t3": 1500}):
        for near in (0, 2):
            stream = encode(values.tobytes(), 200, 30, allocated=16, stored=11, near=near, **options)
            assert b"\xff\xf8\x00\x0d\x01" in stream
            found = numpy.frombuffer(decode(stream).pixels, "<u2").astype(int)
            assert abs(found - values.ravel()).max() <= near


def test_default_parameters_are_written_only_where_asked():
    values = picture(20, 5, bits=16)
    plain = encode(values.tobytes(), 20, 5, allocated=16)
    explicit = encode(values.tobytes(), 20, 5, allocated=16, explicit_lse=1)
    assert b"\xff\xf8" not in plain
    assert b"\xff\xf8\x00\x0d\x01\xff\xff\x00\x12\x00\x43\x01\x14\x00\x40" in explicit
    assert decode(explicit).pixels == values.tobytes()


@pytest.mark.parametrize(
    "image,options",
    [
        ({"allocated": 32}, {}),
        ({"columns": 0}, {}),
        ({"columns": 65536}, {}),
        ({"rows": 0}, {}),
        ({"components": 5}, {}),
        ({"components": 0}, {}),
        ({"stored": 9}, {}),
        ({}, {"near": 128}),
        ({}, {"interleave": 4}),
        ({}, {"t1": 300}),
        ({}, {"t1": 9, "t2": 8}),
        ({}, {"reset": 2}),
        ({"signed": 1}, {"near": 1}),
        ({"components": 3}, {"interleave": NONE}),
        ({"components": 3, "planar": 1}, {"interleave": SAMPLE}),
        ({"components": 3}, {"sampling": [0x22, 0x11, 0x11, 0]}),
        ({"components": 3, "planar": 1}, {"sampling": [0x22, 0x11, 0x51, 0]}),
        ({"components": 3, "planar": 1, "rows": 5}, {"sampling": [0x22, 0x11, 0x11, 0]}),
    ],
)
def test_what_cannot_be_coded_is_refused_before_it_begins(image, options):
    image = {"columns": 10, "rows": 4, **image}
    with pytest.raises(CodecError, match="EDGE_BAD_(IMAGE|OPTION)"):
        encode(b"", **image, **options)


def test_the_state_is_checked():
    ffi, lib = native()
    image = ffi.new("edge_image *", [10, 10, 1, 8, 8])
    options = ffi.new("edge_jpeg_ls_options *")
    io = ffi.new("edge_io *")
    for size, begin, step in (
        (lib.edge_jpeg_ls_encoder_size(image, options),
         lambda state, size: lib.edge_jpeg_ls_encode_begin(state, size, image, options), lib.edge_jpeg_ls_encode),
        (lib.edge_jpeg_ls_decoder_size(image),
         lambda state, size: lib.edge_jpeg_ls_decode_begin(state, size, image, 0), lib.edge_jpeg_ls_decode),
    ):  # fmt: skip
        state = ffi.cast("char *", ffi.new("uint64_t[]", size // 8 + 2))
        assert begin(ffi.NULL, size) == begin(state + 1, size) == begin(state, size - 1) == lib.EDGE_BAD_STATE
        assert step(state, io) == step(ffi.NULL, io) == lib.EDGE_BAD_STATE
    ffi, lib = native()
    state = ffi.new("uint64_t[]", lib.edge_jpeg_ls_encoder_size(image, options) // 8 + 1)
    assert lib.edge_jpeg_ls_encode_begin(state, ffi.sizeof(state), image, options) == lib.EDGE_NEEDS_INPUT
    io.in_ended = 1
    io.out, io.out_left = (room := ffi.new("uint8_t[100]")), len(room)
    assert lib.edge_jpeg_ls_encode(state, io) == lib.EDGE_TRUNCATED
    assert lib.edge_jpeg_ls_encode(state, io) == lib.EDGE_TRUNCATED, "an error stays"
    assert lib.edge_jpeg_ls_decode(state, io) == lib.EDGE_BAD_STATE


def test_state_for_4096_columns_is_at_most_32_kilobytes():
    ffi, lib = native()
    image = ffi.new("edge_image *", [4096, 65535, 1, 16, 16])
    assert 0 < lib.edge_jpeg_ls_encoder_size(image, ffi.new("edge_jpeg_ls_options *")) <= 32 << 10
    assert 0 < lib.edge_jpeg_ls_decoder_size(image) <= 32 << 10


def test_lines_go_out_as_they_come_in():
    ffi, lib = native()
    values = picture(256, 64, bits=12, kind="noise").tobytes()
    image = ffi.new("edge_image *", [256, 64, 1, 16, 12])
    options = ffi.new("edge_jpeg_ls_options *")
    size = lib.edge_jpeg_ls_encoder_size(image, options)
    state = ffi.new("uint64_t[]", size // 8 + 1)
    lib.edge_jpeg_ls_encode_begin(state, size, image, options)
    io = ffi.new("edge_io *")
    line, out = ffi.new("uint8_t[512]"), ffi.new("uint8_t[4096]")
    for number in range(64):
        ffi.memmove(line, values[number * 512 : (number + 1) * 512], 512)
        setattr(io, "in", line)
        io.in_left, io.out, io.out_left = 512, out, 4096
        result = lib.edge_jpeg_ls_encode(state, io)
        assert result == (lib.EDGE_NEEDS_INPUT if number < 63 else lib.EDGE_DONE)
        assert 4096 - io.out_left >= 256 * 12 // 8 - 8, "noise of 12 bits cannot wait in the state"


def test_the_state_may_be_moved_between_calls():
    ffi, lib = native()
    values = picture(64, 16, bits=8)
    stream = encode(values.tobytes(), 64, 16)
    image = ffi.new("edge_image *", [64, 16, 1, 8, 8])
    size = lib.edge_jpeg_ls_decoder_size(image)
    states = [ffi.new("uint64_t[]", size // 8 + 1) for _ in range(2)]
    lib.edge_jpeg_ls_decode_begin(states[0], size, image, 0)
    source, out = ffi.new("uint8_t[]", stream), ffi.new("uint8_t[]", values.size)
    io = ffi.new("edge_io *", {"out": out, "out_left": values.size})
    for at in range(len(stream)):
        setattr(io, "in", source + at)
        io.in_left = 1
        result = lib.edge_jpeg_ls_decode(states[at % 2], io)
        ffi.memmove(states[1 - at % 2], states[at % 2], size)
        ffi.memmove(states[at % 2], b"\xa5" * size, size)
    assert result == lib.EDGE_DONE and bytes(out) == values.tobytes()


@pytest.mark.parametrize("compiler, flags", built.OTHERS, ids=map(built.identity, built.OTHERS))
def test_every_way_and_compiler_gives_the_same(compiler, flags):
    library = built.library(compiler, *flags)
    way = library.ffi.string(library.lib.edge_jpeg_ls_way())
    assert way == b"scalar" or "-DEDGE_SCALAR" not in flags
    chance = random.Random(7)
    for bits in (2, 5, 8, 10, 12, 15, 16):
        for kind in ("noise", "steps", "smooth", "flat"):
            columns, rows, components = chance.randrange(1, 600), chance.randrange(1, 9), chance.randrange(1, 4)
            values = picture(columns, rows, components, bits, kind, chance.randrange(1000))
            for options in ({}, {"near": 1}, {"interleave": SAMPLE}):
                image = {"allocated": values.itemsize * 8, "stored": bits, **options}
                stream = encode(values.tobytes(), columns, rows, components, **image)
                assert encode(values.tobytes(), columns, rows, components, library=library, **image) == stream
                assert decode(stream, library=library).pixels == decode(stream).pixels
