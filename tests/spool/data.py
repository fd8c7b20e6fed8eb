"""What the tests of edge/spool share: data sets, a clock that is set by hand, and disks that fail when told to."""

import errno
import os

from edge.dicom import element, syntax
from edge.spool.disk import Disk
from edge.spool.intake import Source
from edge.spool.spool import Limits, Spool

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = syntax.EXPLICIT_LITTLE
MODALITY = Source("CT1", "EDGE", "10.0.0.7")

SMALL = Limits(reserve_bytes=0, reserve_files=0, segment_bytes=128 << 10, journal_bytes=256 << 10)


class Clock:
    """The time that the spool is told."""

    def __init__(self, now=1_800_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


class FailingDisk(Disk):
    """A disk on which chosen calls fail: `failing` maps the name of a call to the OSError number it gives.

    `where`, when set, says for each call by its arguments whether it is one of those that fail.
    """

    CALLS = ("open", "write", "pwrite", "pwritev", "fsync", "fdatasync", "rename", "unlink", "mkdir", "preadv")

    def __init__(self):
        super().__init__()
        self.failing = {}
        self.where = None
        for name in self.CALLS:
            setattr(self, name, self._guard(name, getattr(self, name)))

    def _guard(self, name, call):
        def guarded(*arguments, **named):
            if name in self.failing and (self.where is None or self.where(*arguments, **named)):
                number = self.failing[name]
                raise OSError(number, os.strerror(number))
            return call(*arguments, **named)

        return guarded


class RecordingDisk(Disk):
    """A disk that writes down the order in which things are written, named and synced."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self._names = {}
        for name in ("open", "close", "pwrite", "pwritev", "fsync", "fdatasync", "rename", "unlink", "mkdir"):
            setattr(self, name, self._recorded(name, getattr(self, name)))

    def _recorded(self, name, call):
        def recorded(*arguments, **named):
            result = call(*arguments, **named)
            if name == "open":
                self._names[result] = os.path.basename(arguments[0])
            elif name == "rename":
                self.calls.append((name, os.path.basename(arguments[0]), os.path.basename(arguments[1])))
                for fd, known in self._names.items():
                    if known == os.path.basename(arguments[0]):
                        self._names[fd] = os.path.basename(arguments[1])
            elif name in ("unlink", "mkdir"):
                self.calls.append((name, os.path.basename(arguments[0])))
            elif name != "close":
                self.calls.append((name, self._names[arguments[0]]))
            return result

        return recorded


def one(tag, vr, value):
    """An element of explicit little endian; text is padded to even length."""
    if isinstance(value, str):
        value = value.encode("latin-1")
    if len(value) & 1:
        value += b"\0" if vr == "UI" else b" "
    return element.write(tag, vr, len(value)) + value


def data_set(uid, pixels=b"\1\2" * 32, patient="4711", name="Doe^Jane", study="1.2.3", sop_class=CT):
    """A small CT image in explicit little endian."""
    return b"".join(
        (
            one(0x00080005, "CS", "ISO_IR 100"),
            one(0x00080016, "UI", sop_class),
            one(0x00080018, "UI", uid),
            one(0x00080020, "DA", "20260102"),
            one(0x00080050, "SH", "A1"),
            one(0x00080060, "CS", "CT"),
            one(0x00100010, "PN", name),
            one(0x00100020, "LO", patient),
            one(0x0020000D, "UI", study),
            one(0x0020000E, "UI", study + ".1"),
            one(0x00200013, "IS", "1"),
            one(0x7FE00010, "OW", pixels),
        )
    )


def open_spool(path, clock=None, disk=None, limits=SMALL, **more):
    """A spool in `path`, with small segments and no reserve."""
    return Spool.open(path, limits, clock or Clock(), disk, **more)


def receive(spool, uid, octets=None, to=("PACS",), transfer_syntax=EXPLICIT, sop_class=CT, source=MODALITY, **more):
    """Have the spool take an object in; return the Stored. `octets`: of its data set."""
    arrival = spool.intake.begin(sop_class, uid, transfer_syntax, source, **more)
    try:
        arrival.write(data_set(uid) if octets is None else octets)
        return arrival.commit(to if callable(to) else lambda facts: to if isinstance(to, str) else list(to))
    finally:
        arrival.abandon()
        spool.intake.keep_up()


def deliver(spool, destination="PACS", limit=100, now=None):
    """Claim what waits for a destination, and settle it as delivered; return the UIDs in order."""
    from edge.spool import jobs

    now = spool.now() if now is None else now
    claimed = spool.jobs.claim(destination, now, limit)
    for job in claimed:
        spool.jobs.settle(job, jobs.SENT, now, 0)
    return [job.uid for job in claimed]


def files_of(path):
    """The names of all files below objects/ and partial/ of a state directory, relative to it."""
    found = []
    for part in ("objects", "partial"):
        for folder, _, names in os.walk(os.path.join(path, part)):
            found += [os.path.relpath(os.path.join(folder, name), path) for name in names]
    return sorted(found)


def picture(spool):
    """Everything that the spool knows of its objects and jobs, as it survives a rebuilt index."""
    objects = {stored.id: stored for stored in spool.index.objects(0, 100000)}
    jobs = {(row.object_id, row.destination): row for number in objects for row in spool.index.jobs_of(number)}
    counts = {
        name: {
            "waiting": add(states["ready"], states["deferred"]), "held": states["held"], "sent": states["sent"],
            "done": states["delivered"],
        }
        for name, states in spool.index.counts().items()
        if any(tally != (0, 0) for tally in states.values())
    }
    totals = tuple(spool.index.total(what) for what in range(3))
    uids = [row[0] for row in spool.index.look("SELECT uid FROM transactions ORDER BY uid")]
    return objects, jobs, counts, (totals, [spool.commitments.transaction(uid) for uid in uids])


def add(one_tally, other):
    """The sum of two tallies."""
    return one_tally[0] + other[0], one_tally[1] + other[1]


EIO, ENOSPC = errno.EIO, errno.ENOSPC


def after_crash(spool, clock=None):
    """What somebody finds who opens the spool after its process was killed: nothing was closed, nothing flushed."""
    for fd in spool._fds:
        os.close(fd)
    spool._fds = []
    spool.index.close()
    spool.journal.let_go()
    return open_spool(spool.path, clock or spool.now)
