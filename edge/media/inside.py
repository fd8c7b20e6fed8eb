"""What lies on a medium: a folder, an image of a disc or a ZIP archive, listed and opened file by file in one way.

The files of an image or an archive are unpacked one at a time, into a file without a name; no link is followed out of a
folder.
"""

import os

from edge.media import directory, fileset, imagefile, unzipped
from edge.media.errors import MediaError

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

    inside: an unzipped.Unzipped or imagefile.Image; key: what opens protected files, or None; folder: where they lie,
    unpacked, until the next; ask: function of how many octets one takes there, MediaError where there is no room.
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


def opened(path, key, folder, ask):
    """Return what lies at a path, open: a Folder or Packed; `close` it. key, folder, ask: as Packed has them."""
    kind = _kind(path)
    return Folder(path) if kind is None else Packed(kind(path), key, folder, ask)


def is_packed(path):
    """Say whether an image of a disc or a ZIP archive lies at a path. Raises OSError."""
    return _kind(path) is not None


def _kind(path):
    """Return what opens an archive or an image; None for all else."""
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        begin = file.read(132)
        file.seek(imagefile.MARK_AT)
        is_image = file.read(len(imagefile.MARK)) == imagefile.MARK
    if begin[128:] == b"DICM":
        return None
    if begin.startswith(unzipped.MARK):
        return unzipped.Unzipped
    return imagefile.Image if is_image or path.upper().endswith((".ISO", ".UDF")) else None
