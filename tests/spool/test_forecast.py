"""When the box will be full: what is said of steady days, quiet nights, bursts and clocks that are set."""

import pytest

from edge.spool.forecast import DAY_S, HOUR_S, STEP_S, Forecast

LOOK_S = 10
GB = 10**9


def watched(*stretches, forecast=None, now=0.0, octets=0.0):
    """Return (a Forecast that saw `stretches`, pairs of hours and octets an hour; the time; the octets) after them."""
    forecast = forecast or Forecast()
    forecast.note(now, octets)
    for hours, octets_per_hour in stretches:
        for _ in range(round(hours * HOUR_S / LOOK_S)):
            now += LOOK_S
            octets += octets_per_hour * LOOK_S / HOUR_S
            forecast.note(now, octets)
    return forecast, now, octets


def hours(forecast, room):
    seconds = forecast.full_in_s(room)
    return None if seconds is None else seconds / HOUR_S


@pytest.mark.parametrize("seen_h", [0.25, 1, 5, 24, 100])
def test_a_steady_rate_fills_the_room_when_arithmetic_says(seen_h):
    forecast, _, _ = watched((seen_h, 2 * GB))
    assert hours(forecast, 62 * GB) == pytest.approx(31, rel=0.02)


def test_nothing_is_foretold_before_enough_was_seen():
    forecast, _, _ = watched((0.1, 100 * GB))
    assert forecast.full_in_s(GB) is None
    assert Forecast().full_in_s(GB) is None


def test_nothing_is_foretold_while_nothing_comes_or_what_comes_leaves():
    assert watched((30, 0))[0].full_in_s(GB) is None
    assert watched((30, -GB))[0].full_in_s(GB) is None
    assert watched((30, GB), (25, 0))[0].full_in_s(GB) is None


def test_a_quiet_hour_does_not_hide_what_the_day_brings():
    forecast, _, _ = watched((23, 2 * GB), (1, 0))
    assert hours(forecast, 46 * GB) == pytest.approx(25, rel=0.03)


def test_a_burst_counts_for_an_hour_and_then_as_the_day_does():
    forecast, _, _ = watched((23, 0), (1, 24 * GB))
    assert hours(forecast, 12 * GB) == pytest.approx(0.5, rel=0.03)
    assert hours(forecast, 34 * GB) == pytest.approx(1 + 10, rel=0.15)


def test_what_happened_before_the_last_day_is_forgotten():
    forecast, _, _ = watched((24, 50 * GB), (24.2, GB))
    assert hours(forecast, 10 * GB) == pytest.approx(10, rel=0.05)


def test_no_room_left_is_full_now():
    forecast, _, _ = watched((2, GB))
    assert forecast.full_in_s(0) == 0
    assert forecast.full_in_s(-GB) == 0


def test_years_ahead_are_not_foretold():
    assert watched((24, GB))[0].full_in_s(24 * 400 * GB) is None


@pytest.mark.parametrize("step_s", [-86400, 56 * 365 * 86400])
def test_a_clock_that_was_set_begins_a_new_history(step_s):
    forecast, now, octets = watched((5, 2 * GB))
    forecast, _, _ = watched((0.1, 0), forecast=forecast, now=now + step_s, octets=octets)
    assert forecast.full_in_s(GB) is None
    forecast, _, _ = watched((1, 3 * GB), forecast=forecast, now=now + step_s + 360, octets=octets)
    assert hours(forecast, 30 * GB) == pytest.approx(10, rel=0.15)


def test_memory_does_not_grow_with_the_days():
    forecast, _, _ = watched((200, GB))
    assert len(forecast._notes) <= DAY_S // STEP_S + 1
