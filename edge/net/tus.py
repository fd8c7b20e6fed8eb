"""Uploads in pieces as tus 1.0.0 has them: what each request means, and what it is answered.

A box announces an object (POST), sends it (PATCH) from the offset that the relay has (HEAD), as often as its link is
cut. Whoever asks for the offset has lost its connection: one that is still held open for it here is ended, and what it
brought counts. The last octet is answered when the object is in the spool.

Source: the tus resumable upload protocol 1.0.0: core, creation, creation-with-upload, expiration, termination
"""

import binascii
import logging
import socket
import time

from edge.dicom.errors import DicomError
from edge.net.heads import BadRequest
from edge.spool import errors, jobs, uploads
from edge.spool.intake import Source

_log = logging.getLogger("edge.net")

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,termination"
FOLDER = "/uploads"
BODY_TYPE = "application/offset+octet-stream"
PRIORITIES = {"urgent": jobs.URGENT, "normal": jobs.NORMAL, "low": jobs.LOW}

_PATIENCE_S = 30  # for another connection of the same box to let go of an upload, or to take it into the spool
_METADATA_LIMIT = 4096
_AE_TITLE_LENGTH = 16
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Which failure is which status, the first that fits
_STATUS_OF = (
    (uploads.Unlike, 460),
    (errors.NoSpace, 507),
    (uploads.TooMany, 429),
    (uploads.Busy, 423),
    (errors.Degraded, 503),
    (errors.Mismatch, 422),
    (errors.Unreadable, 422),
    (DicomError, 422),
    (OSError, 503),
)


class _Refusal(Exception):
    """The request is answered with a failure; str() says why."""

    def __init__(self, status, words, fields=()):
        super().__init__(words)
        self.status = status
        self.fields = fields


class Service:
    """Answers the requests of boxes.

    routes: function that returns what Arrival.commit asks; object_limit: octets of the longest object.
    """

    def __init__(self, uploads, routes, object_limit):
        self._uploads = uploads
        self._routes = routes
        self._object_limit = object_limit

    def serve(self, connection, request):
        """Answer one heads.Request of an httpd.Connection; return whether there may be another. Raises httpd.Cut."""
        method = request.method
        if method == "POST":
            method = request.fields.get("x-http-method-override", method)
        try:
            status, fields = self._do(method, connection, request)
            words = b""
        except (_Refusal, BadRequest) as refusal:
            status, fields, words = refusal.status, getattr(refusal, "fields", ()), _line(refusal)
        except (DicomError, OSError) as error:
            status, fields = next(status for kind, status in _STATUS_OF if isinstance(error, kind)), ()
            words = _line(error)
        if status >= 400:
            _log.warning("%s of box %s was answered %d: %s", method, connection.box, status, words.decode().strip())
        fields = [("Tus-Resumable", VERSION), *fields]
        if words and method != "HEAD":
            fields.append(("Content-Type", "text/plain; charset=utf-8"))
        if method == "HEAD":
            words = b""
        return connection.answer(status, fields, words, keeps=status != 503)

    def _do(self, method, connection, request):
        """Return the status and the header fields of the answer."""
        handle = _METHODS.get(method)  # None for POST, which has no upload yet
        path = request.target.partition("?")[0]
        number = path[len(FOLDER) + 1 :] if path.startswith(FOLDER + "/") else ""
        is_known = path in (FOLDER, FOLDER + "/") or number
        if method == "OPTIONS" and (is_known or path == "*"):
            return self._options()
        if request.fields.get("tus-resumable") != VERSION:
            raise _Refusal(412, "Tus-Resumable: 1.0.0 is missing", [("Tus-Version", VERSION)])
        if request.fields.get("expect", "100-continue").lower() != "100-continue":
            raise _Refusal(417, "nothing but 100-continue can be expected here")
        if not is_known:
            raise _Refusal(404, "there is nothing here but " + FOLDER)
        if method not in _METHODS or bool(number) != (method != "POST"):
            allowed = "HEAD, PATCH, DELETE, OPTIONS" if number else "POST, OPTIONS"
            raise _Refusal(405, "%s is no method for this" % method, [("Allow", allowed)])
        if method == "POST":
            return self._create(connection, request)
        upload = self._uploads.find(connection.box, number)
        if upload is None:
            raise _Refusal(404, "there is no such upload")
        return handle(self, connection, request, upload)

    def _options(self):
        return 204, [
            ("Tus-Version", VERSION),
            ("Tus-Extension", EXTENSIONS),
            ("Tus-Max-Size", "%d" % self._object_limit),
        ]

    def _create(self, connection, request):
        fields = request.fields
        if "upload-defer-length" in fields:
            raise _Refusal(400, "the length has to be known: send an Upload-Length")
        length = _number(fields, "upload-length")
        if length > self._object_limit:
            words = "an object of %d octets is longer than the %d that object_bytes under [limits] allows"
            raise _Refusal(413, words % (length, self._object_limit))
        if not length:
            raise _Refusal(400, "an upload of no octets holds no object")
        has_body = request.length and fields.get("content-type") == BODY_TYPE
        if request.length and not has_body:
            raise _Refusal(415, "a body has to be of the type " + BODY_TYPE)
        upload = self._uploads.create(connection.box, announced(length, fields.get("upload-metadata", "")))
        words = [("Location", "%s/%s" % (FOLDER, upload.id))]
        if upload.is_complete() and not upload.is_done:
            self._head(connection, request, upload)
        if has_body and upload.offset == 0 and not upload.is_done:
            self._receive(connection, request, upload, 0)
        return 201, [*words, *self._standing(upload)]

    def _standing(self, upload):
        """Return the header fields that say how far an upload has come."""
        fields = [("Upload-Offset", "%d" % upload.offset)]
        if not upload.is_done:
            fields.append(("Upload-Expires", http_date(upload.expires())))
        return fields

    def _head(self, connection, request, upload):
        upload.take(connection.cut, _PATIENCE_S)
        try:
            self._still(connection, upload)
            if upload.is_complete():
                self._finish(connection, upload)
        finally:
            upload.give()
        fields = [*self._standing(upload), ("Upload-Length", "%d" % upload.length), ("Cache-Control", "no-store")]
        if upload.announced.shown:
            fields.append(("Upload-Metadata", upload.announced.shown))
        return 200, fields

    def _patch(self, connection, request, upload):
        if request.fields.get("content-type") != BODY_TYPE:
            raise _Refusal(415, "the type of the body has to be " + BODY_TYPE)
        self._receive(connection, request, upload, _number(request.fields, "upload-offset"))
        return 204, self._standing(upload)

    def _receive(self, connection, request, upload, offset):
        """Take the body of a request behind the `offset` octets that are there, and the whole when it is complete."""
        if not upload.try_take(connection.cut):
            raise uploads.Busy("another connection is at work on this upload; ask for its offset (HEAD) first")
        try:
            self._still(connection, upload)
            if offset != upload.offset:
                raise _Refusal(409, "the offset is %d, not %d" % (upload.offset, offset))
            if request.length > upload.length - offset:
                raise _Refusal(413, "there are more octets than were announced")
            for view in connection.body():
                upload.append(view)
            upload.sync()
            if upload.is_complete():
                self._finish(connection, upload)
        finally:
            upload.give()

    def _finish(self, connection, upload):
        stored = upload.finish(self._routes())
        if stored is not None:
            words = "object %d came from box %s in pieces, %d octets: %s"
            _log.info(words, stored.object_id, connection.box, upload.length, stored.verdict)

    def _still(self, connection, upload):
        """See that an upload is there still, now that it cannot go any more."""
        if self._uploads.find(connection.box, upload.id) is not upload:
            raise _Refusal(404, "there is no such upload")

    def _delete(self, connection, request, upload):
        upload.take(connection.cut, _PATIENCE_S)
        try:
            self._uploads.forget(upload)
        finally:
            upload.give()
        return 204, ()


