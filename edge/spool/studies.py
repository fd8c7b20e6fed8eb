"""Studies in the index: their numbers, what is counted for each, and how they are searched, the newest first.

A study is numbered by the first of its objects, also when that one is gone: the studies go in this order. Beside its
row stand two kinds of counts, in the same transaction that changes what they count: the objects and octets of each of
its series, and how many of its jobs are in which state at which destination. So a page of studies costs the same
whether they have ten objects or ten thousand each.

A search goes through the studies from the newest to the oldest, some at a time, so that nobody waits for the lock
longer than for those. What is searched stands beside the names in a form of its own: without case and accents.
"""

from collections import namedtuple

from edge.spool import errors
from edge.spool.tables import DELIVERED, HELD, OBJECTS, READY, SENT, StoredObject

# What is looked for; None does not matter. text: words that all have to occur somewhere; patient: of the name or the
# ID, words or, with * and ?, a pattern for the whole of it; accession: with the same wildcards; modality: as it is
# written; date_from, date_to: YYYYMMDD, of the Study Date, both within
Wanted = namedtuple("Wanted", "text patient accession modality date_from date_to", defaults=(None,) * 6)

# number: orders the studies, and names one; uid: Study Instance UID, or what stands for it; received, last: when the
# first and the last of the objects that are kept came; series: list of Series; ways: {destination: {"waiting", "held",
# "delivered" or "sent": how many jobs}}
Study = namedtuple(
    "Study", "number uid objects patient_id patient_name accession date description received last series ways"
)
Series = namedtuple("Series", "uid modality objects octets")

SHOWN = {READY: "waiting", HELD: "held", DELIVERED: "delivered", SENT: "sent"}
_AT_ONCE = 500  # studies that are looked at while the lock is held
_COLUMNS = "SELECT id, uid, objects, patient_id, patient_name, accession, date, description FROM studies WHERE "
_NAMED = "SELECT id FROM studies WHERE %s ORDER BY patient_id, date, id"
_FOLD_LIMIT = 256
# Where an object stands in its study: its series, its Instance Number where that is one, and when it came
_PLACE = (
    "coalesce(series, ''), CASE WHEN ltrim(number) GLOB '[0-9]*' OR ltrim(number) GLOB '[-+][0-9]*'"
    " THEN CAST(ltrim(number) AS INTEGER) ELSE 9223372036854775807 END, id"
)


def folded(text):
    """Return text as it is searched: without case, accents and what separates the parts of a name at its end."""
    text = (text or "")[:_FOLD_LIMIT]
    if not text.isascii():
        from unicodedata import combining, normalize  # a megabyte that most boxes never need

        text = "".join([one for one in normalize("NFKD", text) if not combining(one)])
    return text.casefold().replace("\n", " ")


def _who(patient_id, name):
    """Return what a patient is found by, each on a line of its own: the groups of the name, the ID."""
    groups = [group.rstrip("^ ") for group in folded(name).split("=")]
    return "\n%s\n" % "\n".join([*groups, folded(patient_id)])


def _what(accession, description):
    return "%s\n%s" % (folded(accession), folded(description))


# Following the journal: functions of a Ledger, part of its transactions


def number_of(ledger, record):
    """Return the number of the study of an "object" or "kept" line, with one object more counted in it."""
    study = record["study"]
    key = (study[0] or record["uid"], study[1])
    number, known = record.get("study_id"), ledger.studies.get(key)
    if known is None:
        row = ledger.execute("SELECT id FROM studies WHERE uid = ? AND patient_id = ?", key).fetchone()
        if row is None:
            known = number or record["id"]
            found_by = (_who(study[1], study[2]), _what(study[3], study[5]))
            ledger.execute(
                "INSERT INTO studies VALUES(?, ?, 0, ?, ?, ?, ?, ?, ?, ?)", (known, *key, *study[2:], *found_by)
            )
        else:
            known = row[0]
        ledger.studies[key] = known
    if number is not None and number != known:
        _renumber(ledger, key, known, number)
        known = number
    _count_objects(ledger, known, record["series"], record["modality"], 1, record["size"])
    return known


