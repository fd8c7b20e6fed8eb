"""Objects out of records: what stands before and behind them, and what a device sent that nobody should."""

from edge.dicom import part10, reader, uid
from edge.dicom.errors import LocalError, PeerError
from edge.tap import fields, template

IDENTITY = template.Identity(b"\x11\x22\x33\x44\x55\x66\x77\x88", 12345)
NOW = (2026, 11, 24, 9, 5, 0)


def shaped(kind="raw", attributes=(), charset="", **more):
    parsed = tuple([(tag, vr, tuple(fields.parse(words))) for tag, vr, words in attributes])
    plain = {"rows": 2, "columns": 3, "photometric": "MONOCHROME2", "bits": 8, "payload_at": 0}
    plain.update(more)
    return template.Template(
        kind, plain["payload_at"], plain["rows"], plain["columns"], plain["photometric"], plain["bits"], b"|", charset,
        parsed, 90,
    )  # fmt: skip


def read(record, made, now=NOW, number=7, earliest=None):
    """Wrap a record; return {tag: octets} of the object."""
    wrapped = template.wrap(made, record, len(record), IDENTITY, number, now, earliest)
    octets = wrapped.head + record[wrapped.begin : wrapped.end] + wrapped.tail
    head = part10.HeadReader()
    assert head.feed(octets)
    assert head.data_set_offset == wrapped.meta_octets and head.meta.sop_instance == wrapped.sop_instance
    found = {}
    parser = reader.Reader(head.transfer_syntax)
    parser.feed(octets[head.data_set_offset :])
    for event in parser.events():
        if isinstance(event, reader.Element):
            found[event.tag] = bytes(event.value)
    parser.finish()
    return found


def test_fields_and_offsets_make_attributes():
    words = (0x00100010, "PN", "{1}"), (0x00100020, "LO", "A-{2}"), (0x00081030, "LO", "{0:3} of {9}")
    found = read(b"DOE^J|4711|x", shaped(attributes=words))
    assert found[0x00100010] == b"DOE^J " and found[0x00100020] == b"A-4711" and found[0x00081030] == b"DOE of"


def test_what_a_device_sends_is_never_more_than_one_value_of_its_vr():
    def value(words, vr, charset=""):
        return fields.value(fields.parse("{1}"), words, [words], vr, charset)

    assert value(b"A\\B\x00\x1bC", "LO") == "A/B  C"
    assert value(b"M\xfcller", "PN") == "M?ller" and value(b"M\xfcller", "PN", "ISO_IR 100") == "M\u00fcller"
    assert value(b"M\xc3\xbc\xff", "LO", "ISO_IR 192") == "M\u00fc?"
    assert value(b"1970-01-31", "DA") == "19700131"
    assert value(b"31.01.70", "DA") == "" and value(b"00000000", "DA") == ""
    assert value(b"m", "CS") == "M" and value(b"m*", "CS") == ""
    assert len(value(b"x" * 400, "LO")) == 64 and len(value(b"x" * 400, "SH")) == 16
    assert value(b"042Y", "AS") == "042Y" and value(b"42", "AS") == ""


def test_expressions_that_are_none_are_refused_in_words():
    for words, why in (("{", "a { without its }"), ("x}", "a } without its {"), ("{0}", "fields count from 1"),
                       ("{5:2}", "{5:2} ends before it begins"), ("{a}", "neither a field")):  # fmt: skip
        try:
            fields.parse(words)
        except LocalError as error:
            assert why in str(error)
        else:
            raise AssertionError(words)


def test_a_record_that_is_not_what_the_template_says_is_refused():
    for record, made, why in (
        (b"12345", shaped("capture"), "5 octets of pixels, 6 are needed"),
        (b"hello", shaped("pdf"), "no PDF"),
        (b"ab", shaped("raw", payload_at=2), "nothing is left of it"),
    ):
        try:
            read(record, made)
        except PeerError as error:
            assert why in str(error)
        else:
            raise AssertionError(why)


def test_pixels_are_cut_from_the_record_where_they_stand():
    found = read(b"head123456rest", shaped("capture", payload_at=4))
    assert found[0x7FE00010] == b"123456" and found[0x00280010] == b"\2\0" and found[0x00280101] == b"\x08\0"
    assert read(b"123456789012", shaped("capture", bits=12))[0x00280100] == b"\x10\0"


def test_dates_are_local_and_empty_where_the_clock_is_not_certain():
    found = read(b"x", shaped())
    assert found[0x00080020] == b"20261124" and found[0x00080030] == b"090500" and found[0x00080201] == b"+0130 "
    found = read(b"x", shaped(), None, 7, (2026, 1, 2, 3, 4, 5))
    assert found[0x00080020] == b"" and found[0x00080023] == b"20260102"  # Content Date has to be there in Raw Data


def test_uids_of_tap_volume_record_and_kind_are_all_apart_and_are_uuids_of_version_8():
    seen = set()
    for board in (b"\0\0\0\0\0\0\0\1", b"\1\2\3\4\5\6", b"\xff" * 12):
        for epoch in (0, 1, template.EPOCH_LIMIT - 1):
            for kind in (0, 1, 2):
                for number in (1, 2, template.NUMBER_LIMIT - 1):
                    made = template.instance_uid(template.Identity(board, epoch), kind, number)
                    assert uid.is_valid(made) and made not in seen
                    value = int(made[5:])
                    assert value >> 76 & 0xF == 8 and value >> 62 & 3 == 2
                    seen.add(made)
