"""How far an export is, and how long it may take."""

import time
from collections import namedtuple

# stage: words, such as "reading the objects"; done, total: of what the stage counts; left_s: of the stage, or None
Progress = namedtuple("Progress", "stage done total left_s")

BURNING = "burning and comparing"  # the stage in which a disc is spoilt when it is broken off
_SURE_S = 1.0  # of a stage, before its speed says anything


class Pace:
    """Makes the Progress of one stage after another, with the time that each of them may still take."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._stage = None
        self._began = 0.0

    def at(self, stage, done, total):
        """Return the Progress of a stage that has come so far."""
        now = self._clock()
        if stage != self._stage:
            self._stage, self._began = stage, now
        took = now - self._began
        left = took * (total - done) / done if done and took >= _SURE_S else None
        return Progress(stage, done, total, left)
