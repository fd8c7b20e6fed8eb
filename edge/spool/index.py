"""The index: what the journal says, in a shape that answers questions at once. A cache, and nothing but a cache.

SQLite in WAL mode with synchronous=NORMAL: it never syncs on the way of a byte. In the same transaction that applies
lines of the journal stands the place up to which they were applied; opening replays what is behind it. The index never
knows what the journal could still forget: before lines that are not durable are applied, the journal is synced.

Lines wait in `_pending` until somebody asks, or until there are enough of them: one transaction for sixty rows costs a
tenth of sixty transactions. Whoever asks has them applied first, so nobody can see that they waited.

One connection, one lock. Every question is answered from the head of some index (B-tree), a page at a time, so that the lock
is held for well under a millisecond however long the queue is, and one page cache costs a quarter of a megabyte
instead of one per thread.

A job that is waiting is READY when it may be sent now, or DEFERRED until a time; both are "waiting" to everyone else.
That a job is being sent is not written anywhere: a crash makes it wait again, which is what "at least once" means.
"""

import os
import sqlite3
from collections import deque, namedtuple
from threading import RLock

from edge.spool import errors

SCHEMA = 1
BATCH = 64

READY, DEFERRED, HELD, DELIVERED = 0, 1, 2, 3
STATES = {"ready": READY, "deferred": DEFERRED, "held": HELD, "delivered": DELIVERED}
STATE_NAMES = {number: name for name, number in STATES.items()}

# The study's attributes as the first of its objects had them, in the order in which they stand in a line
STUDY_FIELDS = ("study", "patient_id", "patient_name", "accession", "date", "description")

OBJECT_FIELDS = (
    "id", "uid", "copy", "sop_class", "syntax", "path", "offset", "size", "crc", "head_crc", "received",
    "calling", "called", "address", "series", "modality", "number", "hold", "why",
)  # fmt: skip

# One object as it is stored. id: int, in the order of arrival; copy: 1, or 2 and up for other bytes under the same UID;
# path: below objects/; offset: where the data set begins; size: octets of the data set; crc: CRC-32 of the data set;
# hold: a word for why it is held or None; why: the same in words; study_id orders the studies
StoredObject = namedtuple("StoredObject", OBJECT_FIELDS + ("study_id",) + STUDY_FIELDS)

# One object on its way to one destination. state: "ready", "deferred", "held" or "delivered"; due: when a deferred one
# may be tried again; since: when it came into this state; status: of the last response, or None; cause: a word; why: words
JobRow = namedtuple("JobRow", "object_id destination state priority tries due since status cause why uid study_id")

# What a worker needs to send one object to one destination; the fields as in StoredObject, study: Study Instance UID
Job = namedtuple("Job", "object_id destination priority tries uid copy sop_class syntax path offset size crc study")

_TABLES = """
CREATE TABLE place(one INTEGER PRIMARY KEY CHECK(one = 1), spool TEXT NOT NULL, segment INTEGER NOT NULL,
    offset INTEGER NOT NULL, next_id INTEGER NOT NULL);
CREATE TABLE studies(id INTEGER PRIMARY KEY, uid TEXT NOT NULL, objects INTEGER NOT NULL, patient_id TEXT,
    patient_name TEXT, accession TEXT, date TEXT, description TEXT);
CREATE UNIQUE INDEX studies_uid ON studies(uid);
CREATE TABLE objects(id INTEGER PRIMARY KEY, uid TEXT NOT NULL, copy INTEGER NOT NULL, sop_class TEXT, syntax TEXT,
    path TEXT NOT NULL, offset INTEGER, size INTEGER, crc INTEGER, head_crc INTEGER, received REAL, calling TEXT,
    called TEXT, address TEXT, series TEXT, modality TEXT, number TEXT, hold TEXT, why TEXT, study_id INTEGER NOT NULL,
    jobs INTEGER NOT NULL, open INTEGER NOT NULL);
CREATE INDEX objects_uid ON objects(uid);
CREATE INDEX objects_study ON objects(study_id);
CREATE INDEX objects_held ON objects(id) WHERE hold IS NOT NULL;
CREATE INDEX objects_done ON objects(id) WHERE open = 0 AND jobs > 0 AND hold IS NULL;
CREATE TABLE destinations(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE jobs(object INTEGER NOT NULL, destination INTEGER NOT NULL, state INTEGER NOT NULL,
    priority INTEGER NOT NULL, study INTEGER NOT NULL, tries INTEGER NOT NULL, due REAL NOT NULL, since REAL,
    status INTEGER, cause TEXT, why TEXT, PRIMARY KEY(object, destination)) WITHOUT ROWID;
CREATE INDEX jobs_ready ON jobs(destination, priority, study, object) WHERE state = 0;
CREATE INDEX jobs_deferred ON jobs(destination, due) WHERE state = 1;
CREATE INDEX jobs_held ON jobs(destination, object) WHERE state = 2;
CREATE TABLE tallies(destination INTEGER NOT NULL, state INTEGER NOT NULL, jobs INTEGER NOT NULL,
    octets INTEGER NOT NULL, PRIMARY KEY(destination, state)) WITHOUT ROWID;
CREATE TABLE folders(name TEXT PRIMARY KEY, first_id INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE doomed(path TEXT PRIMARY KEY) WITHOUT ROWID;
"""

