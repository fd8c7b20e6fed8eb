from edge.dicom import element, reader, syntax
from edge.dicom.errors import LocalError
from edge.dicom.reader import (
    Element, FragmentBegan, FragmentEnded, FragmentsBegan, FragmentsEnded, ItemBegan, ItemEnded, SequenceBegan,
    SequenceEnded, ValueBegan, ValueEnded,
)  # fmt: skip
from tests.dicom.data import (
    BIG, EXPLICIT, IMPLICIT, big, end, error_of, item, octets, one, read, sequence,
)  # fmt: skip

UNDEFINED = element.UNDEFINED
JPEG = syntax.lookup("1.2.840.10008.1.2.4.50")

PATIENT = one(0x00100010, "PN", b"A^B ") + one(0x00100020, "LO", b"4711")
STUDY = one(0x0020000D, "UI", b"1.2\0")


def shape(events):
    """Return events without their offsets: names, and values of elements."""
    return [event.value if isinstance(event, Element) else type(event).__name__ for event in events]


def test_elements_come_whole_with_tag_vr_value_and_offset():
    events, notices = read(PATIENT, EXPLICIT)
    assert events == [Element(0x00100010, "PN", b"A^B ", 0), Element(0x00100020, "LO", b"4711", 12)]
    assert notices == []


def test_implicit_vr_takes_vrs_from_the_dictionary():
    data_set = octets("10001000 04000000 415e4220 28001000 02000000 0002")
    data_set += octets("09001000 04000000 41434d45 09000110 02000000 0102")
    assert read(data_set, IMPLICIT)[0] == [
        Element(0x00100010, "PN", b"A^B ", 0),
        Element(0x00280010, "US", b"\0\2", 12),
        Element(0x00090010, "LO", b"ACME", 22),
        Element(0x00091001, "UN", b"\1\2", 34),
    ]


def test_big_endian_is_read_and_said_to_be():
    source = reader.Reader(BIG)
    source.feed(big(PATIENT + one(0x00280010, "US", b"\1\2")))
    assert [event.tag for event in source.events()] == [0x00100010, 0x00100020, 0x00280010]
    assert not source.little


def test_every_vr_is_read():
    data_set = b""
    for place, vr in enumerate(sorted(element.CODES)):
        if vr != "SQ":
            data_set += one(0x00091000 + place, vr, bytes([place]) * 8)
    events, notices = read(data_set, EXPLICIT)
    assert [event.vr for event in events] == [vr for vr in sorted(element.CODES) if vr != "SQ"]
    assert notices == []
    for event in events:
        assert event.value == bytes([event.tag & 0xFF]) * 8


def test_sequences_of_defined_and_undefined_length_give_the_same_events_but_for_lengths():
    seen = []
    for syntax_, explicit in ((EXPLICIT, True), (IMPLICIT, False)):
        inner = one(0x00080100, "SH", b"CODE", explicit)
        for undefined in (False, True):
            nested = sequence(0x00082218, [item(inner, undefined)], undefined, explicit)
            data_set = sequence(0x00081140, [item(nested, undefined), item(b"", undefined)], undefined, explicit)
            data_set += one(0x0020000D, "UI", b"1.2\0", explicit)
            events, notices = read(data_set, syntax_)
            assert notices == []
            seen.append(shape(events))
    assert seen[0] == [
        "SequenceBegan", "ItemBegan", "SequenceBegan", "ItemBegan", b"CODE", "ItemEnded", "SequenceEnded", "ItemEnded",
        "ItemBegan", "ItemEnded", "SequenceEnded", b"1.2\0",
    ]  # fmt: skip
    for other in seen[1:]:
        assert other == seen[0]


def test_events_of_a_sequence_say_where_and_how_long():
    data_set = sequence(0x00081140, [item(b"", True), item(one(0x00080060, "CS", b"CT"))])
    assert read(data_set, EXPLICIT)[0] == [
        SequenceBegan(0x00081140, "SQ", 34, 0),
        ItemBegan(UNDEFINED, 12),
        ItemEnded(20),
        ItemBegan(10, 28),
        Element(0x00080060, "CS", b"CT", 36),
        ItemEnded(46),
        SequenceEnded(0x00081140, 46),
    ]


def test_an_empty_sequence_begins_and_ends():
    for undefined in (False, True):
        events, _ = read(sequence(0x00081140, [], undefined) + PATIENT, EXPLICIT)
        assert shape(events) == ["SequenceBegan", "SequenceEnded", b"A^B ", b"4711"]


def test_a_long_value_is_handed_on_in_views_and_never_collected():
    data_set = PATIENT + one(0x7FE00010, "OW", bytes(range(250)))
    source = reader.Reader(EXPLICIT, value_limit=249)
    buffer = bytearray(data_set)
    source.feed(memoryview(buffer))
    events = [event for event in source.events() if not isinstance(event, Element)]
    assert events[0] == ValueBegan(0x7FE00010, "OW", 250, 24)
    assert events[2] == ValueEnded(0x7FE00010)
    buffer[-1] = 7  # the view is of what was fed, not of a copy
    assert bytes(events[1].view) == bytes(range(249)) + b"\7"


