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
from edge.media.errors import MediaError

LEAST_LETTERS = 12
ROUNDS = 1000
_CHECK_BYTES, TAG_BYTES = 2, 10
_AE_2, _AES_256, _STORED = 2, 3, 0
# Its checksum stays 0: that of the plain octets would tell what a short file holds.
KIND = zipped.Kind(
    needs=51,
    flags=1,
    method=99,
    extra=pack("<HHH2sBH", 0x9901, 7, _AE_2, b"AE", _AES_256, _STORED),
    octets=16 + _CHECK_BYTES + TAG_BYTES,
)


def password(words):
    """Return a password (str) as octets. Raises MediaError for one that is too short or not ASCII."""
    return cipher.password(words, LEAST_LETTERS, "a protected ZIP archive")


def head_bytes(strength):
    """Return how many octets stand in front of those of an entry: its salt, and what shows a wrong password."""
    return 4 * (strength + 1) + _CHECK_BYTES


class _Keyed:
    """The keys of one entry: its octets mixed, and the sum over those that are encrypted."""

    def __init__(self, given, strength, salt):
        """given: the password; strength: 1 to 3, for AES-128, -192, -256."""
        import hashlib
        import hmac

        octets = 8 * (strength + 1)
        keys = hashlib.pbkdf2_hmac("sha1", given, salt, ROUNDS, 2 * octets + _CHECK_BYTES)
        self._check = keys[2 * octets :]
        self._blocks = cipher.Stream("AES-%d-ECB" % (8 * octets), keys[:octets], None, True, pads=False)
        self._mac = hmac.new(keys[octets : 2 * octets], digestmod="sha1")
        self._next = 1  # a counter in its least octet first, which no mode of libcrypto has
        self._rest = b""

    def _mixed(self, octets):
        """Return these octets, encrypted or decrypted: that is the same."""
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
        return mixed.to_bytes(count, "little")

    def tag(self):
        """Return what shows that nothing of it was changed."""
        return self._mac.digest()[:TAG_BYTES]


class Entry(_Keyed):
    """The octets of one entry on their way: `head`, what `update` returns, and `tag` at the end."""

    def __init__(self, given):
        """given: what `password` returned."""
        salt = secrets.token_bytes(head_bytes(_AES_256) - _CHECK_BYTES)
        super().__init__(given, _AES_256, salt)
        self.head = salt + self._check

    def update(self, octets):
        """Return these octets, encrypted."""
        made = self._mixed(octets)
        self._mac.update(made)
        return made


class Locked(_Keyed):
    """The octets of one entry on their way back: what `update` returns, good only if its `tag` is the one behind it."""

    def __init__(self, given, strength, head):
        """given: the password (bytes); head: the head_bytes in front. MediaError when it is another password."""
        super().__init__(given, strength, head[:-_CHECK_BYTES])
        if head[-_CHECK_BYTES:] != self._check:
            raise MediaError("the password is another one: give the one that came with this volume")

    def update(self, octets):
        """Return these octets, decrypted."""
        self._mac.update(octets)
        return self._mixed(octets)
