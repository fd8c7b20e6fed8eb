"""Time goes on from where it was saved, never back."""

import pytest

from edge.board import timekeeping
from edge.board.timekeeping import MADE

DAY_S = 86400.0


@pytest.fixture
def path(tmp_path):
    return timekeeping.path_of(str(tmp_path))


class Clock:
    """A clock that can be set, as that of a machine."""

    def __init__(self, at):
        self.at = at

    def set(self, when):
        self.at = when

    def __call__(self):
        return self.at


def started(path, at):
    """The time after a start of a machine whose clock shows `at`."""
    clock = Clock(at)
    timekeeping.set_forward(path, clock, clock.set)
    return clock.at


def test_a_clock_that_begins_anew_goes_on_from_what_was_saved(path):
    timekeeping.save(path, MADE + DAY_S, False)
    assert started(path, 0.0) == MADE + DAY_S


def test_without_anything_saved_it_begins_when_this_version_was_made(path):
    assert started(path, 0.0) == MADE


def test_a_clock_that_shows_more_is_left_alone(path):
    timekeeping.save(path, MADE + DAY_S, False)
    clock = Clock(MADE + 2 * DAY_S)
    assert timekeeping.set_forward(path, clock, clock.set) is None and clock.at == MADE + 2 * DAY_S


def test_time_never_goes_back_over_many_starts_of_a_machine_without_a_clock(path):
    now = 0.0
    for _ in range(5):
        before, now = now, started(path, 0.0)
        assert now >= before
        timekeeping.save(path, now + 3600.0, False)


def test_a_clock_that_is_not_believed_does_not_undo_what_was_saved_and_one_that_is_does(path):
    timekeeping.save(path, MADE + 365 * DAY_S, False)
    assert not timekeeping.save(path, MADE + DAY_S, False)
    assert timekeeping.saved(path) == MADE + 365 * DAY_S
    assert timekeeping.save(path, MADE + DAY_S, True)
    assert timekeeping.saved(path) == MADE + DAY_S


NO_TIMES = (b"", b"tomorrow\n", b"nan\n", b"12\n", b"99999999999999\n", b"\xff\xfe", b"1e400\n")


@pytest.mark.parametrize("octets", NO_TIMES)
def test_a_file_that_says_no_time_says_none(path, octets):
    timekeeping.save(path, MADE + DAY_S, True)
    with open(path, "wb") as file:
        file.write(octets)
    assert timekeeping.saved(path) is None
    assert started(path, 0.0) == MADE


@pytest.mark.parametrize("when", (0.0, MADE - 1, 1e12))
def test_a_time_that_cannot_be_is_not_saved(path, when):
    assert not timekeeping.save(path, when, True)
    assert timekeeping.saved(path) is None


def test_who_may_not_set_the_clock_is_told(path):
    def refuse(when):
        raise PermissionError(1, "not permitted")

    with pytest.raises(PermissionError):
        timekeeping.set_forward(path, lambda: 0.0, refuse)