_OBJECT_COLUMNS = ", ".join("o." + name for name in OBJECT_FIELDS)
_OBJECTS = (
    "SELECT %s, o.study_id, s.uid, s.patient_id, s.patient_name, s.accession, s.date, s.description"
    " FROM objects o JOIN studies s ON s.id = o.study_id " % _OBJECT_COLUMNS
)
_JOBS = (
    "SELECT j.object, j.destination, j.state, j.priority, j.tries, j.due, j.since, j.status, j.cause, j.why, o.uid,"
    " j.study FROM jobs j %s CROSS JOIN objects o ON o.id = j.object WHERE "
)
_JOB = _JOBS % ""

# How the jobs of one destination in one state are listed: the question, and which columns the next page goes on from
_LANES = {
    READY: (
        _JOBS % "INDEXED BY jobs_ready" + "j.destination = ? AND j.state = 0"
        " AND (j.priority, j.study, j.object) > (?, ?, ?) ORDER BY j.priority, j.study, j.object LIMIT ?",
        (3, 11, 0),
    ),
    DEFERRED: (
        _JOBS % "INDEXED BY jobs_deferred" + "j.destination = ? AND j.state = 1 AND (j.due, j.object) > (?, ?)"
        " ORDER BY j.due, j.object LIMIT ?",
        (5, 0),
    ),
    HELD: (
        _JOBS % "INDEXED BY jobs_held" + "j.destination = ? AND j.state = 2 AND j.object > ?"
        " ORDER BY j.object LIMIT ?",
        (0,),
    ),
    DELIVERED: (_JOB + "j.destination = ? AND j.object > ? AND j.state = 3 ORDER BY j.object LIMIT ?", (0,)),
}  # fmt: skip
_CLAIM = (
    "SELECT j.object, j.priority, j.tries, o.uid, o.copy, o.sop_class, o.syntax, o.path, o.offset, o.size, o.crc, s.uid"
    " FROM jobs j INDEXED BY jobs_ready CROSS JOIN objects o ON o.id = j.object JOIN studies s ON s.id = j.study"
    " WHERE j.destination = ? AND j.state = 0 ORDER BY j.priority, j.study, j.object LIMIT ?"
)

# Tallies of objects stand under a destination that cannot be: number of objects and octets of all, held and done ones
_OF_OBJECTS = 0
ALL, ON_HOLD, DONE = 0, 1, 2

_FILES = ("", "-wal", "-shm")


