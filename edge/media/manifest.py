"""The SHA-256 of every file of a volume, as `sha256sum` writes and checks it: digest, two spaces, name."""

import os

from edge.media.errors import MediaError

_CHUNK = 1 << 16
_DIGITS = 64
_BUFFER = 1 << 20


class Manifest:
    """Digests under way, kept in a file that has no name yet; a context manager.

    folder: where it is kept, of the box and not of the volume.
    """

    def __init__(self, fd):
        self._fd = fd
        self._pending = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._fd)

    def add(self, name, digest):
        """Add the digest of a file, in hexadecimal digits."""
        self._pending.append(f"{digest}  {name}\n")
        if len(self._pending) == 256:
            self._flush()

    def _flush(self):
        octets = "".join(self._pending).encode("ascii")
        while octets:
            octets = octets[os.write(self._fd, octets) :]
        self._pending = []

    def __iter__(self):
        """Yield (name, digest)."""
        self._flush()
        at, rest = 0, b""
        while octets := os.pread(self._fd, _CHUNK, at):
            at += len(octets)
            *lines, rest = (rest + octets).split(b"\n")
            for line in lines:
                text = line.decode("ascii")
                yield text[_DIGITS + 2 :], text[:_DIGITS]

    def save(self, path):
        """Write it to the file `path`, durably."""
        with open(path, "wb") as file:
            for name, digest in self:
                file.write(f"{digest}  {name}\n".encode("ascii"))
            file.flush()
            os.fsync(file.fileno())


def pieces(leaf, drop=False):
    """Yield what a leaf's file holds, as views that are valid until the next one.

    drop: whether the kernel is to forget its pages first, so that they come from the device and not from memory.
    Raises MediaError when it is not as long as the leaf says, or cannot be read.
    """
    left = leaf.size
    buffer = memoryview(bytearray(max(1, min(_BUFFER, left))))
    try:
        fd = os.open(leaf.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if drop:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            while count := os.readv(fd, [buffer]):
                left -= count
                yield buffer[:count]
        finally:
            os.close(fd)
    except OSError as error:
        raise MediaError(f"{leaf.name} cannot be read: {error.strerror}; start again") from error
    if left:
        raise MediaError(f"{leaf.name} was to have {leaf.size:,} octets and has {leaf.size - left:,}: start again")
