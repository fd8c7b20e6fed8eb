"""A record into a Part 10 object: Secondary Capture, Encapsulated PDF, or Raw Data with the record as it came.

The record stays where it is. What is made here is all that stands before it in the object (preamble, File Meta
Information, data set up to the length of the value that holds the record) and all that stands behind it; together
they are the object, in explicit VR little endian.

Source: PS3.3 A.8.1 (Secondary Capture), A.45.1 (Encapsulated PDF), A.37 (Raw Data); PS3.5 B.2 (UIDs from UUIDs).
"""

from collections import namedtuple

from edge.dicom import element, syntax, uid, writer
from edge.dicom import meta as metas
from edge.dicom.errors import PeerError
from edge.tap import fields

CAPTURE, PDF, RAW = "capture", "pdf", "raw"
KINDS = (CAPTURE, PDF, RAW)
SOP_CLASSES = {
    CAPTURE: uid.SECONDARY_CAPTURE,
    PDF: "1.2.840.10008.5.1.4.1.1.104.1",
    RAW: "1.2.840.10008.5.1.4.1.1.66",
}

PHOTOMETRIC = {"MONOCHROME1": 1, "MONOCHROME2": 1, "RGB": 3, "YBR_FULL": 3}  # -> samples a pixel

# kind: of KINDS; payload_at: octets at the front of a record that are no part of what is wrapped; rows, columns,
# photometric, bits: of a capture (8, or 9 to 16 in two octets, low one first); separator: bytes between fields;
# charset: defined term or ""; attributes: tuple of (tag, VR, parts as fields.parse returns them);
# utc_offset_minutes: what local time is ahead of UTC
Template = namedtuple(
    "Template",
    (
        "kind", "payload_at", "rows", "columns", "photometric", "bits", "separator", "charset", "attributes",
        "utc_offset_minutes",
    ),
)  # fmt: skip

# Which tap: board: bytes, its unique id; epoch: int, random, of its flash volume
Identity = namedtuple("Identity", ("board", "epoch"))
# What becomes of a record. meta_octets: of `head` that belong to the file and not to the data set; head, tail: bytes
# before and behind the record; begin, end: the octets of it that are wrapped
Wrapped = namedtuple("Wrapped", ("sop_class", "sop_instance", "meta_octets", "head", "tail", "begin", "end"))

EPOCH_LIMIT = 1 << 28
NUMBER_LIMIT = 1 << 28
_STUDY, _SERIES, _INSTANCE = 0, 1, 2

_PRIVATE_CREATOR, _PRIVATE_VALUE = 0x7FE10010, 0x7FE11001
_DOCUMENT = 0x00420011
_EARLIEST = (2000, 1, 1, 0, 0, 0)


def pixel_octets(template):
    """Return how many octets the pixels of a capture have."""
    width = 1 if template.bits == 8 else 2
    return template.rows * template.columns * PHOTOMETRIC[template.photometric] * width


def instance_uid(identity, kind, number):
    """Return a UID that no other tap, no other volume and no other record has: "2.25." and a UUID made by us.

    The UUID is of version 8, for ones of a vendor's own making (RFC 9562 5.8): 64 bits of the board, 28 of the volume,
    2 of the kind, 28 of the record.
    """
    board = 0
    for at, octet in enumerate(identity.board):
        board ^= octet << 8 * (at % 8)
    own = ((board << 28 | identity.epoch % EPOCH_LIMIT) << 2 | kind) << 28 | number % NUMBER_LIMIT
    return "2.25.%d" % ((own >> 74) << 80 | 0x8 << 76 | (own >> 62 & 0xFFF) << 64 | 0x2 << 62 | own & (1 << 62) - 1)


def wrap(template, front, octets, identity, number, now, earliest=None):
    """Return the Wrapped of a record. PeerError where it is not what the template says; it names no patient.

    front: its first octets, as many as the attributes need; octets: its length; number: of the record, never used
    before; now: (year, month, day, hour, minute, second) in local time, None where the clock was never set; earliest:
    likewise, before which the record cannot have come, for what has to have a time.
    """
    begin, end = template.payload_at, octets
    if template.kind == CAPTURE:
        wanted = pixel_octets(template)
        if octets - begin < wanted:
            raise PeerError("the record has %d octets of pixels, %d are needed" % (max(0, octets - begin), wanted))
        end = begin + wanted
    elif octets <= begin:
        raise PeerError("the record has %d octets, nothing is left of it behind octet %d" % (octets, begin))
    elif template.kind == PDF and front[begin : begin + 5] != b"%PDF-":
        raise PeerError("the record is no PDF: no %PDF- at octet " + str(begin))
    sop_class = SOP_CLASSES[template.kind]
    sop_instance = instance_uid(identity, _INSTANCE, number)
    content = _content(template, front, identity, number, now, earliest)
    content[element.SOP_CLASS] = ("UI", sop_class)
    content[element.SOP_INSTANCE] = ("UI", sop_instance)
    length = end - begin
    if template.kind == CAPTURE:
        tag, vr, behind = element.PIXEL_DATA, "OB" if template.bits == 8 else "OW", {}
    elif template.kind == PDF:
        tag, vr, behind = _DOCUMENT, "OB", {0x00420012: ("LO", "application/pdf"), 0x00420015: ("UL", length)}
    else:
        tag, vr, behind = _PRIVATE_VALUE, "OB", {}
    charsets = (template.charset,) if template.charset else ()
    meta = metas.head(sop_class, sop_instance, syntax.EXPLICIT_LITTLE)
    head = meta + _data_set(content, charsets) + element.write(tag, vr, length + (length & 1))
    tail = bytes(length & 1) + _data_set(behind, charsets)
    return Wrapped(sop_class, sop_instance, len(meta), head, tail, begin, end)


