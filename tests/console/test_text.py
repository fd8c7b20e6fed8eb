"""Sizes, times and tables as a person reads them."""

import pytest

from edge.console import text


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (40_000, "40 KB"),
        (999_900, "1.0 MB"),
        (1_070_000_000, "1.1 GB"),
        (9_960_000_000, "10 GB"),
        (2 * 10**15, "2000 TB"),
    ],
)
def test_a_size_has_one_to_three_digits(octets, words):
    assert text.size(octets) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (7200, "2 h"), (86400, "1 day"), (200000, "2 days")],
)
def test_a_span_is_told_in_its_largest_unit(seconds, words):
    assert text.span(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 minute"), (1500, "25 minutes"), (3700, "62 minutes"), (7000, "2 hours"), (31.4 * 3600, "31 hours"),
        (49 * 3600, "2 days"), (60 * 86400, "60 days"),
    ],
)  # fmt: skip
def test_a_rough_time_is_rounded_as_a_person_would(seconds, words):
    assert text.about(seconds) == words


def test_times_are_told_from_now():
    assert text.ago(100, 280) == "3 min ago"
    assert text.ago(100, 100.5) == "now"
    assert text.ago(100, 40) == "now"  # a clock that was put back
    assert text.ahead(280, 100) == "in 3 min"
    assert text.ahead(0, 100) == "now"


def test_a_number_agrees_with_its_noun():
    assert [text.count(number, "object") for number in (0, 1, 2)] == ["0 objects", "1 object", "2 objects"]
    assert text.count(2, "study", "studies") == "2 studies"


def test_a_list_of_words_ends_with_and():
    listings = [text.listing(words) for words in ("", "a", "ab", "abc")]
    assert listings == ["", "a", "a and b", "a, b and c"]
    assert text.listing(("a", "b"), "or") == "a or b"


def test_columns_are_as_wide_as_their_widest_cell_and_the_last_is_free():
    assert text.table(("id", "name"), [("1", "x"), ("1000", "")]) == ["id    name", "1     x", "1000"]
    assert text.table(("id", "name"), []) == ["id  name"]


def test_a_word_too_long_for_its_column_loses_its_middle():
    assert text.shortened("1.2.3", 9) == "1.2.3"
    assert text.shortened("0123456789", 9) == "012...789"
