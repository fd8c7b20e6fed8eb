"""The leaves of a volume, gone through once and kept on the disk: they can be had again, in little memory.

What is wrong with one of them shows here, before anything is written: a name that not every system reads, one that is
there twice, a file that is gone or not as long as was said.
"""

import os
import stat

from edge.media.errors import MediaError
from edge.media.layout import Sizes
from edge.media.leaf import Leaf

_CHUNK = 1 << 16


class Inventory:
    """The leaves of a volume; a context manager. Iterate it as often as needed.

    leaves: an iterable of Leaf; folder: where its list is kept, in a file without a name, which nothing leaves behind.
    """

    def __init__(self, leaves, folder):
        self.sizes = Sizes()
        self._fd = nameless(folder)
        try:
            with os.fdopen(os.dup(self._fd), "wb") as file:
                for leaf in leaves:
                    self._check(leaf)
                    file.write(b"%d\t%s\t%s\n" % (leaf.size, leaf.name.encode("ascii"), os.fsencode(leaf.path)))
            if not self.sizes.files:
                raise MediaError("there is nothing to write: choose studies that are here")
        except BaseException:
            os.close(self._fd)
            raise

    def _check(self, leaf):
        self.sizes.add(leaf.name, leaf.size)
        try:
            found = os.stat(leaf.path)
        except OSError as error:
            raise MediaError(f"the file for {leaf.name} cannot be read: {error.strerror}; start again") from error
        if not stat.S_ISREG(found.st_mode) or found.st_size != leaf.size:
            raise MediaError(f"the file for {leaf.name} has changed: start again")
        if "\n" in os.fspath(leaf.path):
            raise MediaError(f"the file for {leaf.name} has a line break in its path: rename it")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._fd)

    def __iter__(self):
        at, rest = 0, b""
        while octets := os.pread(self._fd, _CHUNK, at):
            at += len(octets)
            *lines, rest = (rest + octets).split(b"\n")
            for line in lines:
                size, name, path = line.split(b"\t", 2)
                yield Leaf(name.decode("ascii"), os.fsdecode(path), int(size))


def nameless(folder):
    """Return the descriptor of a new file in a folder that has no name there, and goes with its descriptor."""
    path = os.path.join(folder, ".edge-media-" + os.urandom(4).hex())
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise MediaError(f"nothing can be written in {folder}: {error.strerror}; choose another folder") from error
    os.unlink(path)
    return fd
