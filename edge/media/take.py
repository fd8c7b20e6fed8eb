"""Foreign file-sets taken in: what their directory references, in its order, then what else lies there.

A disc that cannot be read by its directory is read by its files, and one that has both gives each object once. What is
taken is handed over as an open file; nothing on the medium is changed, and no link is followed out of it. The files of
a secure file-set are opened one at a time, into a file without a name.
"""

import os
from collections import namedtuple

from edge.dicom.errors import DicomError
from edge.media import directory, fileset, opened, walk
from edge.media.errors import MediaError
from edge.spool import examine
from edge.spool.disk import Disk

# path: of the file, from the set's root; done, total: files looked at, and how many there are; stored: what `adopt`
# returned for it, None where it was not taken; words: why it was not, or None; passed: whether it is no object at all,
# and nothing was expected of it
Taken = namedtuple("Taken", "path done total stored words passed")

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


def root_of(path):
    """Return the folder of the file-set that `path` names: a folder, or its DICOMDIR; MediaError where it is neither.

    Any other file is a set of its own, of which this is the name.
    """
    if os.path.isdir(path):
        return path
    if not os.path.exists(path):
        raise MediaError("%s is not there; is the medium in, and mounted?" % path)
    if os.path.basename(path).upper() == directory.NAME:
        return os.path.dirname(path) or "."
    return path


def candidates(path):
    """Return [(names from the root as a tuple, whether a directory references it)] of the files to look at."""
    if not os.path.isdir(path):
        return [((), True)]
    found = {}
    names = fileset.Listing(path)
    listed = names.find((directory.NAME,))
    if listed is not None:
        try:
            with walk.Directory(listed) as opened:
                for each in opened.walk():
                    if isinstance(each, walk.Record) and each.file_id and each.in_use:
                        there = names.find(each.file_id)
                        if there is not None:
                            each = tuple(os.path.relpath(there, path).split(os.sep))
                        else:
                            each = each.file_id
                        found.setdefault(each, True)
        except MediaError:
            pass  # its files say the same
    for _, each in fileset.files(path):
        if not (len(each) == 1 and each[0].upper() == directory.NAME):
            found.setdefault(each, False)
    return list(found.items())


def take(path, adopt, key=None, folder=None):
    """Take the objects of the file-set, folder or file at `path`; yield what was Taken, one for each file.

    key: what opens protected files, an opened.Password or opened.Key; folder: where they lie, opened, until the next.
    adopt: function of an open descriptor that takes the object in it and returns what came of that; DicomError and
    OSError from it are reasons not to, for this file alone. Each SOP Instance is handed over once.
    """
    root = root_of(path)
    files = candidates(root)
    seen = directory.Seen()
    disk = Disk()
    for number, (names, is_referenced) in enumerate(files, 1):
        stored, words, passed = _one(root, names, is_referenced, seen, disk, adopt, key, folder)
        yield Taken("/".join(names) or os.path.basename(root), number, len(files), stored, words, passed)


def _one(root, names, is_referenced, seen, disk, adopt, key, folder):
    """Return (what came of it, why it was not taken, whether it was passed over) of one file."""
    if names and not all([name and name not in (".", "..") and "/" not in name for name in names]):
        return None, "its File ID leads out of the file-set", False
    try:
        fd = os.open(os.path.join(root, *names), _OPEN)
    except OSError as error:
        why = "it is not there, although the directory references it" if isinstance(error, FileNotFoundError) else None
        return None, why or "it cannot be opened: %s" % error.strerror.lower(), False
    try:
        if opened.is_sealed_at(fd):
            if key is None:
                return None, "it is protected: give the password that opens it (--passphrase-file)", False
            fd = _exchanged(fd, opened.nameless(fd, key, folder))
        try:
            found = examine.identify(disk, fd)
        except DicomError as error:
            return None, str(error), not is_referenced
        if not seen.add(found.sop_instance):
            return None, "another file of the set has the same SOP Instance", False
        return adopt(fd), None, False
    except (DicomError, MediaError) as error:
        return None, str(error), False
    except OSError as error:
        return None, "it cannot be read: %s" % (error.strerror or str(error)).lower(), False
    finally:
        os.close(fd)


def _exchanged(fd, other):
    os.close(fd)
    return other