_METHODS = {"POST": None, "HEAD": Service._head, "PATCH": Service._patch, "DELETE": Service._delete}


def _line(error):
    return ("%s\n" % error).encode("utf-8", "replace")


def _number(fields, name):
    value = fields.get(name, "")
    if not (value.isascii() and value.isdigit() and len(value) <= 15):
        raise _Refusal(400, "%s is missing or no number" % name)
    return int(value)


def announced(length, metadata):
    """Return the uploads.Announced of an Upload-Metadata field. What is not fit to be shown is left out of it."""
    values = pairs(metadata)
    sha256 = values.get("sha256", "").lower()
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise _Refusal(400, "Upload-Metadata has to name the sha256 of the whole, as 64 hex digits")
    source = Source(_title(values.get("calling", "")), _title(values.get("called", "")), _address(values))
    priority = PRIORITIES.get(values.get("priority"), jobs.NORMAL)
    return uploads.Announced(
        length, sha256, values.get("sop_class", ""), values.get("sop_instance", ""), source, priority, metadata
    )


def pairs(metadata):
    """Return {key: value} (str) of an Upload-Metadata field: pairs of key and value in base64, with commas between."""
    if len(metadata) > _METADATA_LIMIT:
        raise _Refusal(400, "Upload-Metadata is longer than %d octets" % _METADATA_LIMIT)
    found = {}
    for pair in metadata.split(",") if metadata else ():
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = binascii.a2b_base64(value.encode("ascii"), strict_mode=True).decode()
        except ValueError:
            raise _Refusal(400, "Upload-Metadata has a value that is no text in base64") from None
    return found


def metadata(values):
    """Return the Upload-Metadata field of {key: value} (str)."""
    encoded = [(key, binascii.b2a_base64(value.encode(), newline=False).decode()) for key, value in values.items()]
    return ",".join(["%s %s" % pair if pair[1] else pair[0] for pair in encoded])


def _title(value):
    is_one = len(value) <= _AE_TITLE_LENGTH and value.isascii() and value.isprintable() and "\\" not in value
    return value if is_one else ""


def _address(values):
    value = values.get("address", "")
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, value)
            return value
        except (OSError, ValueError):
            pass
    return ""


def http_date(seconds):
    """Return a time (s since 1970) as header fields have it, whatever the locale."""
    then = time.gmtime(seconds)
    return "%s, %02d %s %d %02d:%02d:%02d GMT" % (
        _DAYS[then.tm_wday], then.tm_mday, _MONTHS[then.tm_mon - 1], then.tm_year, then.tm_hour, then.tm_min,
        then.tm_sec,
    )  # fmt: skip
