"""The table of record types against pydicom's and the dictionary of the standard."""

import pytest
from pydicom import fileset
from pydicom.datadict import dictionary_VR, keyword_for_tag

from edge.dicom import tags, uid
from edge.media import records
from tests.support import mediafiles

# Where pydicom has no row: SOP Classes younger than its table, and those that it tells by their content
_CONTENT = {"ENCAP DOC", "RT PLAN", "PLAN", "RADIOTHERAPY", "ANNOTATION"}
_YOUNGER = {"PRESENTATION", "WAVEFORM", "SR DOCUMENT", "MEASUREMENT"}


@pytest.mark.parametrize("kind", records.KEYS)
def test_each_record_type_is_one_that_pydicom_makes(kind):
    assert kind in fileset.DIRECTORY_RECORDERS or kind == "ANNOTATION"


def test_no_record_type_that_pydicom_makes_is_missing():
    assert set(fileset.DIRECTORY_RECORDERS) <= set(records.KEYS)


def test_every_sop_class_has_the_record_that_pydicom_gives_it():
    theirs = {**fileset._FOUR_LEVEL_SOP_CLASSES, **fileset._SINGLE_LEVEL_SOP_CLASSES}
    differing = {each: kind for each, kind in theirs.items() if records.record_type(str(each)) != kind}
    assert not differing
    for each in uid.storage_classes():
        ours = records.record_type(each)
        if each not in theirs and ours is not None:
            assert ours == "IMAGE" or ours in _CONTENT | _YOUNGER, (uid.name(each), ours)


def test_what_is_private_retired_or_a_directory_has_no_record():
    for each in ("1.2.3.4", uid.MEDIA_STORAGE_DIRECTORY, "1.2.840.10008.5.1.4.1.1.8", "1.2.840.10008.5.1.4.1.1.201.1"):
        assert records.record_type(each) is None


@pytest.mark.parametrize("kind", mediafiles.KINDS)
def test_the_keys_of_a_record_are_those_that_pydicom_copies(kind):
    if kind in ("ANNOTATION", "STEREOMETRIC", "PLAN"):
        return
    made = fileset.DIRECTORY_RECORDERS[kind](mediafiles.data_set(kind, VerificationDateTime="20260302101700"))
    theirs = {int(element.tag) for element in made}
    ours = {tag for tag, _ in records.KEYS[kind]}
    assert theirs - ours == set()
    more = {tag for tag in ours - theirs if kind != "HANGING PROTOCOL"}  # of which pydicom leaves out three
    assert {need for tag, need in records.KEYS[kind] if tag in more} <= {"1C"}


@pytest.mark.parametrize("kind", mediafiles.KINDS)
def test_pydicom_refuses_an_object_without_a_key_of_type_1(kind):
    for tag, need in records.KEYS[kind]:
        if need != "1" or kind in ("HANGING PROTOCOL", "ANNOTATION") or keyword_for_tag(tag) == "ContentCreatorName":
            continue
        ds = mediafiles.data_set(kind)
        del ds[tag]
        with pytest.raises((ValueError, AttributeError, KeyError)):
            fileset.DIRECTORY_RECORDERS[kind](ds)


def test_every_key_is_an_element_of_the_standard():
    for keys in records.KEYS.values():
        for tag, need in keys:
            assert need in ("1", "2", "1C")
            assert tags.vr(tag) == dictionary_VR(tag), hex(tag)


def test_records_stand_where_the_model_has_them():
    assert records.may_stand_below("PATIENT", None) and records.may_stand_below("PALETTE", None)
    assert records.may_stand_below("STUDY", "PATIENT") and records.may_stand_below("SERIES", "STUDY")
    assert records.may_stand_below("IMAGE", "SERIES") and records.may_stand_below("PRIVATE", "IMAGE")
    for kind, parent in (("IMAGE", "STUDY"), ("SERIES", None), ("PATIENT", "PATIENT"), ("PALETTE", "SERIES")):
        assert not records.may_stand_below(kind, parent)


def test_samples_are_of_the_kind_that_they_say():
    for kind in mediafiles.KINDS:
        assert records.record_type(mediafiles.data_set(kind).SOPClassUID) == kind
    assert set(mediafiles.KINDS) | {"PATIENT", "STUDY", "SERIES"} == set(records.KEYS)
