"""A ZIP archive written from its beginning to its end, into something that cannot seek, in constant memory.

Nothing is compressed. The checksum and the length of an entry stand in front of it, so that a reader that cannot seek
either can unpack it: whoever adds an entry knows both. What is kept until the end is one line of the directory for each
entry. Lengths and places beyond 4 GB, and more than 65,535 entries, are written as ZIP64.

Source: PKWARE APPNOTE 6.3.9, 4.3.7, 4.3.12 to 4.3.16, 4.5.3.
"""

import time
from collections import namedtuple
from struct import pack

_FULL_32, _FULL_16 = 0xFFFFFFFF, 0xFFFF
_PLAIN, _WITH_64 = 20, 45  # the version of the format that is needed to unpack
_UTF_8 = 1 << 11
_CRC_AT = 14  # of an entry's head
_HEAD, _LINE, _END, _END_64 = 30, 46, 22, 76  # octets: head of an entry, its line in the directory, the last words

# What all entries of an archive are. needs: the version of the format that unpacks them; flags, method: as their heads
# have them; extra: a field of their heads; octets: how many more they have than the files they stand for.
Kind = namedtuple("Kind", "needs flags method extra octets")
PLAIN = Kind(_PLAIN, 0, 0, b"", 0)


class Archive:
    """An archive on its way into `file`. Add entries, then `end` it."""

    def __init__(self, file, kind=PLAIN):
        self._file = file
        self._kind = kind
        self._at = 0
        self._entries = 0
        self._directory = bytearray()
        self._open = None  # of the entry under way: what its line in the directory is made of
        self._left = 0

    def add(self, name, length, crc, chunks, at):
        """Add an entry: its name, octets and their CRC-32, an iterator of them, and when it was made (since 1970).

        ValueError when the chunks have another length than was said.
        """
        self.begin(name, length, at, crc)
        for chunk in chunks:
            self.put(chunk)
        self.close()

    def begin(self, name, length, at, crc=0):
        """Begin an entry, as `add` has it; its octets follow by `put`, and `close` ends it."""
        label, kind = name.encode("utf-8"), self._kind
        stamp = _stamp(at)
        flags = kind.flags | (0 if name.isascii() else _UTF_8)
        packed = length + kind.octets
        is_long, is_far = packed >= _FULL_32, self._at >= _FULL_32
        more = (pack("<HHQQ", 1, 16, length, packed) if is_long else b"") + kind.extra
        shown = (_FULL_32, _FULL_32) if is_long else (packed, length)
        needs = max(kind.needs, _WITH_64 if is_long or is_far else _PLAIN)
        self._open = (name, label, length, self._at, needs, (needs, flags, kind.method, *stamp), crc)
        fields = pack("<HHHHHIIIHH", needs, flags, kind.method, *stamp, crc, *shown, len(label), len(more))
        self._put(b"PK\3\4" + fields + label + more)
        self._left = packed

    def put(self, octets):
        """Write octets of the entry that has begun."""
        self._left -= len(octets)
        self._put(octets)

    def close(self, crc=None):
        """End the entry. ValueError when it got another length than was said.

        crc: the CRC-32 where it was not known before; `file` has `amend(octets, at)`, which writes over what went out.
        """
        name, label, length, begins, needs, start, said = self._open
        packed = length + self._kind.octets
        if self._left:
            raise ValueError("%s was to have %d octets, and had %d" % (name, packed, packed - self._left))
        if crc is None:
            crc = said
        else:
            self._file.amend(pack("<I", crc), begins + _CRC_AT)
        is_long, is_far = packed >= _FULL_32, begins >= _FULL_32
        shown = (_FULL_32, _FULL_32) if is_long else (packed, length)
        wide = (pack("<QQ", length, packed) if is_long else b"") + (pack("<Q", begins) if is_far else b"")
        more = (pack("<HH", 1, len(wide)) + wide if wide else b"") + self._kind.extra
        fields = pack(
            "<HHHHHHIIIHHHHHII", 3 << 8 | needs, *start, crc, *shown, len(label), len(more), 0,
            0, 0, 0o100600 << 16, _FULL_32 if is_far else begins,
        )  # fmt: skip
        self._directory += b"PK\1\2" + fields + label + more
        self._entries += 1

    def end(self):
        """Write the directory; return how many octets the archive has."""
        begins, size, count = self._at, len(self._directory), self._entries
        self._put(self._directory)
        if begins >= _FULL_32 or size >= _FULL_32 or count >= _FULL_16:
            place = self._at
            self._put(b"PK\6\6" + pack("<QHHIIQQQQ", 44, 3 << 8 | _WITH_64, _WITH_64, 0, 0, count, count, size, begins))
            self._put(b"PK\6\7" + pack("<IQI", 0, place, 1))
        shown = min(count, _FULL_16)
        self._put(b"PK\5\6" + pack("<HHHHIIH", 0, 0, shown, shown, min(size, _FULL_32), min(begins, _FULL_32), 0))
        return self._at

    def _put(self, octets):
        self._file.write(octets)
        self._at += len(octets)


def size(entries, kind=PLAIN):
    """Return how many octets an archive of these entries has: an iterable of (name, length)."""
    at = directory = count = 0
    for name, length in entries:
        packed = length + kind.octets
        label, is_long = len(name.encode("utf-8")) + len(kind.extra), packed >= _FULL_32
        wide = 16 * is_long + 8 * (at >= _FULL_32)
        directory += _LINE + label + (4 + wide if wide else 0)
        at += _HEAD + label + 20 * is_long + packed
        count += 1
    is_wide = at >= _FULL_32 or directory >= _FULL_32 or count >= _FULL_16
    return at + directory + _END_64 * is_wide + _END


def _stamp(at):
    """Return (time, date) as MS-DOS had them, which begins in 1980."""
    then = time.localtime(max(at or 0, 315619200))
    return then[3] << 11 | then[4] << 5 | then[5] // 2, min(then[0] - 1980, 127) << 9 | then[1] << 5 | then[2]


def joined_crc(first, second, length):
    """Return the CRC-32 of two pieces one behind the other from theirs; length: of the second, in octets.

    Octets shift the register of a CRC, which is linear: as many as a power of two shift it by a matrix over GF(2), the
    square of the one before it.
    """
    matrix = [0xEDB88320] + [1 << bit for bit in range(31)]  # one bit
    matrix = _squared(_squared(_squared(matrix)))  # eight
    while length:
        if length & 1:
            first = _times(matrix, first)
        matrix = _squared(matrix)
        length >>= 1
    return first ^ second


def _times(matrix, vector):
    made = 0
    for row in matrix:
        if vector & 1:
            made ^= row
        vector >>= 1
    return made


def _squared(matrix):
    return [_times(matrix, row) for row in matrix]
