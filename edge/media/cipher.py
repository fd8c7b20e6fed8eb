"""Ciphers and keys of password-protected media: AES and Triple-DES as streams, RSA, by libcrypto; passwords.

The digests and the derivation of keys are the standard library's. Nothing is loaded before it is used.
"""

import secrets

from edge.media.errors import MediaError
from edge.net import libcrypto
from edge.net.libcrypto import must

_DECLARATIONS = """
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_pkey_ctx_st EVP_PKEY_CTX;
typedef struct evp_md_st EVP_MD;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct evp_cipher_st EVP_CIPHER;
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct x509_st X509;
typedef struct X509_name_st X509_NAME;
typedef struct asn1_string_st ASN1_STRING;
typedef struct bio_st BIO;

const EVP_CIPHER *EVP_get_cipherbyname(const char *name);
EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void);
void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *context);
int EVP_CIPHER_CTX_set_padding(EVP_CIPHER_CTX *context, int padding);
int EVP_CipherInit_ex(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, void *engine, const unsigned char *key,
                      const unsigned char *iv, int encrypts);
int EVP_CipherUpdate(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length, const unsigned char *in, int length);
int EVP_CipherFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length);

BIO *BIO_new_mem_buf(const void *octets, int length);
int BIO_free(BIO *bio);
X509 *PEM_read_bio_X509(BIO *bio, X509 **made, void *ask, void *user);
EVP_PKEY *PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **key, void *ask, void *user);
void X509_free(X509 *made);
EVP_PKEY *X509_get_pubkey(X509 *made);
X509_NAME *X509_get_issuer_name(const X509 *made);
ASN1_STRING *X509_get_serialNumber(X509 *made);
int i2d_X509_NAME(const X509_NAME *name, unsigned char **out);
int i2d_ASN1_INTEGER(const ASN1_STRING *number, unsigned char **out);
void EVP_PKEY_free(EVP_PKEY *key);
EVP_PKEY_CTX *EVP_PKEY_CTX_new(EVP_PKEY *key, void *engine);
void EVP_PKEY_CTX_free(EVP_PKEY_CTX *context);
int EVP_PKEY_CTX_ctrl_str(EVP_PKEY_CTX *context, const char *type, const char *value);
int EVP_PKEY_encrypt_init(EVP_PKEY_CTX *context);
int EVP_PKEY_encrypt(EVP_PKEY_CTX *context, unsigned char *out, size_t *out_length, const unsigned char *in,
                     size_t length);
int EVP_PKEY_decrypt_init(EVP_PKEY_CTX *context);
int EVP_PKEY_decrypt(EVP_PKEY_CTX *context, unsigned char *out, size_t *out_length, const unsigned char *in,
                     size_t length);
void ERR_clear_error(void);
"""

BLOCK_BYTES = 16  # of AES
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_GROUPS, _GROUP = 4, 5


def password(words, least, where):
    """Return a password (str) as octets, if every program takes it for the same ones.

    least: how many characters it must have; where: what it is for. PS3.15 D.1.1 allows the characters of the Default
    Character Repertoire; programs for ZIP encode the others each in its own way.
    """
    if any([not " " <= character <= "~" for character in words]):
        raise MediaError(
            f"the password of {where} may have the letters A-Z, a-z without accents, digits, spaces and the signs of"
            " an English keyboard only: others mean other octets to other programs; choose one of these"
        )
    if len(words) < least:
        raise MediaError(f"the password of {where} needs {least} characters or more: choose a longer one")
    return words.encode("ascii")


def new_password():
    """Return a new password of 20 letters and digits (99 bits), in groups that a person can copy from paper."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))


def _loaded():
    return libcrypto.loaded(_DECLARATIONS, "EVP_get_cipherbyname", "X509_get_pubkey")


class Stream:
    """A block cipher that works on octets as they come."""

    def __init__(self, name, key, iv, encrypts, pads=True):
        """name: as libcrypto has it, "AES-256-CBC"; iv: bytes, None for a mode without; pads: as PKCS #7 has it."""
        self._ffi, self._lib = _loaded()
        cipher = must(self._lib.EVP_get_cipherbyname(name.encode("ascii")), "find " + name)
        self._context = self._ffi.gc(must(self._lib.EVP_CIPHER_CTX_new(), "encrypt"), self._lib.EVP_CIPHER_CTX_free)
        iv = self._ffi.NULL if iv is None else iv
        must(self._lib.EVP_CipherInit_ex(self._context, cipher, self._ffi.NULL, key, iv, int(encrypts)), "use " + name)
        must(self._lib.EVP_CIPHER_CTX_set_padding(self._context, int(pads)), "set the padding")
        self._count = self._ffi.new("int *")
        self._out = bytearray()

    def update(self, octets):
        """Return what becomes of these octets as far as that is known yet: a view, good until the next call."""
        if len(self._out) < len(octets) + 2 * BLOCK_BYTES:
            self._out = bytearray(len(octets) + 2 * BLOCK_BYTES)
        given, out = self._ffi.from_buffer(octets), self._ffi.from_buffer(self._out)
        must(self._lib.EVP_CipherUpdate(self._context, out, self._count, given, len(octets)), "encrypt")
        return memoryview(self._out)[: self._count[0]]

    def final(self):
        """Return the last octets; None when what was decrypted has another padding than the key makes."""
        out = self._ffi.new("unsigned char[]", 2 * BLOCK_BYTES)
        if self._lib.EVP_CipherFinal_ex(self._context, out, self._count) < 1:
            self._lib.ERR_clear_error()
            return None
        return self._ffi.buffer(out, self._count[0])[:]


