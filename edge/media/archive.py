"""A volume as a ZIP archive: stored, not deflated, so that its size is known before it is written.

With a password every file in it is encrypted, and its name is not (see lockedzip). The same names as on a disc; ZIP64
where there is more than 4 GB or 65,535 files.
"""

import os
import zlib

from edge.media import beside, lockedzip, manifest, zipped
from edge.media.errors import MediaError
from edge.media.inventory import Inventory
from edge.media.written import Made, Written

_STRIDE = 8 << 20
_SLICE = 1 << 16  # what is mixed at a time stays in the processor's cache


def size(leaves, is_locked=False):
    """Return how many octets an archive of these leaves has. is_locked: whether it has a password."""
    return zipped.size(((leaf.name, leaf.size) for leaf in leaves), lockedzip.KIND if is_locked else zipped.PLAIN)


def write(leaves, target, at, password=None):
    """Write an archive to the file `target`: a generator of Written, which returns Made.

    at: when its files were made, in seconds since 1970; password: what opens it (str). Raises MediaError; then, and
    when the generator is closed, nothing of it is left.
    """
    given = None if password is None else lockedzip.password(password)
    folder = os.path.dirname(os.path.abspath(target))
    with Inventory(leaves, folder) as inventory, beside.File(target) as file:
        total = size(inventory, given is not None)
        beside.room(folder, total, target)
        out = _Out(file, total)
        archive = zipped.Archive(out, zipped.PLAIN if given is None else lockedzip.KIND)
        entry = _plain if given is None else _locked
        shown = 0
        for leaf in inventory:
            archive.begin(leaf.name, leaf.size, at)
            for _ in entry(archive, leaf, given):
                if out.done - shown >= _STRIDE:
                    shown = out.done
                    yield Written(shown, total)
        archive.end()
        if out.done != total:
            raise MediaError(f"{target} has {out.done:,} octets and was to have {total:,}: report this")
        file.keep()
    yield Written(total, total)
    return Made(os.path.abspath(target), total, "")


def _plain(archive, leaf, _):
    """Put the octets of a leaf into its entry; yields after each piece."""
    crc = 0
    for piece in manifest.pieces(leaf):
        crc = zlib.crc32(piece, crc)
        archive.put(piece)
        yield
    archive.close(crc)


def _locked(archive, leaf, given):
    """Put the octets of a leaf into its entry, encrypted; yields after each piece."""
    entry = lockedzip.Entry(given)
    archive.put(entry.head)
    for piece in manifest.pieces(leaf):
        for at in range(0, len(piece), _SLICE):
            archive.put(entry.update(piece[at : at + _SLICE]))
        yield
    archive.put(entry.tag())
    archive.close()


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
