"""The libcrypto that Python's own `ssl` is linked to, for what the standard library has no function: three of them.

A key with a certificate for it (EC P-256, X.509), AES-256-GCM, and signatures (Ed25519, ECDSA on P-256).
"""

from edge.net import libcrypto
from edge.net.libcrypto import Unusable, must as _must

_DECLARATIONS = """
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_pkey_ctx_st EVP_PKEY_CTX;
typedef struct evp_md_st EVP_MD;
typedef struct evp_cipher_st EVP_CIPHER;
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct x509_st X509;
typedef struct X509_name_st X509_NAME;
typedef struct X509_extension_st X509_EXTENSION;
typedef struct asn1_string_st ASN1_STRING;
typedef struct bio_st BIO;
typedef struct bio_method_st BIO_METHOD;

EVP_PKEY_CTX *EVP_PKEY_CTX_new_id(int id, void *engine);
void EVP_PKEY_CTX_free(EVP_PKEY_CTX *context);
int EVP_PKEY_keygen_init(EVP_PKEY_CTX *context);
int EVP_PKEY_CTX_ctrl_str(EVP_PKEY_CTX *context, const char *type, const char *value);
int EVP_PKEY_keygen(EVP_PKEY_CTX *context, EVP_PKEY **key);
void EVP_PKEY_free(EVP_PKEY *key);
const EVP_MD *EVP_sha256(void);
typedef struct evp_md_ctx_st EVP_MD_CTX;
EVP_MD_CTX *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(EVP_MD_CTX *context);
int EVP_DigestSignInit(EVP_MD_CTX *context, EVP_PKEY_CTX **inner, const EVP_MD *digest, void *engine, EVP_PKEY *key);
int EVP_DigestSign(EVP_MD_CTX *context, unsigned char *signature, size_t *signature_length, const unsigned char *octets,
                   size_t length);
int EVP_DigestVerifyInit(EVP_MD_CTX *context, EVP_PKEY_CTX **inner, const EVP_MD *digest, void *engine, EVP_PKEY *key);
int EVP_DigestVerify(EVP_MD_CTX *context, const unsigned char *signature, size_t signature_length,
                     const unsigned char *octets, size_t length);
EVP_PKEY *PEM_read_bio_PUBKEY(BIO *bio, EVP_PKEY **key, void *ask, void *user);
EVP_PKEY *PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **key, void *ask, void *user);
int PEM_write_bio_PUBKEY(BIO *bio, EVP_PKEY *key);
void ERR_clear_error(void);

X509 *X509_new(void);
void X509_free(X509 *made);
int X509_set_version(X509 *made, long version);
ASN1_STRING *X509_get_serialNumber(X509 *made);
void *BN_bin2bn(const unsigned char *octets, int length, void *number);
void BN_free(void *number);
ASN1_STRING *BN_to_ASN1_INTEGER(const void *number, ASN1_STRING *integer);
ASN1_STRING *X509_getm_notBefore(const X509 *made);
ASN1_STRING *X509_getm_notAfter(const X509 *made);
ASN1_STRING *ASN1_TIME_adj(ASN1_STRING *time, int64_t from_s, int days, long seconds);
int X509_set_pubkey(X509 *made, EVP_PKEY *key);
X509_NAME *X509_get_subject_name(const X509 *made);
int X509_NAME_add_entry_by_txt(X509_NAME *name, const char *field, int type, const unsigned char *octets, int length,
                               int place, int set);
int X509_set_issuer_name(X509 *made, const X509_NAME *name);
X509_EXTENSION *X509V3_EXT_conf_nid(void *config, void *context, int nid, const char *value);
void X509_EXTENSION_free(X509_EXTENSION *extension);
int X509_add_ext(X509 *made, const X509_EXTENSION *extension, int place);
int X509_sign(X509 *made, EVP_PKEY *key, const EVP_MD *digest);

const BIO_METHOD *BIO_s_mem(void);
BIO *BIO_new(const BIO_METHOD *method);
BIO *BIO_new_mem_buf(const void *octets, int length);
int BIO_read(BIO *bio, void *octets, int length);
int BIO_free(BIO *bio);
int PEM_write_bio_X509(BIO *bio, const X509 *made);
int PEM_write_bio_PrivateKey(BIO *bio, const EVP_PKEY *key, const EVP_CIPHER *cipher, const unsigned char *phrase,
                             int length, void *ask, void *user);

EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void);
void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *context);
const EVP_CIPHER *EVP_aes_256_gcm(void);
int EVP_CipherInit_ex(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, void *engine, const unsigned char *key,
                      const unsigned char *nonce, int encrypts);
int EVP_CipherUpdate(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length, const unsigned char *in, int length);
int EVP_CipherFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length);
int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *context, int type, int length, void *value);
"""

