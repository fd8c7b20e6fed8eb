"""Which failures of the way to a destination the log tells of: each new cause of an outage once, and one a day."""

import time

_REMIND_S = 86400.0  # from one line about an outage to the next, when nothing is new
_CAUSES = 8  # of one outage that are told, each when it is met first


class News:
    """What the log has of the present outage; now: a clock that never steps, in s."""

    def __init__(self, now=time.monotonic):
        self._now = now
        self._told = set()
        self._told_at = 0.0

    def is_news(self, why, is_first):
        """Say whether the log has to tell of a failure with this cause; is_first: whether an outage begins with it."""
        if is_first:
            self._told.clear()
        is_new = why not in self._told and len(self._told) < _CAUSES
        if not is_new and self._now() - self._told_at < _REMIND_S:
            return False
        self._told.add(why)
        self._told_at = self._now()
        return True
