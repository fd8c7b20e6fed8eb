"""Objects that come in pieces, over many connections and days: kept durably as far as they have come.

    uploads/<id>.notes   the first line says what is to come (JSON); each further one how far it has come, the last
                         "done" and the number of the object
    uploads/<id>.part    what has come of it: a Part 10 file

An offset that was told to the sender is never taken back: data are synced, then a line with their end is, and only that
end is told. What lies behind the last whole line at start was not synced when the power went, and is written again.

What is complete is held against the SHA-256 that was announced, taken into the spool like any other object, and only
then noted as done. A crash in between repeats that; the spool knows the object again. A note of what is done stays for
a while, so that a sender whose last answer was lost learns of it; whoever announces the same again once the object has
left the spool sends it again. Each upload belongs to one box, and is there for nobody else.
"""

import json
import os
from _thread import allocate_lock
from collections import namedtuple

from edge.dicom.errors import DicomError, LimitError, LocalError, PeerError
from edge.spool import errors
from edge.spool.disk import FILE_MODE, FRESH_FILE, NEW_FILE, READ, READ_WRITE
from edge.spool.examine import identify
from edge.spool.intake import Source

FOLDER_NAME = "uploads"
KEEP_S = 7 * 86400  # how long an upload waits for its box to go on
OPEN_LIMIT = 1000  # of unfinished uploads of one box

_ID_OCTETS = 24
_SYNC_BYTES = 8 << 20  # written between two syncs: what a power cut costs at most
_HASH_BYTES = 1 << 20
_SHORT_BYTES = 1 << 20  # what is done and no longer than this is forgotten sooner: it is soon sent again
_SHORT_KEEP_S = 3600
_DONE_LIMIT = 2000  # notes of what is done, of all boxes: each is in memory, too
_NOTES_LIMIT = 16 << 10

# What was announced. sha256: hex digits; sop_class, sop_instance: UIDs, "" where they were not named; source:
# intake.Source; priority: of the jobs; shown: what else is to be told to whoever asks (str)
Announced = namedtuple("Announced", ("length", "sha256", "sop_class", "sop_instance", "source", "priority", "shown"))


class Unlike(PeerError):
    """What came is not what was announced: nothing of it is kept."""


class Busy(LocalError):
    """Another connection is at work on the same upload."""


class TooMany(LimitError):
    """The box has too many uploads that it has not finished."""


