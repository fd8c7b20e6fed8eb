from edge.dicom import dump, element, part10, reader, syntax
from edge.dicom.errors import DicomError, TruncatedError
from tests.dicom.data import BIG, DEFLATED_OCTETS, EXPLICIT, IMPLICIT, big, end, error_of, item, one, sequence
from tests.support.inflate import inflater

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def lines(data_set, transfer_syntax=EXPLICIT, step=0, **more):
    """Return the lines of a data set fed in chunks of `step` octets."""
    step = step or max(1, len(data_set))
    chunks = (data_set[at : at + step] for at in range(0, len(data_set), step))
    return list(dump.data_set(chunks, reader.Reader(transfer_syntax, 1024), **more))


def value(line):
    """Return what a line that is not indented shows as the value."""
    return line[58:]


def test_an_element_is_a_line_of_tag_vr_length_keyword_and_value():
    assert lines(one(0x00080060, "CS", b"CT")) == [
        "(0008,0060) CS      2  Modality                           CT",
    ]
    assert lines(one(0x00080050, "SH", b"")) == ["(0008,0050) SH      0  AccessionNumber"]


def test_sequences_are_indented_and_items_counted():
    inner = sequence(0x00082218, [item(one(0x00080100, "SH", b"CODE"))])
    data_set = sequence(0x00081140, [item(inner, True), item(b"")], True) + one(0x0020000D, "UI", b"1.2\0")
    assert lines(data_set) == [
        "(0008,1140) SQ  undef  ReferencedImageSequence",
        "  item 1",
        "    (0008,2218) SQ     20  AnatomicRegionSequence",
        "      item 1",
        "        (0008,0100) SH      4  CodeValue                          CODE",
        "  item 2",
        "(0020,000D) UI      4  StudyInstanceUID                   1.2",
    ]


def test_numbers_are_shown_in_the_byte_order_of_the_data_set():
    for turn, transfer_syntax, octets in ((bytes, EXPLICIT, b"\0\2"), (big, BIG, b"\2\0")):
        assert value(lines(turn(one(0x00280010, "US", octets)), transfer_syntax)[0]) == "512"
    assert value(lines(one(0x00189332, "FL", b"\0\0\xc0\x3f\0\0\0\xc0"))[0]) == "1.5\\-2"
    assert value(lines(one(0x00280009, "AT", b"\x18\0\x63\x10"))[0]) == "(0018,1063)"


def test_uids_are_shown_with_their_names():
    assert value(lines(one(0x00080016, "UI", b"1.2.840.10008.1.1\0"))[0]) == "1.2.840.10008.1.1 (Verification)"


def test_the_character_set_holds_from_where_it_stands_and_an_items_own_for_that_item():
    latin = one(0x00080005, "CS", b"ISO_IR 100")
    name = one(0x00100010, "PN", b"M\xfcller")
    utf_8 = one(0x00080005, "CS", b"ISO_IR 192") + one(0x00100010, "PN", b"M\xc3\xbcller ")
    data_set = latin + sequence(0x00081140, [item(utf_8), item(name)]) + name
    shown = [line.strip()[58:] for line in lines(data_set) if "PatientName" in line]
    assert shown == ["M\u00fcller"] * 3
    assert value(lines(name)[0]) == "M\\xfcller"


def test_private_elements_are_shown_with_their_creator():
    data_set = one(0x00090010, "LO", b"ACME") + one(0x00091001, "SH", b"x ") + one(0x00091101, "SH", b"y ")
    assert [line[23:57].rstrip() for line in lines(data_set)] == ["PrivateCreator", "[ACME]", "?"]


def test_octets_of_no_known_meaning_are_shown_as_text_when_they_are():
    assert value(lines(one(0x00091001, "UN", b"HELLO "))[0]) == '"HELLO"'
    assert value(lines(one(0x00091001, "UN", b"\0\1\xff\xfe"))[0]) == "00 01 FF FE"


def test_a_long_value_is_cut_however_it_comes():
    data_set = one(0x00204000, "UT", b"long " * 1000) + one(0x7FE00010, "OW", b"\1\0" * 5000)
    whole = lines(data_set, value_columns=20)
    assert [value(line) for line in whole] == ["long long long lo...", "1\\1\\1\\1\\1\\1\\1\\1\\1..."]
    for step in (1, 7, 1000):
        assert lines(data_set, EXPLICIT, step, value_columns=20) == whole


