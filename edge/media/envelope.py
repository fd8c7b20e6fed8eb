"""Secure DICOM Files: enveloped data of CMS around a digest of the file, in one pass, of a size that is known before.

    ContentInfo  enveloped data: recipients, AES-256-CBC
      ContentInfo  digested data: SHA-256
        the DICOM file

Each file has a content key of its own. For a password it is wrapped under a key that PBKDF2 makes of the password with
at least 600,000 rounds of HMAC-SHA256; that one is derived once for a volume, with one salt, or thousands of files
would take hours. Everything is DER with lengths that are sums. libcrypto's own CMS is not used: what it streams is cut
into pieces of its choice, so its size is known only afterwards, and it reads a file into memory to open it.

In a secure file-set every DICOM file is one of these, the DICOMDIR too, under the names that its records have; nothing
else may lie beside them that tells of patients.

Source: PS3.15 D.1; PS3.10 7.4; PS3.11 D.3.5; RFC 5652 6, 7; RFC 3211 2.3.1; RFC 3370 4.2.1; RFC 8018 A.2
"""

import os
import secrets

from edge.media import beside, cipher
from edge.media.ber import NULL, OCTETS, SEQUENCE, SET, head, identifier, integer, value
from edge.media.errors import MediaError
from edge.media.leaf import Leaf
from edge.media.manifest import pieces
from edge.media.written import Written

ENVELOPED, DIGESTED, SIGNED = "1.2.840.113549.1.7.3", "1.2.840.113549.1.7.5", "1.2.840.113549.1.7.2"
DATA = "1.2.840.113549.1.7.1"
AES_256_CBC, SHA_256 = "2.16.840.1.101.3.4.1.42", "2.16.840.1.101.3.4.2.1"
PBKDF2, PWRI_KEK = "1.2.840.113549.1.5.12", "1.2.840.113549.1.9.16.3.9"
HMAC_SHA_256, RSA = "1.2.840.113549.2.9", "1.2.840.113549.1.1.1"

LEAST_ROUNDS = 600_000
LEAST_LETTERS = 8
_AES = "AES-256-CBC"
_KEY_BYTES = 32
_SALT_BYTES = 16
_DIGEST_BYTES = 32
_STRIDE = 8 << 20
_PREAMBLE = 132  # octets up to and with "DICM"


class Password:
    """A password that opens what is sealed with it. Raises MediaError for one that is too short or not ASCII."""

    def __init__(self, words, rounds=LEAST_ROUNDS):
        from hashlib import pbkdf2_hmac

        given = cipher.password(words, LEAST_LETTERS, "a secure file-set")
        if rounds < LEAST_ROUNDS:
            raise MediaError(f"{rounds:,} rounds are too few: give {LEAST_ROUNDS:,} or more")
        salt = secrets.token_bytes(_SALT_BYTES)
        self._key = pbkdf2_hmac("sha256", given, salt, rounds, _KEY_BYTES)
        derivation = value(
            SEQUENCE, value(OCTETS, salt), integer(rounds), value(SEQUENCE, identifier(HMAC_SHA_256), value(NULL))
        )
        self._derived = value(0xA0, identifier(PBKDF2), derivation)
        self.version = 3  # of enveloped data that has such a recipient
        self.octets = len(self.recipient(bytes(_KEY_BYTES)))

    def recipient(self, key):
        """Return the content key for those who have the password, as a RecipientInfo."""
        iv = secrets.token_bytes(cipher.BLOCK_BYTES)
        inner = value(SEQUENCE, identifier(AES_256_CBC), value(OCTETS, iv))
        return value(
            0xA3,
            integer(0),
            self._derived,
            value(SEQUENCE, identifier(PWRI_KEK), inner),
            value(OCTETS, _wrapped(self._key, iv, key)),
        )


class Receiver:
    """Who has the private key of a certificate (PEM, bytes). Raises MediaError for one without an RSA key."""

    def __init__(self, certificate):
        self._certificate = cipher.Certificate(certificate)
        self.version = 0
        self.octets = len(self.recipient(bytes(_KEY_BYTES)))

    def recipient(self, key):
        """Return the content key for those who have the private key, as a RecipientInfo."""
        return value(
            SEQUENCE,
            integer(0),
            value(SEQUENCE, self._certificate.named),
            value(SEQUENCE, identifier(RSA), value(NULL)),
            value(OCTETS, self._certificate.encrypt(key)),
        )


def _wrapped(key, iv, content_key):
    """Wrap a content key: its length and the inverse of three octets in front, random ones behind, encrypted twice."""
    formatted = bytes((len(content_key),)) + bytes(octet ^ 0xFF for octet in content_key[:3]) + content_key
    formatted += secrets.token_bytes(-len(formatted) % cipher.BLOCK_BYTES)
    once = cipher.whole_blocks(_AES, key, iv, formatted, True)
    return cipher.whole_blocks(_AES, key, once[-cipher.BLOCK_BYTES :], once, True)


def _nested(tags, length):
    """Return the heads of values one in the other: (tag, octets in front inside, octets behind inside), from outside.

    length: of what the innermost holds.
    """
    made = b""
    for tag, before, behind in reversed(tags):
        made = before + made
        length += len(before) + behind
        first = head(tag, length)
        made, length = first + made, length + len(first)
    return made


