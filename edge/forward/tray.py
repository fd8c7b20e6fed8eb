"""What was claimed for one destination and nobody has begun yet, for all its associations to take from, in order.

Each takes one object at a time, so that none is idle while another has a pile before it, studies stay together, and an
urgent object that comes in is the next that anybody takes: what was claimed before it is claimed anew behind it.
"""

from threading import Lock

BATCH = 128


class Tray:
    """What waits for the destination called `name`; jobs: spool.jobs.Jobs; schedule: that of its objects.

    may: function, whether anything may be begun now; is_last: function of a Job, whether it goes behind others; now:
    function, the time in s.
    """

    def __init__(self, jobs, name, schedule, may, is_last, now):
        self._jobs = jobs
        self._name = name
        self._schedule = schedule
        self._may = may
        self._is_last = is_last
        self._now = now
        self._lock = Lock()
        self._waiting = []  # the next one stands at the end

    def _fill(self):
        """Claim when there is nothing left, or when what came in has to go before what there is."""
        if self._waiting and self._jobs.foremost(self._name) < self._waiting[-1].priority:
            self._give_back()
        if not self._waiting:
            claimed = self._jobs.claim(self._name, self._now(), BATCH, self._schedule)
            self._waiting = sorted(claimed, key=self._is_last)
            self._waiting.reverse()

    def is_empty(self):
        """Say whether there is nothing to begin now; claims what there is."""
        if not self._may():
            return True
        with self._lock:
            self._fill()
            return not self._waiting

    def take(self, allowed=None):
        """Return the next Job, or None when there is none or its number is not among those `allowed`."""
        if not self._may():
            return None
        with self._lock:
            self._fill()
            if not self._waiting or (allowed is not None and self._waiting[-1].object_id not in allowed):
                return None
            return self._waiting.pop()

    def upcoming(self):
        """Return the Jobs that are claimed and not taken, in order."""
        with self._lock:
            return self._waiting[::-1]

    def __len__(self):
        return len(self._waiting)

    def clear(self):
        """Let everything wait again as if it had not been claimed."""
        with self._lock:
            self._give_back()

    def _give_back(self):
        self._jobs.give_back(self._waiting, self._now())
        self._waiting = []
