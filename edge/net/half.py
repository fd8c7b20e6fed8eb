"""A connection that is no association yet: what comes over it, with TLS or without, and what is sent.

Nothing here waits: the listener says when something may be received.
"""

import socket

from edge.net import channel, transport
from edge.protocol import association

_FAREWELL_MS = 1000  # how long a peer has to read why it is not talked to


class Mistaken(Exception):
    """The peer speaks TLS where there is none, or none where there is."""


class Half:
    """A connection whose association request has not been answered, or has been refused.

    encryption: its channel.Channel, None without TLS. holder: who showed a certificate, a channel.Holder.
    """

    __slots__ = ("socket", "address", "engine", "began_ms", "channel", "holder", "_is_new", "_ends_ms")

    def __init__(self, connected, address, limits, now_ms, encryption):
        self.socket = connected
        self.address = address
        self.engine = association.Association(limits, now_ms)
        self.engine.listen()
        self.began_ms = now_ms
        self.channel = encryption
        self.holder = None
        self._is_new = True  # nothing has come yet
        self._ends_ms = None  # when it is closed at last, once there is no talking to it

    def own_address(self):
        """Return the address of this box that was connected to, as `address` has the other's."""
        try:
            return self.socket.getsockname()[0].removeprefix("::ffff:")
        except OSError:
            return ""

    @property
    def is_over(self):
        """Whether there is no talking to the peer, who is left the time to read why."""
        return self._ends_ms is not None

    def deadline(self):
        """Return when (ms) it has to be looked at although nothing came."""
        return self.engine.deadline() if self._ends_ms is None else self._ends_ms

    def lateness(self):
        """Say what the peer has not done in time."""
        if self.channel is not None and not self.channel.is_open:
            return "did not finish the TLS handshake"
        return "asked for no association"

    def certificate_words(self):
        """Return the words for the certificate that was shown, "" for none."""
        return "" if self.holder is None else " with the certificate of %s" % channel.shown_words(self.holder)

    def mistake_words(self, port, tls_port):
        """Say of a Mistaken peer what it does on which port, and what to do; port, tls_port: None for none."""
        if self.channel is None:
            words = "speaks TLS on port %d, which is without; %s"
            here, other, advice = port, tls_port, "let it send to port %d, or switch its TLS off"
            nowhere = "switch its TLS off, or give the box a tls_port under [dicom]"
        else:
            words = "speaks no TLS on port %d, which is for TLS; %s"
            here, other, advice = tls_port, port, "switch its TLS on, or let it send to port %d"
            nowhere = "switch its TLS on"
        return words % (here, nowhere if other is None else advice % other)

    def receive(self, buffer):
        """Receive what is there; yield how many octets are in the engine's window, as often as more are; 0 at the end.

        buffer: a view, for what is encrypted. Raises BlockingIOError when nothing came, Mistaken, and channel.Failed,
        after which the peer is to be told why by `bid_farewell`.
        """
        window = self.engine.window() if self.channel is None else buffer
        try:
            count = self.socket.recv_into(window)
        except BlockingIOError:
            raise
        except OSError:
            count = 0
        if count and self._is_new:
            self._is_new = False
            if (window[0] == channel.HANDSHAKE) is (self.channel is None):
                raise Mistaken
        if not count or self.channel is None:
            yield count
            return
        self.channel.fed(buffer[:count])
        if not self.channel.is_open:
            self.channel.shake()
            if not self.channel.is_open:
                return
            self.holder = self.channel.holder()
        count = self.channel.read_into(self.engine.window())
        while count is not None:
            yield count
            if not count:
                return
            count = self.channel.read_into(self.engine.window())

    def send(self):
        """Send what is to be sent; OSError, or channel.Failed, when the peer is gone.

        What does not fit a socket's buffer is not worth waiting for.
        """
        octets = self.engine.outgoing()
        if self.channel is not None:
            if octets:
                self.channel.write(octets)
            octets = self.channel.outgoing()
        if octets:
            self.socket.send(octets)

    def bid_farewell(self):
        """Say what TLS has to say last; return whether to wait until the peer has read it: a reset would take it away.

        The connection is closed when `deadline` has come, or the peer has closed it.
        """
        if self.channel is None or not self.channel.has_outgoing:
            return False
        try:
            self.socket.send(self.channel.outgoing())
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        self._ends_ms = transport.now_ms() + _FAREWELL_MS
        return True

    def is_closed(self, buffer):
        """Say whether the peer has closed the connection since the farewell."""
        try:
            return not self.socket.recv_into(buffer)
        except BlockingIOError:
            return False
        except OSError:
            return True
