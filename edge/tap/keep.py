"""Records on flash until the box has answered for them, through power cuts, and no more of them than fit.

A record is written as it comes, to `NUMBER.part`; when it is whole, what template made of it is written behind it, and
the file becomes `NUMBER.rec`. On littlefs a file's content is durable when it is closed and a rename is whole or not
at all, so a power cut leaves a record that is not there or one that is. The object is then read out in its own order:

    file: record, head, tail, UIDs, footer        object: head, part of the record, tail

so that a record is on flash once and never in memory. `NUMBER.bad` is one that the box refused for good or that was
damaged; it waits for a person, and is tried again after the next start. Numbers come from `state`, which is written
ahead: one that was ever used is never used again. What is kept is never removed to make room.

The functions of the file system come from outside: the module `os`, or what stands in for it.
"""

import binascii
from collections import namedtuple

from edge.dicom.errors import DicomError, PeerError
from edge.dicom.octets import get_u32_le, put_u32_le
from edge.tap import template

_FOOTER = b"TAP1"
_FOOTER_OCTETS = 32  # six numbers (see commit), the CRC-32 of all before them, the mark
_AHEAD = 16  # numbers reserved by one write of `state`
_PIECE_OCTETS = 512

# A record that is kept. sop_class, sop_instance: str; meta_octets: of `head` that are no part of the data set; head,
# tail: bytes; begin: where the record's part of the object stands in the file; octets: its length
Kept = namedtuple("Kept", ("sop_class", "sop_instance", "meta_octets", "head", "tail", "begin", "octets"))


class NotKept(Exception):
    """The flash takes no record: it has no room, or it fails; str() says which."""


