"""Identifiers in ASCII (UIDs, AE titles, names of versions), apart from `text` and its character sets."""

from edge.dicom.errors import LocalError

_PRINTABLE = bytes(range(0x20, 0x7F))


def _is_printable(octets):
    return not octets.strip(_PRINTABLE)


def strict(identifier):
    """Return `identifier` (str) as octets; LocalError when a character is not printable ASCII."""
    octets = identifier.encode()
    if not _is_printable(octets):
        raise LocalError("%r holds a character that is not printable ASCII" % identifier)
    return octets


def lossy(octets):
    """Return octets (bytes-like) as str, each that is not printable ASCII as a question mark, but NUL as it is.

    It is for identifiers of a peer: what comes out is safe to show and to log; NUL is padding, for the caller to strip.
    """
    octets = bytes(octets)
    if _is_printable(octets):
        return octets.decode()
    return "".join([chr(octet) if 0x20 <= octet <= 0x7E or octet == 0 else "?" for octet in octets])


def unpadded(octets):
    """Return octets (bytes-like) as `lossy` does, without the NUL or spaces that they end with."""
    return lossy(bytes(octets).rstrip(b"\0 "))
