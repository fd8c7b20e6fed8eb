"""Studies shared out among volumes, so that each can be read alone: whole studies first, then series, then instances.

A study stays on one volume where one can hold it; it goes to the first that has room. A larger one is divided by
series, which stay whole in the same way; only a series that no volume can hold is cut between instances. The order in
which things come is kept otherwise, and what is kept in memory is only what each series takes.

What an instance costs on a volume is more than its file: whole sectors, its records in the folders and in the DICOMDIR.
The caller says what a volume has in any case (pages, a viewer) and `cost` reckons the rest, on the safe side.
"""

from collections import namedtuple

from edge.media.errors import MediaError
from edge.media.layout import SECTOR

# One instance to be shared out: study and series are keys such as UIDs; octets: of its file.
Part = namedtuple("Part", "study series octets")
# number: from 1 on; octets: what its instances cost; files: how many; studies: their keys
Volume = namedtuple("Volume", "number octets files studies")

# What an instance adds at most beside its sectors: its records in both file systems with the sector of its UDF entry,
# its record in the DICOMDIR, and its share of folders.
_PER_INSTANCE = SECTOR + 2048
SERIES = 8 * SECTOR  # folders of their own in two file systems, and the records above an instance


def cost(octets):
    """Return what an instance of so many octets takes on a volume, on the safe side."""
    return -(-octets // SECTOR) * SECTOR + _PER_INSTANCE


class Plan:
    """Which volume each instance goes to.

    parts: an iterable of Part, series and studies in any order; room: octets that a volume has for instances.
    Raises MediaError when one instance alone exceeds a volume.
    """

    def __init__(self, parts, room):
        self._room = room
        self._cuts = {}  # (study, series): for each piece of it [instances, octets]
        studies = {}  # study: its series, in their order
        for part in parts:
            self._count(part, studies)
        if not studies:
            raise MediaError("there is nothing to write: choose studies that are here")
        self._left = []  # of each volume, in octets
        self._held = []  # of each volume: [octets, files, studies]
        self._places = {}  # (study, series): the volume of each of its pieces
        for study, series in studies.items():
            self._place_study(study, series)
        self.volumes = [
            Volume(number, octets, files, tuple(keys)) for number, (octets, files, keys) in enumerate(self._held, 1)
        ]

    def _count(self, part, studies):
        needed = cost(part.octets)
        if needed + SERIES > self._room:
            raise MediaError(
                f"an instance of {part.octets:,} octets is larger than a volume has room for ({self._room:,}): take"
                " larger discs, or write a folder"
            )
        key = part.study, part.series
        pieces = self._cuts.get(key)
        if pieces is None:
            studies.setdefault(part.study, []).append(part.series)
            pieces = self._cuts[key] = [[0, SERIES]]
        if pieces[-1][1] + needed > self._room:
            pieces.append([0, SERIES])
        pieces[-1][0] += 1
        pieces[-1][1] += needed

    def _place_study(self, study, series):
        pieces = {each: self._cuts[study, each] for each in series}
        whole = sum(octets for each in pieces.values() for _, octets in each)
        if whole <= self._room:
            at = self._fitting(whole)
            for each in series:
                self._put(study, each, pieces[each], [at])
            return
        for each in series:
            self._put(study, each, pieces[each], [self._fitting(octets) for _, octets in pieces[each]])

    def _fitting(self, octets):
        """Return the first volume with so much room, a new one where there is none, and take that room."""
        for at, left in enumerate(self._left):
            if octets <= left:
                self._left[at] -= octets
                return at
        self._left.append(self._room - octets)
        self._held.append([0, 0, {}])
        return len(self._left) - 1

    def _put(self, study, series, pieces, places):
        self._places[study, series] = places
        for (files, octets), at in zip(pieces, places, strict=True):
            self._held[at][0] += octets
            self._held[at][1] += files
            self._held[at][2][study] = True

    def numbers(self, study, series):
        """Yield the volume's number for each instance of a series, in the order in which they came."""
        for (files, _), at in zip(self._cuts[study, series], self._places[study, series]):
            for _ in range(files):
                yield at + 1

    def assign(self, parts):
        """Yield (number, part) for the same parts in the same order once more."""
        under_way = {}
        for part in parts:
            key = part.study, part.series
            if key not in under_way:
                under_way[key] = self.numbers(*key)
            yield next(under_way[key]), part


def identifier(stem, number, of):
    """Return the File-set ID, at most 16 characters, of one of several volumes: STEM_2_3; STEM where there is one."""
    end = f"_{number}_{of}" if of > 1 else ""
    return stem[: 16 - len(end)] + end


def label(number, of):
    """Return what a label says of one of several volumes, for a person."""
    return f"{number} of {of}"
