"""Secrets that the box makes for others: long enough that their digest needs no salt, and nobody guesses them."""


def new():
    """Return a new secret (str, of letters, digits, - and _)."""
    import secrets

    return secrets.token_urlsafe(32)


def digest(secret):
    """Return what is kept of a secret (str)."""
    import hashlib

    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
