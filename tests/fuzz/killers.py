"""Octets that are known to have killed software of this field: they are in the corpora, and are always tried."""

import zlib


def le(number, octets=4):
    """A number, little endian."""
    return number.to_bytes(octets, "little")


def sequence(depth, undefined=True):
    """A data set of sequences within sequences, explicit little endian: none of them ends."""
    head = b"\x08\0\x40\x11SQ\0\0" + (b"\xff" * 4 if undefined else le(0xFFFFFFF0))
    return (head + b"\xfe\xff\x00\xe0" + b"\xff" * 4) * depth


def implicit_sequence(depth):
    """The same, implicit."""
    return (b"\x08\0\x40\x11" + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4) * depth


def deflated(octets, level=9):
    """Octets as a deflated data set has them."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
    return deflate.compress(octets) + deflate.flush()


def bomb(octets=4 << 20):
    """A few KB that inflate to one element of so many octets; and to as many elements as fit."""
    one = b"\xe0\x7f\x10\0OB\0\0" + le(octets) + bytes(octets)
    return [deflated(one), deflated(b"\x10\0\x10\0PN\0\0" * (octets // 512))]


LONG_ELEMENTS = [
    tag + vr + b"\0\0" + le(length)
    for tag in (b"\xe0\x7f\x10\0", b"\x09\0\x01\x10", b"\x08\0\x18\0")
    for vr in (b"OB", b"UN", b"SQ", b"UT")
    for length in (0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 1)
]
UIDS = [b"../../../../etc/passwd", b"1.2.3/../../x", b"1.2.3\0/../x", b"/etc/cron.d/x", b"1.2.;$(id)", b"1" * 65, b"..",
        b"1.2.840.10008.1.2.1\n", b"\xff\xfe"]  # fmt: skip


def pdata(*pdvs):
    """A P-DATA-TF PDU of PDVs (length as it is written, context, control, payload)."""
    body = b"".join(
        length.to_bytes(4, "big") + bytes((context, control)) + payload for length, context, control, payload in pdvs
    )
    return b"\4\0" + len(body).to_bytes(4, "big") + body


PDUS = [
    b"\1\0\xff\xff\xff\xff", b"\4\0\xff\xff\xff\xff", b"\4\0\x7f\xff\xff\xff", b"\4\0\0\0\0\1\0",
    b"\4\0\0\0\0\4\0\0\0\0", b"\4\0\0\0\0\5\0\0\0\1\1", pdata((0, 1, 3, b"")), pdata((1, 1, 3, b"")),
    pdata((2, 1, 3, b"")) * 2000, pdata((2, 1, 0, b"")) * 2000, pdata((0xFFFFFFFF, 1, 0, b"x" * 100)),
    pdata(*[(3, 1, 1, b"x")] * 2000), b"\7\0\0\0\0\4\0\0\0\0" * 500, bytes(6000), b"\xff" * 6000,
]  # fmt: skip


def items(depth=2000):
    """User items without end, of lengths that lie."""
    return [
        b"\x50\0\xff\xff", b"\x50\0\0\4\x51\0\xff\xff", b"\x51\0\0\4\0\0\0\0" * depth, b"\x54\0\0\4\xff\xff\0\0",
        b"\x56\0\0\6\0\xff\0\0\0\0", b"\x58\0\0\6\1\1\xff\xff\0\0", b"\x57\0\0\4\0\2\0\0", b"\x20\0\0\0" * depth,
    ]  # fmt: skip
