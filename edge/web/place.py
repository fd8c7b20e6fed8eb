"""Where the console is found: after a change of its address or port a browser is led to the new one, and back.

A form's answer may not send a browser to another port (form-action of the policy), so it is a page that leads there.
"""

from collections import namedtuple

from edge.web import page
from edge.web.markup import el, join

_DEFAULT = {"http": 80, "https": 443}
_SOON_S = 1  # for the eye to see what happens
_LATER_S = 5  # after a trial is over, for the box to go back

# What a browser has in its address line. scheme: "https" or "http"; name: the host's, as it is written there; port;
# address: of this box, that the connection came to
Here = namedtuple("Here", ("scheme", "name", "port", "address"))


def here(request):
    """Return the Here of a microdot.Request; None where a proxy or a forwarded port stands between."""
    peer = request.peer
    scheme = "https" if peer.is_secure else "http"
    name, colon, port = request.headers.get("Host", "").strip().rpartition(":")
    if not colon or not port.isdigit():
        name, port = name + colon + port, _DEFAULT[scheme]
    try:
        is_direct = int(port) == peer.socket.getsockname()[1]
    except OSError:
        return None
    return Here(scheme, name, int(port), peer.here) if is_direct else None


def origin(found):
    """Return a Here as it begins in an address line."""
    return "%s://%s:%d" % found[:3]


def elsewhere(found, own):
    """Return the Here at which the console is found from `found` when its settings are `own`; None: where it was.

    own: the [console] of a configuration. Where it cannot be said, or nothing is found at all, None as well.
    """
    if found is None or not own.on or not own.port:
        return None
    name = found.name
    if own.bind not in ("0.0.0.0", "::", found.address):
        name = "[%s]" % own.bind if ":" in own.bind else own.bind
    there = Here("https" if own.tls else "http", name, own.port, own.bind)
    return there if there[:3] != found[:3] else None


def led(found, own, path):
    """Return (Markup, {header: value}) of a page that leads on to `path` where the console is now; None: it is here."""
    if found is not None and not own.on:
        said = "The console is off now. Without a confirmation on the serial line, or by `edge settings --confirm`, it "
        body = page.card(None, el("p", said, "comes back here when the trial is over."))
        return body, {"Refresh": "%d; url=%s/settings/history" % (120 + _LATER_S, origin(found))}
    there = elsewhere(found, own)
    if there is None:
        return None
    address = origin(there) + path
    body = page.card(
        None,
        el("p", "The console is here now: ", el("a", origin(there), href=address), "."),
        el("p", "You are led there. The browser may ask about the certificate again, or ask you to log in; it is the "
           "same box, and the same certificate."),
        el("p", "If it does not answer there, wait: unless the change is confirmed, it goes back by itself.",
           class_="soft"),
    )  # fmt: skip
    return body, {"Refresh": "%d; url=%s" % (_SOON_S, address)}


def afterwards(found, own):
    """Return (address, Markup): where to look when a trial was not confirmed, and that in words."""
    there = elsewhere(found, own) if own is not None else None
    address = (origin(there) if there else "") + "/settings/history"
    words = there and join(" The console is at ", el("a", origin(there), href=address), " again then.")
    return address, words
