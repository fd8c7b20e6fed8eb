"""The certificate that the box makes for itself, and its fingerprint, by which a person knows it.

It is kept for as long as it can be used: what an engineer has compared once, on the serial line or the terminal, has to
stay what it is. So a new address of the box makes no new one; browsers ask about one that nobody has signed whatever
names are in it. It is made anew when it is unreadable, when the box's clock says that it ends within a month, and when
somebody has removed it.

It begins in 2020, as a box without a clock of its own may take it to be 1970 when it starts for the first time. It is
made by a process of its own, once: what that needs of memory is given back so.
"""

import os
import sys

from edge.access import digest, files
from edge.net import certificate, here

CERTIFICATE, KEY = "certificate.pem", "key.pem"

_BEGINS = 1577836800  # 2020-01-01
_NOW_AT_LEAST = 1767225600  # 2026-01-01
_GOOD_FOR_S = 10 * 365.25 * 86400
_RENEWED_BEFORE_S = 30 * 86400
_LIMIT_S = 60


class CannotMake(Exception):
    """There is no certificate, and none can be made; str() says why."""


def ensure(folder, now):
    """Return the paths of certificate and key in `folder`, made when they are not there. Raises CannotMake.

    now: s since 1970, of the box's clock.
    """
    paths = os.path.join(folder, CERTIFICATE), os.path.join(folder, KEY)
    if not _is_good(*paths, now):
        import subprocess  # only a first start pays for it

        command = [sys.executable, "-m", __name__, folder, "%d" % now]
        try:
            made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LIMIT_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotMake("the certificate of the console cannot be made: %s" % error) from None
        if made.returncode or not _is_good(*paths, now):
            words = made.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise CannotMake("the certificate of the console cannot be made: %s" % (words or "it is not there"))
    return paths


def fingerprint(path):
    """Return the SHA-256 fingerprint ("AB:CD:...") of the first certificate in the file at `path`; None without one."""
    import binascii

    body = (files.read(path) or b"").partition(b"-----BEGIN CERTIFICATE-----")[2]
    body = body.partition(b"-----END CERTIFICATE-----")[0]
    try:
        found = digest.sha256(binascii.a2b_base64(body)).hexdigest().upper() if body.strip() else None
    except binascii.Error:
        return None
    return found and ":".join([found[place : place + 2] for place in range(0, len(found), 2)])


def _is_good(certificate_path, key_path, now):
    try:
        found = certificate.read_file(certificate_path)
        key = files.read(key_path)
    except (OSError, certificate.Malformed):
        return False
    if not found or not key or b"PRIVATE KEY-----" not in key:
        return False
    return found[0].ends - now > _RENEWED_BEFORE_S


def names():
    """Return the names (list of str, in small letters) of this machine."""
    import socket

    host = socket.gethostname().lower()
    found = [host, host.partition(".")[0], host.partition(".")[0] + ".local", "localhost"]
    return [name for name in dict.fromkeys(found) if _is_name(name)]


def _is_name(name):
    return 0 < len(name) < 254 and name.isascii() and all([each.isalnum() or each in "-." for each in name])


def make(folder, now):
    """Make a certificate and its key in `folder`. Raises OSError, crypto.Unusable."""
    from edge.access import crypto

    places = ["DNS:" + name for name in names()] + ["IP:" + address for address in here.addresses()]
    ends = max(now, _NOW_AT_LEAST) + _GOOD_FOR_S
    made, key = crypto.make_certificate("edge " + names()[0], places, _BEGINS, ends)
    files.write(os.path.join(folder, KEY), key)
    files.write(os.path.join(folder, CERTIFICATE), made)


if __name__ == "__main__":
    make(sys.argv[1], int(sys.argv[2]))
