"""A de-identified object says nothing of who it was, is still a good object, and stays with its study."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from edge.demo import phantom
from edge.dicom import keywords, part10, syntax, tags, writer
from edge.dicom.errors import DicomError
from edge.morph import identity
from edge.morph.profile import Profile
from edge.morph.path import read as path
from edge.morph.pseudonym import Key
from edge.spool.inflate import inflater
from tests.morph.data import EXPLICIT, IMPLICIT, draft, parsed, sample, sent, written

KEY = Key(b"a key of the tests, and of nobody")
CT = "1.2.840.10008.5.1.4.1.1.2"


def profile(*options, safe=(), trusted=False, key=KEY):
    return Profile(key, options, tuple(path(each).steps[0] for each in safe), trusted)


def cleaned(data_set, *options, uid=EXPLICIT, **more):
    """What pydicom reads of a de-identified pydicom data set, or of octets."""
    octets = data_set if isinstance(data_set, bytes) else written(data_set, uid)
    name = "1.2.3.4" if isinstance(data_set, bytes) else data_set.SOPInstanceUID
    asked = draft(octets, uid)._replace(sop_class=more.pop("sop_class", CT), sop_instance=name)
    prepared = identity.Identity(profile(*options, **more), inflater).prepare(asked)
    found = parsed(sent(prepared), prepared.syntax)
    assert isinstance(data_set, bytes) or found.SOPInstanceUID == prepared.sop_instance
    return found


def rich():
    made = sample()
    made.StudyDescription = "Thorax Müller 4711 low dose 20260105"
    made.SeriesDescription = "Lung 1.0 B70f"
    made.StationName, made.DeviceSerialNumber = "ROOM1", "SN77"
    made.PatientAge, made.PatientSex, made.PatientWeight, made.PatientBirthDate = "034Y", "F", "70", "19910203"
    made.ReferringPhysicianName = "Arzt^Otto"
    made.SeriesDate, made.AcquisitionDateTime = "20260106", "20260106101500+0100"
    made.FrameOfReferenceUID = "1.2.3.9"
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CT, "1.2.3.5"
    made.ReferencedImageSequence = [reference]
    made.Manufacturer = "ACME"
    made.BurnedInAnnotation = "NO"
    made.add_new(0x60000010, "US", 4)
    made.add_new(0x60000102, "US", 0)
    made.add_new(0x60003000, "OW", b"\0\0")
    made.add_new(0x50000010, "US", 4)
    return made


SECRETS = (
    "Müller", "Anna", "4711", "Arzt", "Klinik", "19910203", "secret", "00123", "SN77", "ROOM1", "1.2.3.4", "1.2.3.5",
)  # fmt: skip


@pytest.mark.parametrize("uid", [EXPLICIT, IMPLICIT])
def test_nothing_that_identifies_is_left(uid):
    found = cleaned(rich(), uid=uid)
    everything = [str(each.value) for each in found.iterall() if each.VR not in ("SQ", "OW", "OB")]
    for secret in SECRETS:
        assert not [one for one in everything if secret in one], secret
    assert found.PatientIdentityRemoved == "YES"
    assert found.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert found.LongitudinalTemporalInformationModified == "REMOVED"
    assert (found.Manufacturer, found.Modality, found.PixelData) == ("ACME", "CT", rich().PixelData)
    assert not [each for each in found.iterall() if each.tag.is_private or each.tag.group >> 8 in (0x50, 0x60)]
    assert (found.StudyDate, found.PatientSex, found.AccessionNumber) == ("", "", "")


def test_a_study_stays_together_across_boxes_and_days():
    one, other = rich(), rich()
    other.SOPInstanceUID, other.InstanceNumber = "1.2.3.5", 13
    first, second = cleaned(one), cleaned(other, key=Key(b"a key of the tests, and of nobody"))
    assert first.StudyInstanceUID == second.StudyInstanceUID != "1.2.3"
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.PatientID == second.PatientID == str(first.PatientName) and len(first.PatientID) == 12
    assert first.ReferencedImageSequence[0].ReferencedSOPInstanceUID == second.SOPInstanceUID
    assert first.ReferencedImageSequence[0].ReferencedSOPClassUID == CT
    assert cleaned(one, key=Key(b"another key of the tests")).StudyInstanceUID != first.StudyInstanceUID


def test_options_keep_what_they_say_and_are_told():
    found = cleaned(rich(), "uids", "device", "institution", "patient-characteristics", "full-dates")
    assert (found.SOPInstanceUID, found.StudyInstanceUID, found.FrameOfReferenceUID) == ("1.2.3.4", "1.2.3", "1.2.3.9")
    assert (found.DeviceSerialNumber, found.StationName, found.InstitutionName) == ("SN77", "ROOM1", "Klinik")
    assert (found.PatientAge, found.PatientSex, found.PatientWeight) == ("034Y", "F", 70)
    assert (found.StudyDate, found.SeriesDate) == ("20260105", "20260106")
    assert found.PatientBirthDate == "" and found.PatientID != "4711"
    assert found.LongitudinalTemporalInformationModified == "UNMODIFIED"
    codes = [each.CodeValue for each in found.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113110", "113106", "113109", "113112", "113108"]


def test_shifted_dates_keep_their_distance_and_their_times():
    from datetime import date

    def day(text):
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))

    found = cleaned(rich(), "shifted-dates")
    assert found.StudyDate != "20260105"
    assert (day(found.SeriesDate) - day(found.StudyDate)).days == 1
    assert found.AcquisitionDateTime == found.SeriesDate + "101500+0100" and found.StudyTime == "081500"
    assert found.LongitudinalTemporalInformationModified == "MODIFIED"


def test_descriptions_lose_the_words_that_identify_and_keep_the_others():
    found = cleaned(rich(), "clean-descriptors")
    assert found.StudyDescription.split() == ["Thorax", "low", "dose"]
    assert found.SeriesDescription == "Lung 1.0 B70f"
    assert "StudyDescription" not in cleaned(rich())


def test_private_elements_that_are_known_to_be_safe_are_kept():
    found = cleaned(rich(), "safe-private", safe=['(0009,"ACME 1.1",02)'])
    assert found.private_block(0x0009, "ACME 1.1")[2].value == b"\1\2\3\4"
    assert (0x0009, 0x1001) not in found


def test_elements_that_the_standard_does_not_know_are_left_out():
    content = [
        (0x00080018, "UI", "1.2.3.4"), (0x00087777, "LO", "Somebody"), (0x00100033, "LO", "Showa 10"),
        (0x00142006, "PN", "Somebody"), (0x00100010, "PN", "Somebody"),
        (0x00081140, "UN", b"Somebody"), (0x00400275, "UN", b"Somebody"),
    ]  # fmt: skip
    found = cleaned(writer.data_set(content, syntax.lookup(EXPLICIT)))
    assert not [tag for tag in (0x00087777, 0x00100033, 0x00142006) if tag in found]
    assert "ReferencedImageSequence" not in found and "RequestAttributesSequence" not in found


def test_a_long_sequence_that_nobody_can_look_into_is_left_out_whatever_is_retained():
    item = writer.data_set([(0x00100010, "PN", "Somebody")], syntax.lookup(IMPLICIT))
    hidden = (b"\xfe\xff\0\xe0" + len(item).to_bytes(4, "little") + item) * 4000
    content = [(0x00080018, "UI", "1.2"), (0x00081110, "UN", hidden), (0x00400275, "UN", hidden)]
    for options in ((), ("uids", "clean-descriptors")):
        found = cleaned(writer.data_set(content, syntax.lookup(EXPLICIT)), *options)
        assert "RequestAttributesSequence" not in found and not found.get("ReferencedStudySequence")


@pytest.mark.parametrize(
    "change, why",
    [
        ({"BurnedInAnnotation": "YES"}, "annotation burned in"),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.7"}, "does not say that it has none"),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.6.1"}, "does not say that it has none"),
        ({"ContentSequence": [Dataset()]}, "structured content"),
        ({"GraphicAnnotationSequence": [Dataset()]}, "graphic annotation"),
        ({"EncapsulatedDocument": b"%PDF"}, "document"),
        ({"overlay": 12}, "overlay within its pixels"),
    ],
)
def test_what_cannot_be_made_safe_is_refused(change, why):
    made = rich()
    more = {}
    for name, value in change.items():
        if name == "sop_class":
            more["sop_class"] = value
            del made.BurnedInAnnotation
        elif name == "overlay":
            made[0x60000102].value = value
        else:
            setattr(made, name, value)
    with pytest.raises(DicomError, match=why) as caught:
        cleaned(made, **more)
    assert "4711" not in str(caught.value)


def test_pixels_of_a_kind_that_may_have_annotation_go_when_they_say_so_or_are_trusted():
    made = rich()
    capture = "1.2.840.10008.5.1.4.1.1.7"
    assert cleaned(made, sop_class=capture).PatientIdentityRemoved == "YES"
    del made.BurnedInAnnotation
    assert cleaned(made, sop_class=capture, trusted=True).PatientIdentityRemoved == "YES"
    made.BurnedInAnnotation = "YES"
    with pytest.raises(DicomError):
        cleaned(made, sop_class=capture, trusted=True)


@pytest.mark.parametrize(
    "made",
    [
        phantom.ct(phantom.study("CT", 1), 1, 1, size=32),
        phantom.mr(phantom.study("MR"), size=32),
        phantom.cr(phantom.study("CR"), size=64),
    ],
    ids=["CT", "MR", "CR"],
)
@pytest.mark.parametrize("options", [(), ("uids", "device"), ("shifted-dates", "clean-descriptors")])
def test_dciodvfy_finds_nothing_more_in_a_phantom_than_before(tmp_path, made, options):
    stage = identity.Identity(profile(*options, trusted=True), inflater)
    asked = draft(made.data_set, made.transfer_syntax)
    prepared = stage.prepare(asked._replace(sop_class=made.sop_class, sop_instance=made.sop_instance))

    def complaints(octets, instance, name):
        file = tmp_path / name
        file.write_bytes(part10.head(made.sop_class, instance, prepared.syntax) + octets)
        said = subprocess.run(["dciodvfy", "-new", file], capture_output=True, text=True, timeout=60)
        return {line for line in said.stderr.splitlines() if line.startswith("Error")}

    before = complaints(made.data_set, made.sop_instance, "before.dcm")
    assert complaints(sent(prepared), prepared.sop_instance, "after.dcm") <= before


# The table


def test_the_table_has_every_kind_of_action_and_knows_the_attributes():
    found = identity.table()
    assert len(found) == 627
    for tag, (basic, options) in found.items():
        assert basic in identity._CHOICE, tag
        assert set(options.values()) <= {"K", "C"}
        if re.fullmatch("[0-9a-f]{8}", tag) and not tag.startswith("0002"):
            assert keywords.keyword(int(tag, 16)) or tags.kind(int(tag, 16))[0] != "UN", tag


@pytest.mark.parametrize(
    "keyword, basic, options",
    [
        ("PatientName", "Z", ""),
        ("PatientID", "Z/D", ""),
        ("PatientBirthDate", "Z", ""),
        ("PatientSex", "Z", "pK"),
        ("PatientAge", "X", "pK"),
        ("StudyInstanceUID", "U", "uK"),
        ("SOPInstanceUID", "U", "uK"),
        ("StudyDate", "Z", "fKmC"),
        ("SeriesDescription", "X", "dC"),
        ("InstitutionName", "X/Z/D", "iK"),
        ("DeviceSerialNumber", "X/Z/D", "vK"),
        ("ReferencedImageSequence", "X/Z/U*", "uK"),
        ("ContentSequence", "D", "sC"),
        ("Allergies", "X", "pCdC"),
        ("OriginalAttributesSequence", "X", ""),
    ],
)
def test_a_row_is_as_the_standard_prints_it(keyword, basic, options):
    found = identity.table()["%08x" % keywords.tag(keyword)]
    assert (found[0], "".join(letter + action for letter, action in found[1].items())) == (basic, options)


def test_the_generator_writes_the_table_that_is_here(tmp_path):
    from tests.support import generate_identity

    letters = {letter: column for column, letter in generate_identity.OPTIONS.items()}
    rows = [{"id": "00001000", "basicProfile": "X"}]
    for tag, (basic, options) in identity.table().items():
        row = {"id": generate_identity.PRIVATE if tag == "private" else tag, "basicProfile": basic}
        rows.append(row | {letters[letter]: action for letter, action in options.items()})
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    here = Path(identity.__file__).with_name("identity_table.py").read_text()
    edition = re.search(r"\(MIT\), (.*?)\.\n\n", here, re.DOTALL)[1]
    generate_identity.main(tmp_path / "rows.json", edition, tmp_path / "table.py")
    assert (tmp_path / "table.py").read_text() == here


def test_another_reading_of_the_newest_edition_lists_no_attribute_with_another_action():
    from tests.support import generate_identity

    theirs, ours = generate_identity.newest(), identity.table()
    assert len(theirs) > 600
    for tag, action in theirs.items():
        if not tag.startswith("0000") and tags.kind(int(tag, 16))[0] != "UN":
            assert ours[tag][0] == action, tag


def test_what_is_written_into_a_waveform_is_left_out():
    made = rich()
    note = Dataset()
    note.UnformattedTextValue = "Müller, Anna: Vorhofflimmern"
    made.WaveformAnnotationSequence = [note]
    made.AcquisitionContextDescription = "Anna"
    found = cleaned(made)
    assert "WaveformAnnotationSequence" not in found and "AcquisitionContextDescription" not in found


_tags = st.one_of(
    st.sampled_from([int(tag, 16) for tag in identity.table() if re.fullmatch("[0-9a-f]{8}", tag) and tag > "0008"]),
    st.integers(0x00080006, 0x7FDF0000),
)
_values = st.one_of(
    st.tuples(st.sampled_from(["LO", "UN", "PN", "DA", "TM", "UI", "OB"]), st.binary(max_size=20)),
    st.tuples(st.just("US"), st.integers(0, 65535)),
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(_tags, _values, max_size=8), st.dictionaries(_tags, _values, max_size=5), st.sampled_from(
    [(), ("shifted-dates", "clean-descriptors"), ("uids", "device", "patient-characteristics", "institution")]
))
def test_any_data_set_is_made_one_without_identity_or_refused(top, inner, options):
    content = [(tag, vr, value) for tag, (vr, value) in top.items() if tag & 0xFFFF and tag >> 16 != 0xFFFE]
    item = [(tag, vr, value) for tag, (vr, value) in inner.items() if tag & 0xFFFF and tag >> 16 != 0xFFFE]
    if 0x00400275 not in top:
        content.append((0x00400275, "SQ", [item]))
    try:
        found = cleaned(writer.data_set(content, syntax.lookup(EXPLICIT)), *options)
    except DicomError:
        return
    assert found.get_item(0x00120062).value in ("YES", b"YES ")
    assert not [tag for tag in found.keys() if tag.is_private]
