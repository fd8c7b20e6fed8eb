"""Setup files on sticks: found, read, and answered on the stick, without ever being led out of it.

What lies on a stick was written by anybody. No symbolic link is followed, nothing but a regular file is opened for
longer than it takes to see that, no more is read than a setup file may have, and folders with more in them than a
person would look through are not searched.
"""

import os
import stat

NAME = "edge-setup"
LIMIT_BYTES = 4 << 20
ANSWER = NAME + ".answer.txt"
_WITHIN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_FOLDER = _WITHIN | os.O_DIRECTORY
_MOST = 64  # folders that are looked into, below one
_DEPTH = 2  # /media/LABEL, /run/media/USER/LABEL


class Refused(Exception):
    """A setup file is not taken, or cannot be made; str() says why and what to do."""


def find(folders):
    """Return the folders, at or below `folders`, that have a setup file, or what is called like one: {folder: mark}.

    The mark is what tells the file from another one in its place.
    """
    found = {}
    for folder in folders:
        _search(folder, _DEPTH, found)
    return found


def _search(folder, depth, found):
    try:
        seen = os.lstat(os.path.join(folder, NAME))
        found[folder] = seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size, seen.st_mode
    except OSError:
        pass
    if not depth:
        return
    try:
        with os.scandir(folder) as entries:
            below = []
            for number, each in enumerate(entries):
                if number == _MOST:
                    break
                if each.is_dir(follow_symlinks=False):
                    below.append(each.path)
    except OSError:
        return
    for each in sorted(below):
        _search(each, depth - 1, found)


def read(folder):
    """Return the octets of the setup file in `folder`. Raises Refused."""
    try:
        within = os.open(folder, _FOLDER)
    except OSError as error:
        raise Refused("the stick cannot be read: %s" % error.strerror.lower()) from None
    try:
        seen = os.stat(NAME, dir_fd=within, follow_symlinks=False)
        if stat.S_ISLNK(seen.st_mode):
            raise Refused("it is a symbolic link, and may lead out of the stick; copy the file itself there")
        if not stat.S_ISREG(seen.st_mode):
            raise Refused("it is no file")
        fd = os.open(NAME, _WITHIN, dir_fd=within)
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise Refused("it is no file")
            octets = file.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise Refused("it cannot be read: %s" % (error.strerror or str(error)).lower()) from None
    finally:
        os.close(within)
    if len(octets) > LIMIT_BYTES:
        raise Refused("it is longer than a setup file may be (%d octets)" % LIMIT_BYTES)
    return octets


def answer(folder, words):
    """Write `words` beside the setup file in `folder`, durably; return whether that could be done."""
    try:
        within = os.open(folder, _FOLDER)
    except OSError:
        return False
    try:
        try:
            os.unlink(ANSWER, dir_fd=within)  # whatever it is: it must not be written through
        except FileNotFoundError:
            pass
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with open(os.open(ANSWER, flags, 0o644, dir_fd=within), "wb") as file:
            file.write(words.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        os.fsync(within)
    except OSError:
        return False
    finally:
        os.close(within)
    return True