class Keep:
    """The folder of records. files: `os`; reserve_octets: what stays free; random: function of a count -> octets."""

    def __init__(self, folder, files, reserve_octets, random):
        self._folder = folder
        self._files = files
        self._reserve = reserve_octets
        self._random = random
        self._waiting = []  # numbers, the oldest first
        self._aside = []
        self._next = 1
        self._reserved = 1  # the first number that `state` does not yet cover
        self._partial = None  # the file of the record under way
        self._number = 0
        self._octets = 0
        self._crc = 0
        self.epoch = None
        self.earliest = None  # the latest time that was ever known, as template.wrap wants it

    def open(self):
        """Find what is kept; remove what a power cut left unfinished."""
        try:
            self._files.stat(self._folder)
        except OSError:
            self._files.mkdir(self._folder)
        self._waiting = []
        for name in self._files.listdir(self._folder):
            stem, _, kind = name.partition(".")
            if kind in ("part", "new"):
                self._files.remove(self._path(name))
            elif kind in ("rec", "bad") and stem.isdigit():
                if kind == "bad":
                    self._files.rename(self._path(name), self._name(int(stem), "rec"))
                self._waiting.append(int(stem))
        self._waiting.sort()
        self._read_state()

    def waiting(self):
        """Return how many records wait for the box."""
        return len(self._waiting)

    def aside(self):
        """Return how many records wait for a person."""
        return len(self._aside)

    def oldest(self):
        """Return the number of the record that has waited longest, or None."""
        return self._waiting[0] if self._waiting else None

    def free_octets(self):
        """Return how many octets the volume has left."""
        sizes = self._files.statvfs(self._folder)
        return sizes[0] * sizes[4]

    def begin(self, octets):
        """Begin a record of at most `octets` octets and return its number; NotKept where it may not fit."""
        self.drop()
        if self.free_octets() < octets + self._reserve:
            raise NotKept("%d octets are free, %d are needed" % (self.free_octets(), octets + self._reserve))
        try:
            if self._next == self._reserved:
                self._write_state()
            self._number = self._next
            self._next += 1
            self._partial = open(self._name(self._number, "part"), "wb")
        except OSError as error:
            raise NotKept(str(error))
        self._octets = 0
        self._crc = 0
        return self._number

    def write(self, octets):
        """Write more of the record; NotKept where there is no room, after which there is no record under way."""
        try:
            self._partial.write(octets)
        except OSError as error:
            self.drop()
            raise NotKept(str(error))
        self._octets += len(octets)
        self._crc = binascii.crc32(octets, self._crc)

    def commit(self, wrapped):
        """Make the record durable with its template.Wrapped; NotKept where there is no room for that."""
        octets = self._octets
        try:
            uids = (wrapped.sop_class + " " + wrapped.sop_instance).encode()
            for piece in (wrapped.head, wrapped.tail, uids):
                self.write(piece)
            footer = [octets, wrapped.meta_octets, len(wrapped.head), len(wrapped.tail), wrapped.begin, wrapped.end]
            self._partial.write(b"".join([put_u32_le(each) for each in footer]) + put_u32_le(self._crc) + _FOOTER)
            self._partial.close()
            self._partial = None
            self._files.rename(self._name(self._number, "part"), self._name(self._number, "rec"))
        except OSError as error:
            self.drop()
            raise NotKept(str(error))
        self._waiting.append(self._number)

    def drop(self):
        """Forget the record under way, if there is one."""
        if self._number == 0:
            return
        if self._partial is not None:
            try:
                self._partial.close()
            except OSError:
                pass  # it could not be completed, and is removed
            self._partial = None
        try:
            if self._number not in self._waiting:
                self._files.remove(self._name(self._number, "part"))
        except OSError:
            pass  # it is not there, or goes at the next start
        self._number = 0

    def read(self, number):
        """Return (file, Kept) of a record, the file where its part of the object begins; PeerError if it is damaged."""
        file = open(self._name(number, "rec"), "rb")
        try:
            kept = _footer(file, self._files.stat(self._name(number, "rec"))[6])
        except DicomError:
            file.close()
            raise
        file.seek(kept.begin)
        return file, kept

    def done(self, number):
        """Remove a record that the box has."""
        self._files.remove(self._name(number, "rec"))
        self._waiting.remove(number)

    def set_aside(self, number):
        """Put a record where it is not in the way of the others."""
        self._files.rename(self._name(number, "rec"), self._name(number, "bad"))
        self._waiting.remove(number)
        self._aside.append(number)

    def remember(self, now):
        """Note a time that is certain; it becomes durable with the next numbers."""
        self.earliest = tuple(now[:6])

    def _path(self, name):
        return self._folder + "/" + name

    def _name(self, number, kind):
        return "%s/%08d.%s" % (self._folder, number, kind)

    def _read_state(self):
        try:
            with open(self._path("state"), "r") as file:
                numbers = [int(word) for word in file.read().split(" ")]
        except (OSError, ValueError):
            numbers = []
        if len(numbers) in (2, 8):
            self._next, self.epoch = numbers[0], numbers[1]
            self.earliest = tuple(numbers[2:]) or None
        else:
            self.epoch = int.from_bytes(self._random(4), "big") % template.EPOCH_LIMIT
            self._next = 1
        if self._waiting and self._waiting[-1] >= self._next:
            self._next = self._waiting[-1] + 1
        self._reserved = self._next

    def _write_state(self):
        numbers = (self._next + _AHEAD, self.epoch) + (self.earliest or ())
        with open(self._path("state.new"), "w") as file:
            file.write(" ".join([str(number) for number in numbers]))
        self._files.rename(self._path("state.new"), self._path("state"))
        self._reserved = self._next + _AHEAD


def _footer(file, octets):
    """Read the Kept of a file of `octets` octets and hold all of it against its CRC."""
    if octets < _FOOTER_OCTETS:
        raise PeerError("the record is damaged: it has %d octets" % octets)
    crc = 0
    left = octets - _FOOTER_OCTETS
    piece = memoryview(bytearray(_PIECE_OCTETS))
    while left:
        count = file.readinto(piece[: min(left, _PIECE_OCTETS)])
        if not count:
            break
        crc = binascii.crc32(piece[:count], crc)
        left -= count
    footer = file.read(_FOOTER_OCTETS)
    if len(footer) != _FOOTER_OCTETS or footer[-4:] != _FOOTER or get_u32_le(footer, 24) != crc:
        raise PeerError("the record is damaged: its CRC is wrong")
    record, meta, head, tail, begin, end = [get_u32_le(footer, at) for at in range(0, 24, 4)]
    file.seek(record)
    head, tail = file.read(head), file.read(tail)
    sop_class, _, sop_instance = file.read(octets - _FOOTER_OCTETS - file.tell()).decode().partition(" ")
    return Kept(sop_class, sop_instance, meta, head, tail, begin, end - begin)