def _renumber(ledger, key, had, number):
    """Give a study the number that it had when its first object was there."""
    ledger.execute("UPDATE studies SET id = ? WHERE id = ?", (number, had))
    of_study = "object IN (SELECT id FROM objects WHERE study_id = ?)"
    ledger.execute("UPDATE jobs SET study = ? WHERE " + of_study, (number, had))
    ledger.execute("UPDATE objects SET study_id = ? WHERE study_id = ?", (number, had))
    ledger.execute("UPDATE series SET study = ? WHERE study = ?", (number, had))
    ledger.execute("UPDATE ways SET study = ? WHERE study = ?", (number, had))
    ledger.growth[number] = ledger.growth.pop(had, None) or _Growth()
    ledger.studies[key] = number


def leave(ledger, number, series, modality, size):
    """Count one object less in a study; forget the study with its last. Its jobs are counted off by then."""
    _count_objects(ledger, number, series, modality, -1, -size)
    _write(ledger, number, ledger.growth.pop(number))
    if ledger.execute("DELETE FROM studies WHERE id = ? AND objects = 0", (number,)).rowcount:
        ledger.execute("DELETE FROM series WHERE study = ?", (number,))
        ledger.execute("DELETE FROM ways WHERE study = ?", (number,))
        ledger.studies = {key: known for key, known in ledger.studies.items() if known != number}


def renamed(ledger, record):
    """Number a study as it was when the line of its first object went (see compaction)."""
    key = (record["uid"], record["patient_id"])
    row = ledger.execute("SELECT id FROM studies WHERE uid = ? AND patient_id = ?", key).fetchone()
    if row is not None and row[0] != record["id"]:
        _renumber(ledger, key, row[0], record["id"])


class _Growth:
    """What has changed in a study since its counts were written."""

    __slots__ = ("objects", "series", "ways")

    def __init__(self):
        self.objects = 0
        self.series = {}  # {(uid, modality): [objects, octets]}
        self.ways = {}  # {(destination, state): jobs}


def _of(ledger, number):
    growth = ledger.growth.get(number)
    if growth is None:
        growth = ledger.growth[number] = _Growth()
    return growth


def _count_objects(ledger, number, series, modality, objects, octets):
    growth = _of(ledger, number)
    growth.objects += objects
    tally = growth.series.setdefault((series or "", modality or ""), [0, 0])
    tally[0] += objects
    tally[1] += octets


def count_jobs(ledger, number, destination, state, jobs):
    """Count so many jobs of a study more at a destination in a state; ready and deferred are both waiting."""
    ways = _of(ledger, number).ways
    key = (destination, state if state in SHOWN else READY)
    ways[key] = ways.get(key, 0) + jobs


def flush(ledger):
    """Write the counts that changed; part of every transaction."""
    for number, growth in ledger.growth.items():
        _write(ledger, number, growth)
    ledger.growth = {}


def _write(ledger, number, growth):
    if growth.objects:
        ledger.execute("UPDATE studies SET objects = objects + ? WHERE id = ?", (growth.objects, number))
    for key, tally in growth.series.items():
        ledger.execute(
            "INSERT INTO series VALUES(?, ?, ?, ?, ?) ON CONFLICT(study, uid, modality)"
            " DO UPDATE SET objects = objects + excluded.objects, octets = octets + excluded.octets",
            (number, *key, *tally),
        )
        if tally[0] <= 0:
            ledger.execute(
                "DELETE FROM series WHERE study = ? AND uid = ? AND modality = ? AND objects = 0", (number, *key)
            )
    for key, jobs in growth.ways.items():
        if jobs:
            ledger.execute(
                "INSERT INTO ways VALUES(?, ?, ?, ?) ON CONFLICT(study, destination, state)"
                " DO UPDATE SET jobs = jobs + excluded.jobs",
                (number, *key, jobs),
            )


# Asking: functions of an Index


