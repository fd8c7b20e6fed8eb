"""Updates as they come: a RAUC bundle in verity format, held against what this box takes, before anything is done.

A bundle is a squashfs with the images, the tree of its hashes (dm-verity), and a signed message (CMS) that holds the
manifest with the tree's root hash; its last eight octets are the length of that message. So whoever has the end of a
bundle knows all about it, and its whole content is held against one signature. What is found here in words, RAUC finds
once more when it installs, with privileges and without trust in what was found here.

Source: RAUC reference, "Bundle Formats"; Linux, Documentation/admin-guide/device-mapper/verity.rst; RFC 5652
"""

import configparser
import hashlib
import os
import re
from collections import namedtuple

from edge.net import libcrypto
from edge.update.errors import Unfit

MOST_BYTES = 1 << 31
_TAIL = 8
_MESSAGE_BYTES = 64 << 10  # what RAUC takes
_MAGIC = b"hsqs"
_HEAD = 96  # of a squashfs
_BLOCK = 4096
_HASH = 32
_TOGETHER = 256  # blocks that are read at a time
_VERSION = re.compile(r"[0-9A-Za-z.~+-]{1,40}")

# What a bundle says of itself, believed once its signature is. version, compatible: str; images: {slot class: octets};
# payload_bytes: of the squashfs; tree_bytes: of the hashes behind it; root, salt: bytes
Bundle = namedtuple("Bundle", ("version", "compatible", "images", "payload_bytes", "tree_bytes", "root", "salt"))

_DECLARATIONS = """
typedef struct bio_st BIO; typedef struct bio_method_st BIO_METHOD; typedef struct x509_st X509;
typedef struct x509_store_st X509_STORE; typedef struct cms_st CMS_ContentInfo;
BIO *BIO_new_mem_buf(const void *octets, int length);
BIO *BIO_new(const BIO_METHOD *type);
const BIO_METHOD *BIO_s_mem(void);
int BIO_read(BIO *from, void *into, int length);
int BIO_free(BIO *bio);
X509 *PEM_read_bio_X509(BIO *from, void *x, void *callback, void *user);
void X509_free(X509 *certificate);
X509_STORE *X509_STORE_new(void);
void X509_STORE_free(X509_STORE *store);
int X509_STORE_add_cert(X509_STORE *store, X509 *certificate);
int X509_STORE_set_flags(X509_STORE *store, unsigned long flags);
CMS_ContentInfo *d2i_CMS_bio(BIO *from, void *cms);
void CMS_ContentInfo_free(CMS_ContentInfo *cms);
int CMS_is_detached(CMS_ContentInfo *cms);
int CMS_verify(CMS_ContentInfo *cms, void *certificates, X509_STORE *store, BIO *detached, BIO *out, unsigned flags);
unsigned long ERR_get_error(void);
void ERR_clear_error(void);
"""
_NO_CHECK_TIME = 0x200000  # RAUC asks whether the certificate was valid when it signed; a clock may be wrong
_CMS_BINARY = 0x80
_STRANGER = "the update is signed by somebody whom this box does not believe; take it from who made the box"
_UNKNOWN_SIGNER = 100  # CMS_R_CERTIFICATE_VERIFY_ERROR


class File:
    """A bundle in a file that is open: `size`, and octets at a place."""

    def __init__(self, fd):
        self._fd = fd
        self.size = os.fstat(fd).st_size

    def at(self, offset, length):
        """Return `length` octets at `offset`, fewer where it ends."""
        return os.pread(self._fd, length, offset)


def read(source, certificate):
    """Return the Bundle that a File (or a stream.Stream) holds, its signature verified; raises Unfit.

    certificate: path of the PEM file of who may sign.
    """
    if source.size < _HEAD + _TAIL or source.at(0, 4) != _MAGIC:
        raise Unfit("this is no update: it does not begin as a bundle; take the file that ends in .raucb")
    if source.size > MOST_BYTES:
        raise Unfit("this is no update: it is longer than any")
    used = int.from_bytes(source.at(40, 8), "little")
    length = int.from_bytes(source.at(source.size - _TAIL, _TAIL), "big")
    if used > source.size - _TAIL:
        raise Unfit("the update is cut short: copy or download it again")
    if not 0 < length <= _MESSAGE_BYTES or length + _TAIL > source.size - used:
        raise Unfit("the update is not signed: take the file that ends in .raucb, as it was published")
    message = source.at(source.size - _TAIL - length, length)
    found = _understood(_verified(message, certificate), source.size - _TAIL - length)
    if found.payload_bytes < used:
        raise Unfit("the update is damaged: what it says of its size is wrong")
    return found


def fits(found, here, allow_older=False):
    """Raise Unfit when a Bundle is for another board, or older than what runs. here: a release.Release."""
    from edge.update import release

    if found.compatible != here.board:
        words = "this update is for the board %s, and this box is %s: take the one for it"
        raise Unfit(words % (found.compatible, here.board or "no appliance"))
    if not allow_older and release.is_older(found.version, here.version):
        words = "this update is version %s, older than %s, which runs; say so (--allow-older) to take it all the same"
        raise Unfit(words % (found.version, here.version))


