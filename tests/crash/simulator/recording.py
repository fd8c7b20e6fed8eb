"""A Disk that does what it is told, and writes down every change: the record from which crashes are made.

Files and folders are numbered, as by inodes: a file that is renamed stays what it is. A record is a list of Changes:

    kind     node        what more it says
    name     a folder    name, and number: the name stands for this file or folder from now on, None for nothing
    move     a folder    name, folder, new name, number: both names change at once
    write    a file      offset, octets
    size     a file      octets that it has from now on
    sync     either      what was changed before is durable: of a file its octets, of a folder the names in it
    index    None        the number of the index's state after a transaction of SQLite, which is one step here
    checkpoint  None     the number of the index's state that is durable now
    mark     None        what was promised, or is about to be withdrawn: see judge

The index goes around the seam. Each of its transactions counts as one step; a power cut may leave any of those since
the last checkpoint, as it does not sync, or none at all, as it may always be deleted.
"""

import os
from collections import namedtuple
from contextlib import contextmanager
from threading import RLock

from edge.spool.disk import Disk
from edge.spool.ledger import Ledger

Change = namedtuple("Change", "kind node more")

ROOT = 0
INDEX = "index.db"
_TOLD = ("commit", "clear", "_connect", "checkpoint")


class Recorder(Disk):
    """The disk below the folder `path`, which may have files already: they count as durable."""

    def __init__(self, path):
        super().__init__()
        self.path = str(path)
        self.changes = []
        self.indexes = [None]  # what index.db was, one after another; None: it was not there
        self.before = {}  # number -> octets, or {name: number} of a folder, before anything was recorded
        self.paths = {}  # number -> the last path that it had, for words
        self._lock = RLock()
        self._descriptors = {}  # descriptor -> number, None for what is not recorded
        self._names = {}  # number of a folder -> {name: number}, as it is now
        self._sizes = {}  # number of a file -> octets
        self._look(self.path, "")
        for name in ("open", "close", "write", "pwrite", "pwritev", "fsync", "fdatasync", "rename", "unlink", "mkdir",
                     "rmdir"):  # fmt: skip
            setattr(self, name, self._locked(getattr(self, "_do_" + name)))

    def _locked(self, call):
        def locked(*arguments, **named):
            with self._lock:
                return call(*arguments, **named)

        return locked

    def _look(self, path, words):
        number = len(self.before)
        self.paths[number] = words
        if os.path.isdir(path):
            self.before[number] = names = {}
            for name in sorted(set(os.listdir(path))):
                if name.startswith(INDEX):
                    continue  # an index from before is none of the states that are built: it may always be deleted
                names[name] = self._look(os.path.join(path, name), words + "/" + name)
            self._names[number] = dict(names)
        else:
            with open(path, "rb") as file:
                self.before[number] = file.read()
            self._sizes[number] = len(self.before[number])
        return number

    # What is recorded beside the calls of the disk

    def mark(self, what):
        """Write down a promise, at this point."""
        with self._lock:
            self._note("mark", None, what)

    def index_is(self, octets):
        """Write down what the index is after a transaction."""
        with self._lock:
            if octets != self.indexes[-1]:
                self.indexes.append(octets)
                self._note("index", None, len(self.indexes) - 1)

    def index_is_durable(self):
        """Write down that SQLite has synced all that it has."""
        with self._lock:
            self._note("checkpoint", None, len(self.indexes) - 1)

    def _note(self, kind, node, *more):
        self.changes.append(Change(kind, node, more))

    # Where a path leads

    def _place(self, path, dir_fd=None):
        """Return (number of the folder, name) for a path; (None, name) for one that is not recorded."""
        path = os.fspath(path)
        if dir_fd is not None:
            folder = self._descriptors[dir_fd]
        else:
            if path == self.path:
                return None, path
            if not path.startswith(self.path + "/"):
                return None, path
            folder, path = ROOT, path[len(self.path) + 1 :]
        *above, name = path.split("/")
        for each in above:
            folder = self._names[folder][each]
        return (None if name.startswith(INDEX) else folder), name

    def _known(self, path, dir_fd=None):
        """Return the number of what is at a path, None when it is not recorded."""
        if dir_fd is None and os.fspath(path) == self.path:
            return ROOT
        folder, name = self._place(path, dir_fd)
        return None if folder is None else self._names[folder].get(name)

    def _new(self, folder, name, is_folder=False):
        number = max(self.paths) + 1
        self.paths[number] = "%s/%s" % (self.paths[folder], name)
        if is_folder:
            self._names[number] = {}
        else:
            self._sizes[number] = 0
        self._names[folder][name] = number
        self._note("name", folder, name, number)
        return number

    # The calls, under the lock: what was done is written down behind what was done before

    def _do_open(self, path, flags, mode=0o777, *, dir_fd=None):
        fd = os.open(path, flags, mode, dir_fd=dir_fd)
        number = self._known(path, dir_fd)
        if number is None:
            folder, name = self._place(path, dir_fd)
            if folder is not None:
                number = self._new(folder, name)
        elif flags & os.O_TRUNC and self._sizes.get(number):
            self._sizes[number] = 0
            self._note("size", number, 0)
        self._descriptors[fd] = number
        return fd

    def _do_close(self, fd):
        self._descriptors.pop(fd, None)
        os.close(fd)

    def _do_write(self, fd, octets):
        return self._do_pwrite(fd, octets, os.lseek(fd, 0, os.SEEK_CUR), os.write)

    def _do_pwrite(self, fd, octets, offset, call=None):
        count = call(fd, octets) if call else os.pwrite(fd, octets, offset)
        number = self._descriptors[fd]
        self._note("write", number, offset, bytes(memoryview(octets)[:count]))
        self._sizes[number] = max(self._sizes[number], offset + count)
        return count

    def _do_pwritev(self, fd, parts, offset):
        return self._do_pwrite(fd, b"".join(parts), offset)

    def _do_fsync(self, fd):
        os.fsync(fd)
        self._note("sync", self._descriptors[fd])

    def _do_fdatasync(self, fd):
        os.fdatasync(fd)
        self._note("sync", self._descriptors[fd])

    def _do_rename(self, old, new, *, src_dir_fd=None, dst_dir_fd=None):
        os.rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        (folder, name), (other, new_name) = self._place(old, src_dir_fd), self._place(new, dst_dir_fd)
        number = self._names[folder].pop(name)
        self._names[other][new_name] = number
        self.paths[number] = "%s/%s" % (self.paths[other], new_name)
        self._note("move", folder, name, other, new_name, number)

    def _do_unlink(self, path, *, dir_fd=None):
        os.unlink(path, dir_fd=dir_fd)
        self._gone(path, dir_fd)

    def _do_rmdir(self, path, *, dir_fd=None):
        os.rmdir(path, dir_fd=dir_fd)
        self._gone(path, dir_fd)

    def _gone(self, path, dir_fd):
        folder, name = self._place(path, dir_fd)
        if folder is not None:
            del self._names[folder][name]
            self._note("name", folder, name, None)
        elif name == INDEX:
            self.index_is(None)

    def _do_mkdir(self, path, mode=0o777, *, dir_fd=None):
        os.mkdir(path, mode, dir_fd=dir_fd)
        self._new(*self._place(path, dir_fd), is_folder=True)


@contextmanager
def indexes_told():
    """Have every index that works on a Recorder tell it what it is after each transaction."""
    originals = {name: getattr(Ledger, name) for name in _TOLD}

    def telling(name, original):
        def told(ledger, *arguments):
            original(ledger, *arguments)
            disk = ledger._disk
            if isinstance(disk, Recorder) and ledger.path is not None:
                if name == "checkpoint":
                    disk.index_is_durable()
                else:
                    disk.index_is(ledger._connection.serialize())

        return told

    for name, original in originals.items():
        setattr(Ledger, name, telling(name, original))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(Ledger, name, original)
