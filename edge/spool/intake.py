"""From the first octet of an object to the instant at which it may be acknowledged.

An Arrival is a partial file that nobody sees. `commit` gives it its final name, makes data and name durable, then the
line of the journal that says what it is and where it goes, and only then returns. Renaming before the first sync spares
the file system one commit of its own journal; the price is that a crash can leave a final name with a torn file behind
it, which is why a name that no line knows is looked at when the spool is opened (`recovery`).

The same SOP Instance UID again: the same octets are the same object, which is there already; so is the same data set in
another uncompressed transfer syntax. Other octets are kept beside the first under a name of their own, and held.
Nothing is overwritten. A copy on the disk that turns out to have rotted is replaced by the good one that just came.
"""

import itertools
from _thread import allocate_lock
from collections import namedtuple

from edge.dicom import part10, skim, syntax, text
from edge.dicom.errors import DicomError
from edge.spool import errors
from edge.spool.checksum import crc32
from edge.spool.compare import UNCOMPRESSED
from edge.spool.disk import FILE_MODE, NEW_FILE
from edge.spool.further import Further
from edge.spool.following import BATCH
from edge.spool.inflate import inflater
from edge.spool.jobs import CONFLICT, FETCHED, NORMAL, ROTTEN, UNROUTED
from edge.spool.shelf import file_name
from edge.spool.stepper import stepper

# Where an object came from. calling, called: AE titles; address: str
Source = namedtuple("Source", "calling called address")

# What commit returns. object_id: int; verdict: NEW, IDENTICAL or CONFLICT
Stored = namedtuple("Stored", "object_id verdict")

NEW, IDENTICAL = "new", "identical"

# What a route may answer beside names: a destination that has the object already, as it came from there; why: in words
Has = namedtuple("Has", "name why")

# What a route may decide by. All str, "" where the data set does not say; source: Source; values: tag -> raw octets of
# the elements that were looked at, None for one that a route asked for and that could not be read
Facts = namedtuple(
    "Facts",
    "sop_class sop_instance transfer_syntax source study patient_id patient_name accession date description series"
    " modality number body_part station values",
)

_SOP_CLASS, _SOP_INSTANCE, _CHARSETS, _PATIENT_NAME = 0x00080016, 0x00080018, 0x00080005, 0x00100010
_TAGS = (
    # in the order of Facts, from `study` on
    0x0020000D,  # Study Instance UID
    0x00100020,  # Patient ID
    0x00100010,  # Patient's Name
    0x00080050,  # Accession Number
    0x00080020,  # Study Date
    0x00081030,  # Study Description
    0x0020000E,  # Series Instance UID
    0x00080060,  # Modality
    0x00200013,  # Instance Number
    0x00180015,  # Body Part Examined
    0x00081010,  # Station Name
)
WANTED = frozenset(_TAGS + (_SOP_CLASS, _SOP_INSTANCE, _CHARSETS))
LAST_WANTED = 0x00200013
_STEP = stepper(WANTED, LAST_WANTED)

_MEDIA_SOP_INSTANCE = b"\x02\x00\x03\x00UI"  # as it begins in a head
_HEADS_AT_HAND = 64
_FAR_BEHIND = 4 * BATCH  # lines that the index may be behind before `begin` waits for it
_TEXT_LIMIT = 256  # characters of any one value that the index keeps
_BEHIND_BYTES = 8 << 20  # how much of a large object may be dirty in memory before the disk is told to begin

_OTHER_OCTETS = (
    "other octets with the same SOP Instance UID are in the spool: compare them, then `edge release --object ID` lets"
    " this one go, `edge remove --object ID` removes one"
)
_OTHER_SYNTAX = (
    "the same SOP Instance UID is in the spool in another transfer syntax, and nothing here can decode both to tell"
    " whether they are the same: compare them, then `edge release --object ID` lets this one go, `edge remove --object"
    " ID` removes one"
)


