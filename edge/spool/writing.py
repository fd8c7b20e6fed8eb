"""Files that are replaced as a whole, durably: after a power cut at any step there is the old one or the new one.

The new octets are written beside the file under a name of their own, synced, and named last; then the folder is synced.
A symbolic link is followed, so that it still leads to the file. What a person set on the old file, its mode and its
owner, the new one has too.
"""

import os

from edge.spool.disk import FILE_MODE, FRESH_FILE, READ

_PART = 1 << 16


def read(disk, path):
    """Return all octets of the file at `path`, through a symbolic link too; None when there is none."""
    try:
        fd = disk.open(os.path.realpath(path), READ)
    except FileNotFoundError:
        return None
    try:
        parts = []
        while part := disk.read(fd, _PART):
            parts.append(part)
        return b"".join(parts)
    finally:
        disk.close(fd)


def replace(disk, path, octets, mode=FILE_MODE):
    """Make `octets` the content of the file at `path`, durably; OSError, and all as it was, where that cannot be.

    mode: of a file that was not there; without it, that is its owner's alone.
    """
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    beside = os.path.join(folder, ".%s.new" % name)
    try:
        before = disk.stat(path)
    except FileNotFoundError:
        before = None
    fd = disk.open(beside, FRESH_FILE, mode)
    try:
        try:
            if before is not None:
                _take_after(fd, before)
            disk.write_all(fd, octets)
            disk.fsync(fd)
        finally:
            disk.close(fd)
        disk.rename(beside, path)
    except OSError:
        try:
            disk.unlink(beside)
        except OSError:
            pass
        raise
    disk.sync_folder(folder)


def _take_after(fd, before):
    """Give an open file the owner and the mode that `before`, a stat_result, has."""
    now = os.fstat(fd)
    os.fchmod(fd, before.st_mode & 0o7777)  # first: whoever may give a file away need not have a say over it afterwards
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(fd, before.st_uid, before.st_gid)


def remove(disk, path):
    """Remove the file at `path`, durably, where there is one."""
    path = os.path.realpath(path)
    try:
        disk.unlink(path)
    except FileNotFoundError:
        return
    disk.sync_folder(os.path.dirname(path))
