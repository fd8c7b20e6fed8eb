"""UIDs: what a valid one is, how the box makes its own, and the few that every room needs (PS3.5 9, PS3.6 Annex A)."""

from edge import VERSION
from edge.dicom import ascii

VERIFICATION = "1.2.840.10008.1.1"
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
MODALITY_WORKLIST = "1.2.840.10008.5.1.4.31"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"

# Made once from a random UUID (PS3.5 B.2): it names this implementation and stays the same in every version of it
IMPLEMENTATION_CLASS_UID = "2.25.198194671410128684088872254976731671974"
IMPLEMENTATION_VERSION_NAME = "EDGE_" + VERSION.replace(".", "_")

LENGTH_LIMIT = 64


def is_valid(text):
    """Say whether `text` is a UID by the letter of PS3.5 9.1: at most 64 characters, no empty or zero-led component."""
    if not is_tolerable(text):
        return False
    for component in text.split("."):
        if component[0] == "0" and len(component) > 1:
            return False
    return True


def is_tolerable(text):
    """Say whether `text` may name an object: a UID whose components may start with zeros, as old devices make them.

    Nothing else than digits and single dots between them is let through, so that it can also be part of a file name.
    """
    if not 0 < len(text) <= LENGTH_LIMIT:
        return False
    for component in text.encode().split(b"."):
        if not component.isdigit():
            return False
    return True


def from_octets(octets):
    """Return a UI value as str, without the NUL or spaces it is padded with; anything not ASCII as a question mark."""
    return ascii.lossy(octets).strip("\0 ")


def from_random(sixteen_octets):
    """Return a UID of the box's own, "2.25." and a random UUID (PS3.5 B.2), made from sixteen random octets."""
    number = int.from_bytes(sixteen_octets, "big")
    number = number & ~(0xF << 76) | 0x4 << 76  # version 4: random (RFC 4122 4.4)
    number = number & ~(0x3 << 62) | 0x2 << 62
    return "2.25.%d" % number


def name(uid):
    """Return the name of the SOP Class or transfer syntax `uid`; the UID itself when it is neither or not known."""
    from edge.dicom import syntax  # here, so that a microcontroller which shows no names carries no tables of them

    known = syntax.table().get(uid)
    if known is not None:
        return known.name
    line = _sop_class(uid)
    return uid if line is None else line[1:]


def is_storage(uid):
    """Say whether `uid` is a storage SOP Class of the standard, of today or retired."""
    line = _sop_class(uid)
    return line is not None and line[0] == "S"


def storage_classes():
    """Return the UIDs of the standard's storage SOP Classes, in ascending order, the retired ones among them."""
    from edge.dicom.sop_class_table import ROOT, SOP_CLASSES

    found = []
    for line in SOP_CLASSES.decode().split("\n"):
        suffix, _, kind_and_name = line.partition(" ")
        if kind_and_name.startswith("S"):
            found.append(ROOT + suffix)
    return found


def _sop_class(uid):
    """Return "S" or "-" (for storage or not) and the name of the SOP Class `uid`, or None."""
    from edge.dicom.sop_class_table import ROOT, SOP_CLASSES

    if not uid.startswith(ROOT):
        return None
    key = b"\n" + uid[len(ROOT) :].encode() + b" "
    start = SOP_CLASSES.find(key)
    if start < 0:
        return None
    start += len(key)
    return SOP_CLASSES[start : SOP_CLASSES.find(b"\n", start)].decode()
