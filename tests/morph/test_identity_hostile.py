"""De-identification of objects that hide an identity where the standard has no place for one."""

import struct

import pytest
from pydicom.dataset import Dataset

from edge.dicom import syntax, writer
from edge.morph import change, identity
from edge.morph.pseudonym import Key
from edge.spool.inflate import inflater
from tests.morph.data import BIG, EXPLICIT, IMPLICIT, draft, parsed, rule, sent, written
from tests.morph.test_identity import CT, KEY, cleaned, profile, rich

NAME = b"Somebody^Else "
HEAD = [(0x00080016, "UI", CT), (0x00080018, "UI", "1.2.3.4")]
ITEM = writer.data_set([(0x00100010, "PN", "Somebody^Else")], syntax.lookup(IMPLICIT))
WRAPPED = struct.pack("<HHI", 0xFFFE, 0xE000, len(ITEM)) + ITEM


def element(tag, vr, octets):
    """An element whose VR is what the test says, whatever its tag."""
    long = vr in ("OB", "UN", "OW", "UT")
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    return head + (struct.pack("<HI", 0, len(octets)) if long else struct.pack("<H", len(octets))) + octets


def made(*elements):
    head = writer.data_set(HEAD, syntax.lookup(EXPLICIT))
    before = b"".join(octets for octets in elements if octets[:2] < b"\x08\0" and octets[1] == 0)
    return before + head + b"".join(octets for octets in elements if not (octets[:2] < b"\x08\0" and octets[1] == 0))


def octets_of(octets, *options):
    asked = draft(octets)._replace(sop_instance="1.2.3.4")
    return sent(identity.Identity(profile(*options), inflater).prepare(asked))


@pytest.mark.parametrize(
    "tag, vr, octets",
    [
        (0x00081115, "OB", WRAPPED), (0x00081115, "LO", NAME), (0x00082218, "UT", NAME),
        (0x00180050, "LO", NAME), (0x00180050, "DS", NAME), (0x00180050, "UN", NAME), (0x00280010, "OB", NAME),
        (0x00081150, "UI", NAME), (0x00200013, "IS", NAME), (0x00080025, "DA", NAME), (0x0008041F, "DT", NAME),
        (0x00020016, "AE", NAME), (0x00041130, "CS", NAME), (0x7F000010, "OW", NAME), (0x00203105, "CS", NAME),
        (0x00280402, "LO", NAME), (0x00081190, "UT", NAME),
    ],
)  # fmt: skip
@pytest.mark.parametrize("options", [(), ("full-dates", "uids", "clean-descriptors")], ids=["basic", "options"])
def test_a_value_that_is_not_what_its_element_has_is_left_out(tag, vr, octets, options):
    assert b"Somebody" in made(element(tag, vr, octets))
    assert b"Somebody" not in octets_of(made(element(tag, vr, octets)), *options)


def test_pixels_within_a_sequence_are_left_out():
    inner = Dataset()
    inner.SeriesInstanceUID, inner.PixelData = "1.2", NAME
    inner["PixelData"].VR = "OW"
    whole = rich()
    whole.ReferencedSeriesSequence = [inner]
    found = cleaned(whole)
    assert "PixelData" not in found.ReferencedSeriesSequence[0] and found.PixelData == whole.PixelData


INSTANCES = (
    "SOPInstanceUIDOfConcatenationSource", "MultiFrameSourceSOPInstanceUID", "VolumeFrameOfReferenceUID",
    "ReferencedFiducialUID", "RadiopharmaceuticalAdministrationEventUID", "ReferencedColorPaletteInstanceUID",
)  # fmt: skip


def test_a_uid_that_the_table_forgets_is_mapped_like_those_that_it_lists():
    whole = rich()
    for keyword in INSTANCES:
        setattr(whole, keyword, whole.StudyInstanceUID)
    found = cleaned(whole)
    assert {getattr(found, keyword) for keyword in INSTANCES} == {found.StudyInstanceUID}
    kept = cleaned(whole, "uids")
    assert {getattr(kept, keyword) for keyword in INSTANCES} == {whole.StudyInstanceUID}


def test_a_uid_that_says_what_something_is_stays():
    whole = rich()
    whole.CreatorVersionUID, whole.CodingSchemeUID = "1.3.46.670589.11", "1.2.276.9"
    whole.ReferencedImageSequence[0].ReferencedSOPClassUID = "1.3.12.2.1107.5.9.1"
    found = cleaned(whole)
    assert (found.CreatorVersionUID, found.CodingSchemeUID) == ("1.3.46.670589.11", "1.2.276.9")
    assert found.ReferencedImageSequence[0].ReferencedSOPClassUID == "1.3.12.2.1107.5.9.1"


def test_a_date_that_the_table_forgets_is_treated_like_those_that_it_lists():
    whole = rich()
    whole.StudyDate, whole.StudyUpdateDateTime = "20260105", "20260105101112"
    assert "StudyUpdateDateTime" not in cleaned(whole)
    shifted = cleaned(whole, "shifted-dates")
    assert shifted.StudyUpdateDateTime == shifted.StudyDate + "101112" != "20260105101112"
    assert cleaned(whole, "full-dates").StudyUpdateDateTime == "20260105101112"


