"""Fragments are cut into the frames they were made of, whatever their tables say; and hostile ones end in words."""

import itertools

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.dicom.errors import DicomError
from edge.pixels import binding, flow, frames
from edge.pixels.image import Image
from tests.pixels import objects

GENERATOR = numpy.random.default_rng(11)
FRAMES = numpy.cumsum(GENERATOR.integers(-9, 10, (4, 12, 15)), axis=2).astype("u2") & 0xFFF
IMAGE = Image(15, 12, 1, 16, 12, 0, 0)
UIDS = {"jpeg-ls": "1.2.840.10008.1.2.4.80", "jpeg-lossless": "1.2.840.10008.1.2.4.70", "rle": "1.2.840.10008.1.2.5"}
ENCODERS = {"jpeg-ls": binding.JpegLsEncoder, "jpeg-lossless": binding.JpegLosslessEncoder, "rle": binding.RleEncoder}


def streams(name):
    """The four frames, each coded."""
    coder = ENCODERS[name](IMAGE)
    coded = []
    for frame in FRAMES:
        coder.begin()
        coded.append(bytes(coder.code(frame.tobytes())))
    return coded


def item(octets):
    octets += b"\0" * (len(octets) & 1)
    return b"\xfe\xff\x00\xe0" + len(octets).to_bytes(4, "little") + octets


def table(fragments):
    """The offsets of the first of each group of fragments, and all of them as items."""
    offsets, items = [], b""
    for group in fragments:
        offsets.append(len(items))
        items += b"".join(item(each) for each in group)
    return offsets, items