def whole_blocks(name, key, iv, octets, encrypts):
    """Return whole blocks encrypted, or decrypted, without any padding."""
    return bytes(Stream(name, key, iv, encrypts, pads=False).update(octets))


class Certificate:
    """The certificate of a reader, in PEM (bytes), with an RSA key. Raises MediaError for another.

    named: its issuer and serial number in DER, one behind the other.
    """

    def __init__(self, pem):
        ffi, lib = self._ffi, self._lib = _loaded()
        found = _read(ffi, lib, lib.PEM_read_bio_X509, pem)
        if not found:
            raise MediaError("this is no certificate in PEM: give the receiver's, with BEGIN CERTIFICATE in it")
        made = ffi.gc(found, lib.X509_free)
        self.named = _der(ffi, lambda out: lib.i2d_X509_NAME(lib.X509_get_issuer_name(made), out)) + _der(
            ffi, lambda out: lib.i2d_ASN1_INTEGER(lib.X509_get_serialNumber(made), out)
        )
        self._key = ffi.gc(must(lib.X509_get_pubkey(made), "read the key"), lib.EVP_PKEY_free)
        self.octets = len(self.encrypt(bytes(32)))

    def encrypt(self, octets):
        """Return a short secret, encrypted for the reader (RSAES-PKCS1-v1_5, which RFC 3370 asks for)."""
        try:
            return _by_rsa(self._ffi, self._lib, self._key, "encrypt", octets)
        except libcrypto.Unusable as error:
            raise MediaError("the certificate has no RSA key, which PS3.15 D.1.1 asks for: give another") from error


class PrivateKey:
    """The private key of a reader, in PEM (bytes) without a passphrase, and the certificate for it."""

    def __init__(self, pem, certificate):
        self.named = Certificate(certificate).named
        self._ffi, self._lib = _loaded()
        found = _read(self._ffi, self._lib, self._lib.PEM_read_bio_PrivateKey, pem)
        if not found:
            raise MediaError("this is no private key in PEM, or one under a passphrase: give one without")
        self._key = self._ffi.gc(found, self._lib.EVP_PKEY_free)

    def decrypt(self, octets):
        """Return what was encrypted for this key; None when it was for another."""
        try:
            return _by_rsa(self._ffi, self._lib, self._key, "decrypt", octets)
        except libcrypto.Unusable:
            return None


def _read(ffi, lib, read, pem):
    """Return what stands in a PEM, or NULL; nobody is asked for a passphrase."""
    octets = ffi.from_buffer(pem)
    bio = ffi.gc(must(lib.BIO_new_mem_buf(octets, len(pem)), "read a text"), lib.BIO_free)
    found = read(bio, ffi.NULL, ffi.NULL, ffi.from_buffer(b"\0"))
    lib.ERR_clear_error()
    return found


def _der(ffi, write):
    octets = bytearray(must(write(ffi.NULL), "write DER"))
    must(write(ffi.new("unsigned char **", ffi.from_buffer("unsigned char[]", octets))), "write DER")
    return bytes(octets)


def _by_rsa(ffi, lib, key, what, octets):
    context = ffi.gc(must(lib.EVP_PKEY_CTX_new(key, ffi.NULL), what), lib.EVP_PKEY_CTX_free)
    try:
        must(getattr(lib, f"EVP_PKEY_{what}_init")(context), what)
        must(lib.EVP_PKEY_CTX_ctrl_str(context, b"rsa_padding_mode", b"pkcs1"), what)
        length = ffi.new("size_t *")
        work = getattr(lib, "EVP_PKEY_" + what)
        must(work(context, ffi.NULL, length, octets, len(octets)), what)
        out = ffi.new("unsigned char[]", length[0])
        must(work(context, out, length, octets, len(octets)), what)
        return ffi.buffer(out, length[0])[:]
    finally:
        lib.ERR_clear_error()
