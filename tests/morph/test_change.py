"""A change does what it says, leaves all else as it was, is recorded, and never makes what would be illegal."""

import zlib
from datetime import datetime

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from edge.dicom import syntax, writer
from edge.dicom.errors import DicomError, LimitError
from edge.morph import match
from edge.morph.path import read as path
from tests.morph.data import (
    BIG, DEFLATED, EXPLICIT, IMPLICIT, NOW, changed, cut, draft, flat, parsed, rule, sample, stage, written,
)  # fmt: skip
from tests.support import samples

IMPLICIT_SYNTAX = syntax.lookup(IMPLICIT)
RECORD = ("OriginalAttributesSequence",)


def one(*rules, uid=EXPLICIT, size=65536, made=None):
    """What pydicom reads of the sample after `rules`."""
    octets, now = changed(written(made or sample(), uid), *rules, uid=uid, size=size)
    return parsed(octets, now)


def differences(found, made=None):
    """{path: (before, after)} of what differs from the sample."""
    before, after = flat(made or sample()), flat(found, RECORD)
    keys = before.keys() | after.keys()
    return {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}


@pytest.mark.parametrize(
    "made, keyword, value",
    [
        (rule("PatientID", "set", "X1"), "PatientID", "X1"),
        (rule("PatientName", "prefix", "Dr "), "PatientName", "Dr Müller^Anna"),
        (rule("PatientID", "suffix", "-A"), "PatientID", "4711-A"),
        (rule("AccessionNumber", "replace", ("^0+", "")), "AccessionNumber", "123"),
        (rule("PatientName", "replace", (r"(.*)\^(.*)", r"\2^\1")), "PatientName", "Anna^Müller"),
        (rule("ImageType", "replace", ("AXIAL", "OTHER")), "ImageType", ["ORIGINAL", "PRIMARY", "OTHER"]),
        (rule("StudyID", "copy", "AccessionNumber"), "StudyID", "00123"),
        (rule("InstanceNumber", "set", 5), "InstanceNumber", 5),
        (rule("SmallestImagePixelValue", "set", -9), "SmallestImagePixelValue", -9),
        (rule("ImageType", "set", ["DERIVED", "SECONDARY"]), "ImageType", ["DERIVED", "SECONDARY"]),
        (rule("PatientID", "set", ""), "PatientID", ""),
    ],
)
@pytest.mark.parametrize("uid, size", [(EXPLICIT, 1), (EXPLICIT, 65536), (IMPLICIT, 7), (BIG, 13)])
def test_one_element_is_changed_and_no_other(made, keyword, value, uid, size):
    found = one(made, uid=uid, size=size)
    assert found[keyword].value == value
    before = parsed(written(sample(), uid), uid)
    changes = differences(found, before)
    assert [key[-1] for key in changes if changes[key][0] and changes[key][1]] == [found[keyword].tag] or uid == BIG
    assert flat(found, (keyword, *RECORD)).keys() == flat(before, (keyword,)).keys()


def test_what_is_absent_is_made_in_its_place():
    made = rule("StationName", "set", "ROOM1"), rule("PatientSex", "copy", "Modality")
    found = one(rule("PatientComments", "set", "über"), *made)
    assert (found.PatientComments, found.StationName, found.PatientSex) == ("über", "ROOM1", "CT")
    tags = [element.tag for element in found]
    assert tags == sorted(tags)


def test_a_default_is_for_what_is_absent_or_empty_alone():
    made = sample()
    made.StudyID = ""
    found = one(*[rule(each, "default", "D") for each in ("StudyID", "PatientID", "StationName")], made=made)
    assert (found.StudyID, found.PatientID, found.StationName) == ("D", "4711", "D")


def test_what_is_deleted_is_gone_with_all_that_is_in_it():
    found = one(*[rule(each, "delete") for each in ("RequestAttributesSequence", "PatientName", "StationName")])
    assert "RequestAttributesSequence" not in found and "PatientName" not in found


def test_rules_of_one_element_apply_in_their_order():
    found = one(rule("PatientID", "set", "1"), rule("PatientID", "prefix", "A"), rule("PatientID", "suffix", "Z"))
    assert found.PatientID == "A1Z"


