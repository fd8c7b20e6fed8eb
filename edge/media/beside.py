"""Files and folders that are made beside their place, and take it by a rename when they are whole and synced.

What is under way has a name that begins with `.edge-media-` and is locked while somebody works on it. After a power cut
or a kill the lock is gone, and `sweep` removes what is left: it is called for a folder before something is made in it,
and for those of the box at its start.

In the root of a stick several entries take their places one after another. Before the first of them does, they are
written down in a journal in the folder they come from, and the journal is removed as the last step: until then a sweep
takes them away again.
"""

import errno
import fcntl
import os

from edge.media.errors import MediaError

MARK = ".edge-media-"
_JOURNAL = "PLACED"
_INSIDE = "NEW"
_JOURNAL_OCTETS = 1 << 16


def put(error, what, total=None):
    """Return the MediaError of an OSError while `what` was written. total: octets that it needs."""
    needed = f"; {what} needs {total:,} octets" if total else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MediaError(f"no room is left for {what}{needed}: free some, or write it elsewhere")
    if error.errno == errno.EFBIG:
        return MediaError(f"{what} becomes longer than a file may be there{needed}: write it elsewhere")
    if error.errno in (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ENOMEDIUM):
        return MediaError(f"the device of {what} fails ({error.strerror}): do not hand it out, take another")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return MediaError(f"{what} cannot be written ({error.strerror}): see to who may write there")
    return MediaError(f"{what} cannot be written: {error.strerror or error}; try again, or write it elsewhere")


def room(folder, total, what):
    """Raise MediaError unless so many octets are free in a folder."""
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    if free < total:
        raise MediaError(
            f"{what} needs {total:,} octets, and {free:,} are free there: free some, or write it elsewhere"
        )


class File:
    """A file on its way to `target`; a context manager, which removes it unless `keep` was called."""

    def __init__(self, target):
        self.target = os.path.abspath(target)
        parent = os.path.dirname(self.target)
        _absent(self.target)
        sweep(parent)
        self._path = os.path.join(parent, MARK + os.urandom(4).hex())
        try:
            self.fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise put(error, self.target) from error
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def __enter__(self):
        return self

    def keep(self):
        """Sync the file, give it its name, and sync that."""
        try:
            os.fsync(self.fd)
            _absent(self.target)
            os.rename(self._path, self.target)
            self._path = None
            sync(os.path.dirname(self.target))
        except OSError as error:
            raise put(error, self.target) from error

    def __exit__(self, *_):
        if self._path is not None:
            os.unlink(self._path)
        os.close(self.fd)


class Folder:
    """A folder on its way, beside what it becomes; a context manager, which removes it unless it was kept.

    path: where to put what it is to hold.
    """

    def __init__(self, parent):
        self._parent = os.path.abspath(parent)
        sweep(self._parent)
        self._own = os.path.join(self._parent, MARK + os.urandom(4).hex())
        self.path = os.path.join(self._own, _INSIDE)
        try:
            os.mkdir(self._own, 0o700)
            self._fd = os.open(self._own, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            os.mkdir(self.path, 0o755)
        except OSError as error:
            raise put(error, self._parent) from error

    def __enter__(self):
        return self

    def keep_as(self, target):
        """Become the folder `target`, which is not there or empty."""
        try:
            os.rename(self.path, target)
            sync(os.path.dirname(os.path.abspath(target)))
        except OSError as error:
            raise put(error, target) from error

    def keep_inside(self, last):
        """Move the entries into the parent, the one called `last` at the end: with it the volume is there."""
        try:
            self._place(last)
        except OSError as error:
            raise put(error, self._parent) from error

    def _place(self, last):
        names = sorted(os.listdir(self.path), key=lambda name: (name == last, name))
        for name in names:
            _absent(os.path.join(self._parent, name))
        with open(os.path.join(self._own, _JOURNAL), "x", encoding="ascii") as journal:
            journal.write("".join(name + "\n" for name in names) + "\n")
            journal.flush()
            os.fsync(journal.fileno())
        sync(self._own)
        sync(self._parent)
        for name in names:
            os.rename(os.path.join(self.path, name), os.path.join(self._parent, name))
        sync(self._parent)
        os.unlink(os.path.join(self._own, _JOURNAL))
        sync(self._own)

    def __exit__(self, *_):
        _remove(self._own)
        os.close(self._fd)
        sync(self._parent)


def sweep(folder):
    """Remove what is left in a folder of things that nobody works on any more; return how many there were."""
    removed = 0
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise put(error, folder) from error
    for name in names:
        if name.startswith(MARK):
            path = os.path.join(folder, name)
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError:
                continue
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path)
                removed += 1
            except OSError:
                pass  # somebody works on it, or it cannot be removed: what is written next says why
            finally:
                os.close(fd)
    return removed


def sync(folder):
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _absent(path):
    if os.path.lexists(path):
        raise MediaError(f"{path} is there already: remove it, or choose another name")


def _remove(path):
    """Remove a file, or a folder with what it holds and what had come from it to its place."""
    if not os.path.isdir(path) or os.path.islink(path):
        os.unlink(path)
        return
    for name in _placed(path):
        if not os.path.lexists(os.path.join(path, _INSIDE, name)):
            _remove_tree(os.path.join(os.path.dirname(path), name))
    _remove_tree(path)


def _placed(folder):
    """The names in a folder's journal, which is whole only with its empty last line; nothing that leads elsewhere."""
    try:
        with open(os.path.join(folder, _JOURNAL), "rb") as journal:
            octets = journal.read(_JOURNAL_OCTETS)
    except OSError:
        return []
    if not octets.endswith(b"\n\n") and octets != b"\n":
        return []
    names = octets.decode("ascii", "replace").split("\n")
    return [name for name in names if name and "/" not in name and name not in (".", "..") and "\0" not in name]


def _remove_tree(path):
    if os.path.isdir(path) and not os.path.islink(path):
        with os.scandir(path) as entries:
            for entry in list(entries):
                _remove_tree(entry.path)
        os.rmdir(path)
    else:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
