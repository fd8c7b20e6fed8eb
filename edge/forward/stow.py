"""A destination that takes objects by STOW-RS, the storing of DICOMweb: HTTP POST of Part 10 files (PS3.18 10.5).

Short objects go several to a request, as every request waits for its answer; one that is long goes alone. They are
streamed: what is in memory are the short objects of one request. The answer says of each instance what became of it.
Where a request as a whole is refused, and one object in it may be why, fewer go in the next, until the one that is
refused is alone and nobody else suffers for it. Nothing that is not confirmed counts as delivered.
"""

import os
import time
from collections import namedtuple

from edge.dicom import syntax
from edge.forward import outgoing, receipt
from edge.forward.target import Delivered, LinkFailure, Refused, Target
from edge.net import web
from edge.pixels.binding import Stopped
from edge.protocol import status

SERVICE = "service"
UNCONFIRMED = "unconfirmed"
TOO_LONG = "too-long"

_OCTETS_AT_ONCE = 4 << 20  # in one request, if it has more than one object: the short ones are in memory
_PART = b"\r\n--%s\r\nContent-Type: application/dicom\r\n\r\n"
_END = b"\r\n--%s--\r\n"
_NOTHING = b"--end--\r\n"  # a body without parts
_ACCEPT = "application/dicom+json, application/dicom+xml;q=0.5, application/json;q=0.4"
_NOT_THERE = (404, 405, 410)  # statuses of what is no STOW-RS service
# Statuses that concern what was sent, and may concern one object of it
_OF_OBJECTS = (400, 406, 409, 415, 422)

# What is sent of one object. job: as the worker knows it; parcel: as it goes; form: outgoing.Form; head: octets before
# the data set
_Load = namedtuple("_Load", ("job", "parcel", "form", "head"))


