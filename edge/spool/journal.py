"""What happened, in the order it happened, durable line by line: the truth that the index is a cache of.

The theory. A line is durable with a single fdatasync, because it goes into a segment whose blocks were written with
zeros and synced before: neither the size nor the block map of the file changes, so the file system has nothing of its
own to commit. Threads that commit at the same time share that sync: the first becomes the leader and writes what all
the others have queued, they wait; whoever is first in the queue when it is done leads next. A line may name a folder
whose names have to be durable before it: the leader syncs each folder once for all of its lines.

A line reads

    CRC-32 (8 hex digits), space, sequence number, space, synced, space, kind, space, a JSON object, newline

The checksum covers what follows its space. `synced` is the offset in this segment below which everything was known to
be durable when the line was written. That tells two kinds of bad octets apart: when some intact line says that the bad
place had been synced before, the journal is damaged and acknowledged lines are lost; when none does, a crash tore what
nobody was told yet. From the first torn octet on, the rest is void.

Lines that nobody waits for (an outcome, a remark) are written at once and synced with the next line that somebody
does wait for, or by `sync`: a killed process loses none of them, a power cut only what the index has not applied.

A new segment begins with a line that says where the one before it ends. After a failed sync nothing of that segment is
believed beyond the last good sync: a new one is begun, whose first line voids the rest, and the lines that were not
refused are written again there. A spare segment is always kept ready, so that a full disk does not keep an outcome from
being written down. Old segments go when their living records were written again behind (`retire`), so the journal is
bounded; the sequence of segment numbers and the lines "retired" prove that nothing else is missing.
"""

import json
from _thread import allocate_lock

from edge.spool import errors
from edge.spool.checksum import crc32
from edge.spool.disk import FILE_MODE, FRESH_FILE, READ, READ_WRITE

SEGMENT_BYTES = 1 << 20
LINE_LIMIT = 64 << 10
FORMAT = 1
UNWRITTEN = 1 << 62  # the sequence number of a line that stands nowhere yet: behind every other

_NAME = "%010d.log"
_SPARE = "spare"

# Kinds that the journal itself writes
SEGMENT = "segment"
RETIRED = "retired"
OPENED = "opened"
CLOSED = "closed"

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Line:
    """One line: its kind, its record (a dict), and where it stands."""

    __slots__ = ("kind", "record", "body", "sequence", "synced", "segment", "start", "end")

    def __init__(self, kind, record, body=None):
        self.kind = kind
        self.record = record
        self.body = body
        self.sequence = UNWRITTEN

    def __repr__(self):
        return "<line %d %s in segment %d at %d>" % (self.sequence, self.kind, self.segment, self.start)


def encode(kind, record):
    """Return what stands on a line for `record`, but for checksum, sequence and place; LimitError when too long."""
    body = b"%s %s\n" % (kind.encode(), _encode(record).encode())
    if len(body) > LINE_LIMIT - 64:
        raise errors.LimitError("a journal line of %d octets is longer than %d" % (len(body), LINE_LIMIT - 64))
    return body


def read_line(octets, start, segment=0):
    """Return the Line that begins at `start` of a segment's octets, or None when no intact line does."""
    end = octets.find(b"\n", start, start + LINE_LIMIT) + 1
    if end - start < 16 or octets[start + 8] != 0x20:
        return None
    try:
        expected = int(octets[start : start + 8], 16)
    except ValueError:
        return None
    if crc32(memoryview(octets)[start + 9 : end]) != expected:
        return None
    try:
        sequence, synced, kind, text = octets[start + 9 : end].split(b" ", 3)
        line = Line(kind.decode("ascii"), json.loads(text), b"%s %s" % (kind, text))
        line.sequence, line.synced = int(sequence), int(synced)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line.record, dict):
        return None
    line.segment, line.start, line.end = segment, start, end
    return line


def next_line(octets, start, segment=0, limit=None):
    """Return the first intact Line that begins after a newline at or behind `start`, or None."""
    limit = len(octets) if limit is None else limit
    while True:
        start = octets.find(b"\n", start, limit) + 1
        if not start:
            return None
        line = read_line(octets, start, segment)
        if line is not None:
            return line


