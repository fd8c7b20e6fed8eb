"""The one hierarchy of errors: who is wrong, what was expected, and where.

Every room below the sockets raises these and nothing else for bad input. `offset` counts octets from the start of
whatever the message names (a PDU, a file, a data set), so that a person can find the place with a hex viewer.
"""


from collections import namedtuple

# What strayed from the standard and was read all the same. message: str, without patient data; offset: int or None
Notice = namedtuple("Notice", ("message", "offset"))


class DicomError(Exception):
    """Something about a DICOM structure is wrong; `str()` says what, and where when that is known."""

    def __init__(self, message, offset=None):
        super().__init__(message)
        self.message = message
        self.offset = offset

    def __str__(self):
        if self.offset is None:
            return self.message
        return "%s (at offset %d)" % (self.message, self.offset)


class PeerError(DicomError):
    """What came from outside (a peer, a file) breaks the standard."""


class TruncatedError(PeerError):
    """What came from outside ended before the structure that it began; `offset` is where it ended."""


class LocalError(DicomError):
    """What we were asked to produce cannot be produced: the caller is wrong."""


class LimitError(DicomError):
    """What came from outside may be valid, but is larger, deeper or more than this box agreed to handle."""


def note(notices, message, offset):
    """Add a Notice to the list `notices`, once per message and at most 32 in all: broken files repeat themselves."""
    if len(notices) < 32 and message not in [known.message for known in notices]:
        notices.append(Notice(message, offset))
