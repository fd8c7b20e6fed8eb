"""When a destination may be sent to: the times of the day and the days of the week, by the box's clock and zone.

Whether it is open now is asked again and again, of the clock as it is now: what a clock that was set, or summer time,
makes of a time worked out before is never relied on.
"""

import time

from edge.morph.match import WEEKDAYS

_WEEK_DAYS = 8  # that are looked through for the next opening: today, and today a week later


class Window:
    """hours: pairs of (first, last) minute of the day, one that ends before it begins crosses midnight, none for the
    whole day; weekdays: tuples of numbers, 0 for Monday, none for all. Hours and day are asked of the same moment.
    """

    def __init__(self, hours=(), weekdays=()):
        self._hours = tuple(hours)
        self._weekdays = frozenset([day for days in weekdays for day in days])

    def is_always(self):
        """Say whether it never shuts."""
        return not self._hours and not self._weekdays

    def is_open(self, now):
        """Say whether it is open at `now` (s since 1970)."""
        return self._is_open(time.localtime(now))

    def _is_open(self, when):
        if self._weekdays and when.tm_wday not in self._weekdays:
            return False
        minute = when.tm_hour * 60 + when.tm_min
        return not self._hours or any(
            [
                first <= minute < last if first < last else minute >= first or minute < last
                for first, last in self._hours
            ]
        )

    def opens_at(self, now):
        """Return when it opens next (s since 1970): `now` when it is open, None when it is not open within a week."""
        if self.is_open(now):
            return now
        today = time.localtime(now)
        minutes = sorted({0, *[first for first, _ in self._hours]})
        for day in range(_WEEK_DAYS):
            for minute in minutes:
                at = time.mktime((today.tm_year, today.tm_mon, today.tm_mday + day, 0, minute, 0, 0, 0, -1))
                if at > now and self.is_open(at):
                    return at
        return None


def words(now, opens_at):
    """Say a time of opening: "18:00" when that is within a day, otherwise "mon 18:00"."""
    when = time.localtime(opens_at)
    clock = "%02d:%02d" % (when.tm_hour, when.tm_min)
    return clock if opens_at - now < 86400 else "%s %s" % (WEEKDAYS[when.tm_wday], clock)
