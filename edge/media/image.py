"""Images of discs: ISO 9660 level 1, with UDF 1.02 beside it for DVD and larger, from leaves.

genisoimage lays them out. Of three programs that were measured on 700 MB in 1,400 files, it takes half the
time of xorriso (1.1 s to 2.0 s) and half its memory (6 MB to 11 MB; 12 to 22 MB for 10,000 files), and it alone of
the two writes UDF. pycdlib has UDF too, but cannot write to a pipe, grows to 50 MB for 10,000 files, inside the
box, and says UDF 2.60 where it writes 1.02. So: genisoimage, which writes from its beginning to its end, straight into
a file beside the target; through a pipe and the box the same took twice the processor. The target appears by a rename
when all of it is synced.

What is written is hashed while it grows, from the kernel's memory and on another core than genisoimage's. Where that is
asked for it is then synced, forgotten by the kernel, and read back from the disk: each megabyte has to have the CRC-32
that it had, so the SHA-256 is that of what lies there. Hashing takes longest, so a thread syncs and reads back what is
hashed already while the rest is; what was not hashed when the image was whole gets its CRC-32 before it is synced.

The size is known before (edge.media.layout), and what comes must be that, to the octet. Names are level 1 in both file
systems; Rock Ridge and Joliet are left out, since PS3.12 F wants none. Two names of one file are two files.

Source: ECMA-119; OSTA UDF 1.02; PS3.12 F and P.
"""

import errno
import os
import threading
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
            yield from seal.compared(total, target)
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

    def _take(self, octets):
        view = _read(self._fd, self._buffer, len(self._checks), octets)
        self.digest.update(view)
        self._checks.append(crc32(view))

    def compared(self, total, target):
        """Generator of Written: take in the rest, and read all back; MediaError where it is another than was written.

        total: how many octets the file has by now; target: what it is called.
        """
        with _ReadBack(self._fd, self._checks[:], total) as back:
            while self.octets < total:
                self._take(min(_PIECE, total - self.octets))
                yield Written(min(self.octets, total), total)
            while back.is_at_work(_LOOK_S):
                yield Written(total, total)
        if back.error is not None:
            raise beside.put(back.error, target, total) from back.error
        if self._checks != back.written or self._checks != back.found:
            raise MediaError(f"FAILED: {target} does not read as it was written: look at the disk, and start again")


class _ReadBack:
    """A thread that syncs a file, has the kernel forget it, and reads it back; a context manager, which ends it.

    written: CRC-32 of each piece before it is synced, of which the first are known; found: as they were read back;
    error: OSError that ended it, or None.
    """

    def __init__(self, fd, known, total):
        self.written = known
        self.found = array("I")
        self.error = None
        self._fd = fd
        self._sizes = [min(_PIECE, total - at) for at in range(0, total, _PIECE)]
        self._buffer = memoryview(bytearray(_PIECE))
        self._is_wanted = True
        self._thread = threading.Thread(target=self._run, name="read-back", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_wanted = False
        self._thread.join()

    def is_at_work(self, within_s):
        """Wait for its end so long; say whether it still works."""
        self._thread.join(within_s)
        return self._thread.is_alive()

    def _run(self):
        try:
            self._check(self.written)
            os.fsync(self._fd)
            os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)
            self._check(self.found)
        except OSError as error:
            self.error = error

    def _check(self, checks):
        for number in range(len(checks), len(self._sizes)):
            if not self._is_wanted:
                return
            checks.append(crc32(_read(self._fd, self._buffer, number, self._sizes[number])))


def _read(fd, buffer, number, octets):
    """Return a view of one piece of a file, read into a buffer."""
    view = buffer[:octets]
    at = 0
    while at < octets:
        count = os.preadv(fd, [view[at:]], number * _PIECE + at)
        if not count:
            raise OSError(errno.EIO, "it became shorter")
        at += count
    return view


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
    yield Written(done, total)
