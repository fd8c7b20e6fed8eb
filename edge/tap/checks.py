"""Checksums that legacy devices put behind a record: one table, each fed piece by piece.

CRCs are named as the catalogue of parametrised CRC algorithms names them. "lrc" is the two's complement of the sum
(ISO 1155 as Modbus ASCII has it); many manuals say LRC and mean "xor".
"""

from array import array
from collections import namedtuple

# octets: of the checksum; begin: what it starts from; polynomial: of a CRC, reflected where `reflected`; final: what
# the CRC is XORed with at its end
Kind = namedtuple("Kind", ("octets", "begin", "polynomial", "reflected", "final"))

KINDS = {
    "none": Kind(0, 0, 0, False, 0),
    "xor": Kind(1, 0, 0, False, 0),
    "sum-8": Kind(1, 0, 0, False, 0),
    "lrc": Kind(1, 0, 0, False, 0),
    "sum-16": Kind(2, 0, 0, False, 0),
    "crc-16/xmodem": Kind(2, 0x0000, 0x1021, False, 0x0000),
    "crc-16/ccitt-false": Kind(2, 0xFFFF, 0x1021, False, 0x0000),
    "crc-16/kermit": Kind(2, 0x0000, 0x8408, True, 0x0000),
    "crc-16/x-25": Kind(2, 0xFFFF, 0x8408, True, 0xFFFF),
    "crc-16/arc": Kind(2, 0x0000, 0xA001, True, 0x0000),
    "crc-16/modbus": Kind(2, 0xFFFF, 0xA001, True, 0x0000),
}


class Check:
    """One checksum under way. kind: a key of KINDS."""

    def __init__(self, kind):
        self._name = kind
        self._kind = KINDS[kind]
        self._table = _table(self._kind) if self._kind.polynomial else None
        self._value = self._kind.begin

    def restart(self):
        """Begin anew."""
        self._value = self._kind.begin

    def update(self, octets):
        """Take the next octets (bytes-like) in."""
        value = self._value
        if self._table is not None:
            table = self._table
            if self._kind.reflected:
                for octet in octets:
                    value = value >> 8 ^ table[(value ^ octet) & 0xFF]
            else:
                for octet in octets:
                    value = value << 8 & 0xFFFF ^ table[value >> 8 ^ octet]
        elif self._name == "xor":
            for octet in octets:
                value ^= octet
        elif self._kind.octets:
            value = value + sum(octets) & 0xFFFF
        self._value = value

    def value(self):
        """Return the checksum of what was taken in, as a number."""
        if self._name == "lrc":
            return -self._value & 0xFF
        if self._kind.octets == 1:
            return self._value & 0xFF
        return self._value ^ self._kind.final


def _table(kind):
    table = array("H", bytes(512))
    for octet in range(256):
        value = octet if kind.reflected else octet << 8
        for _ in range(8):
            if kind.reflected:
                value = value >> 1 ^ (kind.polynomial if value & 1 else 0)
            else:
                value = value << 1 & 0xFFFF ^ (kind.polynomial if value & 0x8000 else 0)
        table[octet] = value
    return table