def read_segment(octets, segment=0, start=0, limit=None, damages=None):
    """Yield every intact Line of a segment's octets from `start` up to `limit`, whatever the octets are.

    With a `limit` (the next segment says where this one ends) everything below it was durable: what cannot be read there
    is damage. Without one this is the last segment: its end is the first place with no intact line, unless an
    intact line further on says that this place had been synced. Each damage is added to `damages`, a list of words.
    """
    damages = [] if damages is None else damages
    sealed = limit is not None
    limit = min(len(octets), limit) if sealed else len(octets)
    at = start
    while at < limit:
        line = read_line(octets, at, segment)
        if line is None or line.end > limit:
            if not sealed and not _damaged(octets, at):
                return
            line = next_line(octets, at, segment, limit)
            words = "segment %d of the journal is damaged from octet %d to %d"
            words %= (segment, at, limit if line is None else line.start)
            if words not in damages:
                damages.append(words)
            if line is None:
                return
        yield line
        at = line.end


def _damaged(octets, bad):
    """Say whether an intact line behind `bad` proves that what stood there had been durable."""
    at = bad
    while True:
        line = next_line(octets, at)
        if line is None:
            return False
        if line.synced > bad:
            return True
        at = line.end - 1


class Survey:
    """What lies in a journal's folder: the segments, where each ends, and what is wrong with them in words."""

    def __init__(self, disk, path):
        self._disk = disk
        self._path = path
        self.damages = []
        self.spool = None
        self.clean = False
        self.sequence = 0
        self.retired = 0
        self.ends = {}  # segment number -> offset behind its last line, None where the next one does not say
        self.leftovers = []  # segments that were retired and not removed yet
        numbers = sorted(int(name[:-4]) for name in disk.listdir(path) if name[:-4].isdigit() and name[-4:] == ".log")
        if numbers:
            self._survey(numbers)

    def _survey(self, numbers):
        before = None
        ends = {}
        for number in numbers:
            octets = self._read(number, LINE_LIMIT)
            head = read_line(octets, 0, number)
            if head is None or head.kind != SEGMENT or head.record.get("segment") != number:
                self.damages.append("segment %d of the journal has no readable beginning" % number)
                end = None
            else:
                end = head.record["before"]
                self.spool = head.record["spool"]
                self.retired = max(self.retired, head.record["retired"])
            if before is not None:
                if number != before + 1:
                    self.damages.append("segments %d to %d of the journal are missing" % (before + 1, number - 1))
                    end = None
                ends[before] = end
            before = number
        last = None
        for last in read_segment(self._read(before), before, 0, None, self.damages):
            self._follow(last)
        ends[before] = 0 if last is None else last.end
        self.clean = last is not None and last.kind == CLOSED
        self.leftovers = [number for number in ends if number <= self.retired]
        self.ends = {number: end for number, end in ends.items() if number > self.retired}
        first = min(self.ends, default=None)
        if first is not None and first != self.retired + 1:
            self.damages.append("segments %d to %d of the journal are missing" % (self.retired + 1, first - 1))

    def _follow(self, line):
        self.sequence = line.sequence
        if line.kind == RETIRED:
            self.retired = max(self.retired, line.record["upto"])

    def _read(self, number, length=None):
        fd = self._disk.open("%s/%s" % (self._path, _NAME % number), READ)
        try:
            size = self._disk.fstat(fd).st_size
            return self._disk.pread_all(fd, size if length is None else min(length, size), 0)
        finally:
            self._disk.close(fd)

    def holds(self, segment, offset):
        """Say whether the journal reaches up to this place, or the index that names it knows more than the journal."""
        if segment not in self.ends:
            return False
        end = self.ends[segment]
        return end is None or offset <= end

    def lines(self, segment=0, offset=0):
        """Yield every Line behind this place, oldest first; what is damaged is left out and added to `damages`."""
        for number in sorted(self.ends):
            if number < segment:
                continue
            limit = self.ends[number]
            octets = self._read(number)
            if limit is None:
                limit = len(octets.rstrip(b"\0"))
            for line in read_segment(octets, number, offset if number == segment else 0, limit, self.damages):
                self.sequence = max(self.sequence, line.sequence)
                yield line


class _Entry:
    """A line on its way, and the thread that waits for it."""

    __slots__ = ("line", "folder", "durable", "gate", "error", "leads")

    def __init__(self, line, durable, folder):
        self.line = line
        self.durable = durable
        self.folder = folder
        self.gate = None
        self.error = None
        self.leads = False


