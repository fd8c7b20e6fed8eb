"""When there will be no room left, at the rates of late: pure arithmetic on a few hundred numbers.

The theory. What counts is the octets that have to stay: what is kept, less what may be removed as soon as its room is
needed. They are noted every five minutes for a day; so many numbers stay in memory, whatever goes through the box. Two
rates are read off them: that of the last hour and that of the last day, each of as much of it as has been seen. The
hour's rate is expected to go on for another hour, then the day's: a burst fills a disk soon or not at all, and a quiet
hour at noon or a night without patients says little about tomorrow.
"""

from collections import deque

STEP_S = 300
HOUR_S = 3600
DAY_S = 86400
_LEAST_S = 2 * STEP_S  # of history, before anything is said
FARTHEST_S = 365 * DAY_S  # what is farther off than this is nobody's business


class Forecast:
    """Rates of what has to stay, and when they will have filled what is left."""

    def __init__(self):
        self._notes = deque(maxlen=DAY_S // STEP_S + 1)
        self._last = None  # (when, octets) of the latest look

    def note(self, now, octets):
        """Take note that so many octets have to stay at `now` (s); a clock that was set begins a new history."""
        if self._last is not None and not 0 <= now - self._last[0] <= HOUR_S:
            self._notes.clear()
        if not self._notes or now - self._notes[-1][0] >= STEP_S:
            self._notes.append((now, octets))
        self._last = now, octets

    def rate(self, window_s):
        """Return octets per second over the last `window_s` seconds, or as much of them as was seen; None too early."""
        if self._last is None or self._last[0] - self._notes[0][0] < _LEAST_S:
            return None
        now, octets = self._last
        then, before = next(note for note in self._notes if note[0] >= now - window_s - STEP_S / 2)
        return (octets - before) / (now - then) if now > then else None

    def full_in_s(self, room):
        """Return in how many seconds `room` more octets will be filled; None when it does not look as if they would."""
        hour, day = self.rate(HOUR_S), self.rate(DAY_S)
        if hour is None or day is None:
            return None
        if room <= 0:
            return 0.0
        if hour * HOUR_S >= room:
            return room / hour
        if day <= 0:
            return None
        seconds = HOUR_S + (room - hour * HOUR_S) / day
        return seconds if seconds <= FARTHEST_S else None
