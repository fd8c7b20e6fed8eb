"""What a value may be by its VR and VM (PS3.5 6.2, 6.4): held against what a change made, before anything is sent.

What came from a device is not judged here, and goes on as it is. The reasons name lengths and kinds, never the value:
it may be a patient's.
"""

import re
from datetime import date

from edge.dicom import element, tags, uid
from edge.dicom.errors import LocalError
from edge.morph import path as paths

# VR -> the longest value in characters (octets where only ASCII is allowed)
_LENGTHS = {
    "AE": 16, "AS": 4, "CS": 16, "DA": 8, "DS": 16, "DT": 26, "IS": 12, "LO": 64, "LT": 10240, "PN": 64, "SH": 16,
    "ST": 1024, "TM": 14, "UI": 64,
}  # fmt: skip

# VR -> (what a value is, expression that all of it fits)
_FORMS = {
    "AE": ("printable ASCII, not only spaces", r"(?=.*[^ ])[ -\[\]-~]*"),
    "AS": ("three digits and D, W, M or Y", r"\d{3}[DWMY]"),
    "CS": ("capitals, digits, spaces and underscores", r"[A-Z0-9 _]*"),
    "DA": ("a date, YYYYMMDD", r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"),
    "DS": ("a decimal number", r" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *"),
    "DT": (
        "a date and time, YYYYMMDDHHMMSS.FFFFFF&ZZXX",
        r"\d{4}((0[1-9]|1[0-2])((0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])([0-5]\d(([0-5]\d|60)(\.\d{1,6})?)?)?)?)?)?"
        r"([+-](0\d|1[0-4])[0-5]\d)?",
    ),
    "IS": ("a whole number", r" *[+-]?\d+ *"),
    "TM": ("a time, HHMMSS.FFFFFF", r"([01]\d|2[0-3])([0-5]\d(([0-5]\d|60)(\.\d{1,6})?)?)?"),
    "UR": ("a URI in ASCII, without spaces before it", r"[!-~][ -~]*"),
}  # fmt: skip

_UNDIVIDED = ("LT", "ST", "UR", "UT")
_WITH_LINES = ("LT", "ST", "UT")
_LINE_CONTROLS = "\t\n\f\r"
_PN_GROUPS = 3
_PN_COMPONENTS = 5
_INTEGER_LIMIT = 1 << 31

_NUMBERS = tuple(element.WIDTHS)
TEXTS = tuple(_LENGTHS) + ("UC", "UR", "UT")


def legal(tag, vr, values):
    """Raise LocalError when `values` (a list of str or numbers, none of them empty) are not what the element may have.

    Whether the character set of the data set has a place for each character is for `text.encode` to say, and whether a
    number fits its VR for `octets`.
    """
    _check_count(tag, vr, len(values))
    for value in values:
        if vr in TEXTS:
            _check_text(tag, vr, value if isinstance(value, str) else str(value))
        elif vr not in _NUMBERS:
            raise LocalError("%s has the VR %s, whose values cannot be written here" % (paths.name(tag), vr))
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            raise LocalError("%s takes numbers (VR %s)" % (paths.name(tag), vr))


def _check_count(tag, vr, count):
    multiplicity = "1" if vr in _UNDIVIDED else tags.kind(tag)[1]
    if tag & 0x10000 and vr not in _UNDIVIDED or not count:
        return  # only its maker knows
    lowest, _, highest = multiplicity.partition("-")
    step = 1
    if not highest:
        fits = count == int(lowest)
    else:
        unit = highest.rstrip("n")
        if highest.endswith("n"):
            step = int(unit or 1)
            fits = count >= int(lowest) and count % step == 0
        else:
            fits = int(lowest) <= count <= int(highest)
    if not fits:
        raise LocalError("%s has %s values, not %d" % (paths.name(tag), multiplicity, count))


def _check_text(tag, vr, value):
    name = paths.name(tag)
    if vr not in _UNDIVIDED and "\\" in value:
        raise LocalError("a backslash cannot be part of %s: it separates values" % name)
    allowed = _LINE_CONTROLS if vr in _WITH_LINES else ""
    for character in value:
        if (character < " " or "\x7f" <= character < "\xa0") and character not in allowed:
            raise LocalError("%s would have the control character %s" % (name, ascii(character)))
    groups = value.split("=") if vr == "PN" else [value]
    if len(groups) > _PN_GROUPS:
        raise LocalError("%s would have %d component groups of at most %d" % (name, len(groups), _PN_GROUPS))
    components = max([group.count("^") for group in groups]) + 1
    if vr == "PN" and components > _PN_COMPONENTS:
        raise LocalError("%s would have %d components of at most %d" % (name, components, _PN_COMPONENTS))
    longest = max([len(group) for group in groups])
    if longest > _LENGTHS.get(vr, longest):
        raise LocalError("%s would have %d characters of at most %d (VR %s)" % (name, longest, _LENGTHS[vr], vr))
    if vr == "UI":
        if value and not uid.is_valid(value):
            raise LocalError("%s would be no UID" % name)
    elif vr in _FORMS and value:
        words, form = _FORMS[vr]
        if not re.fullmatch(form, value):
            raise LocalError("%s would not be %s (VR %s)" % (name, words, vr))
        if vr in ("DA", "DT") and not _is_day(re.split("[+-]", value)[0][:8]):
            raise LocalError("%s would be a day that no month has (VR %s)" % (name, vr))
        if vr == "IS" and not -_INTEGER_LIMIT <= int(value) < _INTEGER_LIMIT:
            raise LocalError("%s would not fit 32 bits (VR IS)" % name)


def _is_day(text):
    """Say whether the digits of a date are a day that there is; one without a day is."""
    if len(text) < 8:
        return True
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True