def listing(index, wanted=Wanted(), after=None, limit=50):
    """Return (a page of Studies, the newest first; `after` for the next page, or None when there is none).

    after: the number of a study, behind which the page begins.
    """
    where, arguments = _conditions(wanted)
    is_exact = wanted.accession is not None and not _has_wildcards(wanted.accession)
    rows = []
    last = (1 << 63) - 1 if after is None else after
    while True:
        with index.lock:
            end = 0 if is_exact or not where else _reach(index, last)
            sql = "%s%sid < ? AND id >= ?%s ORDER BY id DESC LIMIT ?" % (_COLUMNS, "+" if is_exact else "", where)
            rows += index.look(sql, (last, end, *arguments, limit + 1 - len(rows)))
        if len(rows) > limit or not end:
            break
        last = end
    found = [_study(index, row) for row in rows[:limit]]
    return found, found[-1].number if len(rows) > limit else None


def _reach(index, last):
    """Return the number of the last study to be looked at at once, going back from `last`; 0 where there are few."""
    sql = "SELECT id FROM studies WHERE id < ? ORDER BY id DESC LIMIT 1 OFFSET ?"
    found = index.look(sql, (last, _AT_ONCE - 1))
    return found[0][0] if found else 0


def named(index, uids=(), patient_id=None, date_from=None, date_to=None):
    """Return the numbers of the studies that fulfil all of what is named, exactly; by patient, then date.

    uids: Study Instance UIDs, of which it is one; patient_id: str; date_from, date_to: YYYYMMDD, of the Study Date.
    """
    where, arguments = _wanted(uids, patient_id, ("date >= ?", date_from), ("date <= ?", date_to))
    return [number for number, in index.look(_NAMED % where, arguments)]


def undated(index, uids=(), patient_id=None):
    """Return how many of the studies that `named` has for any date have no Study Date: no day is before or after it."""
    where, arguments = _wanted(uids, patient_id)
    where += " AND coalesce(date, '') NOT GLOB '[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]'"
    return len(list(index.look(_NAMED % where, arguments)))


def _wanted(uids, patient_id, *more):
    """Return (what a study fulfils, in SQL; its arguments)."""
    where, arguments = ["objects > 0"], []
    if uids:
        where.append("uid IN (%s)" % ", ".join("?" * len(uids)))
        arguments += uids
    for condition, value in (("patient_id = ?", patient_id), *more):
        if value is not None:
            where.append(condition)
            arguments.append(value)
    return " AND ".join(where), arguments


def quiet(index, after, before):
    """Return {number: whether its last object came before `before`} of the studies whose number is higher than `after`.

    before: in s since 1970.
    """
    rows = index.look(
        "SELECT study_id, max(received) FROM objects WHERE study_id > ? GROUP BY study_id ORDER BY study_id", (after,)
    )
    return {number: (last or 0) <= before for number, last in rows}


def get(index, number):
    """Return the Study with this number, None when there is none."""
    try:
        rows = index.look(_COLUMNS + "id = ?", (number,))
    except OverflowError:
        rows = ()  # no number of ours has so many digits
    return _study(index, rows[0]) if rows else None


def objects(index, number, series=None, after=0, limit=100):
    """Return a page of the StoredObjects of a study, in the order of arrival behind number `after`.

    series: only of this Series Instance UID; "" for objects without one.
    """
    where, arguments = "WHERE o.study_id = ? AND o.id > ?", [number, after]
    if series is not None:
        where += " AND coalesce(o.series, '') = ?"
        arguments.append(series)
    rows = index.look(OBJECTS + where + " ORDER BY o.id LIMIT ?", (*arguments, limit))
    return [StoredObject._make(row) for row in rows]


def images(index, number, series=None, after=None, limit=100):
    """Return a page of the StoredObjects of a study, series by series, each in the order of Instance Number.

    As `ordered` has them.
    """
    with index.lock:
        return stored(index, ordered(index, number, series, after, limit))


def ordered(index, number, series=None, after=None, limit=100):
    """Return a page of the numbers of a study's objects, series by series, each in the order of Instance Number.

    Instance Numbers compare as numbers; objects without one come last in their series, and those of the same number as
    they arrived. Of a series at a time where one is named: a page takes as long as that has objects.
    series: as in `objects`; after: the number of the object behind which the page begins; errors.Unknown when it is
    not there any more.
    """
    where, arguments = "study_id = ?", [number]
    if series is not None:
        where += " AND coalesce(series, '') = ?"
        arguments.append(series)
    with index.lock:
        if after is not None:
            place = index.look("SELECT %s FROM objects WHERE id = ? AND study_id = ?" % _PLACE, (after, number))
            if not place:
                raise errors.Unknown("object %d, behind which the page begins, is gone: begin with the first" % after)
            where += " AND (%s) > (?, ?, ?)" % _PLACE
            arguments += place[0]
        found = index.look("SELECT id FROM objects WHERE %s ORDER BY %s LIMIT ?" % (where, _PLACE), (*arguments, limit))
    return [each for each, in found]