class Intake:
    """Takes objects in, for any number of threads at once."""

    def __init__(self, spool):
        """`spool`: the Spool that the objects go into, all of its parts made but this one."""
        self.disk = spool.disk
        self.partial_fd = spool.partial_fd
        self.journal = spool.journal
        self.index = spool.index
        self.shelf = spool.shelf
        self.quota = spool.quota
        self.turns = spool.turns
        self.health = spool.health
        self.limits = spool.limits
        self.now = spool.now
        self.compaction = spool.compaction
        self.files = spool.files
        self.comparison = spool.comparison
        self.last_id = spool.index.next_id - 1
        self._lock = allocate_lock()
        self._further = frozenset()
        self._heads = {}
        self._next_partial = itertools.count(1).__next__

    def next_id(self):
        """Return the number of the next object."""
        with self._lock:
            self.last_id += 1
            return self.last_id

    def look_for(self, tags):
        """Have further elements (a collection of tags, all before the pixels) looked up for routes, from now on."""
        self._further = frozenset(tags) - WANTED

    def looking(self, known):
        """Return what looks up the further elements of an object in the TransferSyntax `known`; None without any."""
        return Further(known, self._further) if self._further else None

    def begin(self, sop_class, sop_instance, transfer_syntax, source, priority=NORMAL):
        """Return the Arrival of an object that somebody is about to send; NoSpace when there is no room for it.

        All str; `source`: a Source; `priority`: of its jobs. The octets that follow are its data set.
        """
        if self.index.pending >= _FAR_BEHIND:
            self.keep_up()  # whoever takes objects in does not call it
        self.quota.admit()
        head = self._head(sop_class, sop_instance, transfer_syntax, source)
        return Arrival(self, head, sop_class, sop_instance, transfer_syntax, source, priority)

    def rehearse(self, sop_class, sop_instance, transfer_syntax, source):
        """Return the Arrival of an object that nobody is to keep: for `Arrival.rehearse`, room or no room."""
        head = self._head(sop_class, sop_instance, transfer_syntax, source)
        return Arrival(self, head, sop_class, sop_instance, transfer_syntax, source, NORMAL)

    def keep_up(self):
        """Do what commits leave to be done, when there is enough of it: for when the answer is out. Never raises."""
        self.index.keep_up()
        self.compaction.keep_up()

    def _head(self, sop_class, sop_instance, transfer_syntax, source):
        """Return the head of a new file: of the same kind, it differs in nothing but the SOP Instance UID."""
        key = (sop_class, len(sop_instance), transfer_syntax, source[:2])
        known = self._heads.get(key)
        if known is None or not sop_instance.isprintable() or not sop_instance.isascii():
            titles = [title if title.isascii() and title.isprintable() else None for title in source[:2]]
            try:
                head = part10.head(sop_class, sop_instance, transfer_syntax, titles[0], titles[0], titles[1])
            except DicomError as error:
                raise errors.Unreadable(str(error))
            if not sop_instance:
                raise errors.Unreadable("the object has no SOP Instance UID")
            at = head.index(_MEDIA_SOP_INSTANCE, part10.PREAMBLE_OCTETS + 4) + len(_MEDIA_SOP_INSTANCE) + 2
            if len(self._heads) >= _HEADS_AT_HAND:
                self._heads = {}
            self._heads[key] = (head[:at], head[at + len(sop_instance) :])
            return head
        return b"%b%b%b" % (known[0], sop_instance.encode("ascii"), known[1])

    def create(self):
        """Return (name, descriptor) of a new partial file."""
        name = "%d.part" % self._next_partial()
        try:
            return name, self.disk.open(name, NEW_FILE, FILE_MODE, dir_fd=self.partial_fd)
        except OSError as error:
            raise errors.from_os(error, "beginning a file")