def test_elements_in_items_are_reached_by_their_path():
    found = one(
        rule("RequestAttributesSequence.ScheduledProcedureStepID", "prefix", "X"),
        rule("RequestAttributesSequence[2].RequestedProcedureID", "set", "R9"),
        rule("RequestAttributesSequence[1].ScheduledProtocolCodeSequence[*].CodeMeaning", "set", "Größe"),
        rule("RequestAttributesSequence[5].RequestedProcedureID", "set", "nobody"),
    )
    first, second = found.RequestAttributesSequence
    assert (first.ScheduledProcedureStepID, second.ScheduledProcedureStepID) == ("XS1", "XS2")
    assert (first.RequestedProcedureID, second.RequestedProcedureID) == ("R1", "R9")
    assert first.ScheduledProtocolCodeSequence[0].CodeMeaning == "Größe"


def test_a_sequence_under_the_vr_un_is_looked_into():
    content = [(0x00100020, "LO", "4711"), (0x00401001, "SH", "R1")]
    item = writer.data_set([(0x00400275, "SQ", [content])], IMPLICIT_SYNTAX)
    octets = writer.data_set([(0x00080060, "CS", "CT"), (0x00400275, "UN", item[8:-8])], syntax.lookup(EXPLICIT))
    for made in (rule("**.PatientID", "set", "X"), rule("RequestAttributesSequence.PatientID", "set", "X")):
        found = parsed(changed(octets, made)[0])
        assert found.RequestAttributesSequence[0].PatientID == "X"
        assert found.RequestAttributesSequence[0].RequestedProcedureID == "R1"
        before = found.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
        assert before.RequestAttributesSequence[0].PatientID == "4711"
    long = writer.data_set([(0x00400275, "UN", item[8:-8] * 2000)], syntax.lookup(EXPLICIT))
    with pytest.raises(LimitError, match="too long to look into"):
        changed(long, rule("**.PatientID", "set", "X"))
    assert parsed(changed(long, rule("PatientID", "set", "X"))[0]).PatientID == "X"
    broken = writer.data_set([(0x00400275, "UN", b"nothing like a sequence ")], syntax.lookup(EXPLICIT))
    assert changed(broken, rule("**.PatientID", "delete"))[0] == broken


def test_an_element_is_reached_wherever_it_stands():
    found = one(rule("**.PatientID", "set", "P"))
    assert found.PatientID == "P"
    assert "PatientID" not in found.RequestAttributesSequence[0]
    assert found.RequestAttributesSequence[1].PatientID == "P"


@pytest.mark.parametrize("size", [1, 65536])
def test_private_elements_are_reached_by_their_creator(size):
    found = one(
        rule('(0009,"ACME 1.1",01)', "delete"),
        rule('(0009,"ACME 1.1",05)', "set", "new"),
        rule('(0009,"EDGE",01)', "set", "mine", vr="SH"),
        rule('(0011,"EDGE",02)', "set", 5, vr="US"),
        size=size,
    )
    assert (0x0009, 0x1001) not in found
    assert found.private_block(0x0009, "ACME 1.1")[0x05].value == "new"
    assert found.private_block(0x0009, "EDGE")[0x01].VR == "SH"
    assert found.private_block(0x0009, "EDGE")[0x01].value == "mine"
    assert found.private_block(0x0011, "EDGE")[0x02].value == 5
    record = found.OriginalAttributesSequence[-1].ModifiedAttributesSequence[0]
    assert record.private_block(0x0009, "ACME 1.1")[0x01].value == "secret"


def test_nothing_is_recorded_and_no_octet_differs_when_nothing_changes():
    octets = written(sample())
    rules = [rule("PatientID", "set", "4711"), rule("StationName", "delete"), rule("**.StationName", "prefix", "X")]
    found = parsed(changed(octets, *rules)[0])
    assert "OriginalAttributesSequence" not in found
    assert not differences(found, parsed(octets))


