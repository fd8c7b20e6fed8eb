"""Foreign file-sets taken in: what their directory references, in its order, then what else lies there.

A disc that cannot be read by its directory is read by its files, and one that has both gives each object once. What is
taken is handed over as an open file; nothing on the medium is changed, and no link is followed out of it. The files of
an image or an archive, and of a secure file-set, are opened one at a time, into a file without a name.
"""

import os
from collections import namedtuple

from edge.dicom.errors import DicomError
from edge.media import directory, fileset, imagefile, opened, unzipped, walk
from edge.media.errors import MediaError
from edge.spool import examine
from edge.spool.disk import Disk

# path: of the file, from the set's root; done, total: files looked at, and how many there are; stored: what `adopt`
# returned for it, None where it was not taken; words: why it was not, or None; passed: whether it is no object at all,
# and nothing was expected of it
Taken = namedtuple("Taken", "path done total stored words passed")

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


def nothing_asked(octets):
    """Let any file be opened beside the medium, however long."""


class Folder:
    """A file-set in a folder, or a file alone."""

    def __init__(self, path):
        self._root = path
        self._listing = fileset.Listing(path)

    def close(self):
        """Let go of it."""

    def list(self):
        """Return the names from the root, as tuples, of all files."""
        return [names for _, names in fileset.files(self._root)] if os.path.isdir(self._root) else [()]

    def find(self, components):
        """Return the names of a file by its File ID, whatever case they are in; None when it is not there."""
        there = self._listing.find(components)
        return None if there is None else tuple(os.path.relpath(there, self._root).split(os.sep))

    def open(self, names):
        """Return the descriptor of a file."""
        return os.open(os.path.join(self._root, *names), _OPEN)

    def shown(self, names):
        """Return a file's name in words."""
        return "/".join(names) or os.path.basename(self._root)


class Packed:
    """A file-set in an archive or an image.

    inside: an unzipped.Unzipped or imagefile.Image; key, folder, ask: as `take` has them.
    """

    def __init__(self, inside, key, folder, ask):
        self._inside = inside
        self._key = key
        self._folder = folder
        self._ask = ask
        self._known = {tuple([name.upper() for name in names]): names for names in inside.files}

    def close(self):
        """Let go of it."""
        self._inside.close()

    def list(self):
        """Return the names from the root, as tuples, of all files."""
        return list(self._inside.files)

    def find(self, components):
        """Return the names of a file by its File ID, whatever case they are in; None when it is not there."""
        return self._known.get(tuple([name.upper() for name in components]))

    def open(self, names):
        """Return the descriptor of a file that was taken out of it; MediaError when that cannot be done."""
        if names not in self._inside.files:
            raise FileNotFoundError(names)
        self._ask(self._inside.size(names))
        return self._inside.stage(names, self._folder, self._key)

    def shown(self, names):
        """Return a file's name in words."""
        return "/".join(names)


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


def _opened(path, key, folder, ask):
    """Return what lies at a path, open: a Folder or Packed."""
    if os.path.isfile(path):
        with open(path, "rb") as file:
            begin = file.read(132)
            file.seek(imagefile.MARK_AT)
            is_image = file.read(len(imagefile.MARK)) == imagefile.MARK
        if begin[128:] != b"DICM":
            if begin.startswith(unzipped.MARK):
                return Packed(unzipped.Unzipped(path), key, folder, ask)
            if is_image or path.upper().endswith((".ISO", ".UDF")):
                return Packed(imagefile.Image(path), key, folder, ask)
    return Folder(path)


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


def take(path, adopt, key=None, folder=None, ask=nothing_asked):
    """Take the objects of the file-set, folder, file, ZIP archive or image at `path`; yield a Taken for each file.

    key: what opens protected files, an opened.Password or opened.Key; folder: where they lie, opened, until the next;
    ask: function of how many octets one takes there, MediaError where there is no room for it.
    adopt: function of an open descriptor that takes the object in it and returns what came of that; DicomError and
    OSError from it are reasons not to, for this file alone. Each SOP Instance is handed over once.
    """
    found = _opened(root_of(path), key, folder, ask)
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
