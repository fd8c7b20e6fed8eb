"""Files that nobody else on this machine may read: keys, passwords, tokens."""

import os

_FOR_OTHERS = 0o007


def read(path, limit_bytes=-1):
    """Return the octets of the file at `path` as it is now, at most so many.

    Raises OSError where it cannot be read, ValueError, in words, where anybody can.
    """
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_mode & _FOR_OTHERS:
            raise ValueError("anybody on this machine can get at it; chmod 600 it")
        return file.read(limit_bytes)