class Uploads:
    """What is on its way in pieces; for any number of threads."""

    def __init__(self, spool, keep_s=KEEP_S):
        """`spool`: the Spool that complete objects go into. Nothing is read before `open`."""
        self.disk = spool.disk
        self.now = spool.now
        self.keep_s = keep_s
        self.folder_fd = None
        self.adopt = spool.adopt
        self._spool = spool
        self._path = "%s/%s" % (spool.path, FOLDER_NAME)
        self._known = {}
        self._lock = allocate_lock()

    def open(self):
        """Read what a former run left, and make the folder if need be; before anything else is called."""
        self.folder_fd = self.disk.open_folder(self._path)
        names = set(self.disk.listdir(self._path))
        for name in sorted(names):
            number, _, kind = name.partition(".")
            if kind == "notes":
                self._read(number)
        for name in names:
            number, _, kind = name.partition(".")
            if kind != "notes" and (number not in self._known or self._known[number].is_done):
                self._discard(name)  # its notes never became durable, or it is in the spool

    def close(self):
        """Let go of the folder."""
        if self.folder_fd is not None:
            self.disk.close(self.folder_fd)
            self.folder_fd = None

    def _read(self, number):
        """Make known the upload whose notes are called `number`; notes that cannot be understood go."""
        fd = self.disk.open(number + ".notes", READ, dir_fd=self.folder_fd)
        try:
            size = self.disk.fstat(fd).st_size
            octets = self.disk.pread_all(fd, size, 0)
            touched = self.disk.fstat(fd).st_mtime
        finally:
            self.disk.close(fd)
        upload = _understood(self, number, octets, touched)
        if upload is None:
            self._discard(number + ".notes")
        else:
            self._known[number] = upload

    def _discard(self, name):
        try:
            self.disk.unlink(name, dir_fd=self.folder_fd)
        except OSError:
            pass

    def create(self, box, announced):
        """Return the Upload of what `box` (str) has announced: that which it began before, or a new one.

        Raises NoSpace, TooMany or Degraded.
        """
        with self._lock:
            mine = [each for each in self._known.values() if each.box == box]
            for each in mine:
                if (each.announced.sha256, each.announced.length) == (announced.sha256, announced.length):
                    if not each.is_done or self._has(each.object_id):
                        return each
                    self._forget(each)
            if sum([not each.is_done for each in mine]) >= OPEN_LIMIT:
                raise TooMany("%s has %d uploads that it has not finished" % (box, OPEN_LIMIT))
            self._admit(announced.length)
            upload = Upload(self, os.urandom(_ID_OCTETS).hex(), box, announced, self.now())
            upload.begin()
            self._known[upload.id] = upload
            return upload

    def _has(self, object_id):
        """Say whether an object is in the spool still."""
        if object_id is None:
            return False
        try:
            self._spool.index.get(object_id)
        except errors.Unknown:
            return False
        return True

    def _admit(self, length):
        """Raise NoSpace when no room can be made for all that was announced and `length` octets more."""
        self._spool.quota.admit()
        # What is complete is copied into the spool, one at a time, before its upload goes
        promised = sum([each.announced.length - each.offset for each in self._known.values() if not each.is_done])
        reserve, quota = self._spool.limits.reserve_bytes, self._spool.quota
        if not quota.make_free(reserve + promised + 2 * length):
            raise errors.NoSpace(
                "there is no room for %d MB: %d MB are free, %d MB of them are kept in reserve and %d MB promised"
                % (length >> 20, quota.free()[0] >> 20, reserve >> 20, promised >> 20)
            )

    def find(self, box, number):
        """Return the Upload called `number` if it is of `box`, otherwise None."""
        upload = self._known.get(number)
        return upload if upload is not None and upload.box == box else None

    def listing(self):
        """Return the Uploads that are not done, the oldest first."""
        return sorted([each for each in list(self._known.values()) if not each.is_done], key=lambda each: each.began)

    def forget(self, upload):
        """Remove an upload and all that has come of it."""
        with self._lock:
            self._forget(upload)

    def _forget(self, upload):
        if self._known.pop(upload.id, None) is not None:
            # The notes first: what is left of the other without them goes at the next start
            self._discard(upload.id + ".notes")
            self._discard(upload.id + ".part")

    def tidy(self):
        """Remove what nobody has gone on with for long, and old notes of what is done."""
        if self.folder_fd is None:
            return
        now, known = self.now(), list(self._known.values())
        self._remove([each for each in known if each.expires() <= now])
        self._thin(known)

    def _thin(self, known):
        """Remove the notes of what is done that are too many, first those that would go first anyway."""
        done = [each for each in known if each.is_done]
        if len(done) > _DONE_LIMIT:
            done.sort(key=Upload.expires)
            self._remove(done[: len(done) - _DONE_LIMIT])

    def _remove(self, uploads):
        for each in uploads:
            if each.try_take(None):
                try:
                    self.forget(each)
                finally:
                    each.give()


def _understood(uploads, number, octets, touched):
    """Return the Upload that notes stand for, or None."""
    lines = octets.split(b"\n")[:-1]
    try:
        first = json.loads(lines[0])
        values = [first[name] for name in Announced._fields]
        announced = Announced(*values)._replace(source=Source(*first["source"]))
        upload = Upload(uploads, number, first["box"], announced, first["began"])
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    upload.touched = touched
    upload.notes_end = sum([len(line) + 1 for line in lines])
    last = lines[-1] if lines[1:] else b"0"
    word, _, number = last.partition(b" ")
    if word == b"done":
        upload.is_done = True
        upload.object_id = int(number) if number.isdigit() else None
        upload.offset = announced.length
    elif last.isdigit() and int(last) <= announced.length:
        upload.offset = int(last)
    else:
        return None
    return upload


