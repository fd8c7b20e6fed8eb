"""Entries of a ZIP archive under a password, as WinZip has them (AE-2 with AES-256), which 7-Zip and others open too.

The format fixes how keys are made of a password: 1,000 rounds of HMAC-SHA1, little today. A short or common password is
found by trying, so one of 12 characters or more is asked for, and `cipher.new_password` makes one that cannot be tried
out. The archive shows the names of its files, how many there are and their sizes: those of a volume are numbers.

Source: WinZip, AES Encryption Information 1.04; PKWARE APPNOTE 6.3.9, 4.4.5
"""

import secrets
import sys
from array import array
from struct import pack

from edge.media import cipher, zipped

LEAST_LETTERS = 12
ROUNDS = 1000
_SALT_BYTES, _KEY_BYTES, _CHECK_BYTES, _TAG_BYTES = 16, 32, 2, 10
_AE_2, _AES_256, _STORED = 2, 3, 0
# Its checksum stays 0: that of the plain octets would tell what a short file holds.
KIND = zipped.Kind(
    needs=51,
    flags=1,
    method=99,
    extra=pack("<HHH2sBH", 0x9901, 7, _AE_2, b"AE", _AES_256, _STORED),
    octets=_SALT_BYTES + _CHECK_BYTES + _TAG_BYTES,
)


def password(words):
    """Return a password (str) as octets. Raises MediaError for one that is too short or not ASCII."""
    return cipher.password(words, LEAST_LETTERS, "a protected ZIP archive")


class Entry:
    """The octets of one entry on their way: `head`, what `update` returns, and `tag` at the end."""

    def __init__(self, given):
        """given: what `password` returned."""
        import hashlib
        import hmac

        salt = secrets.token_bytes(_SALT_BYTES)
        keys = hashlib.pbkdf2_hmac("sha1", given, salt, ROUNDS, 2 * _KEY_BYTES + _CHECK_BYTES)
        self.head = salt + keys[2 * _KEY_BYTES :]
        self._blocks = cipher.Stream("AES-256-ECB", keys[:_KEY_BYTES], None, True, pads=False)
        self._mac = hmac.new(keys[_KEY_BYTES : 2 * _KEY_BYTES], digestmod="sha1")
        self._next = 1  # a counter in its least octet first, which no mode of libcrypto has
        self._rest = b""

    def update(self, octets):
        """Return these octets, encrypted."""
        count = len(octets)
        blocks = -(-(count - len(self._rest)) // cipher.BLOCK_BYTES)
        mask = self._rest
        if blocks > 0:
            counters = array("Q", bytes(cipher.BLOCK_BYTES * blocks))
            counters[::2] = array("Q", range(self._next, self._next + blocks))
            if sys.byteorder == "big":
                counters.byteswap()
            self._next += blocks
            mask = b"".join((mask, self._blocks.update(memoryview(counters).cast("B"))))
        self._rest = mask[count:]
        mixed = int.from_bytes(octets, "little") ^ int.from_bytes(memoryview(mask)[:count], "little")
        made = mixed.to_bytes(count, "little")
        self._mac.update(made)
        return made

    def tag(self):
        """Return what shows that nothing of it was changed."""
        return self._mac.digest()[:_TAG_BYTES]
