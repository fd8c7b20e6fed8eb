"""Stored files: read back with constant memory, checked before they leave, set aside when they have rotted."""

from errno import EIO, EISDIR, ELOOP, ENOENT, ENOTDIR

from edge.spool.checksum import crc32
from edge.spool.disk import READ
from edge.spool.jobs import ROTTEN

CHUNK_BYTES = 256 << 10
GONE = (ENOENT, ENOTDIR, ELOOP, EISDIR)  # what opening a file answers when it is not there, or is no file any more


class Files:
    """Opens the files of stored objects, and does not take their word for what is in them."""

    def __init__(self, disk, objects_fd, quarantine_fd, journal, now):
        self._disk = disk
        self._objects_fd = objects_fd
        self._quarantine_fd = quarantine_fd
        self._journal = journal
        self._now = now

    def open(self, stored):
        """Return a descriptor of an object's file, unchecked; OSError when it is not there."""
        return self._disk.open(stored.path, READ, dir_fd=self._objects_fd)

    def check(self, stored):
        """Say whether the file of a StoredObject or a Job is what was received; when it is not, hold and report it.

        OSError as `fault`.
        """
        fault = self.fault(stored)
        if fault is not None:
            self.report(stored, fault)
        return fault is None

    def report(self, stored, fault):
        """Hold a StoredObject or a Job of which `fault` has found that its file is not what was received."""
        if getattr(stored, "hold", None) != ROTTEN:
            self.hold_rotten(stored.object_id if hasattr(stored, "object_id") else stored.id, fault)

    def fault(self, stored):
        """Return in words why an object's file is not what was received, or None when it is.

        OSError when that cannot be found out for now: a lack of descriptors or memory is not rot.
        """
        try:
            fd = self.open(stored)
        except OSError as error:
            if error.errno in GONE:
                return "its file is gone; have it sent again"
            raise
        try:
            size = self._disk.fstat(fd).st_size
            if size != stored.offset + stored.size:
                return "its file has %d octets instead of %d; have it sent again" % (size, stored.offset + stored.size)
            if self.checksum(fd, stored.offset, stored.size) != stored.crc:
                return "its file is not what was received any more; have it sent again, and look at the disk"
        except OSError as error:
            if error.errno == EIO:
                return "its file cannot be read: %s; look at the disk" % error.strerror
            raise
        finally:
            self._disk.close(fd)
        return None

    def checksum(self, fd, offset, length):
        """Return the CRC-32 of `length` octets of an open file from `offset`, None when it is too short for them."""
        return checksum(self._disk.preadv, fd, offset, length, memoryview(bytearray(min(length, CHUNK_BYTES))))

    def hold_rotten(self, number, fault):
        """Hold an object whose file is not what was received any more; `fault` says so in words."""
        record = {"id": number, "cause": ROTTEN, "why": fault, "at": self._now()}
        self._journal.append("hold", record, durable=False)

    def set_aside(self, path):
        """Move a file below objects/ that stands for nothing any more into quarantine/."""
        try:
            self._disk.rename(
                path, path.replace("/", "_"), src_dir_fd=self._objects_fd, dst_dir_fd=self._quarantine_fd
            )
        except FileNotFoundError:
            pass


def checksum(preadv, fd, offset, length, buffer):
    """Return the CRC-32 of `length` octets of an open file from `offset`, None when it is too short for them.

    preadv: as in `os`; buffer: a view of at least one octet to read into, again and again.
    """
    crc = 0
    end = offset + length
    while offset < end:
        count = preadv(fd, (buffer[: end - offset],), offset)
        if not count:
            return None
        crc = crc32(buffer[:count], crc)
        offset += count
    return crc
