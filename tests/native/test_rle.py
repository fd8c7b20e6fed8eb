"""RLE keeps to PS3.5 Annex G, and to the pixels."""

import struct

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.native import built, streams
from tests.native.streams import CodecError, Shape, octets, picture, rle_decode, rle_encode

KINDS = st.sampled_from(["smooth", "noise", "flat", "steps", "extremes"])
SHAPES = st.builds(
    Shape,
    columns=st.one_of(st.integers(1, 40), st.sampled_from([127, 128, 129, 255, 256, 257, 700, 3584, 3585, 7169])),
    rows=st.integers(1, 6),
    components=st.integers(1, 3),
    allocated=st.sampled_from([8, 16, 32]),
    planar=st.integers(0, 1),
)


def packed(octets_of_row):
    """The packets of one row of 8-bit pixels."""
    stream = rle_encode(bytes(octets_of_row), Shape(len(octets_of_row), 1))
    assert struct.unpack_from("<16I", stream) == (1, 64) + (0,) * 14
    return stream[64:]


def stream_of(*segments, offsets=None):
    """A stream with such segments."""
    at, table = 64, []
    for segment in segments:
        table.append(at)
        at += len(segment)
    table = offsets or table
    return struct.pack("<16I", len(table), *table, *[0] * (15 - len(table))) + b"".join(segments)


@pytest.mark.parametrize(
    "row, packets",
    [
        (b"\x07", b"\x00\x07"),
        (b"\x07\x07", b"\xff\x07"),
        (b"\x07\x08\x09", b"\x02\x07\x08\x09"),
        (b"\x07" * 128, b"\x81\x07"),
        (b"\x07" * 129, b"\x81\x07\x00\x07"),
        (b"\x07" * 256, b"\x81\x07\x81\x07"),
        (b"\x01\x02" + b"\x05" * 4 + b"\x06", b"\x01\x01\x02\xfd\x05\x00\x06"),
        (b"\x01\x02\x05\x05\x05\x06", b"\x05\x01\x02\x05\x05\x05\x06"),
    ],
)
def test_rows_become_the_packets_that_the_standard_describes(row, packets):
    assert packed(row) == packets + b"\x00" * (len(packets) % 2)


def test_two_hundred_different_octets_are_two_literals():
    row = bytes(range(200))
    assert packed(row) == b"\x7f" + row[:128] + b"\x47" + row[128:]


@settings(max_examples=150, deadline=None)
@given(
    shape=SHAPES,
    kind=KINDS,
    whole=st.integers(0, 1),
    whole_back=st.integers(0, 1),
    piece=st.sampled_from([None, 1, 7, 1000]),
    room=st.sampled_from([1, 13, 1 << 20]),
)
def test_pixels_come_back_whatever_their_shape_and_pieces(shape, kind, whole, whole_back, piece, room):
    pixels = picture(shape, kind).tobytes()
    stream = rle_encode(pixels, shape, whole, piece, room)
    assert stream == rle_encode(pixels, shape), "pieces do not change the stream"
    limit = streams.native().lib.edge_rle_encoded_limit(streams.image(streams.native(), shape))
    assert len(stream) <= limit and len(stream) % 2 == 0
    back = rle_decode(stream, shape, whole_back, piece, room)
    assert back.pixels == pixels


@pytest.mark.parametrize(
    "shape", [Shape(65535, 2), Shape(1, 65535), Shape(65535, 1, 3, 16), Shape(1, 1, 1, 32), Shape(5000, 3, 3, 32)]
)
@pytest.mark.parametrize("kind", ["smooth", "noise", "flat"])
def test_the_largest_and_smallest_sizes(shape, kind):
    pixels = picture(shape, kind).tobytes()
    for whole in (0, 1):
        stream = rle_encode(pixels, shape, whole)
        assert rle_decode(stream, shape, whole).pixels == pixels


