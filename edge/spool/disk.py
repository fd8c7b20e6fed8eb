"""The one seam between the spool and the operating system.

Everything in this room that changes or reads files goes through a Disk, so that a simulator can stand in its place and
lose, tear or refuse what a real disk would. The calls are those of `os`, bound as attributes: the seam costs nothing on
the way of a byte. Only SQLite goes around it, and SQLite holds nothing that the journal and the files do not.

A write may be short without an error (a signal, a quota); `write_all` is the way to write. A failed fsync means that
the kernel may have dropped the pages and marked them clean: the next fsync of that descriptor would succeed and mean
nothing. Whoever meets one closes the descriptor and never takes its word again.
"""

import fcntl
import os

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
FRESH_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
READ_WRITE = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW

FILE_MODE = 0o600
FOLDER_MODE = 0o700

_PARTS_AT_ONCE = 1000  # the kernel takes 1024 (IOV_MAX)


class Disk:
    """The operating system's file calls, each as an attribute that a simulator replaces."""

    def __init__(self):
        self.open = os.open
        self.close = os.close
        self.read = os.read
        self.pread = os.pread
        self.preadv = os.preadv
        self.write = os.write
        self.pwrite = os.pwrite
        self.pwritev = os.pwritev
        self.fsync = os.fsync
        self.fdatasync = os.fdatasync
        self.rename = os.rename
        self.unlink = os.unlink
        self.mkdir = os.mkdir
        self.rmdir = os.rmdir
        self.listdir = os.listdir
        self.access = os.access
        self.fstat = os.fstat
        self.stat = os.stat
        self.fstatvfs = os.fstatvfs
        self.fadvise = os.posix_fadvise
        self.flock = fcntl.flock

    def write_all(self, fd, octets):
        """Write all of `octets` at the descriptor's place, however short the kernel's writes are."""
        done = self.write(fd, octets)
        if done != len(octets):
            rest = memoryview(octets)
            while done < len(rest):
                done += self.write(fd, rest[done:])

    def pwrite_all(self, fd, octets, offset):
        """Write all of `octets` at `offset`, however short the kernel's writes are."""
        done = self.pwrite(fd, octets, offset)
        if done != len(octets):
            rest = memoryview(octets)
            while done < len(rest):
                done += self.pwrite(fd, rest[done:], offset + done)

    def pwritev_all(self, fd, parts, offset):
        """Write all of `parts`, a sequence of bytes-like objects, one after another at `offset`, in few calls."""
        for start in range(0, len(parts), _PARTS_AT_ONCE):
            some = parts[start : start + _PARTS_AT_ONCE]
            done = self.pwritev(fd, some, offset)
            for part in some:
                length = len(part)
                if done < length:
                    self.pwrite_all(fd, memoryview(part)[done:], offset + done)
                    done = length
                done -= length
                offset += length

    def pread_all(self, fd, length, offset):
        """Read `length` octets at `offset`, fewer only where the file ends."""
        octets = self.pread(fd, length, offset)
        while len(octets) < length:
            more = self.pread(fd, length - len(octets), offset + len(octets))
            if not more:
                break
            octets += more
        return octets

    def open_folder(self, path):
        """Open the folder `path`, and make it, durably, when it is not there. Return a descriptor."""
        try:
            return self.open(path, FOLDER)
        except FileNotFoundError:
            pass
        try:
            self.mkdir(path, FOLDER_MODE)
        except FileExistsError:
            pass
        fd = self.open(path, FOLDER)
        try:
            self.sync_folder(os.path.dirname(path) or ".")
        except OSError:
            self.close(fd)
            self.rmdir(path)  # or it would be taken for durable the next time
            raise
        return fd

    def make_parents(self, path):
        """Make the folders above `path` that are not there, durably."""
        parent = os.path.dirname(path)
        if parent != path:
            try:
                self.close(self.open(parent, FOLDER))
            except FileNotFoundError:
                self.make_parents(parent)
                self.close(self.open_folder(parent))

    def sync_folder(self, path):
        """Make the names in the folder `path` durable."""
        fd = self.open(path, FOLDER)
        try:
            self.fsync(fd)
        finally:
            self.close(fd)

    def exists(self, name, folder_fd):
        """Tell whether `name` is in the open folder `folder_fd`."""
        return self.access(name, os.F_OK, dir_fd=folder_fd, follow_symlinks=False)

    def write_behind(self, fd, offset, length):
        """Let the kernel begin to write this stretch out now, so that the final sync finds little left to do.

        POSIX_FADV_DONTNEED starts writeback of dirty pages and drops only those that are clean by then, which a stretch
        written a moment ago is not: the file stays in memory for whoever sends it on.
        """
        self.fadvise(fd, offset, length, os.POSIX_FADV_DONTNEED)
