"""Range-checked integers in octets, and padding: the only file that packs.

MicroPython's struct truncates a value that is too large and ignores octets that are too many, without a word. Every
integer of the wire therefore passes here: reading checks that the octets are there, writing checks that the value fits.
"""

from struct import pack, unpack_from

from edge.dicom.errors import LocalError, PeerError


def _unpack(form, size, octets, at):
    if at < 0 or at + size > len(octets):
        raise PeerError("%d octets are needed for an integer, %d are left" % (size, max(0, len(octets) - at)), at)
    return unpack_from(form, octets, at)[0]


def get_u8(octets, at):
    """Read an unsigned 8-bit integer at index `at`; PeerError when it is not there."""
    return _unpack("B", 1, octets, at)


def get_u16_le(octets, at):
    """Read an unsigned 16-bit little endian integer at index `at`; PeerError when it is not all there."""
    return _unpack("<H", 2, octets, at)


def get_u32_le(octets, at):
    """Read an unsigned 32-bit little endian integer at index `at`; PeerError when it is not all there."""
    return _unpack("<I", 4, octets, at)


def get_u16_be(octets, at):
    """Read an unsigned 16-bit big endian integer at index `at`; PeerError when it is not all there."""
    return _unpack(">H", 2, octets, at)


def get_u32_be(octets, at):
    """Read an unsigned 32-bit big endian integer at index `at`; PeerError when it is not all there."""
    return _unpack(">I", 4, octets, at)


# The heads of data elements, several integers at once: a data set has hundreds of them. These do not look whether the
# octets are there; whoever calls them has just done so.


def head_explicit(octets, at, little):
    """Read the first eight octets of an explicit VR element: group, number, VR as two octets, 16-bit length."""
    return unpack_from("<HH2sH" if little else ">HH2sH", octets, at)


def head_implicit(octets, at, little):
    """Read the eight octets of an implicit VR element, an item or a delimiter: group, number, 32-bit length."""
    return unpack_from("<HHI" if little else ">HHI", octets, at)


def length_32(octets, at, little):
    """Read the 32-bit length that follows the first eight octets of the long form of an explicit VR element."""
    return unpack_from("<I" if little else ">I", octets, at)[0]


def _pack(form, limit, value):
    if not 0 <= value <= limit:
        raise LocalError("%d does not fit an unsigned integer of at most %d" % (value, limit))
    return pack(form, value)


def put_u8(value):
    """Return `value` (0 to 255) as one octet; LocalError when it does not fit."""
    return _pack("B", 0xFF, value)


def put_u16_le(value):
    """Return `value` (0 to 65535) as two octets, little endian; LocalError when it does not fit."""
    return _pack("<H", 0xFFFF, value)


def put_u32_le(value):
    """Return `value` (0 to 2^32 - 1) as four octets, little endian; LocalError when it does not fit."""
    return _pack("<I", 0xFFFFFFFF, value)


def put_u16_be(value):
    """Return `value` (0 to 65535) as two octets, big endian; LocalError when it does not fit."""
    return _pack(">H", 0xFFFF, value)


def put_u32_be(value):
    """Return `value` (0 to 2^32 - 1) as four octets, big endian; LocalError when it does not fit."""
    return _pack(">I", 0xFFFFFFFF, value)


def put_element_u16(group, number, value):
    """Return an implicit VR little endian element that holds one 16-bit integer; LocalError when one does not fit."""
    if not (0 <= value <= 0xFFFF and 0 <= group <= 0xFFFF and 0 <= number <= 0xFFFF):
        raise LocalError("%d does not fit an unsigned integer of at most 65535" % value)
    return pack("<HHIH", group, number, 2, value)


def put_head_implicit(group, number, length):
    """Return the eight octets before a value of `length` octets in implicit VR little endian."""
    if not (0 <= length <= 0xFFFFFFFF and 0 <= group <= 0xFFFF and 0 <= number <= 0xFFFF):
        raise LocalError("%d does not fit an unsigned integer of at most 4294967295" % length)
    return pack("<HHI", group, number, length)


def pad_even(octets, filler):
    """Return `octets` as bytes of even length, with the one-octet `filler` appended where it was odd."""
    if len(octets) & 1:
        return bytes(octets) + filler
    return bytes(octets)