def test_a_value_of_exactly_the_limit_comes_whole():
    data_set = one(0x7FE00010, "OB", bytes(100))
    assert shape(read(data_set, EXPLICIT, value_limit=100)[0]) == [bytes(100)]
    assert read(data_set, EXPLICIT, value_limit=98)[0][0] == ValueBegan(0x7FE00010, "OB", 100, 0)


def test_encapsulated_pixel_data_come_in_fragments():
    fragments = element.write(0x7FE00010, "OB", UNDEFINED) + item(b"") + item(b"\xff\xd8") + item(bytes(6))
    data_set = fragments + end(element.SEQUENCE_END) + one(0xFFFCFFFC, "OB", b"\0\0")
    events, notices = read(data_set, JPEG)
    assert events == [
        FragmentsBegan(0x7FE00010, "OB", 0),
        FragmentBegan(0, 12),
        FragmentEnded(),
        FragmentBegan(2, 20),
        b"\xff\xd8",
        FragmentEnded(),
        FragmentBegan(6, 30),
        bytes(6),
        FragmentEnded(),
        FragmentsEnded(0x7FE00010, 44),
        Element(0xFFFCFFFC, "OB", b"\0\0", 52),
    ]
    assert notices == []


def test_fragments_are_read_within_items_too():
    icon = element.write(0x7FE00010, "OB", UNDEFINED) + item(b"") + item(b"\1\2") + end(element.SEQUENCE_END)
    for undefined in (False, True):
        data_set = sequence(0x00880200, [item(icon, undefined)], undefined) + one(0x7FE00010, "OB", b"\3\4")
        names = shape(read(data_set, JPEG)[0])
        assert names[2] == "FragmentsBegan" and names[-1] == b"\3\4"


def test_un_of_undefined_length_is_a_sequence_in_implicit_vr_little_endian():
    content = item(one(0x00080060, "CS", b"CT", False) + one(0x00091001, "LO", b"private ", False), True)
    for syntax_, turn in ((EXPLICIT, bytes), (BIG, big)):
        head = element.write(0x00091010, "UN", UNDEFINED)
        tail = end(element.SEQUENCE_END)
        data_set = turn(head) + content + tail + turn(PATIENT)
        source = reader.Reader(syntax_)
        source.feed(data_set)
        found = []
        for event in source.events():
            found.append((type(event).__name__, getattr(event, "vr", None), source.little))
        assert found == [
            ("SequenceBegan", "UN", True),
            ("ItemBegan", None, True),
            ("Element", "CS", True),
            ("Element", "UN", True),
            ("ItemEnded", None, True),
            ("SequenceEnded", None, syntax_.little),
            ("Element", "PN", syntax_.little),
            ("Element", "LO", syntax_.little),
        ]


def test_un_within_un_ends_where_the_outer_one_does():
    inner = element.write(0x00091020, "UN", UNDEFINED, False) + item(b"", True) + end(element.SEQUENCE_END)
    data_set = element.write(0x00091010, "UN", UNDEFINED) + item(inner, True) + end(element.SEQUENCE_END) + PATIENT
    events, notices = read(data_set, EXPLICIT)
    assert shape(events)[-2:] == [b"A^B ", b"4711"] and notices == []


def test_pixel_representation_decides_between_us_and_ss():
    for value, vr in ((b"\0\0", "US"), (b"\1\0", "SS")):
        data_set = one(0x00280103, "US", value, False) + one(0x00280106, "US", b"\1\0", False)
        assert read(data_set, IMPLICIT)[0][1].vr == vr


def test_any_chunking_gives_the_same_events():
    nested = sequence(0x00082218, [item(one(0x00080100, "SH", b"CODE"), True)], True)
    long_text = one(0x00204000, "UT", b"x" * 70)
    pixels = element.write(0x7FE00010, "OB", UNDEFINED) + item(b"") + item(bytes(range(90))) + end(element.SEQUENCE_END)
    data_set = sequence(0x00081140, [item(nested), item(b"")]) + PATIENT + STUDY + long_text + pixels
    whole = read(data_set, JPEG, value_limit=40)
    assert len(whole[0]) == 24 and whole[1] == []
    for step in range(1, len(data_set)):
        assert read(data_set, JPEG, step, value_limit=40) == whole, step


def test_chunks_may_be_of_any_bytes_like_type():
    for kind in (bytes, bytearray, memoryview):
        assert shape(read(kind(PATIENT), EXPLICIT)[0]) == [b"A^B ", b"4711"]


def test_what_was_fed_may_change_once_no_event_is_left():
    source = reader.Reader(EXPLICIT)
    window = bytearray(5)
    found = []
    for at in range(0, len(PATIENT), 5):
        piece = PATIENT[at : at + 5]
        window[: len(piece)] = piece
        source.feed(memoryview(window)[: len(piece)])
        found += list(source.events())
        window[:] = b"\xff" * 5
    assert shape(found) == [b"A^B ", b"4711"]


def test_feeding_before_all_events_are_taken_is_refused():
    source = reader.Reader(EXPLICIT)
    source.feed(PATIENT)
    assert source.next_event() is not None
    assert isinstance(error_of(source.feed, STUDY), LocalError)


def test_the_first_offset_is_what_the_caller_says():
    assert read(PATIENT, EXPLICIT, start=336)[0][1].offset == 348


def test_an_empty_data_set_has_no_events():
    assert read(b"", EXPLICIT) == ([], [])
