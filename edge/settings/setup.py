"""A setup file: a configuration with its files, for a box that nobody logs in to, and by what it is believed.

    edge-setup 1 claim-code     the body is sealed (`access.seal`) by the claim code of a box that is not claimed yet
    edge-setup 1 passphrase     the same, by a passphrase
    edge-setup 1 signed         a line with the signature of the body in base64, Ed25519 or ECDSA on P-256 and SHA-256

That is the first line; the body follows. What the seal holds, or what is signed, octet for octet, is JSON:

    {"edge-setup": 1, "edge": VERSION, "made": s since 1970, "serial": N, "for": "any" or a name of the box,
     "setup": {"text": "...", "files": [...], "network": settings of the network or null}}

with files as in a backup. In a signed file that carries a key or a password, `setup` is sealed by a passphrase that the
box has, too, and stands there as "sealed", in base64. A box takes no serial below or at the last one that it took.
"""

import base64
import binascii
import json
import time
from collections import namedtuple

from edge import VERSION
from edge.access import claim, crypto, seal
from edge.board import network
from edge.settings import backup
from edge.settings.sticks import LIMIT_BYTES, NAME, Refused

ANY = "any"
CLAIM_CODE, PASSPHRASE, SIGNED = "claim-code", "passphrase", "signed"  # by what one is believed

_VERSION = 1
_SERIAL_MOST = 2**53
_HEADS = {b"%s %d %s" % (NAME.encode(), _VERSION, kind.encode()): kind for kind in (CLAIM_CODE, PASSPHRASE, SIGNED)}
_HEAD_LIMIT = 64
_PUBLIC = ("certificate", "authorities", "signers")  # keys of files that are no secret, without a private key in them
_BEGIN, _END = b"-----BEGIN PUBLIC KEY-----", b"-----END PUBLIC KEY-----"
_DAMAGED = "it is damaged, or not all of it is there; write it anew with `edge setup-file`"

_SECRET = (
    "%s of %s is a secret, which a signature does not hide: give the file of a passphrase that the box has, too "
    "(`passphrase_file` under [setup])"
)

# What a file says. serial: int; made: s since 1970; whose: the name it is for, or ANY; setup: backup.Setup
Parcel = namedtuple("Parcel", ("serial", "made", "whose", "setup"))


class Wrong(Refused):
    """It is sealed by something else: whoever made it did not know this code or passphrase."""


# Making one


def make(text, path, disk, whose=ANY, serial=None, now=time.time, settings=None):
    """Return (what goes into a setup file, notes) of the text of a configuration at `path`. Raises Refused.

    serial: without it, `now`; settings: of the network, where it is to set that up, too.
    """
    if settings is not None:
        mistakes = network.read(settings)[1]
        if mistakes:
            raise Refused("\n".join(["%s: %s" % each for each in mistakes]))
    try:
        files, notes = backup.gathered(text, path, disk)
    except backup.Unusable as error:
        raise Refused(str(error)) from None
    made = int(now())
    serial = made if serial is None else serial
    if not 0 < serial < _SERIAL_MOST:
        raise Refused("the serial is a whole number from 1 on, below 2 to the power of 53")
    head = {NAME: _VERSION, "edge": VERSION, "made": made, "serial": serial, "for": whose}
    return {**head, "setup": {"text": text, "files": files, "network": settings}}, notes


def sealed(parcel, kind, secret):
    """Return the octets of a setup file that is sealed by a claim code or a passphrase. Raises Refused."""
    octets = _seal(parcel, claim.plain(secret) if kind == CLAIM_CODE else secret)
    return _whole(b"%s %d %s\n" % (NAME.encode(), _VERSION, kind.encode()) + octets)


def signed(parcel, private, passphrase=None):
    """Return the octets of a setup file that is signed by a private key in PEM. Raises Refused.

    passphrase: seals what it carries; needed where a key or a password is among that.
    """
    if passphrase is not None:
        parcel = dict(parcel)
        parcel["sealed"] = base64.b64encode(_seal(parcel.pop("setup"), passphrase)).decode()
    else:
        if network.has_secret(parcel["setup"]["network"]):
            raise Refused(_SECRET % ("passphrase", "[network.interface]"))
        for each in parcel["setup"]["files"]:
            if each["key"] not in _PUBLIC or b"PRIVATE KEY-----" in base64.b64decode(each["octets"]):
                raise Refused(_SECRET % (each["key"], "[%s]" % each["section"]))
    body = json.dumps(parcel).encode()
    try:
        signature = crypto.sign(private, body)
    except crypto.Unusable as error:
        raise Refused(str(error)) from None
    return _whole(b"%s %d signed\n%s\n%s" % (NAME.encode(), _VERSION, base64.b64encode(signature), body))


