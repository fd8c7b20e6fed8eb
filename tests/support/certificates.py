"""Certificates for tests, made by the openssl command line: an authority, and what it issues for any name and time.

authority = Authority(folder, "Hospital CA")
edge = authority.issue("edge.example.org", names=["DNS:localhost", "IP:127.0.0.1"])
... edge.certificate, edge.key and authority.certificate are paths of PEM files
"""

import datetime
import ssl
import subprocess
from collections import namedtuple
from pathlib import Path

# certificate, key: paths of PEM files
Issued = namedtuple("Issued", "certificate key")

HERE = ("DNS:localhost", "IP:127.0.0.1")

P256 = ("EC", "ec_paramgen_curve:P-256")
RSA_2048 = ("RSA", "rsa_keygen_bits:2048")
RSA_1024 = ("RSA", "rsa_keygen_bits:1024")

_DAY = datetime.timedelta(days=1)

_CONFIG = """
[ca]
default_ca = here
[here]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = optional
organizationName = optional
countryName = optional
[authority]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
{names}
"""


def openssl(*arguments):
    """Run openssl and return what it printed; RuntimeError with its words when it fails."""
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments} failed: {done.stderr}")
    return done.stdout


def now():
    """The time as certificates have it."""
    return datetime.datetime.now(datetime.timezone.utc)


class Authority:
    """An issuer of certificates, in a folder of its own; `days` as in `issue`."""

    def __init__(self, folder, name, days=(-1, 3650)):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        (self.folder / "index.txt").touch()
        self.certificate = self.folder / "authority.pem"
        self.key = self.folder / "authority.key"
        self._count = 0
        self._make_key(self.key, P256)
        self._sign("authority", f"/CN={name}", self.key, self.certificate, days, (), ["-selfsign"])

    def issue(self, name, names=HERE, days=(-1, 365), kind=P256, subject=None, into=None):
        """Return the Issued certificate of `name`.

        names: subject alternative names as openssl writes them; days: from when until when, counted from now; subject:
        as openssl writes it, instead of /CN=name; into: an Issued whose files are replaced in one step each.
        """
        self._count += 1
        stem = self.folder / f"{self._count}"
        made = Issued(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        self._make_key(made.key, kind)
        self._sign("leaf", subject or f"/CN={name}", made.key, made.certificate, days, names, ())
        if into is None:
            return made
        made.certificate.replace(into.certificate)
        made.key.replace(into.key)
        return into

    def _make_key(self, path, kind):
        openssl("genpkey", "-quiet", "-algorithm", kind[0], "-pkeyopt", kind[1], "-out", path)
        path.chmod(0o600)

    def _sign(self, section, subject, key, path, days, names, more):
        config = self.folder / "openssl.cnf"
        lines = "subjectAltName = " + ",".join(names) if names else ""
        config.write_text(_CONFIG.format(folder=self.folder, names=lines), encoding="utf-8")
        request = path.with_suffix(".csr")
        openssl("req", "-new", "-subj", subject, "-key", key, "-out", request)
        begin, end = [(now() + count * _DAY).strftime("%Y%m%d%H%M%SZ") for count in days]
        openssl(
            *("ca", "-batch", "-notext", "-config", config, "-extensions", section, "-in", request, "-out", path),
            *("-startdate", begin, "-enddate", end, "-keyfile", self.key),
            *(more or ("-cert", self.certificate)),
        )


def fingerprint(path):
    """The SHA-256 fingerprint of a certificate as openssl prints it: 5D:2C:..."""
    return openssl("x509", "-in", path, "-noout", "-fingerprint", "-sha256").strip().partition("=")[2]


def shake_over(connected, context, **more):
    """Shake hands over the socket `connected`, octet for octet by hand; return (ssl.SSLObject, what it says next).

    more: as SSLContext.wrap_bio takes it.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    engine = context.wrap_bio(incoming, outgoing, **more)
    while True:
        try:
            engine.do_handshake()
            return engine, outgoing
        except ssl.SSLWantReadError:
            connected.sendall(outgoing.read())
            incoming.write(connected.recv(65536))


def tables(authority, issued, port, **more):
    """The tables of a configuration of a box that listens with TLS on `port`; `more` goes into [tls]."""
    files = {"certificate": str(issued.certificate), "key": str(issued.key), "authorities": str(authority.certificate)}
    return {"dicom": {"tls_port": port}, "tls": {**files, **more}}


def dcmtk_options(authority, issued):
    """DCMTK's options for TLS with the certificate of `issued`."""
    return ["+tls", str(issued.key), str(issued.certificate), "+cf", str(authority.certificate)]
