from edge.dicom import element, part10, reader, syntax, uid
from edge.dicom.errors import LimitError, LocalError, PeerError, TruncatedError
from tests.dicom.data import BIG, DEFLATED_OCTETS, EXPLICIT, IMPLICIT, big, error_of, one, read

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"
INSTANCE = "1.2.3.4.5"
FIRST = one(0x00080005, "CS", b"ISO_IR 100") + one(0x00100020, "LO", b"4711")
FIRST_IMPLICIT = one(0x00080005, "CS", b"ISO_IR 100", False) + one(0x00100020, "LO", b"4711", False)
FIRST_BIG = big(FIRST)
TRANSFER_SYNTAX = one(0x00020010, "UI", b"1.2.840.10008.1.2.1\0")
META = one(0x00020002, "UI", b"1.2.840.10008.5.1.4.1.1.7\0") + TRANSFER_SYNTAX


def start(meta, length=None, preamble=bytes(128)):
    """Return what stands before the data set: with a right group length, or one of `length`, or none (0)."""
    if length == 0:
        return preamble + b"DICM" + meta
    if length is None:
        length = len(meta)
    return preamble + b"DICM" + one(0x00020000, "UL", length.to_bytes(4, "little")) + meta


def look(octets, step=0, limit=65536):
    """Read the head of a file of `octets` that come `step` at a time."""
    head = part10.HeadReader(limit)
    step = step or max(1, len(octets))
    view = memoryview(octets)
    for at in range(0, len(octets), step):
        if head.feed(view[at : at + step]):
            return head
    head.finish()
    return head


def messages(head):
    return [notice.message for notice in head.notices]


