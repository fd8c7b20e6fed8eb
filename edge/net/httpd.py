"""The connections of an HTTP/1.1 server: who may have one, for how long, and one thread for each, capped.

A connection belongs to nobody until TLS has told whose certificate it shows. Those that belong to nobody make way first
when there are too many, the oldest of them; a box that opens more than its share loses the one that has been silent
the longest, which is the likeliest to be dead without our having heard of it. Waiting is the kernel's, each wait with a
deadline: for the handshake as a whole, for a head as a whole, for the next octets of a body.
"""

import errno
import logging
import socket
import threading
import time
from collections import namedtuple

from edge.net import alerts, doors, heads, tls, transport

_log = logging.getLogger("edge.net")

# address, port: where to listen (port 0: any); max_connections, per_address, per_box: caps; handshake_s, head_s: how
# long these may take as a whole; silence_s: how long a connection may be silent, between requests and within a body
Settings = namedtuple(
    "Settings",
    ("address", "port", "max_connections", "per_address", "per_box", "handshake_s", "head_s", "silence_s"),
    defaults=(64, 64, 8, 10, 20, 60),
)

WINDOW_BYTES = 256 << 10
_REST_S = 1.0  # how long nobody is accepted after the system had no descriptor, memory or thread for it
_LINGER_S = 2.0  # how long the rest of a body that is not wanted is read, so that the answer reaches who sends it
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Cut(Exception):
    """The connection ended, or was silent for too long, within a request."""


class Stranger(Exception):
    """Who connected is not to be served; str() says why."""


class Connection:
    """One connection: requests out of it, answers into it. Only `cut` may be called from other threads.

    box: the name of the box at the other end, None before that is known; address: str.
    """

    def __init__(self, connected, address, settings):
        self.address = address
        self.box = None
        self.began = self.heard = time.monotonic()
        self._socket = connected
        self._settings = settings
        self._heads = heads.Heads()
        self._window = None
        self._awaits = 0  # octets of the present request's body that were not read yet
        self._continues = False  # whether the peer waits to be told to send them

    def shake(self, context, name_of):
        """Speak TLS from now on, and learn whose certificate is shown; raises OSError or Stranger."""
        self._socket.settimeout(self._settings.handshake_s)
        if context is not None:
            self._socket = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
            try:
                self._socket.do_handshake()
            except OSError:
                self._drain()
                raise
        self.box = name_of(self._socket)

    def _drain(self):
        """Let the alert get out that says why there is no TLS: a socket closed over unread octets takes it along."""
        until = time.monotonic() + _LINGER_S
        try:
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
            while (left_s := until - time.monotonic()) > 0:
                self._socket.settimeout(left_s)
                if not socket.socket.recv(self._socket, 4096):
                    return
        except OSError:
            pass

    def cut(self):
        """End it, whatever it is waiting for; what came before is still received."""
        transport.cut(self._socket)

    def close(self):
        """Let go of it."""
        self._socket.close()

    def request(self):
        """Return the next heads.Request; None when the peer sends no more. Raises Cut or heads.BadRequest."""
        until = None
        while True:
            found = self._heads.next()
            if found is not None:
                self._awaits = found.length
                self._continues = found.fields.get("expect", "").lower() == "100-continue"
                return found
            if until is None and not self._heads.is_empty():
                until = time.monotonic() + self._settings.head_s
            wait_s = self._settings.silence_s if until is None else until - time.monotonic()
            octets = self._receive(wait_s)
            if not octets:
                if self._heads.is_empty():
                    return None
                raise Cut("it ended within the head of a request")
            self._heads.feed(octets)

    def _receive(self, wait_s):
        """Return a view of what comes next, empty at the end; it is good until the next."""
        if self._window is None:
            self._window = memoryview(bytearray(WINDOW_BYTES))
        if wait_s <= 0:
            raise Cut("it took too long")
        try:
            self._socket.settimeout(wait_s)
            count = self._socket.recv_into(self._window)
        except TimeoutError:
            if self._heads.is_empty() and not self._awaits:
                return b""
            raise Cut("it was silent for too long") from None
        except OSError as error:
            raise Cut(alerts.words_of(error)) from None
        self.heard = time.monotonic()
        return self._window[:count]

    def body(self):
        """Yield the body of the present request as views, each good until the next. Raises Cut."""
        if self._continues:
            self._continues = False
            self._send(heads.answer(100))
        while self._awaits:
            octets = self._heads.take(min(self._awaits, WINDOW_BYTES))
            if not octets:
                octets = self._receive(self._settings.silence_s)
                if not octets:
                    raise Cut("it ended within a body")
                if len(octets) > self._awaits:
                    self._heads.feed(octets[self._awaits :])
                    octets = octets[: self._awaits]
            self._awaits -= len(octets)
            yield octets

    def answer(self, status, fields=(), body=b"", keeps=True):
        """Answer the present request; return whether there may be another. Raises Cut."""
        keeps = keeps and not self._awaits
        if not keeps:
            fields = (*fields, ("Connection", "close"))
        self._send(heads.answer(status, fields, body))
        if not keeps:
            self._linger()
        return keeps

    def _send(self, octets):
        try:
            self._socket.settimeout(self._settings.silence_s)
            self._socket.sendall(octets)
        except OSError as error:
            raise Cut(alerts.words_of(error)) from None

    def _linger(self):
        """Read on a little before closing: a connection closed over unread octets takes the answer with it."""
        until = time.monotonic() + _LINGER_S
        try:
            while self._receive(until - time.monotonic()):
                pass
        except Cut:
            pass


