from edge.dicom import element, skim, syntax
from edge.dicom.errors import LimitError, LocalError, PeerError, TruncatedError
from tests.dicom.data import (
    BIG, DEFLATED, DEFLATED_OCTETS, EXPLICIT, IMPLICIT, big, end, error_of, item, octets, one, sequence,
)  # fmt: skip
from tests.support.inflate import inflater

UNDEFINED = element.UNDEFINED
INSTANCE, MODALITY, PATIENT_ID, SERIES = 0x00080018, 0x00080060, 0x00100020, 0x0020000E
WANTED = (INSTANCE, MODALITY, PATIENT_ID, SERIES)
VALUES = {INSTANCE: b"1.2.3\0", MODALITY: b"CT", PATIENT_ID: b"4711", SERIES: b"1.2.4\0"}


def data_set(explicit=True, between=b""):
    """Return a data set with all wanted values, and `between` in the midst of them."""
    return (
        one(0x00080016, "UI", b"1.2\0", explicit)
        + one(INSTANCE, "UI", VALUES[INSTANCE], explicit)
        + one(MODALITY, "CS", VALUES[MODALITY], explicit)
        + between
        + one(PATIENT_ID, "LO", VALUES[PATIENT_ID], explicit)
        + one(SERIES, "UI", VALUES[SERIES], explicit)
        + one(0x00280010, "US", b"\2\0", explicit)
    )


def look(content, transfer_syntax=EXPLICIT, step=0, wanted=WANTED, stop_after=SERIES, **limits):
    """Skim a data set in chunks of `step` octets; return (values, notices, octets it took)."""
    found = skim.Skim(transfer_syntax, wanted, stop_after, **limits)
    step = step or max(1, len(content))
    view = memoryview(content)
    for at in range(0, len(content), step):
        if found.feed(view[at : at + step]):
            return found.values, found.notices, at + step
    found.finish()
    return found.values, found.notices, len(content)


def found_at_every_step(content, transfer_syntax=EXPLICIT):
    """Skim `content` in chunks of every size; return the values and notices, always the same."""
    values, notices, _ = look(content, transfer_syntax)
    for step in range(1, len(content)):
        again = look(content, transfer_syntax, step)
        assert again[:2] == (values, notices), step
    return values, notices


def test_wanted_values_are_found_in_every_layout_and_chunking():
    for content, transfer_syntax in (
        (data_set(), EXPLICIT),
        (data_set(False), IMPLICIT),
        (big(data_set()), BIG),
        (data_set(), syntax.lookup("1.2.840.10008.1.2.4.70")),
    ):
        assert found_at_every_step(content, transfer_syntax) == (VALUES, [])


def test_it_stops_at_the_last_wanted_value_and_takes_nothing_more():
    content = data_set()
    taken = look(content, EXPLICIT, 1)[2]
    assert taken == len(content) - 10
    found = skim.Skim(EXPLICIT, WANTED, SERIES)
    assert found.feed(content) and found.feed(b"\xff" * 100) and found.values == VALUES


def test_it_stops_where_a_value_that_is_not_there_has_its_place():
    content = data_set()
    values, _, taken = look(content, EXPLICIT, 1, (INSTANCE, 0x00100010), 0x00100010)
    assert values == {INSTANCE: b"1.2.3\0"} and taken < len(content) - 20


def test_a_data_set_that_ends_before_all_is_found_is_no_error():
    assert look(data_set(), EXPLICIT, 0, (INSTANCE, 0x7FE00010), 0x7FE00010)[0] == {INSTANCE: b"1.2.3\0"}


def test_sequences_are_stepped_over_whatever_they_hold():
    decoy = one(PATIENT_ID, "LO", b"WRONG ") + one(SERIES, "UI", b"9.9\0")
    for undefined in (False, True):
        for inner_undefined in (False, True):
            nested = sequence(0x00082218, [item(decoy, inner_undefined)], undefined)
            between = sequence(0x00081140, [item(nested + decoy, inner_undefined), item(b"")], undefined)
            assert found_at_every_step(data_set(True, between)) == (VALUES, [])


def test_implicit_sequences_are_stepped_over():
    decoy = one(PATIENT_ID, "LO", b"WRONG ", False)
    between = sequence(0x00081140, [item(decoy, True), item(decoy)], True, False)
    assert found_at_every_step(data_set(False, between), IMPLICIT) == (VALUES, [])


def test_un_of_undefined_length_is_stepped_over_as_implicit():
    decoy = one(PATIENT_ID, "LO", b"WRONG ", False)
    inner = element.write(0x00091020, "UN", UNDEFINED, False) + item(decoy, True) + end(element.SEQUENCE_END)
    content = item(decoy + inner, True) + end(element.SEQUENCE_END)
    assert found_at_every_step(data_set(True, element.write(0x00091010, "UN", UNDEFINED) + content)) == (VALUES, [])
    between = one(0x00091001, "LO", b"x ")
    before = big(data_set(True, between))
    at = before.find(b"\0\x09\x10\1")
    head = octets("0009 1010 554e 0000 ffffffff")
    assert found_at_every_step(before[:at] + head + content + before[at:], BIG) == (VALUES, [])