class StowTarget(Target):
    """The service at `connection` (a web.Connection), below the path `base`.

    title: the AE title of the box; authorize: function that returns the value of the Authorization field, or None, and
    raises web.Failed where it cannot be had; most: instances in a request; compress, stages: as for other targets.
    """

    def __init__(self, connection, base, title, authorize, most=32, compress=None, stages=()):
        self._connection = connection
        self._path = base.rstrip("/") + "/studies"
        self._title = title
        self._authorize = authorize
        self._most = most
        self._limit = most  # instances in the next request
        self._compress = compress
        self._stages = stages
        self._closed_ways = set()  # (object number, transfer syntax) that failed in the middle
        self._form = None  # the one under way
        self._interrupted = False

    def probe(self):
        """Ask what may be done at the service's address: a server that lets us in answers somehow.

        One that knows no such address may only not know how to be asked, so it is given a request to store nothing.
        """
        try:
            answer = self._exchange("OPTIONS", [], 0, lambda: iter(()))
            if answer.status in _NOT_THERE:
                answer = self._exchange("POST", _fields(b"end"), len(_NOTHING), lambda: iter((_NOTHING,)))
                if answer.status not in (*_NOT_THERE, 401, 403):
                    return  # whatever it thinks of nothing
        finally:
            self.close()
        if answer.status in (*_NOT_THERE, 401, 403) or answer.status >= 500 or 300 <= answer.status < 400:
            raise self._failure(answer, 1)

    def open(self, jobs):
        """Connect, unless a connection is there; everything fits in one session."""
        try:
            self._connection.open()
        except web.Failed as failed:
            raise LinkFailure(failed.layer, str(failed)) from failed
        return len(jobs)

    def deliver(self, parcels):
        """Send the parcels, as many to a request as may be; yield what came of each. May end early."""
        held = None
        while True:
            loads, held = self._gathered(parcels, held)
            if loads:
                outcomes = self._post(loads)
                if outcomes is None:
                    return  # what was taken waits again, and goes in smaller requests
                yield from outcomes
            elif held is None:
                return
            else:
                yield held  # it was refused here
                held = None

    def _gathered(self, parcels, held):
        """Return the _Loads of one request, and what was taken beside them and has its turn afterwards.

        That is a _Load, (a job, its Refused) of one that cannot be sent, or None.
        """
        loads, octets, uids = [], 0, set()
        while len(loads) < self._limit:
            load = held or self._load(next(parcels, None))
            held = None
            if not isinstance(load, _Load):
                return loads, load
            job = load.parcel.job
            if loads and (octets + job.size > _OCTETS_AT_ONCE or job.uid in uids):
                return loads, load
            loads.append(load)
            uids.add(job.uid)
            octets += job.size
        return loads, None

    def _load(self, parcel):
        """Return the _Load of a parcel, or (its job, Refused); None for None."""
        if parcel is None:
            return None
        job = parcel.job
        changed = outgoing.changed(self._stages, parcel)
        if isinstance(changed, Refused):
            return job, changed
        closed = {way for number, way in self._closed_ways if number == job.object_id}
        try:
            form = next(outgoing.forms(changed, self._compress, closed))
            return _Load(job, changed, form, outgoing.head(changed, form, self._title))
        except outgoing.FAILURES as error:
            return job, outgoing.refused(error, web.HTTP, outgoing.NO_FILE)

    # The request

    def _post(self, loads):
        """Send a request; return (job, Delivered or Refused) of each, or None where it has to go in smaller ones."""
        boundary = os.urandom(16).hex().encode("ascii")
        fields = _fields(boundary)
        sizes = [load.form.size for load in loads]
        length = None
        if None not in sizes:
            framing = len(loads) * len(_PART % boundary) - 2 + len(_END % boundary)
            length = framing + sum(sizes) + sum([len(load.head) for load in loads])
        at = [0]
        try:
            answer = self._exchange("POST", fields, length, lambda: self._body(loads, boundary, at))
        except LinkFailure as failure:
            if failure.by_peer and len(loads) > 1:
                self._fewer(len(loads))
                failure.by_peer = False  # nobody knows over which of them
            raise
        except outgoing.FAILURES as error:
            load = loads[at[0]]
            words = "the object cannot be sent as %s" % syntax.lookup(load.form.syntax).name
            refused = outgoing.refused(error, web.HTTP, words)
            if refused.cause == outgoing.UNREADABLE and not load.form.is_own:
                self._closed_ways.add((load.job.object_id, load.form.syntax))
                refused = refused._replace(needless=False)  # it has other ways yet
            return self._alone(loads, at[0], refused)
        finally:
            self._form = None
        return self._judged(loads, answer)

    def _alone(self, loads, at, refused):
        """Return what came of a request that one of the objects in it broke: only that is accounted for, if it may."""
        if at == 0:
            return [(loads[0].job, refused)]
        self._limit = at  # those before it go by themselves, then it is the first
        return None

    def _exchange(self, method, fields, length, make):
        try:
            secret = self._authorize()
            if secret is not None:
                fields = [*fields, ("Authorization", secret)]
            return self._connection.exchange(method, self._path, fields, length, make)
        except web.Failed as failed:
            raise LinkFailure(failed.layer, str(failed), failed.by_peer) from failed

    def _body(self, loads, boundary, at):
        """Yield the body; at: list of one int, which load is under way."""
        for number, load in enumerate(loads):
            at[0] = number
            self._form = load.form
            if self._interrupted:
                raise Stopped
            yield (_PART % boundary)[0 if number else 2 :]  # the body begins with the first delimiter
            yield load.head
            yield from load.form.chunks()
        yield _END % boundary

    # The answer

    def _judged(self, loads, answer):
        """Return what an answer says of each load, or None; raises LinkFailure."""
        found = receipt.read(answer.body) if answer.status in (200, 202, 409) else None
        if found is not None:
            return self._by_receipt(loads, found, answer)
        if answer.status == 200:
            self._limit = min(self._most, 2 * self._limit)
            return [(load.job, Delivered(None, "")) for load in loads]
        if answer.status == 413:
            if self._fewer(len(loads)):
                return None
            words = "the server takes no object of %d octets (413); let it take longer requests, and release the object"
            return [(loads[0].job, self._refused(True, TOO_LONG, words % loads[0].parcel.job.size, answer))]
        if answer.status in _OF_OBJECTS:
            if self._fewer(len(loads)):
                return None
            words = "the server refused it: %s" % _status_words(answer.status)
            return [(loads[0].job, self._refused(True, "%d" % answer.status, words, answer))]
        if answer.status // 100 == 2:
            words = "the server does not say what became of it (%d)" % answer.status
            return [(load.job, self._refused(False, UNCONFIRMED, words, answer)) for load in loads]
        raise self._failure(answer, len(loads))

    def _by_receipt(self, loads, found, answer):
        self._limit = min(self._most, 2 * self._limit)
        outcomes = []
        for load in loads:
            uid = load.parcel.job.uid
            if uid in found.failed:
                outcomes.append((load.job, self._failed(found.failed[uid], answer)))
            elif uid in found.stored:
                outcomes.append((load.job, Delivered(found.stored[uid], "")))
            else:
                words = "the server's answer (%d) says nothing of it" % answer.status
                outcomes.append((load.job, self._refused(False, UNCONFIRMED, words, answer)))
        return outcomes

    def _failed(self, reason, answer):
        """Return the Refused for an instance's Failure Reason."""
        if reason is None:
            words = "the server did not store it, and does not say why (%d)" % answer.status
            return self._refused(False, UNCONFIRMED, words, answer)
        words = "the server answered: %s" % status.words(reason)
        is_lasting = status.judge(reason) == status.NEVER
        return Refused(is_lasting, False, "%04X" % reason, words, reason, _comment(answer))

    def _refused(self, is_lasting, cause, words, answer):
        return Refused(is_lasting, False, cause, words, None, _comment(answer))

    def _fewer(self, count):
        """Let the next requests have fewer than `count` objects; say whether that is possible."""
        if count == 1:
            return False
        self._limit = max(1, count // 4)
        return True

    def _failure(self, answer, count):
        """Return the LinkFailure that a status of the server as a whole is."""
        code = answer.status
        peer = self._connection.peer
        if code in (401, 403):
            words = "%s does not accept the credentials: %s; check token_file, user and password_file, or certificate"
            return LinkFailure(web.CREDENTIALS, words % (peer, _status_words(code)), lasting=True)
        if code in _NOT_THERE:
            words = "%s has no STOW-RS service at %s: %s; check url"
            return LinkFailure(SERVICE, words % (peer, self._path, _status_words(code)), lasting=True)
        if 300 <= code < 400:
            words = "%s sends us elsewhere (%d), where nothing is sent unasked; put the service's own address into url"
            return LinkFailure(SERVICE, words % (peer, code), lasting=True)
        wait_s = web.retry_after_s(answer.fields.get("retry-after"), time.time()) if code in (429, 503) else None
        is_blamed = code in (500, 501, 502) and not self._fewer(count)
        words = "%s answered: %s" % (peer, _status_words(code))
        return LinkFailure(web.HTTP, words, is_blamed, retry_after_s=wait_s or 0.0)

    def close(self):
        """Close the connection, if there is one."""
        self._connection.close()

    def interrupt(self):
        """Break off whatever is under way; nothing is opened any more."""
        self._interrupted = True
        form = self._form
        if form is not None:
            form.stop()
        self._connection.interrupt()


def _fields(boundary):
    """Return the header fields of a request with parts between `boundary` (bytes)."""
    return [
        ("Content-Type", 'multipart/related; type="application/dicom"; boundary=%s' % boundary.decode("ascii")),
        ("Accept", _ACCEPT),
    ]


def _comment(answer):
    """Return what the server adds in words, for the operator."""
    words = answer.fields.get("warning", "")
    return "".join([each if " " <= each <= "~" else "?" for each in words[:200]]).strip()


def _status_words(code):
    from http import HTTPStatus

    try:
        return "%s (%d)" % (HTTPStatus(code).phrase.lower(), code)
    except ValueError:
        return "status %d" % code
