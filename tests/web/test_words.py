"""Figures as a person reads them."""

import pytest

from edge.web import words


@pytest.mark.parametrize(
    "number, said",
    [(999, "999 B"), (1000, "1.0 kB"), (1_400_000_000, "1.4 GB"), (250_000_000, "250 MB"), (None, "unknown")],
)
def test_octets_have_a_unit(number, said):
    assert words.octets(number).replace("\u00a0", " ") == said


@pytest.mark.parametrize(
    "seconds, said",
    [(5, "5 s"), (61, "1 min"), (11520, "3 h 12 min"), (7200, "2 h"), (90000, "1 d 1 h"), (86400 * 100, "100 days")],
)
def test_a_duration_is_said_in_its_largest_units(seconds, said):
    assert words.span(seconds) == said


@pytest.mark.parametrize(
    "at, said", [(1000, "just now"), (700, "5 min ago"), (1300, "in 5 min"), (1010, "in a moment")]
)
def test_a_time_is_said_as_how_long_ago_it_was(at, said):
    assert f">{said}</time>" in words.when(at, 1000)


def test_no_time_at_all_is_never():
    assert words.when(None) == "never"
