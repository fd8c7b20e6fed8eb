"""The console put together: which path is answered by what. microdot finds the path; everything else is said here."""

import asyncio
import io
import json
import logging
import os
from urllib.parse import parse_qsl, urlsplit

from microdot import Microdot, Request
from microdot.microdot import NoCaseDict

from edge.access.access import Denied
from edge.verbs import table
from edge.verbs.verb import Asker, Misused, Refused
from edge.web import contents, entry, forms, guard, page, place
from edge.web.api import Api, failed
from edge.web.guard import Guard, Refusal, answer, went
from edge.web.live import Broadcast, TooMany
from edge.web.workers import Busy, Workers

_log = logging.getLogger("edge.web")

_VERBS_AT_ONCE = 4
_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "png": "image/png", "ico": "image/x-icon"}
_STATIC = os.path.join(os.path.dirname(__file__), "static")
_FOR_EVER = "public, max-age=31536000, immutable"
_OPENMETRICS = "application/openmetrics-text"
_FIELDS = 200
_FOR_PROGRAMS = ("/api/", "/live/", "/metrics", "/health", "/static/")


class _Ask:
    """What a render asks verbs by."""

    def __init__(self, box, who):
        self._box = box
        self._who = who

    def __call__(self, name, /, **arguments):
        """Return (rows, summary) of a verb. Raises Refused."""
        rows = []
        asked = self.each(name, **arguments)
        while True:
            try:
                rows.append(next(asked))
            except StopIteration as end:
                return rows, end.value

    def each(self, name, /, **arguments):
        """Return the generator of a verb."""
        return table.ask(self._box, name, arguments, self._who)


class _Shown:
    """A request as renders see it."""

    def __init__(self, request, visitor, said_no=None):
        self.path = request.path
        self.args = dict(request.query_pairs)
        self.form = page.given(request.form_fields)
        self.who = visitor.who
        self.csrf = visitor.csrf
        self.here = place.here(request)
        self.refused = said_no


class _Unread:
    """What the frame of a page has to know of a request of which no more is known than its path."""

    who, csrf = None, ""

    def __init__(self, path):
        self.path = path


