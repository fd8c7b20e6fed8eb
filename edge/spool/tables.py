"""The tables of the index, what is asked of them, and the shape of the answers: words only, nothing happens here.

A job that is waiting is READY when it may be sent now, or DEFERRED until a time; both are "waiting" to everyone else.
That a job is being sent is not written anywhere: a crash makes it wait again, which is what "at least once" means.
Where a destination has to commit to what it was sent, a job is SENT from its answer until it has done so.

Every question that matters is answered from the head of an index of its own, so that it takes no longer in a queue of
200,000 than in one of ten. The indexes of jobs are partial: a job is in that of its state alone, a held one also in
that of those that are held by themselves, not with their object.
"""

from collections import namedtuple

from edge.spool import sources

SCHEMA = 6

READY, DEFERRED, HELD, DELIVERED, SENT = 0, 1, 2, 3, 4
STATES = {"ready": READY, "deferred": DEFERRED, "held": HELD, "delivered": DELIVERED, "sent": SENT}
STATE_NAMES = {number: name for name, number in STATES.items()}

# Why an object as a whole is held, and under which number the tallies count those that are for this reason
HOLDS = {"conflict": 10, "unrouted": 11, "found": 12, "rotten": 13}

# The study's attributes as the first of its objects had them, in the order in which they stand in a line. The same UID
# with another Patient ID is another study: what two patients have sent is never told under one name
STUDY_FIELDS = ("study", "patient_id", "patient_name", "accession", "date", "description")

OBJECT_FIELDS = (
    "id", "uid", "copy", "sop_class", "syntax", "path", "offset", "size", "crc", "head_crc", "received",
    "calling", "called", "address", "series", "modality", "number", "hold", "why",
)  # fmt: skip

# One object as it is stored. id: int, in the order of arrival; copy: 1, or 2 and up for other bytes under the same UID;
# path: below objects/; offset: where the data set begins; size: octets of the data set; crc: CRC-32 of the data set;
# hold: a word for why it is held or None; why: the same in words; study_id orders the studies
StoredObject = namedtuple("StoredObject", OBJECT_FIELDS + ("study_id",) + STUDY_FIELDS)

# One object on its way to one destination. state: "ready", "deferred", "held", "sent" or "delivered"; due: when a
# deferred one may be tried again; since: when it came into this state, of a sent one when commitment was last asked
# for; status: of the last response, or None; cause: a word, of a sent one the UID of the last transaction; why: words;
# sends: how often it was sent without being committed to; asks: how often commitment was asked for since
JobRow = namedtuple(
    "JobRow", "object_id destination state priority tries due since status cause why uid study_id sends asks"
)

# What a worker needs to send one object to one destination; the fields as in StoredObject, study: Study Instance UID
Job = namedtuple(
    "Job",
    "object_id destination priority tries uid copy sop_class syntax path offset size crc study calling called address"
    " received",
)

