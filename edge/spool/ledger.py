"""Applies the lines of the journal to the tables of the index, each line once.

Every line sets a state. In the same transaction that applies lines stands the place in the journal up to which they
were applied, so that a line is applied once, whatever a crash or a rebuilt index makes of it. Counts are kept beside
the rows, in the same transaction too: nobody ever counts a queue by going through it.
"""

import os
import sqlite3

from edge.spool import errors, pledges, studies
from edge.spool.disk import FILE_MODE
from edge.spool.sources import Sources
from edge.spool.tables import DEFERRED, DELIVERED, HELD, HOLDS, READY, SCHEMA, SENT, STATES, TABLES
from edge.spool.transaction import Transaction

# Counts of objects stand under a destination that cannot be: all, those on hold, those that every destination has
OF_OBJECTS = 0
ALL, ON_HOLD, DONE = 0, 1, 2

_FILES = ("", "-wal", "-shm")
# Exclusive, as the lock of the state directory makes it anyhow: otherwise SQLite maps index.db-shm into memory, and a
# disk without a free block answers a write to a mapping with SIGBUS
_PRAGMAS = (
    "locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL", "cache_size=-256", "mmap_size=0",
    "temp_store=MEMORY",
)  # fmt: skip
_STUDIES_AT_HAND = 256
_ROOM_TO_GO_ON = 4 << 20