class Index:
    """Answers what is in the spool, for any number of threads; knows what the journal says, and only that."""

    def __init__(self, disk, path, health):
        self._disk = disk
        self._path = path
        self._health = health
        self.lock = RLock()
        self.journal = None
        self._pending = deque()
        self._pending_uids = set()
        self._connection = None
        self._replaying = False
        self._since = None  # the lines since the last "keeping", while that matters
        self._begin_connection()

    # Opening, closing, rebuilding

    def _begin_connection(self):
        """Open the database, or make an empty one where there is none that can be used."""
        try:
            self._connect()
        except sqlite3.DatabaseError:
            self._discard()
            self._connect()

    def _connect(self):
        self._disk.close(self._disk.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._connection = connection = sqlite3.connect(
            self._path, timeout=10, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        self._execute = connection.execute
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-256", "mmap_size=0", "temp_store=MEMORY"):
            self._execute("PRAGMA " + pragma).close()
        version = self._execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA):
            raise sqlite3.DatabaseError("the index has schema %d, this is %d" % (version, SCHEMA))
        if version == 0:
            self._execute("BEGIN")
            for statement in _TABLES.split(";"):
                self._execute(statement)
            self._execute("INSERT INTO place VALUES(1, '', 0, 0, 1)")
            self._execute("PRAGMA user_version=%d" % SCHEMA)
            self._execute("COMMIT")
        self._load()

    def _load(self):
        self.spool, segment, offset, self.next_id = self._execute(
            "SELECT spool, segment, offset, next_id FROM place"
        ).fetchone()
        self.place = (segment, offset)
        self._destinations = dict(self._execute("SELECT name, id FROM destinations"))
        self._names = {number: name for name, number in self._destinations.items()}
        self._tallies = {
            (destination, state): (jobs, octets)
            for destination, state, jobs, octets in self._execute("SELECT * FROM tallies")
        }
        self._has_doomed = self._execute("SELECT 1 FROM doomed").fetchone() is not None
        self._forget_transaction()

    def _forget_transaction(self):
        """Drop what is only known within a transaction, after it was rolled back or has ended."""
        self._changes = {}
        self._studies = {}

    def _discard(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        for suffix in _FILES:
            try:
                self._disk.unlink(self._path + suffix)
            except FileNotFoundError:
                pass

    def clear(self, spool):
        """Begin an empty index, for the journal of the spool with this identity."""
        with self.lock:
            self._discard()
            self._connect()
            self._execute("UPDATE place SET spool = ?", (spool,))
            self.spool = spool

    def replay(self, lines):
        """Apply lines read from the journal, in transactions that a small memory can hold."""
        with self.lock:
            self._replaying = True
            batch = []
            for line in lines:
                batch.append(line)
                if len(batch) == 8 * BATCH:
                    self._apply(batch)
                    batch = []
            self._apply(batch)
            self._replaying, self._since = False, None

    def rebuild(self):
        """Make the index anew from the journal, while everybody waits."""
        with self.lock:
            self.journal.sync()
            self.clear(self.spool)
            damages = []
            self.replay(
                line
                for number in range(self.journal.oldest, self.journal.last + 1)
                for line in self.journal.lines_of(number, damages)
            )
            for words in damages:
                self._health.report("journal", words)

    def checkpoint(self):
        """Make durable what was applied, so that the index needs no journal older than its place."""
        with self.lock:
            self._execute("PRAGMA wal_checkpoint(PASSIVE)").close()

    def close(self):
        """Apply what is pending and let go of the database."""
        with self.lock:
            try:
                self.drain()
            finally:
                self.let_go()

    def let_go(self):
        """Close the database as it is; what is pending is in the journal."""
        self._connection.close()

    # Following the journal

    def accept(self, lines):
        """Take over lines that the journal has written, in its order; they are applied when somebody asks."""
        for line in lines:
            if line.kind == "object":
                self._pending_uids.add(line.record["uid"])
        self._pending.extend(lines)

    def keep_up(self):
        """Apply what is pending when it has become enough; never raises, the journal has it anyway."""
        if len(self._pending) >= BATCH:
            try:
                self.drain()
            except errors.LocalError as error:
                self._health.report("index", str(error))
            except errors.LimitError as error:
                self._health.report("index", str(error))

    @property
    def pending(self):
        """How many lines have not been applied yet."""
        return len(self._pending)

    def drain(self):
        """Apply every line that was accepted; Degraded or NoSpace when the journal or the index cannot be written."""
        with self.lock:
            pending = self._pending
            while pending:
                count = min(len(pending), 8 * BATCH)
                batch = [pending[at] for at in range(count)]
                if max(line.sequence for line in batch) > self.journal.synced_sequence:
                    self.journal.sync()
                self._guarded(self._apply, batch)
                for line in batch:
                    pending.popleft()
                    if line.kind == "object":
                        self._pending_uids.discard(line.record["uid"])
            self._health.clear("index")

    def _guarded(self, action, *arguments):
        """Do something with the database; rebuild it when it turns out to be damaged, say in words what else fails."""
        try:
            return action(*arguments)
        except sqlite3.OperationalError as error:
            words = "the index cannot be used (%s); look at the free space and the health of the disk" % error
            full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            raise (errors.NoSpace if full else errors.Degraded)(words)
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:
                raise
            self._health.report("index", "the index was damaged (%s) and is rebuilt from the journal" % error)
            self.rebuild()
            return action(*arguments)

    def _ask(self, sql, arguments=()):
        """Return all rows of a question, with everything applied that was accepted."""
        with self.lock:
            self.drain()
            return self._guarded(lambda: self._execute(sql, arguments).fetchall())

    def _apply(self, lines):
        """Apply those of `lines` that are new in one transaction, and with them the place the index has come to."""
        lines = [line for line in lines if (line.segment, line.end) > self.place]
        if not lines:
            return
        self._execute("BEGIN IMMEDIATE")
        try:
            for line in lines:
                apply = _APPLY.get(line.kind)
                if apply is not None:
                    apply(self, line.record)
                    if self._since is not None:
                        self._since.append(line)
            last = lines[-1]
            place = (last.segment, last.end)
            self._execute("UPDATE place SET segment = ?, offset = ?, next_id = ?", place + (self.next_id,))
            tallies = self._write_tallies()
            self._execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
            self._load()
            raise
        self.place = place
        self._tallies.update(tallies)
        self._changes = {}
        if len(self._studies) > 256:
            self._studies = {}

    def _write_tallies(self):
        tallies = {}
        for key, (jobs, octets) in self._changes.items():
            if jobs or octets:
                had_jobs, had_octets = self._tallies.get(key, (0, 0))
                tallies[key] = (had_jobs + jobs, had_octets + octets)
                self._execute("INSERT OR REPLACE INTO tallies VALUES(?, ?, ?, ?)", key + tallies[key])
        return tallies

    def _count(self, destination, state, jobs, octets):
        key = (destination, state)
        had = self._changes.get(key)
        self._changes[key] = (jobs, octets) if had is None else (had[0] + jobs, had[1] + octets)

    def _destination(self, name):
        number = self._destinations.get(name)
        if number is None:
            number = self._execute("INSERT INTO destinations(name) VALUES(?)", (name,)).lastrowid
            self._destinations[name] = number
            self._names[number] = name
        return number

    def _study(self, record):
        """Return the number of the record's study, with one object more counted in it."""
        study = record["study"]
        uid = study[0] or record["uid"]
        number = self._studies.get(uid)
        if number is None:
            row = self._execute("SELECT id FROM studies WHERE uid = ?", (uid,)).fetchone()
            if row is None:
                number = record.get("study_id") or record["id"]
                self._execute("INSERT INTO studies VALUES(?, ?, 1, ?, ?, ?, ?, ?)", (number, uid, *study[1:]))
                self._studies[uid] = number
                return number
            number = self._studies[uid] = row[0]
        self._execute("UPDATE studies SET objects = objects + 1 WHERE id = ?", (number,))
        return number

    def _apply_keeping(self, record):
        """Remember the lines from here on, when they are replayed: see compaction."""
        self._since = None if record.get("done") or not self._replaying else []

    def _apply_kept(self, record):
        """Put in all that was known of an object, unless it is there: then its own lines were."""
        number = record["id"]
        if self._execute("SELECT 1 FROM objects WHERE id = ?", (number,)).fetchone() is not None:
            return
        since, self._since = self._since or [], None
        if not any(line.kind == "removed" and number in line.record["ids"] for line in since):
            self._apply_object(record)
            for line in since:
                about = _about(number, line.record)
                if about is not None and line.kind != "kept":
                    _APPLY[line.kind](self, about)
        self._since = since

    def _apply_object(self, record):
        number = record["id"]
        self.next_id = max(self.next_id, number + 1)
        study = self._study(record)
        size = record["size"]
        hold, why = record.get("hold") or (None, None)
        still_open = 0
        for job in record["jobs"]:
            if len(job) == 2:
                name, priority = job
                state = READY if hold is None else HELD
                rest = (0, 0, record["at"], None, hold, why)
            else:
                name, priority, state, *rest = job
                state = STATES[state]
            still_open += state != DELIVERED
            self._insert_job(number, name, state, priority, study, rest, size)
        self._execute(
            "INSERT INTO objects VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number, record["uid"], record["copy"], record["class"], record["syntax"], record["path"],
                record["offset"], size, record["crc"], record["head_crc"], record["at"], *record["source"],
                record["series"], record["modality"], record["number"], hold, why, study, len(record["jobs"]),
                still_open,
            ),
        )  # fmt: skip
        self._tally_object(1, size, hold, still_open, len(record["jobs"]))
        self._spare_path(record["path"])

    def _spare_path(self, path):
        """Strike a path off the list of files to be removed: another object's file has it now."""
        if self._has_doomed:
            self._execute("DELETE FROM doomed WHERE path = ?", (path,))

    def _insert_job(self, number, name, state, priority, study, rest, size):
        destination = self._destination(name)
        self._execute(
            "INSERT INTO jobs VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, destination, state, priority, study, *rest),
        )
        self._count(destination, state, 1, size)

    def _tally_object(self, sign, size, hold, still_open, jobs):
        self._count(_OF_OBJECTS, ALL, sign, sign * size)
        if hold is not None:
            self._count(_OF_OBJECTS, ON_HOLD, sign, sign * size)
        elif jobs and not still_open:
            self._count(_OF_OBJECTS, DONE, sign, sign * size)

    def _forget(self, number):
        """Take an object and its jobs out of the tables; return its path, or None when it is not there."""
        row = self._execute(
            "SELECT path, size, hold, open, jobs, study_id FROM objects WHERE id = ?", (number,)
        ).fetchone()
        if row is None:
            return None
        path, size, hold, still_open, jobs, study = row
        for destination, state in self._execute("SELECT destination, state FROM jobs WHERE object = ?", (number,)):
            self._count(destination, state, -1, -size)
        self._execute("DELETE FROM jobs WHERE object = ?", (number,))
        self._execute("DELETE FROM objects WHERE id = ?", (number,))
        self._tally_object(-1, size, hold, still_open, jobs)
        self._execute("UPDATE studies SET objects = objects - 1 WHERE id = ?", (study,))
        if self._execute("DELETE FROM studies WHERE id = ? AND objects = 0", (study,)).rowcount:
            self._studies = {}
        return path

    def _change_object(self, number, open_change=0, jobs_change=0, hold=False, why=None):
        """Change an object's counters or its hold (False: as it is), and the tallies with it."""
        size, had_hold, had_why, had_open, had_jobs = self._execute(
            "SELECT size, hold, why, open, jobs FROM objects WHERE id = ?", (number,)
        ).fetchone()
        if hold is False:
            hold, why = had_hold, had_why
        self._tally_object(-1, size, had_hold, had_open, had_jobs)
        self._tally_object(1, size, hold, had_open + open_change, had_jobs + jobs_change)
        self._execute(
            "UPDATE objects SET hold = ?, why = ?, open = ?, jobs = ? WHERE id = ?",
            (hold, why, had_open + open_change, had_jobs + jobs_change, number),
        )

    def _apply_jobs(self, record):
        """Add jobs to an object; those it has stay as they are. An object that nobody wanted is held no longer."""
        number = record["id"]
        row = self._execute("SELECT size, study_id, hold FROM objects WHERE id = ?", (number,)).fetchone()
        if row is None:
            return
        size, study, _ = row
        added = 0
        for name, priority in record["jobs"]:
            known = "SELECT 1 FROM jobs WHERE object = ? AND destination = ?"
            if self._execute(known, (number, self._destination(name))).fetchone() is None:
                self._insert_job(number, name, READY, priority, study, (0, 0, record["at"], None, None, None), size)
                added += 1
        self._change_object(number, added, added, None if record.get("unhold") else False)

    def _apply_job(self, record):
        """Set the state of one job."""
        number, destination = record["id"], self._destination(record["to"])
        row = self._execute(
            "SELECT j.state, o.size FROM jobs j JOIN objects o ON o.id = j.object"
            " WHERE j.object = ? AND j.destination = ?", (number, destination)
        ).fetchone()  # fmt: skip
        if row is None:
            return
        had, size = row
        state = STATES[record["state"]]
        self._execute(
            "UPDATE jobs SET state = ?, tries = ?, due = ?, since = ?, status = ?, cause = ?, why = ?"
            " WHERE object = ? AND destination = ?",
            (
                state, record["tries"], record.get("due", 0), record["at"], record.get("status"), record.get("cause"),
                record.get("why"), number, destination,
            ),
        )  # fmt: skip
        self._move_job(number, destination, had, state, size)

    def _move_job(self, number, destination, had, state, size):
        if had == state:
            return
        self._count(destination, had, -1, -size)
        self._count(destination, state, 1, size)
        change = (state != DELIVERED) - (had != DELIVERED)
        if change:
            self._change_object(number, change)

    def _apply_released(self, record):
        """Let jobs go again with all their tries, whatever kept them."""
        for number, name in record["jobs"]:
            self._apply_job({"id": number, "to": name, "state": "ready", "tries": 0, "at": record["at"]})

    def _apply_dropped(self, record):
        """Forget one job."""
        number, destination = record["id"], self._destination(record["to"])
        row = self._execute(
            "SELECT j.state, o.size FROM jobs j JOIN objects o ON o.id = j.object"
            " WHERE j.object = ? AND j.destination = ?", (number, destination)
        ).fetchone()  # fmt: skip
        if row is not None:
            self._execute("DELETE FROM jobs WHERE object = ? AND destination = ?", (number, destination))
            self._count(destination, row[0], -1, -row[1])
            self._change_object(number, -1 if row[0] != DELIVERED else 0, -1)

    def _apply_priority(self, record):
        for number, name in record["jobs"]:
            self._execute(
                "UPDATE jobs SET priority = ? WHERE object = ? AND destination = ?",
                (record["priority"], number, self._destination(name)),
            )

    def _apply_hold(self, record):
        """Hold an object, and those of its jobs that wait."""
        number = record["id"]
        if self._execute("SELECT 1 FROM objects WHERE id = ?", (number,)).fetchone() is None:
            return
        self._change_object(number, 0, 0, record["cause"], record["why"])
        waiting = "SELECT destination, tries FROM jobs WHERE object = ? AND state < ?"
        for destination, tries in self._execute(waiting, (number, HELD)).fetchall():
            job = {"id": number, "to": self._names[destination], "state": "held", "tries": tries, "at": record["at"]}
            job.update(cause=record["cause"], why=record["why"])
            self._apply_job(job)

    def _apply_unhold(self, record):
        """Hold an object no longer, nor the jobs that were held because it was."""
        number = record["id"]
        row = self._execute("SELECT hold FROM objects WHERE id = ?", (number,)).fetchone()
        if row is None:
            return
        self._change_object(number, 0, 0, None)
        held = "SELECT destination FROM jobs WHERE object = ? AND state = ? AND cause = ?"
        for (destination,) in self._execute(held, (number, HELD, row[0])).fetchall():
            name = self._names[destination]
            self._apply_job({"id": number, "to": name, "state": "ready", "tries": 0, "at": record["at"]})

    def _apply_removed(self, record):
        for number in record["ids"]:
            path = self._forget(number)
            if path is not None:
                self._execute("INSERT OR REPLACE INTO doomed VALUES(?)", (path,))
                self._has_doomed = True

    def _apply_moved(self, record):
        """Another file stands for the object now."""
        self._execute(
            "UPDATE objects SET path = ?, offset = ?, head_crc = ? WHERE id = ?",
            (record["path"], record["offset"], record["head_crc"], record["id"]),
        )
        self._spare_path(record["path"])

    def _apply_folder(self, record):
        self._execute("INSERT OR IGNORE INTO folders VALUES(?, ?)", (record["name"], record["first"]))

    # Objects

    def find(self, uid):
        """Return every StoredObject with this SOP Instance UID, the first received first."""
        with self.lock:
            if uid in self._pending_uids:
                self.drain()
            rows = self._guarded(
                lambda: self._execute(_OBJECTS + "WHERE o.uid = ? ORDER BY o.id", (uid,)).fetchall()
            )
        return [StoredObject._make(row) for row in rows]

    def get(self, number):
        """Return the StoredObject with this number; Unknown when there is none."""
        rows = self._ask(_OBJECTS + "WHERE o.id = ?", (number,))
        if not rows:
            raise errors.Unknown("no object %d is in the spool; it may have been removed since it was listed" % number)
        return StoredObject._make(rows[0])

    def objects(self, after=0, limit=100, held=False, study=None):
        """Return a page of StoredObjects in the order of arrival, behind number `after`; all, held ones, or of a study."""
        where, arguments = "WHERE o.id > ? ", [after]
        if held:
            where += "AND o.hold IS NOT NULL "
        if study is not None:
            where += "AND o.study_id = (SELECT id FROM studies WHERE uid = ?) "
            arguments.append(study)
        rows = self._ask(_OBJECTS + where + "ORDER BY o.id LIMIT ?", (*arguments, limit))
        return [StoredObject._make(row) for row in rows]

    def done(self, after, limit):
        """Return (number, UID, octets, when delivered) of the oldest objects behind `after` that every destination has."""
        return self._ask(
            "SELECT id, uid, size + offset, (SELECT max(since) FROM jobs WHERE object = id) FROM objects"
            " WHERE open = 0 AND jobs > 0 AND hold IS NULL AND id > ? ORDER BY id LIMIT ?", (after, limit)
        )  # fmt: skip

    def total(self, what=ALL):
        """Return (objects, octets of their data sets) in the spool: ALL of them, those ON_HOLD, or those DONE."""
        with self.lock:
            self.drain()
            return self._tallies.get((_OF_OBJECTS, what), (0, 0))

    def folders(self):
        """Return the folders below objects/ that objects were put into, the one in use last first."""
        return [row[0] for row in self._ask("SELECT name FROM folders ORDER BY first_id DESC, name DESC")]

    def paths(self, folder, everything=False):
        """Return the set of the paths of the objects in `folder`, a name below objects/.

        Looks only at the objects that came after the folder was begun: one that was moved there later may be missing.
        With `everything` none is, at the price of an index that `forget_paths` drops again.
        """
        within = (folder + "/", folder + "0")
        with self.lock:
            if everything:
                self._execute("CREATE INDEX IF NOT EXISTS objects_path ON objects(path)")
                rows = self._ask("SELECT path FROM objects WHERE path >= ? AND path < ?", within)
            else:
                found = self._ask("SELECT first_id FROM folders WHERE name = ?", (folder,))
                first = found[0][0] if found else 0
                rows = self._ask("SELECT path FROM objects WHERE id >= ? AND +path >= ? AND +path < ?", (first, *within))
        return {row[0] for row in rows}

    def knows_path(self, path):
        """Say whether some object's file has this path, however long that takes."""
        return bool(self._ask("SELECT 1 FROM objects WHERE path = ?", (path,)))

    def forget_paths(self):
        """Drop what `paths` made for speed."""
        with self.lock:
            self._execute("DROP INDEX IF EXISTS objects_path")

    def doomed(self):
        """Return the paths of removed objects whose files may still be there."""
        return [row[0] for row in self._ask("SELECT path FROM doomed")]

    def buried(self, paths):
        """Take note that the files of removed objects are gone."""
        with self.lock:
            self.drain()
            self._execute("BEGIN")
            for path in paths:
                self._execute("DELETE FROM doomed WHERE path = ?", (path,))
            self._execute("COMMIT")
            self._has_doomed = self._execute("SELECT 1 FROM doomed").fetchone() is not None

    def records(self, numbers):
        """Return for each of these objects that is there the record of a "kept" line: all that is known about it."""
        with self.lock:
            self.drain()
            found = []
            for number in numbers:
                row = self._execute(_OBJECTS + "WHERE o.id = ?", (number,)).fetchone()
                if row is not None:
                    jobs = [self._job_row(job) for job in self._execute(_JOB + "j.object = ?", (number,))]
                    found.append(_record(StoredObject._make(row), jobs))
            return found

    # Jobs

    def claimable(self, destination, now, horizon, limit, taken):
        """Return up to `limit` Jobs that `destination` may have now, in the order they are due, but for those `taken`.

        `horizon`: a time behind which no job can have been deferred by the clock as it is now: it was set back.
        `taken`: a set of object numbers.
        """
        with self.lock:
            self.drain()
            number = self._destinations.get(destination)
            if number is None:
                return []
            self._guarded(self._promote, number, now, horizon)
            rows = self._guarded(
                lambda: self._execute(_CLAIM, (number, limit + len(taken))).fetchall()
            )
            jobs = [Job(row[0], destination, *row[1:]) for row in rows if row[0] not in taken]
        return jobs[:limit]

    def _promote(self, destination, now, horizon):
        """Make ready what was deferred until now at the latest."""
        for where, limit in (("due <= ?", now), ("due > ?", horizon)):
            found = self._execute(
                "SELECT j.object, o.size FROM jobs j INDEXED BY jobs_deferred JOIN objects o ON o.id = j.object"
                " WHERE j.destination = ? AND j.state = 1 AND j.%s ORDER BY j.due LIMIT 1000" % where,
                (destination, limit),
            ).fetchall()
            if found:
                self._execute("BEGIN IMMEDIATE")
                for number, size in found:
                    self._execute(
                        "UPDATE jobs SET state = 0 WHERE object = ? AND destination = ?", (number, destination)
                    )
                    self._count(destination, DEFERRED, -1, -size)
                    self._count(destination, READY, 1, size)
                tallies = self._write_tallies()
                self._execute("COMMIT")
                self._tallies.update(tallies)
                self._changes = {}

    def next_due(self, destination):
        """Return when the next deferred job of `destination` is due, or None."""
        with self.lock:
            number = self._destinations.get(destination)
            return self._ask(
                "SELECT min(due) FROM jobs INDEXED BY jobs_deferred WHERE destination = ? AND state = 1", (number,)
            )[0][0]

    def job(self, number, destination):
        """Return the JobRow of an object and a destination; Unknown when there is no such job."""
        with self.lock:
            rows = self._ask(_JOB + "j.object = ? AND j.destination = ?", (number, self._destinations.get(destination)))
        if not rows:
            raise errors.Unknown("object %d has no job for %s" % (number, destination))
        return self._job_row(rows[0])

    def jobs_of(self, number):
        """Return the JobRows of one object."""
        return [self._job_row(row) for row in self._ask(_JOB + "j.object = ?", (number,))]

    def jobs(self, states, destination=None, after=None, limit=100):
        """Return (a page of JobRows, where the next page begins or None).

        Destination by destination; of each the ready ones in the order in which they go, the deferred ones in the order in
        which they are due, the held and the delivered ones in the order of arrival. `states`: which of READY, DEFERRED,
        HELD, DELIVERED; `after`: what the page before returned.
        """
        rows = []
        with self.lock:
            self.drain()
            if destination is None:
                numbers = sorted(self._names)
            else:
                numbers = [self._destinations[destination]] if destination in self._destinations else []
            lanes = [(number, state) for number in numbers for state in sorted(states)]
            if after is not None:
                lanes = [lane for lane in lanes if lane >= (after[0], after[1])]
            for lane in lanes:
                key = tuple(after[2:]) if after is not None and lane == (after[0], after[1]) else None
                rows += self._lane(lane, key, limit - len(rows))
                if len(rows) >= limit:
                    last = rows[-1]
                    return [self._job_row(row) for row in rows], [*lane, *(last[column] for column in _LANES[lane[1]][1])]
        return [self._job_row(row) for row in rows], None

    def _lane(self, lane, key, limit):
        destination, state = lane
        sql, columns = _LANES[state]
        if key is None:
            key = (-1,) * len(columns)
        return self._guarded(lambda: self._execute(sql, (destination, *key, limit)).fetchall())

    def _job_row(self, row):
        number, destination, state, *rest = row
        return JobRow(number, self._names[destination], STATE_NAMES[state], *rest)

    def counts(self):
        """Return {destination: {state: (jobs, octets)}} for every destination that ever had a job."""
        with self.lock:
            self.drain()
            found = {name: dict.fromkeys(STATES, (0, 0)) for name in self._destinations}
            for (destination, state), tally in self._tallies.items():
                if destination != _OF_OBJECTS:
                    found[self._names[destination]][STATE_NAMES[state]] = tally
            return found


def _about(number, record):
    """Return that part of a line's record that is about one object, or None."""
    if record.get("id") == number:
        return record
    pairs = [pair for pair in record.get("jobs", ()) if pair[0] == number]
    return dict(record, jobs=pairs) if pairs and "id" not in record else None


def _record(stored, jobs):
    """Return the record of a "kept" line: everything that the index knows of an object and its jobs."""
    record = {
        "id": stored.id, "at": stored.received, "uid": stored.uid, "copy": stored.copy, "class": stored.sop_class,
        "syntax": stored.syntax, "path": stored.path, "offset": stored.offset, "size": stored.size, "crc": stored.crc,
        "head_crc": stored.head_crc, "source": [stored.calling, stored.called, stored.address],
        "study": [getattr(stored, field) for field in STUDY_FIELDS], "study_id": stored.study_id,
        "series": stored.series, "modality": stored.modality, "number": stored.number,
        "jobs": [[job.destination, job.priority, job.state, *job[4:10]] for job in jobs],
    }  # fmt: skip
    if stored.hold is not None:
        record["hold"] = [stored.hold, stored.why]
    return record


_APPLY = {
    "object": Index._apply_object,
    "keeping": Index._apply_keeping,
    "kept": Index._apply_kept,
    "jobs": Index._apply_jobs,
    "job": Index._apply_job,
    "released": Index._apply_released,
    "dropped": Index._apply_dropped,
    "priority": Index._apply_priority,
    "hold": Index._apply_hold,
    "unhold": Index._apply_unhold,
    "removed": Index._apply_removed,
    "moved": Index._apply_moved,
    "folder": Index._apply_folder,
}
