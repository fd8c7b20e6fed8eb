"""Lines of JSON between the box and a steward, over a Unix socket, with a limit on every length and every wait.

A request is one line, {"verb": "mount", "with": {"device": "sdb1"}}. The answer is any number of lines
{"progress": {...}}, and at last {"done": {...}} or {"error": "words"}. One request a connection.
"""

import json
import os
import socket
import struct
import time

REQUEST_LIMIT = 256 << 10  # octets of a line that a steward takes
ANSWER_LIMIT = 1 << 20  # octets of a line that the box takes
_PIECE = 1 << 16
_SUN_PATH = 107  # octets that fit the address of a Unix socket
_UCRED = struct.Struct("=iII")  # struct ucred: pid, uid, gid


class WireError(Exception):
    """What came is no line of this protocol; str() says why."""


def path_of(folder, role):
    """Return the path of a role's socket in `folder`; raises WireError where no socket could have it."""
    path = os.path.join(folder, role + ".sock")
    if len(os.fsencode(path)) > _SUN_PATH:
        raise WireError("%s is longer than the %d octets that the path of a socket may have" % (path, _SUN_PATH))
    return path


def send(connected, message, within_s):
    """Send one line; OSError (TimeoutError) where the other end is gone or does not take it in time."""
    connected.settimeout(within_s)
    connected.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")


class Lines:
    """The lines that come in on a connected socket, each of at most `limit` octets."""

    def __init__(self, connected, limit):
        self._socket = connected
        self._limit = limit
        self._received = bytearray()

    def next(self, within_s):
        """Return the next line's object, a dict; None at the end. Raises WireError and OSError (TimeoutError)."""
        deadline = time.monotonic() + within_s
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > self._limit:
                raise WireError("a line is longer than %d octets" % self._limit)
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                piece = self._socket.recv(min(_PIECE, self._limit + 1))
            except TimeoutError:
                raise TimeoutError("no whole line came within %g s" % within_s) from None
            if time.monotonic() > deadline:  # however much of it comes, octet by octet
                raise TimeoutError("no whole line came within %g s" % within_s)
            if not piece:
                if self._received:
                    raise WireError("it ended within a line")
                return None
            self._received += piece
        if end > self._limit:
            raise WireError("a line is longer than %d octets" % self._limit)
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise WireError("a line is no JSON") from error
        if not isinstance(found, dict):
            raise WireError("a line is no object of JSON")
        return found


def peer(connected):
    """Return (process id, user id) of the other end, as the kernel knows it since it connected."""
    pid, uid, _ = _UCRED.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return pid, uid
