"""Where files get their final names: one folder a day, and another when it has as many entries as is good for it.

Only the folder in use gets new names, so only there can a crash leave a name that no line of the journal knows.
"""

import time
from _thread import allocate_lock

from edge.dicom import uid

FOLDER_ENTRIES = 4096


class Folder:
    """An open folder below objects/, shared by all who are giving a file its name in it."""

    __slots__ = ("name", "fd", "entries", "users", "trusted")

    def __init__(self, name, fd, entries):
        self.name = name
        self.fd = fd
        self.entries = entries
        self.users = 0
        self.trusted = True

    def distrust(self):
        """Let nobody take this folder any more: a sync of it failed, and the next would mean nothing."""
        self.trusted = False


class Shelf:
    """Says which folder is in use; opens and makes folders, and closes them when the last user is done."""

    def __init__(self, disk, path, begun, entries_limit=FOLDER_ENTRIES):
        """`begun(name)` is called when a folder is taken into use, before anything is put into it."""
        self._disk = disk
        self._path = path
        self._begun = begun
        self._limit = entries_limit
        self._lock = allocate_lock()
        self._folder = None
        self._minute = self._day = None
        self._numbers = {}
        self._open = {}

    def take(self, now):
        """Return the Folder in use, counting one more entry; `give` it back. OSError when it cannot be made."""
        with self._lock:
            minute = now // 60
            if minute != self._minute:
                self._day = time.strftime("%Y-%m-%d", time.localtime(now))
                self._minute = minute
            folder = self._folder
            if (
                folder is None
                or folder.entries >= self._limit
                or not folder.trusted
                or folder.name[: len(self._day)] != self._day
            ):
                folder = self._next()
            folder.entries += 1
            folder.users += 1
            return folder

    def give(self, folder):
        """Say that nothing more is done in `folder` by one of those who took it."""
        with self._lock:
            folder.users -= 1
            self._close_unused(folder)

    def close(self):
        """Close the folder in use."""
        with self._lock:
            folder, self._folder = self._folder, None
            if folder is not None:
                self._close_unused(folder)

    def _close_unused(self, folder):
        if folder.users == 0 and folder is not self._folder:
            del self._open[folder.name]
            self._disk.close(folder.fd)

    def discard(self, name):
        """Remove the folder `name` if it is empty and nobody is about to put something into it."""
        with self._lock:
            if name not in self._open:
                try:
                    self._disk.rmdir("%s/%s" % (self._path, name))
                except OSError:
                    pass  # there is something in it still

    def _next(self):
        """Open the folder of the day that has room, and make it the one in use."""
        day = self._day
        number = self._numbers.get(day)
        if number is None:
            number = max((_number(name, day) for name in self._disk.listdir(self._path)), default=0) or 1
        old = self._folder
        if old is not None and old.name == _name(day, number):
            number += 1
        while True:
            name = _name(day, number)
            fd = self._disk.open_folder("%s/%s" % (self._path, name))
            entries = len(self._disk.listdir("%s/%s" % (self._path, name)))
            if entries < self._limit:
                break
            self._disk.close(fd)
            number += 1
        self._begun(name)
        self._numbers = {day: number}
        self._folder = self._open[name] = folder = Folder(name, fd, entries)
        if old is not None:
            self._close_unused(old)
        return folder


def _name(day, number):
    return day if number == 1 else "%s.%d" % (day, number)


def _number(name, day):
    """Return which of the day's folders `name` is, or 0 when it is none of them."""
    if name == day:
        return 1
    if name[: len(day) + 1] == day + "." and name[len(day) + 1 :].isdigit():
        return int(name[len(day) + 1 :])
    return 0


def file_name(sop_instance, copy, number):
    """Return the name of an object's file: its UID, or its number when its UID is no fit name for a file."""
    if not uid.is_tolerable(sop_instance):
        return "object-%d.dcm" % number
    if copy > 1:
        return "%s.%d.dcm" % (sop_instance, copy)
    return sop_instance + ".dcm"
