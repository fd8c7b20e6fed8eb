"""Where what is made for an export lies until it is on its volume: a folder of the box, which the spool comes before.

Each octet is asked of the quota first: an export takes only what may be taken without objects being removed, refused
or alarmed about, and gives up when that is used up by others.
"""

import os

from edge.media.errors import MediaError

FOLDER = "export"  # in the state folder: the records of exports, and a folder for each that is being made


class NoRoom(MediaError):
    """The box cannot spare what an export takes: it ends."""


class Staging:
    """The folder of one export; a context manager, which removes it."""

    def __init__(self, spool, number):
        self.number = number
        self.path = os.path.join(spool.path, FOLDER, "%d" % number)
        self._quota = spool.quota
        self._reader = None
        self.listing = None  # choose.Listing, once there is one

    def __enter__(self):
        remove(self.path)
        os.makedirs(self.path, 0o700)
        return self

    def __exit__(self, *_):
        remove(self.path)
        if self._reader is not None:
            self._quota.unprotect(self._reader)
            self._reader = None

    def protect(self, studies):
        """Have the objects of these studies (their numbers) stay until this export is over, as far as that can be."""
        self._reader = self._reader or self._quota.protect("export %d" % self.number)
        self._reader.studies = frozenset(studies)

    def ask(self, octets, what="this export"):
        """Raise NoRoom unless so many octets may be taken now."""
        spare = self._quota.spare()
        if octets > spare:
            raise NoRoom(
                "%s needs %d MB for a while, and the box can spare %d MB beside the objects that it keeps: export less"
                " at a time, without the viewer, or free some room" % (what, -(-octets >> 20), max(0, spare) >> 20)
            )

    def keep(self):
        """Raise NoRoom when what is being written has begun to be in the way of the spool."""
        self.whole()
        if self._quota.spare() < 0:
            raise NoRoom(
                "the box needs the room for objects that come in: the export was given up; free some room and try again"
            )

    def whole(self):
        """Raise NoRoom when objects of the export were removed, because what comes in had no room otherwise."""
        if self._reader is not None and self._reader.is_robbed:
            raise NoRoom(
                "the box had no room for objects that come in but that of those of this export, and removed some: free"
                " some room, have them sent again, and order it again"
            )

    def is_here(self, path):
        """Say whether a path lies on the file system of this folder."""
        while not os.path.exists(path):
            path = os.path.dirname(path)
        return os.stat(path).st_dev == os.stat(self.path).st_dev


def remove(path):
    """Remove a folder and all that is in it, if it is there; what links lead to stays."""
    try:
        with os.scandir(path) as entries:
            for entry in list(entries):
                if entry.is_dir(follow_symlinks=False):
                    remove(entry.path)
                else:
                    os.unlink(entry.path)
        os.rmdir(path)
    except FileNotFoundError:
        pass
