"""The last lines of the log, kept in memory beside wherever the log goes, for a person to look through."""

import logging
import time
from collections import deque, namedtuple

RING_BYTES = 256 << 10
LEVELS = ("debug", "info", "warning", "error")

# id: a number that grows, also over a restart; at: s since 1970; level: one of LEVELS; room: of the house; words: text
Entry = namedtuple("Entry", ("id", "at", "level", "room", "words"))

_OVERHEAD_BYTES = 200  # of an entry, beside its words
_WORDS = 8192


class Ring(logging.Handler):
    """A handler that keeps what it is given, within `limit_bytes`; the oldest goes first. For any number of threads."""

    def __init__(self, limit_bytes=RING_BYTES, now=time.time):
        super().__init__()
        self._limit_bytes = limit_bytes
        self._entries = deque()
        self._bytes = 0
        self._last = int(now()) << 20  # so that whoever follows goes on with a box that was started anew

    def emit(self, record):
        """Keep a record; never raises."""
        try:
            words = record.getMessage()
            if record.exc_info:
                words += "\n" + logging.Formatter().formatException(record.exc_info)
        except Exception:
            self.handleError(record)
            return
        room = record.name.split(".")[1] if record.name.startswith("edge.") else record.name
        self._last += 1
        self._entries.append(Entry(self._last, record.created, _level(record.levelno), room, words[:_WORDS]))
        self._bytes += _OVERHEAD_BYTES + len(words[:_WORDS])
        while self._bytes > self._limit_bytes:
            self._bytes -= _OVERHEAD_BYTES + len(self._entries.popleft().words)

    def entries(self, after=None, limit=None, level=None, text=None):
        """Return the latest Entries, the oldest of them first.

        after: only those with a higher id; limit: at most so many; level: this one and all that is graver; text: only
        those that have it, in whatever letters.
        """
        self.acquire()
        try:
            found = list(self._entries)
        finally:
            self.release()
        least = LEVELS.index(level) if level else 0
        wanted = (text or "").lower()
        found = [
            each
            for each in found
            if (after is None or each.id > after)
            and LEVELS.index(each.level) >= least
            and (not wanted or wanted in each.words.lower() or wanted in each.room.lower())
        ]
        return found if limit is None else found[-limit:] if limit > 0 else []


def _level(number):
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"