def stored(index, numbers):
    """Return the StoredObjects of these numbers, in their order, those that are there."""
    rows = index.look(OBJECTS + "WHERE o.id IN (%s)" % ", ".join("?" * len(numbers)), numbers)
    known = {row[0]: StoredObject._make(row) for row in rows}
    return [known[each] for each in numbers if each in known]


def twins(index, number):
    """Return the StoredObjects of a study that share their SOP Instance UID with another of it."""
    again = "SELECT uid FROM objects WHERE study_id = ? AND copy > 1"
    rows = index.look(OBJECTS + "WHERE o.study_id = ? AND o.uid IN (%s)" % again, (number, number))
    return [StoredObject._make(row) for row in rows]


def count_behind(index, number, after):
    """Return how many objects of a study have a higher number than `after`: they came later."""
    return index.look("SELECT count(*) FROM objects WHERE study_id = ? AND id > ?", (number, after))[0][0]


def _study(index, row):
    number = row[0]
    with index.lock:
        series = index.look(
            "SELECT uid, modality, objects, octets FROM series WHERE study = ? AND objects > 0", (number,)
        )
        counted = index.look(
            "SELECT d.name, w.state, w.jobs FROM ways w JOIN destinations d ON d.id = w.destination"
            " WHERE w.study = ? AND w.jobs > 0", (number,)
        )  # fmt: skip
        times = [
            index.look("SELECT received FROM objects WHERE study_id = ? ORDER BY id %s LIMIT 1" % order, (number,))
            for order in ("", "DESC")
        ]
    ways = {}
    for name, state, jobs in counted:
        ways.setdefault(name, dict.fromkeys(SHOWN.values(), 0))[SHOWN[state]] = jobs
    first, last = [found[0][0] if found else None for found in times]
    return Study(*row, first, last, [Series._make(each) for each in series], ways)


def _has_wildcards(text):
    return "*" in text or "?" in text


def _like(text):
    """Return folded text as a pattern of LIKE, its * and ? as wildcards."""
    for special in "\\%_":
        text = text.replace(special, "\\" + special)
    return text.replace("*", "%").replace("?", "_")


def _conditions(wanted):
    """Return (the conditions in SQL, their arguments)."""
    where, arguments = "", []
    for word in folded(wanted.text).split():
        pattern = "%%%s%%" % _like(word)
        where += " AND (who LIKE ? ESCAPE '\\' OR what LIKE ? ESCAPE '\\' OR uid = ?)"
        arguments += [pattern, pattern, word]
    if wanted.patient is not None and _has_wildcards(wanted.patient):
        where += " AND who LIKE ? ESCAPE '\\'"
        arguments.append("%%\n%s\n%%" % _like(folded(wanted.patient).rstrip("^ ")))
    elif wanted.patient is not None:
        for word in folded(wanted.patient).replace(",", " ").replace("^", " ").split():
            where += " AND who LIKE ? ESCAPE '\\'"
            arguments.append("%%%s%%" % _like(word))
    if wanted.accession is not None:
        if _has_wildcards(wanted.accession):
            where += " AND what LIKE ? ESCAPE '\\'"
            arguments.append(_like(folded(wanted.accession)) + "\n%")
        else:
            where += " AND accession = ? COLLATE NOCASE"
            arguments.append(wanted.accession.strip())
    if wanted.modality is not None:
        where += " AND EXISTS (SELECT 1 FROM series WHERE study = studies.id AND modality = ? AND objects > 0)"
        arguments.append(wanted.modality)
    for sign, date in ((">=", wanted.date_from), ("<=", wanted.date_to)):
        if date is not None:
            where += " AND date %s ?" % sign
            arguments.append(date)
    return where, arguments
