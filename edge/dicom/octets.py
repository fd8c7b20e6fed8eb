"""Range-checked integers in octets, and padding: the only file that packs.

MicroPython's struct truncates a value that is too large and ignores octets that are too many, without a word. Every
integer of the wire therefore passes here: reading checks that the octets are there, writing checks that the value fits.
"""

from array import array
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


def get_data_header(octets, at):
    """Read the heads of a P-DATA-TF PDU and its first PDV: type, length, PDV length, context ID, control header.

    They are twelve octets, and the caller has looked that they are there (PS3.8 9.3.5).
    """
    kind, _, length, pdv_length, context_id, control = unpack_from(">BBIIBB", octets, at)
    return kind, length, pdv_length, context_id, control


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


def put_head_explicit(tag, code, length, is_long):
    """Return the head of an explicit VR little endian element: 8 octets, or 12 where `is_long` (PS3.5 7.1.2).

    tag: group and number as one integer; code: the VR as two octets; LocalError when the length does not fit its field.
    """
    if not (0 <= tag <= 0xFFFFFFFF and 0 <= length <= (0xFFFFFFFF if is_long else 0xFFFF)):
        raise LocalError("a length of %d does not fit the head of its element" % length)
    if is_long:
        return pack("<HH2sHI", tag >> 16, tag & 0xFFFF, code, 0, length)
    return pack("<HH2sH", tag >> 16, tag & 0xFFFF, code, length)


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


_SWAPPED_AS = {2: "H", 4: "I", 8: "Q"}
_HAS_BYTESWAP = hasattr(array, "byteswap")  # MicroPython's has none, and takes the slower way


def swapped(octets, width):
    """Return numbers of `width` octets in the other byte order; a rest that is no whole number stays as it is."""
    whole = len(octets) - len(octets) % width
    if width == 1 or whole == 0:
        return octets
    letter = _SWAPPED_AS[width]
    if _HAS_BYTESWAP:
        numbers = array(letter, bytes(octets[:whole]))
        numbers.byteswap()
        turned = numbers.tobytes()
    else:
        letters = "%d%s" % (whole // width, letter)
        turned = pack("<" + letters, *unpack_from(">" + letters, octets, 0))
    return turned + bytes(octets[whole:])


# Numbers in values: kind -> (octets, struct's letter, lowest and highest; None for floating point)
_KINDS = {
    "US": (2, "H", 0, 0xFFFF),
    "SS": (2, "h", -0x8000, 0x7FFF),
    "UL": (4, "I", 0, 0xFFFFFFFF),
    "SL": (4, "i", -0x80000000, 0x7FFFFFFF),
    "UV": (8, "Q", 0, 0xFFFFFFFFFFFFFFFF),
    "SV": (8, "q", -0x8000000000000000, 0x7FFFFFFFFFFFFFFF),
    "FL": (4, "f", None, None),
    "FD": (8, "d", None, None),
}
_LARGEST_FL = 3.4028235677973366e38  # what rounds to more than the largest float of 32 bits begins here


def get_numbers(octets, kind, little):
    """Read the whole numbers of `kind` (US SS UL SL UV SV FL FD) that `octets` hold; return a tuple."""
    size, letter, _, _ = _KINDS[kind]
    count = len(octets) // size
    return unpack_from("%s%d%s" % ("<" if little else ">", count, letter), octets, 0) if count else ()


def put_numbers(numbers, kind):
    """Return `numbers` (a sequence) as octets of `kind`, little endian; LocalError when one does not fit or is none."""
    _, letter, lowest, highest = _KINDS[kind]
    for number in numbers:
        if lowest is None:
            fits = isinstance(number, (int, float)) and (kind == "FD" or _fits_fl(number))
        else:
            fits = isinstance(number, int) and lowest <= number <= highest
        if not fits:
            raise LocalError("%r is no number that %s can hold" % (number, kind))
    return pack("<%d%s" % (len(numbers), letter), *numbers)


def _fits_fl(number):
    is_finite = number - number == 0
    return not is_finite or -_LARGEST_FL < number < _LARGEST_FL
