"""Frames as scripts: what a page that was opened from a disc can load when it may load nothing else.

A frame's samples go through whole, all bits of them, as they lie in their cells. Each is replaced by its difference to
the one before it (of its own colour), the octets of a strip of rows are sorted by their place in the cell, and the
whole is deflated (zlib) and written in base64 as the argument of a call:

    EDGE.frame("S000001/F0000001", "...");

Differences are taken of all samples of a strip at once, as one long integer with a place for each. Nothing is held but
one strip, where the decoder holds no more.
"""

import base64
import zlib

from edge.dicom.errors import DicomError

STRIP_OCTETS = 1 << 16
_LEVEL = 4
_MASKS = {}  # (octets of a strip, of a cell) -> the highest bit of each cell, and all others


def strip_rows(row_octets):
    """Return of how many rows a strip is."""
    return max(1, STRIP_OCTETS // row_octets)


def turned(strip, cell, step):
    """Return a strip as its differences to the sample `step` octets before, sorted by the place in cells of 1 to 4.

    cell: octets of one, 1, 2 or 4; of 8 they are taken as two of 4.
    """
    key = len(strip), cell
    if key not in _MASKS:
        if len(_MASKS) > 8:
            _MASKS.clear()
        high = int.from_bytes((bytes(cell - 1) + b"\x80") * (len(strip) // cell), "little")
        _MASKS[key] = high, (1 << 8 * len(strip)) - 1 ^ high
    high, low = _MASKS[key]
    value = int.from_bytes(strip, "little")
    before = value << 8 * step & (high | low)
    # Subtraction in every cell at once: the highest bit of each is lent to it, so that none borrows of its neighbour
    difference = (value | high) - (before & low) ^ (value ^ before ^ high) & high
    octets = difference.to_bytes(len(strip), "little")
    return octets if cell == 1 else b"".join([octets[at::cell] for at in range(cell)])


def write(file, name, rows, row_octets, cell, step):
    """Write a frame into `file`; return None, or in words why it is not there, which the script then says too.

    name: by which the viewer asks for it; rows: iterator of its rows, all of `row_octets`; cell, step: as `turned`.
    """
    file.write(b'EDGE.frame("%s","' % name.encode("ascii"))
    begun = file.tell()
    try:
        _write(file, rows, row_octets, cell, step)
    except DicomError as error:
        file.seek(begun)
        file.truncate()
        file.write(b'",%s);\n' % quoted(str(error)))
        return str(error)
    file.write(b'");\n')
    return None


def _write(file, rows, row_octets, cell, step):
    # Of differences in grey only runs are worth looking for: as small as with all of deflate, in a quarter of its time
    strategy = zlib.Z_RLE if cell == step else zlib.Z_DEFAULT_STRATEGY
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, 8, strategy)
    strip_octets = strip_rows(row_octets) * row_octets
    held, packed = bytearray(), bytearray()
    for row in rows:
        held += row
        if len(held) >= strip_octets:
            packed += packer.compress(turned(held, cell, step))
            held.clear()
            whole = len(packed) - len(packed) % 3
            file.write(base64.b64encode(packed[:whole]))
            del packed[:whole]
    if held:
        packed += packer.compress(turned(held, cell, step))
    packed += packer.flush()
    file.write(base64.b64encode(packed))


def quoted(words):
    """Return a str as a string of a script, in ASCII, with nothing in it that could end the string or the script."""
    made = []
    for one in words:
        code = ord(one)
        if one.isascii() and (one.isalnum() or one in " .,:;()-_/+=%*?!"):
            made.append(one)
        elif code < 0x10000:
            made.append("\\u%04x" % code)
        else:
            code -= 0x10000
            made.append("\\u%04x\\u%04x" % (0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF)))
    return ('"%s"' % "".join(made)).encode("ascii")


def most(octets):
    """Return how many octets the script of a frame of so many can have at most."""
    deflated = octets + (octets >> 12) + (octets >> 14) + (octets >> 25) + 13 + 5 * (octets // STRIP_OCTETS + 1)
    return (deflated + 2) // 3 * 4 + 64
