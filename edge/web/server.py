"""The connections of the console: one event loop, with limits for all that a peer may do.

microdot knows neither limits nor deadlines, so requests are read here, strictly (edge.net.heads), and answers written;
microdot finds out whose they are. Who has not logged in makes way first when there are too many connections. A person
who forgot the "s" of https is sent there.
"""

import asyncio
import json
import logging
import socket
import ssl
import time
from asyncio import sslproto

from edge.net import heads, tls

_log = logging.getLogger("edge.web")

_BODY_S = 10  # for any body, and more for
_BODY_BYTES_PER_S = 4 << 10  # one that is longer than what comes in so long
_WINDOW_BYTES = 16 << 10
_BUFFER_BYTES = 64 << 10
_REST_S = 1.0
_LINGER_S = 1.0
_TLS_HANDSHAKE = 0x16
_REASONS = {
    303: "See Other", 304: "Not Modified", 308: "Permanent Redirect", 502: "Bad Gateway",
}  # fmt: skip


class _Gone(Exception):
    """The peer is gone, or was too slow."""


class Peer:
    """Who is connected. address: str; here: the address that he reached (str); is_known: whether he has logged in;
    is_secure: whether TLS is spoken with him; misses_tls: whether it is not, and should be."""

    __slots__ = ("address", "here", "is_known", "is_secure", "misses_tls", "began", "task", "socket")

    def __init__(self, connected, address):
        self.address = address
        self.here = connected.getsockname()[0].removeprefix("::ffff:")
        self.is_known = self.is_secure = self.misses_tls = False
        self.began = time.monotonic()
        self.socket = connected
        self.task = None


