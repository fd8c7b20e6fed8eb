"""A stored object, opened and found to be what was received: what a target delivers.

A short data set is read once, and what was checked is what is sent. A long one is read through for its checksum, and
stays in its file, from where the kernel copies it when nothing has to be changed.
"""

import os

from edge.spool.checksum import crc32
from edge.spool.disk import READ
from edge.spool.errors import Rotten

SHORT_BYTES = 1 << 20

_PIECE_BYTES = 1 << 20


class Parcel:
    """An open data set. octets: all of it when it is short, otherwise None; fd: its file, None when it is short."""

    __slots__ = ("job", "octets", "fd")

    def __init__(self, job, octets, fd):
        self.job = job
        self.octets = octets
        self.fd = fd

    def chunks(self):
        """Yield the data set in pieces. Rotten when the file has become too short, OSError when it cannot be read."""
        if self.octets is not None:
            yield self.octets
            return
        at = self.job.offset
        end = at + self.job.size
        while at < end:
            octets = os.pread(self.fd, min(_PIECE_BYTES, end - at), at)
            if not octets:
                raise Rotten("its file ended %d octets early" % (end - at))
            at += len(octets)
            yield octets

    def close(self):
        """Let go of the file."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


def open_parcel(path, job):
    """Return the Parcel of `job`, whose file is `path`; Rotten, in words, when it is not what was received any more."""
    try:
        fd = os.open(path, READ)
    except FileNotFoundError:
        raise Rotten("its file is gone; have it sent again") from None
    except OSError as error:
        raise Rotten("its file cannot be opened: %s" % error.strerror) from error
    try:
        if job.size <= SHORT_BYTES:
            octets = os.pread(fd, job.size, job.offset)
            if len(octets) == job.size and crc32(octets) == job.crc:
                return Parcel(job, octets, None)
        elif _checksum(fd, job.offset, job.size) == job.crc:
            kept, fd = fd, None
            return Parcel(job, None, kept)
    except OSError as error:
        raise Rotten("its file cannot be read: %s; look at the disk" % error.strerror) from error
    finally:
        if fd is not None:
            os.close(fd)
    raise Rotten("its file is not what was received any more; have it sent again, and look at the disk")


def _checksum(fd, offset, size):
    """Return the CRC-32 of `size` octets from `offset` on, None when the file is too short for them."""
    window = memoryview(bytearray(min(_PIECE_BYTES, size)))
    crc = 0
    end = offset + size
    while offset < end:
        count = os.preadv(fd, [window[: min(len(window), end - offset)]], offset)
        if not count:
            return None
        crc = crc32(window[:count], crc)
        offset += count
    return crc