_EC = 408  # NID_X9_62_id_ecPublicKey
_UTF8 = 0x1000  # MBSTRING_UTF8
_EXTENSIONS = {"subjectAltName": 85, "basicConstraints": 87, "keyUsage": 83, "extendedKeyUsage": 126}
_GET_TAG, _SET_TAG = 0x10, 0x11
TAG_BYTES = 16
NONCE_BYTES = 12
KEY_BYTES = 32
_PEM_LIMIT = 1 << 16
_SIGNATURE_MOST = 160
# What stands at the beginning of a public key in DER (SubjectPublicKeyInfo), and whether its octets are digested first
# Source: RFC 8410; RFC 5480
_SIGNING = (
    (bytes.fromhex("302a300506032b6570"), False),
    (bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107"), True),
)


def _loaded():
    """Return (FFI, library)."""
    return libcrypto.loaded(_DECLARATIONS, "X509_getm_notBefore", "EVP_aes_256_gcm")


def make_certificate(name, places, begins, ends):
    """Return (certificate, key), both PEM (bytes), of a new key on P-256, signed by itself.

    name: its common name (str); places: "DNS:name" and "IP:address" (str) that it is for; begins, ends: s since 1970.
    """
    import secrets

    ffi, lib = _loaded()
    key = ffi.gc(_new_key(ffi, lib), lib.EVP_PKEY_free)
    made = ffi.gc(_must(lib.X509_new(), "make a certificate"), lib.X509_free)
    _must(lib.X509_set_version(made, 2), "set the version")
    serial = secrets.token_bytes(16)
    number = ffi.gc(_must(lib.BN_bin2bn(bytes([serial[0] & 0x7F | 0x40]) + serial[1:], 16, ffi.NULL), "take a number"),
                    lib.BN_free)  # fmt: skip
    _must(lib.BN_to_ASN1_INTEGER(number, lib.X509_get_serialNumber(made)), "set the serial number")
    for field, when in ((lib.X509_getm_notBefore(made), begins), (lib.X509_getm_notAfter(made), ends)):
        _must(lib.ASN1_TIME_adj(field, int(when), 0, 0), "set the validity")
    _must(lib.X509_set_pubkey(made, key), "set the key")
    subject = lib.X509_get_subject_name(made)
    octets = name.encode()[:64]
    _must(lib.X509_NAME_add_entry_by_txt(subject, b"CN", _UTF8, octets, len(octets), -1, 0), "set the name")
    _must(lib.X509_set_issuer_name(made, subject), "set the issuer")
    values = {
        "subjectAltName": ",".join(places),
        "basicConstraints": "critical,CA:FALSE",
        "keyUsage": "critical,digitalSignature",
        "extendedKeyUsage": "serverAuth",
    }
    for what, value in values.items():
        found = lib.X509V3_EXT_conf_nid(ffi.NULL, ffi.NULL, _EXTENSIONS[what], value.encode("ascii"))
        extension = ffi.gc(_must(found, "write " + what), lib.X509_EXTENSION_free)
        _must(lib.X509_add_ext(made, extension, -1), "add " + what)
    _must(lib.X509_sign(made, key, lib.EVP_sha256()), "sign")
    none = ffi.NULL
    return (
        _pem(ffi, lib, lambda bio: lib.PEM_write_bio_X509(bio, made)),
        _pem(ffi, lib, lambda bio: lib.PEM_write_bio_PrivateKey(bio, key, none, none, 0, none, none)),
    )


def _new_key(ffi, lib):
    context = ffi.gc(_must(lib.EVP_PKEY_CTX_new_id(_EC, ffi.NULL), "make keys"), lib.EVP_PKEY_CTX_free)
    _must(lib.EVP_PKEY_keygen_init(context), "make keys")
    _must(lib.EVP_PKEY_CTX_ctrl_str(context, b"ec_paramgen_curve", b"P-256"), "use P-256")
    _must(lib.EVP_PKEY_CTX_ctrl_str(context, b"ec_param_enc", b"named_curve"), "name the curve")
    key = ffi.new("EVP_PKEY **")
    _must(lib.EVP_PKEY_keygen(context, key), "make a key")
    return key[0]


def _pem(ffi, lib, write):
    bio = ffi.gc(_must(lib.BIO_new(lib.BIO_s_mem()), "keep a text"), lib.BIO_free)
    _must(write(bio), "write PEM")
    octets = ffi.new("char[]", _PEM_LIMIT)
    return ffi.buffer(octets, _must(lib.BIO_read(bio, octets, _PEM_LIMIT), "read PEM"))[:]


def encrypt(key, nonce, octets, bound):
    """Return `octets` encrypted by AES-256-GCM, with the tag behind; `bound` (bytes) is authenticated, not encrypted.

    key: KEY_BYTES octets; nonce: NONCE_BYTES octets, never used twice with one key.
    """
    ffi, lib = _loaded()
    context, out = _cipher(ffi, lib, key, nonce, octets, bound, True)
    tag = ffi.new("unsigned char[]", TAG_BYTES)
    _must(lib.EVP_CipherFinal_ex(context, tag, ffi.new("int *")), "encrypt")
    _must(lib.EVP_CIPHER_CTX_ctrl(context, _GET_TAG, TAG_BYTES, tag), "authenticate")
    return ffi.buffer(out, len(octets))[:] + ffi.buffer(tag)[:]


def decrypt(key, nonce, octets, bound):
    """Return what `encrypt` made `octets` of; None when they, `bound`, key or nonce are not what they were then."""
    ffi, lib = _loaded()
    body, tag = octets[:-TAG_BYTES], octets[-TAG_BYTES:]
    if len(tag) != TAG_BYTES:
        return None
    context, out = _cipher(ffi, lib, key, nonce, body, bound, False)
    _must(lib.EVP_CIPHER_CTX_ctrl(context, _SET_TAG, TAG_BYTES, ffi.from_buffer(tag)), "authenticate")
    if lib.EVP_CipherFinal_ex(context, ffi.new("unsigned char[]", TAG_BYTES), ffi.new("int *")) < 1:
        return None
    return ffi.buffer(out, len(body))[:]


def _cipher(ffi, lib, key, nonce, octets, bound, encrypts):
    """Return (context, output) of a cipher that has worked on all octets and has yet to be finished."""
    if len(key) != KEY_BYTES or len(nonce) != NONCE_BYTES:
        raise ValueError("a key of %d octets, a nonce of %d" % (len(key), len(nonce)))
    context = ffi.gc(_must(lib.EVP_CIPHER_CTX_new(), "encrypt"), lib.EVP_CIPHER_CTX_free)
    _must(lib.EVP_CipherInit_ex(context, lib.EVP_aes_256_gcm(), ffi.NULL, key, nonce, int(encrypts)), "encrypt")
    count = ffi.new("int *")
    _must(lib.EVP_CipherUpdate(context, ffi.NULL, count, bound, len(bound)), "authenticate")
    out = ffi.new("unsigned char[]", len(octets) + TAG_BYTES)
    if octets:
        _must(lib.EVP_CipherUpdate(context, out, count, octets, len(octets)), "encrypt")
    return context, out


def sign(private, octets):
    """Return the signature of `octets` by a private key in PEM (bytes), Ed25519 or on P-256. Raises Unusable."""
    ffi, lib = _loaded()
    key = _read_key(ffi, lib, lib.PEM_read_bio_PrivateKey, private)
    if key is None:
        raise Unusable("this is no private key in PEM, or one under a passphrase; expected one without")
    digest = _digest(ffi, lib, _pem(ffi, lib, lambda bio: lib.PEM_write_bio_PUBKEY(bio, key)))
    context = ffi.gc(_must(lib.EVP_MD_CTX_new(), "sign"), lib.EVP_MD_CTX_free)
    _must(lib.EVP_DigestSignInit(context, ffi.NULL, digest, ffi.NULL, key), "sign")
    signature, length = ffi.new("unsigned char[]", _SIGNATURE_MOST), ffi.new("size_t *", _SIGNATURE_MOST)
    _must(lib.EVP_DigestSign(context, signature, length, octets, len(octets)), "sign")
    return ffi.buffer(signature, length[0])[:]


def is_signed(public, signature, octets):
    """Say whether `signature` is that of `octets` by the key whose public part is `public`, in PEM (bytes).

    Raises Unusable for what is no public key, Ed25519 or on P-256.
    """
    ffi, lib = _loaded()
    key = _read_key(ffi, lib, lib.PEM_read_bio_PUBKEY, public)
    if key is None:
        raise Unusable("this is no public key in PEM")
    digest = _digest(ffi, lib, public)
    context = ffi.gc(_must(lib.EVP_MD_CTX_new(), "verify"), lib.EVP_MD_CTX_free)
    _must(lib.EVP_DigestVerifyInit(context, ffi.NULL, digest, ffi.NULL, key), "verify")
    good = lib.EVP_DigestVerify(context, signature, len(signature), octets, len(octets)) == 1
    lib.ERR_clear_error()  # what it says of a wrong one must not be taken for a failure of TLS
    return good


def _read_key(ffi, lib, read, pem):
    """Return the key of a PEM, None when it cannot be read; nobody is asked for a passphrase."""
    octets = ffi.from_buffer(pem)
    bio = ffi.gc(_must(lib.BIO_new_mem_buf(octets, len(pem)), "read a text"), lib.BIO_free)
    key = read(bio, ffi.NULL, ffi.NULL, ffi.from_buffer(b"\0"))
    if not key:
        lib.ERR_clear_error()
        return None
    return ffi.gc(key, lib.EVP_PKEY_free)


def _digest(ffi, lib, public):
    """Return the digest that goes with a public key in PEM; Unusable for a kind of key that is not taken."""
    import binascii

    body = b"".join(public.partition(b"KEY-----")[2].partition(b"-----END")[0].split())
    try:
        found = binascii.a2b_base64(body)
    except binascii.Error:
        found = b""
    for begin, is_digested in _SIGNING:
        if found.startswith(begin):
            return lib.EVP_sha256() if is_digested else ffi.NULL
    raise Unusable("a key of another kind; expected Ed25519, or EC on P-256")
