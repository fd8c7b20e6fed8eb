"""What strays from the standard: what is read all the same and noted, and what is refused."""

from edge.dicom import element, syntax
from edge.dicom.errors import LimitError, PeerError, TruncatedError
from edge.dicom.reader import Element
from tests.dicom.data import BIG, EXPLICIT, IMPLICIT, big, end, error_of, item, octets, one, read, sequence

UNDEFINED = element.UNDEFINED
PATIENT = one(0x00100010, "PN", b"A^B ") + one(0x00100020, "LO", b"4711")
PATIENT_IMPLICIT = one(0x00100010, "PN", b"A^B ", False) + one(0x00100020, "LO", b"4711", False)


def noted(data_set, transfer_syntax=EXPLICIT, **limits):
    """Read `data_set` whole and octet by octet; return its elements' tags and the one thing that was noted."""
    events, notices = read(data_set, transfer_syntax, **limits)
    assert read(data_set, transfer_syntax, 1, **limits) == (events, notices)
    assert len(notices) == 1, notices
    return [event.tag for event in events if isinstance(event, Element)], notices[0].message


def refused(data_set, transfer_syntax=EXPLICIT, **limits):
    """Read `data_set` whole and octet by octet; return the error, the same both times."""
    error = error_of(read, data_set, transfer_syntax, **limits)
    again = error_of(read, data_set, transfer_syntax, 1, **limits)
    assert (type(error), str(error)) == (type(again), str(again))
    return error


def test_an_odd_length_is_noted():
    tags, message = noted(one(0x00100010, "PN", b"A^B") + one(0x00100020, "LO", b"4711"))
    assert tags == [0x00100010, 0x00100020] and "odd length" in message


def test_an_unknown_vr_is_read_as_un():
    events, notices = read(octets("10002000 5a5a0000 04000000 34373131"), EXPLICIT)
    assert events == [Element(0x00100020, "UN", b"4711", 0)] and "unknown VR ZZ" in notices[0].message


def test_an_element_without_vr_amid_explicit_ones_is_read():
    events, notices = read(PATIENT + one(0x0020000D, "UI", b"1.2\0", False), EXPLICIT)
    assert events[2] == Element(0x0020000D, "UI", b"1.2\0", 24) and "without VR" in notices[0].message


def test_a_sequence_whose_items_are_implicit_amid_explicit_is_read():
    inner = one(0x00080060, "CS", b"CT", False)
    tags, message = noted(sequence(0x00081140, [item(inner)]) + PATIENT)
    assert tags == [0x00080060, 0x00100010, 0x00100020] and "without VR" in message


def test_a_data_set_laid_out_otherwise_than_its_syntax_says_is_read_as_it_is():
    for data_set, said in (
        (PATIENT_IMPLICIT, EXPLICIT),
        (PATIENT, IMPLICIT),
        (big(PATIENT), EXPLICIT),
        (big(PATIENT), IMPLICIT),
        (PATIENT, BIG),
    ):
        tags, message = noted(data_set, said)
        assert tags == [0x00100010, 0x00100020] and "laid out otherwise" in message


def test_tags_that_do_not_ascend_are_noted():
    tags, message = noted(one(0x00100020, "LO", b"4711") + one(0x00100010, "PN", b"A^B "))
    assert tags == [0x00100020, 0x00100010] and "ascending" in message


def test_zeros_after_the_data_set_are_noted():
    for size in (1, 7, 8, 9, 100, 5000):
        tags, message = noted(PATIENT + bytes(size))
        assert tags == [0x00100010, 0x00100020] and message == "zeros after the data set"


def test_trailing_padding_of_the_standard_is_an_element():
    events, notices = read(PATIENT + one(0xFFFCFFFC, "OB", bytes(20)), EXPLICIT)
    assert events[2].tag == 0xFFFCFFFC and notices == []


def test_other_octets_after_zeros_are_refused():
    error = refused(PATIENT + bytes(20) + b"garbage!" + bytes(20))
    assert isinstance(error, PeerError)


def test_a_delimiter_that_closes_nothing_is_noted():
    for stray in (end(element.ITEM_END), end(element.SEQUENCE_END)):
        assert noted(stray + PATIENT)[1] == "a delimiter that closes nothing"
        assert noted(sequence(0x00081140, [item(stray)]) + PATIENT)[1] == "a delimiter that closes nothing"


def test_an_item_that_is_not_closed_before_its_sequence_is_closed_with_it():
    content = element.write(element.ITEM, "", UNDEFINED) + one(0x00080060, "CS", b"CT")
    tags, message = noted(sequence(0x00081140, [content], True) + PATIENT)
    assert tags == [0x00080060, 0x00100010, 0x00100020] and "not closed" in message


def test_a_delimiter_with_a_length_is_noted():
    data_set = element.write(0x00081140, "SQ", UNDEFINED) + element.write(element.SEQUENCE_END, "", 4) + PATIENT
    assert "has a length" in noted(data_set)[1]


def test_an_item_longer_than_its_sequence_makes_the_sequence_longer():
    content = item(one(0x00080060, "CS", b"CT"))
    data_set = element.write(0x00081140, "SQ", len(content) - 4) + content + PATIENT
    tags, message = noted(data_set)
    assert tags == [0x00080060, 0x00100010, 0x00100020] and "longer than its sequence" in message