@pytest.mark.parametrize("value", ["20260105-20260106", "20260105 20260106", "20260105x", "20260105-"])
def test_what_follows_a_shifted_date_cannot_tell_by_how_much_it_was_shifted(value):
    tail = element(0x0008002A, "DT", value.encode() + b" " * (len(value) & 1))
    found = octets_of(made(tail), "shifted-dates")
    assert b"2026" not in found


def test_patients_without_a_number_are_shifted_each_by_their_own_days():
    days = {}
    for name, birth in (("Eins^A", "19600101"), ("Zwei^B", "19600101"), ("Eins^A", "19600102")):
        whole = rich()
        whole.PatientID, whole.PatientName, whole.PatientBirthDate = "", name, birth
        days[name, birth] = cleaned(whole, "shifted-dates").StudyDate
    assert len(set(days.values())) == 3
    whole = rich()
    whole.PatientID, whole.PatientName, whole.PatientBirthDate = "", "", ""
    one = cleaned(whole, "shifted-dates").StudyDate
    whole.StudyInstanceUID = "1.2.3.77"
    assert cleaned(whole, "shifted-dates").StudyDate != one


def test_a_label_of_which_nothing_is_left_becomes_a_dummy_where_it_has_to_have_a_value():
    whole = rich()
    whole.StructureSetLabel, whole.StudyDescription = "Müller", "Anna Müller"
    found = cleaned(whole, "clean-descriptors")
    assert found.StructureSetLabel == "ANONYMIZED" and "StudyDescription" not in found


def test_what_others_have_done_to_hide_an_identity_stays_told():
    whole = rich()
    whole.PatientIdentityRemoved, whole.DeidentificationMethod = "NO", "Gesichter entfernt: Müllers Verfahren"
    before = Dataset()
    before.CodeValue, before.CodingSchemeDesignator, before.CodeMeaning = "113101", "DCM", "Clean Pixel Data Option"
    whole.DeidentificationMethodCodeSequence = [before]
    found = cleaned(whole)
    assert found.PatientIdentityRemoved == "YES"
    assert list(found.DeidentificationMethod)[:2] == ["Gesichter entfernt: Müllers Verfahren", "PS3.15 E.1 by edge"]
    assert [each.CodeValue for each in found.DeidentificationMethodCodeSequence] == ["113101", "113100"]


def test_a_change_after_de_identification_knows_the_sender_and_does_not_record_what_could_tell_of_it():
    whole = rich()
    asked = draft(written(whole))._replace(sop_instance="1.2.3.4")
    hidden = identity.Identity(profile("shifted-dates"), inflater).prepare(asked)
    from edge.morph import match

    conditions = (match.like("calling AE title", "calling", ["CT*"]),)
    stage = change.Changes([rule("ClinicalTrialProtocolID", "set", "T1", where=conditions)], "EDGE", inflater)
    prepared = stage.prepare(hidden)
    found = parsed(sent(prepared), prepared.syntax)
    assert found.ClinicalTrialProtocolID == "T1" and "OriginalAttributesSequence" not in found


def test_another_key_makes_another_identity_throughout():
    one = cleaned(rich(), "shifted-dates")
    other = cleaned(rich(), "shifted-dates", key=Key(b"another key of the tests"))
    for keyword in ("PatientID", "StudyInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID", "StudyDate"):
        assert getattr(one, keyword) != getattr(other, keyword), keyword
    assert cleaned(rich(), "shifted-dates", key=KEY) == one


def declaring(group, creator, status, *numbers):
    item = Dataset()
    item.PrivateGroupReference, item.PrivateCreatorReference = group, creator
    item.BlockIdentifyingInformationStatus = status
    if numbers:
        item.NonidentifyingPrivateElements = list(numbers)
    return item


@pytest.mark.parametrize("uid", [EXPLICIT, IMPLICIT, BIG])
@pytest.mark.parametrize(
    "status, numbers, kept", [("SAFE", (), {1, 2}), ("MIXED", (2,), {2}), ("UNSAFE", (2,), set()), ("safe", (), set())]
)
def test_private_elements_that_the_object_says_are_safe_are_kept_where_its_word_is_taken(uid, status, numbers, kept):
    whole = rich()
    whole.PrivateDataElementCharacteristicsSequence = [
        declaring(0x0011, "OTHER", "SAFE"), declaring(0x0009, "ACME 1.1", status, *numbers)
    ]
    whole.add_new(0x00090011, "LO", "UNKNOWN")
    whole.add_new(0x00091101, "LO", "hidden")
    found = cleaned(whole, "declared-private", uid=uid)
    assert {tag.element & 0xFF for tag in found.keys() if tag.is_private and tag.element > 0xFF} == kept
    assert (0x0009, 0x1101) not in found
    assert not [tag for tag in cleaned(whole, uid=uid).keys() if tag.is_private]
    codes = [each.CodeValue for each in found.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113111"]
