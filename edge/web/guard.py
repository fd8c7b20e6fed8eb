"""Who is let in to what: asked for each request before anything else looks at it.

In this order: is it our name that was asked for (or a foreign page has pointed its own name at us, DNS rebinding); does
a request that changes something come from one of our own pages; is the box claimed; who asks, by session or token; has
the form our own mark (CSRF); is his role enough. What is answered to everybody: how it looks (style, script), the page
to log in at, the page to claim the box at as long as it is not, and whether the box is well in one word.
"""

import hmac
import time
from collections import deque

from microdot import Response

from edge.access import secret, selfmade
from edge.net import here
from edge.verbs.verb import ROLES, Asker
from edge.web.markup import el, join

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with none at all, browsers do not say where a form comes from either
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), usb=()",
    "Cache-Control": "no-store",
}
# There is no Strict-Transport-Security: with a certificate that the box made itself it does nothing, and with another
# one it would lock out whoever has to get at the box when that has expired.

FORM_LIMIT = 16 << 10  # of who is not known
BODY_LIMIT = 1 << 20  # of who is
FILE_LIMIT = 24 << 20  # of who may change everything

_NAMES_S = 5.0  # after so long the machine is asked again for its names and addresses
_FLASHES = 5
_OPEN_PATHS = ("/static/", "/login", "/health")
_SAFE = ("GET", "HEAD")
_TRIAL = "/settings/trial"  # the page on which a change is kept


class Refusal(Exception):
    """Nothing is answered but this. status; words: for a person; how: what to do then, in words, or None; headers;
    leads: whether a page of ours can be linked to, as it would not be refused in the same way."""

    def __init__(self, status, words, how=None, headers=None, leads=True):
        super().__init__(words)
        self.status = status
        self.words = words
        self.how = how
        self.headers = headers or {}
        self.leads = leads


class Visitor:
    """Who asks. who: Asker, None when nobody knows; session: sessions.Session, None without one; csrf: what his forms
    carry; fresh: (name, value) of a cookie that he is to be given, None for none; is_program: whether by a token."""

    __slots__ = ("who", "session", "csrf", "fresh", "is_program", "address")

    def __init__(self, address):
        self.address = address
        self.who = self.session = self.fresh = None
        self.csrf = ""
        self.is_program = False