def test_fragments_are_stepped_over():
    pixels = element.write(0x00091010, "OB", UNDEFINED) + item(b"") + item(bytes(90)) + end(element.SEQUENCE_END)
    assert found_at_every_step(data_set(True, pixels)) == (VALUES, [])


def test_a_value_of_4_gb_is_stepped_over():
    content = data_set(True, element.write(0x00091001, "OB", 0xFFFFFFFE))
    cut = content.find(element.write(PATIENT_ID, "LO", 4))
    found = skim.Skim(EXPLICIT, WANTED, SERIES)
    assert not found.feed(content[:cut])
    piece = bytes(1 << 15)
    for _ in range((1 << 17) - 1):
        assert not found.feed(piece)
    assert not found.feed(piece[:-2])
    assert found.feed(content[cut:]) and found.values == VALUES


def test_oddities_are_noted_and_read():
    for between, said in (
        (one(0x00090010, "LO", b"ACME", False), "without VR"),
        (octets("09001000 5a5a0000 04000000 34373131"), "unknown VR ZZ"),
        (end(element.ITEM_END), None),
        (one(0x00090010, "LO", b"odd"), None),
    ):
        values, notices = found_at_every_step(data_set(True, between))
        assert values == VALUES
        assert (said in notices[0].message) if said else notices == []


def test_a_data_set_laid_out_otherwise_than_its_syntax_says_is_read_as_it_is():
    for content, said in ((data_set(False), EXPLICIT), (data_set(), IMPLICIT), (big(data_set()), EXPLICIT)):
        values, notices = found_at_every_step(content, said)
        assert values == VALUES and "laid out otherwise" in notices[0].message


def test_an_item_that_is_not_closed_before_its_sequence_is_closed_with_it():
    content = element.write(element.ITEM, "", UNDEFINED) + one(PATIENT_ID, "LO", b"WRONG ")
    assert found_at_every_step(data_set(True, sequence(0x00081140, [content], True)))[0] == VALUES


def test_what_is_no_data_set_is_refused():
    for between in (
        item(b""),
        element.write(0x00081140, "SQ", UNDEFINED) + one(MODALITY, "CS", b"CT"),
        sequence(0x00081140, [item(item(b""), True)], True),
        element.write(0x00091001, "UT", UNDEFINED) + bytes(20),
        element.write(0xFFFEE001, "", 0),
    ):
        for step in (0, 1):
            error = error_of(look, data_set(True, between), EXPLICIT, step)
            assert isinstance(error, PeerError), between
            assert error.offset >= len(one(INSTANCE, "UI", b"1.2.3\0"))


def test_nesting_is_limited():
    head = element.write(0x00081140, "SQ", UNDEFINED) + element.write(element.ITEM, "", UNDEFINED)
    tail = end(element.ITEM_END) + end(element.SEQUENCE_END)
    assert look(data_set(True, head * 64 + tail * 64))[0] == VALUES
    assert isinstance(error_of(look, data_set(True, head * 65 + tail * 65)), LimitError)
    assert isinstance(error_of(look, data_set(True, head * 65 + tail * 65), EXPLICIT, 1), LimitError)


def test_a_wanted_value_that_is_too_long_is_refused_before_it_is_kept():
    comments = 0x00204000
    content = element.write(comments, "UT", 0x7FFFFFFF) + bytes(20)
    error = error_of(look, content, EXPLICIT, 1, (comments,), comments)
    assert isinstance(error, LimitError)


def test_a_truncated_data_set_is_an_error_that_names_the_offset():
    between = sequence(0x00081140, [item(one(MODALITY, "CS", b"CT"))], True)
    content = data_set(True, between)
    for size in range(1, len(content) - 30):
        error = error_of(look, content[:size])
        if error is None:
            continue  # a whole element ends there
        assert isinstance(error, TruncatedError) and error.offset == size
    assert isinstance(error_of(look, content[:15]), TruncatedError)
    assert isinstance(error_of(look, content[: len(content) - 70]), TruncatedError)


def test_a_deflated_data_set_is_inflated():
    for step in (0, 1, 5):
        values, notices, _ = look(
            DEFLATED_OCTETS, DEFLATED, step, (MODALITY, PATIENT_ID), PATIENT_ID, inflate=inflater()
        )
        assert values == {MODALITY: b"CT", PATIENT_ID: b"4711"} and notices == []
    assert isinstance(error_of(look, DEFLATED_OCTETS, DEFLATED), LocalError)


def test_how_much_is_inflated_in_search_has_a_limit():
    last = 0x7FE00010
    found = error_of(look, DEFLATED_OCTETS, DEFLATED, 0, (last,), last, inflate=inflater(), inflate_limit=20)
    assert isinstance(found, LimitError)


def test_the_first_of_two_values_counts():
    content = one(PATIENT_ID, "LO", b"FIRST ") + one(PATIENT_ID, "LO", b"SECOND")
    assert look(content + one(SERIES, "UI", b"1.2\0"))[0][PATIENT_ID] == b"FIRST "