def test_nothing_that_moves_a_terminal_gets_through():
    for vr in ("LO", "PN", "LT", "UI", "UN"):
        shown = lines(one(0x00091001, vr, b"\x1b[2J\x9b\r\n"))[0]
        for character in shown:
            assert 0x20 <= ord(character) < 0x7F


def test_fragments_are_listed():
    fragments = element.write(0x7FE00010, "OB", element.UNDEFINED) + item(b"") + item(bytes(20)) + item(bytes(6))
    data_set = fragments + end(element.SEQUENCE_END) + one(0xFFFCFFFC, "OB", b"\0\0")
    assert lines(data_set, syntax.lookup("1.2.840.10008.1.2.4.50")) == [
        "(7FE0,0010) OB  undef  PixelData                          in fragments",
        "  offset table of 0 octets",
        "  fragment 1 of 20 octets",
        "  fragment 2 of 6 octets",
        "(FFFC,FFFC) OB      2  DataSetTrailingPadding             00 00",
    ]


def test_a_file_is_shown_with_its_meta_and_what_was_tolerated():
    head = part10.head(SECONDARY_CAPTURE, "1.2.3", syntax.IMPLICIT_LITTLE, "EDGE")
    octets = head + one(0x00080060, "CS", b"CT", False) + one(0x00100020, "LO", b"471", False)
    for step in (1, 100, 1000):
        shown = list(dump.lines([octets[at : at + step] for at in range(0, len(octets), step)]))
        assert shown[0] == "# Implicit VR Little Endian, data set at offset %d" % len(head)
        assert shown[3].startswith("(0002,0002) UI     26  MediaStorageSOPClassUID")
        assert shown[-2] == "(0010,0020) LO      3  PatientID                          471"
        assert shown[-1] == "# note: (0010,0020) has an odd length (at offset %d)" % (len(head) + 10)


def test_a_deflated_file_is_shown_inflated():
    octets = part10.head(SECONDARY_CAPTURE, "1.2.3", syntax.DEFLATED_LITTLE) + DEFLATED_OCTETS
    shown = list(dump.lines([octets], inflater()))
    assert shown[-1] == "(0028,0010) US      2  Rows                               2"


def test_a_truncated_file_is_shown_as_far_as_it_goes():
    octets = part10.head(SECONDARY_CAPTURE, "1.2.3", syntax.IMPLICIT_LITTLE) + one(0x00080060, "CS", b"CT", False)
    shown = []
    try:
        for line in dump.lines([octets + b"\x10\0\x20\0\4\0"]):
            shown.append(line)
    except TruncatedError as error:
        shown.append(error.offset)
    assert "Modality" in shown[-2] and shown[-1] == len(octets) + 6


def test_a_file_that_ends_within_its_meta_is_shown_as_far_as_it_goes():
    whole = part10.head("1.2", "1.2.3", syntax.EXPLICIT_LITTLE)
    for rest in (b"\2", b"\2\0\x16\0AE\x10\0EDGE"):
        shown = []
        try:
            for line in dump.lines([whole + rest]):
                shown.append(line)
        except TruncatedError as error:
            shown.append(error.offset)
        assert "TransferSyntaxUID" in shown[4] and shown[-1] == len(whole + rest)


def test_what_is_no_file_is_an_error():
    for chunks in ([], [b""], [b"nonsense" * 100]):
        assert isinstance(error_of(list, dump.lines(chunks)), DicomError)


def test_a_file_of_any_size_takes_the_memory_of_a_small_one():
    octets = part10.head(SECONDARY_CAPTURE, "1.2.3", syntax.IMPLICIT_LITTLE)
    octets += element.write(0x7FE00010, "OW", 0xFFFFFFFE, False)

    def chunks():
        yield octets
        piece = bytes(1 << 15)
        for _ in range((1 << 17) - 1):
            yield piece
        yield piece[:-2]

    shown = list(dump.lines(chunks()))
    assert shown[-1].startswith("(7FE0,0010) OW 4294967294  PixelData")


def test_implicit_vr_is_shown_with_the_vrs_of_the_dictionary():
    assert lines(one(0x00280010, "US", b"\0\2", False), IMPLICIT) == [
        "(0028,0010) US      2  Rows                               512",
    ]
