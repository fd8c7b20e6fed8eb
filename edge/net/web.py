"""An HTTP/1.1 connection to one server, for requests with bodies of any length, and short answers.

What is sent comes from an iterator and is never collected. While it goes, an answer that comes early is noticed: a
server that refuses what it is given says so, and need not take all of it. Answers are read by http.client, within
limits of length and of time that hold for the whole of one, however slowly it drips. Proxies of the environment are
not asked, and redirects not followed: what is sent is for the one who was named.

Source: RFC 9110, RFC 9112.
"""

import binascii
import io
import select
import socket
import threading
from collections import namedtuple

from edge.net import alerts, private, reach, transport
from edge.net.tls import Unusable

NAME, TCP, TLS, HTTP, CREDENTIALS = "name", "tcp", "tls", "http", "credentials"
ANSWER_BYTES = 1 << 20

# connect_ms: how long a connection may take; answer_ms: how long one may stand still while something is sent, and how
# long an answer may take from then to its end
Terms = namedtuple("Terms", ("connect_ms", "answer_ms"))
# status: int; fields: {name in small letters: value}; body: bytes
Answer = namedtuple("Answer", ("status", "fields", "body"))

_PIECE_BYTES = 65536
_TOGETHER_BYTES = 65536
_SECRET_BYTES = 8192
_AGAIN_BYTES = 1 << 18  # at most so much is sent twice where a connection had ended before anything was sent
_EARLY_MS = 5000  # for the answer of one who does not listen any more


class Failed(Exception):
    """The connection failed. layer: where, a word; str(): why, in words; by_peer: whether over what it was given."""

    def __init__(self, layer, words, by_peer=False):
        super().__init__(words)
        self.layer = layer
        self.by_peer = by_peer


class _Ended(Exception):
    """The connection ended before anything of an answer came."""


