"""How large volumes become, and what their files may be called: known before anything is written.

An image of ISO 9660 is the system area and the descriptors, the path tables four times over, the folders, the files,
each in whole sectors, and 150 sectors of padding that old drives want behind a track. UDF adds a constant area up to
sector 257, an entry for each file and folder, and each folder once more in its own form; the contents are shared. These
are the sums that genisoimage comes to, sector for sector, which the tests hold against it.

FAT32 is reckoned in clusters: folders of 32-octet entries, files, two tables.

Source: ECMA-119 6.8, 7.6, 9.1, 9.4; ECMA-167 4/14.4; OSTA UDF 1.02; PS3.12 F, P and R for names.
"""

import re

from edge.media.errors import MediaError

SECTOR = 2048
MOST_OCTETS = (1 << 32) - SECTOR  # of one file: ISO 9660 level 1 and FAT32 have 32 bits for a length
BURN_PADDING = 157 * SECTOR  # what is burnt behind an image

# A disc's room for data, in octets: the smallest that a disc of this kind is sold with.
CAPACITIES = {
    "cd74": 333_000 * SECTOR,
    "cd80": 359_844 * SECTOR,
    "dvd": 2_295_104 * SECTOR,  # DVD+R; DVD-R has 3,392 sectors more
    "dvd-dl": 4_171_712 * SECTOR,  # DVD-R DL; DVD+R DL has 2,112 sectors more
    "bd": 11_826_176 * SECTOR,  # BD-R of 25 GB, formatted with its spare area
    "bd-dl": 23_652_352 * SECTOR,
}

_NAME = re.compile(r"[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?", re.ASCII)
_FOLDER = re.compile(r"[A-Z0-9_]{1,8}", re.ASCII)
_VOLUME = re.compile(r"[A-Z0-9_]{1,16}", re.ASCII)
_DEEPEST = 8  # levels of ISO 9660, the root being the first

_BEFORE_TABLES = 19  # system area, primary descriptor, terminator, and a sector that genisoimage signs
_PADDING = 150
_UDF_FIXED = 241  # descriptors up to sector 257, the file set, the second anchor
_ENTRY = 33  # octets of a directory record without its name
_FAT_ENTRY = 32


def check_volume(identifier):
    """Raise MediaError unless this can be a File-set ID and a volume identifier at once: 1 to 16 of A-Z 0-9 _."""
    if not _VOLUME.fullmatch(identifier):
        raise MediaError(f"a volume cannot be called {identifier[:40]!r}: give it 1 to 16 characters of A-Z, 0-9 and _")


def check_name(name):
    """Raise MediaError unless every system reads this name: folders of 8 characters, files of 8 and 3, 8 levels."""
    *folders, last = name.split("/")
    if len(folders) >= _DEEPEST or not _NAME.fullmatch(last) or not all(map(_FOLDER.fullmatch, folders)):
        raise MediaError(
            f"{name[:100]!r} cannot be a name on a volume: up to 8 parts of 1 to 8 characters from A-Z, 0-9 and _,"
            " an ending of up to 3 after a dot in the last only"
        )


class Sizes:
    """The sizes of a volume, added up file by file. What is kept of a file is the last part of its name."""

    def __init__(self):
        self.files = 0
        self.octets = 0  # of the files' contents
        self._file_sectors = 0
        self._folders = {"": ({}, set())}  # by name: the folders in it, by their last part; the files' last parts

    def add(self, name, octets):
        """Count a file: its name on the volume, with "/", and how long it is.

        Raises MediaError for a name that cannot stand on a volume, or not beside the others, and a file too long.
        """
        check_name(name)
        if octets > MOST_OCTETS:
            raise MediaError(f"{name} has {octets} octets, and discs and sticks take files below 4 GiB: use a folder")
        parent, _, last = name.rpartition("/")
        inner, files = self._folder(parent)
        if last in files or last in inner:
            raise MediaError(f"two entries of the volume are called {name}: give one of them another name")
        files.add(last)
        self.files += 1
        self.octets += octets
        self._file_sectors += -(-octets // SECTOR)

    def _folder(self, name):
        folder = self._folders.get(name)
        if folder is None:
            parent, _, last = name.rpartition("/")
            inner, files = self._folder(parent)
            if last in files:
                raise MediaError(f"{name} is a file and a folder of the volume at once: give one of them another name")
            folder = self._folders[name] = inner[last] = ({}, set())
        return folder

    def folders(self):
        """Return the names of the folders, those above before those in them; the root is ""."""
        return list(self._folders)

    def roots(self):
        """Return what lies in the root: (names of folders, names of files)."""
        inner, files = self._folders[""]
        return sorted(inner), sorted(files)

    def image(self, udf):
        """Return how many octets an image has; udf: whether it has UDF beside ISO 9660."""
        tables = sum(8 + len(name.rpartition("/")[2] or "\0") + 1 & ~1 for name in self._folders)
        sectors = _BEFORE_TABLES + 2 * (-(-tables // SECTOR) + 1 & ~1) + self._file_sectors + _PADDING
        sectors += sum(map(_iso_sectors, self._folders.values()))
        if udf:
            sectors += _UDF_FIXED + self.files + sum(map(_udf_sectors, self._folders.values()))
        return sectors * SECTOR

    def on_fat(self, cluster):
        """Return how many octets the files and folders take at most on a FAT file system with clusters of this size."""
        clusters = sum(
            -(-_FAT_ENTRY * (2 + len(inner) + len(files)) // cluster) for inner, files in self._folders.values()
        )
        return clusters * cluster + self.octets + self.files * (cluster - 1)


def _iso_sectors(folder):
    """The sectors of a folder's records in ISO 9660: sorted, and none of them lies in two sectors."""
    inner, files = folder
    sectors, fill = 1, 2 * (_ENTRY + 1)  # itself and its parent
    records = [(name, len(name)) for name in inner]
    records += [(name if "." in name else name + ".", len(name) + 2 + ("." not in name)) for name in files]  # with ";1"
    for _, octets in sorted(records):
        length = _ENTRY + octets + 1 & ~1
        if fill + length >= SECTOR:  # genisoimage leaves the last octet free
            sectors, fill = sectors + 1, 0
        fill += length
    return sectors


def _udf_sectors(folder):
    """The sectors of a folder in UDF: its entry, and what names its files, the first of them its parent."""
    octets = 40 + sum(38 + 1 + len(name) + 3 & ~3 for group in folder for name in group)
    return 1 + -(-octets // SECTOR)
