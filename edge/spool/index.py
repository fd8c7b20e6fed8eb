"""The index: what the journal says, in a shape that answers questions at once. A cache, and nothing but a cache.

SQLite in WAL mode with synchronous=NORMAL: it never syncs on the way of a byte. Opening replays what the journal has
behind the place that the index has come to. The index never knows what the journal could still forget: before lines
that are not durable are applied, the journal is synced.

Lines wait in `_pending` until somebody asks, or until there are enough of them: one transaction for sixty rows costs a
tenth of sixty transactions. Whoever asks has them applied first, so nobody can see that they waited.

One connection, one lock. Every question is about a page, from the head of some B-tree, so that the lock is held for
well under a millisecond however long the queue is, and there is one page cache of a quarter of a megabyte instead of
one per thread. A database that turns out to be damaged is made anew from the journal while those who asked wait.
"""

import sqlite3
from collections import deque
from threading import RLock

from edge.spool import errors
from edge.spool.checksum import crc32
from edge.spool.ledger import ALL, OF_OBJECTS, Ledger
from edge.spool.tables import CLAIM, DEFERRED, DONE, HELD_ALONE, HOLDS, JOB, LANES, OBJECTS, STATE_NAMES, STATES
from edge.spool.tables import STUDY_FIELDS, Job, JobRow, StoredObject

BATCH = 64
_AT_ONCE = 8 * BATCH
_MARKS = 1 << 19
_MARKED_AT_ONCE = 500


