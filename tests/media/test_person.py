"""Whose objects are: one person where nothing contradicts it, two where something does."""

import pytest

from edge.media.person import People, Person


def numbers(*people):
    known = People()
    return [known.number(each) for each in people]


@pytest.mark.parametrize(
    "first, second",
    [
        (Person("1", "Doe^Jane", "19700101", "F"), Person("1", "Doe^Jane", "", "F")),
        (Person("1", "Doe^Jane", "", "F"), Person("1", "Doe^Jane", "19700101", "F")),
        (Person("1", "Doe^Jane", "19700101", ""), Person("1", "DOE^JANE^^", "1970.01.01", "F")),
        (Person("1", "Doe^Jane", "19700101", ""), Person("1", "Doe^Jane", "", "F")),
    ],
)
def test_a_birth_date_or_sex_that_one_study_lacks_makes_no_second_person(first, second):
    assert numbers(first, second) == [0, 0]


@pytest.mark.parametrize(
    "first, second",
    [
        (Person("1", "Doe^Jane", "19700101", "F"), Person("1", "Doe^Jane", "19800101", "F")),
        (Person("1", "Doe^Jane", "19700101", "F"), Person("1", "Doe^Jane", "19700101", "M")),
        (Person("1", "Doe^Jane", "19700101", "F"), Person("1", "Roe^Jane", "19700101", "F")),
        (Person("1", "Doe^Jane", "19700101", "F"), Person("2", "Doe^Jane", "19700101", "F")),
        (Person("", "Doe^Jane", "19700101", "F"), Person("", "Doe^Jane", "", "F")),
    ],
)
def test_a_contradiction_makes_two(first, second):
    assert numbers(first, second) == [0, 1]


def test_what_the_second_study_adds_is_held_against_the_third():
    bare, born, other = [Person("1", "Doe^Jane", each) for each in ("", "19700101", "19800101")]
    assert numbers(bare, born, other, born) == [0, 0, 1, 0]
