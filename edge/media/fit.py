"""Values made fit for a directory record: what a device wrote, as far as the standard lets it stand there.

A directory is read by programs that trust it more than they trust files, and one bad value may cost all the rest of a
disc. So each value is held against its VR (PS3.5 6.2): what fits stays as it is, octet for octet; what does not is cut,
spelled otherwise, or left out as if the file did not have it. The file itself is never touched.
"""

import re

from edge.dicom import tags, text
from edge.dicom.errors import LocalError
from edge.dicom.octets import pad_even

TEXT = ("LO", "LT", "PN", "SH", "ST", "UC", "UT")  # what a character set matters for
_LIMITS = {"LO": 64, "SH": 16, "PN": 64, "ST": 1024, "LT": 10240, "UC": 1024, "UT": 10240}  # characters
_GROUPS = 3  # of components that a name may have

_FITTING = {
    # VR -> what needs no second look: ASCII, printable, one value, short enough
    "LO": rb"[ -\[\]-~]{0,64}",
    "SH": rb"[ -\[\]-~]{0,16}",
    "PN": rb"[ -<>-\[\]-~]{0,64}",
    "ST": rb"[ -\[\]-~]{0,1024}",
    "LT": rb"[ -\[\]-~]{0,1024}",
    "UC": rb"[ -\[\]-~]{0,1024}",
    "UT": rb"[ -~]{0,1024}",
    "CS": rb"[A-Z0-9_ ]{0,16}",
    "DA": rb"|[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])",
    "TM": rb"|([01][0-9]|2[0-3])([0-5][0-9](([0-5][0-9]|60)(\.[0-9]{1,6})?)?)?",
    "DT": rb"|[0-9]{4,14}(\.[0-9]{1,6})?([+-][0-9]{4})?",
    "IS": rb"|[+-]?[0-9]{1,9}",
    "DS": rb"|[+-]?[0-9]{0,6}\.?[0-9]{0,8}",
    "UI": rb"|[0-9]+(\.[0-9]+)*",
    "AE": rb"[ -\[\]-~]{0,16}",
    "UR": rb"[!-~]{0,1024}",
}
_FITTING = {vr: re.compile(pattern).fullmatch for vr, pattern in _FITTING.items()}
_NUMBER = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?").fullmatch
_OLD_DATE = re.compile(rb"([0-9]{4})[./-]([0-9]{2})[./-]([0-9]{2})").fullmatch  # ACR-NEMA, and what looks like it
_OLD_TIME = re.compile(rb"([0-9]{2}):([0-9]{2})(?::([0-9]{2}(?:\.[0-9]{1,6})?))?").fullmatch
_STRAY = re.compile(r"\\x[0-9a-f]{2}")  # what `text` shows an octet as that means nothing in its character set
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_NOT_CODE = re.compile("[^A-Z0-9_ ]")

_TERMS = {}
for _number in "100 101 109 110 144 127 126 138 148 203 166 13".split():
    _TERMS["ISOIR" + _number] = "ISO_IR " + _number
    _TERMS["ISO2022IR" + _number] = "ISO 2022 IR " + _number
for _number in "6 87 159 149 58".split():
    _TERMS["ISO2022IR" + _number] = "ISO 2022 IR " + _number
_TERMS.update({"ISOIR192": "ISO_IR 192", "GB18030": "GB18030", "GBK": "GBK", "ISOIR6": "", "": ""})

CUT, SPELLED, STRAYS, DROPPED = "is cut", "is spelled otherwise", "has characters nobody can read", "is unusable"


def charsets(octets):
    """Return the defined terms in a value of Specific Character Set, as the standard spells them; () for plain ASCII.

    A term that is none is left out, as if the file did not say it.
    """
    found = []
    for term in text.terms(octets):
        known = _TERMS.get(term.upper().replace(" ", "").replace("_", "").replace("-", ""))
        if known is not None:
            found.append(known)
    return tuple(found) if any(found) else ()


def is_plain(octets):
    """Say whether text octets mean the same in every character set: ASCII without escapes."""
    return octets.isascii() and b"\x1b" not in octets


def fit(tag, octets, terms=()):
    """Return (octets of even length that may stand in a record, what was done to them or None); b"" for no value.

    tag: int, of the element; octets: its value as it is in the file, little endian; terms: from `charsets`. What was
    done is one of CUT, SPELLED, STRAYS, DROPPED. Numbers in binary, sequences and the like are returned as they are.
    """
    vr = tags.vr(tag)
    fits = _FITTING.get(vr)
    if fits is None:
        return octets, None
    bare = octets.strip(b"\0 ")
    if fits(bare):
        return pad_even(bare, b"\0" if vr == "UI" else b" "), None
    if tags.kind(tag)[1] != "1" and vr not in TEXT:
        return _each(bare, vr)
    return _fitted(bare, vr, terms)


def _each(octets, vr):
    """Fit the values of an element that may have several."""
    values, done = [], None
    for value in octets.split(b"\\"):
        bare = value.strip(b"\0 ")
        if not _FITTING[vr](bare):
            bare, did = _fitted(bare, vr, ())
            bare = bare.strip(b"\0 ")
            done = done or did
        values.append(bare)
    return pad_even(b"\\".join(values), b"\0" if vr == "UI" else b" "), done


def _fitted(octets, vr, terms):
    if vr in TEXT:
        return _text(octets, vr, terms)
    if vr == "DA":
        old = _OLD_DATE(octets)
        return _again(b"".join(old.groups()) if old else b"", vr)
    if vr == "TM":
        old = _OLD_TIME(octets)
        return _again(b"".join([part or b"" for part in old.groups()]) if old else b"", vr)
    if vr == "IS":
        return _again(_whole_number(octets), vr)
    if vr == "DS":
        return (pad_even(octets, b" "), None) if len(octets) <= 16 and _NUMBER(octets) else (b"", DROPPED)
    if vr == "CS":
        plain = octets.decode("ascii", "replace").upper()
        return pad_even(_NOT_CODE.sub("_", plain)[:16].encode(), b" "), SPELLED
    return b"", DROPPED


def _again(octets, vr):
    """Return a value that was spelled anew, if it fits now."""
    return (pad_even(octets, b" "), SPELLED) if octets and _FITTING[vr](octets) else (b"", DROPPED)


def _whole_number(octets):
    if not _NUMBER(octets) or len(octets) > 32:
        return b""
    number = float(octets)
    return b"%d" % number if number == int(number) and abs(number) < 1 << 31 else b""


def _text(octets, vr, terms):
    is_name = vr == "PN"
    values = text.split(octets, terms, is_name)
    whole = "\\".join(values)
    done = SPELLED if len(values) > 1 else None
    read = "/".join([_STRAY.sub("?", value) for value in values])
    if any([_STRAY.search(value) for value in values]):
        done = STRAYS
    clean = _CONTROL.sub("", read)
    if clean != read:
        done = done or SPELLED
    groups = clean.split("=")[:_GROUPS] if is_name else [clean]
    short = "=".join([group[: _LIMITS[vr]] for group in groups])
    if short != clean:
        done = done or CUT
    if done is None and short == whole:
        return pad_even(octets, b" "), None
    try:
        return pad_even(text.encode(short.strip(), terms, is_name), b" "), done
    except LocalError:
        plain = "".join([one if one < "\x80" else "?" for one in short])
        return pad_even(plain.strip().encode(), b" "), STRAYS
