"""The head of one data element (tag, VR, length), read and written, and what is known about each VR (PS3.5 6.2, 7.1).

An explicit VR head has eight octets, or twelve when the VR is one whose length takes 32 bits; an implicit VR head has
eight. Items and delimiters (group FFFE) have eight in every transfer syntax. Real data sets stray from this in two
ways that are read all the same: a VR that is not known, and, amid explicit VR, elements that carry none.
"""

from edge.dicom import octets as _octets
from edge.dicom.errors import LocalError

UNDEFINED = 0xFFFFFFFF
_SHORT_LIMIT = 0xFFFE  # the longest value of a VR whose length takes 16 bits

ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD

SPECIFIC_CHARACTER_SET = 0x00080005
SOP_CLASS = 0x00080016
SOP_INSTANCE = 0x00080018
PIXEL_REPRESENTATION = 0x00280103
PIXEL_DATA = 0x7FE00010

_LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
_SHORT = (
    "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI",
    "UL", "US",
)  # fmt: skip

# VR as it stands in the data set -> (VR as str, whether its length takes 32 bits), and VR as str -> VR as it stands
FORMS = {}
CODES = {}
for _vr in _LONG + _SHORT:
    CODES[_vr] = _vr.encode()
    FORMS[CODES[_vr]] = (_vr, _vr in _LONG)

# Octets of one number of these VRs; what big endian swaps, and what a value's length is a multiple of
WIDTHS = {
    "AT": 2, "FD": 8, "FL": 4, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2,
    "UV": 8,
}  # fmt: skip

# Padded to even length with NUL; every other VR is text and padded with a space (PS3.5 6.2)
_NUL_PADDED = ("OB", "UI", "UN")


def read(octets, at, left, little, explicit):
    """Read an element head at index `at`, of which `left` octets are there: (tag, vr, length, octets of the head).

    `vr` is "" for implicit VR, items and delimiters, and for an element without a VR amid explicit ones; it is the two
    letters found when they name no known VR. Returns None when more octets are needed.
    """
    if left < 8:
        return None
    group, number, code, length = _octets.head_explicit(octets, at, little)
    tag = group << 16 | number
    if explicit and group != 0xFFFE:
        form = FORMS.get(code)
        if form is not None:
            vr, is_long = form
        elif _is_two_capitals(code):
            # A VR of a later edition has the long form, whose two reserved octets are zero (PS3.5 7.1.2)
            vr, is_long = code.decode(), length == 0
        else:
            return tag, "", _octets.head_implicit(octets, at, little)[2], 8
        if not is_long:
            return tag, vr, length, 8
        if left < 12:
            return None
        return tag, vr, _octets.length_32(octets, at + 8, little), 12
    return tag, "", _octets.head_implicit(octets, at, little)[2], 8


def _is_two_capitals(code):
    return 0x41 <= code[0] <= 0x5A and 0x41 <= code[1] <= 0x5A


def write(tag, vr, length, explicit=True):
    """Return the head of an element in little endian; LocalError when the VR's length field cannot hold `length`.

    Items and delimiters (group FFFE) have no VR whatever `vr` says.
    """
    if not explicit or tag >> 16 == 0xFFFE:
        return _octets.put_head_implicit(tag >> 16, tag & 0xFFFF, length)
    code = CODES.get(vr)
    if code is None:
        raise LocalError("%r is not a VR of PS3.5 6.2" % vr)
    is_long = FORMS[code][1]
    if length > 0xFFFF and not is_long:
        raise LocalError("a value of VR %s has at most 65534 octets, this one has %d" % (vr, length))
    return _octets.put_head_explicit(tag, code, length, is_long)


def write_any(tag, vr, length, explicit=True):
    """Return the head of an element as `write` does, under VR UN where `length` is too long for `vr` (PS3.5 6.2.2)."""
    if explicit and _SHORT_LIMIT < length != UNDEFINED and not is_long(vr):
        vr = "UN"
    return write(tag, vr, length, explicit)


def is_long(vr):
    """Say whether the length of a known `vr` takes 32 bits."""
    return FORMS[CODES[vr]][1]


def filler(vr):
    """Return the octet that a value of `vr` is padded with to even length."""
    return b"\0" if vr in _NUL_PADDED or vr in WIDTHS else b" "


def name(tag):
    """Return `tag` as people write it: (0010,0020)."""
    return "(%04X,%04X)" % (tag >> 16, tag & 0xFFFF)


def layout(octets, little=True):
    """Tell from the first eight octets of a data set how it is laid out: (little, explicit), or None if neither fits.

    `little` is what to believe when both byte orders make sense.
    """
    if len(octets) < 8:
        return None
    group, number, code, _ = _octets.head_explicit(octets, 0, little)
    swapped = (group & 0xFF) << 8 | group >> 8
    if group > 0xFF >= swapped:
        # Data sets begin with a low group: one that is low only the other way round is of the other byte order
        little = not little
        group = swapped
    if code in FORMS or _is_two_capitals(code):
        return little, True
    length = _octets.head_implicit(octets, 0, little)[2]
    if length == UNDEFINED or length < 0x10000 and group <= 0xFF:
        return little, False
    return None
