"""When to try again: pure functions of what happened, the time and a random number; no clock, no state, no dice.

An object's own failure (the destination answered, and refused this object for now) and a failing link (nobody answered)
are kept apart: the first spends one of the object's tries and defers this object alone, the second spends nothing and
makes the whole destination wait. A delay is drawn from the upper part of an exponential curve with a cap, so that a
thousand boxes that lost the same archive do not come back in the same second.
"""

from collections import namedtuple

# first_s: the first delay; factor: how much longer each next one is; cap_s: no delay is longer; jitter: the part of a
# delay (0 to 1) that is drawn by lot; tries: after so many an object is held, 0 for never
Schedule = namedtuple("Schedule", "first_s factor cap_s jitter tries")

OBJECT = Schedule(first_s=30.0, factor=2.0, cap_s=3600.0, jitter=0.5, tries=8)
LINK = Schedule(first_s=5.0, factor=2.0, cap_s=300.0, jitter=0.5, tries=0)

# The state of the way to a destination. failures: in a row; until: no attempt before this time; since: of the first
# failure, of the end of the last ones, or of the first success, 0 without any; why: the last reason, in words;
# lasting: whether it was refused for good, until a person mends something
Link = namedtuple("Link", "failures until since why lasting")

LINK_UP = Link(0, 0.0, 0.0, None, False)


def delay_s(schedule, failures, roll):
    """Return how long to wait after this many failures in a row; `roll` is a random number of at least 0, below 1."""
    if failures < 1:
        return 0.0
    longest = schedule.first_s
    for _ in range(failures - 1):
        if longest >= schedule.cap_s or schedule.factor <= 1.0:
            break
        longest *= schedule.factor
    longest = min(longest, schedule.cap_s)
    return longest * (1.0 - schedule.jitter * roll)


def is_spent(schedule, tries):
    """Say whether an object that failed this often has used up its tries."""
    return 0 < schedule.tries <= tries


def link_failed(link, now, roll, why, schedule=LINK, lasting=False, least_s=0.0):
    """Return the Link after one more failure at the time `now`; one that is `lasting` has the longest wait at once.

    least_s: the least wait, where the cap allows it.
    """
    failures = link.failures + 1
    since = now if link.failures == 0 else link.since
    if lasting:
        schedule = schedule._replace(first_s=schedule.cap_s)
    wait_s = max(delay_s(schedule, failures, roll), min(least_s, schedule.cap_s))
    return Link(failures, now + wait_s, since, why, lasting)


def link_wait_s(link, now, schedule=LINK):
    """Return how long nothing may be tried yet: 0 when the link may be used.

    Never longer than the schedule's cap, whatever became of the clock in the meantime.
    """
    wait = link.until - now
    if wait <= 0 or wait > schedule.cap_s:
        return 0.0
    return wait
