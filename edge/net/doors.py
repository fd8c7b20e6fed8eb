"""The sockets that a listener listens on: new ones are bound before those they replace are let go.

So a port that cannot be had is found out while nothing has changed yet, and no moment is without a socket to knock at.
"""

import errno
import socket
from collections import namedtuple

_BACKLOG = 128

# place: (address, port, whether it is encrypted if any port will do); socket: that listens there; server: the
# tls.Server that hands are shaken by, None without TLS
Door = namedtuple("Door", ("place", "socket", "server"))


class CannotListen(OSError):
    """A port cannot be listened on. port: which."""

    def __init__(self, error, port):
        super().__init__(error.errno, error.strerror)
        self.port = port


def opened(address, port, tls_port, server, known=()):
    """Return the Doors for an address and its ports (None: none; 0: any); those of `known` that fit keep their sockets.

    Raises CannotListen; then none is open that was not before.
    """
    found = []
    try:
        for number, encryption in ((port, None), (tls_port, server)):
            if number is not None:
                place = (address, number, number == 0 and encryption is not None)
                kept = [each.socket for each in known if each.place == place]
                found.append(Door(place, kept[0] if kept else _bind(address, number, known), encryption))
    except OSError:
        close(found, known)
        raise
    return tuple(found)


def close(doors, known=()):
    """Let go of the sockets of `doors` that `known` does not have."""
    kept = [each.socket for each in known]
    for each in doors:
        if each.socket not in kept:
            each.socket.close()


def number(door):
    """Return the TCP port of a Door."""
    return door.socket.getsockname()[1]


def _bind(address, port, known):
    own = [each.socket for each in known if port and number(each) == port]
    try:
        return _listening(address, port, False)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or not own:
            raise CannotListen(error, port) from error
    # It may be our own socket that has the port, for all addresses or for one of them, and that will leave
    for each in own:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        return _listening(address, port, True)
    except OSError as error:
        raise CannotListen(error, port) from error
    finally:
        for each in own:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)


def _listening(address, port, is_shared):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6 and address == "::":
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind((address, port))
        made.listen(_BACKLOG)
        if is_shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made