class Guard:
    """Asks all that for a box.Box with an access.Access."""

    def __init__(self, box):
        self._box = box
        self._access = box.access
        self._key = secret.new().encode()
        self._names = (0.0, frozenset())
        self._flashes = {}

    @property
    def _settings(self):
        return self._box.config.console

    @property
    def idle_s(self):
        """How long a session may be silent."""
        return self._settings.idle_min * 60

    # --- what is asked of every request

    def admit(self, request, peer):
        """Return the Visitor who makes a microdot.Request. Raises Refusal."""
        host = self._must_be_ours(request.headers.get("Host", ""), peer)
        changes = request.method not in _SAFE
        bearer = _bearer(request)
        self._must_come_from_here(request, host, changes and bearer is None)
        path = request.path
        if not self._access.is_claimed():
            if path != "/claim" and not path.startswith("/static/") and path != "/health":
                raise Refusal(403, "Nobody has claimed this box yet, so it shows nothing to anybody.", _HOW_TO_CLAIM)
        elif path == "/claim":
            raise Refusal(403, "This box is claimed already.", "Log in, or ask the one who claimed it for a user.")
        visitor = self._visitor(request, peer, bearer)
        peer.is_known = visitor.who is not None
        if visitor.who is None and path != "/claim" and not path.startswith(_OPEN_PATHS) and not self._is_open(path):
            raise self._stranger(request, bearer)
        if changes and not visitor.is_program:
            self._must_carry_mark(request, visitor)
        return visitor

    def _must_be_ours(self, given, peer):
        """Return the name or address in a Host field. Raises Refusal when it is not one of this machine's."""
        name = host_name(given)
        if name is None or not (name == peer.here or name in self._known_names()):
            words = "This box is not called that, so it does not answer: a page elsewhere could be asking in your name."
            how = "Use one of its addresses or its host name; for another name, add it to hosts under [console]."
            raise Refusal(403, words, how, leads=False)
        return given.strip().lower()

    def _known_names(self):
        made, names = self._names
        now = time.monotonic()
        if not names or now - made > _NAMES_S:
            names = frozenset([*selfmade.names(), *here.addresses()])
            self._names = now, names
        return names | {each.lower().rstrip(".") for each in self._settings.hosts}

    def _must_come_from_here(self, request, host, must_say):
        """Raise Refusal when another site's page asks; must_say: whether it has to be said that it is ours."""
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        if request.method in _SAFE:
            return  # reads, for which a cookie of ours is not sent from elsewhere (SameSite)
        scheme, _, named = (origin or "").partition("://")
        schemes = ("https",) if self._settings.tls else ("http", "https")
        if origin is not None and not (scheme in schemes and named.lower() == host):
            raise Refusal(403, _FROM_ELSEWHERE, leads=False)
        if site is not None and site not in ("same-origin", "none"):
            raise Refusal(403, _FROM_ELSEWHERE, leads=False)
        if must_say and origin is None and site is None:
            words = "It was not said which page asked for this, so it was not done."
            raise Refusal(403, words, "A browser says it (Origin); a program shows a token (Authorization: Bearer).")

    def _visitor(self, request, peer, bearer):
        visitor = Visitor(peer.address)
        if bearer is not None:
            token = self._access.tokens.get(bearer)
            if token is not None:
                visitor.who = Asker("token " + token.name, token.role, "api", peer.address)
                visitor.is_program = True
            return visitor
        given = request.cookies.get(self.cookie(request, peer))
        if given:
            touch = not request.path.startswith("/live/")  # a page that is left open is no sign of life
            session = self._access.sessions.get(given, self.idle_s, touch)
            user = session and self._access.users.get(session.name)
            if user is not None:
                skin = "api" if request.path.startswith("/api/") else "web"
                visitor.who = Asker(user.name, user.role, skin, peer.address)
                visitor.session, visitor.csrf = session, session.csrf
                return visitor
        before = request.cookies.get(self.cookie(request, peer, "-form"))
        if not before:
            before = secret.new()
            visitor.fresh = (self.cookie(request, peer, "-form"), before)
        visitor.csrf = self._mark(before)
        return visitor

    def _mark(self, before):
        return hmac.new(self._key, before.encode("utf-8", "replace"), "sha256").hexdigest()

    def _must_carry_mark(self, request, visitor):
        given = request.headers.get("X-CSRF-Token") or request.form_fields.get("csrf", "")
        is_ours = hmac.compare_digest(given.encode("utf-8", "replace"), visitor.csrf.encode())
        if visitor.fresh is not None or not is_ours:
            words = "This form is too old, or not one of this box's own, so nothing was done."
            raise Refusal(403, words, "Go back, load the page again, and repeat it; cookies have to be allowed.")

    def _is_open(self, path):
        return path == "/metrics" and "metrics" in self._settings.open

    def _stranger(self, request, bearer):
        if bearer is not None:
            return Refusal(401, "This token is unknown, or its time is over.", None, {"WWW-Authenticate": "Bearer"})
        if request.method in _SAFE and not request.path.startswith(("/api/", "/live/", "/metrics")):
            from urllib.parse import quote

            back = "" if request.url == "/" else "?next=" + quote(request.url, safe="")
            return Refusal(303, "Log in first.", None, {"Location": "/login" + back})
        return Refusal(401, "Log in first, or show a token.", None, {"WWW-Authenticate": "Bearer"})

    # --- sessions

    def cookie(self, request, peer, kind=""):
        """Return the name of a cookie; the prefix has browsers insist on what it is set with."""
        return ("__Host-edge" if self._is_secure(request, peer) else "edge") + kind

    def _is_secure(self, request, peer):
        return peer.is_secure or request.headers.get("X-Forwarded-Proto") == "https"

    def set_cookie(self, request, peer, response, name, value):
        """Have a browser keep a cookie, until it is closed; without a value: forget it."""
        parts = ["%s=%s" % (name, value), "Path=/", "HttpOnly", "SameSite=Strict"]
        if self._is_secure(request, peer):
            parts.append("Secure")
        if not value:
            parts.append("Max-Age=0")
        set_before = response.headers["Set-Cookie"] if "Set-Cookie" in response.headers else []
        response.headers["Set-Cookie"] = [*set_before, "; ".join(parts)]

    def begin(self, request, peer, response, user):
        """Log a users.User in, for a browser that is answered with `response`."""
        given, session = self._access.sessions.begin(user.name, peer.address, "web", self.idle_s)
        self.set_cookie(request, peer, response, self.cookie(request, peer), given)
        return session

    def end(self, request, peer, response):
        """Log out who made this request."""
        name = self.cookie(request, peer)
        self._access.sessions.end(request.cookies.get(name, ""))
        self.set_cookie(request, peer, response, name, "")

    def is_still(self, request, peer, role):
        """Say whether who made a request (of a page that updates itself) is still logged in, and may see it."""
        session = self._access.sessions.get(request.cookies.get(self.cookie(request, peer), ""), self.idle_s, False)
        user = session and self._access.users.get(session.name)
        return user is not None and ROLES.index(user.role) >= ROLES.index(role)

    def limit_of(self, fields, method, peer):
        """Return how many octets of a body are taken from a request with these header fields ({small name: str})."""
        if method in _SAFE:
            return 0
        if not self._access.is_claimed():
            return FORM_LIMIT
        asked = _Early(fields)
        bearer = _bearer(asked)
        visitor = self._visitor(asked, peer, bearer)
        if visitor.who is None:
            return FORM_LIMIT
        return FILE_LIMIT if visitor.who.may(ROLES[-1]) else BODY_LIMIT

    # --- what is said on the next page

    def say(self, visitor, kind, words):
        """Have a visitor told something on the next page that he is shown."""
        if visitor.session is not None:
            open_now = {each.number for each in self._access.sessions.all(self.idle_s)}
            self._flashes = {number: said for number, said in self._flashes.items() if number in open_now}
            self._flashes.setdefault(visitor.session.number, deque(maxlen=_FLASHES)).append((kind, words))

    def said(self, visitor, path):
        """Return, once, what he is to be told on a page: (kind, words); on each, that a change is on trial."""
        found = tuple(self._flashes.pop(visitor.session.number, ())) if visitor.session is not None else ()
        settings = self._box.settings
        if visitor.who is not None and settings is not None and settings.trial is not None and path != _TRIAL:
            found += (("warn", join("A change is on trial. ", el("a", "Keep it or put it back", href=_TRIAL))),)
        return found


