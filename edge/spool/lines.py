"""The lines of the journal: how one is written, and how what lies on a disk is read, whatever a crash made of it.

A line reads

    CRC-32 (8 hex digits), space, sequence number, space, synced, space, kind, space, a JSON object, newline

The checksum covers what follows its space. `synced` is the offset in this segment below which everything was known to
be durable when the line was written. That tells two kinds of bad octets apart: when some intact line says that the bad
place had been synced before, the journal is damaged and acknowledged lines are lost; when none does, a crash tore what
nobody was told yet. From the first torn octet on, the rest is void.

The first line of a segment says where the segment before it ends. Numbers of segments have no gaps, but for those that
the journal itself retired, and said so.
"""

import json

from edge.spool import errors
from edge.spool.checksum import crc32
from edge.spool.disk import READ

LINE_LIMIT = 64 << 10
FORMAT = 1
UNWRITTEN = 1 << 62  # the sequence number of a line that stands nowhere yet: behind every other
FILE_NAME = "%010d.log"

# Kinds that the journal itself writes
SEGMENT = "segment"
RETIRED = "retired"
OPENED = "opened"
CLOSED = "closed"

_LEAST_OCTETS = 16
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().decode


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
    if end - start < _LEAST_OCTETS or octets[start + 8] != 0x20:
        return None
    if octets[start : start + 8] != b"%08x" % crc32(memoryview(octets)[start + 9 : end]):
        return None
    try:
        sequence, synced, kind, text = octets[start + 9 : end].split(b" ", 3)
        line = Line(kind.decode("ascii"), _decode(text.decode("ascii")), b"%s %s" % (kind, text))
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

    With a `limit` (the next segment says where this one ends) everything below it was durable: what cannot be read
    there is damage. Without one this is the last segment: its end is the first place with no intact line, unless an
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
        """Look at the segments in the folder `path`; Incompatible when a newer edge wrote them."""
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
            self._look_at(numbers)

    def _look_at(self, numbers):
        unreadable = []
        before = {number: self._look_at_beginning(number, unreadable) for number in numbers}
        last, line = numbers[-1], None
        for line in read_segment(self._read(last), last, 0, None, self.damages):
            self.sequence = line.sequence
            if line.kind == RETIRED:
                self.retired = max(self.retired, _number(line.record, "upto"))
        self.clean = line is not None and line.kind == CLOSED
        self.leftovers = [number for number in numbers if number <= self.retired]
        expected = self.retired + 1
        for number in numbers:
            if number > self.retired:
                if number != expected:
                    self._missing(expected, number - 1)
                if number in unreadable:
                    self.damages.append("segment %d of the journal has no readable beginning" % number)
                self.ends[number] = before.get(number + 1)
                expected = number + 1
        if last > self.retired:
            self.ends[last] = 0 if line is None else line.end

    def _look_at_beginning(self, number, unreadable):
        """Return what a segment's first line says about the end of the one before, or None and add to `unreadable`."""
        head = read_line(self._read(number, LINE_LIMIT), 0, number)
        if head is None or head.kind != SEGMENT or _number(head.record, "segment") != number:
            unreadable.append(number)
            return None
        if _number(head.record, "format") > FORMAT:
            raise errors.Incompatible("the journal was written by a newer edge: use that one, or a later one")
        self.spool = str(head.record.get("spool"))
        self.retired = max(self.retired, _number(head.record, "retired"))
        return _number(head.record, "before")

    def _missing(self, first, last):
        which = "segment %d" % first if first == last else "segments %d to %d" % (first, last)
        self.damages.append("%s of the journal %s missing" % (which, "is" if first == last else "are"))

    def _read(self, number, length=None):
        fd = self._disk.open("%s/%s" % (self._path, FILE_NAME % number), READ)
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


def _number(record, key):
    """Return a number of a line's record, 0 when it is not there or not one."""
    value = record.get(key)
    return value if isinstance(value, int) else 0