def _inside(octets):
    """What stands in front of a file in its digested data."""
    digest = head(OCTETS, _DIGEST_BYTES)
    tags = (
        (SEQUENCE, identifier(DIGESTED), 0),
        (0xA0, b"", 0),
        (SEQUENCE, integer(0) + value(SEQUENCE, identifier(SHA_256)), len(digest) + _DIGEST_BYTES),
        (SEQUENCE, identifier(DATA), 0),
        (0xA0, b"", 0),
        (OCTETS, b"", 0),
    )
    return _nested(tags, octets), digest


def _outside(encrypted, recipients, version, iv):
    """What stands in front of the encrypted octets in the enveloped data."""
    algorithm = value(SEQUENCE, identifier(AES_256_CBC), value(OCTETS, iv))
    tags = (
        (SEQUENCE, identifier(ENVELOPED), 0),
        (0xA0, b"", 0),
        (SEQUENCE, integer(version) + value(SET, *sorted(recipients)), 0),
        (SEQUENCE, identifier(DATA) + algorithm, 0),
        (0x80, b"", 0),
    )
    return _nested(tags, encrypted)


def _encrypted(octets):
    before, digest = _inside(octets)
    inside = len(before) + octets + len(digest) + _DIGEST_BYTES
    return inside + cipher.BLOCK_BYTES - inside % cipher.BLOCK_BYTES


def size(octets, *recipients):
    """Return how many octets a file of so many becomes, for these recipients (Password, Receiver)."""
    length = _encrypted(octets)
    stand_ins = [bytes(each.octets) for each in recipients]
    return length + len(_outside(length, stand_ins, _version(recipients), bytes(cipher.BLOCK_BYTES)))


def _version(recipients):
    if not recipients:
        raise MediaError("nobody could open what is sealed for nobody: give a password or a certificate")
    return max(each.version for each in recipients)


def seal(leaf, target, *recipients):
    """Seal the file of a leaf into the file `target`, which is not there yet: a generator of Written, of its octets.

    Returns the Leaf that it becomes. Raises MediaError; then, and when the generator is closed, nothing is left.
    """
    yield from _seal(leaf, target, recipients, 0, leaf.size)
    return Leaf(leaf.name, target, size(leaf.size, *recipients))


def seal_all(leaves, folder, *recipients):
    """Seal every leaf of a file-set, its DICOMDIR too, into files in a staging folder: a generator of Written.

    leaves: Leaf, to be iterated several times. Returns an iterator of those of the secure file-set, in this order.
    Raises MediaError, also for a file that is no DICOM file: beside secure ones it would tell of the patients. Then,
    and when the generator is closed, nothing is left in the folder.
    """
    total = sum(leaf.size for leaf in leaves)
    for leaf in leaves:
        if not is_dicom(leaf.path):
            raise MediaError(
                f"{leaf.name} is no DICOM file, and a secure file-set has nothing else: leave out pages and viewer"
            )
    beside.room(folder, sum(size(leaf.size, *recipients) for leaf in leaves), "the secure file-set")
    done = number = 0
    try:
        for number, leaf in enumerate(leaves):
            yield from _seal(leaf, _target(folder, number), recipients, done, total)
            done += leaf.size
    except BaseException:
        for each in range(number):
            os.unlink(_target(folder, each))
        raise
    yield Written(total, total)
    return _sealed_leaves(leaves, folder)


def _target(folder, number):
    return os.path.join(folder, f"sealed{number:06d}")


def _sealed_leaves(leaves, folder):
    for number, leaf in enumerate(leaves):
        target = _target(folder, number)
        yield Leaf(leaf.name, target, os.stat(target).st_size)


def is_dicom(path):
    """Say whether a file has the head of a DICOM file."""
    try:
        with open(path, "rb") as file:
            return file.read(_PREAMBLE)[-4:] == b"DICM"
    except OSError:
        return False


def _seal(leaf, target, recipients, done, total):
    wanted = size(leaf.size, *recipients)
    try:
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise beside.put(error, target, wanted) from error
    is_whole = False
    try:
        shown = written = 0
        for piece in _sealed(leaf, recipients):
            written += len(piece)
            write_all(fd, piece)
            if written - shown >= _STRIDE:
                shown = written
                yield Written(done + min(written, leaf.size), total)
        if written != wanted:
            raise MediaError(f"{leaf.name} became {written:,} octets and was to become {wanted:,}: report this")
        is_whole = True
    except OSError as error:
        raise beside.put(error, target, wanted) from error
    finally:
        os.close(fd)
        if not is_whole:
            os.unlink(target)


def write_all(fd, octets):
    """Write all of these octets."""
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _sealed(leaf, recipients):
    """Yield the octets of a Secure DICOM File, as views that are good until the next."""
    from hashlib import sha256

    key, iv = secrets.token_bytes(_KEY_BYTES), secrets.token_bytes(cipher.BLOCK_BYTES)
    infos = [each.recipient(key) for each in recipients]
    yield _outside(_encrypted(leaf.size), infos, _version(recipients), iv)
    stream, digest = cipher.Stream(_AES, key, iv, True), sha256()
    before, behind = _inside(leaf.size)
    yield stream.update(before)
    for piece in pieces(leaf):
        digest.update(piece)
        yield stream.update(piece)
    yield stream.update(behind + digest.digest())
    yield stream.final()
