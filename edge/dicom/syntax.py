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

_TABLE = {}
for _uid, _name, _little, _explicit, _deflated in _NATIVE:
    _TABLE[_uid] = TransferSyntax(_uid, _name, _little, _explicit, False, _deflated, None)


def table():
    """Return {UID: TransferSyntax} of all that are known."""
    if len(_TABLE) == len(_NATIVE):
        from edge.dicom.syntax_table import DEFLATED_TOO, ENCAPSULATED  # here, as not every microcontroller needs them

        more = {}
        for known, name, codec in ENCAPSULATED:
            more[known] = TransferSyntax(known, name, True, True, True, known in DEFLATED_TOO, codec)
        _TABLE.update(more)  # at once: another thread never sees a part of it
    return _TABLE


def lookup(uid):
    """Return the TransferSyntax of `uid` (str); one that is not known counts as encapsulated, with no codec."""
    known = _TABLE.get(uid) or table().get(uid)
    if known is not None:
        return known
    return TransferSyntax(uid, "unknown transfer syntax", True, True, True, False, None)


def of_layout(little, explicit):
    """Return the TransferSyntax of uncompressed data sets laid out so; big endian is always explicit."""
    if not little:
        return _TABLE[EXPLICIT_BIG]
    return _TABLE[EXPLICIT_LITTLE if explicit else IMPLICIT_LITTLE]


def with_layout(known, little, explicit):
    """Return `known` with another byte order and VR form: for a data set that is not laid out as its syntax says."""
    return TransferSyntax(known.uid, known.name, little, explicit, known.encapsulated, known.deflated, known.codec)