class Arrival:
    """One object on its way in. One thread writes and commits it, or abandons it."""

    __slots__ = (
        "_intake", "_head", "_name", "_fd", "_skim", "_values", "_trouble", "_begun_behind", "_further",
        "sop_class", "sop_instance", "transfer_syntax", "source", "priority", "size", "crc",
    )  # fmt: skip

    def __init__(self, intake, head, sop_class, sop_instance, transfer_syntax, source, priority):
        self._intake = intake
        self._head = head
        self.sop_class = sop_class
        self.sop_instance = sop_instance
        self.transfer_syntax = transfer_syntax
        self.source = source
        self.priority = priority
        self.size = 0
        self.crc = 0
        known = syntax.lookup(transfer_syntax)
        self._skim = skim.Skim(known, WANTED, LAST_WANTED, inflater() if known.deflated else None, step=_STEP)
        self._values = self._skim.values
        self._further = intake.looking(known)
        self._trouble = None
        self._begun_behind = 0
        self._name, self._fd = intake.create()

    def write(self, view):
        """Take the next octets of the data set, as `write_all` does."""
        self.write_all((view,))

    def write_all(self, views):
        """Take the next octets of the data set, a sequence of bytes-like views that follow each other; none is kept.

        NoSpace or Degraded when the disk refuses them. Octets that are no data set are not written, nor are any after
        them: `commit` will say so.
        """
        for view in views:
            if self._skim is None:
                break
            self._look(view)
        if self._further is not None:
            self._further.look(views)
        if self._trouble is not None:
            return
        size, crc = self.size, self.crc
        head = self._head
        try:
            if size:
                self._intake.disk.pwritev_all(self._fd, views, len(head) + size)
            else:
                self._intake.disk.pwritev_all(self._fd, (head, *views), 0)
            for view in views:
                crc = crc32(view, crc)
                size += len(view)
            self.size, self.crc = size, crc
            if size - self._begun_behind >= _BEHIND_BYTES:
                self._write_behind()
        except OSError as error:
            raise errors.from_os(error, "writing an object")

    def _look(self, view):
        """Let the skim see what it still needs."""
        try:
            if self._skim.feed(view):
                self._skim = None
        except DicomError as error:
            self._give_up(error)

    def _give_up(self, error):
        self._skim = None
        self._trouble = errors.Unreadable("this is no data set in %s: %s" % (self.transfer_syntax, error))

    def _write_behind(self):
        disk, upto = self._intake.disk, self.size
        disk.write_behind(self._fd, self._begun_behind, upto - self._begun_behind)
        self._begun_behind = upto
        self._intake.quota.check()

    def commit(self, route):
        """Make the object durable and return its Stored; from then on it may be acknowledged.

        `route(facts)` returns the list of destinations (names, or pairs of name and priority) or, as str, why nobody
        gets the object and a person has to look. Raises Mismatch, Unreadable, NoSpace or Degraded: then nothing of
        the object is left in the spool.
        """
        turns = self._intake.turns
        try:
            self._judge()
            turns.enter(self.sop_instance)
            try:
                return self._settle(self._facts(), route)
            except OSError as error:  # of looking at what is here already: what writes judges its errors by itself
                raise errors.from_os(error, "looking at the objects that are here already")
            finally:
                turns.leave(self.sop_instance)
        finally:
            self.abandon()

    def rehearse(self):
        """Do what `commit` does before anybody learns of the object: judge it, sync it; then drop it. Raises alike."""
        try:
            self._judge()
            try:
                self._intake.disk.fsync(self._fd)
            except OSError as error:
                raise errors.from_os(error, "making an object durable")
        finally:
            self.abandon()

    def abandon(self):
        """Drop what was received so far. After `commit`, or a second time, it does nothing."""
        fd, self._fd = self._fd, None
        if fd is not None:
            disk = self._intake.disk
            disk.close(fd)
            if self._name is not None:
                try:
                    disk.unlink(self._name, dir_fd=self._intake.partial_fd)
                except OSError:
                    pass  # emptied when the spool is opened again

    def _judge(self):
        """Raise Unreadable or Mismatch when this is not the object that was announced."""
        if self._skim is not None:
            try:
                self._skim.finish()
            except DicomError as error:
                self._give_up(error)
        if self._trouble is None and not self._values:
            what = "has none of the elements that identify an object" if self.size else "is empty"
            self._trouble = errors.Unreadable("the data set %s" % what)
        if self._trouble is not None:
            raise self._trouble
        for tag, what, announced in (
            (_SOP_CLASS, "SOP Class", self.sop_class), (_SOP_INSTANCE, "SOP Instance", self.sop_instance)
        ):  # fmt: skip
            value = self._values.get(tag)
            if value is not None and value.strip(b"\0 ") != announced.encode():
                raise errors.Mismatch("the %s UID in the data set is not the one in the command" % what)

    def _facts(self):
        values = self._values
        if self._further is not None:
            values = values | self._further.values()
        return facts(self.sop_class, self.sop_instance, self.transfer_syntax, self.source, values)

    def _settle(self, facts, route):
        intake = self._intake
        known = intake.index.find(self.sop_instance)
        if known:
            twin = self._twin(known)
            if twin is not None:
                return self._again(twin, facts, route)
        now = intake.now()
        hold, jobs = _routed(route(facts), self.priority, now)
        verdict = NEW
        if known:
            verdict = CONFLICT
            policy = intake.limits.conflict
            if policy == "hold":
                hold = (CONFLICT, self._words_of_conflict(known))
            elif policy == "keep":
                hold, jobs = None, []
        copy = 1 + max((stored.copy for stored in known), default=0)
        record = {
            "at": now, "uid": self.sop_instance, "copy": copy, "class": self.sop_class,
            "syntax": self.transfer_syntax, "path": "", "offset": len(self._head), "size": self.size, "crc": self.crc,
            "head_crc": crc32(self._head), "source": list(self.source), "study": facts[4:10], "series": facts.series,
            "modality": facts.modality, "number": facts.number, "jobs": jobs,
        }  # fmt: skip
        if hold is not None:
            record["hold"] = hold
        return Stored(self._place("object", record, copy), verdict)

    def _words_of_conflict(self, known):
        syntaxes = {self.transfer_syntax, *(stored.syntax for stored in known)}
        return _OTHER_OCTETS if len(syntaxes) == 1 or syntaxes.issubset(UNCOMPRESSED) else _OTHER_SYNTAX

    def _place(self, kind, record, copy):
        """Give the file its final name, make both durable, then the line that says so; on failure nothing is left.

        Return the number that was taken for it; a new object is known by it.
        """
        intake = self._intake
        disk = intake.disk
        try:
            folder = intake.shelf.take(record["at"])
        except OSError as error:
            raise errors.from_os(error, "making a folder for objects")
        try:
            number = intake.next_id()  # after the folder was taken: what is in a folder is younger than it
            record.setdefault("id", number)
            name = file_name(self.sop_instance, copy, number)
            if disk.exists(name, folder.fd):
                name = file_name("", 1, number)  # there is a file that got here without us
            record["path"] = "%s/%s" % (folder.name, name)
            try:
                disk.rename(self._name, name, src_dir_fd=intake.partial_fd, dst_dir_fd=folder.fd)
                self._name = None
                disk.fsync(self._fd)
                intake.journal.append(kind, record, folder=folder)
            except OSError as error:
                refusal = errors.from_os(error, "making an object durable")
                if isinstance(refusal, errors.Degraded):
                    intake.health.report("sync", str(refusal))
                self._take_back(name, folder)
                raise refusal
            except (errors.NoSpace, errors.Degraded):
                self._take_back(name, folder)
                raise
        finally:
            intake.shelf.give(folder)
        return number

    def _take_back(self, name, folder):
        """Remove a final name that nobody was told about."""
        if self._name is None:
            try:
                self._intake.disk.unlink(name, dir_fd=folder.fd)
            except OSError:
                pass  # no line knows it: it is discarded when the spool is opened again

    def _twin(self, known):
        """Return the StoredObject that this one is the same as, or None; a rotten copy on the disk is replaced."""
        files = self._intake.files
        for stored in known:
            if self._is_same(stored):
                return stored
        for stored in known:
            likely = (stored.crc, stored.size, stored.syntax) == (self.crc, self.size, self.transfer_syntax)
            if likely and files.fault(stored) is not None:
                self._heal(stored)
                return stored
        return None

    def _is_same(self, stored):
        """Say whether a stored object is this one."""
        is_alike = (stored.crc, stored.size) == (self.crc, self.size)
        if stored.syntax == self.transfer_syntax and not is_alike:
            return False
        intake = self._intake
        try:
            fd = intake.files.open(stored)
        except OSError:
            return False
        try:
            mine = (self._fd, len(self._head), self.size, self.transfer_syntax)
            return intake.comparison.same((fd, stored.offset, stored.size, stored.syntax), mine)
        finally:
            intake.disk.close(fd)

    def _heal(self, stored):
        """Let this file stand for an object whose own file has rotted or is gone."""
        intake = self._intake
        record = {"id": stored.id, "at": intake.now(), "offset": len(self._head), "head_crc": crc32(self._head)}
        self._place("moved", record, stored.copy)
        if stored.hold == ROTTEN:
            intake.journal.append("unhold", {"id": stored.id, "at": record["at"]})
        if record["path"] != stored.path:
            intake.files.set_aside(stored.path)

    def _again(self, twin, facts, route):
        """Put down that an object came again: it gets the jobs it has not had yet, and nobody keeps two of it."""
        intake = self._intake
        now = intake.now()
        _, jobs = _routed(route(facts), self.priority, now)
        jobs = [job for job in jobs if len(job) == 2]  # what it came from has no part in where it went before
        record = {"id": twin.id, "at": now, "source": list(self.source), "jobs": jobs}
        if twin.hold == ROTTEN:  # it was not, as it turns out
            intake.journal.append("unhold", {"id": twin.id, "at": record["at"]})
        had = {job.destination for job in intake.index.jobs_of(twin.id)}
        new = any(name not in had for name, _ in jobs)
        if new and twin.hold == UNROUTED:
            record["unhold"] = True
        intake.journal.append("jobs", record, durable=new)
        return Stored(twin.id, IDENTICAL)


