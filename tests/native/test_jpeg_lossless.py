"""Lossless JPEG keeps to T.81, and to the pixels."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.native import built, streams
from tests.native.streams import CodecError, Shape, jpeg_decode, jpeg_encode, picture

KINDS = st.sampled_from(["smooth", "noise", "flat", "steps", "extremes"])
DEPTHS = [(8, stored) for stored in (1, 2, 5, 7, 8)] + [(16, stored) for stored in (4, 8, 9, 10, 12, 13, 15, 16)]


@st.composite
def shapes(draw):
    """Shapes of every depth, sign and layout."""
    allocated, stored = draw(st.sampled_from(DEPTHS))
    components = draw(st.sampled_from([1, 1, 2, 3, 4]))
    columns = draw(st.one_of(st.integers(1, 40), st.sampled_from([255, 256, 257, 700, 767, 768, 769, 1537])))
    signed = draw(st.integers(0, 1))
    return Shape(columns, draw(st.integers(1, 7)), components, allocated, stored, signed, draw(st.integers(0, 1)))


def segments(stream):
    """The marker segments before the coded data: [(marker, body)], and where that begins."""
    at, found = 2, []
    while True:
        assert stream[at] == 0xFF
        length = int.from_bytes(stream[at + 2 : at + 4], "big")
        found.append((stream[at + 1], stream[at + 4 : at + 2 + length]))
        at += 2 + length
        if found[-1][0] == 0xDA:
            return found, at


def joined(parts, data, before=b""):
    """A stream of such segments."""
    out = b"\xff\xd8" + before
    for marker, body in parts:
        out += bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body
    return out + data


@settings(max_examples=200, deadline=None)
@given(
    shape=shapes(),
    kind=KINDS,
    predictor=st.integers(1, 7),
    passes=st.integers(1, 2),
    whole=st.integers(0, 1),
    restart=st.integers(0, 3),
    holds=st.integers(0, 1),
    piece=st.sampled_from([None, 1, 7, 1000]),
    room=st.sampled_from([1, 13, 1 << 20]),
)
def test_pixels_come_back_whatever_their_shape_and_pieces(
    shape, kind, predictor, passes, whole, restart, holds, piece, room
):
    pixels = picture(shape, kind).tobytes()
    stream = jpeg_encode(pixels, shape, predictor, 0, passes, whole, restart, None, piece, room)
    assert stream == jpeg_encode(pixels, shape, predictor, 0, passes, 1, restart), "pieces do not change the stream"
    back = jpeg_decode(stream, shape, holds, piece, room)
    assert back.pixels == pixels
    assert (back.image["columns"], back.image["rows"]) == (shape.columns, shape.rows)
    assert back.image["planar"] == (shape.planar if shape.components > 1 or holds else 0)


@pytest.mark.parametrize(
    "shape", [Shape(65535, 2, 1, 16), Shape(1, 65535), Shape(65535, 1, 3, 8), Shape(1, 1, 1, 16), Shape(3000, 3, 4, 16)]
)
@pytest.mark.parametrize("kind", ["smooth", "noise", "flat"])
def test_the_largest_and_smallest_sizes(shape, kind):
    pixels = picture(shape, kind).tobytes()
    for predictor, passes in ((1, 2), (1, 1), (4, 1), (7, 2)):
        stream = jpeg_encode(pixels, shape, predictor, passes=passes, whole=passes - 1)
        assert jpeg_decode(stream, shape).pixels == pixels


@pytest.mark.parametrize("compiler, flags", built.OTHERS, ids=map(built.identity, built.OTHERS))
def test_every_way_and_compiler_gives_the_same(compiler, flags):
    other = built.library(compiler, *flags)
    for seed, (allocated, stored) in enumerate(DEPTHS):
        for kind in ("smooth", "noise", "steps", "extremes"):
            for components in (1, 3, 4):
                shape = Shape(37 + 211 * seed % 900, 5, components, allocated, stored, seed % 2)
                pixels = picture(shape, kind, seed).tobytes()
                predictor = 1 + seed % 7
                stream = jpeg_encode(pixels, shape, predictor)
                assert jpeg_encode(pixels, shape, predictor, library=other) == stream
                assert jpeg_decode(stream, shape, library=other).pixels == pixels


def test_differences_of_32768_take_category_16():
    shape = Shape(600, 2, 1, 16)
    values = numpy.tile(numpy.array([0, 0x8000], "<u2"), 600).reshape(2, 600)
    stream = jpeg_encode(values.tobytes(), shape)
    tables = dict(segments(stream)[0])[0xC4]
    assert 16 in tables[17:]
    assert jpeg_decode(stream, shape).pixels == values.tobytes()
    one_pass = jpeg_encode(values.tobytes(), shape, passes=1)
    assert jpeg_decode(one_pass, shape).pixels == values.tobytes()


def test_signed_samples_stay_close_around_zero():
    shape = Shape(200, 50, 1, 16, 12, 1)
    noise = numpy.random.default_rng(1).integers(-3, 4, (50, 200)).astype("<i2")
    stream = jpeg_encode(noise.tobytes(), shape)
    assert segments(stream)[0][0][1][0] == 16, "P"
    assert len(stream) < noise.nbytes / 3
    assert jpeg_decode(stream, shape).pixels == noise.tobytes()


def test_signed_samples_of_a_smaller_precision_are_extended():
    unsigned = Shape(64, 3, 1, 16, 12)
    signed = unsigned._replace(signed=1)
    values = picture(signed, "noise")
    stream = jpeg_encode((values & 0xFFF).astype("<u2").tobytes(), unsigned)
    assert jpeg_decode(stream, signed).pixels == values.tobytes()
    assert jpeg_decode(stream, signed._replace(stored=0)).pixels == values.tobytes(), "from P"


def test_bits_above_those_stored_are_refused_or_dropped_but_never_lost_in_silence():
    shape = Shape(40, 4, 1, 16, 12)
    values = picture(shape)
    marked = values.copy()
    marked[3, 39] |= 0x8000
    for passes in (1, 2):
        with pytest.raises(CodecError, match="EDGE_BAD_SAMPLE"):
            jpeg_encode(marked.tobytes(), shape, passes=passes)
        dropped = jpeg_encode(marked.tobytes(), shape._replace(drops=1), passes=passes)
        assert jpeg_decode(dropped).pixels == values.tobytes()
    signed = Shape(40, 4, 1, 16, 12, 1)
    below = picture(signed, "noise")
    without_sign = (below & 0xFFF).astype("<u2").tobytes()
    with pytest.raises(CodecError, match="EDGE_BAD_SAMPLE"):
        jpeg_encode(without_sign, signed)
    assert jpeg_decode(jpeg_encode(without_sign, signed._replace(drops=1)), signed).pixels == below.tobytes()


def test_samples_of_up_to_8_bits_come_as_octets_unless_words_are_wanted():
    shape = Shape(30, 3, 1, 16, 7)
    values = picture(shape)
    stream = jpeg_encode(values.tobytes(), shape)
    assert jpeg_decode(stream, Shape(30, 3, 1, 0, 0)).pixels == values.astype("u1").tobytes()
    assert jpeg_decode(stream, shape).pixels == values.tobytes()


@pytest.mark.parametrize("shift", [1, 3])
def test_a_point_transform_drops_low_bits(shift):
    for shape in (Shape(50, 6, 1, 16, 12), Shape(50, 6, 3, 8), Shape(50, 6, 1, 16, 16, 1)):
        values = picture(shape, "noise")
        for predictor in (1, 4):
            back = jpeg_decode(jpeg_encode(values.tobytes(), shape, predictor, shift), shape).pixels
            assert back == (values >> shift << shift).tobytes()


class TestPasses:
    SHAPE = Shape(300, 200, 1, 16, 12)

    def test_a_state_of_the_size_for_two_passes_makes_the_best_tables(self):
        library = streams.native()
        pixels = picture(self.SHAPE).tobytes()
        wanted = streams.image(library, self.SHAPE)
        sizes = [
            library.lib.edge_jpeg_lossless_encoder_size(
                wanted, library.ffi.new("edge_jpeg_lossless_options *", [1, 0, passes])
            )
            for passes in (0, 1, 2)
        ]
        assert sizes[0] == sizes[2] > len(pixels) > sizes[1]
        best = jpeg_encode(pixels, self.SHAPE, passes=2)
        quick = jpeg_encode(pixels, self.SHAPE, passes=1)
        assert jpeg_encode(pixels, self.SHAPE, passes=0, whole=0, size=sizes[2]) == best
        assert jpeg_encode(pixels, self.SHAPE, passes=0, whole=0, size=sizes[1]) == quick

    def test_one_pass_with_the_statistics_of_the_frame_is_nearly_as_small_as_two(self):
        pixels = picture(self.SHAPE).tobytes()
        best, statistics = jpeg_encode(pixels, self.SHAPE, gives_statistics=True)
        one, again = jpeg_encode(pixels, self.SHAPE, passes=1, statistics=statistics, gives_statistics=True)
        assert [list(each) for each in again.counts] == [list(each) for each in statistics.counts]
        assert sum(statistics.counts[0]) == 300 * 200
        assert len(one) < len(best) * 1.005
        assert jpeg_decode(one).pixels == pixels

    @pytest.mark.parametrize("shape", [Shape(300, 20, 3), Shape(300, 20, 3, planar=1), Shape(70, 9, 4, 16, 13)])
    def test_statistics_are_counted_alike_in_one_pass_and_two(self, shape):
        pixels = picture(shape, "steps").tobytes()
        found = [jpeg_encode(pixels, shape, passes=passes, gives_statistics=True)[1] for passes in (1, 2)]
        assert [list(each) for each in found[0].counts] == [list(each) for each in found[1].counts]

    def test_any_statistics_do(self):
        library = streams.native()
        statistics = library.ffi.new("edge_jpeg_lossless_statistics *")
        pixels = picture(self.SHAPE, "noise").tobytes()
        for counts in ([0] * 17, [0xFFFFFFFF] * 17, [2**k for k in range(17)], [0] * 16 + [5]):
            statistics.counts = [counts] * 4
            assert jpeg_decode(jpeg_encode(pixels, self.SHAPE, passes=1, statistics=statistics)).pixels == pixels

    def test_unlike_components_have_tables_of_their_own(self):
        values = picture(Shape(90, 40, 3), "noise")
        values[..., 1] = 9
        stream = jpeg_encode(values.tobytes(), Shape(90, 40, 3))
        assert [marker for marker, _ in segments(stream)[0]].count(0xC4) == 3
        assert jpeg_decode(stream).pixels == values.tobytes()
        alike = jpeg_encode(picture(Shape(90, 40, 3)).tobytes(), Shape(90, 40, 3))
        assert [marker for marker, _ in segments(alike)[0]].count(0xC4) == 1


class TestStreamsOfOthers:
    SHAPE = Shape(30, 7, 1, 16, 12)

    def parts(self, **options):
        self.pixels = picture(self.SHAPE).tobytes()
        stream = jpeg_encode(self.pixels, self.SHAPE, **options)
        found, at = segments(stream)
        return found, stream[at:]

    def test_tables_may_stand_before_the_frame(self):
        (frame, table, scan), data = self.parts()
        assert jpeg_decode(joined([table, frame, scan], data)).pixels == self.pixels

    def test_application_data_comments_and_fill_octets_are_passed(self):
        (frame, table, scan), data = self.parts()
        others = [(0xE0, b"JFIF\0"), (0xEE, b"\xff\xd9" * 40), (0xFE, b""), (0xDB, bytes(65))]
        others += [(0xC4, b"\x10" + bytes(16))]  # a table of the class for coefficients
        stream = joined([*others, frame, (0xE1, bytes(5000)), table, scan], data, b"\xff\xff\xff\xfe\0\3\0")
        for piece in (None, 1):
            assert jpeg_decode(stream, piece=piece).pixels == self.pixels

    def test_a_table_may_be_defined_again(self):
        (frame, table, scan), data = self.parts()
        wrong = (0xC4, b"\x00\x01" + bytes(15) + b"\x05")
        assert jpeg_decode(joined([wrong, frame, table, scan], data)).pixels == self.pixels

    def test_a_code_of_all_ones_is_read(self):
        # Two codes of one bit: 0, no difference; 1, a difference of one bit. Then the data: 0 11 0 11, and padding.
        frame = (0xC3, b"\x08\0\1\0\4\1\1\x11\0")
        table = (0xC4, b"\x00\x02" + bytes(15) + b"\x00\x01")
        scan = (0xDA, b"\1\1\0\1\0\0")
        assert jpeg_decode(joined([frame, table, scan], b"\x6f\xff\xd9")).pixels == bytes([128, 129, 129, 130])

    def test_padding_before_the_end_is_passed(self):
        found, data = self.parts()
        assert jpeg_decode(joined(found, data[:-2] + b"\0\0\0" + data[-2:])).pixels == self.pixels
        assert jpeg_decode(joined(found, data + b"\0")).left == 1

    def test_planes_in_any_order_need_the_frame_to_be_held(self):
        shape = Shape(20, 6, 3, 8, planar=1)
        planes = picture(shape, "noise")
        stream = jpeg_encode(planes.tobytes(), shape)
        found, at = segments(stream)
        scans = stream[at - 10 :].split(b"\xff\xda")
        head = stream[: at - 10]
        swapped = head + b"".join(b"\xff\xda" + scans[k].removesuffix(b"\xff\xd9") for k in (2, 3, 1)) + b"\xff\xd9"
        with pytest.raises(CodecError, match="EDGE_UNSUPPORTED_SCANS"):
            jpeg_decode(swapped, shape)
        assert jpeg_decode(swapped, shape, holds=1).pixels == planes.tobytes()
        by_pixel = numpy.ascontiguousarray(numpy.moveaxis(planes, 0, 2)).tobytes()
        assert jpeg_decode(swapped, shape._replace(planar=0), holds=1).pixels == by_pixel

    def test_one_component_may_have_any_sampling(self):
        (frame, table, scan), data = self.parts()
        body = bytearray(frame[1])
        body[7] = 0x22
        assert jpeg_decode(joined([(0xC3, bytes(body)), table, scan], data)).pixels == self.pixels

    def test_restart_markers_out_of_order_are_refused(self):
        found, data = self.parts(restart=2)
        assert jpeg_decode(joined(found, data)).pixels == self.pixels
        for wrong in (data.replace(b"\xff\xd1", b"\xff\xd2"), data.replace(b"\xff\xd0", b"")):
            with pytest.raises(CodecError, match="EDGE_CORRUPT"):
                jpeg_decode(joined(found, wrong))

    @pytest.mark.parametrize(
        "name, where, change",
        [
            ("EDGE_UNSUPPORTED_DNL", 0xC3, lambda body: body[:1] + b"\0\0" + body[3:]),
            ("EDGE_CORRUPT_HEADER", 0xC3, lambda body: b"\x01" + body[1:]),
            ("EDGE_CORRUPT_HEADER", 0xC3, lambda body: b"\x11" + body[1:]),
            ("EDGE_CORRUPT_HEADER", 0xC3, lambda body: body + b"\0"),
            ("EDGE_TOO_LARGE", 0xC3, lambda body: body[:3] + b"\xff\xff" + body[5:]),
            ("EDGE_CORRUPT_TABLE", 0xC4, lambda body: b"\0\3" + bytes(15) + b"\0\1\2"),
            ("EDGE_CORRUPT_HEADER", 0xC4, lambda body: body[:-1]),
            ("EDGE_CORRUPT_HEADER", 0xC4, lambda body: b"\4" + body[1:]),
            ("EDGE_CORRUPT_TABLE", 0xC4, lambda body: b"\1" + body[1:]),
            ("EDGE_CORRUPT_CODE", 0xC4, lambda body: body[:17] + bytes([17]) * (len(body) - 17)),
            ("EDGE_CORRUPT_HEADER", 0xDA, lambda body: body[:3] + b"\x08" + body[4:]),
            ("EDGE_UNSUPPORTED", 0xDA, lambda body: body[:3] + b"\0" + body[4:]),
            ("EDGE_CORRUPT_HEADER", 0xDA, lambda body: body[:5] + b"\x0c"),
            ("EDGE_CORRUPT_HEADER", 0xDA, lambda body: body[:1] + b"\7" + body[2:]),
        ],
    )
    def test_what_cannot_be_is_refused_by_name(self, name, where, change):
        found, data = self.parts()
        changed = [(marker, change(body) if marker == where else body) for marker, body in found]
        with pytest.raises(CodecError, match=name + ":"):
            jpeg_decode(joined(changed, data))

    @pytest.mark.parametrize(
        "marker, name",
        [(other, "EDGE_UNSUPPORTED") for other in (0xC0, 0xC1, 0xC2, 0xC7, 0xCB, 0xCC, 0xDE, 0xDF)]
        + [(0xDC, "EDGE_UNSUPPORTED_DNL"), (0xD3, "EDGE_CORRUPT_RESTART"), (0x02, "EDGE_CORRUPT_HEADER")],
    )
    def test_other_processes_are_refused_by_name(self, marker, name):
        found, data = self.parts()
        with pytest.raises(CodecError, match=name + ":"):
            jpeg_decode(joined([(marker, found[0][1])] + found[1:], data))

    def test_components_of_different_size_are_refused_by_name(self):
        shape = Shape(8, 2, 3)
        found, at = segments(stream := jpeg_encode(picture(shape).tobytes(), shape))
        body = bytearray(found[0][1])
        body[7] = 0x21
        with pytest.raises(CodecError, match="EDGE_UNSUPPORTED_SAMPLING"):
            jpeg_decode(joined([(0xC3, bytes(body))] + found[1:], stream[at:]))

    def test_every_cut_is_an_error(self):
        found, data = self.parts(restart=3)
        stream = joined(found, data)
        for holds in (0, 1):
            for length in range(len(stream)):
                with pytest.raises(CodecError, match="EDGE_TRUNCATED") as caught:
                    jpeg_decode(stream[:length], self.SHAPE, holds)
                assert self.pixels.startswith(caught.value.given)


class TestMisuse:
    def test_memory_that_is_no_state_is_refused(self):
        library = streams.native()
        ffi, lib = library
        shape = streams.image(library, Shape(8, 8))
        options = ffi.new("edge_jpeg_lossless_options *", [1, 0, 1])
        size = lib.edge_jpeg_lossless_encoder_size(shape, options)
        memory = ffi.new("uint64_t[]", size // 8 + 2)
        io, found = ffi.new("edge_io *"), ffi.new("edge_image *")
        begin = lib.edge_jpeg_lossless_encode_begin
        assert begin(ffi.NULL, size, shape, options, ffi.NULL) == lib.EDGE_BAD_STATE
        assert begin(memory, size - 1, shape, options, ffi.NULL) == lib.EDGE_BAD_STATE
        assert begin(ffi.cast("uint8_t *", memory) + 4, size, shape, options, ffi.NULL) == lib.EDGE_BAD_STATE
        assert lib.edge_jpeg_lossless_encode(memory, io) == lib.EDGE_BAD_STATE
        assert begin(memory, size, shape, options, ffi.NULL) == lib.EDGE_NEEDS_INPUT
        assert lib.edge_jpeg_lossless_decode(memory, io) == lib.EDGE_BAD_STATE
        assert lib.edge_jpeg_lossless_decoded_image(memory, found) == lib.EDGE_BAD_STATE
        statistics = ffi.new("edge_jpeg_lossless_statistics *")
        assert lib.edge_jpeg_lossless_encoded_statistics(memory, statistics) == lib.EDGE_BAD_STATE

    @pytest.mark.parametrize(
        "shape", [Shape(0, 1), Shape(1, 0), Shape(65536, 1), Shape(1, 1, 5), Shape(1, 1, 1, 32), Shape(1, 1, 1, 8, 9)]
    )
    def test_an_image_that_cannot_be_coded_is_refused(self, shape):
        with pytest.raises(CodecError, match="EDGE_BAD_IMAGE"):
            jpeg_encode(b"", shape)

    @pytest.mark.parametrize("options", [[0], [8], [1, 8], [1, 0, 3], [1, 0, 0, 2], [1, 0, 0, 0, 65536]])
    def test_options_out_of_range_are_refused(self, options):
        library = streams.native()
        shape = streams.image(library, Shape(8, 8))
        asked = library.ffi.new("edge_jpeg_lossless_options *", options)
        assert library.lib.edge_jpeg_lossless_encoder_size(shape, asked) == 0
        memory = library.ffi.new("uint64_t[]", 16384)
        begin = library.lib.edge_jpeg_lossless_encode_begin
        assert begin(memory, 131072, shape, asked, library.ffi.NULL) == library.lib.EDGE_BAD_OPTION

    def test_pixels_that_end_early_are_truncated(self):
        for whole, passes in ((0, 1), (0, 2), (1, 1), (1, 2)):
            with pytest.raises(CodecError, match="EDGE_TRUNCATED"):
                jpeg_encode(bytes(99), Shape(10, 10), passes=passes, whole=whole)

    def test_the_state_is_at_most_64_kilobytes_where_no_frame_is_held(self):
        library = streams.native()
        options = library.ffi.new("edge_jpeg_lossless_options *", [1, 0, 1])
        for shape in (Shape(4096, 4096, 1, 16), Shape(4096, 4096, 3), Shape(2048, 2048, 3, 16)):
            wanted = streams.image(library, shape)
            assert library.lib.edge_jpeg_lossless_encoder_size(wanted, options) <= 65536
            assert library.lib.edge_jpeg_lossless_decoder_size(wanted, 0) <= 65536


def test_a_decoder_tells_the_image_before_it_is_given_room():
    library = streams.native()
    ffi, lib = library
    shape = Shape(33, 21, 3, 16, 11)
    stream = jpeg_encode(picture(shape).tobytes(), shape)
    bounds = streams.image(library, Shape(100, 1, 4, 0, 0))
    size = lib.edge_jpeg_lossless_decoder_size(bounds, 0)
    state = streams.begun(library, lib.edge_jpeg_lossless_decode_begin, size, bounds, 0)
    found = ffi.new("edge_image *")
    assert lib.edge_jpeg_lossless_decoded_image(state, found) == lib.EDGE_NEEDS_INPUT
    source = ffi.new("uint8_t[]", stream)
    io = ffi.new("edge_io *", {"in": source, "in_left": len(stream), "in_ended": 1})
    assert lib.edge_jpeg_lossless_decode(state, io) == lib.EDGE_NEEDS_OUTPUT
    assert lib.edge_jpeg_lossless_decoded_image(state, found) == lib.EDGE_DONE
    assert (found.columns, found.rows, found.components, found.bits_allocated, found.bits_stored) == (33, 21, 3, 16, 11)