class App:
    """Answers the requests to a box.Box, in the event loop `loop`."""

    def __init__(self, box, loop):
        self._box = box
        self._access = box.access
        self._guard = Guard(box)
        self._workers = Workers(loop, _VERBS_AT_ONCE)
        self._api = Api(box, self._workers)
        self._pages, self._actions, self._lives = contents.load()
        self._live = Broadcast(self._workers, lambda who: _Ask(box, who))
        self._static = {}
        self._app = Microdot()
        self._route()

    def _route(self):
        def add(path, methods=("GET",)):
            return lambda handler: self._app.route(path, methods=list(methods))(self._whole(handler))

        add("/static/<name>")(self._give_static)
        add("/claim", methods=["GET", "POST"])(self._claim)
        add("/login", methods=["GET", "POST"])(self._login)
        add("/logout", methods=["POST"])(self._logout)
        add("/health")(self._health)
        add("/metrics")(self._metrics)
        add("/api/v1/openapi.json")(self._document)
        add("/api/v1/<name>", methods=["GET", "POST"])(self._serve_verb)
        add("/live/<name>")(self._look)
        for each in self._pages:
            add(each.path, methods=["POST"] if each.posted else ["GET"])(self._renders(each))
        for each in self._actions:
            add(each.path, methods=["POST"])(self._does(each))
        for status, words in ((404, "There is no such page."), (405, "This page is not asked for in that way.")):
            self._app.errorhandler(status)(self._says(status, words))

    def _whole(self, handler):
        """Return `handler` with an answer for whatever it raises; microdot would answer, and print, by itself."""

        async def handle(request, **parts):
            try:
                return await handler(request, **parts)
            except Exception:
                _log.exception("a request of %s for %s failed inside this box", request.peer.address, request.path)
                return self._broken(request)

        return handle

    # --- every request

    def limit_of(self, head, peer):
        """Return how long the body of a heads.Request from a server.Peer may be."""
        return self._guard.limit_of(head.fields, head.method, peer)

    async def respond(self, head, body, peer):
        """Return the microdot.Response to a heads.Request."""
        request = None
        try:
            request = _request(self._app, head, body, peer)
            if peer.misses_tls:
                return self._sent_to_tls(request, head, peer)
            request.visitor = self._guard.admit(request, peer)
            response = await self._app.dispatch_request(request)
            if request.visitor.fresh is not None and "Set-Cookie" not in response.headers:
                self._guard.set_cookie(request, peer, response, *request.visitor.fresh)
            return response
        except Refusal as refusal:
            return self._refuse(request, refusal)
        except forms.BadForm as error:
            return self.unread(head, 400, str(error))
        except asyncio.CancelledError:
            raise
        except Exception:
            _log.exception("a request of %s failed inside this box", peer.address)
            return self._broken(request)

    def _sent_to_tls(self, request, head, peer):
        """Answer a browser that speaks no TLS on the port where it is spoken."""
        host = request.headers.get("Host", "")
        if guard.host_name(host) is None or head.method not in ("GET", "HEAD"):
            return answer(b"use https\n", 400, "text/plain; charset=utf-8")
        return answer(b"", 308, headers={"Location": "https://%s%s" % (host.strip(), head.target)})

    def _refuse(self, request, refusal):
        if refusal.status == 303:
            return answer(b"", 303, headers=refusal.headers)
        if _is_for_program(request):
            words = refusal.words if refusal.how is None else "%s %s" % (refusal.words, refusal.how)
            return failed(refusal.status, words, refusal.headers)
        shown = _Shown(request, guard.Visitor(""))
        body = entry.refusal(refusal.words, refusal.how, self._access.is_claimed(), None, refusal.leads)
        return answer(page.frame(shown, "Not here", body, name=self._name()), refusal.status, headers=refusal.headers)

    def unread(self, head, status, words):
        """Return the Response to a heads.Request that is not read on: a page for a browser, JSON for a program."""
        path = head.target.partition("?")[0]
        if path.startswith(_FOR_PROGRAMS) or "text/html" not in head.fields.get("accept", ""):
            return failed(status, words)
        how = "Go back and try it with less." if status == 413 else "Go back, and try it from there."
        body = entry.refusal(words[:1].upper() + words[1:] + ".", how, True, None, False)
        return answer(page.frame(_Unread(path), "Not taken", body, name=self._name()), status)

    def _broken(self, request):
        words = "It failed inside the box, whose log says more."
        if request is None or _is_for_program(request):
            return failed(500, words)
        visitor = getattr(request, "visitor", None) or guard.Visitor("")
        return self._framed(request, visitor, "It failed", entry.refusal(words, None, True, visitor.who), 500)

    def _says(self, status, words):
        async def handler(request):
            if _is_for_program(request):
                return failed(status, words)
            visitor = request.visitor
            body = entry.refusal(words, None, self._access.is_claimed(), visitor.who)
            return self._framed(request, visitor, "Not here", body, status)

        return handler

    def _name(self):
        return self._box.config.box.ae_title

    def _framed(self, request, visitor, title, body, status=200):
        shown = _Shown(request, visitor)
        live = 'data-live="' in body
        pages = self._menu(visitor)
        text = page.frame(shown, title, body, pages, self._guard.said(visitor, request.path), self._name(), live)
        return answer(text, status)

    def _menu(self, visitor):
        return tuple([each for each in self._pages if each.menu and visitor.who and visitor.who.may(each.role)])

    # --- pages

    def _renders(self, shown_page):
        async def handler(request):
            visitor = request.visitor
            if not visitor.who.may(shown_page.role):
                words = "This page is for the role %s; you are %s." % (shown_page.role, visitor.who.role)
                body = entry.refusal(words, None, True, visitor.who)
                return self._framed(request, visitor, shown_page.title, body, 403)
            if shown_page.streams:
                return await self._streamed(request, visitor, shown_page)
            return await self._rendered(request, visitor, shown_page.title, shown_page.render)

        return handler

    async def _rendered(self, request, visitor, title, render, said_no=None, status=200):
        ask = _Ask(self._box, visitor.who)
        try:
            body = await self._workers.run(lambda: render(ask, _Shown(request, visitor, said_no)))
        except (Refused, Busy) as error:
            status = 409 if isinstance(error, Refused) else 503
            body = entry.refusal(_sentence(error), None, True, visitor.who)
        return self._framed(request, visitor, title, body, status)

    async def _streamed(self, request, visitor, shown_page):
        shown = _Shown(request, visitor)
        flashes = self._guard.said(visitor, request.path)
        head, tail = page.around(shown, shown_page.title, self._menu(visitor), flashes, self._name())

        def write(file):
            file.write(head.encode())
            file.flush()
            try:
                for part in shown_page.render(_Ask(self._box, visitor.who), shown):
                    file.write(part.encode())
                    file.flush()
            except Refused as error:
                file.write(page.flash("bad", _sentence(error)).encode())
            file.write(tail.encode())

        return answer(await self._workers.stream(write))

    def _does(self, action):
        async def handler(request):
            visitor = request.visitor
            form = _Shown(request, visitor).form
            try:
                asked = action.arguments(form)
                if action.upload is not None:
                    if action.upload not in request.files_sent:
                        raise Misused("choose a file first")
                    asked = {**asked, "file": io.BytesIO(request.files_sent[action.upload])}
                if action.download is not None:
                    return await self._downloaded(action, asked, visitor)
                ask = _Ask(self._box, visitor.who)
                _, summary = await self._workers.run(lambda: ask(action.verb, **asked))
            except (Refused, Busy) as error:
                if action.again is not None:
                    title = self._title_of(request.path)
                    return await self._rendered(request, visitor, title, action.again, _sentence(error), 409)
                self._guard.say(visitor, "bad", _sentence(error))
                return went(action.back(form, None))
            self._guard.say(visitor, "ok", action.said(form, summary))
            back = action.back(form, summary)
            return self._led(request, visitor, back) or went(back)

        return handler

    def _led(self, request, visitor, path):
        """Return the Response that leads to where the console is now; None where it has not moved."""
        found = place.led(place.here(request), self._box.config.console, path)
        if found is not None:
            response = self._framed(request, visitor, "The console moves", found[0])
            response.headers.update(found[1])
            return response

    def _title_of(self, path):
        """Return the title of the page that an action belongs to."""
        found = [each for each in self._pages if path.startswith(each.path) and each.path != "/"]
        return max(found, key=lambda each: len(each.path)).title if found else "edge"

    async def _downloaded(self, action, asked, visitor):
        def write(file):
            for _ in table.ask(self._box, action.verb, {**asked, "file": file}, visitor.who):
                pass

        named = {"Content-Disposition": 'attachment; filename="%s"' % action.download}
        return answer(await self._workers.stream(write), 200, "application/octet-stream", named)

    async def _look(self, request, name):
        visitor = request.visitor
        found = [each for each in self._lives if each.name == name]
        if not found:
            return failed(404, "there is nothing of this kind to look at")
        if not visitor.who.may(found[0].role):
            return failed(403, "this is for the role %s; you are %s" % (found[0].role, visitor.who.role))
        peer = request.peer

        def may_go_on():
            return visitor.is_program or self._guard.is_still(request, peer, found[0].role)

        try:
            events = self._live.look(found[0], dict(request.query_pairs), may_go_on)
            begun = await events.__anext__()
        except TooMany as error:
            return failed(503, str(error), {"Retry-After": "30"})
        return answer(_led(begun, events), 200, "text/event-stream")

    async def _give_static(self, request, name):
        """Answer with a file of static/, which is packed once; nothing that is asked for becomes a path."""
        if name not in self._static:
            if name not in os.listdir(_STATIC):
                return failed(404, "there is no such file")
            import gzip

            with open(os.path.join(_STATIC, name), "rb") as file:
                octets = file.read()
            self._static[name] = octets, gzip.compress(octets, mtime=0)
        octets, packed = self._static[name]
        fields = {"Cache-Control": _FOR_EVER if request.query_string else "no-cache", "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            octets, fields["Content-Encoding"] = packed, "gzip"
        kind = _KINDS.get(name.rpartition(".")[2], "application/octet-stream")
        return answer(octets, 200, kind + "; charset=utf-8" if kind.startswith("text/") else kind, fields)

    # --- coming in

    async def _claim(self, request):
        visitor, form = request.visitor, request.form_fields
        wrong, status = None, 200
        if request.method == "POST":
            try:
                if form.get("password") != form.get("again"):
                    raise Denied("the two passwords are not the same")
                asked = [form.get(name, "") for name in ("code", "name", "password")]
                user = await self._tried("claim", asked[1], request, lambda where: self._access.claim(*asked, where))
                return self._let_in(request, user, "/")
            except (Denied, Busy) as error:
                wrong, status = _sentence(error), 429 if getattr(error, "wait_s", 0) else 403
        body = entry.claim(_Shown(request, visitor), self._is_encrypted(request), wrong)
        return self._framed(request, visitor, "Claim this box", body, status)

    async def _login(self, request):
        visitor, form = request.visitor, request.form_fields
        where_to = form.get("next") or dict(request.query_pairs).get("next", "/")
        wrong, status, headers = None, 200, {}
        if request.method == "POST":
            try:
                asked = [form.get(name, "") for name in ("name", "password")]
                user = await self._tried("login", asked[0], request, lambda where: self._access.login(*asked, where))
                return self._let_in(request, user, where_to)
            except (Denied, Busy) as error:
                wait_s = getattr(error, "wait_s", 0)
                wrong, status = _sentence(error), 429 if wait_s else 403
                headers = {"Retry-After": "%d" % (wait_s + 1)} if wait_s else {}
        elif visitor.who is not None:
            return went(where_to)
        body = entry.login(_Shown(request, visitor), where_to, self._is_encrypted(request), wrong)
        response = self._framed(request, visitor, "Log in", body, status)
        response.headers.update(headers)
        return response

    async def _tried(self, verb, name, request, attempt):
        """Return the User of an attempt to come in, which is written down either way."""
        who = Asker(name[:64], "viewer", "web", request.peer.address)

        def run():
            try:
                user = attempt(request.peer.address)
            except Denied as denied:
                self._write(who, verb, str(denied))
                raise
            self._write(Asker(user.name, user.role, "web", request.peer.address), verb, None)
            return user

        return await self._workers.run(run)

    def _write(self, who, verb, failure):
        if self._box.audit is not None:
            self._box.audit.write(who, verb, {}, None, failure)

    def _let_in(self, request, user, where_to):
        response = went(where_to)
        self._guard.begin(request, request.peer, response, user)
        return response

    async def _logout(self, request):
        response = went("/login")
        self._guard.end(request, request.peer, response)
        who = request.visitor.who
        await self._workers.run(lambda: self._write(who, "logout", None))
        return response

    def _is_encrypted(self, request):
        return request.peer.is_secure or request.headers.get("X-Forwarded-Proto") == "https"

    # --- machines

    async def _document(self, request):
        return await self._api.document()

    async def _serve_verb(self, request, name):
        try:
            return await self._api.serve(request, name, request.visitor.who)
        except Busy as error:
            return failed(503, str(error), {"Retry-After": "2"})

    async def _health(self, request):
        """Answer whether the box is well: in one word to anybody, with reasons to who may ask."""
        who = request.visitor.who
        if "health" in self._box.config.console.open:
            who = who or _anybody(request)
        ask = _Ask(self._box, who or _anybody(request))
        try:
            _, found = await self._workers.run(lambda: ask("health"))
        except (Refused, Busy) as error:
            return failed(503, str(error))
        if who is None:
            found = {"state": found["state"]}
        status = 200 if found["state"] == "ready" else 503
        return answer(json.dumps(found).encode() + b"\n", status, "application/json")

    async def _metrics(self, request):
        who = request.visitor.who or _anybody(request)
        is_open = _OPENMETRICS in request.headers.get("Accept", "")
        file = io.BytesIO()
        ask = _Ask(self._box, who)
        try:
            chosen = "openmetrics" if is_open else "prometheus"
            await self._workers.run(lambda: ask("metrics", format=chosen, file=file))
        except (Refused, Busy) as error:
            return failed(503, str(error))
        kind = _OPENMETRICS + "; version=1.0.0" if is_open else "text/plain; version=0.0.4"
        return answer(file.getvalue(), 200, kind + "; charset=utf-8", {"Vary": "Accept"})


def _request(app, head, body, peer):
    """Return the microdot.Request of a heads.Request, with what it carries read. Raises forms.BadForm."""
    headers = NoCaseDict()
    for name, value in head.fields.items():
        headers[name] = value
    parts = urlsplit(head.target if head.target.startswith("/") else "/")
    path = parts.path if not head.target.startswith("//") else "/-"
    Request.max_content_length = guard.FILE_LIMIT  # how much is taken from whom was decided before
    request = Request(app, (peer.address, 0), head.method, path, "1.1", headers, body=body, scheme="https")
    request.url = head.target
    request.query_string = parts.query
    request.peer = peer
    try:
        request.query_pairs = parse_qsl(parts.query, True, max_num_fields=_FIELDS, errors="strict")
    except ValueError:
        raise forms.BadForm("the arguments behind the ? cannot be read") from None
    request.args = dict(request.query_pairs)
    request.form_fields, request.files_sent = forms.read(headers.get("Content-Type", ""), body)
    return request


def _is_for_program(request):
    return request is None or request.path.startswith(_FOR_PROGRAMS)


def _anybody(request):
    return Asker("", "viewer", "web", request.peer.address)


def _sentence(error):
    words = str(error)
    return words[:1].upper() + words[1:]


class _led:
    """An asynchronous generator with an item before its own."""

    def __init__(self, first, rest):
        self._first = first
        self._rest = rest

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return await self._rest.__anext__()

    async def aclose(self):
        """End it."""
        await self._rest.aclose()
