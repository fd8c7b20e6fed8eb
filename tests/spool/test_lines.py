"""The lines of the journal, as they are written and as they are read back from whatever a crash left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.dicom.errors import LimitError
from edge.spool import lines
from edge.spool.checksum import crc32


def write(records, sequence=0, synced=0, start=0):
    """The octets of one line for each record."""
    out = b""
    for record in records:
        sequence += 1
        rest = b"%d %d %s" % (sequence, synced, lines.encode("note", record))
        out += b"%08x %s" % (crc32(rest), rest)
    return out


def records(found):
    return [line.record for line in found]


def test_what_is_written_is_read_back():
    octets = write([{"a": 1}, {"b": "\u00e9\n "}, {}])
    assert records(lines.read_segment(octets)) == [{"a": 1}, {"b": "\u00e9\n "}, {}]


def test_a_line_knows_where_it_stands():
    first, second = lines.read_segment(write([{"a": 1}, {"b": 2}]), segment=7)
    assert (first.segment, first.start, first.sequence) == (7, 0, 1)
    assert (second.start, second.sequence) == (first.end, 2)


def test_zeros_end_a_segment():
    damages = []
    assert records(lines.read_segment(write([{"a": 1}]) + bytes(1000), damages=damages)) == [{"a": 1}]
    assert damages == []


def test_a_line_too_long_is_refused_before_it_is_written():
    with pytest.raises(LimitError):
        lines.encode("note", {"a": "x" * lines.LINE_LIMIT})


def test_a_torn_tail_is_void_and_no_damage():
    whole = write([{"a": 1}], synced=0) + write([{"b": 2}], 1, synced=0)
    for cut in range(len(write([{"a": 1}])) + 1, len(whole)):
        damages = []
        assert records(lines.read_segment(whole[:cut] + bytes(64), damages=damages)) == [{"a": 1}]
        assert damages == []


def test_a_batch_torn_in_its_middle_is_void_from_there_on():
    first = write([{"a": 1}])
    batch = bytearray(write([{"b": 2}, {"c": 3}, {"d": 4}], 1, synced=len(first)))
    batch[5:25] = bytes(20)
    damages = []
    assert records(lines.read_segment(first + batch, damages=damages)) == [{"a": 1}]
    assert damages == []


def test_a_bad_line_that_a_later_one_calls_durable_is_damage_and_the_rest_is_read():
    first = write([{"a": 1}])
    second = bytearray(write([{"b": 2}], 1, synced=len(first)))
    third = write([{"c": 3}], 2, synced=len(first) + len(second))
    second[12] ^= 1
    damages = []
    assert records(lines.read_segment(first + second + third, 4, damages=damages)) == [{"a": 1}, {"c": 3}]
    assert damages == ["segment 4 of the journal is damaged from octet %d to %d" % (len(first), len(first + second))]


def test_in_a_segment_that_was_ended_every_bad_octet_is_damage():
    octets = write([{"a": 1}, {"b": 2}])
    damages = []
    list(lines.read_segment(octets[:-3], 1, 0, len(octets) - 3, damages))
    assert len(damages) == 1


def test_what_stands_behind_the_end_of_a_segment_is_void():
    octets = write([{"a": 1}, {"b": 2}])
    limit = len(write([{"a": 1}]))
    damages = []
    assert records(lines.read_segment(octets, 1, 0, limit, damages)) == [{"a": 1}]
    assert damages == []


def test_a_checksum_over_something_that_is_no_record_makes_no_line():
    for body in (b"note [1]\n", b"note {\n", b"note\n", b"1 2 3\n", b"note " + b"[" * 30000 + b"\n", b"\xff {}\n"):
        rest = b"1 0 " + body
        assert lines.read_line(b"%08x %s" % (crc32(rest), rest), 0) is None


@given(st.binary(max_size=4096))
def test_any_octets_give_lines_or_none(octets):
    damages = []
    for line in lines.read_segment(octets, damages=damages):
        assert 0 <= line.start < line.end <= len(octets)
    for line in lines.read_segment(octets, limit=len(octets) // 2, damages=damages):
        assert line.end <= len(octets) // 2


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers()), min_size=1, max_size=8), st.data())
def test_one_flipped_octet_costs_at_most_its_own_line(written, data):
    octets = bytearray(write(written))
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] ^= data.draw(st.integers(1, 255))
    damages = []
    found = records(lines.read_segment(bytes(octets), limit=len(octets), damages=damages))
    assert damages
    # A flipped newline joins two lines, so both are lost
    assert len(written) - 2 <= len(found) < len(written)