class Connection:
    """To `host` and `port`; tls: a tls.Client or None; pace: a pace.Pace or None.

    Not for use by several threads at once, but for `interrupt`.
    """

    def __init__(self, host, port, terms, tls=None, pace=None):
        self.peer = "%s port %d" % (host, port)
        self._address = (host, port)
        self._terms = terms
        self._tls = tls
        self._pace = pace
        self._socket = None
        self._is_used = False  # whether an answer has come over it
        self._early = None  # what has come before anybody waited for an answer, b"" for the end
        self._sent = 0  # octets of the request under way
        self._stopped = threading.Event()

    def open(self):
        """Connect, unless what is open can be used again. Raises Failed."""
        if self._socket is not None:
            try:
                if self._is_quiet():
                    return
            except OSError:
                pass  # it has ended
            self.close()
        host, port = self._address
        try:
            self._socket = reach.connect(host, port, self._terms.connect_ms)
        except reach.Unreachable as failed:
            raise Failed(NAME if failed.is_name else TCP, str(failed)) from failed
        self._is_used, self._early = False, None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            try:
                self._socket = self._tls.wrap(self._socket, host)
            except Unusable as error:
                self.close()
                raise Failed(TLS, str(error)) from error
            except OSError as error:
                self.close()
                raise Failed(TLS, "no TLS with %s: %s" % (self.peer, alerts.words_of(error))) from error
        if self._stopped.is_set():
            self.close()
            raise Failed(HTTP, "it was broken off here")

    def _is_quiet(self):
        """Say whether the server has said nothing that was not asked for, not even that it closes."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if not poll.poll(0) and not (self._tls is not None and self._socket.pending()):
            return True
        self._socket.settimeout(0)
        try:
            self._early = self._socket.recv(1)
        except BlockingIOError:
            return True
        except OSError as error:
            if self._tls is not None and _wants_more(error):
                return True  # it was TLS's own business
            raise
        finally:
            self._socket.settimeout(self._terms.answer_ms / 1000)
        return False

    def exchange(self, method, target, fields, length, make):
        """Send a request and return its Answer; raises Failed.

        fields: list of (name, value); length: octets of the body, None where nobody knows; make: function that returns
        an iterator over the body, which is called again where a connection turns out to have ended before. What the
        iterator raises comes out, and the connection is closed.
        """
        self.open()
        try:
            try:
                return self._exchange(method, target, fields, length, make())
            except _Ended as ended:
                if not self._is_used or self._sent > _AGAIN_BYTES:
                    raise Failed(HTTP, str(ended), True) from ended
            self.close()
            self.open()
            try:
                return self._exchange(method, target, fields, length, make())
            except _Ended as ended:
                raise Failed(HTTP, str(ended), True) from ended
        except BaseException:
            self.close()
            raise

    def _exchange(self, method, target, fields, length, body):
        host, port = self._address
        named = "[%s]" % host if ":" in host else host
        lines = ["%s %s HTTP/1.1" % (method, target), "Host: %s:%d" % (named, port)]
        lines.append("Transfer-Encoding: chunked" if length is None else "Content-Length: %d" % length)
        lines += ["%s: %s" % field for field in fields]
        head = "\r\n".join(lines + ["", ""]).encode("latin-1")
        is_whole, failure = self._send(_framed(head, body, length is None))
        if failure is None:
            return self._answer(method, self._terms.answer_ms, is_whole)
        try:
            return self._answer(method, min(_EARLY_MS, self._terms.answer_ms), False)
        except (_Ended, Failed) as silent:
            if isinstance(silent, _Ended) and self._is_used and self._sent <= _AGAIN_BYTES:
                raise
            words = "the link to %s broke while sending: %s" % (self.peer, _why(failure))
            raise Failed(HTTP, words) from failure

    def _send(self, parts):
        """Send until all is sent, or an answer is there; return whether all was, and the OSError that ended it."""
        self._sent = 0
        self._socket.settimeout(self._terms.answer_ms / 1000)
        at_once = _PIECE_BYTES if self._pace is None else self._pace.piece_bytes
        for part in _together(parts):
            for at in range(0, len(part), at_once):
                piece = part[at : at + at_once]
                if self._pace is not None:
                    self._pace.take(len(piece), self._stopped)
                if self._stopped.is_set():
                    raise Failed(HTTP, "it was broken off here")
                try:
                    if not self._is_quiet():
                        return False, None
                    self._socket.sendall(piece)
                except OSError as error:
                    return False, error
                self._sent += len(piece)
        return True, None

    def _answer(self, method, limit_ms, is_whole):
        """Read the answer; the connection is closed where nothing may follow on it."""
        import http.client

        source = _Source(self._socket, transport.now_ms() + limit_ms, self._early)
        self._early = None
        reply = http.client.HTTPResponse(source, method=method)
        try:
            reply.begin()
            body = self._body(reply)
        except http.client.RemoteDisconnected as error:
            raise _Ended("%s closed the connection without an answer" % self.peer) from error
        except (http.client.HTTPException, ValueError) as error:
            words = "%s does not speak HTTP as it should (%s); check its address and port"
            raise Failed(HTTP, words % (self.peer, type(error).__name__), True) from error
        except TimeoutError as error:
            words = "%s did not answer within %g s" % (self.peer, limit_ms / 1000)
            raise Failed(HTTP, words, True) from error
        except OSError as error:
            words = "the link to %s broke before its answer: %s" % (self.peer, _why(error))
            if source.octets:
                raise Failed(HTTP, words, True) from error
            raise _Ended(words) from error
        self._is_used = True
        fields = {name.lower(): value for name, value in reply.getheaders()}
        if reply.will_close or not is_whole:
            self.close()
        return Answer(reply.status, fields, body)

    def _body(self, reply):
        body = bytearray()
        while True:
            octets = reply.read(65536)
            if not octets:
                break
            body += octets
            if len(body) > ANSWER_BYTES:
                raise Failed(HTTP, "%s answers with more than %d octets" % (self.peer, ANSWER_BYTES), True)
        if reply.length:
            raise Failed(HTTP, "%s ended its answer %d octets early" % (self.peer, reply.length), True)
        return bytes(body)

    def close(self):
        """Close what is open."""
        connected, self._socket = self._socket, None
        if connected is not None:
            try:
                connected.close()
            except OSError:
                pass

    def interrupt(self):
        """Break off what is under way; nothing is opened any more."""
        self._stopped.set()
        connected = self._socket
        if connected is not None:
            transport.cut(connected)


class _Source:
    """Where http.client reads an answer from: a socket, until a time on the clock of transport.now_ms.

    early: what has come of it before, b"" for its end, None for nothing.
    """

    def __init__(self, connected, deadline_ms, early):
        self._socket = connected
        self._deadline_ms = deadline_ms
        self._early = early
        self.octets = len(early or b"")  # that have come

    def makefile(self, mode):
        """Return the file that http.client wants."""
        return io.BufferedReader(_Reading(self))

    def readinto(self, buffer):
        """Receive; TimeoutError when the time is over."""
        if self._early is not None:
            early, self._early = self._early, None
            buffer[: len(early)] = early
            return len(early)
        left_ms = self._deadline_ms - transport.now_ms()
        if left_ms <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left_ms / 1000)
        count = self._socket.recv_into(buffer)
        self.octets += count
        return count


class _Reading(io.RawIOBase):
    def __init__(self, source):
        super().__init__()
        self._source = source

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._source.readinto(buffer)


def _framed(head, body, is_chunked):
    """Yield a request: its head, and its body, in chunks where its length is not known."""
    yield head
    for part in body:
        if is_chunked:
            if len(part):
                yield b"%x\r\n" % len(part)
                yield part
                yield b"\r\n"
        else:
            yield part
    if is_chunked:
        yield b"0\r\n\r\n"


def _together(parts):
    """Yield what `parts` are, short ones put together: each as a view that is good until the next."""
    held = bytearray()
    for part in parts:
        if len(part) >= _TOGETHER_BYTES:
            if held:
                yield memoryview(bytes(held))
                held.clear()
            yield memoryview(part).cast("B")
            continue
        held += part
        if len(held) >= _TOGETHER_BYTES:
            yield memoryview(bytes(held))
            held.clear()
    if held:
        yield memoryview(bytes(held))


def _wants_more(error):
    import ssl  # it is there, as there is a connection with TLS

    return isinstance(error, ssl.SSLWantReadError)


def _why(error):
    if isinstance(error, TimeoutError):
        return "nothing was taken in time"
    return (error.strerror or str(error)).lower()


def retry_after_s(value, now):
    """Return the seconds that a Retry-After `value` asks for at the time `now`, in s since 1970; None where none."""
    words = (value or "").strip()
    if words.isascii() and words.isdigit() and len(words) < 10:
        return float(words)
    from email.utils import parsedate_to_datetime

    try:
        when = parsedate_to_datetime(words).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    return max(0.0, when - now)


def bearer(path):
    """Return a function that returns the Authorization field for the token in the file `path`; it raises Failed."""
    return lambda: "Bearer " + secret(path, "token")


def basic(user, path):
    """Return a function that returns the Authorization field for `user` and the password in the file `path`."""

    def field():
        octets = ("%s:%s" % (user, secret(path, "password"))).encode("utf-8")
        return "Basic " + binascii.b2a_base64(octets, newline=False).decode("ascii")

    return field


def secret(path, what):
    """Return the line in a file that nobody else may read, as it is now; Failed in words that do not tell it."""
    try:
        octets = private.read(path, _SECRET_BYTES + 1).strip()
        if not octets or len(octets) > _SECRET_BYTES or not octets.isascii() or not octets.decode().isprintable():
            raise ValueError("expected one line of printable ASCII, at most %d octets" % _SECRET_BYTES)
        return octets.decode("ascii")
    except OSError as error:
        raise Failed(CREDENTIALS, "the %s, %s, cannot be read: %s" % (what, path, _why(error))) from None
    except ValueError as error:
        raise Failed(CREDENTIALS, "the %s, %s, cannot be used: %s" % (what, path, error)) from None
