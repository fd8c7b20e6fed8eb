"""Asking a steward: how the box, which has no privileges, has done what needs them."""

import errno
import os
import socket
import stat

from edge.steward import wire
from edge.steward.errors import Busy, Misused, Refused, Unreachable

FOLDER = "/run/edge/steward"
PATIENCE_S = 60  # how long a steward may be silent
_SENDING_S = 10
_KINDS = {"busy": Busy, "misused": Misused}


def folder():
    """Return the folder of the stewards' sockets: FOLDER, or what the environment's EDGE_STEWARD says."""
    return os.environ.get("EDGE_STEWARD") or FOLDER


def is_there(at, role):
    """Say whether the folder `at` has the socket of a role, so that asking it can be offered."""
    try:
        return stat.S_ISSOCK(os.stat(os.path.join(at, role + ".sock")).st_mode)
    except OSError:
        return False


def ask(at, role, verb, patience_s=PATIENCE_S, /, **with_):
    """Ask a role, whose socket lies in the folder `at`; yield its progress and return its answer, both dicts.

    patience_s: how long it may be silent. Raises Refused (Busy, Misused) with the steward's words, and Unreachable.
    """
    with _connected(at, role) as connected:
        lines = wire.Lines(connected, wire.ANSWER_LIMIT)
        try:
            wire.send(connected, {"verb": verb, "with": with_}, _SENDING_S)
        except OSError:
            pass  # it may have said why it hears no more
        while True:
            answer = _next(lines, role, patience_s)
            if "progress" in answer:
                yield answer["progress"]
            elif "done" in answer:
                return answer["done"]
            elif "error" in answer:
                raise _KINDS.get(answer.get("kind"), Refused)(answer["error"])
            else:
                raise Unreachable("the steward `%s` answers what this box does not know: update both together" % role)


def answer(at, role, verb, patience_s=PATIENCE_S, /, **with_):
    """Ask as `ask` does, and return the answer alone."""
    asked = ask(at, role, verb, patience_s, **with_)
    while True:
        try:
            next(asked)
        except StopIteration as end:
            return end.value


def _connected(at, role):
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.settimeout(_SENDING_S)
        found.connect(wire.path_of(at, role))
        return found
    except OSError as error:
        found.close()
        if error.errno in (errno.EACCES, errno.EPERM):
            words = "the steward `%s` is not for this user: it answers root, and the user of the box" % role
            raise Unreachable(words) from None
        if error.errno in (errno.EAGAIN, errno.ETIMEDOUT):
            raise Unreachable("the steward `%s` does not answer: %s" % (role, _look(role))) from None
        raise Unreachable("the steward `%s` does not run: %s" % (role, _look(role))) from None
    except wire.WireError as error:
        found.close()
        raise Unreachable(str(error)) from None


def _next(lines, role, patience_s):
    try:
        found = lines.next(patience_s)
    except TimeoutError:
        raise Unreachable("the steward `%s` was silent for %d s: %s" % (role, patience_s, _look(role))) from None
    except (OSError, wire.WireError) as error:
        raise Unreachable("the steward `%s` broke off (%s): %s" % (role, error, _look(role))) from None
    if found is None:
        raise Unreachable("the steward `%s` went away before it had answered: %s" % (role, _look(role)))
    return found


def _look(role):
    unit = "edge-steward-" + role
    look = "on an appliance see `journalctl -u %s` and `systemctl restart %s.socket`" % (unit, unit)
    return look + "; on any other machine its own tools do what this one does on an appliance"
