"""Foreign file-sets taken in: what their directory references, in its order, then what else lies there.

A disc that cannot be read by its directory is read by its files, and one that has both gives each object once. What is
taken is handed over as an open file; nothing on the medium is changed, and no link is followed out of it. The files of
a secure file-set are opened one at a time, into a file without a name.
"""

import os
from collections import namedtuple

from edge.dicom.errors import DicomError
from edge.media import directory, inside, opened, walk
from edge.media.errors import MediaError
from edge.spool import examine
from edge.spool.disk import Disk

# path: of the file, from the set's root; done, total: files looked at, and how many there are; stored: what `adopt`
# returned for it, None where it was not taken; words: why it was not, or None; passed: whether it is no object at all,
# and nothing was expected of it
Taken = namedtuple("Taken", "path done total stored words passed")

def candidates(found):
    """Return [(names from the root as a tuple, whether a directory references it)] of the files to look at."""
    files = {}
    listed = found.find((directory.NAME,))
    if listed is not None:
        try:
            fd = found.open(listed)
            try:
                with walk.Directory("/proc/self/fd/%d" % fd) as references:
                    for each in references.walk():
                        if isinstance(each, walk.Record) and each.file_id and each.in_use:
                            files.setdefault(found.find(each.file_id) or each.file_id, True)
            finally:
                os.close(fd)
        except (MediaError, OSError):
            pass  # its files say the same
    for each in found.list():
        if not (len(each) == 1 and each[0].upper() == directory.NAME):
            files.setdefault(each, False)
    return list(files.items())


def take(path, adopt, key=None, folder=None, ask=inside.nothing_asked):
    """Take the objects of the file-set, folder, file, ZIP archive or image at `path`; yield a Taken for each file.

    key: what opens protected files, an opened.Password or opened.Key; folder: where they lie, opened, until the next;
    ask: function of how many octets one takes there, MediaError where there is no room for it.
    adopt: function of an open descriptor that takes the object in it and returns what came of that; DicomError and
    OSError from it are reasons not to, for this file alone. Each SOP Instance is handed over once.
    """
    found = inside.opened(inside.root_of(path), key, folder, ask)
    try:
        files = candidates(found)
        seen = directory.Seen()
        disk = Disk()
        for number, (names, is_referenced) in enumerate(files, 1):
            stored, words, passed = _one(found, names, is_referenced, seen, disk, adopt, key, folder, ask)
            yield Taken(found.shown(names), number, len(files), stored, words, passed)
    finally:
        found.close()


def _one(found, names, is_referenced, seen, disk, adopt, key, folder, ask):
    """Return (what came of it, why it was not taken, whether it was passed over) of one file."""
    if names and not all([name and name not in (".", "..") and "/" not in name for name in names]):
        return None, "its File ID leads out of the file-set", False
    try:
        fd = found.open(names)
    except OSError as error:
        why = "it is not there, although the directory references it" if isinstance(error, FileNotFoundError) else None
        return None, why or "it cannot be opened: %s" % (error.strerror or str(error)).lower(), False
    except MediaError as error:
        return None, str(error), False
    try:
        if opened.is_sealed_at(fd):
            if key is None:
                return None, "it is protected: give the password that opens it (--passphrase-file)", False
            ask(os.fstat(fd).st_size)
            fd = _exchanged(fd, opened.nameless(fd, key, folder))
        try:
            identified = examine.identify(disk, fd)
        except DicomError as error:
            return None, str(error), not is_referenced
        if not seen.add(identified.sop_instance):
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