def cut(stream, count):
    size = max(2, len(stream) // count & ~1)
    pieces = [stream[at : at + size] for at in range(0, size * (count - 1), size)]
    return [*pieces, stream[size * (count - 1) :]]


def whole(name, bot, items, extended=None, end=b"\xfe\xff\xdd\xe0\0\0\0\0", length=b"\xff" * 4, number=4):
    """A Part 10 file of these items, its offset table given as numbers."""
    made = objects.dataset(FRAMES, 12, frames=4)
    made.NumberOfFrames = number
    del made.PixelData
    octets = objects.octets_of(made, UIDS[name])
    if extended:
        for tag, numbers in ((1, extended[0]), (2, extended[1])):
            value = b"".join(each.to_bytes(8, "little") for each in numbers)
            octets += b"\xe0\x7f" + bytes([tag, 0]) + b"OV\0\0" + len(value).to_bytes(4, "little") + value
    first = item(b"".join(each.to_bytes(4, "little") for each in bot))
    return octets + b"\xe0\x7f\x10\0OB\0\0" + length + first + items + end


def decoded(octets):
    return objects.native(objects.turned(octets, "explicit"))


@pytest.mark.parametrize("name", UIDS)
@pytest.mark.parametrize("fragments", [1, 2, 3])
@pytest.mark.parametrize("kind", ["basic", "extended", "none"])
def test_frames_are_found_by_their_table_or_by_what_they_begin_with(name, fragments, kind):
    groups = [cut(each, fragments) for each in streams(name)]
    offsets, items = table(groups)
    extended = (offsets, [sum(map(len, group)) for group in groups]) if kind == "extended" else None
    octets = whole(name, offsets if kind == "basic" else [], items, extended)
    assert decoded(octets) == FRAMES.tobytes()


@pytest.mark.parametrize("name", UIDS)
@pytest.mark.parametrize(
    "wrong",
    [
        lambda offsets: [0, 0, 0, 0],
        lambda offsets: offsets[:2],
        lambda offsets: [each + 8 for each in offsets],
        lambda offsets: [0, offsets[1] + 2, offsets[2], offsets[3]],
        lambda offsets: offsets[:3] + [offsets[3] + (1 << 30)],
        lambda offsets: [0xFFFFFFFF] * 4,
        lambda offsets: [*offsets, 99999],
    ],
)
def test_a_table_that_is_wrong_is_ignored_with_a_notice(name, wrong):
    offsets, items = table([[each] for each in streams(name)])
    octets, made = objects.turned(whole(name, wrong(offsets), items), "explicit", gives=True)
    assert objects.native(octets) == FRAMES.tobytes()
    assert any("ignored" in notice.message for notice in made.notices)


def test_one_frame_takes_all_fragments_whatever_they_begin_with():
    stream = streams("jpeg-ls")[0]
    items = b"".join(item(each) for each in cut(stream, 5))
    octets = whole("jpeg-ls", [], items, number=1)
    assert decoded(octets) == FRAMES[0].tobytes()


@pytest.mark.parametrize("name", UIDS)
@pytest.mark.parametrize("number, words", [(5, "4 of 5 frames"), (3, "Number of Frames says 3")])
def test_another_number_of_frames_than_announced_is_an_error(name, number, words):
    _, items = table([[each] for each in streams(name)])
    with pytest.raises(DicomError, match=words):
        objects.turned(whole(name, [], items, number=number), "explicit")


@pytest.mark.parametrize("name", UIDS)
def test_padding_behind_a_frame_is_no_part_of_it(name):
    items = b"".join(item(each + bytes(2 + (len(each) & 1))) for each in streams(name))
    assert decoded(whole(name, [], items)) == FRAMES.tobytes()


@pytest.mark.parametrize("name", ["jpeg-ls", "jpeg-lossless"])
def test_compressed_pixel_data_of_a_given_length_are_read(name):
    stream = streams(name)[0]
    stream += b"\0" * (len(stream) & 1)
    made = objects.dataset(FRAMES[0], 12)
    del made.PixelData
    head = objects.octets_of(made, UIDS[name]) + b"\xe0\x7f\x10\0OB\0\0"
    assert decoded(head + len(stream).to_bytes(4, "little") + stream) == FRAMES[0].tobytes()
    items = item(b"") + item(stream) + b"\xfe\xff\xdd\xe0\0\0\0\0"
    assert decoded(head + len(items).to_bytes(4, "little") + items) == FRAMES[0].tobytes()


def test_native_pixels_in_a_compressed_syntax_are_read_as_what_they_are():
    made = objects.dataset(FRAMES[0], 12)
    pixels = made.PixelData
    del made.PixelData
    octets = objects.octets_of(made, UIDS["jpeg-ls"]) + b"\xe0\x7f\x10\0OW\0\0" + len(pixels).to_bytes(4, "little")
    assert decoded(octets + pixels) == pixels


def test_truncated_and_cut_off_objects_are_told():
    octets = objects.turned(objects.octets_of(objects.dataset(FRAMES, 12, frames=4)), "jpeg-ls")
    for end in range(len(octets) - 9, len(octets) - 400, -37):
        with pytest.raises(DicomError):
            objects.turned(octets[:end], "explicit")


def written(octets):
    """(offsets of the Basic Offset Table, fragments) as they stand in a Part 10 file."""
    from pydicom.encaps import generate_fragments, parse_basic_offsets

    value = objects.read(octets).PixelData
    return parse_basic_offsets(value), list(itertools.islice(generate_fragments(value), 100))


@pytest.mark.parametrize("name", UIDS)
def test_each_frame_is_written_as_one_padded_fragment_with_a_table_that_points_to_it(name):
    offsets, fragments = written(objects.turned(objects.octets_of(objects.dataset(FRAMES, 12, frames=4)), name))
    coded = streams(name)
    assert [each.rstrip(b"\0") for each in fragments[-4:]] == [each.rstrip(b"\0") for each in coded]
    assert all(len(each) % 2 == 0 for each in fragments)
    assert offsets == table([[each] for each in coded])[0]


def test_for_a_socket_the_table_stays_empty():
    offsets, fragments = written(objects.streamed(objects.octets_of(objects.dataset(FRAMES, 12, frames=4)), "rle"))
    assert offsets == []
    assert len(fragments[-4:]) == 4


def test_what_does_not_fit_32_bits_gets_an_extended_table_whose_lengths_leave_padding_out(monkeypatch):
    monkeypatch.setattr(flow, "needs_extended", lambda pixels: True)
    octets = objects.turned(objects.octets_of(objects.dataset(FRAMES, 12, frames=4)), "jpeg-ls")
    got = objects.read(octets)
    coded = streams("jpeg-ls")
    assert numpy.frombuffer(got.ExtendedOffsetTable, "<u8").tolist() == table([[each] for each in coded])[0]
    assert numpy.frombuffer(got.ExtendedOffsetTableLengths, "<u8").tolist() == [len(each) for each in coded]
    assert written(octets)[0] == []
    monkeypatch.undo()
    back = objects.turned(octets, "explicit")
    assert objects.native(back) == FRAMES.tobytes()
    assert "ExtendedOffsetTable" not in objects.read(back)


def test_an_extended_table_of_many_frames_is_read():
    stream = streams("rle")[0]
    offsets, items = table([[stream]] * 9000)
    octets = whole("rle", [], items, (offsets, [len(stream)] * 9000), number=9000)
    assert decoded(octets) == FRAMES[0].tobytes() * 9000


def test_frames_that_may_lie_beyond_32_bits_ask_for_an_extended_table():
    from edge.pixels.image import Pixels

    assert not flow.needs_extended(Pixels(Image(512, 512, 1, 16, 12, 0, 0), 1000, "MONOCHROME2", 11))
    assert flow.needs_extended(Pixels(Image(512, 512, 1, 16, 12, 0, 0), 10000, "MONOCHROME2", 11))


@pytest.mark.parametrize("engine", [None, "rle", "jpeg-ls", "j2k"])
def test_no_table_is_believed_that_is_longer_than_its_frames(engine):
    splitter = frames.Splitter(engine, 2, (0, 10, 20))
    assert splitter._table is None


CODED = {name: whole(name, table([[each] for each in streams(name)])[0], table([[each] for each in streams(name)])[1])
         for name in UIDS}  # fmt: skip


@given(
    st.sampled_from(sorted(UIDS)),
    st.lists(st.tuples(st.integers(0, 100000), st.binary(min_size=1, max_size=9)), max_size=4),
    st.integers(0, 400),
)
@settings(max_examples=300, deadline=None)
def test_damaged_objects_give_frames_or_an_error_in_words(name, changes, cut_off):
    octets = bytearray(CODED[name])
    begin = octets.index(b"\xe0\x7f\x10\0")
    for at, values in changes:
        at = begin + at % (len(octets) - begin)
        octets[at : at + len(values)] = values
    try:
        objects.turned(bytes(octets[: len(octets) - cut_off]), "explicit")
    except DicomError as error:
        assert str(error)


PLAIN = objects.octets_of(objects.dataset(FRAMES, 12, frames=4, PatientComments="x" * 90))


@given(
    st.sampled_from([PLAIN, *CODED.values()]),
    st.lists(st.tuples(st.integers(0, 100000), st.binary(min_size=1, max_size=4)), min_size=1, max_size=3),
    st.sampled_from(["explicit", "implicit", "deflated", "rle", "jpeg-ls", "jpeg-lossless", "jpeg-ls-near"]),
)
@settings(max_examples=400, deadline=None)
def test_damaged_heads_give_an_object_or_an_error_in_words(octets, changes, name):
    octets = bytearray(octets)
    for at, values in changes:
        at = 132 + at % min(len(octets) - 132, 900)
        octets[at : at + len(values)] = values
    try:
        objects.turned(bytes(octets), name)
    except DicomError as error:
        assert str(error)


def test_a_frame_that_is_said_to_be_enormous_is_refused_before_memory_is_taken_for_it():
    made = objects.read(CODED["rle"])
    made.Rows = made.Columns = 65535
    with pytest.raises(DicomError, match="larger than"):
        objects.turned(objects.octets_of(made, UIDS["rle"]), "explicit")


@given(
    st.sampled_from(sorted(UIDS)),
    st.lists(st.binary(max_size=80) | st.sampled_from([b"\xff\xd8\xff\xf7", b"\xff\xd8\xff\xc3"]), max_size=6),
    st.lists(st.integers(0, 0xFFFFFFFF), max_size=5),
    st.integers(1, 5),
)
@settings(max_examples=200, deadline=None)
def test_any_fragments_give_frames_or_an_error_in_words(name, fragments, bot, number):
    items = b"".join(item(each) for each in fragments)
    try:
        objects.turned(whole(name, bot, items, number=number), "explicit")
    except DicomError as error:
        assert str(error)


@given(st.binary(max_size=300), st.sampled_from([b"\xff" * 4, b"\x40\0\0\0", b"\0\0\0\0"]))
@settings(max_examples=200, deadline=None)
def test_any_octets_as_pixel_data_give_frames_or_an_error_in_words(octets, length):
    made = objects.dataset(FRAMES[0], 12)
    del made.PixelData
    head = objects.octets_of(made, UIDS["jpeg-ls"])
    try:
        objects.turned(head + b"\xe0\x7f\x10\0OB\0\0" + length + octets, "explicit")
    except DicomError as error:
        assert str(error)
