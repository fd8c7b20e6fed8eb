"""The door of the console: its port, and nothing behind it until somebody knocks.

Pages, event loop and TLS take memory, and most boxes are looked at now and then, if ever. So all of that is
loaded with the first connection, which waits a fraction of a second for it, and stays from then on.
"""

import logging
import select
import socket
import threading
from collections import namedtuple

_log = logging.getLogger("edge.web")

# address, port: where to listen (0: any port); max_connections, per_address: caps; handshake_s, head_s: how long these
# may take as a whole; idle_s: how long a connection may be silent between requests; write_s: how long a peer may take
# none of an answer
Settings = namedtuple(
    "Settings",
    ("address", "port", "max_connections", "per_address", "handshake_s", "head_s", "idle_s", "write_s"),
    defaults=(128, 64, 10, 10, 60, 30),
)

_BACKLOG = 64
_REST_S = 5.0  # before it is tried again to load what could not be


class Door:
    """Listens for a box.Box, and opens when somebody knocks, until `stop`. Raises OSError where it cannot listen.

    context: function that returns the ssl.SSLContext for a new connection, or None for plain text. It and the settings
    may be others at any time.
    """

    def __init__(self, box, settings, context):
        self.settings = settings
        self.context = context
        self._box = box
        family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
        self._socket = socket.create_server(
            (settings.address, settings.port),
            family=family,
            backlog=_BACKLOG,
            dualstack_ipv6=family == socket.AF_INET6 and settings.address == "::",
        )
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = None

    def start(self):
        """Begin to answer."""
        self._thread.start()

    def stop(self, drain_s=0.0, limit_s=5.0):
        """Accept no more at once, and cut every connection after `drain_s`."""
        with self._lock:
            self._stopping.set()
            server = self._server
        if server is not None:
            server.leave(drain_s)
        else:
            self._socket.shutdown(socket.SHUT_RDWR)  # which wakes who waits for a knock
        if self._thread.is_alive():
            self._thread.join(drain_s + limit_s)
        self._socket.close()

    def come_round(self, here):
        """Have `here` called by the thread behind the door, where there is anything yet; from any thread."""
        server = self._server
        try:
            if server is not None:
                server.loop.call_soon_threadsafe(here)
                return
        except RuntimeError:
            pass  # it has ended
        here()

    def _run(self):
        knocks = select.poll()
        knocks.register(self._socket, select.POLLIN)
        while not self._stopping.is_set():
            knocks.poll()
            if self._stopping.is_set():
                return
            try:
                server = self._load()
            except Exception:
                _log.exception("the console cannot be loaded; the box works without it")
                self._stopping.wait(_REST_S)
                continue
            with self._lock:
                if self._stopping.is_set():
                    return
                self._server = server
            server.run()
            return

    def _load(self):
        from edge.web import app, server

        made = server.Server(self._socket, self)
        made.serve(app.App(self._box, made.loop))
        return made