def test_what_was_changed_is_recorded_with_who_when_and_why():
    made = sample()
    before = Dataset()
    before.ReasonForTheAttributeModification = "CORRECT"
    made.OriginalAttributesSequence = [before]
    found = one(
        rule("PatientName", "delete"),
        rule("PatientID", "set", "X"),
        rule("StationName", "set", "ROOM"),
        rule("RequestAttributesSequence[2].ScheduledProcedureStepID", "set", "N"),
        rule("Modality", "set", "MR", record=False),
        made=made,
    )
    assert "StationName" in found
    first, ours = found.OriginalAttributesSequence
    assert first.ReasonForTheAttributeModification == "CORRECT"
    assert (ours.ModifyingSystem, ours.SourceOfPreviousValues) == ("EDGE", "CT1")
    assert ours.ReasonForTheAttributeModification == "COERCE"
    stamp = datetime.strptime(ours.AttributeModificationDateTime, "%Y%m%d%H%M%S%z")
    assert stamp.timestamp() == NOW
    (item,) = ours.ModifiedAttributesSequence
    assert (item.PatientName, item.PatientID, item.StationName) == ("Müller^Anna", "4711", "")
    assert [each.ScheduledProcedureStepID for each in item.RequestAttributesSequence] == ["S1", "S2"]
    assert item.RequestAttributesSequence[0].ScheduledProtocolCodeSequence[0].CodeMeaning == "Müll"
    assert {each.keyword for each in item} >= {"PatientName", "PatientID", "StationName", "RequestAttributesSequence"}
    assert "Modality" not in item and found.Modality == "MR"


def test_rules_that_are_not_to_be_recorded_leave_no_trace():
    found = one(rule("PatientID", "set", "X", record=False))
    assert "OriginalAttributesSequence" not in found


def test_a_rule_is_for_objects_that_fulfil_its_conditions():
    only = (match.fits(path("Modality"), ("MR",)),)
    assert one(rule("PatientID", "set", "X", where=only)).PatientID == "4711"
    only = (match.fits(path("Modality"), ("C*",)),)
    assert one(rule("PatientID", "set", "X", where=only)).PatientID == "X"


def test_a_character_set_is_named_where_none_is_and_holds_for_what_is_written_then():
    made = sample()
    del made.SpecificCharacterSet
    octets = written(made).replace(b"M?ller^Anna", b"M\xfcller^Anna")
    declared = rule("SpecificCharacterSet", "default", "ISO_IR 100")
    found = parsed(changed(octets, declared, rule("PatientComments", "set", "Größe"), uid=EXPLICIT, size=9)[0])
    assert found.SpecificCharacterSet == "ISO_IR 100" and found.PatientComments == "Größe"
    assert "SpecificCharacterSet" not in found.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    named = parsed(changed(written(sample()), rule("SpecificCharacterSet", "default", "ISO_IR 144"))[0])
    assert named.SpecificCharacterSet == "ISO_IR 100" and "OriginalAttributesSequence" not in named


def test_pixels_pass_as_they_came_and_are_never_held():
    image = sample()
    image.PixelData = bytes(range(256)) * 4096 * 8
    octets = written(image)
    prepared = stage(rule("PatientID", "set", "X")).prepare(draft(octets))
    parts = [bytes(part) for part in prepared.chunks()]
    assert max(map(len, parts)) <= 140_000
    assert parsed(b"".join(parts)).PixelData == image.PixelData


def test_before_the_pixels_no_more_than_the_head_is_looked_at():
    image = sample()
    image.PixelData = bytes(4 << 20)
    octets = written(image)
    taken = []

    def chunks():
        for chunk in cut(octets, 4096):
            taken.append(len(chunk))
            yield chunk

    stage(rule("PatientID", "set", "X")).prepare(draft(octets)._replace(chunks=chunks))
    assert sum(taken) < 20_000


@pytest.mark.parametrize("name", ["JPEG2000.dcm", "MR_small_RLE.dcm", "JPEG-LL.dcm"])
def test_compressed_pixels_pass_as_they_came(name):
    made = pydicom.dcmread(pydicom.data.get_testdata_file(name))
    file = open(pydicom.data.get_testdata_file(name), "rb").read()
    octets = file[samples.data_set_offset(file) :]
    uid = str(made.file_meta.TransferSyntaxUID)
    out, now = changed(octets, rule("PatientID", "set", "X"), uid=uid)
    assert now == uid
    found = parsed(out, uid)
    assert found.PixelData == made.PixelData and found.PatientID == "X"


