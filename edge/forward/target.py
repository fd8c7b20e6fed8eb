"""What every kind of destination does for its worker: open, deliver, close; and what came of it.

An object's own failure is an outcome: it concerns this object, and the next one is tried at once. A failure of the way
there is an exception: it concerns the destination, spends no object's tries, and everything for it waits.
"""

from collections import namedtuple

# The destination has the object. status: its code, None where the kind has none; comment: its own words, "" for none;
# sent_as: the SOP Instance UID that it went under when that was another, which is asked for by storage commitment
Delivered = namedtuple("Delivered", ("status", "comment", "sent_as"), defaults=(None,))
# It was refused. lasting: whether the same object would be refused again until somebody changes something; needless:
# whether that is certain, so that not even a second try is worth it; cause: a word by which a person picks all failures
# of a kind; why: what happened and what to do, in words; status, comment: as above. A comment is the peer's and may say
# anything: it is for the operator's eyes, not for the log
Refused = namedtuple("Refused", ("lasting", "needless", "cause", "why", "status", "comment"))


class LinkFailure(Exception):
    """The way to the destination failed.

    layer: where, a word ("name", "tcp", "association", ...); reason: in words, with the next step; by_peer: whether the
    peer broke off because of, or in the middle of, what it was given, rather than the line; lasting: whether it refuses
    us until a person changes something at either end; retry_after_s: how long it asks to be left alone, at least;
    progress: whether it broke after it had brought an object further, from where that goes on.
    """

    def __init__(self, layer, reason, by_peer=False, lasting=False, retry_after_s=0.0, progress=False):
        super().__init__(reason)
        self.layer = layer
        self.reason = reason
        self.by_peer = by_peer
        self.lasting = lasting
        self.retry_after_s = retry_after_s
        self.progress = progress


class Target:
    """One way to a destination, for one thread at a time; `interrupt` and `octets_sent` may be called from others."""

    def probe(self):
        """Find out whether the destination answers, at the least cost there is; raises LinkFailure.

        Called while nothing is open, after the way failed, before any object is looked at.
        """

    def open(self, jobs):
        """Get ready to deliver spool.index.Jobs; return for how many of them, from the first on, at least one.

        What is open from before is used again when it can be. Raises LinkFailure.
        """
        raise NotImplementedError

    def deliver(self, parcels):
        """Deliver each parcel.Parcel that the iterator `parcels` gives; yield (its job, Delivered or Refused) in order.

        The next one may be taken from the iterator while one is under way. Raises LinkFailure; what was not
        yielded by then counts as not delivered.
        """
        raise NotImplementedError

    def octets_sent(self):
        """Return how many octets of what is open have reached the other side, None where nobody can tell.

        May be called from any thread, at any time.
        """
        return None

    def close(self):
        """End what is open, in order; never raises."""
        raise NotImplementedError

    def interrupt(self):
        """Make what the worker's thread is doing here fail at once."""
        raise NotImplementedError
