"""The leaves of a volume, listed on the disk as they are made: there may be more than a box has memory for."""

import json

from edge.media.leaf import Leaf


class Leaves:
    """A list of Leaf in a file of its own; a context manager. Iterate it as often as needed, once all were added."""

    def __init__(self, path):
        self._path = path
        self._file = open(path, "w", encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Let go of the file."""
        self._file.close()

    def add(self, leaf):
        """Add a Leaf."""
        self._file.write(json.dumps(leaf) + "\n")

    def extend(self, leaves):
        """Add every Leaf of an iterable."""
        for each in leaves:
            self.add(each)

    def __iter__(self):
        self._file.flush()
        with open(self._path, encoding="utf-8") as file:
            for line in file:
                yield Leaf._make(json.loads(line))
