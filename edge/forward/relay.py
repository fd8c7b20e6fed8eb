"""A destination that is a relay: objects go up in pieces, and after a cut from where they were (tus 1.0.0).

C-STORE begins an object again with its first octet after every cut, so that on a link which never lasts long enough a
large one never arrives. Here the other end says how far it has come, and what it has said once it never takes back. As
long as each connection brings an object further, the next one is opened at once, and nothing is anybody's fault; when
one brings nothing, the destination waits like any other.

An object goes as a Part 10 file, changed and compressed as for other destinations, which gives the same octets each
time; whether they arrived as such is told by the SHA-256 of the whole.
"""

import select
import socket
from threading import Event
from urllib.parse import urljoin, urlsplit

from edge.dicom.errors import DicomError
from edge.forward import outgoing
from edge.forward.target import Delivered, LinkFailure, Refused, Target
from edge.net import alerts, heads, reach, transport, tus
from edge.pixels.binding import Stopped
from edge.spool.errors import Rotten

NAME = "name"
TCP = "tcp"
HTTP = "http"
TLS = "tls"
REFUSED = "refused"  # the layer, when the relay will have nothing of this box

_PIECE_BYTES = 64 << 10
_AT_ONCE_BYTES = 256 << 10  # what goes along with its announcement, and is not worth to be put down
_WORDS_LIMIT = 400
_LATE_ANSWER_S = 2.0  # for what a peer said before it broke off
_SENDS_UNDER_WAY_BYTES = 256 << 10  # octets that the kernel takes in advance of what the link takes
_TCP_NOTSENT_LOWAT = 25
_PRIORITY_WORDS = {number: word for word, number in tus.PRIORITIES.items()}

_STARTS_ANEW = (404, 410, 413, 415, 422, 460)

# Status: whether the object would be refused again until somebody changes something
_OF_THE_OBJECT = {
    400: True, 409: False, 410: False, 411: True, 413: True, 415: True, 422: True, 423: False, 429: False, 460: False,
    500: False, 502: False, 503: False, 504: False, 507: False,
}  # fmt: skip


class _Answer:
    """What the relay answered. status: int; fields: the header fields; words: what it said to a person."""

    def __init__(self, response):
        self.status = response.status
        self.fields = response.headers
        text = response.read(_WORDS_LIMIT).decode("utf-8", "replace")
        self.words = " ".join("".join([each if each.isprintable() else " " for each in text]).split())
        self.is_last = response.will_close or not response.isclosed()

    def number(self, name):
        """Return a header field that is a number, None where it is not there or is none."""
        value = self.fields.get(name, "")
        return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None


class _Upload:
    """One object on its way. head: of its file; form_of: function, a new outgoing.Form of its data set for each pass.

    sha256 (hex digits), length: of the whole file, once it was measured.
    """

    def __init__(self, parcel, head, form_of):
        self.job = parcel.job
        self._parcel = parcel
        self._head = head
        self._form_of = form_of
        self.sha256 = None
        self.length = None

    def measure(self, stopped):
        """Find out SHA-256 and length, in one pass; DicomError where the form cannot be made."""
        import hashlib  # only who has a relay pays for it

        digest = hashlib.sha256()
        length = 0
        for part in self.parts(0):
            digest.update(part)
            length += len(part)
            if stopped.is_set():
                raise Stopped
        self.sha256, self.length = digest.hexdigest(), length

    def parts(self, offset):
        """Yield the octets of the file from `offset` on, each piece good until the next."""
        if offset < len(self._head):
            yield memoryview(self._head)[offset:]
        skip = max(0, offset - len(self._head))
        form = self._form_of()
        if form.is_own and (self._parcel.fd is not None or self._parcel.octets is not None):
            yield from self._parcel.chunks(skip)
            return
        for chunk in form.chunks():
            if skip >= len(chunk):
                skip -= len(chunk)
            else:
                yield memoryview(chunk)[skip:]
                skip = 0


