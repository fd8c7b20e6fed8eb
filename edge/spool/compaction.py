"""Keeps the journal bounded: what still lives in the oldest segment is written again at the end, then the segment goes.

The theory. What lives is every object that is in the spool, with its jobs as they are; the index knows them. Between
the moment at which the index is asked and the moment at which the answer is written, other threads go on writing
lines about the same objects, which then stand before the line that describes the state before them. A line "keeping"
is therefore written first: whoever replays applies what stands between it and a "kept" line once more behind that
line. Every line sets a state, so that applying it twice is harmless. Where the object is known already, a "kept" line
says nothing new.
"""

from _thread import allocate_lock

from edge.spool import errors

LIVE_LINE_BYTES = 700  # what an object with its outcome takes in the journal, about
_AT_ONCE = 100


class Compaction:
    """Retires segments of the journal, one at a time, when there are more than the living records are worth."""

    def __init__(self, journal, index, health, keep_bytes, now):
        self._journal = journal
        self._index = index
        self._health = health
        self._keep_bytes = keep_bytes
        self._now = now
        self._lock = allocate_lock()
        self._looked_at = 0

    def due(self):
        """Say whether the journal is longer than it should be: twice what lives, and what is kept to be read."""
        objects, _ = self._index.total()
        return self._journal.octets > self._keep_bytes + 2 * LIVE_LINE_BYTES * objects

    def keep_up(self):
        """Retire a segment if one is due, looking only when another was begun; never raises for the disk's sake."""
        if self._journal.last != self._looked_at and self._lock.acquire(blocking=False):
            try:
                self._looked_at = self._journal.last
                if self.due():
                    self._retire(self._journal.oldest)
            except (errors.LocalError, errors.LimitError, OSError) as error:
                self._health.report("journal", "the oldest segment of the journal could not be retired: %s" % error)
            finally:
                self._lock.release()

    def everything(self, upto, aside):
        """Write all that lives again, and move the segments up to `upto` out of the way to the path `aside`."""
        with self._lock:
            self._carry_all()
            self._finish(upto, aside)

    def _retire(self, number):
        living, damages = {}, []
        for line in self._journal.lines_of(number, damages):
            if line.kind in ("object", "kept"):
                living[line.record["id"]] = None
        if damages:
            self._health.report("journal", damages[0] + "; the index knew what stood there, nothing is lost")
            self._carry_all()
        else:
            self._carry(list(living))
        self._finish(number)

    def _carry_all(self):
        after = 0
        while True:
            page = [stored.id for stored in self._index.objects(after, _AT_ONCE)]
            if not page:
                break
            self._carry(page)
            after = page[-1]

    def _carry(self, numbers):
        for start in range(0, len(numbers), _AT_ONCE):
            self._journal.append("keeping", {"at": self._now()}, durable=False)
            for record in self._index.records(numbers[start : start + _AT_ONCE]):
                self._journal.append("kept", record, durable=False)
            self._journal.append("keeping", {"at": self._now(), "done": True}, durable=False)

    def _finish(self, upto, aside=None):
        self._journal.sync()
        self._index.drain()
        self._index.checkpoint()
        self._journal.retire(upto, aside)