class Journal:
    """Appends lines and makes them durable, for any number of threads at once.

    `accept(lines)` is called with what was written, in order, before any of its threads goes on. Lines that nobody waits
    for are accepted before they are durable: `synced_sequence` says up to which line all are. `behind`: the new segment's
    number is higher than this one, too.
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
        self.has_spare = disk.exists(_SPARE, self._folder_fd)
        if self.has_spare:  # nothing says that a crash left it whole
            disk.unlink(_SPARE, dir_fd=self._folder_fd)
            self.has_spare = False
        for number in survey.leftovers:
            disk.unlink(_NAME % number, dir_fd=self._folder_fd)
        if survey.clean and not survey.damages:
            self._continue_segment()
        else:
            if survey.ends:
                self._sync_segment(max(survey.ends))
            self._begin_segment()

    @property
    def octets(self):
        """How much room the segments take."""
        return (self.last - self.oldest + 2) * self._segment_bytes

    # Appending

    def append(self, kind, record, durable=True, folder=None):
        """Write a line and return its Line; with `durable`, only once the line would survive a power cut.

        `folder`, when given, is an open folder (`fd`) whose names are made durable first. Raises NoSpace or Degraded when the
        line is not durable: then it counts as never written. A line nobody waits for is never refused: while
        the disk refuses, it is kept in memory and written as soon as it can be.
        """
        line = Line(kind, record, encode(kind, record))
        self._commit(_Entry(line, durable, folder))
        return line

    def sync(self):
        """Return once every line written so far is durable; NoSpace or Degraded when that cannot be had."""
        if self.synced_sequence < self.sequence or self._owed:
            self._commit(_Entry(None, True, None))

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
            batch, self._queue = self._queue, []
        try:
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
        """Write `lines`, which are owed, at the end of the segment in one call; what does not fit goes into the next."""
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
            self._ends[self.last] = self._synced
            self._close_segment()

    # Segments

    def _continue_segment(self):
        """Go on in the segment that was left in order."""
        self._fd = self._disk.open(_NAME % self.last, READ_WRITE, dir_fd=self._folder_fd)
        self._room = self._disk.fstat(self._fd).st_size
        self._end = self._synced = self._ends.pop(self.last)
        self.prepare()

    def _sync_segment(self, number):
        """Make what was read of a segment durable: a killed process may have left lines that no sync followed."""
        fd = self._disk.open(_NAME % number, READ_WRITE, dir_fd=self._folder_fd)
        try:
            self._disk.fsync(fd)
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
        number, name = self.last + 1, _SPARE
        if not self.has_spare:
            self._make_spare()
        self.has_spare = False
        record = {"segment": number, "before": self._ends.get(self.last) or 0, "retired": self.retired, "format": FORMAT}
        record.update(spool=self._spool, at=self._now())
        rest = b"%d 0 %s" % (self.sequence + 1, encode(SEGMENT, record))
        fd = self._disk.open(_SPARE, READ_WRITE, dir_fd=self._folder_fd)
        try:
            room = self._disk.fstat(fd).st_size
            self._disk.pwrite_all(fd, b"%08x %s" % (crc32(rest), rest), 0)
            self._disk.fdatasync(fd)
            name = _NAME % number
            self._disk.rename(_SPARE, name, src_dir_fd=self._folder_fd, dst_dir_fd=self._folder_fd)
            self._disk.fsync(self._folder_fd)
        except OSError:
            self._disk.close(fd)
            self._remove(name)
            raise
        self._fd, self._room, self.last = fd, room, number
        self._end = self._synced = len(rest) + 9
        self.sequence += 1
        self.synced_sequence = self.sequence
        self._health.clear("space")
        self._put(self._owed)
        self._sync()
        self.prepare()

    def prepare(self):
        """Have a spare segment ready; say whether there is one."""
        if not self.has_spare:
            try:
                self._make_spare()
            except OSError as error:
                refusal = errors.from_os(error, "preparing a spare segment of the journal")
                self._health.report("space" if isinstance(refusal, errors.NoSpace) else "sync", str(refusal))
        return self.has_spare

    def _make_spare(self):
        """Write a segment full of zeros and sync it: from then on its blocks are there to be overwritten."""
        fd = self._disk.open(_SPARE, FRESH_FILE, FILE_MODE, dir_fd=self._folder_fd)
        try:
            zeros = bytes(64 << 10)
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
        self.append(RETIRED, {"upto": upto, "at": self._now()})
        self.retired = upto
        for number in range(self.oldest, upto + 1):
            self._ends.pop(number, None)
            name = _NAME % number
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
            fd = self._disk.open(_NAME % number, READ, dir_fd=self._folder_fd)
        except FileNotFoundError:
            return
        try:
            octets = self._disk.pread_all(fd, self._disk.fstat(fd).st_size, 0)
        finally:
            self._disk.close(fd)
        yield from read_segment(octets, number, 0, self._ends.get(number), damages)

    def close(self):
        """Write that the spool was left in order, and let go of the files."""
        try:
            self.append(CLOSED, {"at": self._now()})
        finally:
            if self._fd is not None:
                self._close_segment()
            self._disk.close(self._folder_fd)
