"""Text in and out of octets, by Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1); identifiers are `ascii`'s.

Decoding never fails: an octet that has no meaning in its character set is shown as \\xHH, the way Python escapes it.
ASCII, Latin-1 and UTF-8 are done here. Every other set, and switching between sets (ISO 2022), is `charsets`', which
is loaded when first needed and only where the interpreter has codecs: MicroPython has none, and shows escapes.
"""

from edge.dicom.errors import LocalError

# MicroPython writes UTF-8 whatever codec is named
_HAS_CODECS = "\u00e9".encode("latin-1") == b"\xe9"

# Until values are told apart, an octet without meaning is a character of its own, from here on: CPython's
# "surrogateescape". As an escape it would bring a backslash along, which is what lies between values.
_STRAYS = 0xDC00

_LATIN_1, _UTF_8 = "ISOIR100", "ISOIR192"
# C0, DEL and C1; marks, separators and overrides of direction; halves of surrogate pairs; byte order mark
_CONTROLS = (
    (0x00, 0x1F), (0x7F, 0x9F), (0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069), (0xD800, 0xDFFF),
    (0xFEFF, 0xFEFF),
)  # fmt: skip
_NAMED = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}
_ASCII_NAMES = ("", "ISOIR6", "ISO2022IR6")


def terms(octets):
    """Return the defined terms in a value of Specific Character Set (0008,0005), to be given to decode and encode."""
    return tuple([term.strip("\0 ") for term in split(octets)])


def decode(octets, charsets=(), person_name=False):
    """Return `octets` (bytes-like, padding included) as str.

    charsets: the defined terms that hold for the data set, from terms(). person_name: whether this is a PN, whose
    components and groups each begin in the first character set again.
    """
    return _with_escapes(_decoded(bytes(octets), charsets, person_name))


def split(octets, charsets=(), person_name=False):
    """Return the values in `octets` as a list of str, cut at each backslash that is a character and no part of one."""
    return [_with_escapes(value) for value in _decoded(bytes(octets), charsets, person_name).split("\\")]


def encode(text, charsets=(), person_name=False):
    """Return `text` as octets, without padding; LocalError when the character sets have no place for a character."""
    names = [_plain(term) for term in charsets]
    highest = max([ord(character) for character in text] or [0])
    if highest < 0x80:
        return text.encode()
    if _UTF_8 in names and not _has_surrogate(text):
        return text.encode()
    if names == [_LATIN_1] and highest < 0x100:
        return bytes([ord(character) for character in text])
    if _HAS_CODECS and names and names != [_LATIN_1] and _UTF_8 not in names:
        from edge.dicom import charsets as full

        return full.encode(text, names, person_name)
    raise LocalError("the text has a character that %s has no place for" % (" and ".join(charsets) or "ASCII"))


def printable(text):
    """Return `text` with escapes for what would move a terminal's cursor, change its state or turn its direction."""
    for character in text:
        if _is_control(ord(character)):
            return "".join([_escape(ord(one)) if _is_control(ord(one)) else one for one in text])
    return text


def _is_control(code):
    for first, last in _CONTROLS:
        if first <= code <= last:
            return True
    return False


def _has_surrogate(text):
    for character in text:
        if 0xD800 <= ord(character) <= 0xDFFF:
            return True
    return False


def _escape(code):
    if code in _NAMED:
        return _NAMED[code]
    return "\\x%02x" % code if code < 0x100 else "\\u%04x" % code


def _plain(term):
    """Return a defined term without what people spell differently: ISO_IR 100, ISO IR 100 and ISO-IR 100 are one."""
    return term.upper().replace(" ", "").replace("_", "").replace("-", "")


def _decoded(octets, charsets, person_name):
    """Return `octets` as str with a stray for each octet that has no meaning."""
    names = [_plain(term) for term in charsets]
    if len(names) == 1 and names[0] in _ASCII_NAMES:
        names = []
    if not names or b"\x1b" not in octets and _is_ascii(octets):
        return _decoded_ascii(octets)
    if _UTF_8 in names:
        return _decoded_utf_8(octets)
    if names == [_LATIN_1]:
        return "".join([chr(octet) for octet in octets])
    if not _HAS_CODECS:
        return _decoded_ascii(octets)
    from edge.dicom import charsets as full

    return full.decode(octets, names, person_name)


def _is_ascii(octets):
    # UTF-8 makes fewer characters than octets of everything that is not ASCII; no loop here would be as fast
    try:
        return len(octets.decode()) == len(octets)
    except UnicodeError:
        return False


def _decoded_ascii(octets):
    if _is_ascii(octets):
        return octets.decode()
    return "".join([chr(octet if octet < 0x80 else _STRAYS + octet) for octet in octets])


def _decoded_utf_8(octets):
    try:
        return octets.decode()
    except UnicodeError:
        pass
    pieces = []
    at = 0
    while at < len(octets):
        width = 1
        for prefix, candidate in ((0xF0, 4), (0xE0, 3), (0xC0, 2)):
            if octets[at] >= prefix:
                width = candidate
                break
        try:
            pieces.append(octets[at : at + width].decode())
            at += width
        except UnicodeError:
            pieces.append(chr(_STRAYS + octets[at]))
            at += 1
    return "".join(pieces)


def _with_escapes(decoded):
    """Return `decoded` with an escape for each stray."""
    for character in decoded:
        if _STRAYS <= ord(character) <= _STRAYS + 0xFF:
            break
    else:
        return decoded
    return "".join(
        [_escape(ord(one) - _STRAYS) if _STRAYS <= ord(one) <= _STRAYS + 0xFF else one for one in decoded]
    )
