"""Where uploads were left off, by what is uploaded: a file for each, so that a box that starts again goes on there."""

import os
import time

from edge.spool.disk import FILE_MODE, FOLDER_MODE, FRESH_FILE, READ, Disk

_KEEP_S = 30 * 86400  # relays forget sooner
_ADDRESS_LIMIT = 4096
_NEW = ".new"


class Resume:
    """The addresses of uploads under way, in `folder`; whoever uses it has keys of its own (hex digits)."""

    def __init__(self, folder, disk=None, now=time.time):
        self._folder = folder
        self._disk = disk or Disk()
        self._now = now
        self._fd = None

    def get(self, key):
        """Return the address that was put down for `key`, or None."""
        self._open()
        try:
            fd = self._disk.open(key, READ, dir_fd=self._fd)
        except FileNotFoundError:
            return None
        try:
            return self._disk.pread_all(fd, _ADDRESS_LIMIT, 0).decode("ascii", "replace") or None
        finally:
            self._disk.close(fd)

    def put(self, key, address):
        """Put `address` (str) down for `key`, durably. OSError when the disk refuses."""
        self._open()
        disk = self._disk
        fd = disk.open(key + _NEW, FRESH_FILE, FILE_MODE, dir_fd=self._fd)
        try:
            disk.write_all(fd, address.encode("ascii"))
            disk.fsync(fd)
        finally:
            disk.close(fd)
        disk.rename(key + _NEW, key, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        disk.fsync(self._fd)

    def drop(self, key):
        """Forget what was put down for `key`."""
        try:
            self._open()
            self._disk.unlink(key, dir_fd=self._fd)
        except OSError:
            pass  # a relay that is asked for what it does not have any more says so

    def _open(self):
        if self._fd is not None:
            return
        try:
            os.mkdir(self._folder, FOLDER_MODE)
        except FileExistsError:
            pass
        self._fd = self._disk.open_folder(self._folder)
        oldest = self._now() - _KEEP_S
        for name in self._disk.listdir(self._folder):
            if name.endswith(_NEW) or self._disk.stat(name, dir_fd=self._fd).st_mtime < oldest:
                self._disk.unlink(name, dir_fd=self._fd)
