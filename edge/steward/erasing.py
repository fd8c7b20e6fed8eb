"""What was on the data partition is gone: discarded, read back, and overwritten wherever it can still be read.

A factory reset is ordered while the box runs and done when it starts next, before the partition is mounted: nothing
has a file open then, and nothing can write what was erased once more. The order is a sector of the small partition
beside (`bootstate`), behind what the boot loader has there, so that it needs no file system, and it is taken back last:
a power cut at any step leaves an order, and the reset begins again.

1. An encrypted partition loses the head with its keys first: without them the rest is noise at once.
2. All of it is discarded, securely where the device can (eMMC).
3. All of it is read; what is not zero is overwritten with zeros, and read again.

What this shows is what the device gives to a reader. Flash keeps more cells than it shows, and a discarded cell may
hold its charge until the device clears it: who opens the chip may find remains, of which nothing outside tells. Only
encryption from the first day on answers that (step 1).
"""

import fcntl
import os
import stat
import struct
import zlib

from edge.spool.disk import Disk
from edge.steward import programs
from edge.steward.errors import Refused

ORDER_AT = 512 << 10  # octets into the partition of the order
_ORDER = struct.Struct("<16sI")  # what it says, CRC-32 of that
_WORDS = b"EDGE RESET 1"
_SECTOR = 4096
_PIECE = 4 << 20
_LUKS = (b"LUKS\xba\xbe", b"SKUL\xba\xbe")
_LUKS_HEAD = 32 << 20  # no header with its key slots is longer
_BLKDISCARD, _BLKSECDISCARD, _BLKGETSIZE64 = 0x1277, 0x127D, 0x80081272
_MAKE = ("/usr/sbin/mkfs.ext4", "-q", "-F", "-L", "edge-data", "-O", "metadata_csum", "-E", "nodiscard")
_MAKE_S = 600

_disk = Disk()


def order(path, is_wanted=True):
    """Write the order to reset into the partition or file at `path`, durably, or take it back. Raises OSError."""
    words = _WORDS.ljust(16, b"\0")
    sector = _ORDER.pack(words, zlib.crc32(words)).ljust(_SECTOR, b"\0") if is_wanted else bytes(_SECTOR)
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if _size(fd) < ORDER_AT + _SECTOR:
            raise Refused("%s is too small for an order to reset: %d octets are needed" % (path, ORDER_AT + _SECTOR))
        _disk.pwrite_all(fd, sector, ORDER_AT)
        os.fsync(fd)
    finally:
        os.close(fd)


def is_ordered(path):
    """Say whether the partition or file at `path` has an order to reset. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = os.pread(fd, _ORDER.size, ORDER_AT)
    finally:
        os.close(fd)
    if len(found) < _ORDER.size:
        return False
    words, crc = _ORDER.unpack(found)
    return words.rstrip(b"\0") == _WORDS and crc == zlib.crc32(words)


def erase(path):
    """Erase the device or file at `path`; yield (octets done, octets in all), and return what was done, in words.

    Raises Refused where it is in use, or still gives what is not zero; OSError.
    """
    fd = _opened(path)
    try:
        size = _size(fd)
        done = []
        if _disk.pread_all(fd, len(_LUKS[0]), 0) in _LUKS:
            _zero(fd, 0, min(size, _LUKS_HEAD))
            os.fsync(fd)
            done.append("the keys of its encryption were overwritten")
        if _discard(fd, size):
            done.append("all of it was discarded")
        overwritten = 0
        for at in range(0, size, _PIECE):
            length = min(_PIECE, size - at)
            if not _is_zero(fd, at, length):
                _zero(fd, at, length)
                overwritten += length
            yield at + length, size
        os.fsync(fd)
        _forget(fd)
        if overwritten:
            done.append("%d octets were overwritten" % overwritten)
            for at in range(0, size, _PIECE):
                if not _is_zero(fd, at, min(_PIECE, size - at)):
                    raise Refused("%s does not keep what is written to it, at octet %d; destroy it" % (path, at))
        done.append("all of its %d octets read as zero" % size)
        return "; ".join(done)
    finally:
        os.close(fd)


def reset(path, ordered_at=None):
    """Erase the data partition at `path` and make an empty file system on it; yields and returns as `erase`.

    ordered_at: where the order is, which is taken back when all is done.
    """
    done = yield from erase(path)
    programs.run([*_MAKE, path], _MAKE_S)
    if ordered_at is not None:
        order(ordered_at, False)
    return done + "; an empty file system was made"


def _opened(path):
    """Open a device that nothing has mounted, or a file, to erase it."""
    is_device = stat.S_ISBLK(os.stat(path).st_mode)
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_EXCL if is_device else os.O_NOFOLLOW))
    except OSError as error:
        if is_device and error.errno == 16:  # EBUSY
            raise Refused("%s is in use; a reset is done before it is mounted" % path) from None
        raise


def _size(fd):
    found = os.fstat(fd)
    if stat.S_ISBLK(found.st_mode):
        return struct.unpack("<Q", fcntl.ioctl(fd, _BLKGETSIZE64, bytes(8)))[0]
    return found.st_size


def _discard(fd, size):
    """Have a device forget all; say whether it can. The holes of a file are made by whoever keeps it, not here."""
    for request in (_BLKSECDISCARD, _BLKDISCARD):
        try:
            fcntl.ioctl(fd, request, struct.pack("<QQ", 0, size))
        except OSError:
            continue
        _forget(fd)
        return True
    return False


def _forget(fd):
    """Have the kernel read from the device what is read next, and not from its memory."""
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def _is_zero(fd, at, length):
    found = _disk.pread_all(fd, length, at)
    return len(found) == length and not found.strip(b"\0")


def _zero(fd, at, length):
    for start in range(at, at + length, _PIECE):
        _disk.pwrite_all(fd, bytes(min(_PIECE, at + length - start)), start)
