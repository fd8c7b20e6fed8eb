"""Secrets sealed by a passphrase: AES-256-GCM under a key that scrypt makes of it, whole and in memory, so bounded.

    magic (8 octets)  log2 of N, r, p (1 each)  salt (16)  nonce (12)  what is sealed, encrypted, with its tag (16)

The head is authenticated too. What was sealed with more work than this version asks for is opened, up to a limit: a
file that comes from elsewhere must not take the memory of the box.

Source: RFC 7914; NIST SP 800-38D
"""

import unicodedata

MAGIC = b"EDGSEAL1"
LIMIT_BYTES = 16 << 20

_LOG_N, _R, _P = 15, 8, 3  # 32 MiB, as much work as the 128 MiB of N = 2 ** 17 with p = 1
USUAL = (_LOG_N, _R, _P)
_MOST = (17, 8, 16)
_SALT_BYTES = 16
_HEAD_BYTES = len(MAGIC) + 3 + _SALT_BYTES


class CannotOpen(Exception):
    """It cannot be opened; str() says why and what to do."""


class WrongPassphrase(CannotOpen):
    """It is sealed by another passphrase, or was changed: the two cannot be told apart."""


def seal(octets, passphrase):
    """Return `octets` (at most LIMIT_BYTES) sealed by `passphrase` (str). Raises ValueError, crypto.Unusable."""
    import secrets

    from edge.access import crypto

    if len(octets) > LIMIT_BYTES:
        raise ValueError("%d octets are more than can be sealed at once (%d)" % (len(octets), LIMIT_BYTES))
    if not passphrase:
        raise ValueError("the passphrase is empty")
    head = MAGIC + bytes((_LOG_N, _R, _P)) + secrets.token_bytes(_SALT_BYTES)
    nonce = secrets.token_bytes(crypto.NONCE_BYTES)
    return head + nonce + crypto.encrypt(_key(head, passphrase), nonce, octets, head)


def unseal(sealed, passphrase, most=_MOST):
    """Return what was sealed. Raises CannotOpen, crypto.Unusable.

    most: the most work that is done for it, as the head has it; USUAL is what this version asks for.
    """
    from edge.access import crypto

    body = _HEAD_BYTES + crypto.NONCE_BYTES
    if not is_sealed(sealed) or len(sealed) < body + crypto.TAG_BYTES:
        raise CannotOpen("this is nothing that an edge has sealed, or not all of it")
    if len(sealed) > body + LIMIT_BYTES + crypto.TAG_BYTES:
        raise CannotOpen("it is longer than anything that an edge seals")
    head = sealed[:_HEAD_BYTES]
    costs = tuple(head[len(MAGIC) : len(MAGIC) + 3])
    if not all([0 < cost <= most for cost, most in zip(costs, most)]):
        raise CannotOpen("it asks for more work than this box does to open something; a newer edge may have sealed it")
    found = crypto.decrypt(_key(head, passphrase), sealed[_HEAD_BYTES:body], sealed[body:], head)
    if found is None:
        raise WrongPassphrase("the passphrase is another one, or what was sealed was changed since")
    return found


def is_sealed(octets):
    """Say whether `octets` begin as what was sealed does."""
    return octets[: len(MAGIC)] == MAGIC


def _key(head, passphrase):
    import hashlib  # costs a box that seals nothing nothing

    from edge.access import crypto

    log_n, r, p = head[len(MAGIC) : len(MAGIC) + 3]
    words = unicodedata.normalize("NFKC", passphrase).encode("utf-8", "surrogatepass")
    salt = head[len(MAGIC) + 3 :]
    most = 128 * r * ((1 << log_n) + p + 2) + (1 << 20)
    return hashlib.scrypt(words, salt=salt, n=1 << log_n, r=r, p=p, maxmem=most, dklen=crypto.KEY_BYTES)
