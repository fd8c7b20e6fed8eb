"""JPEG-LS streams that are unusual, not meant for us, cut off or damaged: read, or refused by the right name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.native import built
from tests.native.jpeg_ls_stream import LINE, SAMPLE, CodecError, decode, encode, native, segment, split
from tests.native.test_jpeg_ls import picture

VALUES = picture(37, 11, 3)
PIXELS = VALUES.tobytes()
IMAGE = {"columns": 37, "rows": 11, "components": 3}
STREAM = encode(PIXELS, **IMAGE)
GRAY = picture(40, 20, bits=12, kind="smooth")
GRAY_IMAGE = {"columns": 40, "rows": 20, "allocated": 16, "stored": 12}
GRAY_STREAM = encode(GRAY.tobytes(), **GRAY_IMAGE)
LSE = bytes([1, 0, 255, 0, 9, 0, 9, 0, 9, 0, 31])


def test_nothing_is_said_of_the_image_before_it_is_known():
    ffi, lib = native()
    image = ffi.new("edge_image *", [100, 0, 3, 0])
    size = lib.edge_jpeg_ls_decoder_size(image)
    state = ffi.new("uint64_t[]", size // 8 + 1)
    lib.edge_jpeg_ls_decode_begin(state, size, image, 0)
    columns, rows = ffi.new("uint32_t *"), ffi.new("uint32_t *")
    assert lib.edge_jpeg_ls_decoded_image(state, image) == lib.EDGE_NEEDS_INPUT
    assert lib.edge_jpeg_ls_decoded_component(state, 0, columns, rows) == lib.EDGE_NEEDS_INPUT
    assert lib.edge_jpeg_ls_decoded_near(state, ffi.new("int *")) == lib.EDGE_NEEDS_INPUT
    io = ffi.new("edge_io *", {"in_ended": 1})
    setattr(io, "in", source := ffi.new("uint8_t[]", STREAM))
    io.in_left = len(STREAM)
    assert lib.edge_jpeg_ls_decode(state, io) == lib.EDGE_NEEDS_OUTPUT, "without room it stops behind the header"
    assert lib.edge_jpeg_ls_decoded_image(state, image) == lib.EDGE_DONE
    assert (image.columns, image.rows, image.components, image.bits_allocated, image.bits_stored) == (37, 11, 3, 8, 8)
    assert lib.edge_jpeg_ls_decoded_component(state, 2, columns, rows) == lib.EDGE_DONE
    assert (columns[0], rows[0]) == (37, 11)
    assert lib.edge_jpeg_ls_decoded_component(state, 3, columns, rows) == lib.EDGE_BAD_OPTION
    assert source is not None


@pytest.mark.parametrize("zeros", [1, 2, 5000])
def test_zeros_before_the_end_of_image_are_padding(zeros):
    found = decode(STREAM[:-2] + bytes(zeros) + STREAM[-2:])
    assert found.pixels == PIXELS and found.left == 0


def test_what_follows_the_end_of_image_is_left():
    assert decode(STREAM + b"\0\xff\xd8").left == 3


def test_anything_but_zeros_behind_the_last_line_is_corrupt():
    with pytest.raises(CodecError, match="EDGE_CORRUPT") as caught:
        decode(STREAM[:-2] + b"\0\x01" + STREAM[-2:])
    assert caught.value.given == PIXELS


def test_application_data_comments_and_fill_octets_are_skipped():
    head, scan, data = split(STREAM)
    extra = segment(0xE8, b"SPIFF\0" + bytes(300)) + b"\xff\xff" + segment(0xFE, b"") + segment(0xE0, bytes(60000))
    assert decode(head[:2] + extra + head[2:] + extra + scan + data, piece=7).pixels == PIXELS
    assert decode(head + scan + data[:-2] + b"\xff\xff" + data[-2:]).pixels == PIXELS


def test_parameters_may_stand_in_any_place_where_tables_may():
    stream = encode(PIXELS, **IMAGE, t1=9, t2=9, t3=9, reset=31)
    lse = segment(0xF8, LSE)
    head, scan, data = split(stream)
    assert lse in head
    head = head.replace(lse, b"")
    for pieces in (
        (head[:2], lse, head[2:], scan, data),
        (head, lse, scan, data),
        (head, scan, lse, data),
        (head, scan, lse, segment(0xFE, bytes(100)), lse, data),
        (head, lse, scan, segment(0xFE, bytes(1)), data),
    ):
        for piece in (None, 1):
            assert decode(b"".join(pieces), piece=piece).pixels == PIXELS


def test_parameters_between_scans_hold_for_those_that_follow():
    planes = VALUES.transpose(2, 0, 1)
    plain = encode(planes.tobytes(), planar=1, **IMAGE)
    other = encode(planes.tobytes(), planar=1, **IMAGE, t1=9, t2=9, t3=9, reset=31)
    head, first, _, third = plain.split(b"\xff\xda")
    own = other.split(b"\xff\xda")[1:]
    mixed = head + b"\xff\xda" + first + segment(0xF8, LSE) + b"\xff\xda" + own[1] + b"\xff\xda" + own[2]
    assert decode(mixed).pixels == planes.tobytes()
    back = head + b"\xff\xda" + first + segment(0xF8, LSE) + b"\xff\xda" + own[1] + segment(0xF8, b"\1" + bytes(10))
    assert decode(back + b"\xff\xda" + third).pixels == planes.tobytes()


def test_restart_intervals_may_be_given_in_two_three_or_four_octets():
    for rows in (1, 3, 19, 20, 100):
        stream = encode(GRAY.tobytes(), **GRAY_IMAGE, restart_rows=rows)
        assert stream.count(b"\xff\xdd\x00\x04" + rows.to_bytes(2, "big")) == 1
        assert decode(stream).pixels == GRAY.tobytes()
        for octets in (3, 4):
            longer = stream.replace(segment(0xDD, rows.to_bytes(2, "big")), segment(0xDD, rows.to_bytes(octets, "big")))
            assert decode(longer, piece=1).pixels == GRAY.tobytes()


def test_each_stripe_can_be_decoded_alone():
    stream = encode(GRAY.tobytes(), **GRAY_IMAGE, restart_rows=5)
    _, _, data = split(stream)
    stripes = data[:-2].split(b"\xff\xd0")[0], data.split(b"\xff\xd0")[1].split(b"\xff\xd1")[0]
    head, scan, _ = split(encode(GRAY[:5].tobytes(), **{**GRAY_IMAGE, "rows": 5}))
    for number, stripe in enumerate(stripes):
        assert decode(head + scan + stripe + b"\xff\xd9").pixels == GRAY[number * 5 : number * 5 + 5].tobytes()


@pytest.mark.parametrize("wrong", [b"\xff\xd1", b"\xff\xd7", b"\xff\xd9", b""])
def test_a_restart_marker_out_of_order_is_found(wrong):
    stream = encode(GRAY.tobytes(), **GRAY_IMAGE, restart_rows=10)
    with pytest.raises(CodecError, match="EDGE_CORRUPT") as caught:
        decode(stream.replace(b"\xff\xd0", wrong))
    assert GRAY[:9].tobytes() in caught.value.given


def frame(**changes):
    """STREAM with a changed frame header."""
    body = {"bits": 8, "rows": 11, "columns": 37, "components": [(1, 0x11), (2, 0x11), (3, 0x11)], **changes}
    header = bytes([body["bits"]]) + body["rows"].to_bytes(2, "big") + body["columns"].to_bytes(2, "big")
    header += bytes([len(body["components"])]) + b"".join(bytes([*one, 0]) for one in body["components"])
    _, scan, data = split(STREAM)
    return b"\xff\xd8" + segment(body.get("marker", 0xF7), header) + scan + data


HEAD, SCAN, DATA = split(STREAM)


@pytest.mark.parametrize(
    "name,stream",
    [
        ("EDGE_TRUNCATED", b""),
        ("EDGE_TRUNCATED", b"\xff"),
        ("EDGE_CORRUPT_HEADER", b"\xff\xd9"),
        ("EDGE_CORRUPT_HEADER", b"BM" + STREAM),
        ("EDGE_CORRUPT_HEADER", b"\xff\xd8\xff\xd9"),
        ("EDGE_CORRUPT_HEADER", b"\xff\xd8\xff\xd8"),
        ("EDGE_CORRUPT_HEADER", b"\xff\xd8" + SCAN + DATA),
        ("EDGE_CORRUPT_HEADER", b"\xff\xd8\xff\xf7\x00\x01"),
        ("EDGE_CORRUPT_HEADER", HEAD + HEAD[2:] + SCAN + DATA),
        ("EDGE_CORRUPT_HEADER", HEAD + SCAN + DATA[:-2] + SCAN + DATA),
        ("EDGE_CORRUPT_HEADER", HEAD + segment(0xF8, LSE[:-1]) + SCAN + DATA),
        ("EDGE_CORRUPT_HEADER", HEAD + segment(0xF8, b"\1" + b"\xff" * 10) + SCAN + DATA),
        ("EDGE_CORRUPT_HEADER", HEAD + segment(0xF8, b"") + SCAN + DATA),
        ("EDGE_CORRUPT_HEADER", HEAD + segment(0xDD, b"\1") + SCAN + DATA),
        ("EDGE_CORRUPT_HEADER", HEAD + segment(0xDA, SCAN[4:-1]) + DATA),
        ("EDGE_CORRUPT_HEADER", HEAD + SCAN[:-3] + b"\x80\1\0" + DATA),
        ("EDGE_CORRUPT_HEADER", HEAD + SCAN[:-2] + b"\0\0" + DATA),
        ("EDGE_CORRUPT_HEADER", HEAD + SCAN[:-2] + b"\3\0" + DATA),
        ("EDGE_CORRUPT_HEADER", frame(bits=1)),
        ("EDGE_CORRUPT_HEADER", frame(bits=17)),
        ("EDGE_CORRUPT_HEADER", frame(components=[(1, 0x11), (1, 0x11), (3, 0x11)])),
        ("EDGE_CORRUPT_HEADER", frame(components=[(1, 0x11), (2, 0x01), (3, 0x11)])),
        ("EDGE_CORRUPT_HEADER", frame(components=[])),
        ("EDGE_UNSUPPORTED", frame(marker=0xC3)),
        ("EDGE_UNSUPPORTED", frame(marker=0xC0)),
        ("EDGE_UNSUPPORTED", frame(columns=0)),
        ("EDGE_UNSUPPORTED", frame(components=[(n, 0x11) for n in range(1, 6)])),
        ("EDGE_UNSUPPORTED", HEAD + segment(0xF8, b"\4\0\0\0") + SCAN + DATA),
        ("EDGE_UNSUPPORTED", HEAD + SCAN[:-1] + b"\1" + DATA),
        ("EDGE_UNSUPPORTED", HEAD + segment(0xF8, b"\2\1\1" + bytes(256)) + SCAN.replace(b"\3\1\0", b"\3\1\1") + DATA),
        ("EDGE_UNSUPPORTED_DNL", frame(rows=0)),
        ("EDGE_UNSUPPORTED_SAMPLING", frame(components=[(1, 0x21), (2, 0x11), (3, 0x11)])),
        ("EDGE_UNSUPPORTED_SCANS", HEAD + SCAN.replace(b"\3\1\0\2\0", b"\3\2\0\1\0") + DATA),
        ("EDGE_UNSUPPORTED_SCANS", HEAD + segment(0xDA, b"\2\1\0\2\0\0\1\0") + DATA),
        ("EDGE_CORRUPT", HEAD + SCAN + DATA[:30] + b"\xff\xd9"),
        ("EDGE_TRUNCATED", STREAM[:-2]),
        ("EDGE_TRUNCATED", STREAM[:-1]),
    ],
)
def test_streams_that_are_refused_have_a_name_for_it(name, stream):
    for piece in (None, 1):
        with pytest.raises(CodecError) as caught:
            decode(stream, piece=piece)
        assert caught.value.name == name


def test_a_mapping_table_that_no_scan_uses_is_skipped():
    assert decode(HEAD + segment(0xF8, b"\2\1\1" + bytes(256)) + SCAN + DATA).pixels == PIXELS


@pytest.mark.parametrize("bounds", [{"columns": 36}, {"components": 2}])
def test_an_image_larger_than_the_state_is_refused(bounds):
    with pytest.raises(CodecError, match="EDGE_TOO_LARGE"):
        decode(STREAM, **bounds)


def test_samples_of_more_bits_than_are_wanted_are_refused():
    with pytest.raises(CodecError, match="EDGE_TOO_LARGE"):
        decode(GRAY_STREAM, allocated=8)


@pytest.mark.parametrize("interleave", [LINE, SAMPLE])
@pytest.mark.parametrize("near", [0, 2])
def test_a_stream_cut_anywhere_is_truncated_and_what_was_given_is_right(interleave, near):
    stream = encode(PIXELS, **IMAGE, interleave=interleave, near=near)
    whole = decode(stream).pixels
    for end in range(len(stream)):
        with pytest.raises(CodecError) as caught:
            decode(stream[:end])
        assert caught.value.name == "EDGE_TRUNCATED"
        assert whole.startswith(caught.value.given)


@given(
    stream=st.sampled_from([STREAM, GRAY_STREAM, encode(PIXELS, **IMAGE, interleave=SAMPLE, near=1)]),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4),
    piece=st.sampled_from([None, 1, 50]),
)
@settings(max_examples=400, deadline=None)
def test_damage_anywhere_ends_in_pixels_of_the_right_number_or_an_error(stream, changes, piece):
    damaged = bytearray(stream)
    for where, what in changes:
        damaged[int(where * (len(damaged) - 1))] = what
    try:
        found = decode(damaged, columns=512, components=3, piece=piece)
    except CodecError as error:
        assert error.name.startswith(("EDGE_TRUNCATED", "EDGE_CORRUPT", "EDGE_UNSUPPORTED", "EDGE_TOO_LARGE"))
    else:
        image = found.image
        octets = image["columns"] * image["rows"] * image["components"] * image["bits_allocated"] // 8
        assert len(found.pixels) == octets


@pytest.mark.parametrize("flags", [(), ("-DEDGE_SCALAR",)], ids=["vectors", "scalar"])
def test_sanitizers_find_nothing_in_the_encoder(flags):
    text = """
        #include "edge_codec.h"
        #include <stdlib.h>
        #include <string.h>
        /* Images of many sizes, each with exactly the memory it may use, given and taken in odd pieces. */
        int main(void) {
            uint32_t seed = 1;
            for (int round = 0; round < 800; round++) {
                seed = seed * 1664525u + 1013904223u;
                edge_image image = {1 + (seed >> 8) % 70, 1 + (seed >> 16) % 6, 0, 0, 0, 0, 0, 1};
                image.components = (uint8_t)(1 + (seed >> 24) % 4);
                image.bits_stored = (uint8_t)(1 + (seed >> 5) % 16);
                image.bits_allocated = image.bits_stored <= 8 ? 8 : 16;
                if (round % 97 == 0) image.columns = 3000;
                edge_jpeg_ls_options options;
                memset(&options, 0, sizeof options);
                options.interleave = (uint8_t)((seed >> 3) % 3);
                options.near = (uint8_t)((seed >> 13) % 3);
                options.restart_rows = (seed >> 20) % 3;
                const size_t size = edge_jpeg_ls_encoder_size(&image, &options);
                if (size == 0) { if (options.near == 0) return 1; continue; }
                const size_t octets = edge_image_octets(&image);
                uint8_t *state = malloc(size), *pixels = malloc(octets), *out = malloc(37);
                if (!state || !pixels || !out) return 2;
                memset(state, 0x5A, size);
                for (size_t i = 0; i < octets; i++) {
                    seed = seed * 1664525u + 1013904223u;
                    pixels[i] = round % 3 == 0 ? (uint8_t)(seed >> 24) : (uint8_t)(i / 5 & 7u & seed >> 28);
                }
                edge_io io = {pixels, 0, NULL, 0, 0};
                edge_result result = edge_jpeg_ls_encode_begin(state, size, &image, &options);
                size_t given = 0, made = 0;
                while (result > 0) {
                    const size_t more = octets - given < 101 ? octets - given : 101;
                    if (io.in_left == 0) { io.in_left = more; given += more; }
                    io.in_ended = given == octets;
                    io.out = out; io.out_left = 37;
                    result = edge_jpeg_ls_encode(state, &io);
                    made += 37 - io.out_left;
                }
                free(state); free(pixels); free(out);
                if (result != EDGE_DONE || made < 20) return 3;
            }
            return 0;
        }"""
    built.run(built.program(text, "clang", *built.FUZZED, *flags))
