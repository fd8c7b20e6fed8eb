from edge.dicom import element, syntax, writer
from edge.dicom.errors import LocalError
from edge.dicom.reader import Element
from tests.dicom.data import BIG, DEFLATED, EXPLICIT, IMPLICIT, error_of, octets, read

JPEG = syntax.lookup("1.2.840.10008.1.2.4.50")


def test_elements_are_written_in_explicit_and_implicit_vr():
    for transfer_syntax, expected in (
        (EXPLICIT, "10002000 4c4f 0400 34373131"),
        (IMPLICIT, "10002000 04000000 34373131"),
    ):
        assert writer.Writer(transfer_syntax).element(0x00100020, "LO", "4711") == octets(expected)


def test_a_data_set_is_read_as_it_was_written():
    content = (
        (0x00280010, "US", 512),
        (0x00080060, "CS", "CT"),
        (0x00081140, "SQ", [[(0x00081155, "UI", "1.2.3"), (0x00081150, "UI", "1.2")], []]),
        (0x00100010, "PN", "Doe^Jane"),
        (0x00082218, "SQ", [[(0x00082228, "SQ", [[(0x00080100, "SH", "CODE")]])]]),
        (0x00100030, "DA", None),
        (0x00280030, "DS", [0.5, "0.25"]),
        (0x00320001, "SQ", None),
    )
    for transfer_syntax in (EXPLICIT, IMPLICIT):
        events, notices = read(writer.data_set(content, transfer_syntax), transfer_syntax)
        assert notices == []
        values = [(event.tag, event.value) for event in events if isinstance(event, Element)]
        assert values == [
            (0x00080060, b"CT"),
            (0x00081150, b"1.2\0"),
            (0x00081155, b"1.2.3\0"),
            (0x00080100, b"CODE"),
            (0x00100010, b"Doe^Jane"),
            (0x00100030, b""),
            (0x00280010, b"\0\2"),
            (0x00280030, b"0.5\\0.25"),
        ]


def test_deep_nesting_costs_no_recursion():
    content = [(0x00080060, "CS", "CT")]
    for _ in range(100):
        content = [(0x00081140, "SQ", [content])]
    made = writer.data_set(content, EXPLICIT)
    assert made.count(octets("08004011 53510000 ffffffff")) == 100


def test_a_value_of_any_length_is_written_by_whoever_has_it():
    out = writer.Writer(EXPLICIT)
    head = out.begin_value(0x7FE00010, "OW", 0x10000)
    assert head == octets("e07f1000 4f570000 00000100")
    assert out.begin_value(0x7FE10010, "LO", 4) == octets("e17f1000 4c4f 0400")


def test_a_value_too_long_for_its_vr_becomes_un():
    head = writer.Writer(EXPLICIT).begin_value(0x00100020, "LO", 0x10000)
    assert head == octets("10002000 554e0000 00000100")
    assert writer.Writer(IMPLICIT).begin_value(0x00100020, "LO", 0x10000) == octets("10002000 00000100")


def test_encapsulated_pixels_are_read_as_they_were_written():
    out = writer.Writer(JPEG)
    made = out.begin_fragments() + out.fragment(0) + out.fragment(2) + b"\xff\xd8" + out.end_fragments()
    out.finish()
    names = [type(event).__name__ for event in read(made, JPEG)[0]]
    assert names == [
        "FragmentsBegan", "FragmentBegan", "FragmentEnded", "FragmentBegan", "bytes", "FragmentEnded", "FragmentsEnded",
    ]  # fmt: skip


def test_what_would_be_no_data_set_is_refused():
    for steps in (
        lambda out: (out.element(0x00100020, "LO", "a"), out.element(0x00100010, "PN", "a")),
        lambda out: (out.element(0x00100020, "LO", "a"), out.element(0x00100020, "LO", "a")),
        lambda out: out.begin_item(),
        lambda out: out.end_item(),
        lambda out: (out.begin_sequence(0x00081140), out.element(0x00081150, "UI", "1.2")),
        lambda out: (out.begin_sequence(0x00081140), out.begin_item(), out.end_sequence()),
        lambda out: (out.begin_sequence(0x00081140), out.finish()),
        lambda out: out.fragment(2),
        lambda out: (out.begin_fragments(), out.fragment(3)),
        lambda out: out.begin_value(0x00100020, "LO", 3),
        lambda out: out.begin_value(0x00100020, "OB", element.UNDEFINED),
        lambda out: out.begin_value(0x00100020, "OB", -2),
        lambda out: out.element(0x00100020, "ZZ", b"ab"),
        lambda out: out.element(element.ITEM, "LO", "a"),
    ):
        assert isinstance(error_of(steps, writer.Writer(EXPLICIT)), LocalError)


def test_tags_ascend_in_each_item_anew():
    out = writer.Writer(EXPLICIT)
    out.begin_sequence(0x00081140)
    for _ in range(2):
        out.begin_item()
        out.element(0x00081150, "UI", "1.2")
        out.end_item()
    out.end_sequence()
    out.element(0x00100010, "PN", "a")
    out.finish()


def test_syntaxes_that_are_not_written_are_refused():
    for transfer_syntax in (BIG, DEFLATED):
        assert isinstance(error_of(writer.Writer, transfer_syntax), LocalError)
    assert isinstance(error_of(writer.Writer(IMPLICIT).begin_fragments), LocalError)


def test_text_is_written_in_the_character_set_given():
    content = ((0x00080005, "CS", "ISO_IR 192"), (0x00100010, "PN", "M\u00fcller"))
    assert b"M\xc3\xbcller" in writer.data_set(content, EXPLICIT, ("ISO_IR 192",))
    assert isinstance(error_of(writer.data_set, content, EXPLICIT), LocalError)
