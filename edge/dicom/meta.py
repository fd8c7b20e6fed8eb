"""The head of a new Part 10 file: preamble, "DICM" and File Meta Information (PS3.10 7.1); `part10` reads heads."""

from edge.dicom import ascii, element, uid
from edge.dicom.octets import pad_even, put_u32_le

PREAMBLE_OCTETS = 128
PREFIX = b"DICM"

GROUP_LENGTH = 0x00020000
_VERSION = 0x00020001
TAGS = (
    # tag, VR, in the order of part10.FileMeta
    (0x00020002, "UI"),
    (0x00020003, "UI"),
    (0x00020010, "UI"),
    (0x00020012, "UI"),
    (0x00020013, "SH"),
    (0x00020016, "AE"),
    (0x00020017, "AE"),
    (0x00020018, "AE"),
)


def head(sop_class, sop_instance, transfer_syntax, source_ae=None, sending_ae=None, receiving_ae=None):
    """Return all that stands before the data set of a new file: zero preamble, "DICM", File Meta Information.

    All are str: the UIDs of the object and of the transfer syntax its data set is in, and AE titles: who wrote the
    file, who sent the object, who received it. LocalError when one of them is not ASCII.
    """
    values = (
        sop_class,
        sop_instance,
        transfer_syntax,
        uid.IMPLEMENTATION_CLASS_UID,
        uid.IMPLEMENTATION_VERSION_NAME,
        source_ae,
        sending_ae,
        receiving_ae,
    )
    group = element.write(_VERSION, "OB", 2) + b"\0\1"
    for (tag, vr), value in zip(TAGS, values):
        if value:
            octets = pad_even(ascii.strict(value), element.filler(vr))
            group += element.write(tag, vr, len(octets)) + octets
    length = element.write(GROUP_LENGTH, "UL", 4) + put_u32_le(len(group))
    return bytes(PREAMBLE_OCTETS) + PREFIX + length + group