TABLES = """
CREATE TABLE place(one INTEGER PRIMARY KEY CHECK(one = 1), spool TEXT NOT NULL, segment INTEGER NOT NULL,
    offset INTEGER NOT NULL, next_id INTEGER NOT NULL);
CREATE TABLE studies(id INTEGER PRIMARY KEY, uid TEXT NOT NULL, objects INTEGER NOT NULL, patient_id TEXT NOT NULL,
    patient_name TEXT, accession TEXT, date TEXT, description TEXT, who TEXT NOT NULL, what TEXT NOT NULL);
CREATE UNIQUE INDEX studies_uid ON studies(uid, patient_id);
CREATE INDEX studies_accession ON studies(accession COLLATE NOCASE) WHERE accession IS NOT NULL;
CREATE TABLE series(study INTEGER NOT NULL, uid TEXT NOT NULL, modality TEXT NOT NULL, objects INTEGER NOT NULL,
    octets INTEGER NOT NULL, PRIMARY KEY(study, uid, modality)) WITHOUT ROWID;
CREATE TABLE ways(study INTEGER NOT NULL, destination INTEGER NOT NULL, state INTEGER NOT NULL, jobs INTEGER NOT NULL,
    PRIMARY KEY(study, destination, state)) WITHOUT ROWID;
CREATE TABLE objects(id INTEGER PRIMARY KEY, uid TEXT NOT NULL, copy INTEGER NOT NULL, sop_class TEXT, syntax TEXT,
    path TEXT NOT NULL, offset INTEGER, size INTEGER, crc INTEGER, head_crc INTEGER, received REAL, calling TEXT,
    called TEXT, address TEXT, series TEXT, modality TEXT, number TEXT, hold TEXT, why TEXT, study_id INTEGER NOT NULL,
    jobs INTEGER NOT NULL, open INTEGER NOT NULL, done REAL NOT NULL);
CREATE INDEX objects_uid ON objects(uid);
CREATE INDEX objects_study ON objects(study_id);
CREATE INDEX objects_held ON objects(id) WHERE hold IS NOT NULL;
CREATE INDEX objects_hold ON objects(hold) WHERE hold IS NOT NULL;
CREATE INDEX objects_done ON objects(done) WHERE open = 0 AND jobs > 0 AND hold IS NULL;
CREATE TABLE destinations(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE jobs(object INTEGER NOT NULL, destination INTEGER NOT NULL, state INTEGER NOT NULL,
    priority INTEGER NOT NULL, study INTEGER NOT NULL, tries INTEGER NOT NULL, due REAL NOT NULL, since REAL,
    status INTEGER, cause TEXT, why TEXT, sends INTEGER NOT NULL, asks INTEGER NOT NULL, sent_as TEXT,
    PRIMARY KEY(object, destination)) WITHOUT ROWID;
CREATE INDEX jobs_ready ON jobs(destination, priority, study, object) WHERE state = 0;
CREATE INDEX jobs_deferred ON jobs(destination, due) WHERE state = 1;
CREATE INDEX jobs_held ON jobs(destination, object) WHERE state = 2;
CREATE INDEX jobs_alone ON jobs(destination, object)
    WHERE state = 2 AND coalesce(cause, '') NOT IN ('conflict', 'unrouted', 'found', 'rotten');
CREATE INDEX jobs_delivered ON jobs(destination, object) WHERE state = 3;
CREATE INDEX jobs_sent ON jobs(destination, asks, since, object) WHERE state = 4;
CREATE TABLE transactions(id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, destination INTEGER NOT NULL,
    asked REAL NOT NULL, answered REAL);
CREATE INDEX transactions_asked ON transactions(asked);
CREATE TABLE members(ask INTEGER NOT NULL, object INTEGER NOT NULL, PRIMARY KEY(ask, object)) WITHOUT ROWID;
CREATE TABLE tallies(destination INTEGER NOT NULL, state INTEGER NOT NULL, jobs INTEGER NOT NULL,
    octets INTEGER NOT NULL, PRIMARY KEY(destination, state)) WITHOUT ROWID;
CREATE TABLE folders(name TEXT PRIMARY KEY, first_id INTEGER NOT NULL, used_id INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE doomed(path TEXT PRIMARY KEY) WITHOUT ROWID;
""" + sources.TABLE

_COLUMNS = ", ".join("o." + name for name in OBJECT_FIELDS)
OBJECTS = (
    "SELECT %s, o.study_id, s.uid, s.patient_id, s.patient_name, s.accession, s.date, s.description"
    " FROM objects o CROSS JOIN studies s ON s.id = o.study_id " % _COLUMNS
)
JOBS = (
    "SELECT j.object, j.destination, j.state, j.priority, j.tries, j.due, j.since, j.status, j.cause, j.why, o.uid,"
    " j.study, j.sends, j.asks FROM jobs j %s CROSS JOIN objects o ON o.id = j.object WHERE "
)
JOB = JOBS % ""

