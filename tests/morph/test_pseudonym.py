"""A key makes the same of the same, and nothing that tells what it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.dicom import uid
from edge.morph.pseudonym import Key, shifted

KEY = Key(b"0123456789abcdef")


def test_the_same_key_makes_the_same_on_any_box():
    other = Key(b"0123456789abcdef")
    assert KEY.uid("1.2.3") == other.uid("1.2.3") and KEY.patient("1") == other.patient("1")


def test_another_key_makes_something_else():
    other = Key(b"0123456789abcdeF")
    assert KEY.uid("1.2.3") != other.uid("1.2.3") and KEY.patient("1") != other.patient("1")


@given(st.text("0123456789.", min_size=1, max_size=64))
def test_what_stands_for_a_uid_is_a_valid_uid_of_its_own(original):
    assert uid.is_valid(KEY.uid(original))


def test_uids_of_the_standard_stand_for_themselves():
    assert KEY.uid("1.2.840.10008.5.1.4.1.1.2") == "1.2.840.10008.5.1.4.1.1.2"
    assert KEY.uid("") == ""


def test_a_key_that_is_too_short_is_refused_and_none_is_ever_shown():
    with pytest.raises(ValueError, match="15 octets"):
        Key(b"x" * 15)
    assert "0123" not in repr(KEY)


@pytest.mark.parametrize(
    "value, days, moved",
    [
        ("20260301", -1, "20260228"),
        ("20260301081500.5+0100", -365, "20250301081500.5+0100"),
        ("2026", -1, None),
        ("00010101", -1, None),
        ("20261399", -1, None),
        ("", -1, None),
    ],
)
def test_dates_move_by_whole_days(value, days, moved):
    assert shifted(value, days) == moved


@given(st.text(max_size=20))
def test_dates_of_a_patient_move_together_and_always_back(patient):
    assert -3650 <= KEY.shift_days(patient) <= -1
