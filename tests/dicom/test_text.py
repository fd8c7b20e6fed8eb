import sys

from edge.dicom import text
from edge.dicom.errors import LocalError
from tests.dicom.data import error_of

HAS_CODECS = sys.implementation.name == "cpython"

# PS3.5 Annex H, I, J, K: charsets, octets, text
EXAMPLES = (
    (("ISO_IR 100",), b"\xc4neas^R\xfcdiger", "\u00c4neas^R\u00fcdiger"),
    (("ISO_IR 192",), b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1", "Wang^XiaoDong=\u738b^\u5c0f\u6771"),
    (("ISO_IR 126",), b"\xc4\xe9\xef\xed\xf5\xf3", "\u0394\u03b9\u03bf\u03bd\u03c5\u03c3"),
    (("ISO_IR 144",), b"\xbb\xee\xda", "\u041b\u044e\u043a"),
    (("GB18030",), b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=\u738b^\u5c0f\u4e1c"),
    (
        ("", "ISO 2022 IR 87"),
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce=\u3084\u307e\u3060^\u305f\u308d\u3046",
    ),
    (
        ("ISO 2022 IR 13", "ISO 2022 IR 87"),
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
        "\uff94\uff8f\uff80\uff9e^\uff80\uff9b\uff73=\u5c71\u7530^\u592a\u90ce",
    ),
    (
        ("", "ISO 2022 IR 149"),
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
        "Hong^Gildong=\u6d2a^\u5409\u6d1e",
    ),
    (("", "ISO 2022 IR 58"), b"Zhang=\x1b$)A\xd5\xc5", "Zhang=\u5f20"),
    (("ISO 2022 IR 100", "ISO 2022 IR 144"), b"Buc^J\xe9r=\x1b-L\xbb\xee", "Buc^J\u00e9r=\u041b\u044e"),
)
HERE = ("ISO_IR 100", "ISO_IR 192")  # what needs no codecs


def test_every_character_set_is_read_where_there_are_codecs_and_shown_as_escapes_elsewhere():
    for charsets, octets, expected in EXAMPLES:
        shown = text.decode(memoryview(octets), charsets, True)
        if HAS_CODECS or charsets[0] in HERE:
            assert shown == expected, charsets
        else:
            assert "\\x" in text.printable(shown) and max([ord(character) for character in shown]) < 0x80


def test_every_character_set_is_written_where_there_are_codecs_and_refused_elsewhere():
    for charsets, octets, expected in EXAMPLES:
        if HAS_CODECS or charsets[0] in HERE:
            assert text.encode(expected, charsets, True) == octets, charsets
        else:
            assert isinstance(error_of(text.encode, expected, charsets, True), LocalError)


def test_no_character_set_is_ascii_and_what_is_not_is_escaped():
    for charsets in ((), ("",), ("ISO_IR 6",), ("ISO 2022 IR 6",)):
        assert text.decode(b"Doe^Jane", charsets) == "Doe^Jane"
        assert text.decode(b"D\xf6e", charsets) == "D\\xf6e"


def test_common_misspellings_of_a_term_are_understood():
    for term in ("ISO_IR 100", "ISO IR 100", "ISO-IR 100", "ISO_IR_100", "ISO_IR100", "iso_ir 100"):
        assert text.decode(b"\xe9", (term,)) == "\u00e9"


def test_an_unknown_character_set_shows_escapes():
    assert text.decode(b"a\xe9", ("NONSENSE",)) == "a\\xe9"
    assert text.decode(b"a\xe9", ("ISO_IR 999", "MORE")) == "a\\xe9"


def test_octets_that_are_not_utf_8_are_escaped_and_the_rest_is_read():
    assert text.decode(b"M\xc3\xbcller \xfc \xe7\x8e", ("ISO_IR 192",)) == "M\u00fcller \\xfc \\xe7\\x8e"
    assert text.decode(b"\xff\xfe\xf0", ("ISO_IR 192",)) == "\\xff\\xfe\\xf0"


def test_any_octets_in_any_character_set_give_text():
    everything = bytes(range(256)) + b"\x1b$B" + bytes(range(256)) + b"\x1b$)C\xff\x1b(J\x1b$(D!\x1b"
    for charsets, _, _ in EXAMPLES:
        for octets in (everything, everything[1:], everything[:-3], b"\x1b", b""):
            for person_name in (False, True):
                assert isinstance(text.decode(octets, charsets, person_name), str)


def test_a_delimiter_brings_the_first_character_set_back():
    if HAS_CODECS:
        charsets = ("", "ISO 2022 IR 149")
        assert text.decode(b"\x1b$)C\xb1\xe8\\\xb1\xe8", charsets) == "\uae40\\\\xb1\\xe8"
        assert text.decode(b"\x1b$)C\xb1\xe8^\xb1\xe8", charsets, True) == "\uae40^\\xb1\\xe8"
        assert text.decode(b"\x1b$)C\xb1\xe8^\xb1\xe8", charsets) == "\uae40^\uae40"


def test_a_character_without_a_place_is_refused_without_being_quoted():
    for charsets in ((), ("ISO_IR 100",), ("ISO_IR 6",), ("", "ISO 2022 IR 87")):
        error = error_of(text.encode, "secret \U0001f600", charsets)
        assert isinstance(error, LocalError) and "secret" not in str(error)
    assert text.encode("\U0001f600", ("ISO_IR 192",)) == b"\xf0\x9f\x98\x80"


def test_ascii_is_written_in_every_character_set():
    for charsets in ((), ("ISO_IR 100",), ("ISO_IR 192",), ("GB18030",), ("", "ISO 2022 IR 87"), ("NONSENSE",)):
        assert text.encode("Doe^Jane", charsets, True) == b"Doe^Jane"


def test_the_terms_of_specific_character_set_are_told_apart():
    assert text.terms(b"ISO_IR 100") == ("ISO_IR 100",)
    assert text.terms(b"\\ISO 2022 IR 87 ") == ("", "ISO 2022 IR 87")
    assert text.terms(b"") == ("",)
    assert text.terms(b"\xff\0") == ("\\xff",)


def test_values_are_cut_at_backslashes_that_are_characters():
    assert text.split(b"a\\b\\", ()) == ["a", "b", ""]
    assert text.split(b"\xe9\\\xff", ()) == ["\\xe9", "\\xff"]
    assert text.split(b"\xff\\\xc3\xa9", ("ISO_IR 192",)) == ["\\xff", "\u00e9"]
    if HAS_CODECS:
        assert text.split(b"\x81\\\\\xcd\xf5", ("GB18030",)) == ["\u4e57", "\u738b"]


def test_what_could_do_something_to_a_terminal_is_escaped():
    assert text.printable("M\u00fcller \u5c71") == "M\u00fcller \u5c71"
    assert text.printable("\x1b[2J\x07a\x9b\r\n\t") == "\\x1b[2J\\x07a\\x9b\\r\\n\\t"
    assert text.printable("a\u202eb\u2066") == "a\\u202eb\\u2066"
