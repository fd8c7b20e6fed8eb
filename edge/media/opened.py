"""Secure DICOM Files opened again, ours and others': decrypted in one pass, and held against their digest.

Read is what PS3.15 D.1.1 allows to be written: AES of every length or Triple-DES, a password (PBKDF2) or RSA, digested
or signed data within, SHA-1 to SHA-512. Of signed data the digests are checked, and not who signed.

Source: PS3.15 D.1; RFC 5652 5, 6, 7; RFC 3211 2.3.1
"""

import functools
import os

from edge.media import beside, cipher, envelope
from edge.media.ber import OBJECT, OCTETS, SEQUENCE, SET, Broken, Flow, identifier, number, parts
from edge.media.errors import MediaError
from edge.media.inventory import nameless as new_nameless
from edge.media.leaf import Leaf
from edge.media.manifest import pieces
from edge.media.written import Written

_BEGIN = identifier(envelope.ENVELOPED)
_CIPHERS = {
    "2.16.840.1.101.3.4.1.2": ("AES-128-CBC", 16, 16),  # name, octets of a key, of a block
    "2.16.840.1.101.3.4.1.22": ("AES-192-CBC", 24, 16),
    envelope.AES_256_CBC: ("AES-256-CBC", 32, 16),
    "1.2.840.113549.3.7": ("DES-EDE3-CBC", 24, 8),
}
_PRFS = {
    "1.2.840.113549.2.7": "sha1",
    envelope.HMAC_SHA_256: "sha256",
    "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512",
}
_DIGESTS = {
    "1.3.14.3.2.26": "sha1",
    envelope.SHA_256: "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_MESSAGE_DIGEST = identifier("1.2.840.113549.1.9.4")[2:]
_MOST_ROUNDS = 8_000_000  # more would keep the box busy for a minute over a hostile file
_MOST_SHORT = 1 << 20
_STRIDE = 8 << 20
_PIECE = 1 << 20
_HEAD_OCTETS = 32


def _named(table):
    """A table by the contents of the identifiers that are its keys."""
    return {identifier(dotted)[2:]: entry for dotted, entry in table.items()}


_CIPHERS, _PRFS, _DIGESTS = _named(_CIPHERS), _named(_PRFS), _named(_DIGESTS)


def is_sealed(octets):
    """Say whether a file that begins with these octets (32, if there are) is a Secure DICOM File."""
    begin = octets[:_HEAD_OCTETS]
    return begin[:1] == b"\x30" and _BEGIN in (begin[at : at + len(_BEGIN)] for at in range(2, 11))


def is_sealed_file(path):
    """Say whether a file is a Secure DICOM File, as far as its beginning shows."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return is_sealed_at(fd)
    except OSError:
        return False
    finally:
        os.close(fd)


def is_sealed_at(fd):
    """Say the same of an open file."""
    return is_sealed(os.pread(fd, _HEAD_OCTETS, 0))


class Password:
    """Opens what was sealed with a password (str). given: it, as octets."""

    def __init__(self, words):
        self.given = words.encode("utf-8", "surrogateescape")
        self._derived = functools.lru_cache(maxsize=4)(self._derive)  # once for a volume

    def _derive(self, prf, salt, rounds, octets):
        from hashlib import pbkdf2_hmac

        return pbkdf2_hmac(prf, self.given, salt, rounds, octets)

    def key(self, recipients):
        """Return the content key that one of the recipients, (tag, contents) each, is for. Raises MediaError."""
        mine = [contents for tag, contents in recipients if tag == 0xA3]
        if not mine:
            raise MediaError("these files open with a private key and not with a password: give key and certificate")
        for contents in mine:
            if found := self._unwrapped(contents):
                return found
        raise MediaError("the password is another one: give the one that came with this volume")

    def _unwrapped(self, contents):
        _, (tag, derivation), (_, wrapping), (_, wrapped) = _exactly(parts(contents), 4)
        (_, what), (_, given) = _exactly(parts(derivation), 2)
        if tag != 0xA0 or what != identifier(envelope.PBKDF2)[2:]:
            raise Broken("another derivation of keys than PBKDF2")
        (_, salt), (_, rounds), *more = _at_least(parts(given), 2)
        prf = [_at_least(parts(each), 1)[0][1] for tag, each in more if tag == SEQUENCE]
        digest = _PRFS.get(prf[0]) if prf else "sha1"
        rounds = number(rounds)
        if digest is None or not 0 < rounds <= _MOST_ROUNDS:
            raise Broken(f"PBKDF2 with {rounds:,} rounds, or of another kind")
        (_, what), (_, algorithm) = _exactly(parts(wrapping), 2)
        if what != identifier(envelope.PWRI_KEK)[2:]:
            raise Broken("another wrapping of keys than RFC 3211 has")
        (name, key_octets, block), iv = _algorithm(algorithm)
        if len(wrapped) < 2 * block or len(wrapped) % block:
            raise Broken("a wrapped key of another length")
        key = self._derived(digest, salt, rounds, key_octets)
        last = cipher.whole_blocks(name, key, wrapped[-2 * block : -block], wrapped[-block:], False)
        once = cipher.whole_blocks(name, key, last, wrapped, False)
        formatted = cipher.whole_blocks(name, key, iv, once, False)
        found = formatted[4 : 4 + formatted[0]]
        is_mine = bytes(octet ^ 0xFF for octet in formatted[1:4]) == found[:3] and len(found) == formatted[0] > 3
        return found if is_mine else None


class Key:
    """Opens what was sealed for a receiver: private key and certificate, in PEM (bytes)."""

    def __init__(self, private, certificate):
        self._private = cipher.PrivateKey(private, certificate)

    def key(self, recipients):
        """Return the content key that one of the recipients, (tag, contents) each, is for. Raises MediaError."""
        for tag, contents in recipients:
            if tag == SEQUENCE:
                _, (_, named), (_, algorithm), (_, wrapped) = _exactly(parts(contents), 4)
                is_rsa = _at_least(parts(algorithm), 1)[0][1] == identifier(envelope.RSA)[2:]
                if named == self._private.named and is_rsa and (found := self._private.decrypt(wrapped)):
                    return found
        raise MediaError("these files are sealed for others: give the key and the certificate that they were made for")


def unseal(leaf, target, key):
    """Open a Secure DICOM File into the file `target`, which is not there yet: a generator of Written, of its octets.

    key: a Password or Key of this module. Returns the Leaf that it becomes. Raises MediaError: another password,
    something changed; then, and when the generator is closed, nothing is left.
    """
    try:
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise beside.put(error, target) from error
    is_whole = False
    try:
        done = shown = 0
        for piece in plain(pieces(leaf), key):
            envelope.write_all(fd, piece)
            done += len(piece)
            if done - shown >= _STRIDE:
                shown = done
                yield Written(min(done, leaf.size), leaf.size)
        is_whole = True
    except OSError as error:
        raise beside.put(error, target) from error
    finally:
        os.close(fd)
        if not is_whole:
            os.unlink(target)
    yield Written(leaf.size, leaf.size)
    return Leaf(leaf.name, target, done)


def nameless(fd, key, folder):
    """Return the descriptor of a file without a name in a folder that has what the Secure DICOM File `fd` holds.

    key: as `unseal` has it. Raises MediaError.
    """
    made = new_nameless(folder)
    try:
        for piece in plain(_pieces(fd), key):
            envelope.write_all(made, piece)
        os.lseek(made, 0, os.SEEK_SET)
        return made
    except OSError as error:
        os.close(made)
        raise beside.put(error, "what is protected") from error
    except BaseException:
        os.close(made)
        raise


def _pieces(fd):
    at, buffer = 0, memoryview(bytearray(_PIECE))
    while count := os.preadv(fd, [buffer], at):
        yield buffer[:count]
        at += count


def plain(sealed, key):
    """Yield the octets of the DICOM file in a Secure DICOM File, given as pieces. Raises MediaError.

    They are good only if the generator comes to its end: the digest stands behind them.
    """
    flow = Flow(sealed)
    lengths = [flow.open(SEQUENCE)]
    if flow.whole(32, OBJECT)[1] != _BEGIN[2:]:
        raise Broken("no enveloped data")
    lengths += [flow.open(0xA0), flow.open(SEQUENCE)]
    flow.whole(4)  # the version
    tag, recipients = flow.whole(_MOST_SHORT)
    if tag == 0xA0:  # certificates of who sealed it
        tag, recipients = flow.whole(_MOST_SHORT)
    if tag != SET:
        raise Broken("no recipients")
    content_key = key.key(parts(recipients))
    lengths += [flow.open(SEQUENCE)]
    outer = flow.whole(32, OBJECT)[1]
    (name, octets, _), iv = _algorithm(flow.whole(256, SEQUENCE)[1])
    if len(content_key) != octets:
        raise Broken("a content key of another length")
    inside = Flow(_decrypted(flow, cipher.Stream(name, content_key, iv, False)))
    yield from _checked(inside, outer)
    if not inside.is_at_end():
        raise Broken("something behind its content")


def _decrypted(flow, stream):
    for piece in flow.contents(0x80):
        yield stream.update(piece)
    last = stream.final()
    if last is None:
        raise Broken("what it holds was changed, or ends early")
    yield last


def _checked(flow, outer):
    """Yield the content of digested or signed data, with or without a ContentInfo around it, and check its digest."""
    from hashlib import new

    lengths = [flow.open(SEQUENCE)]
    tag, first = flow.whole(32)
    kind = outer
    if tag == OBJECT:
        kind = first
        lengths += [flow.open(0xA0), flow.open(SEQUENCE)]
        flow.whole(4)
    is_signed = kind == identifier(envelope.SIGNED)[2:]
    if not is_signed and kind != identifier(envelope.DIGESTED)[2:]:
        raise Broken("neither digested nor signed data")
    tag, algorithms = flow.whole(4096)
    algorithms = [each for _, each in parts(algorithms)] if is_signed else [algorithms]
    found = [_at_least(parts(each), 1)[0][1] for each in algorithms]
    if not found or any([each not in _DIGESTS for each in found]):
        raise Broken("another digest than SHA-1 or SHA-2")
    digests = {each: new(_DIGESTS[each]) for each in found}
    content = [flow.open(SEQUENCE)]
    flow.whole(32, OBJECT)
    content.append(flow.open(0xA0))
    for piece in flow.contents(OCTETS):
        for digest in digests.values():
            digest.update(piece)
        yield piece
    flow.end(*reversed(content))
    if is_signed:
        _check_signers(flow, digests)
    elif flow.whole(64, OCTETS)[1] != digests[found[0]].digest():
        raise Broken("its digest is another")
    flow.end(*reversed(lengths))


def _check_signers(flow, digests):
    """Hold the content's digests against those that were signed."""
    tag, contents = flow.whole(_MOST_SHORT)
    while tag != SET:  # certificates, lists of what was revoked
        tag, contents = flow.whole(_MOST_SHORT)
    signed = 0
    for _, signer in parts(contents):
        _, _, (_, algorithm), *more = _at_least(parts(signer), 5)
        digest = digests.get(_at_least(parts(algorithm), 1)[0][1])
        attributes = [parts(each) for tag, part in more[:1] if tag == 0xA0 for _, each in parts(part)]
        values = [parts(each[1][1])[0][1] for each in attributes if each[0][1] == _MESSAGE_DIGEST]
        if digest is None or not values or values[0] != digest.digest():
            raise Broken("what was signed has another digest")
        signed += 1
    if not signed:
        raise Broken("nobody signed it, and it has no digest")


def _algorithm(contents):
    """Return ((name, octets of a key, of a block), iv) of a cipher."""
    (_, what), (_, iv) = _exactly(parts(contents), 2)
    found = _CIPHERS.get(what)
    if found is None:
        raise Broken("another cipher than AES or Triple-DES")
    if len(iv) != found[2]:
        raise Broken("a cipher that begins otherwise")
    return found, iv


def _exactly(found, count):
    if len(found) != count:
        raise Broken(f"{len(found)} parts where {count} should be")
    return found


def _at_least(found, count):
    if len(found) < count:
        raise Broken(f"{len(found)} parts where {count} should be")
    return found