def test_deflated_objects_become_explicit_little_endian():
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    octets = packer.compress(written(sample())) + packer.flush()
    octets, now = changed(octets, rule("PatientID", "set", "X"), uid=DEFLATED)
    assert now == EXPLICIT and parsed(octets).PatientID == "X"


def test_big_endian_numbers_are_swapped_whatever_their_length():
    made = Dataset()
    made.PatientID = "1"
    made.Rows = 513
    made.PixelData = bytes(range(250)) * 400
    made["PixelData"].VR = "OW"
    octets, now = changed(written(made, BIG), rule("PatientID", "set", "22"), uid=BIG, size=777)
    found = parsed(octets, now)
    swapped = bytes(b for at in range(0, 100_000, 2) for b in reversed((bytes(range(250)) * 400)[at : at + 2]))
    assert (found.Rows, found.PixelData) == (513, swapped)


@pytest.mark.parametrize(
    "words, action, value, why",
    [
        ("PatientID", "set", "x" * 65, "65 characters of at most 64"),
        ("StudyDate", "set", "20261305", "a date, YYYYMMDD"),
        ("Modality", "set", "ct", "capitals"),
        ("Modality", "set", ["CT", "MR"], "has 1 values, not 2"),
        ("PatientID", "set", "a\\b", "backslash"),
        ("PatientID", "set", "a\x1bb", "control character"),
        ("StudyInstanceUID", "set", "1.02.3", "no UID"),
        ("InstanceNumber", "set", "1.5", "a whole number"),
        ("Rows", "set", 1, "describes the pixels"),
        ("PixelData", "delete", None, "it is the pixels"),
        ("SOPClassUID", "set", "1.2.3", "would not be what it says"),
        ("FailureReason", "set", 70000, "US can hold"),
        ("PixelSpacing", "set", [0.5], "has 2 values, not 1"),
        ("RequestAttributesSequence", "set", "x", "only be set to nothing"),
        ("PatientID", "replace", ("(", ""), "no regular expression"),
        ("PatientID", "replace", ("a", r"\1"), "no group 1|no regular expression"),
        ("**.PatientID", "copy", "StudyID", "wherever an element stands"),
        ("PatientID", "copy", "RequestAttributesSequence", "has the VR SQ, which cannot be copied"),
        ("PatientID", "copy", "EncapsulatedDocument", "has the VR OB, which cannot be copied"),
    ],
)
def test_a_rule_that_could_never_be_right_is_refused_when_it_is_made(words, action, value, why):
    with pytest.raises(ValueError, match=why):
        rule(words, action, value)


@pytest.mark.parametrize(
    "made, why",
    [
        (rule("PatientID", "prefix", "x" * 61), "PatientID would have 65 characters of at most 64"),
        (rule("PatientName", "set", "Иванов"), "PatientName cannot be written: the text has a character"),
        (rule("Modality", "copy", "PatientName"), "Modality would not be capitals"),
        (rule("StudyDate", "replace", ("2026", "26")), "StudyDate would not be a date"),
        (rule("Modality", "copy", "ImageType"), "Modality has 1 values, not 3"),
        (rule("SmallestImagePixelValue", "prefix", "1"), "which is no text"),
        (rule("RequestAttributesSequence", "prefix", "1"), "it can only be set or deleted"),
    ],
)
def test_what_would_be_illegal_is_refused_before_anything_is_sent_and_names_no_patient(made, why):
    with pytest.raises(DicomError, match=why) as caught:
        stage(made).prepare(draft(written(sample())))
    assert "Müller" not in str(caught.value) and "4711" not in str(caught.value)


def test_what_is_too_long_to_be_recorded_is_refused_unless_it_need_not_be():
    made = sample()
    made.add_new(0x00091003, "OB", bytes(100_000))
    octets = written(made)
    with pytest.raises(LimitError, match="set record = false"):
        changed(octets, rule('(0009,"ACME 1.1",03)', "delete"))
    found = parsed(changed(octets, rule('(0009,"ACME 1.1",03)', "delete", record=False))[0])
    assert (0x0009, 0x1003) not in found


