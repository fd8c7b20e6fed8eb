"""What the box says when it is ready: where to send, where objects lie, what to do next."""

import fcntl
import os
import socket
import struct
import sys

from edge import VERSION
from edge.box import config, encryption

_SIOCGIFADDR = 0x8915
_LOOPBACK = "127.0.0.1"


def addresses(bind):
    """Return the addresses (str) of this machine at which a socket bound to `bind` is reached, the likeliest first."""
    if bind not in ("0.0.0.0", "::"):
        return [bind]
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # an interface without an IPv4 address
            found.append(socket.inet_ntoa(answer[20:24]))
    return sorted(found, key=lambda address: address.startswith("127.")) or [_LOOPBACK]


def lines(loaded, port, waiting, held, tls_port=None):
    """Return the block as lines. port, tls_port: None for none; waiting, held: {destination: jobs of that state}."""
    settings = loaded.config
    title = settings.box.ae_title
    here = addresses(settings.dicom.bind)
    also = " (also %s)" % ", ".join(here[1:]) if here[1:] else ""
    yield "edge %s" % VERSION
    yield "  send to    %s at %s %s%s" % (title, here[0], encryption.ports(port, tls_port), also)
    yield "  from       %s" % _callers(settings)
    yield "  objects    %s" % os.path.join(settings.box.state_dir, "objects")
    yield "  forwards   %s" % _forwards(settings, waiting, loaded.path)
    known = {each.name for each in settings.destinations}
    left = {name: waiting[name] + held[name] for name in waiting if name not in known}
    for name in sorted([name for name, count in left.items() if count]):
        yield "  stranded   %d for %s, which is not configured: put it back, or %s cancel --destination %s" % (
            left[name], name, called(), _quoted(name),
        )  # fmt: skip
    if settings.relay.port is not None:
        boxes = ", ".join(settings.relay.boxes) or "every box with a certificate of the authorities under [tls]"
        yield "  relay      port %d, for %s" % (settings.relay.port, boxes)
    if port is not None:
        named = [caller.ae_title for caller in settings.dicom.accept_calling if caller.ae_title]
        calling = "-aet %s " % _quoted(named[0]) if named else ""
        yield "  try it     storescu %s-aec %s %s %d FILE.dcm" % (calling, _quoted(title), here[0], port)
    command = "%s queue%s" % (called(), option(loaded.path))
    yield "  look       %s, likewise objects and status; Ctrl-C stops the box" % command


def option(path):
    """Return what names the configuration file at `path` on a command line; nothing where there is none."""
    return " --config %s" % _quoted(path) if path else ""


def _callers(settings):
    callers = [caller.words for caller in settings.dicom.accept_calling]
    if not callers and encryption.is_closed(settings):
        return "anyone with a certificate of the authorities in %s" % settings.tls.authorities
    return ", ".join(callers) or "anyone who reaches the port; to narrow it: accept_calling under [dicom]"


def _forwards(settings, waiting, path):
    if not settings.destinations and path is not None:
        return "nowhere yet, objects are kept and held; to begin: a [[destination]] and a [[route]] in %s" % path
    if not settings.destinations:
        return "nowhere yet, objects are kept and held; to begin: %s check-config --reference > edge.toml" % called()
    words = []
    for each in settings.destinations:
        count = waiting.get(each.name, 0)
        words.append("%s (%s%s)" % (each.name, config.where(each), ", %d waiting" % count if count else ""))
    return ", ".join(words)


def called():
    """Return how this program was called, to be typed again: "edge", or the path to it."""
    return _quoted(sys.argv[0]) if os.path.basename(sys.argv[0]) == "edge" else "edge"


def _quoted(word):
    """Return `word` as it is typed in a shell."""
    plain = word and all([each.isalnum() or each in "-_./:@" for each in word])
    return word if plain else "'%s'" % word.replace("'", "'\\''")
