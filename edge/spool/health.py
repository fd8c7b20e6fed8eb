"""What is wrong at the moment, in words for a person; nothing here waits, writes or decides."""

from _thread import allocate_lock
from collections import namedtuple

# key: what it is about ("sync", "space", "index", ...); since: when it was first seen; words: cause and next step
Trouble = namedtuple("Trouble", ("key", "since", "words"))


class Health:
    """The spool's present troubles, each under a key until it is over or a person has taken note of it."""

    def __init__(self, now):
        self._now = now
        self._lock = allocate_lock()
        self._troubles = {}

    def report(self, key, words):
        """Put down a trouble; the time it was first seen stays while it lasts."""
        with self._lock:
            known = self._troubles.get(key)
            self._troubles[key] = Trouble(key, self._now() if known is None else known.since, words)

    def clear(self, key):
        """Strike out a trouble that is over, or that a person has taken note of."""
        if key in self._troubles:
            with self._lock:
                self._troubles.pop(key, None)

    def troubles(self):
        """Return every present Trouble, the oldest first."""
        with self._lock:
            return sorted(self._troubles.values(), key=lambda trouble: trouble.since)

    @property
    def degraded(self):
        """Whether anything is wrong."""
        return bool(self._troubles)