class Server:
    """Listens, and has `serve(connection, request)` answer every request; it returns whether there may be another.

    context: function that returns the ssl.SSLContext for a new connection, or None for plain text; name_of: function of
    its socket, the name of the box at the other end; raises Stranger. known: doors of others that this one replaces.
    Raises doors.CannotListen.
    """

    def __init__(self, settings, context, name_of, serve, known=()):
        self.renew(settings, context, name_of, serve)
        self._lock = threading.Lock()
        self._connections = set()
        self._stopped = threading.Event()
        self.doors = doors.opened(settings.address, settings.port, None, None, known)
        self._socket = self.doors[0].socket
        self._socket.setblocking(True)
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    @property
    def place(self):
        """The address and port that it was told to listen on."""
        return self._settings.address, self._settings.port

    @property
    def port(self):
        """The TCP port listened on."""
        return self._socket.getsockname()[1]

    def renew(self, settings, context, name_of, serve):
        """Have newcomers and the next requests met by these; where it listens stays as it is."""
        self._settings = settings
        self._context = context
        self._name_of = name_of
        self._serve = serve

    def start(self):
        """Begin to accept."""
        self._thread.start()

    def stop(self, drain_s=0.0):
        """Accept no more, and cut the connections; returns when they have ended, at the latest after `drain_s`."""
        self._stopped.set()
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()
        until = time.monotonic() + drain_s
        while True:
            with self._lock:
                left = list(self._connections)
            for each in left:
                each.cut()
            if not left or time.monotonic() >= until:
                return
            left[0].ended.wait(max(0.0, until - time.monotonic()))

    def _run(self):
        is_short = False
        while not self._stopped.is_set():
            try:
                connected, name = self._socket.accept()
            except OSError as error:
                if self._stopped.is_set():
                    return
                if error.errno in _SHORT:
                    self._say_short(is_short, error)
                    is_short = True
                    self._stopped.wait(_REST_S)
                continue
            try:
                self._admit(connected, name[0])
                is_short = False
            except RuntimeError as error:  # no thread
                connected.close()
                self._say_short(is_short, error)
                is_short = True
                self._stopped.wait(_REST_S)

    def _say_short(self, is_short, error):
        if not is_short:
            _log.error("the relay cannot take a connection: %s", error)

    def _admit(self, connected, address):
        """Give a connection its thread, if need be in the place of one that belongs to nobody."""
        settings = self._settings
        address = address.removeprefix("::ffff:")
        connection = Connection(connected, address, settings)
        connection.ended = threading.Event()
        with self._lock:
            nobodys = [each for each in self._connections if each.box is None]
            same = [each for each in nobodys if each.address == address]
            leaving = same if len(same) >= settings.per_address else nobodys
            is_full = len(self._connections) >= settings.max_connections or leaving is same
            if is_full and not leaving:
                _log.warning("the relay refused a connection from %s: %d are open", address, len(self._connections))
                connected.close()
                return
            if is_full:
                oldest = min(leaving, key=lambda each: each.began)
                oldest.cut()
                self._connections.discard(oldest)  # its thread has yet to notice
            self._connections.add(connection)
        try:
            threading.Thread(target=self._talk, args=(connection,), name="relay connection", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._connections.discard(connection)
            raise

    def _talk(self, connection):
        try:
            connection.shake(self._context(), self._name_of)
            self._share(connection)
            self._converse(connection)
        except Stranger as stranger:
            _log.warning("the relay refused %s: %s", connection.address, stranger)
            self._turn_away(connection, stranger)
        except tls.Unusable as error:
            _log.error("the relay cannot take %s: %s", connection.address, error)
        except Cut as cut:
            _log.info("a connection of %s at %s was cut: %s", connection.box, connection.address, cut)
        except OSError as error:
            if connection.box is None:
                _log.warning("the relay has no TLS with %s: %s", connection.address, alerts.words_of(error))
        except Exception:
            _log.exception("a connection of %s at %s failed inside this box", connection.box, connection.address)
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()
            connection.ended.set()

    def _turn_away(self, connection, stranger):
        """Tell a stranger that he is one; his box says it to a person."""
        try:
            if connection.request() is not None:
                connection.answer(403, body=b"%s\n" % str(stranger).encode("utf-8", "replace"), keeps=False)
        except (Cut, heads.BadRequest):
            pass

    def _share(self, newcomer):
        """Keep a box to its share of connections."""
        with self._lock:
            same = [each for each in self._connections if each.box == newcomer.box and each is not newcomer]
            if len(same) >= self._settings.per_box:
                min(same, key=lambda each: each.heard).cut()

    def _converse(self, connection):
        keeps = True
        while keeps and not self._stopped.is_set():
            try:
                request = connection.request()
            except heads.BadRequest as error:
                connection.answer(error.status, body=b"%s\n" % str(error).encode(), keeps=False)
                return
            if request is None:
                return
            keeps = self._serve(connection, request) and request.keeps
