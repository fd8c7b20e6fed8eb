"""An association that the box opens to itself, to see that the way in works: it stores an object that nobody keeps.

It is met like any other as far as its octets go: listener, thread, association, partial file, sync. But it is counted
and listed nowhere, its object goes to no destination, and nothing is left of it. So nobody else may have it: an
association is taken for one only while it is expected, once, by an AE title made for it of 80 random bits, and from an
address of the box's own.
"""

import os
import threading
from collections import namedtuple

from edge.net import manners, witness
from edge.protocol import contexts, echo
from edge.spool.errors import Mismatch

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"  # Secondary Capture Image Storage
PDU_BYTES = 16384
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_POLICY = contexts.Policy(frozenset((SOP_CLASS, echo.SOP_CLASS)).__contains__, contexts.PREFERENCE, True)

MANNER = manners.Manner((), _POLICY, PDU_BYTES)

# calling: the AE title that it comes under; sop_instance: the SOP Instance UID of its object
Expected = namedtuple("Expected", ("calling", "sop_instance"))


class Rehearsals:
    """Which of them are expected; for any number of threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._expected = {}

    def expect(self, sop_instance):
        """Return the Expected of one that is about to come."""
        calling = "".join([_LETTERS[octet % 32] for octet in os.urandom(16)])
        made = Expected(calling, sop_instance)
        with self._lock:
            self._expected[calling] = made
        return made

    def forget(self, expected):
        """Expect it no more."""
        with self._lock:
            self._expected.pop(expected.calling, None)

    def claim(self, calling, address, own):
        """Return the Expected that an association request fulfils, which is then expected no more; None for any other.

        calling: its AE title; address: where it comes from; own: the address of the box that it came to.
        """
        with self._lock:
            return self._expected.pop(calling, None) if self._expected and address == own else None


class Intake:
    """What takes the object of a rehearsal in, in the place of the spool's intake."""

    def __init__(self, intake, expected):
        self._intake = intake
        self._expected = expected

    def begin(self, sop_class, sop_instance, transfer_syntax, source):
        """Return what takes the octets of the object; Mismatch for any but the expected one."""
        if sop_instance != self._expected.sop_instance:
            raise Mismatch("this is not the object that was to be rehearsed with")
        return _Arrival(self._intake.rehearse(sop_class, sop_instance, transfer_syntax, source))

    def keep_up(self):
        """Do nothing: there is nothing to catch up with."""


class _Arrival:
    """An intake.Arrival whose object is dropped where another would be kept."""

    def __init__(self, arrival):
        self._arrival = arrival
        self.write_all = arrival.write_all
        self.abandon = arrival.abandon

    def commit(self, route):
        """Make it durable, and drop it."""
        self._arrival.rehearse()


def terms(intake, expected):
    """Return what an inbound.Inbound of a rehearsal is made with: (intake, routes, tell)."""
    return Intake(intake, expected), lambda: None, witness.nobody