def _jobs(answer, priority, now):
    """Yield what a line has for each that a route returned: (name, priority), and more of what has the object."""
    for each in answer:
        if isinstance(each, Has):
            yield (each.name, NORMAL, "delivered", 0, 0, now, None, FETCHED, each.why)
        else:
            yield (each, priority) if isinstance(each, str) else each


def _routed(answer, priority, now):
    """Return (hold, jobs) as a line has them for what a route answered."""
    if isinstance(answer, str):
        return (UNROUTED, answer), []
    jobs = list({job[0]: job for job in _jobs(answer, priority, now)}.values())
    if not jobs:
        return (UNROUTED, "no route takes this object: add one, or send it by hand"), []
    return None, jobs


def facts(sop_class, sop_instance, transfer_syntax, source, values):
    """Return the Facts of an object of whose data set these raw `values` (tag -> octets) were found."""
    return Facts(
        sop_class, sop_instance, transfer_syntax, source, *[_text(values, tag) for tag in _TAGS], values
    )  # fmt: skip


def _text(values, tag):
    """Return a raw value as text for people and routes, short enough for the index."""
    value = values.get(tag)
    if not value:
        return ""
    value = value.strip(b"\0 ")
    if value.isascii():
        plain = value.decode("ascii")
        if plain.isprintable():
            return plain[:_TEXT_LIMIT]
    return text.decode(value, text.terms(values.get(_CHARSETS, b"")), tag == _PATIENT_NAME)[:_TEXT_LIMIT]
