"""HTTP/1.1 request heads, read strictly; no socket in here.

Who reads requests leniently disagrees, sooner or later, with what stands before him about where one ends and the next
begins. So there is one framing, Content-Length, given once; a transfer coding, a folded line, a bare CR or LF, a blank
before a colon or a second Host is an error, after which the connection ends.

Source: RFC 9112 2 to 6; RFC 9110 5.6.2, 8.6
"""

from collections import namedtuple

HEAD_LIMIT = 16 << 10  # octets, from the method to the empty line
FIELD_LIMIT = 64

_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TARGET = frozenset(range(0x21, 0x7F))
_VALUE = frozenset([*range(0x20, 0x7F), *range(0x80, 0x100), 0x09])
_METHOD_LIMIT = 32
_LENGTH_DIGITS = 15  # a thousand times more than any object is long

# method, target: str; fields: {name in small letters: value} (str); length: octets of the body; keeps: whether the
# connection may go on afterwards
Request = namedtuple("Request", ("method", "target", "fields", "length", "keeps"))

REASONS = {
    100: "Continue", 200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized",
    403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict", 411: "Length Required",
    412: "Precondition Failed", 413: "Content Too Large", 415: "Unsupported Media Type", 417: "Expectation Failed",
    422: "Unprocessable Content", 423: "Locked", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
    460: "Checksum Mismatch", 500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable",
    505: "HTTP Version Not Supported", 507: "Insufficient Storage",
}  # fmt: skip


class BadRequest(Exception):
    """The request cannot be read any further. status: of the answer; str() says why."""

    def __init__(self, status, words):
        super().__init__(words)
        self.status = status


class Heads:
    """Cuts what comes over one connection into request heads; what stands behind one is left for its body."""

    def __init__(self):
        self._octets = bytearray()
        self._looked = 0

    def feed(self, octets):
        """Take what was received."""
        self._octets += octets

    def is_empty(self):
        """Say whether nothing of another request is here yet."""
        return not self._octets

    def is_too_long(self):
        """Say whether more is here than a head may be long."""
        return len(self._octets) > HEAD_LIMIT

    def next(self):
        """Return the next Request when its head is whole, None before that. Raises BadRequest."""
        if self._octets[:2] == b"\r\n":  # a line left over behind the request before
            del self._octets[:2]
        end = self._octets.find(b"\r\n\r\n", max(0, self._looked - 3))
        if (end if end >= 0 else len(self._octets)) > HEAD_LIMIT:
            raise BadRequest(431, "the head of a request is longer than %d octets" % HEAD_LIMIT)
        if end < 0:
            self._looked = len(self._octets)
            return None
        head = bytes(self._octets[:end])
        del self._octets[: end + 4]
        self._looked = 0
        return parse(head)

    def take(self, most):
        """Return, and let go of, up to `most` octets of those that came behind a head."""
        octets = bytes(self._octets[:most])
        del self._octets[:most]
        return octets


def parse(head):
    """Return the Request of a head (bytes, without the empty line at its end). Raises BadRequest."""
    lines = head.split(b"\r\n")
    method, target = _request_line(lines[0])
    if len(lines) - 1 > FIELD_LIMIT:
        raise BadRequest(431, "a request has more than %d header fields" % FIELD_LIMIT)
    fields = {}
    for line in lines[1:]:
        name, value = _field(line)
        if name in fields:
            if name in ("host", "content-length", "transfer-encoding"):
                raise BadRequest(400, "the header field %s is there more than once" % name)
            value = "%s, %s" % (fields[name], value)
        fields[name] = value
    if not fields.get("host"):
        raise BadRequest(400, "the header field Host is missing")
    if "transfer-encoding" in fields:
        if "content-length" in fields:
            raise BadRequest(400, "Transfer-Encoding and Content-Length are both there")
        raise BadRequest(501, "no transfer coding is taken here; send a Content-Length")
    length = fields.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) <= _LENGTH_DIGITS):
        raise BadRequest(400, "Content-Length is no number")
    options = [each.strip().lower() for each in fields.get("connection", "").split(",")]
    return Request(method, target, fields, int(length), "close" not in options)


def _request_line(line):
    parts = line.split(b" ")
    if len(parts) != 3:
        raise BadRequest(400, "the request line is not of three words")
    method, target, version = parts
    if not _is_of(method, _TOKEN) or len(method) > _METHOD_LIMIT:
        raise BadRequest(400, "the method is no word")
    if not _is_of(target, _TARGET) or not (target.startswith(b"/") or target == b"*"):
        raise BadRequest(400, "the target is no path")
    if version != b"HTTP/1.1":
        if version[:5] == b"HTTP/" and len(version) == 8:
            raise BadRequest(505, "only HTTP/1.1 is spoken here")
        raise BadRequest(400, "the request line does not end in a version of HTTP")
    return method.decode(), target.decode()


def _field(line):
    name, colon, value = line.partition(b":")
    if not colon or not _is_of(name, _TOKEN):
        raise BadRequest(400, "a header field is not written as name: value")
    value = value.strip(b" \t")
    if value and not _is_of(value, _VALUE):
        raise BadRequest(400, "a header field has a control character in its value")
    return name.decode().lower(), value.decode("latin-1")


def _is_of(octets, allowed):
    return bool(octets) and allowed.issuperset(octets)


def answer(status, fields=(), body=b""):
    """Return the octets of a response. fields: pairs of str; body: bytes."""
    lines = ["HTTP/1.1 %d %s" % (status, REASONS[status])]
    lines += ["%s: %s" % (name, value) for name, value in fields]
    if status >= 200 and status != 204:
        lines.append("Content-Length: %d" % len(body))
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
