"""A volume as a ZIP archive: stored, not deflated, so that its size is known before it is written.

The same names as on a disc; ZIP64 where there is more than 4 GB or 65,535 files.
"""

import os
import zlib

from edge.media import beside, manifest, zipped
from edge.media.inventory import Inventory
from edge.media.written import Made, Written

_STRIDE = 8 << 20


def size(leaves):
    """Return how many octets an archive of these leaves has."""
    return zipped.size((leaf.name, leaf.size) for leaf in leaves)


def write(leaves, target, at):
    """Write an archive to the file `target`: a generator of Written, which returns Made.

    at: when its files were made, in seconds since 1970. Raises MediaError; then, and when the generator is closed,
    nothing of it is left.
    """
    folder = os.path.dirname(os.path.abspath(target))
    with Inventory(leaves, folder) as inventory, beside.File(target) as file:
        total = size(inventory)
        beside.room(folder, total, target)
        out = _Out(file, total)
        archive = zipped.Archive(out)
        shown = 0
        for leaf in inventory:
            archive.begin(leaf.name, leaf.size, at)
            crc = 0
            for piece in manifest.pieces(leaf):
                crc = zlib.crc32(piece, crc)
                archive.put(piece)
                if out.done - shown >= _STRIDE:
                    shown = out.done
                    yield Written(shown, total)
            archive.close(crc)
        archive.end()
        file.keep()
    yield Written(total, total)
    return Made(os.path.abspath(target), total, "")


class _Out:
    """The file of an archive, as zipped.Archive wants it."""

    def __init__(self, file, total):
        self.done = 0
        self._file = file
        self._total = total

    def write(self, octets):
        """Write octets behind what is there."""
        self.amend(octets, self.done)
        self.done += len(octets)

    def amend(self, octets, at):
        """Write octets at a place."""
        rest = memoryview(octets)
        try:
            while rest:
                made = os.pwrite(self._file.fd, rest, at)
                rest, at = rest[made:], at + made
        except OSError as error:
            raise beside.put(error, self._file.target, self._total) from error
