"""The files in an image of a disc, ISO 9660 as PS3.12 F wants it: listed, and copied out one at a time.

No mount is needed, and so no privilege. An image that has UDF alone is said to be one, with the way to mount it.

Source: ECMA-119 6.8, 8.4, 9.1
"""

import os
from struct import unpack_from

from edge.media.errors import MediaError
from edge.media.inventory import nameless

MARK, MARK_AT = b"CD001", 0x8001
_SECTOR = 2048
_FIRST, _MOST_DESCRIPTORS = 16, 64
_PRIMARY, _TERMINATOR = 1, 255
_DIRECTORY = 2
_DEPTH, _MOST_FILES, _MOST_FOLDER = 16, 200_000, 16 << 20
_PIECE = 1 << 20


class Image:
    """An image that is open. files: {names from the root as a tuple: [(where, octets), ...]}; `close` it."""

    def __init__(self, path):
        self.files = {}
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._size = os.lseek(self._fd, 0, os.SEEK_END)
            self._list(self._root(path))
        except BaseException:
            self.close()
            raise

    def close(self):
        """Let go of the image."""
        os.close(self._fd)

    def size(self, names):
        """Return how many octets a file has."""
        return sum([octets for _, octets in self.files[names]])

    def stage(self, names, folder, key=None):
        """Return the descriptor of a file without a name, in `folder`, that has what a file of the image has."""
        made = nameless(folder)
        try:
            for where, octets in self.files[names]:
                while octets:
                    piece = self._at(where, min(octets, _PIECE))
                    os.write(made, piece)
                    where, octets = where + len(piece), octets - len(piece)
            os.lseek(made, 0, os.SEEK_SET)
            return made
        except BaseException:
            os.close(made)
            raise

    def _at(self, where, octets):
        found = os.pread(self._fd, octets, where)
        if len(found) != octets:
            raise MediaError("the image ends early: copy the disc again")
        return found

    def _root(self, path):
        """Return (where, octets) of the root folder."""
        for number in range(_FIRST, _FIRST + _MOST_DESCRIPTORS):
            descriptor = self._at(number * _SECTOR, _SECTOR)
            if descriptor[1:6] != MARK or descriptor[0] == _TERMINATOR:
                break
            if descriptor[0] == _PRIMARY:
                self._block = unpack_from("<H", descriptor, 128)[0]
                if self._block not in (512, 1024, 2048):
                    raise MediaError("%s has blocks of %d octets, which no disc has" % (path, self._block))
                return self._place(descriptor, 156)
        words = "%s has no ISO 9660 in it: mount it (mount -o loop,ro %s /mnt), and import that folder"
        raise MediaError(words % (path, path))

    def _place(self, record, at):
        where, octets = unpack_from("<I4xI", record, at + 2)
        place = (where + record[at + 1]) * self._block
        if place + octets > self._size:
            raise MediaError("the image ends before what its folders list: copy the disc again")
        return place, octets

    def _list(self, root):
        waiting, seen = [((), *root)], set()
        while waiting:
            names, where, octets = waiting.pop()
            if where in seen or len(names) > _DEPTH or octets > _MOST_FOLDER:
                raise MediaError("the folders of the image stand in a circle, or are too many: its directory is broken")
            seen.add(where)
            below = []
            for name, flags, place in self._records(self._at(where, octets)):
                path = (*names, name)
                if flags & _DIRECTORY:
                    below.append((path, *place))
                else:  # one longer than 4 GB is several records with one name
                    self.files.setdefault(path, []).append(place)
            if len(self.files) > _MOST_FILES:
                raise MediaError("more than %d files lie in the image" % _MOST_FILES)
            waiting += reversed(below)

    def _records(self, folder):
        """Yield (name, flags, (where, octets)) of each record of a folder."""
        at = 0
        while at < len(folder):
            length = folder[at]
            if not length:  # the rest of the sector is empty
                at = (at // _SECTOR + 1) * _SECTOR
                continue
            count = folder[at + 32] if at + 34 <= len(folder) else 0
            if length < 33 + count or not count or at + length > len(folder):
                raise MediaError("a folder of the image cannot be read: copy the disc again")
            name, flags = folder[at + 33 : at + 33 + count], folder[at + 25]
            if name not in (b"\0", b"\1"):
                if folder[at + 26]:
                    raise MediaError("the image has interleaved files: mount it, and import that folder")
                yield name.decode("ascii", "replace").split(";")[0].rstrip("."), flags, self._place(folder, at)
            at += length
