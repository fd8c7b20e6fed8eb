"""Tag -> VR and value multiplicity, by the standard's own dictionary, private and repeating groups included.

The table is packed octets (see tag_table); the searches in it are done by `bytes.find`, which is faster than any loop
here on both interpreters. A microcontroller carries this much and leaves `keywords` out.
"""

from edge.dicom.tag_table import GROUPS, KINDS, KINDS_OF, NUMBERS, REPEATING

_UNKNOWN = ("UN", "1")
_PRIVATE_CREATOR = ("LO", "1")
_GROUP_LENGTH = ("UL", "1")

_recent = {}  # tag -> (VRs, VM): the items of a sequence ask for the same few again and again
_RECENT_LIMIT = 256


def position(tag):
    """Return where `tag` stands in the table (that of its repeating group, if it is of one), or -1."""
    found = _find(tag)
    if found < 0:
        for mask, value, fill in REPEATING:
            if tag & mask == value:
                return _find(tag | fill)
    return found


def is_repeating(tag):
    """Say whether `tag` stands where the standard has groups or elements that repeat (60xx, 0020,31xx)."""
    return any([tag & mask == value for mask, value, _ in REPEATING])


def tag_at(place):
    """Return the tag that stands at `place` of the table; for a repeating group that of its first."""
    at = 0
    while (GROUPS[at + 6] << 8 | GROUPS[at + 7]) <= place:
        at += 4
    tag = (GROUPS[at] << 8 | GROUPS[at + 1]) << 16 | NUMBERS[2 * place] << 8 | NUMBERS[2 * place + 1]
    for mask, value, fill in REPEATING:
        if tag & mask == value and tag & fill == fill:
            return tag - fill
    return tag


def kind(tag):
    """Return (VRs, VM) of `tag` as the standard writes them: ("US or SS", "1-n"); ("UN", "1") for what it has not."""
    found = _recent.get(tag)
    if found is None:
        if len(_recent) >= _RECENT_LIMIT:
            _recent.clear()
        found = _recent[tag] = _look_up(tag)
    return found


def vr(tag, signed=False):
    """Return the VR that an element of implicit VR has; "UN" when nothing is known about `tag`.

    `signed`: whether the pixels of the data set are (Pixel Representation), which decides between US and SS. Words of
    OB or OW, or US or OW, are OW (PS3.5 A.1).
    """
    vrs = kind(tag)[0]
    if len(vrs) == 2:
        return vrs
    if "OW" in vrs:
        return "OW"
    return "SS" if signed else "US"


def _look_up(tag):
    if tag & 0xFFFF == 0:
        return _GROUP_LENGTH
    if tag & 0x10000:
        return _PRIVATE_CREATOR if 0x10 <= tag & 0xFFFF <= 0xFF else _UNKNOWN
    place = position(tag)
    return _UNKNOWN if place < 0 else KINDS[KINDS_OF[place]]


def _find(tag):
    at = _aligned(GROUPS, (tag >> 16).to_bytes(2, "big"), 0, len(GROUPS) - 4, 4)
    if at < 0:
        return -1
    start = GROUPS[at + 2] << 8 | GROUPS[at + 3]
    end = GROUPS[at + 6] << 8 | GROUPS[at + 7]
    at = _aligned(NUMBERS, (tag & 0xFFFF).to_bytes(2, "big"), 2 * start, 2 * end, 2)
    return -1 if at < 0 else at // 2


def _aligned(octets, wanted, start, end, width):
    """Find `wanted` between `start` and `end` where a record begins, all being `width` octets from `start` on."""
    at = octets.find(wanted, start, end)
    while at >= 0 and (at - start) % width:
        at = octets.find(wanted, at + 1, end)
    return at
