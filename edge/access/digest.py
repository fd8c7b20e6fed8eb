"""SHA-256 of little: by Python's own code where there is, since hashlib would bring all of OpenSSL just for this."""

import importlib


def sha256(octets):
    """Return the hash object of `octets`."""
    for name in ("_sha2", "_sha256"):  # since Python 3.12, and before it
        try:
            return importlib.import_module(name).sha256(octets)
        except ImportError:
            continue
    import hashlib

    return hashlib.sha256(octets)
