from edge.dicom import seek, writer
from tests.dicom.data import DEFLATED, DEFLATED_OCTETS, EXPLICIT, IMPLICIT, item, one, sequence
from tests.support.inflate import inflater

REQUESTS, CODES, STUDY_ID, MEANING = 0x00400275, 0x00400008, 0x00200010, 0x00080104
IN_ITEMS = ((REQUESTS, None, 0), (STUDY_ID, None, 0)), False
IN_SECOND = ((REQUESTS, None, 2), (STUDY_ID, None, 0)), False
DEEPER = ((REQUESTS, None, 0), (CODES, None, 0), (MEANING, None, 0)), False
ANYWHERE = ((MEANING, None, 0),), True
ITSELF = ((REQUESTS, None, 0),), False
PRIVATE = ((REQUESTS, None, 0), (0x00190010, "ACME", 0)), False
PLACES = (IN_ITEMS, IN_SECOND, DEEPER, ANYWHERE, ITSELF, PRIVATE)

CONTENT = [
    (0x00080005, "CS", "ISO_IR 100"),
    (MEANING, "LO", "top"),
    (0x00180050, "DS", "1.5"),
    (REQUESTS, "SQ", [
        [(0x00190010, "LO", "OTHER"), (0x00190011, "LO", "ACME"), (0x00191010, "LO", "no"), (0x00191110, "LO", "yes"),
         (STUDY_ID, "SH", "A"), (CODES, "SQ", [[(MEANING, "LO", "deep")]])],
        [(0x00080005, "CS", "ISO_IR 192"), (STUDY_ID, "SH", "B"), (CODES, "SQ", [[(MEANING, "LO", "deep")]])],
    ]),
]  # fmt: skip


def look(content, known=EXPLICIT, places=PLACES, step=0, **limits):
    found = seek.Seek(known, places, **limits)
    step = step or max(1, len(content))
    for at in range(0, len(content), step):
        if found.feed(content[at : at + step]):
            break
    found.finish()
    return found.values


def texts(values, place):
    return [(value.decode().strip(" "), charsets) for _, value, _, charsets in values.get(place, ())]


def test_values_in_sequences_are_found_in_every_layout_and_chunking():
    for known in (EXPLICIT, IMPLICIT):
        content = writer.data_set(CONTENT, known)
        for step in (0, 1, 3, 50):
            values = look(content, known, step=step)
            assert texts(values, IN_ITEMS) == [("A", ("ISO_IR 100",)), ("B", ("ISO_IR 192",))]
            assert texts(values, IN_SECOND) == [("B", ("ISO_IR 192",))]
            assert [text for text, _ in texts(values, DEEPER)] == ["deep", "deep"]
            assert [text for text, _ in texts(values, ANYWHERE)] == ["top", "deep", "deep"]
            assert texts(values, PRIVATE) == [("yes", ("ISO_IR 100",))]
            assert [vr for vr, _, _, _ in values[ITSELF]] == [seek.SEQUENCE]


def test_a_deflated_data_set_is_looked_through():
    values = look(DEFLATED_OCTETS, DEFLATED, [(((0x00100020, None, 0),), True)], inflate=inflater(), inflate_limit=999)
    assert [found[0][1] for found in values.values()] == [b"4711"]


def test_nothing_behind_the_last_place_is_waited_for():
    content = writer.data_set(CONTENT, EXPLICIT) + one(0x00400280, "ST", b"x ")
    found = seek.Seek(EXPLICIT, (IN_ITEMS,))
    assert found.feed(content)
    assert found.feed(b"whatever follows")


def test_a_sequence_without_items_is_not_there():
    for undefined in (False, True):
        assert look(sequence(REQUESTS, [], undefined)) == {}


def test_what_cannot_be_read_is_told_and_nothing_is_raised():
    whole = writer.data_set(CONTENT, EXPLICIT)
    assert look(whole[:-30]) == {place: None for place in PLACES}
    assert look(b"no data set at all, as anybody can see") == {place: None for place in PLACES}
    assert look(whole, value_limit=3)[DEEPER] is None
    assert texts(look(whole, value_limit=3), IN_ITEMS)[0][0] == "A"


def test_different_values_beyond_a_number_count_as_not_read():
    items = [item(one(STUDY_ID, "SH", b"%04d" % number)) for number in range(300)]
    assert look(sequence(REQUESTS, items), places=(IN_ITEMS,))[IN_ITEMS] is None
    assert len(look(sequence(REQUESTS, items[:200] * 3), places=(IN_ITEMS,))[IN_ITEMS]) == 200


def test_a_sequence_under_un_is_looked_into_where_it_has_no_length():
    inner = sequence(REQUESTS, [item(one(STUDY_ID, "SH", b"A ", False))], True, False)
    wrapped = one(0x00080005, "CS", b"") + inner[:4] + b"UN\0\0" + inner[4:]
    assert texts(look(wrapped, places=(IN_ITEMS,)), IN_ITEMS) == [("A", ("",))]
    short = sequence(REQUESTS, [item(one(STUDY_ID, "SH", b"A ", False))], False, False)
    assert look(one(REQUESTS, "UN", short[8:]), places=(IN_ITEMS,)) == {IN_ITEMS: None}
