"""What can go wrong in the spool, told apart by type; the words say the cause and the next step, never a patient.

The network answers each with the status that belongs to it (PS3.4 B.2.3): Mismatch is A900, Unreadable is C000, NoSpace
and Degraded are A700. The others are for the operator's eyes only.
"""

from errno import EDQUOT, EFBIG, ENOSPC

from edge.dicom.errors import LimitError, LocalError, PeerError

_SQLITE_FULL = 13
_FULL = (ENOSPC, EDQUOT, EFBIG)


class Mismatch(PeerError):
    """The data set says that it is another object than its command announced."""


class Unreadable(PeerError):
    """What was sent is not a data set in the transfer syntax that was agreed."""


class NoSpace(LimitError):
    """There is no room for it: the sender keeps its copy and tries again later."""


class Degraded(LocalError):
    """The disk refused to make something durable, so nothing may be acknowledged on the strength of it."""


class Incompatible(LocalError):
    """What lies in the spool was written by a newer version, in a form that this one does not know."""


class Locked(LocalError):
    """Another process has this spool open."""


class Rotten(LocalError):
    """A stored file is not what was received any more, or is gone: it is held and never sent."""


class InUse(LocalError):
    """What is to be removed is being read by somebody who would be left with half of it."""


class Unknown(LocalError):
    """No such object or job is in the spool."""


def from_os(error, doing):
    """Return the NoSpace or Degraded that an OSError met while `doing` (words) stands for."""
    if error.errno in _FULL:
        return NoSpace("%s: %s; free some space, or let the space policy do it" % (doing, error.strerror))
    return Degraded("%s: %s; look at the kernel's log and the health of the disk" % (doing, error.strerror or error))


def is_full(error):
    """Say whether an error of SQLite or the operating system means that the disk is full."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == _SQLITE_FULL


def from_sqlite(error):
    """Return the NoSpace or Degraded that an error of SQLite or the operating system stands for, met by the index."""
    if isinstance(error, OSError):
        return from_os(error, "using the index")
    kind = NoSpace if is_full(error) else Degraded
    return kind("the index cannot be used (%s): look at the free space and the health of the disk" % error)
