from edge.dicom import values
from edge.dicom.errors import LocalError
from tests.dicom.data import error_of

PAIRS = (
    # VR, values, octets
    ("AE", ["EDGE", "PACS"], b"EDGE\\PACS "),
    ("AT", [0x00181063, 0x7FE00010], b"\x18\0\x63\x10\xe0\x7f\x10\0"),
    ("CS", ["ORIGINAL", "PRIMARY"], b"ORIGINAL\\PRIMARY"),
    ("DA", ["20261123"], b"20261123"),
    ("DS", ["0.5", "-1E3"], b"0.5\\-1E3"),
    ("FD", [0.5], b"\0\0\0\0\0\0\xe0\x3f"),
    ("FL", [1.5, -2.0], b"\0\0\xc0\x3f\0\0\0\xc0"),
    ("IS", ["7"], b"7 "),
    ("LT", ["one\\two"], b"one\\two "),
    ("OW", [1, 0xFFFF], b"\1\0\xff\xff"),
    ("PN", ["Doe^Jane"], b"Doe^Jane"),
    ("SL", [-1], b"\xff\xff\xff\xff"),
    ("SV", [-2], b"\xfe" + b"\xff" * 7),
    ("UI", ["1.2.3", "1.2.4"], b"1.2.3\\1.2.4\0"),
    ("UL", [1], b"\1\0\0\0"),
    ("UR", ["http://a/b\\c"], b"http://a/b\\c"),
    ("US", [1, 65535], b"\1\0\xff\xff"),
    ("UV", [2**64 - 1], b"\xff" * 8),
    ("OB", [b"\1\2"], b"\1\2"),
    ("UN", [b"\1\2"], b"\1\2"),
)


def test_values_are_read_as_they_were_written():
    for vr, expected, octets in PAIRS:
        assert values.decode(memoryview(octets), vr) == expected, vr
        given = expected[0] if isinstance(expected[0], bytes) else expected
        assert values.encode(given, vr) == octets, vr


def test_one_value_need_not_be_a_list():
    assert values.encode("1.2.3", "UI") == b"1.2.3\0"
    assert values.encode(512, "US") == b"\0\2"
    assert values.encode(3, "IS") == b"3 "
    assert values.encode(0x00181063, "AT") == b"\x18\0\x63\x10"


def test_no_value_is_no_octets():
    for vr, _, _ in PAIRS:
        assert values.encode(None, vr) == b"" and values.decode(b"", vr) == []
        assert vr in ("OB", "UN") or values.encode([], vr) == b""


def test_padding_and_meaningless_blanks_go():
    assert values.decode(b" CT ", "CS") == ["CT"]
    assert values.decode(b"1.2.3\0", "UI") == ["1.2.3"]
    assert values.decode(b" a \\b  ", "LO") == ["a", "b"]
    assert values.decode(b" Doe^Jane ", "PN") == [" Doe^Jane"]
    assert values.decode(b"  indented ", "LT") == ["  indented"]


def test_an_empty_value_among_others_stays():
    assert values.decode(b"A\\\\C ", "LO") == ["A", "", "C"]


def test_numbers_have_the_byte_order_of_the_data_set():
    assert values.decode(b"\1\0", "US", False) == [256]
    assert values.decode(b"\x7f\xe0\0\x10", "AT", False) == [0x7FE00010]


def test_what_is_not_whole_at_the_end_is_left_out():
    assert values.decode(b"\1\0\2", "US") == [1]
    assert values.decode(b"\1\0\2\0\3\0", "AT") == [0x00010002]


def test_text_is_in_the_character_set_of_the_data_set_and_identifiers_never_are():
    assert values.encode("M\u00fcller", "PN", ("ISO_IR 100",)) == b"M\xfcller"
    assert values.decode(b"M\xfcller", "PN", True, ("ISO_IR 100",)) == ["M\u00fcller"]
    assert values.decode(b"M\xfcller", "CS", True, ("ISO_IR 100",)) == ["M\\xfcller"]
    assert isinstance(error_of(values.encode, "M\u00fcller", "CS", ("ISO_IR 100",)), LocalError)


def test_a_value_that_its_vr_does_not_take_is_refused_without_being_quoted():
    for value, vr in (("SECRET", "US"), (70000, "US"), (["SECRET"], "OB"), ([b"SECRET"], "LO"), ({}, "PN"), (1, "SQ")):
        error = error_of(values.encode, value, vr)
        assert isinstance(error, LocalError), (value, vr)
        assert vr == "US" or "SECRET" not in str(error)
