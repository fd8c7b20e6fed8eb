"""TLS: who is believed, what is said, and files that may be replaced while the box runs.

`Client` and `Server` hold an ssl.SSLContext made of PEM files and make a new one once one of these files is another,
which is seen by its time, size and inode. Connections that are open keep what they began with. When the new files
cannot be used, the context before them goes on, and `fault` says in words why.

The profiles are those of PS3.15 B.12 and B.13: TLS 1.2 and 1.3 and nothing older, forward secrecy and authenticated
encryption only, no compression, no renegotiation.
"""

import logging
import os
import threading
from collections import namedtuple

from edge.net import private

_log = logging.getLogger("edge.net")

_FILE_LIMIT_BYTES = 4 << 20

SYSTEM = "system"  # in place of a file of authorities: those that the operating system trusts
REQUIRED, OPTIONAL, NONE = "required", "optional", "none"  # whether clients have to show a certificate

# What to say and whom to believe. certificate, key: PEM files, None for none (the key may stand in the certificate's
# file); authorities: PEM file of the issuers that are believed, SYSTEM or None for the operating system's; profile: a
# key of PROFILES; server_name: what a server's certificate has to be for, where that is not the host; clients: one of
# REQUIRED, OPTIONAL, NONE
Terms = namedtuple(
    "Terms",
    ("certificate", "key", "authorities", "profile", "server_name", "clients"),
    defaults=(None, None, None, "bcp195", None, REQUIRED),
)

# The cipher suites of TLS 1.2, best first, by OpenSSL's names; those of TLS 1.3 are OpenSSL's own. Security level 2
# refuses RSA keys below 2048 bits, curves below 224 and signatures with SHA-1.
# Source: PS3.15 B.12 with RFC 9325 4.2; PS3.15 B.13
_GCM = "ECDHE-%s-AES256-GCM-SHA384:ECDHE-%s-AES128-GCM-SHA256"
_CHACHA = "ECDHE-%s-CHACHA20-POLY1305"
PROFILES = {
    "bcp195": ":".join([_GCM % (key, key) for key in ("ECDSA", "RSA")]),
    "bcp195-modified": ":".join(
        [
            *(_GCM % (key, key) for key in ("ECDSA", "RSA")),
            *(_CHACHA % key for key in ("ECDSA", "RSA")),
            "ECDHE-ECDSA-AES256-CCM",
            "ECDHE-ECDSA-AES256-CCM8",
            "ECDHE-ECDSA-AES128-CCM",
            "ECDHE-ECDSA-AES128-CCM8",
        ]
    ),
}


class Unusable(Exception):
    """The certificate, key or authorities cannot be used; str() says why and what to do."""


class _Kept:
    """A context made of files, made again when they have changed."""

    def __init__(self, terms):
        self.terms = terms
        self._lock = threading.Lock()
        self._stamp = None  # of the files that were looked at last
        self._context = None  # of the last files that could be used
        self._fault = None

    def context(self):
        """Return the ssl.SSLContext of the files as they are now, or were when they could last be used.

        Raises Unusable when they never could.
        """
        with self._lock:
            found = stamp(self.terms)
            if found != self._stamp:
                self._remake()
                self._stamp = found
            if self._context is None:
                raise Unusable(self._fault)
            return self._context

    def fault(self):
        """Say in words why the files cannot be used as they are now; None when they can."""
        try:
            self.context()
        except Unusable:
            pass
        return self._fault

    def examine(self):
        """Say the same of files that nobody uses yet, and leave it out of the log."""
        try:
            self._make()
        except Unusable as error:
            return str(error)
        return None

    def _remake(self):
        renewed = self._context is not None
        try:
            self._context = self._make()
        except Unusable as error:
            self._fault = str(error)
            _log.error("TLS: %s%s", error, "; the ones before go on in use" if renewed else "")
            return
        self._fault = None
        if renewed:
            _log.info("TLS: new connections use the new %s", " and ".join(files(self.terms)) or "authorities")


class Client(_Kept):
    """How the box meets a server: it always asks for the certificate, and that it is for the server's name."""

    def _make(self):
        import ssl  # costs a box without TLS nothing

        context = _begun(ssl.PROTOCOL_TLS_CLIENT, self.terms)
        _believe(context, self.terms.authorities)
        if self.terms.certificate is not None:
            _show(context, self.terms)
        return context

    def name_of(self, host):
        """Return the name or address that the certificate of the server at `host` has to be for."""
        return self.terms.server_name or host

    def wrap(self, connected, host):
        """Return an ssl.SSLSocket over the socket `connected`, its handshake done: what HTTP needs.

        The socket's timeout counts for each step. Raises Unusable, ssl.SSLError or OSError.
        """
        return self.context().wrap_socket(connected, server_hostname=self.name_of(host))


