"""A stored object, opened and found to be what was received: what a target delivers.

A short data set is read once, into memory that is used again and again, and what was checked is what is sent. A long
one is read through for its checksum, and stays in its file, from where the kernel copies it when nothing has to be
changed.
"""

import os
from errno import EIO

from edge.spool.checksum import crc32
from edge.spool.disk import READ
from edge.spool.errors import Rotten
from edge.spool.files import GONE, checksum

SHORT_BYTES = 1 << 20


class Unready(Exception):
    """This box cannot read an object at present, which says nothing about the object; str() says why, and what to do.

    Descriptors or memory are short, or the rights to the spool are not there.
    """


class Parcel:
    """An open data set. octets: a view of all of it when it is short, otherwise None; fd: its file, None when short.

    Both are good until `close`. recoded: the transfer syntaxes from and to which its pixels were transcoded, or None.
    """

    __slots__ = ("job", "octets", "fd", "recoded", "_desk", "_buffer")

    def __init__(self, job, octets, fd, desk, buffer):
        self.job = job
        self.octets = octets
        self.fd = fd
        self.recoded = None
        self._desk = desk
        self._buffer = buffer

    def chunks(self, start=0):
        """Yield the data set from its octet `start` on, in pieces; each is good until the next.

        Raises Rotten when the file has become too short, OSError when it cannot be read.
        """
        if self.octets is not None:
            yield self.octets[start:]
            return
        buffer = self._desk.take()
        try:
            at = self.job.offset + start
            end = self.job.offset + self.job.size
            while at < end:
                count = os.preadv(self.fd, [buffer[: end - at]], at)
                if not count:
                    raise Rotten("its file ended %d octets early" % (end - at))
                at += count
                yield buffer[:count]
        finally:
            self._desk.give(buffer)

    def close(self):
        """Let go of file and memory."""
        self.octets = None
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
        if self._buffer is not None:
            self._desk.give(self._buffer)
            self._buffer = None


class Desk:
    """Opens parcels, and has the memory for those that are open; for one thread."""

    def __init__(self):
        self._free = []

    def take(self):
        """Return a view of SHORT_BYTES octets to read into; `give` it back."""
        return self._free.pop() if self._free else memoryview(bytearray(SHORT_BYTES))

    def give(self, buffer):
        """Take back memory that nobody uses any more."""
        self._free.append(buffer)

    def clear(self):
        """Return the memory that is not in use to the system."""
        self._free.clear()

    def open(self, path, job):
        """Return the Parcel of `job`, whose file is `path`.

        Raises Rotten, in words, when it is not what was received; Unready when that cannot be told at present.
        """
        buffer = self.take()
        fd = None
        try:
            fd = os.open(path, READ)
            if job.size <= SHORT_BYTES:
                octets = buffer[: job.size]
                if self._read(fd, octets, job.offset) == job.size and crc32(octets) == job.crc:
                    kept, buffer = buffer, None
                    return Parcel(job, octets, None, self, kept)
            elif checksum(os.preadv, fd, job.offset, job.size, buffer) == job.crc:
                kept, fd = fd, None
                return Parcel(job, None, kept, self, None)
        except OSError as error:
            raise _judged(error, job, fd is not None) from error
        finally:
            if fd is not None:
                os.close(fd)
            if buffer is not None:
                self.give(buffer)
        raise Rotten("its file is not what was received any more; have it sent again, and look at the disk")

    def _read(self, fd, view, offset):
        """Read into `view` from `offset`; return how much there was."""
        done = os.preadv(fd, [view], offset)
        while 0 < done < len(view):
            count = os.preadv(fd, [view[done:]], offset + done)
            if not count:
                break
            done += count
        return done


def _judged(error, job, is_open):
    """Return the Rotten or Unready that an OSError on the way to an object stands for."""
    if error.errno in GONE:
        return Rotten("its file is gone; have it sent again")
    if error.errno == EIO and is_open:
        return Rotten("its file cannot be read, input/output error: look at the disk, then release it")
    words = "this box cannot read object %d at present: %s; see that it may, and has descriptors and memory enough"
    return Unready(words % (job.object_id, (error.strerror or str(error)).lower()))
