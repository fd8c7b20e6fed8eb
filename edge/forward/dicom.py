"""A destination that takes objects by C-STORE.

One association serves many objects, and stays for the next ones. Each goes in its own transfer syntax where that was
accepted, bit for bit, otherwise re-encoded into an uncompressed one that was; one for which there is no way is refused
here with that reason, and the rest goes on. While the peer works on an object, its predecessor is accounted for and
its successor read.
"""

from edge.dicom import syntax, uid
from edge.dicom.errors import DicomError
from edge.forward import offer, reencode
from edge.forward.target import Delivered, LinkFailure, Refused, Target
from edge.net import outbound
from edge.protocol import status
from edge.spool.errors import Rotten

# Causes that are no status
NO_CONTEXT = "no-context"
UNREADABLE = "unreadable"
UNREAD = "unread"


class DicomTarget(Target):
    """The peer at (host, port): `called` is its AE title, `calling` ours; terms: outbound.Terms."""

    def __init__(self, host, port, called, calling, terms):
        self._address = (host, port)
        self._called = called
        self._calling = calling
        self._terms = terms
        self._link = None
        self._pairs = set()  # (SOP Class, transfer syntax) that the association was opened for
        self._interrupted = False

    def open(self, jobs):
        """Have an association for the first of `jobs`, as many as 128 presentation contexts suffice for."""
        pairs = [(job.sop_class, job.syntax) for job in jobs]
        if self._link is not None:
            if pairs[0] in self._pairs and self._link.is_quiet():
                return self._served(pairs)
            self.close()
        offered = offer.plan(pairs, self._pairs)
        host, port = self._address
        try:
            link = outbound.associate(host, port, self._calling, self._called, offered.wanted, self._terms)
        except outbound.LinkFailure as failure:
            raise LinkFailure(failure.layer, failure.reason) from failure
        self._link = link
        self._pairs = offered.pairs
        if self._interrupted:
            link.interrupt()
        return self._served(pairs)

    def _served(self, pairs):
        for count, pair in enumerate(pairs):
            if pair not in self._pairs:
                return count
        return len(pairs)

    def deliver(self, parcels):
        """Send each parcel; yield what came of its predecessor while the peer works on it. May end early."""
        before = None
        parcel = next(parcels, None)
        while parcel is not None:
            job = parcel.job
            try:
                refused = self._begin(parcel)
            except LinkFailure:
                if before is not None:
                    yield before
                raise
            if before is not None:
                yield before
            following = next(parcels, None) if self._link.is_open else None
            before = job, refused or self._end()
            parcel = following
        if before is not None:
            yield before

    def _begin(self, parcel):
        """Send a parcel; return None when the peer now has it to answer, otherwise why it was not sent, a Refused."""
        job = parcel.job
        link = self._link
        way = offer.choose(link.context_for, job.sop_class, job.syntax)
        if way is None:
            return Refused(True, True, NO_CONTEXT, self._no_way(job), None, "")
        context_id, target = way
        try:
            if target != job.syntax:
                octets = reencode.reencode(parcel.chunks(), job.syntax, target)
                link.begin_store_from(context_id, job.sop_class, job.uid, octets)
            elif parcel.octets is not None:
                link.begin_store_octets(context_id, job.sop_class, job.uid, parcel.octets)
            else:
                link.begin_store(context_id, job.sop_class, job.uid, parcel.fd, job.offset, job.size)
        except outbound.LinkFailure as failure:
            raise self._failure(failure) from failure
        except (Rotten, OSError) as error:
            return Refused(False, False, UNREAD, "the stored file could not be read: %s" % error, None, "")
        except DicomError as error:
            words = "%s is not taken there, and the object cannot be re-encoded: %s"
            return Refused(True, True, UNREADABLE, words % (syntax.lookup(job.syntax).name, error), None, "")
        return None

    def _end(self):
        """Wait for the answer to what was sent, and judge it."""
        try:
            reply = self._link.reply()
        except outbound.LinkFailure as failure:
            raise self._failure(failure) from failure
        verdict = status.judge(reply.code)
        comment = _printable(reply.comment)
        if verdict == status.DONE:
            return Delivered(reply.code, comment)
        why = "%s answered: %s" % (self._called, status.words(reply.code))
        return Refused(verdict == status.NEVER, False, "%04X" % reply.code, why, reply.code, comment)

    def _failure(self, failure):
        return LinkFailure(failure.layer, failure.reason, failure.by_peer)

    def _no_way(self, job):
        """Say that no presentation context fits `job`, and what was offered."""
        offered = [job.syntax, *reencode.TARGETS.get(job.syntax, ())]
        names = " nor as ".join([syntax.lookup(each).name for each in offered])
        return "%s takes no %s as %s; let it accept one of these, and release the object" % (
            self._called,
            uid.name(job.sop_class),
            names,
        )

    def close(self):
        """Release the association, if there is one."""
        if self._link is not None:
            self._link.release()
            self._link = None

    def interrupt(self):
        """Break off whatever is under way; nothing is opened any more."""
        self._interrupted = True
        link = self._link
        if link is not None:
            link.interrupt()


def _printable(words):
    return "".join([each if " " <= each <= "~" else "?" for each in words[:64]]).strip()
