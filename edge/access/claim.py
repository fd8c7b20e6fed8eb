"""The code of the first run: who reads it stands before the box, or has its serial line or terminal.

It is made at the first start, kept in a file that nobody else may read, and removed when the box is claimed. Its
letters cannot be taken for one another, however they are read, or typed: small ones and blanks count as they are meant.
"""

import os

from edge.access import files

_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # no I, L, O, U, 0, 1
_FAIR = 256 // len(_LETTERS) * len(_LETTERS)  # an octet below it stands for each letter equally often
_LENGTH = 10  # 5e14 codes, of which a guesser has a few an hour


def code(path):
    """Return the code in the file at `path`, made when there is none: "ABCDE-FGHJK". Raises OSError."""
    found = (files.read(path) or b"").decode("ascii", "replace").strip()
    if len(plain(found)) != _LENGTH:
        letters = _letters()
        found = letters[: _LENGTH // 2] + "-" + letters[_LENGTH // 2 :]
        files.write(path, found.encode() + b"\n")
    return found


def _letters():
    """Return letters by chance, each as likely as any other. The module `secrets` would bring OpenSSL for it."""
    found = ""
    while len(found) < _LENGTH:
        octet = os.urandom(1)[0]
        if octet < _FAIR:
            found += _LETTERS[octet % len(_LETTERS)]
    return found


def is_meant(given, made):
    """Say whether `given`, as a person typed it, is the code `made`."""
    import hmac

    return hmac.compare_digest(plain(given).encode("utf-8", "replace"), plain(made).encode())


def plain(words):
    """Return a code as it is meant, however it was typed."""
    return "".join([each for each in words if each.isalnum()]).upper()