def verify(source, found):
    """Hold all of a bundle against its signed root hash; yield (octets done, of all); raises Unfit."""
    count = -(-found.payload_bytes // _BLOCK)
    level = bytearray()
    salted = hashlib.sha256(found.salt)
    for first in range(0, count, _TOGETHER):
        octets = source.at(first * _BLOCK, min(_TOGETHER, count - first) * _BLOCK)
        for at in range(0, len(octets), _BLOCK):
            block = salted.copy()
            block.update(octets[at : at + _BLOCK])
            level += block.digest()
        yield min((first + _TOGETHER) * _BLOCK, found.payload_bytes), found.payload_bytes
    while len(level) > _HASH:
        above = bytearray()
        for at in range(0, len(level), _BLOCK):
            block = salted.copy()
            block.update(bytes(level[at : at + _BLOCK]).ljust(_BLOCK, b"\0"))
            above += block.digest()
        level = above
    if bytes(level) != found.root:
        raise Unfit("the update was tampered with or damaged: its content is not what was signed; download it again")


def _understood(manifest, end):
    """Return the Bundle of a signed manifest; end: where the message begins."""
    wrong = "the update is signed, but its manifest makes no sense to this version: %s"
    reading = configparser.RawConfigParser(strict=True)
    try:
        reading.read_string(manifest.decode("utf-8"))
        update, about = reading["update"], reading["bundle"]
        if about.get("format") != "verity":
            raise Unfit(wrong % "it is not in verity format")
        version, compatible = update["version"], update["compatible"]
        tree = int(about["verity-size"])
        root, salt = bytes.fromhex(about["verity-hash"]), bytes.fromhex(about["verity-salt"])
        images = {
            name.removeprefix("image."): int(reading[name]["size"])
            for name in reading.sections()
            if name.startswith("image.")
        }
    except (configparser.Error, KeyError, ValueError) as error:
        raise Unfit(wrong % str(error).splitlines()[0]) from None
    if not _VERSION.fullmatch(version) or len(root) != _HASH or not 0 < tree < end or (end - tree) % _BLOCK:
        raise Unfit(wrong % "a value in it cannot be")
    return Bundle(version, compatible, images, end - tree, tree, root, salt)


def _verified(message, certificate):
    """Return the content of a signed message; raises Unfit."""
    ffi, crypto = libcrypto.loaded(_DECLARATIONS, "CMS_verify")
    try:
        with open(certificate, "rb") as file:
            pem = file.read(_MESSAGE_BYTES)
    except OSError as error:
        words = "this box has no certificate to hold updates against (%s: %s)"
        raise Unfit(words % (certificate, error.strerror.lower())) from None
    crypto.ERR_clear_error()
    octets = ffi.gc(crypto.BIO_new_mem_buf(message, len(message)), crypto.BIO_free)
    cms = crypto.d2i_CMS_bio(octets, ffi.NULL)
    if not cms:
        raise Unfit("the update is not signed: what stands at its end is no signature")
    cms = ffi.gc(cms, crypto.CMS_ContentInfo_free)
    if crypto.CMS_is_detached(cms):
        raise Unfit("the update is in a format that this box does not take (plain); it has to be a verity bundle")
    out = ffi.gc(crypto.BIO_new(crypto.BIO_s_mem()), crypto.BIO_free)
    if crypto.CMS_verify(cms, ffi.NULL, _store(ffi, crypto, pem, certificate), ffi.NULL, out, _CMS_BINARY) != 1:
        reason = crypto.ERR_get_error() & 0x7FFFFF & 0xFFF
        if reason == _UNKNOWN_SIGNER:
            raise Unfit(_STRANGER)
        raise Unfit("the update was tampered with or damaged: its signature does not fit it; download it again")
    content = ffi.new("char[]", _MESSAGE_BYTES)
    return bytes(ffi.buffer(content, max(0, crypto.BIO_read(out, content, _MESSAGE_BYTES))))


def _store(ffi, crypto, pem, path):
    """Return the certificates that are believed."""
    store = ffi.gc(crypto.X509_STORE_new(), crypto.X509_STORE_free)
    crypto.X509_STORE_set_flags(store, _NO_CHECK_TIME)
    from_ = ffi.gc(crypto.BIO_new_mem_buf(pem, len(pem)), crypto.BIO_free)
    count = 0
    while each := crypto.PEM_read_bio_X509(from_, ffi.NULL, ffi.NULL, ffi.NULL):
        count += crypto.X509_STORE_add_cert(store, each)
        crypto.X509_free(each)
    crypto.ERR_clear_error()
    if not count:
        raise Unfit("%s holds no certificate to hold updates against" % path)
    return store
