"""Names of files are made of what objects say, and whatever they say they stay names."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.morph import layout

PATIENT_ID, STUDY_DATE, MODALITY, SOP_INSTANCE = 0x00100020, 0x00080020, 0x00080060, 0x00080018
ONE = layout.read("{PatientID}")


def name_of(value, charset=b"ISO_IR 192"):
    octets = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    (name,) = layout.path(ONE, {PATIENT_ID: octets, 0x00080005: charset})
    return name


def test_text_and_elements_become_the_names_on_the_way_to_the_file():
    found = layout.read("in/{PatientID}/{StudyDate}_{Modality}/{SOPInstanceUID}.dcm")
    values = {PATIENT_ID: b"P1 ", STUDY_DATE: b"20260105", MODALITY: b"CT", SOP_INSTANCE: b"1.2.3\0"}
    assert layout.path(found, values) == ["in", "P1", "20260105_CT", "1.2.3.dcm"]
    assert found.tags == {PATIENT_ID, STUDY_DATE, MODALITY, SOP_INSTANCE}


@pytest.mark.parametrize(
    "words, reason",
    [
        ("/{PatientID}", "every name"),
        ("{PatientID}//x", "every name"),
        ("../{PatientID}", "none is . or .."),
        ("{PatientId}", "no keyword"),
        ("{Rows}", "no keyword of an element with text"),
        ("{PixelData}", "no keyword of an element with text"),
        ("a:b", "a character that no name should have"),
        ("{PatientID", "a character that no name should have"),
        (".{PatientID}", "begins or ends with a dot"),
        ("x" * 101, "too long"),
        ("{PatientID}{PatientID}{PatientID}{PatientID}{PatientID}", "too long"),
        ("/".join("x" * 17), "more than 16 names"),
    ],
)
def test_what_is_no_layout_is_refused_with_the_reason(words, reason):
    with pytest.raises(ValueError, match=reason):
        layout.read(words)


@pytest.mark.parametrize(
    "value, name",
    [
        ("", "_"),
        ("   ", "_"),
        (".", "_"),
        ("..", "__"),
        (".hidden", "_hidden"),
        ("ends.", "ends_"),
        ("con", "_con"),
        ("COM1.txt", "_COM1.txt"),
        ("lpt\u00b3", "_lpt\u00b3"),
        ("Müller^Jörg", "Müller^Jörg"),
        ("one\\two", "one"),
        ("12 34", "12 34"),
    ],
)
def test_a_value_becomes_a_name_that_every_file_system_takes(value, name):
    assert name_of(value) == name


@pytest.mark.parametrize("value", ["a/b", "../../etc/passwd", "a\0b", "a:b", "a\nb", "a\u202eb", "a\ud800b", "x" * 300])
def test_a_value_that_cannot_be_a_name_is_told_from_others_by_a_mark(value):
    made = name_of(value)
    assert "~" in made and "/" not in made and made.isprintable()
    assert name_of(value + "1") != made


def test_values_that_would_become_one_name_become_two():
    assert len({name_of("a/b"), name_of("a:b"), name_of("a_b")}) == 3


def test_characters_are_read_in_the_character_set_of_the_object():
    assert name_of(b"M\xfcller", b"ISO_IR 100") == "Müller"


@given(st.binary(max_size=300), st.binary(max_size=300), st.sampled_from([b"", b"ISO_IR 192", b"ISO 2022 IR 87"]))
def test_whatever_a_value_holds_the_names_are_names(one, other, charset):
    found = layout.read("{PatientID}/{PatientID}_{StudyID}_{AccessionNumber}.dcm")
    made = layout.path(
        found, {PATIENT_ID: one, 0x00200010: other, 0x00080050: one, 0x00080005: charset}
    )
    for name in made:
        assert name not in ("", ".", "..") and "/" not in name and "\0" not in name
        assert len(os.fsencode(name)) <= 210 and name[0] not in ". " and name[-1] not in ". "
    assert made[1].endswith(".dcm")
