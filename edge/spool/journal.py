"""What happened, in the order it happened, durable line by line: the truth that the index is a cache of.

The theory. A line is durable with a single fdatasync, because it goes into a segment whose blocks were written with
zeros and synced before: neither the size nor the block map of the file changes, so the file system has nothing of its
own to commit. Threads that commit at the same time share that sync: the first becomes the leader and writes what all
the others have queued, they wait; whoever is first in the queue when it is done leads next. A line may name a folder
whose names have to be durable before it: the leader syncs each folder once for all of its lines.

Lines that nobody waits for (an outcome, a remark) are written at once and synced with the next line that somebody
does wait for, or by `sync`: a killed process loses none of them, a power cut only what the index has not applied.

A new segment begins with a line that says where the one before it ends. After a failed sync nothing of that segment is
believed beyond the last good sync: a new one is begun, whose first line voids the rest, and the lines that were not
refused are written again there. A spare segment is always kept ready, so that a full disk does not keep an outcome from
being written down. Old segments go when their living records were written again behind (`retire`), so the journal is
bounded; the sequence of segment numbers and the lines "retired" prove that nothing else is missing.
"""

from _thread import allocate_lock

from edge.spool import errors
from edge.spool.checksum import crc32
from edge.spool.disk import FILE_MODE, FRESH_FILE, READ, READ_WRITE
from edge.spool.lines import CLOSED, FILE_NAME, FORMAT, RETIRED, SEGMENT, UNWRITTEN, Line, encode, read_segment

SEGMENT_BYTES = 1 << 20

_SPARE = "spare"


class _Entry:
    """A line on its way, and the thread that waits for it."""

    __slots__ = ("line", "folder", "durable", "make", "gate", "error", "leads")

    def __init__(self, line, durable, folder, make=None):
        self.line = line
        self.durable = durable
        self.folder = folder
        self.make = make
        self.gate = None
        self.error = None
        self.leads = False


