"""Identifiers in ASCII (UIDs, AE titles, names of versions), apart from `text` and its character sets."""

from edge.dicom.errors import LocalError


def strict(identifier):
    """Return `identifier` (str) as octets; LocalError when a character is not printable ASCII."""
    for character in identifier:
        if not 0x20 <= ord(character) <= 0x7E:
            raise LocalError("%r holds a character that is not printable ASCII" % identifier)
    return identifier.encode()


def lossy(octets):
    """Return octets (bytes-like) as str, each that is not ASCII as a question mark: a peer's identifier, to show."""
    octets = bytes(octets)
    try:
        decoded = octets.decode()
        if len(decoded) == len(octets):
            return decoded
    except UnicodeError:
        pass
    return "".join([chr(octet) if octet < 0x80 else "?" for octet in octets])
