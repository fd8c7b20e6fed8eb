from edge.dicom import octets
from edge.dicom.errors import LocalError, PeerError
from tests.dicom.data import error_of

INTEGERS = (
    (octets.put_u8, octets.get_u8, 0xFE, "fe"),
    (octets.put_u16_le, octets.get_u16_le, 0x1234, "3412"),
    (octets.put_u16_be, octets.get_u16_be, 0x1234, "1234"),
    (octets.put_u32_le, octets.get_u32_le, 0xFEDCBA98, "98badcfe"),
    (octets.put_u32_be, octets.get_u32_be, 0xFEDCBA98, "fedcba98"),
)


def test_an_integer_is_read_as_it_was_written():
    for put, get, value, written in INTEGERS:
        assert put(value) == bytes.fromhex(written)
        assert get(memoryview(b"\xff" + put(value) + b"\xff"), 1) == value


def test_an_integer_that_does_not_fit_is_refused_and_not_truncated():
    for put, _, value, written in INTEGERS:
        for wrong in (-1, 1 << 4 * len(written)):
            assert isinstance(error_of(put, wrong), LocalError)


def test_reading_past_the_end_is_an_error_that_names_the_place():
    for _, get, _, written in INTEGERS:
        for at in (1, 100, -1):
            error = error_of(get, bytes.fromhex(written), at)
            assert isinstance(error, PeerError) and error.offset == at


def test_only_odd_octets_are_padded():
    assert octets.pad_even(b"abc", b" ") == b"abc "
    assert octets.pad_even(memoryview(b"ab"), b" ") == b"ab"
    assert octets.pad_even(b"", b" ") == b""


def test_numbers_of_every_kind_are_read_in_both_byte_orders():
    for kind, numbers, little in (
        ("US", (0, 0xFFFF), "0000ffff"),
        ("SS", (-2, 0x7FFF), "feffff7f"),
        ("UL", (1, 0xFFFFFFFF), "01000000ffffffff"),
        ("SL", (-2, 1), "feffffff01000000"),
        ("UV", (2**64 - 1,), "ffffffffffffffff"),
        ("SV", (-(2**63),), "0000000000000080"),
        ("FL", (1.5, -2.0), "0000c03f000000c0"),
        ("FD", (-2.5,), "00000000000004c0"),
    ):
        written = bytes.fromhex(little)
        assert octets.put_numbers(numbers, kind) == written
        assert octets.get_numbers(written, kind, True) == numbers
        size = len(written) // len(numbers)
        swapped = b""
        for at in range(0, len(written), size):
            swapped += bytes(reversed(written[at : at + size]))
        assert octets.get_numbers(memoryview(swapped), kind, False) == numbers


def test_a_rest_that_is_no_whole_number_is_left_out():
    assert octets.get_numbers(b"\1\0\2", "US", True) == (1,)
    assert octets.get_numbers(b"\1", "FD", True) == ()


def test_numbers_that_do_not_fit_their_kind_are_refused():
    for kind, wrong in (
        ("US", -1), ("US", 65536), ("SS", 32768), ("UL", 1 << 32), ("SL", -(1 << 31) - 1), ("UV", 1 << 64),
        ("SV", 1 << 63), ("FL", 1e39), ("US", 1.5), ("US", "1"), ("FD", "1"), ("FD", None),
    ):  # fmt: skip
        assert isinstance(error_of(octets.put_numbers, (wrong,), kind), LocalError), (kind, wrong)


def test_infinity_is_a_number_that_floats_hold():
    infinity = float("inf")
    assert octets.get_numbers(octets.put_numbers((infinity, -infinity), "FL"), "FL", True) == (infinity, -infinity)


def test_numbers_are_swapped_and_what_is_no_whole_number_stays():
    assert octets.swapped(b"\1\2\3\4\5", 1) == b"\1\2\3\4\5"
    assert octets.swapped(b"\1\2\3\4\5", 2) == b"\2\1\4\3\5"
    assert octets.swapped(memoryview(b"\1\2\3\4\5\6\7\x88\x99"), 4) == b"\4\3\2\1\x88\7\6\5\x99"
    assert octets.swapped(b"\1\2\3\4\5\6\7\x88", 8) == b"\x88\7\6\5\4\3\2\1"
    assert octets.swapped(b"\1", 2) == b"\1" and octets.swapped(b"", 8) == b""
