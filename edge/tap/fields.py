"""Text for attributes out of a record: "{3}" is its third field, "{2:18}" its octets 2 to 17, the rest stands as it is.

What a device sends is never trusted: control characters go, a backslash would be two values, and octets that the
character set has no meaning for become question marks. A date, a sex and the like that are none become empty.
"""

from collections import namedtuple

from edge.dicom import text
from edge.dicom.errors import LocalError

Field = namedtuple("Field", ("number",))  # counted from 1
Octets = namedtuple("Octets", ("begin", "end"))  # counted from 0; the end is the first that is not taken

# The longest value, in characters (PS3.5 6.2)
LIMITS = {"AE": 16, "AS": 4, "CS": 16, "DA": 8, "IS": 12, "LO": 64, "LT": 10240, "PN": 64, "SH": 16, "ST": 1024}
_MOST_OCTETS = 256  # of one piece: each character takes many times its size while it is judged
_LONGEST_NUMBER = 6  # digits between braces


def parse(words):
    """Return what `words` consist of as a list of str, Field and Octets; LocalError says what is wrong with them."""
    parts = []
    while words:
        before, brace, rest = words.partition("{")
        if "}" in before:
            raise LocalError("a } without its {")
        if before:
            parts.append(before)
        if not brace:
            break
        inner, brace, words = rest.partition("}")
        if not brace:
            raise LocalError("a { without its }")
        begin, colon, end = inner.partition(":")
        for each in (begin, end) if colon else (begin,):
            if not each.isdigit() or len(each) > _LONGEST_NUMBER:
                raise LocalError("{%s} is neither a field, as {3}, nor octets, as {2:18}" % inner)
        if not colon and int(begin) == 0:
            raise LocalError("fields count from 1")
        if colon and int(begin) >= int(end):
            raise LocalError("{%s} ends before it begins" % inner)
        parts.append(Octets(int(begin), int(end)) if colon else Field(int(begin)))
    return parts


def split(front, separator):
    """Return the fields of `front`, the first octets of a record."""
    return front.split(separator) if separator else [front]


def value(parts, front, fields, vr, charset):
    """Return the text that `parts` make of a record, fit for `vr`; charset: a defined term, "" for ASCII."""
    pieces = []
    most = max(32, min(LIMITS[vr], _MOST_OCTETS)) * (4 if charset == "ISO_IR 192" else 1)
    for part in parts:
        if isinstance(part, Field):
            pieces.append(_decoded(fields[part.number - 1][:most], charset) if part.number <= len(fields) else "")
        elif isinstance(part, Octets):
            pieces.append(_decoded(front[part.begin : min(part.end, part.begin + most)], charset))
        else:
            pieces.append(part)
    return fit("".join(pieces), vr)


def fit(words, vr):
    """Return `words` as a value of `vr` may be, cut where it is too long; "" where it cannot be one."""
    plain = "".join([one if 0x20 <= ord(one) != 0x7F and not 0x80 <= ord(one) < 0xA0 else " " for one in words])
    plain = plain.replace("\\", "/").strip(" ")
    if vr == "DA":
        digits = "".join([one for one in plain if "0" <= one <= "9"])
        return digits if _is_date(digits) else ""
    if vr == "AS":
        return plain if len(plain) == 4 and plain[:3].isdigit() and plain[3] in "DWMY" else ""
    if vr == "IS":
        return plain if plain.isdigit() and len(plain) <= 9 else ""
    if vr == "CS":
        plain = plain.upper()
        for one in plain:
            if not ("A" <= one <= "Z" or "0" <= one <= "9" or one in " _"):
                return ""
    return plain[: LIMITS[vr]].rstrip(" ")


def _is_date(digits):
    return len(digits) == 8 and 1 <= int(digits[4:6]) <= 12 and 1 <= int(digits[6:]) <= 31


def _decoded(octets, charset):
    """Return `octets` as str, a question mark for each that has no meaning."""
    octets = bytes([octet if octet >= 0x20 and octet != 0x5C else 0x20 if octet < 0x20 else 0x2F for octet in octets])
    decoded = text.decode(octets, (charset,) if charset else ())
    if "\\" not in decoded:  # no backslash is left, so that one says that an octet had no meaning
        return decoded
    pieces = decoded.split("\\")
    return pieces[0] + "".join(["?" + piece[3:] for piece in pieces[1:]])
