"""An element is named by keyword, number or private creator, at the top, in items, or anywhere."""

import pytest

from edge.morph import path


@pytest.mark.parametrize(
    "words, steps",
    [
        ("PatientID", [(0x00100020, None, 0)]),
        ("(0010,0020)", [(0x00100020, None, 0)]),
        ("00100020", [(0x00100020, None, 0)]),
        ("(0019,1001)", [(0x00191001, None, 0)]),
        ('(0019,"ACME 1.1",10)', [(0x00190010, "ACME 1.1", 0)]),
        ("RequestAttributesSequence.StudyID", [(0x00400275, None, 0), (0x00200010, None, 0)]),
        ("RequestAttributesSequence[2].StudyID", [(0x00400275, None, 2), (0x00200010, None, 0)]),
        ("RequestAttributesSequence[*].StudyID", [(0x00400275, None, 0), (0x00200010, None, 0)]),
    ],
)
def test_what_is_written_names_its_steps(words, steps):
    found = path.read(words)
    assert list(map(tuple, found.steps)) == steps
    assert not found.anywhere
    assert path.is_plain(found) == (len(steps) == 1)


def test_an_element_may_be_named_wherever_it_stands():
    found = path.read("**.PatientID")
    assert found.anywhere and not path.is_plain(found)


@pytest.mark.parametrize(
    "words, why",
    [
        ("PatientId", "did you mean PatientID?"),
        ("patientID", "did you mean PatientID?"),
        ("Nonsense", "no keyword Nonsense"),
        ("", "there is no element"),
        ("PatientID.", "there is no element"),
        ("PatientID.StudyID", "PatientID is no sequence"),
        ("RequestAttributesSequence[0].StudyID", "a dot or nothing"),
        ("RequestAttributesSequence[1]", "an item is no element"),
        ('(0018,"ACME",10)', "private groups are odd"),
        ("(0010,0000)", "no element of a data set"),
        ("(0002,0010)", "no element of a data set"),
        ("(FFFE,E000)", "no element of a data set"),
    ],
)
def test_what_names_nothing_is_refused_with_the_reason(words, why):
    with pytest.raises(ValueError, match=why.replace("(", r"\(").replace("?", r"\?")):
        path.read(words)


def test_what_is_no_text_is_no_path():
    with pytest.raises(ValueError):
        path.read(5)


def test_a_private_element_is_found_in_the_block_of_its_creator():
    step = path.read('(0019,"ACME",10)').steps[0]
    values = {0x00190010: b"OTHER ", 0x00190011: b"ACME", 0x00191110: b"x"}
    assert path.find(step, values) == 0x00191110
    assert path.find(step, {0x00190010: b"OTHER "}) is None
    assert {0x00190010, 0x001900FF, 0x00191010, 0x0019FF10} <= path.needed(step)
