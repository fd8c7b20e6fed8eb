"""Deflated data sets; of the inflate function no more is asked than its contract says (see edge.dicom.reader)."""

from edge.dicom import reader
from edge.dicom.errors import LimitError, LocalError, PeerError, TruncatedError
from tests.dicom.data import DEFLATED, DEFLATED_OCTETS, error_of, read
from tests.support.inflate import inflater

# Modality CT and a megabyte of zeros as Pixel Data, deflated: a thousand times smaller
BOMB = (
    bytes.fromhex("edc13111c0200004b03f26463c21a003dcb1d649ad22a578604d52f3a68f923ef7d7f2ac1c2d")
    + bytes(1016)
    + bytes.fromhex("b77e")
)


def test_a_deflated_data_set_is_inflated():
    for step in (0, 1, 7):
        events, notices = read(DEFLATED_OCTETS, DEFLATED, step)
        assert [event.value for event in events] == [b"CT", b"4711", b"\2\0"] and notices == []


def test_a_deflated_data_set_needs_a_function_and_a_limit():
    assert isinstance(error_of(reader.Reader, DEFLATED), LocalError)
    assert isinstance(error_of(reader.Reader, DEFLATED, inflate=bytes), LocalError)


def test_a_deflated_data_set_that_is_cut_or_damaged_is_an_error():
    assert isinstance(error_of(read, DEFLATED_OCTETS[:12], DEFLATED), TruncatedError)
    assert isinstance(error_of(read, b"\xff" * 40, DEFLATED), PeerError)


def inflated(limit):
    """Read the bomb with a limit; return how many octets of pixels came, and the error it ended with, or None."""
    source = reader.Reader(DEFLATED, inflate=inflater(), inflate_limit=limit)
    source.feed(BOMB)
    total = 0
    try:
        for event in source.events():
            if isinstance(event, reader.Chunk):
                assert len(event.view) <= 65536
                total += len(event.view)
        source.finish()
    except LimitError as error:
        return total, error
    return total, None


def test_a_deflate_bomb_is_stopped_by_the_limit():
    total, error = inflated(500000)
    assert 400000 < total <= 500000 and error is not None


def test_a_deflated_value_is_handed_on_in_pieces():
    assert inflated(1 << 21) == (1 << 20, None)
