from edge.dicom import element
from edge.dicom.errors import LocalError
from tests.dicom.data import error_of, octets


def read(digits, little=True, explicit=True):
    return element.read(octets(digits), 0, len(octets(digits)), little, explicit)


def test_a_head_is_read_in_every_layout():
    assert read("10002000 4c4f 0400") == (0x00100020, "LO", 4, 8)
    assert read("00100020 4c4f 0004", little=False) == (0x00100020, "LO", 4, 8)
    assert read("10002000 04000000", explicit=False) == (0x00100020, "", 4, 8)
    assert read("e07f1000 4f570000 00000100") == (0x7FE00010, "OW", 65536, 12)
    assert read("7fe00010 4f570000 00010000", little=False) == (0x7FE00010, "OW", 65536, 12)


def test_items_and_delimiters_have_no_vr_in_any_syntax():
    assert read("feff00e0 ffffffff") == (element.ITEM, "", element.UNDEFINED, 8)
    assert read("fffee0dd 00000000", little=False) == (element.SEQUENCE_END, "", 0, 8)


def test_a_head_that_is_not_all_there_is_not_read():
    for digits in ("", "10002000 4c4f04", "e07f1000 4f570000 000001"):
        assert read(digits) is None


def test_a_vr_of_a_later_edition_has_the_long_form():
    assert read("10002000 5a5a0000 04000000") == (0x00100020, "ZZ", 4, 12)


def test_an_unknown_vr_with_a_length_where_zeros_belong_has_the_short_form():
    assert read("10002000 3f3f0400") == (0x00100020, "", 0x00043F3F, 8)
    assert read("10002000 5a5a0400") == (0x00100020, "ZZ", 4, 8)


def test_an_element_without_vr_amid_explicit_ones_is_read_as_implicit():
    assert read("10002000 06000000") == (0x00100020, "", 6, 8)


def test_a_head_is_read_as_it_was_written():
    for vr in element.CODES:
        for explicit in (True, False):
            head = element.write(0x00091001, vr, 10, explicit)
            expected = (0x00091001, vr if explicit else "", 10, len(head))
            assert element.read(head, 0, len(head), True, explicit) == expected


def test_a_length_that_16_bits_cannot_hold_is_refused_and_not_truncated():
    assert isinstance(error_of(element.write, 0x00100010, "PN", 65536), LocalError)
    assert len(element.write(0x00100010, "UT", 65536)) == 12
    assert len(element.write(0x00100010, "PN", 65536, explicit=False)) == 8
    assert isinstance(error_of(element.write, 0x00100010, "UT", 1 << 32), LocalError)


def test_a_vr_that_is_none_cannot_be_written():
    assert isinstance(error_of(element.write, 0x00100010, "ZZ", 2), LocalError)


def test_text_is_padded_with_a_space_and_everything_else_with_nul():
    for vr in ("AE", "CS", "DS", "LO", "PN", "UT", "UR"):
        assert element.filler(vr) == b" "
    for vr in ("UI", "OB", "UN", "OW", "US"):
        assert element.filler(vr) == b"\0"


def test_all_vrs_of_the_standard_are_known():
    vrs = "AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV"
    assert sorted(element.CODES) == vrs.split()


def test_the_first_octets_tell_how_a_data_set_is_laid_out():
    for digits, expected in (
        ("08000500 43530a00", (True, True)),
        ("08000500 0a000000", (True, False)),
        ("00080005 4353000a", (False, True)),
        ("00080005 0000000a", (False, False)),
        ("08004011 ffffffff", (True, False)),
        ("08000500 43530a", None),
        ("ffd8ffe0 00104a46", None),
        ("6e6f2064 61746121", None),
    ):
        assert element.layout(octets(digits)) == expected, digits


def test_where_both_byte_orders_make_sense_the_declared_one_holds():
    assert element.layout(octets("08080005 43530000"), True) == (True, True)
    assert element.layout(octets("08080005 43530000"), False) == (False, True)


def test_a_tag_is_written_as_people_write_it():
    assert element.name(0x7FE00010) == "(7FE0,0010)"