class RelayTarget(Target):
    """The relay at (host, port), whose uploads begin at `path`.

    tls: tls.Client, or None for plain text; title: the AE title of this box; resume: resume.Resume; connect_s,
    answer_s: limits of time; pace: pace.Pace or None; compress, stages: as for other targets.
    """

    def __init__(
        self, host, port, path, tls, title, resume, connect_s=10, answer_s=60, pace=None, compress=None, stages=()
    ):
        self._address = (host, port)
        self._path = path
        self._tls = tls
        self._title = title
        self._resume = resume
        self._connect_s = connect_s
        self._answer_s = answer_s
        self._pace = pace
        self._compress = compress
        self._stages = stages
        self._http = None  # an http.client.HTTPConnection that is open
        self._extensions = None  # those of tus that the relay has, once it was asked
        self._form = None  # the one under way
        self._measured = {}  # of the object that was measured last: (object number, syntax) -> (SHA-256, length)
        self._places = {}  # key of an upload -> its path at the relay
        self._reached = {}  # key of an upload -> the furthest offset that the relay has said
        self._stopped = Event()

    # The connection

    def probe(self):
        """Ask the relay what it is."""
        try:
            self._extensions = None
            self.open(())
        finally:
            self.close()

    def open(self, jobs):
        """Have a connection to the relay; everything fits in one session."""
        if self._http is not None and not self._is_quiet():
            self.close()
        if self._http is None:
            self._connect()
        if self._extensions is None:
            self._greet()
        return len(jobs)

    def _is_quiet(self):
        """Say whether the connection stands, as far as is known here: nothing has come that was not asked for."""
        looking = select.poll()  # a socket with a timeout waits for that long before it says that there is nothing
        looking.register(self._http.sock, select.POLLIN)
        return not looking.poll(0)

    def _connect(self):
        from http.client import HTTPConnection  # only who has a relay pays for it

        host, port = self._address
        try:
            connected = reach.connect(host, port, self._connect_s * 1000)
        except reach.Unreachable as failed:
            raise LinkFailure(NAME if failed.is_name else TCP, str(failed)) from failed
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _SENDS_UNDER_WAY_BYTES)
            if self._tls is not None:
                connected = self._shaken(connected, host)
            connected.settimeout(self._answer_s)
        except BaseException:
            connected.close()
            raise
        self._http = HTTPConnection(host, port)
        self._http.sock = connected
        if self._stopped.is_set():
            self.interrupt()

    def _shaken(self, connected, host):
        from edge.net import tls

        try:
            return self._tls.wrap(connected, host)
        except tls.Unusable as error:
            raise LinkFailure(TLS, str(error)) from error
        except OSError as error:
            raise LinkFailure(TLS, "no TLS with %s: %s" % (self._name(), alerts.words_of(error))) from error

    def _name(self):
        return "%s port %d" % self._address

    def _greet(self):
        """Ask the relay what it is."""
        answer = self._ask("OPTIONS", self._path)
        if answer.status in (401, 403):
            raise self._turned_away(answer)
        if answer.status >= 300 or tus.VERSION not in answer.fields.get("Tus-Version", ""):
            words = "what listens at %s is no relay (it answered %d, without tus %s); check host, port and path"
            raise LinkFailure(HTTP, words % (self._name(), answer.status, tus.VERSION))
        self._extensions = [each.strip() for each in answer.fields.get("Tus-Extension", "").split(",")]

    def _turned_away(self, answer):
        words = "the relay at %s will have nothing of this box: %s; let it list the name in the box's certificate"
        return LinkFailure(REFUSED, words % (self._name(), answer.words or answer.status))

    def close(self):
        """Close the connection, if there is one."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def octets_sent(self):
        """As Target has it, without what an upload that goes on had brought there before."""
        http = self._http
        return None if http is None or http.sock is None else transport.acknowledged(http.sock)

    def interrupt(self):
        """Break off whatever is under way; nothing is opened any more."""
        self._stopped.set()
        form, http = self._form, self._http
        if form is not None:
            form.stop()
        if http is not None and http.sock is not None:
            transport.cut(http.sock)

    def _ask(self, method, path, fields=(), length=0, parts=None):
        """Send a request, its body of `length` octets from `parts`, and return its _Answer; LinkFailure without one."""
        from http.client import HTTPException

        http = self._http
        try:
            http.putrequest(method, path, skip_accept_encoding=True)
            for name, value in (("Tus-Resumable", tus.VERSION), *fields):
                http.putheader(name, value)
            if length or method in ("POST", "PATCH"):
                http.putheader("Content-Length", str(length))
            http.endheaders()
            if parts is not None:
                self._send(http, length, parts)
            answer = _Answer(http.getresponse())
        except (OSError, HTTPException) as error:
            answer = self._late_answer(http)
            if answer is None:
                raise self._broken(error) from error
        if answer.is_last:
            self.close()
        return answer

    def _send(self, http, length, parts):
        piece = _PIECE_BYTES if self._pace is None else min(_PIECE_BYTES, self._pace.piece_bytes)
        for part in _read(parts):
            if len(part) > length:
                raise Rotten("it has become longer while it was sent")
            length -= len(part)
            for at in range(0, len(part), piece):
                some = part[at : at + piece]
                if self._pace is not None:
                    self._pace.take(len(some), self._stopped)
                if self._stopped.is_set():
                    raise ConnectionAbortedError("it was broken off here")
                http.sock.sendall(some)
        if length:
            raise Rotten("it has become shorter while it was sent")

    def _late_answer(self, http):
        """Return what the relay answered before it broke off, None for nothing: it says more than the break does."""
        from http.client import HTTPException

        try:
            http.sock.settimeout(_LATE_ANSWER_S)
            answer = _Answer(http.getresponse())
        except (OSError, HTTPException, AttributeError):
            return None
        answer.is_last = True
        return answer

    def _broken(self, error):
        if self._stopped.is_set():
            return LinkFailure(HTTP, "it was broken off here")
        return LinkFailure(HTTP, "the connection to the relay at %s broke: %s" % (self._name(), alerts.words_of(error)))

    # Objects

    def deliver(self, parcels):
        """Send each parcel; yield what came of it."""
        for parcel in parcels:
            yield parcel.job, self._outcome(parcel)

    def _outcome(self, given):
        parcel = outgoing.changed(self._stages, given)
        if isinstance(parcel, Refused):
            return parcel
        try:
            upload = self._measure(parcel)
            return self._carry(upload)
        except outgoing.FAILURES as error:
            self.close()  # maybe within a body whose end is not there
            return outgoing.refused(error, HTTP, "it cannot be sent as it has to be for this destination")
        finally:
            self._form = None

    def _measure(self, parcel):
        """Return the _Upload of a parcel in the best form that can be made, measured."""
        failed = set()

        def form_of():
            self._form = next(outgoing.forms(parcel, self._compress, failed))
            return self._form

        while True:
            form = form_of()
            upload = _Upload(parcel, outgoing.head(parcel, form, self._title), form_of)
            known = (parcel.job.object_id, form.syntax)
            try:
                if known not in self._measured:
                    upload.measure(self._stopped)
                    self._measured = {known: (upload.sha256, upload.length)}
                upload.sha256, upload.length = self._measured[known]
                return upload
            except DicomError:
                if form.is_own:
                    raise
                failed.add(form.syntax)

    def _carry(self, upload):
        """Bring an upload to its end, over as many connections as that takes while each brings it further."""
        key = self._key(upload)
        broken = None  # why the connection before came to no end
        further = False
        while True:
            before = self._reached.get(key, 0)
            try:
                if self._http is None:
                    self._connect()
                at = self._begin(upload, key)
            except LinkFailure as failure:
                self.close()
                failure.progress = further
                raise
            if isinstance(at, Refused):
                return at
            if at > before:
                self._reached[key] = at
                further = True
            elif broken is not None:
                broken.progress = further
                raise broken
            if at == upload.length:
                self._forget(key)
                return Delivered(None, "")
            try:
                outcome = self._patch(upload, key, at)
                if outcome is not None:
                    return outcome
                broken = LinkFailure(HTTP, "the relay at %s does not say the same offset twice" % self._name())
            except LinkFailure as failure:
                self.close()
                if self._stopped.is_set():
                    raise
                broken = failure

    def _key(self, upload):
        import hashlib  # only who has a relay pays for it

        where = "%s %d %s %s" % (*self._address, self._path, upload.sha256)
        return hashlib.sha256(where.encode()).hexdigest()

    def _forget(self, key):
        self._reached.pop(key, None)
        if self._places.pop(key, None) is not None:
            self._resume.drop(key)

    def _begin(self, upload, key):
        """Return how many octets of an upload the relay has, after it was announced if need be; or a Refused."""
        path = self._places.get(key)
        if path is None and upload.length > _AT_ONCE_BYTES:
            path = self._resume.get(key)
        if path is None:
            return self._announce(upload, key)
        self._places[key] = path
        answer = self._ask("HEAD", path)
        at = answer.number("Upload-Offset")
        if answer.status in (200, 204) and at is not None and answer.number("Upload-Length") in (None, upload.length):
            return at
        if answer.status in (404, 410) or answer.status < 300:
            self._forget(key)
            return self._announce(upload, key)
        return self._refused(answer, key)

    def _announce(self, upload, key):
        fields = [("Upload-Length", str(upload.length)), ("Upload-Metadata", self._metadata(upload))]
        is_whole = upload.length <= _AT_ONCE_BYTES and "creation-with-upload" in self._extensions
        if is_whole:
            fields.append(("Content-Type", tus.BODY_TYPE))
            answer = self._ask("POST", self._path, fields, upload.length, upload.parts(0))
        else:
            answer = self._ask("POST", self._path, fields)
        if answer.status != 201:
            return self._refused(answer, key)
        path = self._path_of(answer.fields.get("Location", ""))
        self._places[key] = path
        if upload.length > _AT_ONCE_BYTES:
            self._resume.put(key, path)
        at = answer.number("Upload-Offset")
        if at is None:
            return self._begin(upload, key) if is_whole else 0
        return at

    def _path_of(self, location):
        """Return the path that a Location names; wherever else it points, it is asked for at this relay."""
        parts = urlsplit(urljoin("//relay" + self._path, location))
        path = parts.path + ("?" + parts.query if parts.query else "")
        if not location or not path.isascii() or not path.isprintable() or " " in path:
            raise LinkFailure(HTTP, "the relay at %s did not say where it takes the upload" % self._name())
        return path

    def _metadata(self, upload):
        job = upload.job
        priority = _PRIORITY_WORDS.get(job.priority, "normal")
        values = {
            "sha256": upload.sha256, "sop_class": job.sop_class, "sop_instance": job.uid, "box": self._title,
            "calling": job.calling or "", "called": job.called or "", "address": job.address or "",
            "priority": priority,
        }  # fmt: skip
        return tus.metadata({name: value for name, value in values.items() if value})

    def _patch(self, upload, key, at):
        """Send an upload from `at` to its end; return Delivered, a Refused, or None when its offset is to be asked."""
        fields = (("Upload-Offset", str(at)), ("Content-Type", tus.BODY_TYPE))
        parts = upload.parts(at)
        try:
            answer = self._ask("PATCH", self._places[key], fields, upload.length - at, parts)
        finally:
            parts.close()
        if answer.status == 204 and answer.number("Upload-Offset") == upload.length:
            self._forget(key)
            return Delivered(None, "")
        if answer.status in (204, 404, 409, 410):
            return None
        return self._refused(answer, key)

    def _refused(self, answer, key):
        """Return the Refused that an answer stands for; LinkFailure where it concerns every object."""
        if answer.status in (401, 403):
            raise self._turned_away(answer)
        if answer.status not in _OF_THE_OBJECT:
            words = "the relay at %s answered %d, which is no part of tus: %s"
            raise LinkFailure(HTTP, words % (self._name(), answer.status, answer.words or "no words"))
        if answer.status in _STARTS_ANEW:
            self._forget(key)
        said = answer.words or heads.REASONS.get(answer.status, "no words").lower()
        why = "the relay answered %d: %s" % (answer.status, said)
        return Refused(_OF_THE_OBJECT[answer.status], False, str(answer.status), why, None, "")


def _read(parts):
    """Yield the parts of a file; Rotten, not OSError, when it cannot be read: that is for the link."""
    while True:
        try:
            part = next(parts, None)
        except OSError as error:
            raise Rotten("it cannot be read: %s" % (error.strerror or error)) from error
        if part is None:
            return
        yield part
