"""Keeps the journal bounded: what still lives in the oldest segment is written again at the end, then the segment goes.

The theory. What lives is every object that is in the spool, with its jobs as they are; the index knows them. A line
"kept" says all of it as it is at the very place where the line stands: it is made while nobody else can write a line
(`Journal.compose`), a page of objects at a time, from an index that has applied all lines before. Whoever replays the
journal takes from it what no earlier line has told.

A study goes in the place of its first object, even when that one is gone: a line "study" keeps its number then. A
transaction of storage commitment lives until it is forgotten (see pledges): a line "transaction" says what is left.
"""

from _thread import allocate_lock

from edge.spool import errors, pledges
from edge.spool.tables import TRANSACTIONS

LIVE_LINE_BYTES = 700  # what an object with its outcome takes in the journal, about
_AT_ONCE = 50


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
                oldest = self._journal.oldest
                # Never the last one: lines that come into it after it was read would go with it
                if oldest < self._looked_at and self.due():
                    self._retire(oldest)
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
        numbers, transactions, damages = {}, {}, []
        for line in self._journal.lines_of(number, damages):
            if line.kind in ("object", "kept", "study"):
                numbers[line.record["id"]] = None
            elif line.kind in ("asked", "transaction"):
                transactions[line.record["transaction"]] = None
        if damages:
            self._health.report("journal", damages[0] + "; the index knew what stood there, nothing is lost")
            self._carry_all()
        else:
            self._carry(list(numbers))
            self._carry_transactions(list(transactions))
        self._finish(number)

    def _carry_all(self):
        after = 0
        while True:
            page = [stored.id for stored in self._index.objects(after, _AT_ONCE)]
            if not page:
                break
            self._carry(page)
            after = page[-1]
        self._carry_transactions([row[0] for row in self._index.look(TRANSACTIONS)])

    def _carry(self, numbers):
        for start in range(0, len(numbers), _AT_ONCE):
            page = numbers[start : start + _AT_ONCE]
            with self._index.lock:  # before the journal's lead, never behind it
                self._journal.compose(lambda page=page: self._living(page))

    def _carry_transactions(self, uids):
        for start in range(0, len(uids), _AT_ONCE):
            page = uids[start : start + _AT_ONCE]
            with self._index.lock:
                self._journal.compose(
                    lambda page=page: [("transaction", record) for record in pledges.records(self._index.look, page)]
                )

    def _living(self, numbers):
        """Return the lines that say what there is of these objects, and of the studies that they began."""
        found = [("kept", record) for record in self._index.records(numbers)]
        return found + [("study", record) for record in self._index.studies_of_removed(numbers)]

    def _finish(self, upto, aside=None):
        self._journal.sync()
        self._index.drain()
        self._index.checkpoint()
        self._journal.retire(upto, aside)