_FROM_ELSEWHERE = "A page of another site asked for this, so it was not done."


class _Early:
    """As much of a microdot.Request as there is before its body has come."""

    path, method = "/live/", "POST"  # of the kinds of path one that is no sign of life

    def __init__(self, fields):
        self.headers = {name.title(): value for name, value in fields.items()}
        pairs = [each.strip().partition("=") for each in fields.get("cookie", "").split(";")]
        self.cookies = {name: value for name, _, value in pairs}


_HOW_TO_CLAIM = (
    "Claim it at /claim, with the code that its serial line shows, or the terminal on which `edge serve` or `make run` "
    "was started. It stands in the file console/claim of its state folder, too."
)


def host_name(given):
    """Return the name or address (str, in small letters) in a Host field, without its port; None for what is none."""
    given = given.strip().lower()
    if given.startswith("["):
        name, closed, rest = given[1:].partition("]")
        if not closed:
            return None
    else:
        name, colon, rest = given.partition(":")
        rest = colon + rest
    if rest and not (rest[0] == ":" and rest[1:].isascii() and rest[1:].isdigit()):
        return None
    return name.removesuffix(".") or None


def _bearer(request):
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    return given.strip() if kind.lower() == "bearer" else None


def answer(body, status=200, kind="text/html; charset=utf-8", headers=None):
    """Return a microdot.Response with the header fields that all have."""
    return Response(body, status, {**HEADERS, "Content-Type": kind, **(headers or {})})


def went(path):
    """Return the Response that sends a browser on to one of our own pages."""
    if not path.startswith("/") or path.startswith(("//", "/\\")) or not path.isprintable():
        path = "/"
    from urllib.parse import quote

    return answer(b"", 303, headers={"Location": quote(path, safe="/?&=%+,:;@#[]!$'()*~")})