def _data_set(content, charsets):
    elements = [(tag, vr_and_value[0], vr_and_value[1]) for tag, vr_and_value in content.items()]
    return writer.data_set(elements, syntax.lookup(syntax.EXPLICIT_LITTLE), charsets)


def _content(template, front, identity, number, now, earliest):
    """Return {tag: (VR, value)} of all but the record and the SOP's identity."""
    date = time = stamp = ""
    if now is not None:
        date, time = "%04d%02d%02d" % tuple(now[:3]), "%02d%02d%02d" % tuple(now[3:6])
        stamp = date + time
    content = {
        0x00080020: ("DA", date),  # Study Date
        0x00080023: ("DA", date),  # Content Date
        0x00080030: ("TM", time),  # Study Time
        0x00080033: ("TM", time),  # Content Time
        0x00080050: ("SH", ""),  # Accession Number
        0x00080060: ("CS", "OT"),  # Modality
        0x00080070: ("LO", ""),  # Manufacturer
        0x00080090: ("PN", ""),  # Referring Physician's Name
        0x00100010: ("PN", ""),  # Patient's Name
        0x00100020: ("LO", ""),  # Patient ID
        0x00100030: ("DA", ""),  # Patient's Birth Date
        0x00100040: ("CS", ""),  # Patient's Sex
        0x0020000D: ("UI", instance_uid(identity, _STUDY, number)),
        0x0020000E: ("UI", instance_uid(identity, _SERIES, number)),
        0x00200010: ("SH", str(number)),  # Study ID
        0x00200011: ("IS", "1"),  # Series Number
        0x00200013: ("IS", str(number)),  # Instance Number
    }
    if template.kind != PDF:
        content[0x00200060] = ("CS", "")  # Laterality
    if template.charset:
        content[element.SPECIFIC_CHARACTER_SET] = ("CS", template.charset)
    if now is not None:
        minutes = abs(template.utc_offset_minutes)
        sign = "-" if template.utc_offset_minutes < 0 else "+"
        content[0x00080201] = ("SH", "%s%02d%02d" % (sign, minutes // 60, minutes % 60))
    if template.kind == CAPTURE:
        _capture(template, content)
    elif template.kind == PDF:
        content[0x0008002A] = ("DT", stamp)  # Acquisition DateTime
        content[0x00080064] = ("CS", "DI")  # Conversion Type: through a digital interface
        content[0x0040A043] = ("SQ", [])  # Concept Name Code Sequence
        content[0x00280301] = ("CS", "YES")  # Burned In Annotation: nobody has looked
        content[0x00420010] = ("ST", "")  # Document Title
    else:
        if now is None:  # what it has to have: the earliest it can be
            since = earliest or _EARLIEST
            content[0x00080023] = ("DA", "%04d%02d%02d" % tuple(since[:3]))
            content[0x00080033] = ("TM", "%02d%02d%02d" % tuple(since[3:6]))
        content[0x0008002A] = ("DT", stamp)
        content[0x00089123] = ("UI", uid.IMPLEMENTATION_CLASS_UID)  # Creator-Version UID
        content[0x00400555] = ("SQ", [])  # Acquisition Context Sequence
        content[_PRIVATE_CREATOR] = ("LO", "EDGE SERIAL TAP")
    cut = fields.split(front, template.separator)
    for tag, vr, parts in template.attributes:
        words = fields.value(parts, front, cut, vr, template.charset)
        if words or tag not in content:
            content[tag] = (vr, words)
    return content


def _capture(template, content):
    """Add what describes the pixels, and the equipment of a Secondary Capture."""
    samples = PHOTOMETRIC[template.photometric]
    content[0x00080064] = ("CS", "DI")  # Conversion Type
    content[0x00200020] = ("CS", "")  # Patient Orientation
    content[0x00280002] = ("US", samples)
    content[0x00280004] = ("CS", template.photometric)
    if samples > 1:
        content[0x00280006] = ("US", 0)  # Planar Configuration: pixel by pixel
    content[0x00280010] = ("US", template.rows)
    content[0x00280011] = ("US", template.columns)
    content[0x00280100] = ("US", 8 if template.bits == 8 else 16)
    content[0x00280101] = ("US", template.bits)
    content[0x00280102] = ("US", template.bits - 1)
    content[0x00280103] = ("US", 0)  # Pixel Representation: unsigned
    content[0x00280301] = ("CS", "YES")  # Burned In Annotation: nobody has looked