class Upload:
    """One object on its way. Whoever writes to it takes it first, and gives it back.

    id: str; box: who it belongs to; announced: Announced; offset: octets that no power cut takes back; began, touched:
    times; is_done: whether it came into the spool, object_id: as which object.
    """

    __slots__ = (
        "id", "box", "announced", "offset", "began", "touched", "is_done", "object_id", "notes_end", "_uploads",
        "_free", "_breaker", "_fd", "_notes_fd", "_written", "_hash", "_hashed",
    )  # fmt: skip

    def __init__(self, uploads, number, box, announced, began):
        self.id = number
        self.box = box
        self.announced = announced
        self.offset = 0
        self.began = self.touched = began
        self.is_done = False
        self.object_id = None
        self.notes_end = 0
        self._uploads = uploads
        self._free = allocate_lock()
        self._breaker = None
        self._fd = self._notes_fd = None
        self._written = 0
        self._hash = None
        self._hashed = 0

    @property
    def length(self):
        """How many octets there will be."""
        return self.announced.length

    def expires(self):
        """Return the time after which it is removed."""
        keep_s = self._uploads.keep_s
        if self.is_done and self.length <= _SHORT_BYTES:
            keep_s = min(keep_s, _SHORT_KEEP_S)
        return self.touched + keep_s

    def begin(self):
        """Make the notes of a new upload durable, and its file with them."""
        uploads = self._uploads
        disk, folder = uploads.disk, uploads.folder_fd
        first = {"box": self.box, "began": self.began, **self.announced._asdict()}
        octets = json.dumps(first).encode() + b"\n"
        if len(octets) > _NOTES_LIMIT:
            raise errors.Unreadable("what was announced is too long")
        try:
            disk.close(disk.open(self.id + ".part", NEW_FILE, FILE_MODE, dir_fd=folder))
            fd = disk.open(self.id + ".notes.new", FRESH_FILE, FILE_MODE, dir_fd=folder)
            try:
                disk.write_all(fd, octets)
                disk.fsync(fd)
            finally:
                disk.close(fd)
            disk.rename(self.id + ".notes.new", self.id + ".notes", src_dir_fd=folder, dst_dir_fd=folder)
            disk.fsync(folder)
        except OSError as error:
            for kind in (".part", ".notes.new", ".notes"):
                try:
                    disk.unlink(self.id + kind, dir_fd=folder)
                except OSError:
                    pass
            raise errors.from_os(error, "beginning an upload")
        self.notes_end = len(octets)

    # Who has it

    def try_take(self, breaker):
        """Have it for oneself if nobody else has; say whether. `breaker`: function that makes the taker let go."""
        if not self._free.acquire(blocking=False):
            return False
        self._breaker = breaker
        return True

    def take(self, breaker, patience_s):
        """Have it for oneself, making whoever has it let go; Busy when that takes longer than `patience_s`."""
        current = self._breaker
        if current is not None:
            current()
        if not self._free.acquire(timeout=patience_s):
            raise Busy("another connection is at work on this upload; try again in a moment")
        self._breaker = breaker

    def give(self):
        """Let others have it: what was written is synced first. Raises Degraded or NoSpace when that failed."""
        try:
            self.sync()
        finally:
            self._close()
            self._breaker = None
            self._free.release()

    def _close(self):
        for fd in (self._fd, self._notes_fd):
            if fd is not None:
                self._uploads.disk.close(fd)
        self._fd = self._notes_fd = None

    # What whoever has it does

    def append(self, view):
        """Write the next octets; they count once they are synced, at the latest by `give`. NoSpace or Degraded."""
        disk = self._uploads.disk
        try:
            if self._fd is None:
                self._open()
            disk.pwrite_all(self._fd, view, self._written)
        except OSError as error:
            raise errors.from_os(error, "writing an upload")
        if self._hashed == self._written:
            self._digest().update(view)
            self._hashed += len(view)
        self._written += len(view)
        if self._written - self.offset >= _SYNC_BYTES:
            self.sync()
            self._uploads._spool.quota.check()

    def _open(self):
        disk, folder = self._uploads.disk, self._uploads.folder_fd
        self._fd = disk.open(self.id + ".part", READ_WRITE, dir_fd=folder)
        self._notes_fd = disk.open(self.id + ".notes", READ_WRITE, dir_fd=folder)
        self._written = self.offset
        if self._hashed > self.offset:
            self._hash, self._hashed = None, 0

    def sync(self):
        """Make what was written durable, then the note of it: from then on it counts. Raises Degraded or NoSpace."""
        if self._fd is None or self._written == self.offset:
            return
        disk = self._uploads.disk
        try:
            disk.fdatasync(self._fd)
            self._note(b"%d\n" % self._written)
        except OSError as error:
            self._close()  # its word counts for nothing any more
            self._written = self.offset
            raise errors.from_os(error, "making an upload durable")
        self.offset = self._written
        self.touched = self._uploads.now()

    def _note(self, line):
        disk = self._uploads.disk
        disk.pwrite_all(self._notes_fd, line, self.notes_end)
        disk.fdatasync(self._notes_fd)
        self.notes_end += len(line)

    def is_complete(self):
        """Say whether all of it is there, durably."""
        return self.offset == self.length

    def finish(self, route):
        """Take what is complete into the spool; return its intake.Stored, or None when that was done before.

        `route` as Arrival.commit has it. Raises Unlike when it is not what was announced, Mismatch or Unreadable when
        it is no such object: then it is gone. NoSpace or Degraded: it waits, complete, for another try.
        """
        if self.is_done:
            return None
        uploads = self._uploads
        try:
            if self._fd is None:
                self._open()
            self.sync()
            stored = self._adopt(route)
            self._note(b"done %d\n" % stored.object_id)
        except (Unlike, errors.Mismatch, errors.Unreadable):
            uploads.forget(self)
            raise
        except OSError as error:
            raise errors.from_os(error, "taking in an upload")
        self.object_id = stored.object_id
        self.is_done = True
        self.touched = uploads.now()
        self._hash = None
        uploads._discard(self.id + ".part")
        return stored

    def _adopt(self, route):
        if self._sum() != self.announced.sha256:
            raise Unlike("its SHA-256 is not the one that was announced: it has to be sent again from its beginning")
        disk = self._uploads.disk
        try:
            found = identify(disk, self._fd)
        except DicomError as error:
            raise errors.Unreadable(str(error))
        for is_, said, what in (
            (found.sop_class, self.announced.sop_class, "SOP Class"),
            (found.sop_instance, self.announced.sop_instance, "SOP Instance"),
        ):
            if said and said != is_:
                raise errors.Mismatch("the %s UID in the data set is not the one that was announced" % what)
        return self._uploads.adopt(self._fd, route, self.announced.source, self.announced.priority)

    def _digest(self):
        if self._hash is None:
            import hashlib  # only who has uploads pays for it

            self._hash = hashlib.sha256()
        return self._hash

    def _sum(self):
        """Return the SHA-256 of the whole in hex digits; what was hashed as it came is not read again."""
        disk, digest = self._uploads.disk, self._digest()
        buffer = memoryview(bytearray(_HASH_BYTES)) if self._hashed < self.length else None
        while self._hashed < self.length:
            count = disk.preadv(self._fd, [buffer[: self.length - self._hashed]], self._hashed)
            if not count:
                raise Unlike("its file ended early: it has to be sent again from its beginning")
            digest.update(buffer[:count])
            self._hashed += count
        return digest.hexdigest()