def _seal(value, secret):
    try:
        return seal.seal(json.dumps(value).encode(), secret)
    except (ValueError, crypto.Unusable) as error:
        raise Refused(str(error)) from None


def _whole(octets):
    if len(octets) > LIMIT_BYTES:
        raise Refused("it would be longer than a setup file may be (%d octets)" % LIMIT_BYTES)
    return octets


# Reading one


def kind_of(octets):
    """Return by what a setup file is to be believed. Raises Refused for what is none."""
    head, end, _ = octets[:_HEAD_LIMIT].partition(b"\n")
    if end and head in _HEADS:
        return _HEADS[head]
    if head.startswith(NAME.encode()) and end:
        raise Refused("it is of another kind than this version of edge knows; update the box, or make it with this one")
    raise Refused("it is no setup file; `edge setup-file` writes one")


def unsealed(octets, secret):
    """Return the Parcel of a sealed setup file. Raises Refused, Wrong."""
    if kind_of(octets) == CLAIM_CODE:
        secret = claim.plain(secret)
    return _parcel(_unseal(octets.partition(b"\n")[2], secret))


def verified(octets, signers, passphrase=None):
    """Return the Parcel of a signed setup file. Raises Refused.

    signers: the public keys that are believed, PEM (bytes) one after the other; passphrase: what opens what is sealed
    in it, where the box has one.
    """
    _, _, rest = octets.partition(b"\n")
    line, end, body = rest.partition(b"\n")
    try:
        signature = base64.b64decode(line, validate=True)
    except binascii.Error:
        signature = b""
    if not end or not signature:
        raise Refused(_DAMAGED)
    keys = _keys(signers)
    try:
        believed = any([crypto.is_signed(key, signature, body) for key in keys])
    except crypto.Unusable as error:
        raise Refused("signers under [setup]: %s" % error) from None
    if not believed:
        raise Refused("its signature is by no key that this box believes, or it was changed or cut short since")
    return _parcel(body, passphrase)


def check_signers(signers):
    """Raise Refused unless every public key of PEM (bytes) can be believed."""
    for number, key in enumerate(_keys(signers), 1):
        try:
            crypto.is_signed(key, b"", b"")
        except crypto.Unusable as error:
            raise Refused("key %d of signers under [setup]: %s" % (number, error)) from None


def _keys(signers):
    found = [_BEGIN + each.partition(_END)[0] + _END + b"\n" for each in signers.split(_BEGIN)[1:]]
    if not found and b"-----BEGIN CERTIFICATE-----" in signers:
        words = "signers under [setup] has a certificate; expected its public key: openssl x509 -pubkey -noout -in FILE"
        raise Refused(words)
    if not found:
        raise Refused("signers under [setup] has no public key in PEM (-----BEGIN PUBLIC KEY-----)")
    return found


def _unseal(octets, secret):
    try:
        return seal.unseal(octets, secret, seal.USUAL)
    except seal.WrongPassphrase as error:
        raise Wrong(str(error)) from None
    except (seal.CannotOpen, crypto.Unusable) as error:
        raise Refused(str(error)) from None


def _parcel(octets, passphrase=None):
    try:
        found = json.loads(octets)
        if found[NAME] != _VERSION:
            raise ValueError
        serial, made, whose = found["serial"], found["made"], found["for"]
        if not isinstance(whose, str) or not isinstance(serial, int) or not 0 < serial < _SERIAL_MOST:
            raise ValueError
        if "sealed" in found:
            inside = base64.b64decode(found["sealed"], validate=True)
            if passphrase is None:
                raise Refused("what it carries is sealed, and passphrase_file under [setup] is not set here")
            found["setup"] = json.loads(_unseal(inside, passphrase))
        text, rows, settings = found["setup"]["text"], found["setup"]["files"], found["setup"].get("network")
        if not isinstance(text, str) or not all([set(row) == _FIELDS for row in rows]):
            raise ValueError
        files = backup.files_of(rows)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise Refused(_DAMAGED) from None
    _check_places(text, files)
    if settings is not None and (mistakes := network.read(settings)[1]):
        raise Refused("\n".join(["[network] %s: %s" % each for each in mistakes]))
    return Parcel(serial, int(made), whose, backup.Setup(int(made), text, None, files, settings))


_FIELDS = {"section", "number", "key", "octets"}


def _check_places(text, files):
    """Refuse files that the configuration does not name, and names that lead out of its folder."""
    try:
        named = {place: shown for place, shown in backup.named_as_written(text)}
    except backup.Unusable as error:
        raise Refused(str(error)) from None
    for place in files:
        shown = named.get(place)
        if shown is None:
            raise Refused("it carries a file for %s of [%s], which its configuration does not name" % place[::-2])
        if ".." in shown.split("/"):
            raise Refused("%s of [%s] leads out of its folder: write its path without .." % place[::-2])