class Journal:
    """Appends lines and makes them durable, for any number of threads at once.

    `accept(lines)` is called with what was written, in order, before any of its threads goes on. Lines that nobody
    waits for are accepted before they are durable: `synced_sequence` says up to which line all are. `behind`: the new
    segment's number is higher than this one, too.
    """

    def __init__(self, disk, path, survey, spool, now, accept, health, segment_bytes=SEGMENT_BYTES, behind=0):
        self._disk = disk
        self._path = path
        self._spool = spool
        self._now = now
        self._accept = accept
        self._health = health
        self._segment_bytes = segment_bytes
        self._door = allocate_lock()
        self._spare = allocate_lock()  # held by whoever makes the spare segment, or a segment of it
        self._queue = []
        self._led = False
        self._owed = []  # lines that nobody waits for and that are not durable yet
        self._fd = None
        self._ends = dict(survey.ends)
        self._room = self._end = self._synced = 0
        self.sequence = self.synced_sequence = survey.sequence
        self.retired = survey.retired
        self.oldest = min(survey.ends, default=survey.retired + 1)
        self.last = max(survey.retired, behind, *survey.ends)
        self._folder_fd = disk.open_folder(path)
        self.has_spare = self._is_spare_whole()
        for number in survey.leftovers:
            self._remove(FILE_NAME % number)
        if survey.damages or not survey.ends or behind > max(survey.ends) or not self._continue_segment():
            self._begin_segment()

    @property
    def octets(self):
        """How much room the segments take."""
        return (self.last - self.oldest + 2) * self._segment_bytes

    # Appending

    def append(self, kind, record, durable=True, folder=None):
        """Write a line and return its Line; with `durable`, only once the line would survive a power cut.

        `folder`, when given, is an open folder (`fd`) whose names are made durable first. Raises NoSpace or Degraded
        when the line is not durable: then it counts as never written. A line nobody waits for is never refused: while
        the disk refuses, it is kept in memory and written as soon as it can be.
        """
        line = Line(kind, record, encode(kind, record))
        self._commit(_Entry(line, durable, folder))
        return line

    def sync(self):
        """Return once every line written so far is durable; NoSpace or Degraded when that cannot be had."""
        if self.synced_sequence < self.sequence or self._owed:
            self._commit(_Entry(None, True, None))

    def pass_by(self):
        """Return once those who were here before have been served: who asks whether the spool moves, passes by here."""
        self._commit(_Entry(None, False, None))

    def compose(self, make):
        """Write the lines that `make()` returns, pairs of kind and record, while nobody else can write any.

        All lines before them are durable and accepted when it is called, in this thread; what it returns is not durable
        yet. Raises what `make` raises, and Degraded or NoSpace.
        """
        self._commit(_Entry(None, False, None, make))

    def _commit(self, entry):
        with self._door:
            self._queue.append(entry)
            if self._led:
                entry.gate = allocate_lock()
                entry.gate.acquire()
            else:
                self._led = entry.leads = True
        if not entry.leads:
            entry.gate.acquire()
        if entry.leads:
            self._lead()
        if entry.error is not None:
            raise entry.error

    def _lead(self):
        """Write and sync all that is queued, let its threads go, and hand the lead to the first that came meanwhile."""
        with self._door:
            batch, self._queue = self._cut(self._queue)
        try:
            if batch[0].make is not None:
                self._compose(batch[0])
            else:
                self._write(batch)
        except BaseException as error:
            for entry in batch:
                entry.error = entry.error or errors.Degraded("the journal could not be written: %s" % error)
            raise
        finally:
            with self._door:
                heir = None
                if self._queue:
                    heir = self._queue[0]
                    heir.leads = True
                else:
                    self._led = False
            for entry in batch:
                if entry.gate is not None and not entry.leads:
                    entry.gate.release()
            if heir is not None:
                heir.gate.release()

    def _cut(self, queue):
        """Part a queue into what is written at once and what is not: an entry that is composed stands alone."""
        for at, entry in enumerate(queue):
            if entry.make is not None:
                at = max(1, at)
                return queue[:at], queue[at:]
        return queue, []

    def _compose(self, entry):
        """Have the lines of an entry made behind everything that was written, and write them."""
        try:
            if self._fd is None:
                self._begin_segment()
            self._sync()
        except OSError as error:
            entry.durable = True  # nothing can be made of it: it is refused
            self._refuse([entry], error)
            return
        try:
            made = [_Entry(Line(kind, record, encode(kind, record)), False, None) for kind, record in entry.make()]
        except (errors.LimitError, errors.LocalError) as error:
            entry.error = error
        else:
            self._write(made)

    def _write(self, batch):
        """Make the names, then the lines of `batch` durable; each entry that is not has its `error` set."""
        folders = {}
        for entry in batch:
            folder = entry.folder
            if folder is not None:
                if folder not in folders:
                    folders[folder] = self._sync_names(folder)
                entry.error = folders[folder]
        good = [entry for entry in batch if entry.error is None]
        lines = [entry.line for entry in good if entry.line is not None]
        self._owed += lines
        try:
            if self._fd is None:
                self._begin_segment()
            else:
                self._put(lines)
            if any(entry.durable for entry in good):
                self._sync()
        except OSError as error:
            self._refuse(good, error)
        self._accept([entry.line for entry in good if entry.error is None and entry.line is not None])

    def _sync_names(self, folder):
        try:
            self._disk.fsync(folder.fd)
        except OSError as error:
            folder.distrust()
            refusal = errors.from_os(error, "making the name of a file durable")
            self._health.report("sync", str(refusal))
            return refusal
        return None

    def _put(self, lines):
        """Write `lines`, which are owed, at the end of the segment in one call; the rest goes into the next one."""
        sequence, at, out = self.sequence, self._end, []
        for line in lines:
            rest = b"%d %d %s" % (sequence + 1, self._synced, line.body)
            end = at + len(rest) + 9
            if end > self._room:
                self._flush(out, sequence, at)
                self._end_segment()
                self._begin_segment()
                return
            out.append(b"%08x %s" % (crc32(rest), rest))
            sequence += 1
            line.sequence, line.synced, line.segment, line.start, line.end = sequence, self._synced, self.last, at, end
            at = end
        self._flush(out, sequence, at)

    def _flush(self, out, sequence, end):
        if out:
            self._disk.pwrite_all(self._fd, b"".join(out), self._end)
            self.sequence, self._end = sequence, end

    def _sync(self):
        if self._synced < self._end:
            self._disk.fdatasync(self._fd)
            self._synced, self.synced_sequence = self._end, self.sequence
            self._owed = [line for line in self._owed if line.sequence > self.sequence]

    def _refuse(self, entries, error):
        """Refuse those who wait for a line that is not durable; void all such lines, and write the others elsewhere."""
        refusal = errors.from_os(error, "writing the journal")
        self._health.report("space" if isinstance(refusal, errors.NoSpace) else "sync", str(refusal))
        refused = set()
        for entry in entries:
            if entry.durable and (entry.line is None or entry.line.sequence > self.synced_sequence):
                entry.error = refusal
                refused.add(entry.line)
        self._owed = [line for line in self._owed if line not in refused]
        had_segment = self._fd is not None
        self._void()
        if had_segment:
            try:
                self._begin_segment()
            except OSError:
                self._void()

    def _void(self):
        """Leave the segment, as far as it is not durable, to be voided by the next one's first line."""
        for line in self._owed:
            line.sequence = UNWRITTEN
        self.sequence = self.synced_sequence
        if self._fd is not None:
            try:  # until the next one's first line is durable, a crash must not find what was refused
                self._disk.pwrite_all(self._fd, bytes(self._end - self._synced), self._synced)
            except OSError:
                pass
            self._ends[self.last] = self._synced
            self._close_segment()

    # Segments

    def _continue_segment(self):
        """Go on in the last segment, whose end a crash may have torn; say whether that can be done.

        What was read of it is made durable, as a killed process may have left lines that no sync followed; what is
        void is written over with zeros. This needs no room: a spool on a full disk can be opened.
        """
        fd = self._disk.open(FILE_NAME % self.last, READ_WRITE, dir_fd=self._folder_fd)
        try:
            end, room = self._ends[self.last], self._disk.fstat(fd).st_size
            rest = self._disk.pread_all(fd, room - end, end)
            if any(rest):
                self._disk.pwrite_all(fd, bytes(len(rest)), end)
            self._disk.fsync(fd)
        except OSError as error:
            self._disk.close(fd)
            self._health.report("sync", str(errors.from_os(error, "going on with the journal")))
            return False
        del self._ends[self.last]
        self._fd, self._room, self._end, self._synced = fd, room, end, end
        self.prepare()
        return True

    def _is_spare_whole(self):
        """Say whether there is a spare segment that a crash has left whole, durable from now on."""
        if not self._disk.exists(_SPARE, self._folder_fd):
            return False
        fd = self._disk.open(_SPARE, READ_WRITE, dir_fd=self._folder_fd)
        try:
            octets = self._disk.pread_all(fd, self._segment_bytes + 1, 0)
            if len(octets) != self._segment_bytes or any(octets):
                return False
            self._disk.fsync(fd)
            return True
        except OSError:
            return False
        finally:
            self._disk.close(fd)

    def _end_segment(self):
        """Sync the segment and close it: what follows belongs into the next."""
        self._sync()
        self._ends[self.last] = self._end
        self._close_segment()

    def _close_segment(self):
        fd, self._fd, self._room = self._fd, None, 0
        self._disk.close(fd)

    def _begin_segment(self):
        """Begin the next segment: say in its first line where the last one ends, then write down what is owed."""
        number = self.last + 1
        record = {
            "segment": number, "before": self._ends.get(self.last) or 0, "retired": self.retired, "format": FORMAT,
            "spool": self._spool, "at": self._now(),
        }  # fmt: skip
        rest = b"%d 0 %s" % (self.sequence + 1, encode(SEGMENT, record))
        with self._spare:
            self._fd, self._room = self._take_spare(FILE_NAME % number, b"%08x %s" % (crc32(rest), rest))
        self.last = number
        self._end = self._synced = len(rest) + 9
        self.sequence += 1
        self.synced_sequence = self.sequence
        self._health.clear("space")
        self._put(self._owed)
        self._sync()
        self.prepare()

    def _take_spare(self, name, first_line):
        """Make the spare, with `first_line`, the segment `name`; return (descriptor, octets). Under `_spare`."""
        if not self.has_spare:
            self._make_spare()
        self.has_spare = False
        fd, known_as = self._disk.open(_SPARE, READ_WRITE, dir_fd=self._folder_fd), _SPARE
        try:
            room = self._disk.fstat(fd).st_size
            self._disk.pwrite_all(fd, first_line, 0)
            self._disk.fdatasync(fd)
            known_as = name
            self._disk.rename(_SPARE, name, src_dir_fd=self._folder_fd, dst_dir_fd=self._folder_fd)
            self._disk.fsync(self._folder_fd)
        except OSError:
            self._disk.close(fd)
            self._remove(known_as)
            raise
        return fd, room

    def prepare(self):
        """Have a spare segment ready; say whether there is one, or somebody else is just making or taking it.

        Any thread may call this. The name `spare` belongs to whoever holds `_spare`: to make a spare while another is
        being taken would write zeros over lines.
        """
        if self.has_spare:
            return True
        if not self._spare.acquire(False):
            return True
        try:
            if not self.has_spare:
                self._make_spare()
        except OSError as error:
            refusal = errors.from_os(error, "preparing a spare segment of the journal")
            self._health.report("space" if isinstance(refusal, errors.NoSpace) else "sync", str(refusal))
        finally:
            self._spare.release()
        return self.has_spare

    def _make_spare(self):
        """Write a segment full of zeros and sync it: its blocks are there to be overwritten. Under `_spare`."""
        fd = self._disk.open(_SPARE, FRESH_FILE, FILE_MODE, dir_fd=self._folder_fd)
        try:
            zeros = bytes(min(64 << 10, self._segment_bytes))
            for at in range(0, self._segment_bytes, len(zeros)):
                self._disk.pwrite_all(fd, zeros, at)
            self._disk.fsync(fd)
        except OSError:
            self._remove(_SPARE)
            raise
        finally:
            self._disk.close(fd)
        self.has_spare = True

    def _remove(self, name):
        try:
            self._disk.unlink(name, dir_fd=self._folder_fd)
        except OSError:
            pass  # it is cut off by the next segment, or removed when the journal is opened again

    def retire(self, upto, aside=None):
        """Drop the segments up to this number, whose living records stand in later ones by now; durable first.

        With `aside`, a path, they are moved there instead, for whoever wants to see what became of them.
        """
        upto = min(upto, self.last - 1)
        if upto < self.oldest:
            return
        self.retired = upto  # first: the next segment, which may begin at any moment, has to say so too
        self.append(RETIRED, {"upto": upto, "at": self._now()})
        for number in range(self.oldest, upto + 1):
            self._ends.pop(number, None)
            name = FILE_NAME % number
            if aside is None:
                self._remove(name)
            elif self._disk.exists(name, self._folder_fd):
                self._disk.rename(name, "%s/journal-%s" % (aside, name), src_dir_fd=self._folder_fd)
        self.oldest = upto + 1

    # Reading

    def latest(self, limit, kinds=None):
        """Return the newest lines, at most `limit` of them, newest first; only those of `kinds`, when given."""
        found = []
        for number in range(self.last, self.oldest - 1, -1):
            lines = [line for line in self.lines_of(number) if kinds is None or line.kind in kinds]
            found += lines[: -(limit - len(found)) - 1 : -1]
            if len(found) >= limit:
                break
        return found

    def lines_of(self, number, damages=None):
        """Yield the lines of one segment, oldest first; what of it cannot be read is added to `damages`, in words."""
        try:
            fd = self._disk.open(FILE_NAME % number, READ, dir_fd=self._folder_fd)
        except FileNotFoundError:
            return
        try:
            octets = self._disk.pread_all(fd, self._disk.fstat(fd).st_size, 0)
        finally:
            self._disk.close(fd)
        yield from read_segment(octets, number, 0, self._ends.get(number), damages)

    def close(self):
        """Write that the spool was left in order; `let_go` afterwards. Degraded or NoSpace when that cannot be had."""
        self.append(CLOSED, {"at": self._now()})

    def let_go(self):
        """Close the files as they are."""
        if self._fd is not None:
            self._close_segment()
        self._disk.close(self._folder_fd)
