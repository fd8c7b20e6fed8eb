"""PNG, as little of it as pictures of eight bits take: grey or RGB, rows without filters, written as they come.

Source: ISO/IEC 15948 (PNG) 5, 11.2, 11.3.3.
"""

import zlib

GREY, RGB = 0, 2  # colour types
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEVEL = 3  # of zlib: a tenth larger than the best, in a quarter of the time
_PIECE_OCTETS = 1 << 15


def _chunk(kind, octets):
    check = zlib.crc32(octets, zlib.crc32(kind))
    return len(octets).to_bytes(4, "big") + kind + octets + check.to_bytes(4, "big")


def write(file, columns, rows, colour, lines, comment=""):
    """Write a picture into `file`; return how many octets it has.

    colour: GREY or RGB; lines: iterator of `rows` bytes-like rows; comment: in ASCII.
    """
    made = 0
    fields = columns.to_bytes(4, "big") + rows.to_bytes(4, "big") + bytes([8, colour, 0, 0, 0])
    made += file.write(_SIGNATURE + _chunk(b"IHDR", fields))
    if comment:
        made += file.write(_chunk(b"tEXt", b"Comment\0" + comment.encode("ascii")))
    packer = zlib.compressobj(_LEVEL)
    held = bytearray()
    for line in lines:
        held += packer.compress(b"\0" + line)
        if len(held) >= _PIECE_OCTETS:
            made += file.write(_chunk(b"IDAT", bytes(held)))
            held.clear()
    held += packer.flush()
    return made + file.write(_chunk(b"IDAT", bytes(held)) + _chunk(b"IEND", b""))