# How the jobs of one destination in one state are listed: the question, and which columns the next page goes on from
LANES = {
    READY: (
        JOBS % "INDEXED BY jobs_ready" + "j.destination = ? AND j.state = 0"
        " AND (j.priority, j.study, j.object) > (?, ?, ?) ORDER BY j.priority, j.study, j.object LIMIT ?",
        (3, 11, 0),
    ),
    DEFERRED: (
        JOBS % "INDEXED BY jobs_deferred" + "j.destination = ? AND j.state = 1 AND (j.due, j.object) > (?, ?)"
        " ORDER BY j.due, j.object LIMIT ?",
        (5, 0),
    ),
    HELD: (
        JOBS % "INDEXED BY jobs_held" + "j.destination = ? AND j.state = 2 AND j.object > ?"
        " ORDER BY j.object LIMIT ?",
        (0,),
    ),
    SENT: (
        JOBS % "INDEXED BY jobs_sent" + "j.destination = ? AND j.state = 4 AND (j.asks, j.since, j.object) > (?, ?, ?)"
        " ORDER BY j.asks, j.since, j.object LIMIT ?",
        (13, 6, 0),
    ),
    DELIVERED: (
        JOBS % "INDEXED BY jobs_delivered" + "j.destination = ? AND j.state = 3 AND j.object > ?"
        " ORDER BY j.object LIMIT ?",
        (0,),
    ),
}  # fmt: skip
# The first job of a destination that is held by itself, and when it came to be so
HELD_ALONE = (
    "SELECT object, since FROM jobs INDEXED BY jobs_alone WHERE destination = ? AND state = 2"
    " AND coalesce(cause, '') NOT IN ('conflict', 'unrouted', 'found', 'rotten') ORDER BY object LIMIT 1"
)
# What every destination has, the one that has waited longest since then first
DONE = (
    "SELECT id, uid, size + offset, done, study_id FROM objects INDEXED BY objects_done"
    " WHERE open = 0 AND jobs > 0 AND hold IS NULL AND (done, id) > (?, ?) ORDER BY done, id LIMIT ?"
)
CLAIM = (
    "SELECT j.object, j.priority, j.tries, o.uid, o.copy, o.sop_class, o.syntax, o.path, o.offset, o.size, o.crc,"
    " s.uid, o.calling, o.called, o.address, o.received"
    " FROM jobs j INDEXED BY jobs_ready CROSS JOIN objects o ON o.id = j.object JOIN studies s ON s.id = j.study"
    " WHERE j.destination = ? AND j.state = 0 ORDER BY j.priority, j.study, j.object LIMIT ?"
)

# What is to be known of a job that is SENT, to ask for commitment: in the order in which it waits. uid: as it was sent
Sent = namedtuple("Sent", "object_id sop_class uid since sends")
SENT_JOBS = (
    "SELECT j.object, o.sop_class, coalesce(j.sent_as, o.uid), j.since, j.sends FROM jobs j INDEXED BY jobs_sent"
    " CROSS JOIN objects o ON o.id = j.object WHERE j.destination = (SELECT id FROM destinations WHERE name = ?)"
    " AND j.state = 4 AND j.asks = ? AND %s ORDER BY j.since, j.object LIMIT ?"
)
FIRST_SENT = (
    "SELECT min(since) FROM jobs INDEXED BY jobs_sent WHERE destination = (SELECT id FROM destinations WHERE name = ?)"
    " AND state = 4 AND asks = ?"
)
TRANSACTIONS = "SELECT uid FROM transactions ORDER BY id"
TRANSACTION = (
    "SELECT t.id, d.name, t.answered FROM transactions t JOIN destinations d ON d.id = t.destination WHERE t.uid = ?"
)
MEMBERS = (
    "SELECT m.object, coalesce(j.sent_as, o.uid) FROM members m JOIN objects o ON o.id = m.object"
    " JOIN transactions t ON t.id = m.ask JOIN jobs j ON j.object = m.object AND j.destination = t.destination"
    " WHERE m.ask = ? ORDER BY m.object"
)
