"""A window is judged by the clock as it is, through midnight, week ends and summer time."""

import calendar
import os
import time

import pytest

from edge.box import values
from edge.forward.window import Window, words

NIGHT = [values.HOURS.read("18:00-07:30")]
WORK = [values.WEEKDAYS.read("mon-fri")]


@pytest.fixture(autouse=True)
def berlin():
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def at(words_):
    return time.mktime(time.strptime(words_, "%Y-%m-%d %H:%M"))


def next_opening(window, now):
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(window.opens_at(at(now))))


def test_without_hours_and_days_it_is_always_open():
    assert Window().is_open(0) and Window().opens_at(17.5) == 17.5


@pytest.mark.parametrize(
    "now, is_open", [("2026-11-23 17:59", False), ("2026-11-23 18:00", True), ("2026-11-24 07:29", True),
                     ("2026-11-24 07:30", False), ("2026-11-24 00:00", True)],
)  # fmt: skip
def test_hours_may_cross_midnight(now, is_open):
    assert Window(NIGHT).is_open(at(now)) == is_open


def test_hours_and_day_are_asked_of_the_same_moment():
    window = Window(NIGHT, WORK)
    assert window.is_open(at("2026-11-27 23:59"))  # a Friday
    assert not window.is_open(at("2026-11-28 00:01"))


@pytest.mark.parametrize(
    "hours, days, now, opens",
    [
        (NIGHT, (), "2026-11-23 12:00", "2026-11-23 18:00"),
        (NIGHT, WORK, "2026-11-28 12:00", "2026-11-30 00:00"),
        ((), [(5, 6)], "2026-11-23 12:00", "2026-11-28 00:00"),
        ([(600, 660)], [(0,)], "2026-11-23 11:30", "2026-11-30 10:00"),
        ([(600, 660), (840, 900)], (), "2026-11-23 11:30", "2026-11-23 14:00"),
    ],
)
def test_the_next_opening_is_told(hours, days, now, opens):
    assert next_opening(Window(hours, days), now) == opens


def test_a_window_within_the_hour_that_summer_time_skips_opens_the_next_day():
    window = Window([(135, 165)])  # 02:15 to 02:45, which 2026-03-29 does not have
    assert next_opening(window, "2026-03-29 01:50") == "2026-03-30 02:15"


def test_a_window_at_the_end_of_summer_time_opens_by_the_clock_on_the_wall():
    window = Window([(180, 240)])
    now = calendar.timegm((2026, 10, 25, 0, 30, 0))  # 02:30, for the first time; an hour later it is 02:30 again
    assert not window.is_open(now) and not window.is_open(now + 3600)
    assert window.opens_at(now) == now + 5400


def test_an_opening_within_a_day_is_told_by_its_time_alone():
    now = at("2026-11-23 12:00")
    assert words(now, at("2026-11-23 18:00")) == "18:00"
    assert words(now, at("2026-11-28 00:00")) == "sat 00:00"