class Server:
    """Accepts what comes to a listening socket, and has an application answer, until it is to `leave`.

    terms: has `settings` (door.Settings) and `context`(), which returns the ssl.SSLContext for a new connection, or
    None for plain text. Both may be others at any time.
    """

    def __init__(self, listening, terms):
        self._socket = listening
        self._terms = terms
        self._app = None
        self._peers = set()
        self.loop = asyncio.new_event_loop()

    @property
    def _settings(self):
        return self._terms.settings

    def serve(self, app):
        """Have `app` answer.

        It has a coroutine `respond`(heads.Request, body, Peer) that returns a microdot.Response, and
        `limit_of`(heads.Request, Peer), which says how long a body may be, and `unread`(heads.Request, status, words),
        which returns the Response to one whose body is not taken.
        """
        self._app = app

    def leave(self, drain_s):
        """Accept no more at once, and cut every connection after `drain_s`; `run` returns then. From any thread."""
        self.loop.call_soon_threadsafe(self._leave, drain_s)

    def _leave(self, drain_s):
        self.loop.remove_reader(self._socket)
        self._socket.close()
        self.loop.call_later(drain_s, self._cancel)

    def _cancel(self):
        for task in asyncio.all_tasks(self.loop):
            task.cancel()

    def run(self):
        """Accept and answer."""
        asyncio.set_event_loop(self.loop)
        sslproto.SSLProtocol.max_size = _WINDOW_BYTES  # or each connection takes 256 KiB for what it may read at once
        try:
            self.loop.run_until_complete(self._accept())
        except asyncio.CancelledError:
            pass
        finally:
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            if left:
                self.loop.run_until_complete(asyncio.wait(left, timeout=2))
            self.loop.close()

    async def _accept(self):
        is_short = False
        while True:
            try:
                connected, name = await self.loop.sock_accept(self._socket)
            except OSError as error:
                if not is_short:
                    _log.error("the console cannot take a connection: %s", error)
                is_short = True
                await asyncio.sleep(_REST_S)
                continue
            is_short = False
            try:
                self._admit(connected, name[0].removeprefix("::ffff:"))
            except OSError:  # gone already
                connected.close()

    def _admit(self, connected, address):
        settings = self._settings
        peer = Peer(connected, address)
        same = [each for each in self._peers if each.address == address]
        if len(same) >= settings.per_address or len(self._peers) >= settings.max_connections:
            rivals = same if len(same) >= settings.per_address else self._peers
            strangers = [each for each in rivals if not each.is_known]
            if not strangers:
                connected.close()
                return
            oldest = min(strangers, key=lambda each: each.began)
            self._peers.discard(oldest)
            oldest.task.cancel()
        self._peers.add(peer)
        peer.task = self.loop.create_task(self._talk(peer))
        peer.task.add_done_callback(lambda _: connected.close())  # one that is cancelled first never begins

    async def _talk(self, peer):
        writer = None
        try:
            reader, writer = await self._open(peer)
            await self._converse(peer, reader, writer)
        except (_Gone, OSError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
            pass  # a peer that goes, or is made to go, is nothing that a person has to hear of
        except tls.Unusable as error:
            _log.error("the console has no TLS: %s", error)
        except Exception:
            _log.exception("a connection of the console with %s failed inside this box", peer.address)
        finally:
            self._peers.discard(peer)
            if writer is not None:
                writer.transport.abort()

    async def _open(self, peer):
        """Return (reader, writer) of a connection, its handshake done."""
        context = self._terms.context()
        peer.socket.setblocking(False)
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        options = {}
        if context is not None:
            first = await self._peek(peer.socket)
            if first == _TLS_HANDSHAKE:
                options = {"ssl": context, "ssl_handshake_timeout": self._settings.handshake_s}
                options["ssl_shutdown_timeout"] = _LINGER_S
                peer.is_secure = True
            else:
                peer.misses_tls = True
        reader = asyncio.StreamReader(limit=_BUFFER_BYTES, loop=self.loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self.loop)
        transport, _ = await self.loop.connect_accepted_socket(lambda: protocol, peer.socket, **options)
        transport.set_write_buffer_limits(_BUFFER_BYTES)
        return reader, asyncio.StreamWriter(transport, protocol, reader, self.loop)

    async def _peek(self, connected):
        """Return the first octet that comes, and leave it where it is."""
        ready = self.loop.create_future()
        self.loop.add_reader(connected, lambda: ready.done() or ready.set_result(None))
        try:
            async with asyncio.timeout(self._settings.handshake_s):
                await ready
        finally:
            self.loop.remove_reader(connected)
        octets = connected.recv(1, socket.MSG_PEEK)
        if not octets:
            raise _Gone
        return octets[0]

    async def _converse(self, peer, reader, writer):
        incoming = heads.Heads()
        keeps = True
        wait_s = self._settings.head_s
        while keeps:
            request = None
            try:
                request = await self._head(reader, incoming, wait_s)
                if request is None:
                    return
                body = await self._body(request, peer, reader, writer, incoming)
            except heads.BadRequest as error:
                if request is not None:  # its head was read, so it is known who is to be told
                    await self._answer(writer, self._app.unread(request, error.status, str(error)), False, False)
                    await self._drain(reader)
                    return
                said = json.dumps({"failed": str(error)}).encode()
                await self._write(writer, heads.answer(error.status, _ENDS, said))
                await self._drain(reader)
                return
            response = await self._app.respond(request, body, peer)
            keeps = request.keeps and not peer.misses_tls
            answering = self._answer(writer, response, keeps, request.method == "HEAD")
            if isinstance(response.body, bytes):
                await answering
            elif not await self._while_there(reader, incoming, answering):
                return
            wait_s = self._settings.idle_s
        await self._close(writer)

    async def _head(self, reader, incoming, wait_s):
        """Return the next heads.Request, None when there is none; a head as a whole has its deadline."""
        until = None
        while (found := incoming.next()) is None:
            now = self.loop.time()
            if until is None and not incoming.is_empty():
                until = now + self._settings.head_s
            async with asyncio.timeout(wait_s if until is None else until - now):
                octets = await reader.read(_WINDOW_BYTES)
            if not octets:
                return None
            incoming.feed(octets)
        return found

    async def _body(self, request, peer, reader, writer, incoming):
        if request.length > self._app.limit_of(request, peer):
            raise heads.BadRequest(413, "the body is longer than what is taken here")
        if request.length and request.fields.get("expect", "").lower() == "100-continue":
            await self._write(writer, heads.answer(100))
        body = bytearray(incoming.take(request.length))
        async with asyncio.timeout(_BODY_S + request.length / _BODY_BYTES_PER_S):
            while len(body) < request.length:
                octets = await reader.read(min(_WINDOW_BYTES, request.length - len(body)))
                if not octets:
                    raise _Gone
                body += octets
        return bytes(body)

    async def _while_there(self, reader, incoming, answering):
        """Await an answer that may take as long as a page is open; return False when the peer has gone before."""

        async def leave():
            while octets := await reader.read(_WINDOW_BYTES):
                incoming.feed(octets)
                if incoming.is_too_long():
                    return

        answer, leaving = self.loop.create_task(answering), self.loop.create_task(leave())
        try:
            await asyncio.wait((answer, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                return False
            answer.result()
            return True
        finally:
            leaving.cancel()
            answer.cancel()
            await asyncio.gather(answer, leaving, return_exceptions=True)

    async def _answer(self, writer, response, keeps, is_head):
        """Write a microdot.Response; a body that comes in parts goes chunk by chunk."""
        body = response.body
        is_whole = isinstance(body, bytes)
        fields = []
        for name, value in response.headers.items():
            fields += [(name, each) for each in (value if isinstance(value, list) else [value])]
        status = response.status_code
        has_body = status >= 200 and status not in (204, 304)
        if has_body:
            fields.append(("Content-Length", len(body)) if is_whole else ("Transfer-Encoding", "chunked"))
        if not keeps:
            fields.append(("Connection", "close"))
        reason = heads.REASONS.get(status) or _REASONS.get(status, "")
        lines = ["HTTP/1.1 %d %s" % (status, reason), *["%s: %s" % field for field in fields], "", ""]
        head = "\r\n".join(lines).encode("latin-1", "replace")
        if is_whole or is_head or not has_body:
            await self._write(writer, head + (body if is_whole and has_body and not is_head else b""))
            if not is_whole:
                await body.aclose()
            return
        try:
            await self._write(writer, head)
            async for part in body:
                await self._write(writer, b"%x\r\n%s\r\n" % (len(part), part))
            await self._write(writer, b"0\r\n\r\n")
        finally:
            await body.aclose()

    async def _write(self, writer, octets):
        writer.write(octets)
        async with asyncio.timeout(self._settings.write_s):
            await writer.drain()

    async def _drain(self, reader):
        """Read on a little before closing: a connection closed over unread octets takes the answer with it."""
        try:
            async with asyncio.timeout(_LINGER_S):
                while await reader.read(_WINDOW_BYTES):
                    pass
        except (OSError, TimeoutError, ssl.SSLError):
            pass

    async def _close(self, writer):
        """Close in order, so that what was written arrives."""
        try:
            async with asyncio.timeout(_LINGER_S):
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, ssl.SSLError):
            pass


_ENDS = (("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff"), ("Connection", "close"))
