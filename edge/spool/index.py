"""The index: what the journal says, in a shape that answers questions at once. A cache, and nothing but a cache.

One connection, one lock. Every question is about a page, from the head of some B-tree, so that the lock is held for
well under a millisecond however long the queue is, and there is one page cache of a quarter of a megabyte instead of
one per thread.
"""

from edge.spool import errors
from edge.spool.following import AT_ONCE, Following, answer
from edge.spool.ledger import ALL, OF_OBJECTS, Ledger
from edge.spool.tables import CLAIM, DEFERRED, DONE, HELD_ALONE, HOLDS, JOB, LANES, OBJECTS, STATE_NAMES, STATES
from edge.spool.tables import STUDY_FIELDS, Job, JobRow, StoredObject


class Index(Following):
    """Answers what is in the spool, for any number of threads; knows what the journal says, and only that."""

    # Objects

    def find(self, uid):
        """Return every StoredObject with this SOP Instance UID, the first received first."""
        with self.lock:
            if not self._may_have(uid):
                return []
            if uid in self._pending_uids:
                self.drain()
            rows = self._guarded(answer, OBJECTS + "WHERE o.uid = ? ORDER BY o.id", (uid,))
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
        """Return the set of those of `paths` that some object's file has, in one look at everything for AT_ONCE."""
        found = set()
        for at in range(0, len(paths), AT_ONCE):
            page = paths[at : at + AT_ONCE]
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
                rows += self._guarded(answer, sql, (lane[0], *key, limit - len(rows)))
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
