"""A bad link: a TCP relay on loopback that can be cut, in the middle of an object too, and mended.

While it is cut nothing listens at its port and every connection through it is reset, as when a router dies.
"""

import selectors
import socket
import struct
import threading

_CHUNK_BYTES = 65536
_ORDERLY = struct.pack("ii", 0, 0)
_RESET = struct.pack("ii", 1, 0)  # linger for 0 s: closing sends RST and drops what was not sent yet


class Link:
    """A relay from a port of its own to `target`, an (address, port); `port` stays the same through every cut."""

    def __init__(self, target):
        self._target = target
        self._lock = threading.Lock()
        self._pairs = {}  # socket -> the socket its octets go to
        self._budget = None  # octets that may still pass before the link cuts itself
        self._ended = False
        self.cut_in_transfer = False  # whether the last cut was
        self.cuts = (0, 0)  # all of them, and those in the middle of a transfer
        self._server = self._listen(0)
        self.port = self._server.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._selector.register(self._server, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self._thread.start()

    @property
    def is_up(self):
        """Whether octets pass."""
        return self._server is not None

    def cut(self, in_transfer=False):
        """Reset every connection and listen no more."""
        with self._lock:
            if self._server is not None:
                self.cut_in_transfer = in_transfer
                self.cuts = (self.cuts[0] + 1, self.cuts[1] + in_transfer)
                self._selector.unregister(self._server)
                self._server.close()
                self._server = None
            self._budget = None
            for connected in list(self._pairs):
                self._drop(connected, _RESET)

    def cut_after(self, octets):
        """Cut the link as soon as `octets` more have passed towards the target."""
        with self._lock:
            self._budget = octets

    def mend(self):
        """Listen again."""
        with self._lock:
            if self._server is None:
                self._server = self._listen(self.port)
                self._selector.register(self._server, selectors.EVENT_READ)
                self._wake.send(b"x")

    def close(self):
        """Cut the link for good."""
        self._ended = True
        self.cut()
        self._wake.send(b"x")
        self._thread.join()
        self._wake.close()
        self._woken.close()
        self._selector.close()

    def _listen(self, port):
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen(16)
        return server

    def _run(self):
        while not self._ended:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    self._woken.recv(16)
                elif key.fileobj is self._server:
                    self._accept()
                else:
                    self._pass_on(key.fileobj)

    def _accept(self):
        with self._lock:
            if self._server is None:
                return
            near, _ = self._server.accept()
            try:
                far = socket.create_connection(self._target, 5)
            except OSError:
                near.close()
                return
            for one, other in ((near, far), (far, near)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._pairs[one] = other
                self._selector.register(one, selectors.EVENT_READ, "outward" if one is near else "back")

    def _pass_on(self, connected):
        with self._lock:
            other = self._pairs.get(connected)
            if other is None:
                return
            outward = self._selector.get_key(connected).data == "outward"
            octets = b""
            try:
                octets = connected.recv(_CHUNK_BYTES)
                if outward and self._budget is not None and len(octets) >= self._budget:
                    octets = octets[: self._budget]
                    other.sendall(octets)
                    octets = None
                elif octets:
                    other.sendall(octets)
                    if outward and self._budget is not None:
                        self._budget -= len(octets)
            except OSError:
                octets = b""
            if octets == b"":
                self._drop(connected)
        if octets is None:
            self.cut(True)

    def _drop(self, connected, linger=_ORDERLY):
        """Close both ends of the connection that `connected` is one end of."""
        other = self._pairs.pop(connected, None)
        if other is None:
            return
        self._pairs.pop(other, None)
        for one in (connected, other):
            self._selector.unregister(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            one.close()