class Ledger:
    """The database: one connection, to be used by one thread at a time. Its holder minds that.

    `path`: its file, or None for one that lives in memory alone.
    """

    def __init__(self, disk, path):
        self._disk = disk
        self.path = path
        self._connection = None
        try:
            self._connect()
        except sqlite3.DatabaseError:
            self.discard()
            self._connect()

    # Opening and closing

    def _connect(self):
        if self.path is not None:
            self._disk.close(self._disk.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
        self._connection = sqlite3.connect(
            self.path or ":memory:", timeout=10, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        self.execute = self._connection.execute
        for pragma in _PRAGMAS:
            self.execute("PRAGMA " + pragma).close()
        version = self.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self.execute("BEGIN")
            for statement in TABLES.split(";"):
                self.execute(statement)
            self.execute("INSERT INTO place VALUES(1, '', 0, 0, 1)")
            self.execute("PRAGMA user_version=%d" % SCHEMA)
            self.execute("COMMIT")
        elif version != SCHEMA:
            raise sqlite3.DatabaseError("the index has schema %d, and this edge makes schema %d" % (version, SCHEMA))
        self._load()

    def _load(self):
        """Read what is kept at hand; forget what was not committed."""
        self.spool, segment, offset, self.next_id = self.execute(
            "SELECT spool, segment, offset, next_id FROM place"
        ).fetchone()
        self.place = (segment, offset)
        self.destinations = dict(self.execute("SELECT name, id FROM destinations"))
        self.names = {number: name for name, number in self.destinations.items()}
        self.tallies = {(row[0], row[1]): (row[2], row[3]) for row in self.execute("SELECT * FROM tallies")}
        self.has_doomed = self.execute("SELECT 1 FROM doomed LIMIT 1").fetchone() is not None
        self._changes = {}
        self.studies = {}  # those at hand: {(UID, Patient ID): number}
        self.growth = {}  # {number of a study: what has changed in it}, see studies
        self.sources = Sources(self.execute)

    def discard(self):
        """Close the database, and remove its files."""
        self.close()
        for suffix in _FILES if self.path is not None else ():
            try:
                self._disk.unlink(self.path + suffix)
            except FileNotFoundError:
                pass

    def clear(self, spool):
        """Begin an empty database, for the journal of the spool with this identity."""
        if self.spool or self.place > (0, 0):
            self.discard()
            self._connect()
        self.execute("UPDATE place SET spool = ?", (spool,))
        self.spool = spool

    def close(self):
        """Close the database as it is."""
        self.execute = _no_database
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def room_bytes(self):
        """Return the free space that the same database needs on a disk: itself, its log, and a little to go on."""
        pages, page_bytes = (self.execute("PRAGMA " + name).fetchone()[0] for name in ("page_count", "page_size"))
        return 2 * pages * page_bytes + _ROOM_TO_GO_ON

    def checkpoint(self):
        """Make durable what was applied."""
        self.execute("PRAGMA wal_checkpoint(PASSIVE)").close()

    # Transactions

    def replay(self, lines, at_once=512):
        """Apply lines that are read from the journal, in transactions that a small memory can hold."""
        batch = []
        for line in lines:
            batch.append(line)
            if len(batch) == at_once:
                self.apply(batch)
                batch = []
        self.apply(batch)

    def apply(self, lines):
        """Apply those of `lines` that are new in one transaction, and with them the place it has come to."""
        lines = [line for line in lines if (line.segment, line.end) > self.place]
        if not lines:
            return
        place = (lines[-1].segment, lines[-1].end)
        with Transaction(self):
            for line in lines:
                apply = _APPLY.get(line.kind)
                if apply is not None:
                    try:
                        apply(self, line.record)
                    except (KeyError, TypeError, ValueError, IndexError) as error:
                        raise errors.Incompatible("%r cannot be understood: %r" % (line, error))
            self.execute("UPDATE place SET segment = ?, offset = ?, next_id = ?", place + (self.next_id,))
        self.place = place

    def flush(self):
        """Write the counts that changed; part of every transaction."""
        studies.flush(self)
        self.sources.flush()
        tallies = {}
        for key, (jobs, octets) in self._changes.items():
            if jobs or octets:
                had_jobs, had_octets = self.tallies.get(key, (0, 0))
                tallies[key] = (had_jobs + jobs, had_octets + octets)
                self.execute("INSERT OR REPLACE INTO tallies VALUES(?, ?, ?, ?)", key + tallies[key])
        return tallies

    def begin(self):
        self.execute("BEGIN IMMEDIATE")

    def commit(self):
        tallies = self.flush()
        self.execute("COMMIT")
        self.tallies.update(tallies)
        self._changes = {}
        if len(self.studies) > _STUDIES_AT_HAND:
            self.studies = {}

    def roll_back(self):
        if self._connection is not None and self._connection.in_transaction:
            self.execute("ROLLBACK")
        self._load()

    # Counts, and rows that are made when first needed

    def count(self, destination, state, jobs, octets):
        """Count so many jobs and octets more for a destination and a state."""
        key = (destination, state)
        had = self._changes.get(key)
        self._changes[key] = (jobs, octets) if had is None else (had[0] + jobs, had[1] + octets)

    def _count_object(self, sign, size, hold, still_open, jobs):
        self.count(OF_OBJECTS, ALL, sign, sign * size)
        if hold is not None:
            self.count(OF_OBJECTS, ON_HOLD, sign, sign * size)
            self.count(OF_OBJECTS, HOLDS[hold], sign, sign * size)
        elif jobs and not still_open:
            self.count(OF_OBJECTS, DONE, sign, sign * size)

    def destination(self, name):
        """Return the number of a destination, a new one for a name that is."""
        number = self.destinations.get(name)
        if number is None:
            number = self.execute("INSERT INTO destinations(name) VALUES(?)", (name,)).lastrowid
            self.destinations[name] = number
            self.names[number] = name
        return number

    def _count_job(self, study, destination, state, jobs, size):
        """Count one job more or less (1 or -1) for its destination, and in its study."""
        self.count(destination, state, jobs, jobs * size)
        studies.count_jobs(self, study, destination, state, jobs)

    # Objects come, change and go

    def _object(self, record, is_old=False):
        number, size, jobs = record["id"], record["size"], record["jobs"]
        self.sources.came(record["source"], record["at"], size, is_old)
        hold, why = record.get("hold") or (None, None)
        self.next_id = max(self.next_id, number + 1)
        study = studies.number_of(self, record)
        still_open = done = 0
        for job in jobs:
            if len(job) == 2:
                name, priority = job
                state, rest = (READY, _NEVER_TRIED) if hold is None else (HELD, (0, 0, record["at"], None, hold, why))
            else:
                name, priority, state, *rest = job
                state = STATES[state]
            still_open += state != DELIVERED
            done = max(done, (state == DELIVERED and rest[2]) or 0)
            self._insert_job(number, name, state, priority, study, rest, size)
        self.execute(
            "INSERT INTO objects VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number, record["uid"], record["copy"], record["class"], record["syntax"], record["path"],
                record["offset"], size, record["crc"], record["head_crc"], record["at"], *record["source"],
                record["series"], record["modality"], record["number"], hold, why, study, len(jobs), still_open, done,
            ),
        )  # fmt: skip
        self._count_object(1, size, hold, still_open, len(jobs))
        self._spare_path(record["path"])

    def _kept(self, record):
        """Put in all that is known of an object, unless its own lines have told it (see compaction)."""
        if self._size(record["id"]) is None:
            self._object(record, is_old=True)

    def _size(self, number):
        """Return the octets of an object's data set, or None when it is not there."""
        row = self.execute("SELECT size FROM objects WHERE id = ?", (number,)).fetchone()
        return None if row is None else row[0]

    def _removed(self, record):
        for number in record["ids"]:
            row = self.execute(
                "SELECT path, size, hold, open, jobs, study_id, series, modality FROM objects WHERE id = ?", (number,)
            ).fetchone()
            if row is None:
                continue
            path, size, hold, still_open, jobs, study, series, modality = row
            for destination, state in self.execute("SELECT destination, state FROM jobs WHERE object = ?", (number,)):
                self._count_job(study, destination, state, -1, size)
            self.execute("DELETE FROM jobs WHERE object = ?", (number,))
            self.execute("DELETE FROM objects WHERE id = ?", (number,))
            self.execute("INSERT OR REPLACE INTO doomed VALUES(?)", (path,))
            self.has_doomed = True
            self._count_object(-1, size, hold, still_open, jobs)
            studies.leave(self, study, series, modality, size)

    def _moved(self, record):
        """Another file stands for the object now."""
        self.execute(
            "UPDATE objects SET path = ?, offset = ?, head_crc = ? WHERE id = ?",
            (record["path"], record["offset"], record["head_crc"], record["id"]),
        )
        self._spare_path(record["path"])

    def _spare_path(self, path):
        """Strike a path off the list of files to be removed: another object's file has it now."""
        if self.has_doomed:
            self.execute("DELETE FROM doomed WHERE path = ?", (path,))

    def _change_object(self, number, open_change=0, jobs_change=0, hold=False, why=None):
        """Change an object's counters or its hold (False: as it is), and the counts with it."""
        size, had_hold, had_why, had_open, had_jobs = self.execute(
            "SELECT size, hold, why, open, jobs FROM objects WHERE id = ?", (number,)
        ).fetchone()
        if hold is False:
            hold, why = had_hold, had_why
        self._count_object(-1, size, had_hold, had_open, had_jobs)
        self._count_object(1, size, hold, had_open + open_change, had_jobs + jobs_change)
        self.execute(
            "UPDATE objects SET hold = ?, why = ?, open = ?, jobs = ? WHERE id = ?",
            (hold, why, had_open + open_change, had_jobs + jobs_change, number),
        )

    def _hold(self, record):
        """Hold an object, and those of its jobs that wait."""
        number = record["id"]
        if self._size(number) is None:
            return
        self._change_object(number, 0, 0, record["cause"], record["why"])
        waiting = "SELECT destination, tries FROM jobs WHERE object = ? AND state < ?"
        for destination, tries in self.execute(waiting, (number, HELD)).fetchall():
            job = {"id": number, "to": self.names[destination], "state": "held", "tries": tries, "at": record["at"]}
            self._job(dict(job, cause=record["cause"], why=record["why"]))

    def _unhold(self, record):
        """Hold an object no longer, nor the jobs that were held because it was."""
        number = record["id"]
        row = self.execute("SELECT hold FROM objects WHERE id = ?", (number,)).fetchone()
        if row is None:
            return
        self._change_object(number, 0, 0, None)
        held = "SELECT destination FROM jobs WHERE object = ? AND state = ? AND cause = ?"
        for (destination,) in self.execute(held, (number, HELD, row[0])).fetchall():
            name = self.names[destination]
            self._job({"id": number, "to": name, "state": "ready", "tries": 0, "at": record["at"]})

    def _folder(self, record):
        """Note that a folder is in use from this object on."""
        self.execute(
            "INSERT INTO folders VALUES(?1, ?2, ?2) ON CONFLICT(name) DO UPDATE SET used_id = excluded.used_id",
            (record["name"], record["first"]),
        )

    # Jobs

    def _insert_job(self, number, name, state, priority, study, rest, size):
        destination = self.destination(name)
        self.execute(
            "INSERT INTO jobs VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, destination, state, priority, study, *(*rest, 0, 0, None)[:9]),
        )
        self._count_job(study, destination, state, 1, size)

    def _jobs(self, record):
        """Add jobs to an object; those it has stay as they are. With `unhold`, it is held no longer."""
        number = record["id"]
        row = self.execute("SELECT size, study_id FROM objects WHERE id = ?", (number,)).fetchone()
        if row is None:
            return
        size, study = row
        if "source" in record:
            self.sources.came_again(record["source"], record["at"])
        added = 0
        for name, priority in record["jobs"]:
            if self.state_of(number, self.destination(name)) is None:
                self._insert_job(number, name, READY, priority, study, _NEVER_TRIED, size)
                added += 1
        if added or record.get("unhold"):
            self._change_object(number, added, added, None if record.get("unhold") else False)

    def state_of(self, number, destination):
        """Return (state of a job; size, hold, open, jobs, study of its object), or None when there is no such job."""
        return self.execute(
            "SELECT j.state, o.size, o.hold, o.open, o.jobs, o.study_id FROM jobs j JOIN objects o ON o.id = j.object"
            " WHERE j.object = ? AND j.destination = ?", (number, destination)
        ).fetchone()  # fmt: skip

    def _job(self, record):
        """Set the state of one job."""
        number, destination = record["id"], self.destination(record["to"])
        row = self.state_of(number, destination)
        if row is None:
            return
        state = STATES[record["state"]]
        self.execute(
            "UPDATE jobs SET state = ?, tries = ?, due = ?, since = ?, status = ?, cause = ?, why = ?"
            " WHERE object = ? AND destination = ?",
            (
                state, record["tries"], record.get("due", 0), record["at"], record.get("status"), record.get("cause"),
                record.get("why"), number, destination,
            ),
        )  # fmt: skip
        if state == SENT:
            pledges.sent(self, number, destination, record.get("as"))
        self.enter(number, destination, row, state, record["at"])

    def enter(self, number, destination, row, state, at):
        """Count a job, of which `state_of` said `row`, as being in `state` since `at`."""
        had, size, hold, still_open, jobs, study = row
        if had != state:
            self._count_job(study, destination, had, -1, size)
            self._count_job(study, destination, state, 1, size)
            change = (state != DELIVERED) - (had != DELIVERED)
            if change:
                self._count_object(-1, size, hold, still_open, jobs)
                self._count_object(1, size, hold, still_open + change, jobs)
                sql = "UPDATE objects SET open = ?, done = ? WHERE id = ?"
                self.execute(sql, (still_open + change, at, number))

    def _released(self, record):
        """Let jobs go again with all their tries, whatever kept them."""
        for number, name in record["jobs"]:
            self._job({"id": number, "to": name, "state": "ready", "tries": 0, "at": record["at"]})
            pledges.begin_again(self, number, self.destination(name))

    def _dropped(self, record):
        """Forget one job."""
        number, destination = record["id"], self.destination(record["to"])
        row = self.state_of(number, destination)
        if row is not None:
            state, size = row[:2]
            self.execute("DELETE FROM jobs WHERE object = ? AND destination = ?", (number, destination))
            self._count_job(row[5], destination, state, -1, size)
            self._change_object(number, -1 if state != DELIVERED else 0, -1)

    def _priority(self, record):
        for number, name in record["jobs"]:
            self.execute(
                "UPDATE jobs SET priority = ? WHERE object = ? AND destination = ?",
                (record["priority"], number, self.destination(name)),
            )

    def bury(self, paths):
        """Strike paths off the list of files to be removed: they are gone."""
        with Transaction(self):
            for path in paths:
                self.execute("DELETE FROM doomed WHERE path = ?", (path,))
        self.has_doomed = self.execute("SELECT 1 FROM doomed LIMIT 1").fetchone() is not None

    def promote(self, destination, now, horizon, at_once=1000):
        """Make ready what was deferred until now at the latest, or longer than `horizon`."""
        for where, limit in (("due <= ?", now), ("due > ?", horizon)):
            found = self.execute(
                "SELECT j.object, o.size FROM jobs j INDEXED BY jobs_deferred JOIN objects o ON o.id = j.object"
                " WHERE j.destination = ? AND j.state = 1 AND j.%s ORDER BY j.due LIMIT ?" % where,
                (destination, limit, at_once),
            ).fetchall()
            if found:
                with Transaction(self):
                    for number, size in found:
                        self.execute(
                            "UPDATE jobs SET state = 0 WHERE object = ? AND destination = ?", (number, destination)
                        )
                        self.count(destination, DEFERRED, -1, -size)
                        self.count(destination, READY, 1, size)


def _no_database(sql, arguments=()):
    """Stand in for `execute` while there is no database: what is asked of it makes its holder make one."""
    raise sqlite3.DatabaseError("there is no database")


_NEVER_TRIED = (0, 0, None, None, None, None)  # tries, due, since, status, cause, why

_APPLY = {
    "object": Ledger._object,
    "kept": Ledger._kept,
    "jobs": Ledger._jobs,
    "job": Ledger._job,
    "released": Ledger._released,
    "dropped": Ledger._dropped,
    "priority": Ledger._priority,
    "hold": Ledger._hold,
    "unhold": Ledger._unhold,
    "removed": Ledger._removed,
    "moved": Ledger._moved,
    "folder": Ledger._folder,
    "study": studies.renamed,
    **pledges.APPLY,
}
