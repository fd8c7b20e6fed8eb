"""Transfer syntaxes: how a data set is laid out, and which codec its pixels need (PS3.5 Section 10, PS3.6 Annex A).

A syntax that is not in the table (a private one, a newer one) is taken for encapsulated explicit little endian, as
every syntax registered since 1993 but the deflated ones has been: its data set can be stored and sent as it is.
"""

from collections import namedtuple

# uid: str; name: str; little, explicit, encapsulated, deflated: bool; codec: the key of edge.pixels' registry, or None
TransferSyntax = namedtuple(
    "TransferSyntax", ("uid", "name", "little", "explicit", "encapsulated", "deflated", "codec")
)

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"

_NATIVE = (
    # uid, name, little, explicit, deflated
    (IMPLICIT_LITTLE, "Implicit VR Little Endian", True, False, False),
    (EXPLICIT_LITTLE, "Explicit VR Little Endian", True, True, False),
    (DEFLATED_LITTLE, "Deflated Explicit VR Little Endian", True, True, True),
    (EXPLICIT_BIG, "Explicit VR Big Endian", False, True, False),
)

_ENCAPSULATED = (
    # uid, name, codec
    (ENCAPSULATED_UNCOMPRESSED, "Encapsulated Uncompressed Explicit VR Little Endian", None),
    ("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", "jpeg"),
    ("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 & 4)", "jpeg"),
    ("1.2.840.10008.1.2.4.52", "JPEG Extended (Process 3 & 5)", None),
    ("1.2.840.10008.1.2.4.53", "JPEG Spectral Selection, Non-Hierarchical (Process 6 & 8)", None),
    ("1.2.840.10008.1.2.4.54", "JPEG Spectral Selection, Non-Hierarchical (Process 7 & 9)", None),
    ("1.2.840.10008.1.2.4.55", "JPEG Full Progression, Non-Hierarchical (Process 10 & 12)", None),
    ("1.2.840.10008.1.2.4.56", "JPEG Full Progression, Non-Hierarchical (Process 11 & 13)", None),
    ("1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)", "jpeg-lossless"),
    ("1.2.840.10008.1.2.4.58", "JPEG Lossless, Non-Hierarchical (Process 15)", None),
    ("1.2.840.10008.1.2.4.70", "JPEG Lossless, Non-Hierarchical, First-Order Prediction", "jpeg-lossless"),
    ("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", "jpeg-ls"),
    ("1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless)", "jpeg-ls"),
    ("1.2.840.10008.1.2.4.90", "JPEG 2000 (Lossless Only)", "j2k"),
    ("1.2.840.10008.1.2.4.91", "JPEG 2000", "j2k"),
    ("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Multi-component (Lossless Only)", None),
    ("1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2 Multi-component", None),
    ("1.2.840.10008.1.2.4.94", "JPIP Referenced", None),
    ("1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate", None),
    ("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level", None),
    ("1.2.840.10008.1.2.4.100.1", "Fragmentable MPEG2 Main Profile / Main Level", None),
    ("1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level", None),
    ("1.2.840.10008.1.2.4.101.1", "Fragmentable MPEG2 Main Profile / High Level", None),
    ("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", None),
    ("1.2.840.10008.1.2.4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1", None),
    ("1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", None),
    ("1.2.840.10008.1.2.4.103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", None),
    ("1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", None),
    ("1.2.840.10008.1.2.4.104.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", None),
    ("1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", None),
    ("1.2.840.10008.1.2.4.105.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", None),
    ("1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", None),
    ("1.2.840.10008.1.2.4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", None),
    ("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1", None),
    ("1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", None),
    ("1.2.840.10008.1.2.4.110", "JPEG XL Lossless", None),
    ("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression", None),
    ("1.2.840.10008.1.2.4.112", "JPEG XL", None),
    ("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 (Lossless Only)", "htj2k"),
    ("1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)", "htj2k"),
    ("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000", "htj2k"),
    ("1.2.840.10008.1.2.4.204", "JPIP HTJ2K Referenced", None),
    ("1.2.840.10008.1.2.4.205", "JPIP HTJ2K Referenced Deflate", None),
    ("1.2.840.10008.1.2.5", "RLE Lossless", "rle"),
    ("1.2.840.10008.1.2.7.1", "SMPTE ST 2110-20 Uncompressed Progressive Active Video", None),
    ("1.2.840.10008.1.2.7.2", "SMPTE ST 2110-20 Uncompressed Interlaced Active Video", None),
    ("1.2.840.10008.1.2.7.3", "SMPTE ST 2110-30 PCM Digital Audio", None),
    ("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression", None),
)

# The two that are both encapsulated in name and deflated as a whole (PS3.5 A.7)
_DEFLATED_TOO = ("1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205")

TABLE = {}
for _uid, _name, _little, _explicit, _deflated in _NATIVE:
    TABLE[_uid] = TransferSyntax(_uid, _name, _little, _explicit, False, _deflated, None)
for _uid, _name, _codec in _ENCAPSULATED:
    TABLE[_uid] = TransferSyntax(_uid, _name, True, True, True, _uid in _DEFLATED_TOO, _codec)


def lookup(uid):
    """Return the TransferSyntax of `uid` (str); one that is not known counts as encapsulated, with no codec."""
    known = TABLE.get(uid)
    if known is not None:
        return known
    return TransferSyntax(uid, "unknown transfer syntax", True, True, True, False, None)


def of_layout(little, explicit):
    """Return the TransferSyntax of uncompressed data sets laid out so; big endian is always explicit."""
    if not little:
        return TABLE[EXPLICIT_BIG]
    return TABLE[EXPLICIT_LITTLE if explicit else IMPLICIT_LITTLE]


def with_layout(known, little, explicit):
    """Return `known` with another byte order and VR form: for a data set that is not laid out as its syntax says."""
    return TransferSyntax(known.uid, known.name, little, explicit, known.encapsulated, known.deflated, known.codec)