class Server(_Kept):
    """How the box meets clients: unless told otherwise it asks for their certificate and insists on it."""

    def _make(self):
        import ssl  # costs a box without TLS nothing

        terms = self.terms
        context = _begun(ssl.PROTOCOL_TLS_SERVER, terms)
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_TICKET
        context.num_tickets = 0  # an association lasts, and a ticket would outlive the certificate it was given for
        _show(context, terms)
        if terms.clients != NONE:
            _believe(context, terms.authorities)
            context.verify_mode = ssl.CERT_REQUIRED if terms.clients == REQUIRED else ssl.CERT_OPTIONAL
        return context


def files(terms):
    """Return the paths of the files that `terms` name, each once."""
    found = []
    for path in (terms.certificate, terms.key, terms.authorities):
        if path not in (None, SYSTEM) and path not in found:
            found.append(path)
    return found


def stamp(terms):
    """Return what tells the files of `terms` from other ones in their place."""
    return tuple([stamp_of(path) for path in files(terms)])


def stamp_of(path):
    """Return what tells the file at `path` from another one in its place; for none, why there is none."""
    try:
        found = os.stat(path)
    except OSError as error:
        return error.errno
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode


def _begun(protocol, terms):
    import ssl

    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(PROFILES[terms.profile] + ":@SECLEVEL=2")
    return context


def _believe(context, authorities):
    import ssl

    if authorities in (None, SYSTEM):
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(authorities)
    except ssl.SSLError:
        words = "the authorities, %s, cannot be read: expected certificates in PEM (-----BEGIN CERTIFICATE-----)"
        raise Unusable(words % authorities) from None
    except OSError as error:
        raise Unusable("the authorities, %s, cannot be read: %s" % (authorities, _why(error))) from None


def _show(context, terms):
    import ssl

    certificate = terms.certificate
    key = terms.key or certificate
    if certificate is None:
        raise Unusable("there is no certificate; set certificate and key under [tls]")
    try:
        with open(certificate, "rb") as file:
            has_key = b"PRIVATE KEY-----" in file.read(_FILE_LIMIT_BYTES)
    except OSError as error:
        raise Unusable("the certificate, %s, cannot be read: %s" % (certificate, _why(error))) from None
    if terms.key is None and not has_key:
        words = "the certificate %s comes without a key: there is none in its file; set key beside certificate"
        raise Unusable(words % certificate)
    try:
        private.read(key, _FILE_LIMIT_BYTES)
    except OSError as error:
        raise Unusable("the key of the certificate, %s, cannot be read: %s" % (key, _why(error))) from None
    except ValueError as error:
        raise Unusable("the key of the certificate, %s, cannot be used: %s" % (key, error)) from None
    asked = []

    def password():
        asked.append(key)
        return ""

    try:
        context.load_cert_chain(certificate, key, password)
    except (ssl.SSLError, OSError) as error:
        raise Unusable(_mismatch(certificate, key, bool(asked), str(error))) from None


def _mismatch(certificate, key, is_locked, words):
    if is_locked:
        return (
            "the key of the certificate, %s, is locked by a password, which a box that starts by itself cannot type; "
            "`openssl pkey -in %s -out FILE` unlocks it" % (key, key)
        )
    if "KEY_VALUES_MISMATCH" in words or "key values mismatch" in words:
        return "the key %s does not belong to the certificate %s; the one it was requested with does" % (
            key,
            certificate,
        )
    if "TOO_SMALL" in words or "TOO_WEAK" in words:
        cure = "have one made with RSA of 2048 bits or more, or P-256, signed with SHA-256"
        return "the certificate %s is too weak for the profile; %s" % (certificate, cure)
    return (
        "the certificate %s and key %s cannot be read: expected PEM, the certificate (-----BEGIN CERTIFICATE-----) "
        "with its intermediate ones after it, and its key (-----BEGIN PRIVATE KEY-----)" % (certificate, key)
    )


def _why(error):
    return (error.strerror or str(error)).lower()
