"""A spool opened on what a power cut left, held against what had been promised up to the cut.

Every object that was acknowledged is there once, as it was sent, waiting or delivered; what was said to be delivered is
not due again; what was removed stays away; nothing that is shown is torn, or was never sent; and nothing is left of
what was not finished: no partial file, no name that nobody knows, nothing in quarantine, no trouble to report.
"""

import hashlib
import os
from collections import namedtuple

from edge.spool.jobs import CONFLICT
from edge.spool.spool import Spool
from tests.crash.simulator.scripts import LIMITS, state_of
from tests.spool.data import Clock

# Of a spool with these promises. must: {(UID, digest): whether it is delivered}; may: a set of (UID, digest)
Promises = namedtuple("Promises", "must may")

_OWN_NAMES = {"partial", "objects", "quarantine", "journal", "uploads", "lock", "index.db", "index.db-wal"}


class Broken(AssertionError):
    """A promise that was not kept."""


def promises(marks):
    """Return the Promises that these marks, in their order, come to."""
    must, may = {}, set()
    for what, *known in marks:
        known = tuple(known)
        if what == "sent":
            may.add(known)
        elif what == "stored":
            must.setdefault(known, False)
        elif what == "delivered":
            if known in must:
                must[known] = True
        elif what == "removing":
            must.pop(known, None)
        elif what == "removed":
            may.discard(known)
    return Promises(must, may)


def judge(folder, promised, close=False):
    """Open the spool below `folder` and hold it against the Promises; Broken, in words. `close` it in order, too."""
    state = state_of(folder)
    spool = Spool.open(state, LIMITS, Clock())
    try:
        _judge(spool, state, promised)
    finally:
        if close:
            spool.close()
        else:
            let_go(spool)


def let_go(spool):
    """Leave a spool as a killed process does."""
    spool.index.close()
    spool.journal.let_go()
    spool.shelf.close()
    spool.uploads.close()
    spool._close_folders()


def _judge(spool, state, promised):
    _check(not spool.health.troubles(), "the spool reports what it should have repaired: %s", spool.health.troubles())
    _check(os.listdir(state + "/partial") == [], "something is left of what was not finished")
    _check(os.listdir(state + "/quarantine") == [], "something is in quarantine: %s", os.listdir(state + "/quarantine"))
    strange = {name for name in os.listdir(state) if name not in _OWN_NAMES}
    strange |= {name for name in os.listdir(state + "/journal") if name != "spare" and not name.endswith(".log")}
    _check(not strange, "names that nobody knows: %s", strange)
    objects = spool.objects(limit=10**6)
    known = {stored.path for stored in objects}
    found = {
        os.path.relpath(os.path.join(where, name), state + "/objects")
        for where, _, names in os.walk(state + "/objects")
        for name in names
    }
    _check(found == known, "files and index do not agree: %s", sorted(found ^ known))
    seen = {}
    for stored in objects:
        with open(spool.path_of(stored), "rb") as file:
            octets = file.read()
        is_whole = spool.files.fault(stored) is None
        _check(is_whole, "object %d is not what was received, but its file of %d octets", stored.id, len(octets))
        this = (stored.uid, hashlib.sha256(octets[stored.offset :]).hexdigest())
        _check(this not in seen, "%s is there twice", this)
        _check(this in promised.may, "%s was removed, or never sent", this)
        _check(stored.hold in (None, CONFLICT), "%s is held: %s", this, stored.why)
        seen[this] = stored
    for this, is_delivered in promised.must.items():
        _check(this in seen, "%s was acknowledged, and is lost", this)
        if seen[this].hold is None:
            states = [job.state for job in spool.jobs.of_object(seen[this].id)]
            _check(len(states) == 1 and states[0] in ("waiting", "delivered"), "%s is %s", this, states)
            _check(states[0] == "delivered" or not is_delivered, "%s was delivered, and is due again", this)


def _check(is_good, words, *values):
    if not is_good:
        raise Broken(words % values)