@pytest.mark.parametrize("compiler, flags", built.OTHERS, ids=map(built.identity, built.OTHERS))
def test_every_way_and_compiler_gives_the_same(compiler, flags):
    other = built.library(compiler, *flags)
    for seed, kind in enumerate(["smooth", "noise", "steps", "extremes"] * 3):
        for components, allocated in ((1, 8), (1, 16), (3, 8), (1, 32), (3, 16)):
            shape = Shape(97 + 211 * seed, 5, components, allocated)
            pixels = picture(shape, kind, seed).tobytes()
            stream = rle_encode(pixels, shape)
            assert rle_encode(pixels, shape, library=other) == stream
            assert rle_decode(stream, shape, library=other).pixels == pixels
            assert rle_decode(stream, shape, 0, library=other).pixels == pixels


def test_a_planar_image_has_the_same_stream_as_one_by_pixel():
    shape = Shape(31, 9, 3, 16)
    by_pixel = picture(shape)
    planar = numpy.ascontiguousarray(numpy.moveaxis(by_pixel, 2, 0)).tobytes()
    stream = rle_encode(planar, shape._replace(planar=1))
    assert stream == rle_encode(by_pixel.tobytes(), shape)
    assert rle_decode(stream, shape._replace(planar=1)).pixels == planar


@pytest.mark.parametrize("whole", [0, 1])
class TestStreamsOfOthers:
    def test_packets_may_cross_rows(self, whole):
        assert rle_decode(stream_of(b"\xf9\x05"), Shape(4, 2), whole).pixels == b"\x05" * 8

    def test_a_header_of_128_stands_for_nothing(self, whole):
        assert rle_decode(stream_of(b"\x80\x80\xfe\x05\x80\x00\x06"), Shape(4, 1), whole).pixels == b"\x05\x05\x05\x06"

    def test_octets_too_many_are_left_out(self, whole):
        shape = Shape(3, 1, 1, 16)
        stream = stream_of(b"\xfb\x01", b"\x05\x02\x03\x04\x05\x06\x07")
        assert rle_decode(stream, shape, whole).pixels == b"\x02\x01\x03\x01\x04\x01"

    def test_a_last_literal_may_be_cut_where_its_plane_is_full(self, whole):
        assert rle_decode(stream_of(b"\x05\x01\x02\x03"), Shape(3, 1), whole).pixels == b"\x01\x02\x03"

    def test_segments_may_be_padded_and_apart(self, whole):
        stream = stream_of(b"\xff\x01\x00\x00\x00", b"\xff\x02", offsets=[64, 69])
        assert rle_decode(stream, Shape(2, 1, 1, 16), whole).pixels == b"\x02\x01\x02\x01"

    def test_a_segment_too_short_is_corrupt(self, whole):
        with pytest.raises(CodecError, match="EDGE_CORRUPT:"):
            rle_decode(stream_of(b"\xff\x01", b"\xfd\x02"), Shape(4, 1, 1, 16), whole)

    def test_a_last_segment_too_short_is_truncated(self, whole):
        with pytest.raises(CodecError, match="EDGE_TRUNCATED"):
            rle_decode(stream_of(b"\xfd\x01", b"\xff\x02"), Shape(4, 1, 1, 16), whole)

    @pytest.mark.parametrize(
        "header", [(2, 64, 64), (2, 66, 64), (1, 64), (3, 64, 66, 68), (2, 0, 66), (2, 64, 63), (0xFFFFFFFF, 64, 66)]
    )
    def test_a_header_that_cannot_be_is_refused(self, whole, header):
        stream = struct.pack("<16I", *header, *[0] * (16 - len(header))) + b"\xfd\x01\xfd\x02"
        with pytest.raises(CodecError, match="EDGE_CORRUPT_HEADER"):
            rle_decode(stream, Shape(4, 1, 1, 16), whole)

    def test_every_cut_is_an_error(self, whole):
        shape = Shape(20, 4, 1, 16)
        stream = rle_encode(picture(shape, "steps").tobytes(), shape)
        back = rle_decode(stream, shape, whole).pixels
        for length in range(len(stream) - 2):
            with pytest.raises(CodecError, match="EDGE_TRUNCATED|EDGE_CORRUPT") as caught:
                rle_decode(stream[:length], shape, whole)
            assert back.startswith(caught.value.given)


