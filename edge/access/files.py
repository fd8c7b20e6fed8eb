"""Small files that nobody else may read, written whole and durable or not at all."""

import os

from edge.spool.disk import FILE_MODE, FRESH_FILE, READ, Disk

LIMIT_BYTES = 4 << 20

_disk = Disk()


def write(path, octets):
    """Have the file at `path` consist of `octets`, after a power cut too; OSError, and it is what it was before."""
    _disk.make_parents(path)
    fresh = path + ".new"
    fd = os.open(fresh, FRESH_FILE, FILE_MODE)
    try:
        os.fchmod(fd, FILE_MODE)
        _disk.write_all(fd, octets)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(fresh, path)
    _disk.sync_folder(os.path.dirname(path))


def read(path):
    """Return the octets of the file at `path`, at most LIMIT_BYTES of them; None when there is none. Raises OSError."""
    try:
        fd = os.open(path, READ)
    except FileNotFoundError:
        return None
    with open(fd, "rb") as file:
        return file.read(LIMIT_BYTES)


def remove(path):
    """Have no file at `path`, after a power cut too; OSError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    _disk.sync_folder(os.path.dirname(path))