def test_an_item_longer_than_what_is_around_its_sequence_is_refused():
    content = item(one(0x00080060, "CS", b"CT"))
    inner = element.write(0x00082218, "SQ", len(content) - 4) + content
    data_set = sequence(0x00081140, [element.write(element.ITEM, "", len(inner) - 2) + inner])
    assert isinstance(refused(data_set), PeerError)


def test_a_value_longer_than_what_is_around_it_is_refused():
    for inner in (
        element.write(0x00080060, "CS", 4) + b"CT",
        element.write(0x00080060, "CS", 4) + b"CT" + bytes(100),
        element.write(0x00080060, "UT", 0x7FFFFFFF) + b"CT",
        element.write(0x7FE00010, "OB", UNDEFINED) + element.write(element.ITEM, "", 100),
        octets("08006000 43"),
    ):
        content = element.write(element.ITEM, "", 10) + inner
        data_set = element.write(0x00081140, "SQ", 18) + content + PATIENT
        error = refused(data_set)
        assert isinstance(error, PeerError), error


def test_a_head_that_runs_out_of_what_is_around_it_is_refused():
    data_set = sequence(0x00081140, [element.write(element.ITEM, "", 4) + b"\x08\0\x60\0"]) + PATIENT
    assert "ends after that" in refused(data_set).message


def test_an_element_in_a_sequence_but_in_no_item_is_refused():
    for undefined in (False, True):
        error = refused(sequence(0x00081140, [one(0x00080060, "CS", b"CT")], undefined) + PATIENT)
        assert "in no item" in error.message and error.offset == 12
    pixels = element.write(0x7FE00010, "OB", UNDEFINED) + PATIENT
    assert "in no item" in refused(pixels).message


def test_an_item_outside_a_sequence_is_refused():
    for data_set in (item(PATIENT), PATIENT + item(b""), sequence(0x00081140, [item(item(b""))])):
        assert "outside a sequence" in refused(data_set).message


def test_a_fragment_without_length_is_refused():
    data_set = element.write(0x7FE00010, "OB", UNDEFINED) + element.write(element.ITEM, "", UNDEFINED)
    assert isinstance(refused(data_set), PeerError)


def test_an_unknown_delimiter_is_refused():
    assert "no delimiter" in refused(element.write(0xFFFEE001, "", 0)).message


def test_a_length_of_ffffffff_is_refused_where_only_a_length_makes_sense():
    for vr in ("UT", "UC", "UR", "OF", "OD", "OL", "SV"):
        assert "has no length" in refused(element.write(0x00091001, vr, UNDEFINED) + bytes(20)).message
    comments = element.write(0x00104000, "", UNDEFINED, False)
    assert "has no length" in refused(PATIENT_IMPLICIT + comments, IMPLICIT).message


def test_what_is_truncated_is_an_error_that_names_the_offset_wherever_it_is_cut():
    nested = sequence(0x00082218, [item(one(0x00080100, "SH", b"CODE"), True)], True)
    data_set = sequence(0x00081140, [item(nested)]) + PATIENT + one(0x00204000, "UT", b"x" * 60)
    whole = (0, len(data_set) - 72, len(data_set) - 84, len(data_set) - 96, len(data_set))
    for size in range(len(data_set)):
        if size in whole:
            read(data_set[:size], EXPLICIT, value_limit=40)
            continue
        error = refused(data_set[:size], value_limit=40)
        assert isinstance(error, TruncatedError) and error.offset == size, size


def test_truncated_encapsulated_pixels_are_an_error():
    jpeg = syntax.lookup("1.2.840.10008.1.2.4.50")
    data_set = element.write(0x7FE00010, "OB", UNDEFINED) + item(b"") + item(bytes(20)) + end(element.SEQUENCE_END)
    for size in range(1, len(data_set)):
        assert isinstance(refused(data_set[:size], jpeg), TruncatedError), size


def test_nesting_is_limited():
    head = element.write(0x00081140, "SQ", UNDEFINED) + element.write(element.ITEM, "", UNDEFINED)
    tail = end(element.ITEM_END) + end(element.SEQUENCE_END)
    assert len(read(head * 64 + tail * 64, EXPLICIT)[0]) == 256
    error = refused(head * 65 + tail * 65)
    assert isinstance(error, LimitError) and error.offset == 64 * 20


def test_no_more_than_the_agreed_number_of_notices_is_kept():
    data_set = b""
    for number in range(500):
        data_set += one(0x00091000 + number, "LO", b"odd")
    assert len(read(data_set, EXPLICIT)[1]) == 32


def test_a_first_element_of_another_layout_is_read_whatever_its_head_takes():
    data_set = one(0x00081190, "UR", b"http://a") + PATIENT
    tags, message = noted(data_set, IMPLICIT)
    assert tags == [0x00081190, 0x00100010, 0x00100020] and "laid out otherwise" in message
    for size in range(1, 20):
        assert isinstance(refused(data_set[:size], IMPLICIT), TruncatedError)