def test_a_new_head_has_a_zero_preamble_and_a_complete_file_meta_information():
    octets = part10.head(SOP_CLASS, INSTANCE, syntax.EXPLICIT_LITTLE, "EDGE", "SENDER", "RECEIVER")
    assert octets[:128] == bytes(128) and octets[128:132] == b"DICM"
    events, notices = read(octets[132:], EXPLICIT)
    assert notices == []
    found = [(event.tag & 0xFFFF, event.vr, event.value) for event in events]
    assert found == [
        (0x00, "UL", (len(octets) - 144).to_bytes(4, "little")),
        (0x01, "OB", b"\0\1"),
        (0x02, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"),
        (0x03, "UI", b"1.2.3.4.5\0"),
        (0x10, "UI", b"1.2.840.10008.1.2.1\0"),
        (0x12, "UI", uid.IMPLEMENTATION_CLASS_UID.encode()),
        (0x13, "SH", b"EDGE_0_1_0"),
        (0x16, "AE", b"EDGE"),
        (0x17, "AE", b"SENDER"),
        (0x18, "AE", b"RECEIVER"),
    ]


def test_a_head_is_read_as_it_was_written():
    octets = part10.head(SOP_CLASS, INSTANCE, syntax.IMPLICIT_LITTLE, "EDGE")
    head = look(octets + FIRST_IMPLICIT)
    assert head.meta == part10.FileMeta(
        SOP_CLASS,
        INSTANCE,
        syntax.IMPLICIT_LITTLE,
        uid.IMPLEMENTATION_CLASS_UID,
        uid.IMPLEMENTATION_VERSION_NAME,
        "EDGE",
        None,
        None,
    )
    assert head.transfer_syntax == IMPLICIT
    assert (head.meta_offset, head.data_set_offset, head.preamble, head.notices) == (132, len(octets), "zero", [])


def test_what_is_not_ascii_is_refused_in_a_head():
    assert isinstance(error_of(part10.head, SOP_CLASS, "1.2\u00e9", syntax.EXPLICIT_LITTLE), LocalError)


def test_any_chunking_finds_the_same_head():
    for octets in (
        start(META) + FIRST,
        start(META, 0) + FIRST,
        FIRST_BIG,
        FIRST_IMPLICIT,
        META + FIRST,
        start(META, 4711, b"MZ" + bytes(126)) + FIRST,
    ):
        whole = look(octets)
        for step in (1, 2, 3, 5, 131, 200):
            head = look(octets, step)
            assert head.meta == whole.meta and head.transfer_syntax == whole.transfer_syntax
            assert head.data_set_offset == whole.data_set_offset and head.notices == whole.notices


def test_a_file_without_preamble_and_meta_is_known_by_its_first_element():
    for octets, expected in ((FIRST, EXPLICIT), (FIRST_IMPLICIT, IMPLICIT), (FIRST_BIG, BIG)):
        head = look(octets)
        assert head.transfer_syntax == expected and head.data_set_offset == 0 and head.preamble == part10.ABSENT
        assert head.meta.sop_class is None and len(head.notices) == 2


def test_a_file_that_begins_with_its_meta_is_read():
    head = look(META + FIRST)
    assert head.transfer_syntax == EXPLICIT and head.data_set_offset == len(META)
    assert head.meta.sop_class == SOP_CLASS


def test_a_file_that_begins_with_the_prefix_is_read():
    head = look(b"DICM" + META + FIRST)
    assert head.transfer_syntax == EXPLICIT and head.data_set_offset == 4 + len(META)


def test_a_missing_or_wrong_group_length_is_noted_and_does_not_matter():
    for length, said in ((0, "no group length"), (2, "group length says"), (100000, "group length says")):
        octets = start(META, length)
        head = look(octets + FIRST)
        assert head.data_set_offset == len(octets) and head.transfer_syntax == EXPLICIT
        assert len(head.notices) == 1 and said in messages(head)[0]


def test_a_meta_in_implicit_vr_is_read():
    meta = one(0x00020002, "UI", SOP_CLASS.encode() + b"\0", False)
    meta += one(0x00020010, "UI", b"1.2.840.10008.1.2.1\0", False)
    head = look(bytes(128) + b"DICM" + meta + FIRST)
    assert head.meta.sop_class == SOP_CLASS and head.transfer_syntax == EXPLICIT
    assert "implicit VR" in messages(head)[0]


def test_a_meta_in_big_endian_is_read():
    head = look(bytes(128) + b"DICM" + big(META) + FIRST)
    assert head.meta.transfer_syntax == syntax.EXPLICIT_LITTLE and head.data_set_offset == 132 + len(META)
    assert "big endian" in messages(head)[0]


def test_a_meta_without_a_transfer_syntax_leaves_the_data_set_to_say_it():
    for octets, expected in ((FIRST, EXPLICIT), (FIRST_IMPLICIT, IMPLICIT), (FIRST_BIG, BIG)):
        head = look(start(META[:34]) + octets)
        assert head.transfer_syntax == expected and head.meta.transfer_syntax is None
        assert "names no transfer syntax" in messages(head)[0]


def test_a_data_set_that_contradicts_its_transfer_syntax_is_believed():
    for octets, expected in ((FIRST_IMPLICIT, IMPLICIT), (FIRST_BIG, BIG)):
        head = look(start(META) + octets)
        assert head.transfer_syntax == expected
        assert head.meta.transfer_syntax == syntax.EXPLICIT_LITTLE and "said to be in" in messages(head)[0]


def test_encapsulated_pixels_keep_their_syntax_when_the_elements_are_laid_out_otherwise():
    meta = one(0x00020010, "UI", b"1.2.840.10008.1.2.4.50")
    head = look(start(meta) + FIRST_IMPLICIT)
    found = head.transfer_syntax
    assert found.uid == "1.2.840.10008.1.2.4.50" and found.encapsulated and not found.explicit


def test_a_deflated_data_set_is_told_from_one_that_is_only_said_to_be():
    meta = one(0x00020010, "UI", b"1.2.840.10008.1.2.1.99")
    assert look(start(meta) + DEFLATED_OCTETS).transfer_syntax.deflated
    head = look(start(meta) + FIRST)
    assert head.transfer_syntax == EXPLICIT and "not deflated" in messages(head)[0]


def test_an_odd_length_in_the_meta_is_noted():
    meta = one(0x00020010, "UI", b"1.2.840.10008.1.2.1")
    head = look(start(meta) + FIRST)
    assert head.transfer_syntax == EXPLICIT and "odd length" in messages(head)[0]


def test_a_file_whose_data_set_is_empty_is_a_file():
    head = look(start(META))
    assert head.data_set_offset == len(start(META)) and head.transfer_syntax == EXPLICIT


def test_a_file_that_ends_within_the_first_element_of_its_data_set_has_a_head():
    for size in range(1, 8):
        head = look(start(META) + FIRST[:size], 1)
        assert head.data_set_offset == len(start(META)) and head.transfer_syntax == EXPLICIT


def test_a_preamble_that_makes_the_file_a_program_is_flagged():
    magics = (b"MZ\x90\0", b"\x7fELF\2\1\1", b"#!/bin/sh\n", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"PK\3\4")
    for beginning in magics:
        head = look(start(META, None, beginning + bytes(128 - len(beginning))) + FIRST)
        assert head.preamble == part10.EXECUTABLE and "not carried over" in messages(head)[0]
        assert head.transfer_syntax == EXPLICIT


def test_a_preamble_that_makes_the_file_a_tiff_is_flagged():
    for beginning in (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0"):
        head = look(start(META, None, beginning + bytes(128 - len(beginning))) + FIRST)
        assert head.preamble == part10.TIFF and "TIFF" in messages(head)[0]


def test_any_other_preamble_is_noted_as_well():
    head = look(start(META, None, b"\1" * 128) + FIRST)
    assert head.preamble == part10.OTHER and len(head.notices) == 1


def test_what_is_no_dicom_file_is_refused_with_words():
    for octets in (
        b"",
        b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(200),
        b"%PDF-1.4 " + b"x" * 200,
        b"Dear colleague, " * 20,
        bytes(500),
        b"\xff" * 500,
        b"\x10\0\x20\0LO\4\0" + b"4711" * 50,
    ):
        for step in (0, 1):
            error = error_of(look, octets, step)
            assert isinstance(error, PeerError) and "not a DICOM file" in error.message, (octets[:9], error)


def test_a_file_that_ends_within_its_head_is_an_error_that_names_the_offset():
    octets = start(META)
    for size in range(133, len(octets)):
        if size in (144, 178):
            continue  # a whole element ends there
        error = error_of(look, octets[:size])
        assert isinstance(error, TruncatedError) and error.offset == size, size


def test_a_meta_longer_than_the_limit_is_refused():
    private = one(0x00020100, "UI", b"1.2.3\0") + one(0x00020102, "OB", bytes(2000))
    assert isinstance(error_of(look, start(META + private) + FIRST, 0, 1000), LimitError)
    assert isinstance(error_of(look, start(META + private) + FIRST, 7, 1000), LimitError)
    many = one(0x00020100, "UI", b"1.2.3\0") * 100
    assert isinstance(error_of(look, start(many) + FIRST, 0, 1000), LimitError)
    assert look(start(META + private) + FIRST).transfer_syntax == EXPLICIT


def test_a_length_of_ffffffff_in_the_meta_is_refused():
    meta = element.write(0x00020001, "OB", element.UNDEFINED)
    assert isinstance(error_of(look, start(meta) + bytes(64)), PeerError)


def test_nothing_is_read_past_the_head():
    head = part10.HeadReader()
    assert head.feed(start(META) + FIRST) and head.feed(b"\xff" * 1000)
    assert head.data_set_offset == len(start(META))


def test_the_reader_takes_over_where_the_head_ends():
    octets = start(META) + FIRST
    head = look(octets)
    events, _ = read(octets[head.data_set_offset :], head.transfer_syntax)
    assert events[0] == reader.Element(0x00080005, "CS", b"ISO_IR 100", 0)


def test_an_empty_file_is_said_to_be_empty_and_no_offset_is_told_twice():
    reader = part10.HeadReader()
    assert str(error_of(reader.finish)) == "this is not a DICOM file: it is empty"
    reader = part10.HeadReader()
    assert "(at offset" not in str(error_of(reader.feed, b"hello, world" * 100))
