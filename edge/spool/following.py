"""How the index follows the journal: what was written is applied before anybody asks, what is damaged is made anew.

SQLite in WAL mode with synchronous=NORMAL: it never syncs on the way of a byte. Opening replays what the journal has
behind the place that the index has come to. The index never knows what the journal could still forget: before lines
that are not durable are applied, the journal is synced.

Lines wait in `_pending` until somebody asks, or until there are enough of them: one transaction for sixty rows costs a
tenth of sixty transactions. Whoever asks has them applied first, so nobody can see that they waited.

A database that turns out to be damaged is made anew from the journal while those who asked wait, and one that has no
room on the disk is made anew in memory until there is some again.
"""

import sqlite3
from collections import deque
from threading import RLock

from edge.spool import errors
from edge.spool.checksum import crc32
from edge.spool.ledger import Ledger

BATCH = 64
AT_ONCE = 8 * BATCH
_MARKS = 1 << 19
_MARKED_AT_ONCE = 500


class Following:
    """The database of an index, as far as the journal has come; what it is asked is in index.Index.

    `lock` may be held around several questions that have to fit together.
    """

    def __init__(self, disk, path, health):
        self._disk = disk
        self._path = path
        self._health = health
        self._pending = deque()
        self._pending_uids = set()
        self._accepted_octets = self._applied_octets = 0  # each written by one party only, see kept
        self._marks = bytearray(_MARKS)  # see _may_have
        self._unmarked = ""  # the UID behind which objects are not marked yet; None when all are
        self.journal = None  # what is followed; given as soon as it is open
        self.lock = RLock()
        try:
            self._ledger = Ledger(disk, path)
        except (OSError, sqlite3.Error) as error:
            if not errors.is_full(error):
                raise errors.from_sqlite(error)
            self._ledger = Ledger(disk, None)
            self._report_memory()

    # Opening, closing, rebuilding

    def pass_by(self):
        """Return once nobody else is at it: who asks whether the spool moves, passes by here."""
        with self.lock:
            pass

    @property
    def place(self):
        """(segment, offset) up to which the journal was applied; (0, 0) in an empty index."""
        return self._ledger.place

    @property
    def spool(self):
        """The identity of the spool that the index is of; "" in an empty one."""
        return self._ledger.spool

    @property
    def next_id(self):
        """The number that the next object gets: higher than any that the applied lines name."""
        return self._ledger.next_id

    def clear(self, spool):
        """Begin an empty index, for the journal of the spool with this identity."""
        with self.lock:
            try:
                self._ledger.clear(spool)
            except (OSError, sqlite3.Error) as error:
                raise errors.from_sqlite(error)

    def replay(self, lines):
        """Apply lines read from the journal that is being opened."""
        with self.lock:
            self._guarded(Ledger.replay, lines)

    def rebuild(self):
        """Make the index anew from the journal, while everybody waits."""
        with self.lock:
            self.journal.sync()
            self._ledger.clear(self._ledger.spool)
            self._read_journal(self._ledger)

    def _read_journal(self, ledger):
        damages = []
        ledger.replay(
            line
            for number in range(self.journal.oldest, self.journal.last + 1)
            for line in self.journal.lines_of(number, damages)
        )
        for words in damages:
            self._health.report("journal", words)

    def _report_memory(self):
        room = -(-self._ledger.room_bytes() // 1000000)
        words = "the index is kept in memory, as there is no room for it on the disk: have %d MB free" % room
        self._health.report("index", words)

    def _go_to_memory(self):
        """Make the index anew in memory: the disk is full, and what is in the spool has to leave it all the same."""
        self.journal.sync()
        ledger = Ledger(self._disk, None)
        ledger.clear(self._ledger.spool)
        self._read_journal(ledger)
        self._ledger.close()
        self._ledger = ledger
        self._report_memory()

    def go_home(self, free_bytes):
        """Put an index that had to go to memory back on the disk, if that has room for it; say whether it is there."""
        with self.lock:
            if self._ledger.path is None:
                if free_bytes < self._ledger.room_bytes():
                    self._report_memory()
                    return False
                try:
                    self.journal.sync()
                    ledger = Ledger(self._disk, self._path)
                    ledger.clear(self._ledger.spool)
                    self._read_journal(ledger)
                except (OSError, sqlite3.Error):
                    return False
                self._ledger.close()
                self._ledger = ledger
                self._health.clear("index")
            return True

    def checkpoint(self):
        """Make durable what was applied: nothing of the journal that is older is needed any more."""
        with self.lock:
            self.drain()
            self._guarded(Ledger.checkpoint)

    def close(self):
        """Close the database as it is; what is pending is in the journal."""
        with self.lock:
            self._ledger.close()

    # Following the journal

    def accept(self, lines):
        """Take over lines that the journal has written, in its order; they are applied when somebody asks."""
        for line in lines:
            if line.kind == "object":
                self._pending_uids.add(line.record["uid"])
                self._accepted_octets += line.record["size"]
                self._mark(line.record["uid"])
        self._pending.extend(lines)

    def _mark(self, uid):
        self._marks[crc32(uid.encode()) & _MARKS - 1] = 1

    def _may_have(self, uid):
        """Say whether there may be an object with this UID: nearly always False for one that is new.

        One octet for each of half a million hashes, in place of a question to the database for each new object. Those
        that are there when the spool is opened are marked a page with each question: nobody waits for all of them.
        """
        if self._unmarked is not None:
            sql = "SELECT uid FROM objects INDEXED BY objects_uid WHERE uid > ? ORDER BY uid LIMIT ?"
            page = self._guarded(answer, sql, (self._unmarked, _MARKED_AT_ONCE))
            for (known,) in page:
                self._mark(known)
            self._unmarked = page[-1][0] if page else None
            return True
        return self._marks[crc32(uid.encode()) & _MARKS - 1]

    @property
    def pending(self):
        """How many lines have not been applied yet."""
        return len(self._pending)

    def keep_up(self):
        """Apply what is pending when it has become enough; never raises, the journal has it anyway."""
        if len(self._pending) >= BATCH:
            try:
                self.drain()
            except (errors.LocalError, errors.LimitError) as error:
                self._health.report("index", str(error))

    def drain(self):
        """Apply every line that was accepted; Degraded or NoSpace when the journal or the index cannot be written."""
        if not self._pending:
            return
        with self.lock:
            pending = self._pending
            while pending:
                batch = [pending[at] for at in range(min(len(pending), AT_ONCE))]
                if max(line.sequence for line in batch) > self.journal.synced_sequence:
                    self.journal.sync()
                self._guarded(Ledger.apply, batch)
                for line in batch:
                    pending.popleft()
                    if line.kind == "object":
                        self._pending_uids.discard(line.record["uid"])
                        self._applied_octets += line.record["size"]
            if self._ledger.path is not None:
                self._health.clear("index")

    def _guarded(self, action, *arguments):
        """Do something with the database, `action(ledger, ...)`; make it anew when it turns out to be damaged.

        When the disk is full it is made anew in memory. Degraded or NoSpace, in words, when neither can be done.
        """
        try:
            try:
                return action(self._ledger, *arguments)
            except sqlite3.DatabaseError as error:
                if self.journal is None:
                    raise
                if errors.is_full(error) and self._ledger.path is not None:
                    self._go_to_memory()
                elif type(error) is sqlite3.DatabaseError:
                    self._health.report("index", "the index was damaged (%s), and was made anew" % error)
                    self.rebuild()
                else:
                    raise
                return action(self._ledger, *arguments)
        except (OSError, sqlite3.Error) as error:
            raise errors.from_sqlite(error)

    def _ask(self, sql, arguments=()):
        """Return all rows that answer a question, with everything applied that was accepted."""
        with self.lock:
            self.drain()
            return self._guarded(answer, sql, arguments)

    look = _ask  # for files beside this one; about a page, too, so that nobody has to wait


def answer(ledger, sql, arguments):
    """Return all rows that answer a question."""
    return ledger.execute(sql, arguments).fetchall()
