"""When to try again: capped, jittered, and apart for objects and links."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.spool import retry
from edge.spool.retry import LINK_UP, Schedule, delay_s, is_spent, link_failed, link_wait_s

PLAIN = Schedule(first_s=10.0, factor=2.0, cap_s=100.0, jitter=0.0, tries=3)


def test_a_delay_doubles_up_to_its_cap():
    assert [delay_s(PLAIN, failures, 0.0) for failures in range(7)] == [0, 10, 20, 40, 80, 100, 100]


def test_jitter_takes_its_part_off_a_delay():
    half = PLAIN._replace(jitter=0.5)
    assert [delay_s(half, 2, roll) for roll in (0.0, 0.5, 1.0)] == [20, 15, 10]


@given(
    st.floats(0.001, 1e4), st.floats(1.0, 1e6), st.floats(0.001, 1e6), st.floats(0, 1), st.integers(1, 10**6),
    st.floats(0, 1, exclude_max=True),
)  # fmt: skip
def test_no_delay_is_longer_than_the_cap_or_negative(first_s, factor, cap_s, jitter, failures, roll):
    assert 0 <= delay_s(Schedule(first_s, factor, cap_s, jitter, 0), failures, roll) <= cap_s


def test_tries_are_spent_one_by_one_and_never_when_there_are_no_limits():
    assert [is_spent(PLAIN, tries) for tries in range(5)] == [False, False, False, True, True]
    assert not is_spent(PLAIN._replace(tries=0), 10**9)


def test_a_link_backs_off_further_with_each_failure_and_remembers_since_when():
    link = LINK_UP
    waits = []
    for now in (1000, 1010, 1030):
        link = link_failed(link, now, 0.0, "refused", PLAIN)
        waits.append(link_wait_s(link, now, PLAIN))
    assert waits == [10, 20, 40]
    assert (link.failures, link.since, link.why) == (3, 1000, "refused")


def test_a_link_may_be_used_when_its_wait_is_over():
    link = link_failed(LINK_UP, 1000, 0.0, "refused", PLAIN)
    assert link_wait_s(link, 1009.5, PLAIN) == 0.5
    assert link_wait_s(link, 1010, PLAIN) == 0


def test_a_clock_that_was_set_back_makes_no_link_wait_for_years():
    link = link_failed(LINK_UP, 2_000_000_000, 0.0, "refused", PLAIN)
    assert link_wait_s(link, 0, PLAIN) == 0


@pytest.mark.parametrize("schedule", [retry.OBJECT, retry.LINK])
def test_a_thousand_boxes_do_not_come_back_in_the_same_second(schedule):
    waits = sorted(delay_s(schedule, 10, number / 1000) for number in range(1000))
    assert waits[-1] - waits[0] > schedule.cap_s / 4
    assert max(b - a for a, b in zip(waits, waits[1:])) < 1 + schedule.cap_s / 500
