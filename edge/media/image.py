"""Images of discs: ISO 9660 level 1, with UDF 1.02 beside it for DVD and larger, from leaves.

genisoimage lays them out. Of three programs that were measured on 700 MB in 1,400 files, it takes half the
time of xorriso (1.1 s to 2.0 s) and half its memory (6 MB to 11 MB; 12 to 22 MB for 10,000 files), and it alone of
the two writes UDF. pycdlib has UDF too, but cannot write to a pipe, grows to 50 MB for 10,000 files, inside the
box, and says UDF 2.60 where it writes 1.02. So: genisoimage, which writes from its beginning to its end, straight into
a file beside the target; through a pipe and the box the same took twice the processor. The target appears by a rename
when all of it is synced.

What is written is hashed while it grows, from the kernel's memory and on another core than genisoimage's. Where that is
asked for it is then synced, forgotten by the kernel, and read back from the disk: each megabyte has to have the CRC-32
that it had, so the SHA-256 is that of what lies there.

The size is known before (edge.media.layout), and what comes must be that, to the octet. Names are level 1 in both file
systems; Rock Ridge and Joliet are left out, since PS3.12 F wants none. Two names of one file are two files.

Source: ECMA-119; OSTA UDF 1.02; PS3.12 F and P.
"""

import errno
import os
from array import array

from edge.media import beside, layout
from edge.media.child import Child
from edge.media.errors import MediaError
from edge.media.inventory import Inventory, nameless
from edge.media.written import Made, Written
from edge.spool.checksum import crc32

_PIECE = 1 << 20
_STRIDE = 8 << 20
_LOOK_S = 0.05  # how often the growing image is looked at: for progress, and to have the kernel begin to write it out
_CAUSES = (("No space left", errno.ENOSPC), ("File too large", errno.EFBIG), ("Input/output error", errno.EIO))


def write(leaves, target, volume, udf=False, compare=False):
    """Write an image to the file `target`: a generator of Written, which returns Made, with its SHA-256 if it compares.

    leaves: an iterable of Leaf; volume: the volume identifier, which is the File-set ID; udf: whether to add UDF;
    compare: whether it is read back.
    Raises MediaError; then, and when the generator is closed, nothing of it is left.
    """
    layout.check_volume(volume)
    folder = os.path.dirname(os.path.abspath(target))
    with Inventory(leaves, folder) as inventory, beside.File(target) as file:
        total = inventory.sizes.image(udf)
        beside.room(folder, total, target)
        with open(_path_list(inventory, folder), "rb") as paths, Child(
            "genisoimage", *_options(volume, udf), out=file.fd, stdin=paths
        ) as child:
            seal = _Seal(file.fd) if compare else None
            yield from _grow(child, file.fd, total, target, seal)
        if compare:
            try:
                os.fsync(file.fd)
                yield from seal.compared(total, target)
            except OSError as error:
                raise beside.put(error, target, total) from error
        file.keep()
    return Made(os.path.abspath(target), total, seal.digest.hexdigest() if compare else "")


class _Seal:
    """The SHA-256 of a file that grows, and the CRC-32 of each piece of it."""

    def __init__(self, fd):
        from hashlib import sha256

        self.digest = sha256()
        self._fd = fd
        self._checks = array("I")
        self._buffer = memoryview(bytearray(_PIECE))

    @property
    def octets(self):
        """How many it has taken in."""
        return len(self._checks) * _PIECE

    def follow(self, octets):
        """Take in one more whole piece of the file, of which there are so many octets; say whether there was one."""
        if self.octets + _PIECE > octets:
            return False
        self._take(_PIECE)
        return True

    def end(self, octets):
        """Take in all that is left, one piece after the other: a generator."""
        while self.octets < octets:
            self._take(min(_PIECE, octets - self.octets))
            yield

    def _take(self, octets):
        view = self._read(len(self._checks), octets)
        self.digest.update(view)
        self._checks.append(crc32(view))

    def _read(self, number, octets):
        view = self._buffer[:octets]
        at = 0
        while at < octets:
            count = os.preadv(self._fd, [view[at:]], number * _PIECE + at)
            if not count:
                raise OSError(errno.EIO, "it became shorter")
            at += count
        return view

    def compared(self, total, target):
        """Generator of Written: read it back from its disk; MediaError where it is another than was written."""
        os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)
        for number, check in enumerate(self._checks):
            if crc32(self._read(number, min(_PIECE, total - number * _PIECE))) != check:
                raise MediaError(f"FAILED: {target} does not read as it was written: look at the disk, and start again")
            yield Written(total, total)




def _options(volume, udf):
    made = ["-quiet", "-iso-level", "1", "-no-cache-inodes", "-V", volume, "-graft-points", "-path-list", "-"]
    return [*made, "-udf"] if udf else made


def _path_list(inventory, folder):
    """Return the descriptor of what genisoimage is told to take: name=path, a line each."""
    fd = nameless(folder)
    with os.fdopen(os.dup(fd), "wb") as file:
        for leaf in inventory:
            path = os.fsencode(os.path.abspath(leaf.path)).replace(b"\\", b"\\\\").replace(b"=", b"\\=")
            file.write(leaf.name.encode("ascii") + b"=" + path + b"\n")
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _grow(child, fd, total, target, seal):
    """Look on while the child writes to a descriptor, yielding Written; MediaError unless it comes to its end."""
    seen, code = 0, None
    while code is None:
        is_behind = seal is not None and seal.follow(os.fstat(fd).st_size)
        code = child.ended(0 if is_behind else _LOOK_S)
        done = os.fstat(fd).st_size
        if done > total:
            raise MediaError(f"the image exceeds the {total:,} octets it was to have: its files changed; start again")
        past = done if seal is None else seal.octets
        if code is None and past - seen >= _STRIDE:
            os.posix_fadvise(fd, seen, past - seen, os.POSIX_FADV_DONTNEED)  # begins to write them out
            seen = past
            yield Written(past, total)
    for words, number in _CAUSES:
        if code and any(words in line for line in child.said):
            raise beside.put(OSError(number, words), target, total)
    if code:
        raise MediaError(f"the image could not be made: {child.last_words()}")
    if done != total:
        raise MediaError(f"the image has {done:,} octets instead of {total:,}: its files changed; start again")
    for _ in seal.end(total) if seal is not None else ():
        yield Written(done, total)
    yield Written(done, total)
