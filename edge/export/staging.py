"""Where what is made for an export lies until it is on its volume: a folder of the box, which the spool comes before.

Each octet is asked of the quota first: an export takes only what may be taken without objects being removed, refused
or alarmed about, and gives up when that is used up by others.
"""

import os

from edge.media.errors import MediaError

FOLDER = "export"  # in the state folder: the records of exports, and a folder for each that is being made


class Staging:
    """The folder of one export; a context manager, which removes it."""

    def __init__(self, spool, number):
        self.number = number
        self.path = os.path.join(spool.path, FOLDER, "%d" % number)
        self._quota = spool.quota

    def __enter__(self):
        remove(self.path)
        os.makedirs(self.path, 0o700)
        return self

    def __exit__(self, *_):
        remove(self.path)

    def ask(self, octets, what="this export"):
        """Raise MediaError unless so many octets may be taken now."""
        spare = self._quota.spare()
        if octets > spare:
            raise MediaError(
                "%s needs %d MB for a while, and the box can spare %d MB beside the objects that it keeps: export less"
                " at a time, without the viewer, or free some room" % (what, -(-octets >> 20), max(0, spare) >> 20)
            )

    def keep(self):
        """Raise MediaError when what is being written has begun to be in the way of the spool."""
        if self._quota.spare() < 0:
            raise MediaError(
                "the box needs the room for objects that come in: the export was given up; free some room and try again"
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