def test_an_object_whose_elements_are_out_of_order_is_refused_where_that_matters():
    known = syntax.lookup(EXPLICIT)
    octets = writer.data_set([(0x00100020, "LO", "1")], known) + writer.data_set([(0x00081010, "SH", "A")], known)
    assert parsed(changed(octets, rule("PatientID", "set", "2"))[0]).StationName == "A"
    with pytest.raises(DicomError, match="comes after elements that should follow it"):
        changed(octets, rule("StationName", "set", "2"))


RULES = (
    rule("PatientID", "set", "X"),
    rule("**.CodeMeaning", "prefix", "Y"),
    rule("**.StudyInstanceUID", "delete"),
    rule("RequestAttributesSequence.StudyID", "set", "Z"),
    rule('(0009,"ACME",01)', "set", "W"),
    rule("StationName", "copy", "PatientName"),
    rule("OtherPatientIDsSequence", "delete"),
)

_values = st.one_of(
    st.tuples(st.just("LO"), st.binary(max_size=20)),
    st.tuples(st.just("UN"), st.binary(max_size=20)),
    st.tuples(st.just("US"), st.integers(0, 65535)),
    st.tuples(st.just("OW"), st.binary(max_size=9)),
)
_tags = st.one_of(
    st.sampled_from([0x00081010, 0x00100010, 0x00100020, 0x00080104, 0x00400275, 0x00090010, 0x00091001]),
    st.integers(0x00080006, 0x7FDF0000),
)
_elements = st.recursive(
    st.lists(st.tuples(_tags, _values), max_size=6, unique_by=lambda each: each[0]),
    lambda inner: st.lists(
        st.tuples(_tags, st.one_of(_values, st.tuples(st.just("SQ"), st.lists(inner, max_size=3)))),
        max_size=6,
        unique_by=lambda each: each[0],
    ),
    max_leaves=12,
)


def _content(found):
    return [
        (tag, vr, [_content(item) for item in value] if vr == "SQ" else value)
        for tag, (vr, value) in found
        if tag & 0xFFFF and tag >> 16 != 0xFFFE
    ]


@settings(max_examples=200, deadline=None)
@given(_elements, st.sampled_from([EXPLICIT, IMPLICIT]), st.sampled_from([1, 5, 65536]))
def test_any_data_set_changed_is_a_data_set_that_pydicom_reads_or_an_error(found, uid, size):
    octets = writer.data_set(_content(found), syntax.lookup(uid))
    try:
        out, now = changed(octets, *RULES, uid=uid, size=size)
    except DicomError:
        return
    read = parsed(out, now)
    if _reads_whole(parsed(octets, uid)):
        assert _reads_whole(read)
    read = parsed(out, now)  # not the one whose values were turned into something else
    assert _raw(read, 0x00100020) == "X"
    assert "W" in [_raw(read, each) for each in range(0x00091001, 0x0009FF02, 0x100) if each in read]


def _raw(data_set, tag):
    value = data_set.get_item(tag).value
    return value.decode("latin-1").strip("\0 ") if isinstance(value, bytes) else value


def _reads_whole(data_set):
    """Whether pydicom can make sense of every value: it refuses those that do not fit their VR."""
    try:
        for _ in data_set.iterall():
            pass
    except Exception:
        return False
    return True


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([EXPLICIT, IMPLICIT, BIG]))
def test_any_octets_changed_are_a_data_set_or_an_error(octets, uid):
    octets = written(sample(), uid)[:200] + octets
    try:
        out, now = changed(octets, *RULES, uid=uid)
    except DicomError:
        return
    again, _ = changed(out, rule("PatientID", "set", "X"), uid=now)
    assert again == out


def test_a_value_is_copied_out_of_an_item_and_from_one_into_another():
    octets, uid = changed(
        written(sample()),
        rule("PatientComments", "copy", "RequestAttributesSequence[1].ScheduledProtocolCodeSequence.CodeMeaning"),
        rule("RequestAttributesSequence[2].RequestedProcedureID", "copy", "**.RequestedProcedureID"),
        rule("StudyID", "copy", "RequestAttributesSequence[9].RequestedProcedureID"),
    )
    found = parsed(octets, uid)
    assert (found.PatientComments, found.StudyID) == ("Müll", "7")
    assert [each.RequestedProcedureID for each in found.RequestAttributesSequence] == ["R1", "R1"]
