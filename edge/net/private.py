"""Files that nobody else on this machine may read: keys, passwords, tokens; and sockets that nobody else may open."""

import os
import socket

_FOR_OTHERS = 0o007
_FOR_ALL_OTHERS = 0o177


def read(path, limit_bytes=-1):
    """Return the octets of the file at `path` as it is now, at most so many.

    Raises OSError where it cannot be read, ValueError, in words, where anybody can.
    """
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_mode & _FOR_OTHERS:
            raise ValueError("anybody on this machine can get at it; chmod 600 it")
        return file.read(limit_bytes)


def listening(name, at_once, owner=None):
    """Return a Unix socket that listens at `name`, for one user alone; one that was left there makes way.

    at_once: how many may wait to be taken; owner: the id of that user, None for this process's. Raises OSError.
    """
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            os.unlink(name)
        except FileNotFoundError:
            pass
        before = os.umask(_FOR_ALL_OTHERS)
        try:
            made.bind(name)
        finally:
            os.umask(before)
        if owner is not None:
            os.chown(name, owner, -1)
        made.listen(at_once)
        return made
    except OSError:
        made.close()
        raise
