"""What a value means: octets <-> numbers and text, by VR (PS3.5 6.2).

Numbers that are written as text (DS, IS) stay text, dates and times too: turning them into something else loses what
was written, and whoever calculates with them knows best what to do about one that is malformed.
"""

from edge.dicom import ascii, element, text
from edge.dicom.errors import LocalError
from edge.dicom.octets import get_numbers, pad_even, put_numbers

# VR -> kind of number
_NUMBERS = {
    "AT": "US", "FD": "FD", "FL": "FL", "OD": "FD", "OF": "FL", "OL": "UL", "OV": "UV", "OW": "US", "SL": "SL",
    "SS": "SS", "SV": "SV", "UL": "UL", "US": "US", "UV": "UV",
}  # fmt: skip

# Text in the character set of the data set; text that is one value whatever backslashes it has; text in ASCII
_IN_CHARACTER_SET = ("LO", "LT", "PN", "SH", "ST", "UC", "UT")
_UNDIVIDED = ("LT", "ST", "UR", "UT")
_IN_ASCII = ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR")


def is_text(vr):
    """Say whether values of `vr` are text."""
    return vr in _IN_CHARACTER_SET or vr in _IN_ASCII


def decode(octets, vr, little=True, charsets=()):
    """Return the values that `octets` hold as a list: of str, int or float; of tags (int) for AT; else of one bytes.

    Padding goes, blanks that mean nothing too; no octets are no values, but an empty text is one when others follow.
    charsets: as `text.decode` wants them. Never fails: what is not whole at the end is left out.
    """
    if vr == "AT":
        halves = get_numbers(octets, "US", little)
        return [halves[at] << 16 | halves[at + 1] for at in range(0, len(halves) - 1, 2)]
    if vr in _NUMBERS:
        return list(get_numbers(octets, _NUMBERS[vr], little))
    if not is_text(vr):
        return [bytes(octets)] if len(octets) else []
    charsets = charsets if vr in _IN_CHARACTER_SET else ()
    if vr in _UNDIVIDED:
        found = [text.decode(octets, charsets).rstrip("\0 ")]
    elif vr == "PN" or vr == "UC":
        found = [value.rstrip("\0 ") for value in text.split(octets, charsets, vr == "PN")]
    else:
        found = [value.strip("\0 ") for value in text.split(octets, charsets)]
    return [] if found == [""] else found


def encode(value, vr, charsets=()):
    """Return `value` as octets of even length, little endian: one value, a list or tuple of them, bytes as they are.

    None and an empty list are an empty value. LocalError when a value is not what `vr` takes; it does not say which
    one, as it may belong to a patient.
    """
    if value is None:
        return b""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return pad_even(value, element.filler(vr))
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if vr == "AT":
        halves = []
        for tag in values:
            halves += [tag >> 16, tag & 0xFFFF]
        return put_numbers(halves, "US")
    if vr in _NUMBERS:
        return put_numbers(values, _NUMBERS[vr])
    if not is_text(vr):
        raise LocalError("a value of VR %s is made of octets" % vr)
    for one in values:
        if not isinstance(one, (str, int, float)):
            raise LocalError("a value of VR %s is text, not %s" % (vr, type(one).__name__))
    joined = "\\".join([str(one) for one in values])
    octets = text.encode(joined, charsets, vr == "PN") if vr in _IN_CHARACTER_SET else ascii.strict(joined)
    return pad_even(octets, element.filler(vr))