def test_what_follows_the_stream_is_left():
    stream = stream_of(b"\xfe\x05")
    assert rle_decode(stream + b"\x00\x00", Shape(3, 1)).left == 2
    assert rle_decode(stream + b"\x00\x00", Shape(3, 1), 0, 1).left in (0, 2)


class TestMisuse:
    def test_memory_that_is_no_state_is_refused(self):
        library = streams.native()
        ffi, lib = library
        shape = streams.image(library, Shape(8, 8))
        size = lib.edge_rle_encoder_size(shape, 1)
        memory = ffi.new("uint64_t[]", size // 8 + 2)
        io = ffi.new("edge_io *")
        assert lib.edge_rle_encode_begin(ffi.NULL, size, shape, 1) == lib.EDGE_BAD_STATE
        assert lib.edge_rle_encode_begin(memory, size - 1, shape, 1) == lib.EDGE_BAD_STATE
        assert lib.edge_rle_encode_begin(ffi.cast("uint8_t *", memory) + 1, size, shape, 1) == lib.EDGE_BAD_STATE
        assert lib.edge_rle_encode(memory, io) == lib.EDGE_BAD_STATE
        assert lib.edge_rle_encode_begin(memory, size, shape, 1) == lib.EDGE_NEEDS_INPUT
        assert lib.edge_rle_decode(memory, io) == lib.EDGE_BAD_STATE
        assert lib.edge_rle_encode(memory, ffi.NULL) == lib.EDGE_BAD_STATE

    @pytest.mark.parametrize(
        "shape", [Shape(0, 1), Shape(1, 0), Shape(65536, 1), Shape(1, 65536), Shape(1, 1, 0), Shape(1, 1, 5),
                  Shape(1, 1, 1, 24), Shape(1, 1, 4, 32), Shape(1, 1, 1, 8, 9), Shape(1, 1, 1, 8, 0)]
    )  # fmt: skip
    def test_an_image_that_has_no_rle_form_is_refused(self, shape):
        library = streams.native()
        wanted = streams.image(library, shape)
        memory = library.ffi.new("uint64_t[]", 4096)
        for whole in (0, 1):
            assert library.lib.edge_rle_encoder_size(wanted, whole) == 0
            assert library.lib.edge_rle_decoder_size(wanted, whole) == 0
            assert library.lib.edge_rle_encode_begin(memory, 32768, wanted, whole) == library.lib.EDGE_BAD_IMAGE
            assert library.lib.edge_rle_decode_begin(memory, 32768, wanted, whole) == library.lib.EDGE_BAD_IMAGE

    def test_pixels_that_end_early_are_truncated(self):
        for whole in (0, 1):
            with pytest.raises(CodecError, match="EDGE_TRUNCATED"):
                rle_encode(bytes(99), Shape(10, 10), whole)

    def test_the_state_is_small_where_nothing_is_held(self):
        library = streams.native()
        for shape in (Shape(4096, 4096), Shape(4096, 4096, 3), Shape(2048, 2048, 1, 16), Shape(900, 900, 3, 32)):
            wanted = streams.image(library, shape)
            assert library.lib.edge_rle_encoder_size(wanted, 1) <= 8192
            assert library.lib.edge_rle_decoder_size(wanted, 1) <= 8192
            assert library.lib.edge_rle_encoder_size(wanted, 0) <= 8192 + octets(shape)
        assert library.lib.edge_rle_encoder_size(streams.image(library, Shape(4096, 4096)), 0) <= 8192
        assert library.lib.edge_rle_decoder_size(streams.image(library, Shape(4096, 4096, 3, planar=1)), 0) <= 8192
