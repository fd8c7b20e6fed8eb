"""Read who a certificate is for and how long it is good, of PEM files, without a library: five fields of its DER.

A certificate is nested values of tag, length and content (X.690): a SEQUENCE that begins with the one that is signed,
which has, in this order, a version (tag A0, may be absent), a serial number, an algorithm, the issuer, the validity and
the subject (RFC 5280 4.1). Nothing is verified here; that is OpenSSL's, when the certificate is used.
"""

import binascii
import re
from collections import namedtuple

# name: the subject's common name, or what else it has, in words; begins, ends: s since 1970
Certificate = namedtuple("Certificate", ("name", "begins", "ends"))

FILE_LIMIT_BYTES = 4 << 20

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _SET, _OID, _VERSION, _INTEGER = 0x30, 0x31, 0x06, 0xA0, 0x02
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_TEXT = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
_NAMES = (b"\x55\x04\x03", b"\x55\x04\x0b", b"\x55\x04\x0a")  # common name, unit, organization: the first there is


class Malformed(ValueError):
    """This is no certificate."""


def read_file(path):
    """Return the Certificates in the PEM file at `path`, in its order; OSError, or Malformed for what is none."""
    with open(path, "rb") as file:
        octets = file.read(FILE_LIMIT_BYTES)
    try:
        return [read(binascii.a2b_base64(body)) for body in _PEM.findall(octets)]
    except (binascii.Error, IndexError, OverflowError, UnicodeDecodeError) as error:
        raise Malformed(str(error)) from error


def read(octets):
    """Return the Certificate of DER octets. Raises Malformed, or an error of what has no sense in its place."""
    signed = _inside(_inside(memoryview(octets), _SEQUENCE)[0], _SEQUENCE)[0]
    tag, _, rest = _value(signed)
    if tag == _VERSION:
        _, _, rest = _value(rest)
    for _ in ("algorithm", "issuer"):
        _, rest = _inside(rest, _SEQUENCE)
    validity, rest = _inside(rest, _SEQUENCE)
    subject, _ = _inside(rest, _SEQUENCE)
    kind, begins, validity = _value(validity)
    begins = _time(kind, begins)
    kind, ends, _ = _value(validity)
    return Certificate(_name(subject), begins, _time(kind, ends))


def _value(octets):
    """Return (tag, content, what follows) of the value that `octets` begin with."""
    if len(octets) < 2:
        raise Malformed("a value is cut off")
    length, at = octets[1], 2
    if length & 0x80:
        at += length & 0x7F
        if not 3 <= at <= 6:
            raise Malformed("a length of %d octets" % (at - 2))
        length = int.from_bytes(octets[2:at], "big")
    if at + length > len(octets):
        raise Malformed("a value of %d octets exceeds what it stands in" % length)
    return octets[0], octets[at : at + length], octets[at + length :]


def _inside(octets, expected):
    tag, content, rest = _value(octets)
    if tag != expected:
        raise Malformed("expected a value of tag %02X, found %02X" % (expected, tag))
    return content, rest


def _time(kind, content):
    words = bytes(content).decode("ascii")
    if kind == _UTC_TIME:
        words = ("20" if words < "5" else "19") + words
    elif kind != _GENERALIZED_TIME:
        raise Malformed("tag %02X is no time" % kind)
    if len(words) != 15 or words[14] != "Z" or not words[:14].isdigit():
        raise Malformed("%r is no time" % words)
    from datetime import datetime, timezone  # costs a box without TLS nothing

    fields = [int(words[:4]), *[int(words[at : at + 2]) for at in range(4, 14, 2)]]
    try:
        return int(datetime(*fields, tzinfo=timezone.utc).timestamp())
    except ValueError as error:
        raise Malformed("%r is no time" % words) from error


def _name(subject):
    found = {}
    while subject:
        group, subject = _inside(subject, _SET)
        while group:
            pair, group = _inside(group, _SEQUENCE)
            kind, rest = _inside(pair, _OID)
            tag, content, _ = _value(rest)
            if tag in _TEXT:
                found.setdefault(bytes(kind), bytes(content).decode(_TEXT[tag], "replace"))
    for kind in _NAMES:
        if kind in found:
            return "".join([each if each.isprintable() else "?" for each in found[kind][:100]])
    return "nobody in particular"
