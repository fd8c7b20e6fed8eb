"""Identifiers in ASCII (UIDs, AE titles, names of versions), apart from `text` and its character sets."""

from edge.dicom.errors import LocalError


def strict(identifier):
    """Return `identifier` (str) as octets; LocalError when a character is not printable ASCII."""
    for character in identifier:
        if not 0x20 <= ord(character) <= 0x7E:
            raise LocalError("%r holds a character that is not printable ASCII" % identifier)
    return identifier.encode()


def lossy(octets):
    """Return octets (bytes-like) as str, each that is not printable ASCII as a question mark, but NUL as it is.

    It is for identifiers of a peer: what comes out is safe to show and to log; NUL is padding, for the caller to strip.
    """
    return "".join([chr(octet) if 0x20 <= octet <= 0x7E or octet == 0 else "?" for octet in octets])