class Index:
    """Answers what is in the spool, for any number of threads; knows what the journal says, and only that.

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
            page = self._guarded(_answer, sql, (self._unmarked, _MARKED_AT_ONCE))
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
                batch = [pending[at] for at in range(min(len(pending), _AT_ONCE))]
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
            return self._guarded(_answer, sql, arguments)

    look = _ask  # for files beside this one; about a page, too, so that nobody has to wait

    # Objects

    def find(self, uid):
        """Return every StoredObject with this SOP Instance UID, the first received first."""
        with self.lock:
            if not self._may_have(uid):
                return []
            if uid in self._pending_uids:
                self.drain()
            rows = self._guarded(_answer, OBJECTS + "WHERE o.uid = ? ORDER BY o.id", (uid,))
        return [StoredObject._make(row) for row in rows]

    def get(self, number):
        """Return the StoredObject with this number; Unknown when there is none."""
        try:
            rows = self._ask(OBJECTS + "WHERE o.id = ?", (number,))
        except OverflowError:
            rows = ()  # no number of ours has so many digits
        if not rows:
            raise errors.Unknown("no object %d is in the spool; it may have been removed since it was listed" % number)
        return StoredObject._make(rows[0])

    def objects(self, after=0, limit=100, held=False, study=None):
        """Return a page of StoredObjects in the order of arrival, behind number `after`.

        All of them, with `held` only those on hold, with `study` (its UID) only those of that study.
        """
        where, arguments = "WHERE o.id > ? ", [after]
        if held:
            where += "AND o.hold IS NOT NULL "
        if study is not None:
            where += "AND o.study_id IN (SELECT id FROM studies WHERE uid = ?) "
            arguments.append(study)
        rows = self._ask(OBJECTS + where + "ORDER BY o.id LIMIT ?", (*arguments, limit))
        return [StoredObject._make(row) for row in rows]

    def done(self, after, limit):
        """Return (number, UID, octets, when, study) of objects that every destination has, the first to be so first.

        `after`: (when, number), behind which the page begins.
        """
        return self._ask(DONE, (*after, limit))

    def total(self, what=ALL):
        """Return (objects, octets of their data sets) in the spool: ALL of them, those ON_HOLD, or those DONE."""
        with self.lock:
            self.drain()
            return self._ledger.tallies.get((OF_OBJECTS, what), (0, 0))

    def sources(self):
        """Return a sources.Seen for each calling AE title and address that objects came from, the latest first."""
        with self.lock:
            self.drain()
            return self._ledger.sources.all()

    def kept(self):
        """Return (objects, octets of their data sets) in the spool, at once: removals may be counted a moment later."""
        objects, octets = self._ledger.tallies.get((OF_OBJECTS, ALL), (0, 0))
        return objects + len(self._pending_uids), octets + self._accepted_octets - self._applied_octets

    def holds(self):
        """Return (why, how many objects, number of the first, when it came) for each reason to hold objects."""
        first = "SELECT id, received FROM objects INDEXED BY objects_hold WHERE hold = ? ORDER BY id LIMIT 1"
        with self.lock:
            numbers = {hold: self.total(what)[0] for hold, what in HOLDS.items()}
            return [(hold, number, *self._ask(first, (hold,))[0]) for hold, number in numbers.items() if number]

    def held_alone(self, destination):
        """Return (object, since when) of the first job of `destination` that is held, and not its object; or None."""
        with self.lock:
            self.drain()
            found = self._ask(HELD_ALONE, (self._ledger.destinations.get(destination),))
        return found[0] if found else None

    def records(self, numbers):
        """Return for each of these objects that is there the record of a "kept" line: all that is known about it."""
        with self.lock:
            self.drain()
            return [record for record in (self._guarded(self._record, number) for number in numbers) if record]

    def _record(self, ledger, number):
        row = ledger.execute(OBJECTS + "WHERE o.id = ?", (number,)).fetchone()
        if row is None:
            return None
        stored = StoredObject._make(row)
        jobs = [self._kept_job(job, ledger) for job in ledger.execute(JOB + "j.object = ?", (number,)).fetchall()]
        record = {
            "id": stored.id, "at": stored.received, "uid": stored.uid, "copy": stored.copy, "class": stored.sop_class,
            "syntax": stored.syntax, "path": stored.path, "offset": stored.offset, "size": stored.size,
            "crc": stored.crc, "head_crc": stored.head_crc,
            "source": [stored.calling, stored.called, stored.address],
            "study": [getattr(stored, field) for field in STUDY_FIELDS], "study_id": stored.study_id,
            "series": stored.series, "modality": stored.modality, "number": stored.number,
            "jobs": jobs,
        }  # fmt: skip
        if stored.hold is not None:
            record["hold"] = [stored.hold, stored.why]
        return record

    def _kept_job(self, row, ledger):
        """Return what a "kept" line says of a job."""
        job = self._job_row(row)
        kept = [job.destination, job.priority, job.state, *job[4:10]]
        if job.sends:
            of_job = "SELECT sent_as FROM jobs WHERE object = ? AND destination = ?"
            kept += [job.sends, job.asks, *ledger.execute(of_job, row[:2]).fetchone()]
        return kept

    def studies_of_removed(self, numbers):
        """Return the records of the "study" lines of studies that live, and whose first object was one of these."""
        with self.lock:
            found = []
            for number in numbers:
                rows = self._ask(
                    "SELECT id, uid, patient_id FROM studies WHERE id = ?"
                    " AND NOT EXISTS (SELECT 1 FROM objects WHERE id = ?)", (number, number)
                )  # fmt: skip
                found += [{"id": row[0], "uid": row[1], "patient_id": row[2]} for row in rows]
            return found

    # Files

    def folders(self):
        """Return the folders below objects/ that objects were put into, the one used last first."""
        return [row[0] for row in self._ask("SELECT name FROM folders ORDER BY used_id DESC, name DESC")]

    def paths(self, folder, everything=False):
        """Return the set of the paths of the objects in `folder`, a name below objects/.

        Looks only at the objects that came after the folder was begun: one that was moved there later may be missing.
        With `everything` none is, at the price of an index that `forget_paths` drops again.
        """
        within = (folder + "/", folder + "0")
        with self.lock:
            if everything:
                self._ask("CREATE INDEX IF NOT EXISTS objects_path ON objects(path)")
                rows = self._ask("SELECT path FROM objects WHERE path >= ? AND path < ?", within)
            else:
                found = self._ask("SELECT first_id FROM folders WHERE name = ?", (folder,))
                first = found[0][0] if found else 0
                where = "id >= ? AND +path >= ? AND +path < ?"
                rows = self._ask("SELECT path FROM objects WHERE " + where, (first, *within))
        return {row[0] for row in rows}

    def known_paths(self, paths):
        """Return the set of those of `paths` that some object's file has, in one look at everything for _AT_ONCE."""
        found = set()
        for at in range(0, len(paths), _AT_ONCE):
            page = paths[at : at + _AT_ONCE]
            marks = ", ".join("?" * len(page))
            found.update(row[0] for row in self._ask("SELECT path FROM objects WHERE path IN (%s)" % marks, page))
        return found

    def forget_paths(self):
        """Drop what `paths` made for speed."""
        self._ask("DROP INDEX IF EXISTS objects_path")

    def doomed(self):
        """Return the paths of removed objects whose files may still be there."""
        with self.lock:
            self.drain()
            if not self._ledger.has_doomed:
                return []
            return [row[0] for row in self._ask("SELECT path FROM doomed")]

    def buried(self, paths):
        """Take note that the files of removed objects are gone."""
        if paths:
            with self.lock:
                self.drain()
                self._guarded(Ledger.bury, paths)

    # Jobs

    def claimable(self, destination, now, horizon, limit, taken):
        """Return up to `limit` Jobs that `destination` may have now, in the order they are due, but for those `taken`.

        `horizon`: a time behind which no job can have been deferred by the clock as it is now: it was set back.
        `taken`: a collection of object numbers; one that leaves it meanwhile counts as taken.
        """
        with self.lock:
            taken = set(taken)  # as of now: one that is settled while the question is answered stands there as ready
            self.drain()
            number = self._ledger.destinations.get(destination)
            if number is None:
                return []
            if self._ledger.tallies.get((number, DEFERRED), (0, 0))[0]:
                self._guarded(Ledger.promote, number, now, horizon)
            rows = self._ask(CLAIM, (number, limit + len(taken)))
        jobs = [Job(row[0], destination, *row[1:]) for row in rows if row[0] not in taken]
        return jobs[:limit]

    def next_due(self, destination):
        """Return when the next deferred job of `destination` is due, or None."""
        with self.lock:
            number = self._ledger.destinations.get(destination)
            return self._ask(
                "SELECT min(due) FROM jobs INDEXED BY jobs_deferred WHERE destination = ? AND state = 1", (number,)
            )[0][0]

    def job(self, number, destination):
        """Return the JobRow of an object and a destination; Unknown when there is no such job."""
        for row in self.jobs_of(number):
            if row.destination == destination:
                return row
        raise errors.Unknown("object %d has no job for %s" % (number, destination))

    def jobs_of(self, number):
        """Return the JobRows of one object."""
        return [self._job_row(row) for row in self._ask(JOB + "j.object = ?", (number,))]

    def jobs(self, states, destination=None, after=None, limit=100):
        """Return (a page of JobRows, where the next page begins or None).

        Destination by destination; of each the ready ones in the order in which they go, the deferred ones in the order
        in which they are due, the sent ones in that in which they wait, the held and the delivered ones in the order
        of arrival. `states`: which of READY, DEFERRED, HELD, DELIVERED, SENT; `after`: what the page before returned.
        """
        rows = []
        with self.lock:
            self.drain()
            if destination is None:
                numbers = sorted(self._ledger.names)
            else:
                numbers = [number for name, number in self._ledger.destinations.items() if name == destination]
            for lane in [(number, state) for number in numbers for state in sorted(states)]:
                sql, columns = LANES[lane[1]]
                key = [-1] * len(columns)
                if after is not None:
                    if lane < tuple(after[:2]):
                        continue
                    if lane == tuple(after[:2]):
                        key = after[2:]
                # As of one moment, when all was applied: a job that goes on meanwhile would stand in two lanes or none
                rows += self._guarded(_answer, sql, (lane[0], *key, limit - len(rows)))
                if len(rows) >= limit:
                    after = [*lane, *(rows[-1][column] for column in columns)]
                    return [self._job_row(row) for row in rows], after
        return [self._job_row(row) for row in rows], None

    def _job_row(self, row):
        number, destination, state, *rest = row
        return JobRow(number, self._ledger.names[destination], STATE_NAMES[state], *rest)

    def counts(self):
        """Return {destination: {state: (jobs, octets)}} for every destination that ever had a job."""
        with self.lock:
            self.drain()
            found = {name: dict.fromkeys(STATES, (0, 0)) for name in self._ledger.destinations}
            for (destination, state), tally in self._ledger.tallies.items():
                if destination != OF_OBJECTS:
                    found[self._ledger.names[destination]][STATE_NAMES[state]] = tally
            return found


def _answer(ledger, sql, arguments):
    return ledger.execute(sql, arguments).fetchall()
