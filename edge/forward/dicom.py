"""A destination that takes objects by C-STORE.

One association serves many objects, and stays for the next ones. Each goes in its own transfer syntax where that was
accepted, bit for bit, otherwise re-encoded or decompressed into one that was; a destination that is to be sent to
compressed gets it so where that was accepted and can be done. One for which there is no way is refused here with that
reason, and the rest goes on. While the peer works on an object, its predecessor is accounted for and its successor
read.
"""

import itertools
import time

from edge.dicom import syntax, uid
from edge.forward import alter, offer, outgoing, reencode
from edge.forward.target import Delivered, LinkFailure, Refused, Target
from edge.net import outbound
from edge.pixels import registry
from edge.protocol import contexts, echo, status

NO_CONTEXT = "no-context"  # a cause that is no status

_ECHO = ((echo.SOP_CLASS, contexts.PREFERENCE[:2]),)
_LONG_S = 0.05  # of an object, from its first octet to its answer: putting down an outcome is nothing beside that
_TRIED_OUT_BYTES = 8 << 20  # objects that come to no more are transcoded before anything of them is sent


class DicomTarget(Target):
    """The peer at (host, port): `called` is its AE title, `calling` ours; terms: outbound.Terms.

    compress: UID of the transfer syntax that objects are to be sent in where that can be done, or None. stages: what
    they are changed by before that (see edge.morph.draft). tls: the tls.Client to meet it with, None to do it without.
    """

    def __init__(self, host, port, called, calling, terms, compress=None, stages=(), tls=None):
        self._address = (host, port)
        self._called = called
        self._calling = calling
        self._terms = terms
        self._compress = compress
        self._stages = stages
        self._tls = tls
        self._link = None
        self._transcoding = None  # the one under way
        self._closed_ways = set()  # (object number, transfer syntax) that failed in the middle: not tried again
        self._pairs = set()  # (SOP Class, transfer syntax) that the association was opened for
        self._sent_as = None  # the UID of a changed object that is under way
        self._interrupted = False

    def probe(self):
        """Ask for an echo, over an association for that alone.

        A peer that accepts the association answers, also when it knows no echo or is silent about it: what it makes of
        an object is for an object to find out. So it is when it refuses the association without a reason.
        """
        host, port = self._address
        terms = self._terms._replace(dimse_ms=min(self._terms.dimse_ms, self._terms.connect_ms))
        try:
            self._link = outbound.associate(host, port, self._calling, self._called, _ECHO, terms, self._tls)
            if self._interrupted:
                self._link.interrupt()
            if self._link.accepted:
                self._link.echo()
        except outbound.LinkFailure as failure:
            if failure.layer != outbound.DIMSE and not failure.unsaid:
                raise self._failure(failure) from failure
        finally:
            self.close()

    def open(self, jobs):
        """Have an association for the first of `jobs`, as many as 128 presentation contexts suffice for."""
        pairs = [(job.sop_class, alter.laid(self._stages, job.syntax)) for job in jobs]
        if self._link is not None:
            if pairs[0] in self._pairs and self._link.is_quiet():
                return self._served(pairs)
            self.close()
        offered = offer.plan(pairs, self._pairs, self._compress)
        host, port = self._address
        try:
            link = outbound.associate(
                host, port, self._calling, self._called, offered.wanted, self._terms, self._tls
            )
        except outbound.LinkFailure as failure:
            raise self._failure(failure) from failure
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
        """Send each parcel; yield what came of its predecessor while the peer works on it. May end early.

        Where sending takes long, that is yielded before: a crash meanwhile would have the predecessor sent again.
        """
        before = None
        took_s = 0.0
        parcel = next(parcels, None)
        while parcel is not None:
            job = parcel.job
            if before is not None and (parcel.octets is None or took_s > _LONG_S):
                yield before
                before = None
            begun = time.monotonic()
            try:
                refused = self._begin(parcel)
            except LinkFailure:
                if before is not None:
                    yield before
                raise
            if before is not None:
                yield before
            following = next(parcels, None) if self._link.is_open else None
            before = job, refused or self._end(self._sent_as)
            took_s = time.monotonic() - begun
            parcel = following
        if before is not None:
            yield before

    def _begin(self, parcel):
        """Send a parcel; return None when the peer now has it to answer, otherwise why it was not sent, a Refused."""
        parcel = outgoing.changed(self._stages, parcel)
        if isinstance(parcel, Refused):
            return parcel
        self._sent_as = parcel.job.uid if isinstance(parcel, alter.Altered) else None
        job = parcel.job
        failed = []
        for context_id, target in offer.choices(self._link.context_for, job.sop_class, job.syntax, self._compress):
            if (job.object_id, target) in self._closed_ways:
                continue
            try:
                self._send(parcel, context_id, target)
                return None
            except outbound.LinkFailure as failure:
                raise self._failure(failure) from failure
            except outgoing.FAILURES as error:
                refused = outgoing.refused(error, outbound.DIMSE, "not as %s" % syntax.lookup(target).name)
                if refused.cause != outgoing.UNREADABLE:
                    return refused
                failed.append(refused.why)
                if not self._link.is_open:
                    return self._broken_off(job, target, failed)
        if failed:
            words = "%s takes the object in no way it can be sent: %s" % (self._called, "; ".join(failed))
            return Refused(True, True, outgoing.UNREADABLE, words, None, "")
        return Refused(True, True, NO_CONTEXT, self._no_way(job), None, "")

    def _broken_off(self, job, target, failed):
        """Judge an object that turned out, in the middle of sending it, not to go as `target`."""
        self._closed_ways.add((job.object_id, target))
        ways = offer.ways(job.syntax, self._compress)
        others = [way for way in ways if (job.object_id, way) not in self._closed_ways]
        words = "the object cannot be sent %s" % "; ".join(failed)
        return Refused(True, not others, outgoing.UNREADABLE, words, None, "")

    def _send(self, parcel, context_id, target):
        """Send a parcel in the transfer syntax `target`; raises DicomError where it cannot be turned into that."""
        job, link = parcel.job, self._link
        if target == job.syntax:
            if job.size & 1 and syntax.lookup(target).deflated:
                # What is deflated ends where it ends; a NUL behind it keeps the fragment even, as PS3.5 A.5 has it
                octets = itertools.chain(parcel.chunks(), (b"\0",))
                link.begin_store_from(context_id, job.sop_class, job.uid, octets)
            elif isinstance(parcel, alter.Altered):
                link.begin_store_from(context_id, job.sop_class, job.uid, parcel.chunks())
            elif parcel.octets is not None:
                link.begin_store_octets(context_id, job.sop_class, job.uid, parcel.octets)
            else:
                link.begin_store(context_id, job.sop_class, job.uid, parcel.fd, job.offset, job.size)
        elif target in reencode.TARGETS.get(job.syntax, ()):
            octets = reencode.reencode(parcel.chunks(), job.syntax, target)
            link.begin_store_from(context_id, job.sop_class, job.uid, octets)
        else:
            self._send_transcoded(parcel, context_id, target)

    def _send_transcoded(self, parcel, context_id, target):
        job, link = parcel.job, self._link
        self._transcoding = made = outgoing.transcoding(parcel, target)
        parts = made.parts()
        try:
            if max(job.size, made.most_octets) <= _TRIED_OUT_BYTES:
                octets = b"".join([bytes(part) for part in parts])
                link.begin_store_octets(context_id, job.sop_class, job.uid, octets)
            else:
                link.begin_store_from(context_id, job.sop_class, job.uid, parts)
        finally:
            parts.close()  # ends the threads at work, too, where it was broken off
            self._transcoding = None

    def _end(self, sent_as):
        """Wait for the answer to what was sent, and judge it; `sent_as`: as Delivered has it."""
        try:
            reply = self._link.reply()
        except outbound.LinkFailure as failure:
            raise self._failure(failure) from failure
        verdict = status.judge(reply.code)
        comment = _printable(reply.comment)
        if verdict == status.DONE:
            return Delivered(reply.code, comment, sent_as)
        why = "%s answered: %s" % (self._called, status.words(reply.code))
        return Refused(verdict == status.NEVER, False, "%04X" % reply.code, why, reply.code, comment)

    def _failure(self, failure):
        return LinkFailure(failure.layer, failure.reason, failure.by_peer, failure.permanent)

    def _no_way(self, job):
        """Say that no presentation context fits `job`, and what was offered."""
        offered = offer.ways(job.syntax, self._compress)
        names = " nor as ".join([syntax.lookup(each).name for each in offered])
        words = "%s takes no %s as %s; let it accept one of these, and release the object" % (
            self._called,
            uid.name(job.sop_class),
            names,
        )
        if syntax.lookup(job.syntax).encapsulated and not offer.uncompressed(job.syntax):
            words += " (it cannot be decompressed here: %s)" % registry.missing(job.syntax)
        return words

    def octets_sent(self):
        """As Target has it; what is encrypted counts with its records."""
        link = self._link
        return None if link is None else link.octets_sent()

    def close(self):
        """Release the association, if there is one."""
        if self._link is not None:
            self._link.release()
            self._link = None

    def interrupt(self):
        """Break off whatever is under way; nothing is opened any more."""
        self._interrupted = True
        transcoding = self._transcoding
        if transcoding is not None:
            transcoding.stop()
        link = self._link
        if link is not None:
            link.interrupt()


def _printable(words):
    return "".join([each if " " <= each <= "~" else "?" for each in words[:64]]).strip()
