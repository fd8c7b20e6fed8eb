"""TLS over a connection: the encryption without I/O, and the Wire that carries what it makes.

The listener shakes hands in its selector, with octets as they come, so that a peer who stalls there costs a descriptor
and nobody's time. Whoever then has the connection to himself waits in the kernel, as with any other Wire. OpenSSL never
touches the socket: a thread that cuts the connection off disturbs nothing of it.
"""

import os
import socket
import time
from collections import namedtuple

from edge.net import alerts, transport

HANDSHAKE = 0x16  # the first octet of a connection that speaks TLS; no PDU begins with it

_BUFFER_BYTES = 131072  # what one receive may bring, and about what one send carries
_RECORD_BYTES = 16384  # the longest payload of a TLS record
_SMALL_BYTES = 4096  # parts up to this size share a record with what follows them

# Who showed a certificate. subject: str, as "CN=ct1, O=Hospital"; names: tuple of str, its common and DNS names;
# fingerprint: SHA-256 of it in hexadecimal digits; ends: when it does, s since 1970
Holder = namedtuple("Holder", ("subject", "names", "fingerprint", "ends"))


class Failed(Exception):
    """The other side cannot be talked to in TLS; str() says why, calling it "it"."""


class Channel:
    """One TLS connection as octets in and octets out.

    context: ssl.SSLContext; server_name: what the certificate of the server has to be for; None when this is the
    server.
    """

    def __init__(self, context, server_name=None):
        import ssl  # costs a box without TLS nothing

        self._ssl = ssl
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._engine = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_name is None, server_hostname=server_name
        )
        self.is_open = False  # whether the hands have been shaken

    def fed(self, octets):
        """Take what came from the connection."""
        self._incoming.write(octets)

    def outgoing(self):
        """Return what is to be sent next, b"" for nothing."""
        return self._outgoing.read()

    @property
    def has_outgoing(self):
        """Say how many octets are to be sent."""
        return self._outgoing.pending

    def shake(self):
        """Go on with the handshake as far as what came suffices; raises Failed, after which `outgoing` is the reason.

        `is_open` says whether it is done.
        """
        try:
            self._engine.do_handshake()
            self.is_open = True
        except self._ssl.SSLWantReadError:
            pass
        except self._ssl.SSLError as error:
            raise Failed(alerts.words(error)) from error

    def read_into(self, window):
        """Decrypt into `window` as much as there is; return the octets, 0 at the end, None when more has to come.

        Raises Failed.
        """
        done = 0
        try:
            while done < len(window):
                count = self._engine.read(len(window) - done, window[done:])
                if not count:
                    break
                done += count
        except self._ssl.SSLWantReadError:
            return done or None
        except self._ssl.SSLError as error:
            if not done:
                raise Failed(alerts.words(error)) from error
        return done

    def write(self, octets):
        """Encrypt `octets`, which may be empty; Failed when the other side has ended the encryption."""
        view = memoryview(octets)
        try:
            while view:
                view = view[self._engine.write(view) :]
        except self._ssl.SSLError as error:
            raise Failed(alerts.words(error)) from error

    def end(self):
        """Say that nothing more will be sent."""
        try:
            self._engine.unwrap()
        except (self._ssl.SSLError, ValueError):  # it waits for the other side's end, which nobody needs
            pass

    def holder(self):
        """Return the Holder of the certificate that the other side showed; None when it showed none."""
        return holder_of(self._engine)

    def words(self):
        """Say which version it is and what the other side showed, in words."""
        shown = self.holder()
        return self._engine.version() + ("" if shown is None else ", certificate of %s" % shown_words(shown))


def holder_of(connection):
    """Return the Holder of the certificate shown over an ssl.SSLSocket or ssl.SSLObject; None when there is none."""
    import hashlib  # loads OpenSSL
    import ssl

    octets = connection.getpeercert(True)
    if not octets:
        return None
    found = connection.getpeercert()
    pairs = [pair for group in found.get("subject", ()) for pair in group]
    names = [value for kind, value in pairs if kind == "commonName"]
    names += [value for kind, value in found.get("subjectAltName", ()) if kind == "DNS"]
    subject = ", ".join(["%s=%s" % (_SHORT.get(kind, kind), value) for kind, value in reversed(pairs)])
    ends = ssl.cert_time_to_seconds(found["notAfter"])
    return Holder(subject, tuple(names), hashlib.sha256(octets).hexdigest(), ends)


def shown_words(holder):
    """Return who a Holder is and until when, in printable words."""
    name = "".join([each if each.isprintable() else "?" for each in holder.subject[:200]])
    return "%s until %s" % (name or "nobody in particular", time.strftime("%Y-%m-%d", time.gmtime(holder.ends)))


_SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
}


def connect(connected, client, host, timeout_ms):
    """Shake hands over the socket `connected` with the server at `host`, as a tls.Client says; return the Channel.

    Raises Failed when the other side cannot be talked to in TLS, tls.Unusable when the client's files cannot be used.
    """
    channel = Channel(client.context(), client.name_of(host))
    end_ms = transport.now_ms() + timeout_ms
    try:
        while True:
            try:
                channel.shake()
            except Failed:
                _say_why(connected, channel)
                raise
            connected.sendall(channel.outgoing())
            if channel.is_open:
                return channel
            connected.settimeout(max(1, end_ms - transport.now_ms()) / 1000)
            octets = connected.recv(_RECORD_BYTES)
            if not octets:
                raise Failed(_LEFT)
            channel.fed(octets)
    except TimeoutError:
        raise Failed(_SILENT % (timeout_ms // 1000)) from None
    except OSError as error:
        raise Failed("%s (%s)" % (_LEFT, (error.strerror or str(error)).lower())) from error


def _say_why(connected, channel):
    try:
        connected.send(channel.outgoing())
    except OSError:  # it has gone already
        pass


_LEFT = "it closed the connection in the handshake; check the port, whether TLS is switched on there, and its log"
_SILENT = "it did not answer within %d s; check the port, and whether TLS is switched on there"


class Wire(transport.Wire):
    """A connected socket over which a Channel, its hands shaken, carries everything.

    failure: why the encryption broke, in words; None while it stands.
    """

    def __init__(self, connected, send_timeout_ms, channel):
        super().__init__(connected, send_timeout_ms)
        self._channel = channel
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._ahead = b""  # received by `is_quiet`
        self.failure = None

    def encryption(self):
        """Say in words how the connection is encrypted, and what the other side showed."""
        return self._channel.words()

    def receive_into(self, window, timeout_ms):
        """Receive into `window`; return the octets received, 0 at the end, or None when nothing came in time.

        None may also mean that what came does not make a whole record yet: look at the clock.
        """
        if self._ahead:
            count = len(self._ahead)
            window[:count] = self._ahead
            self._ahead = b""
            return count
        count = self._decrypt(window)
        if count is None:
            received = super().receive_into(self._buffer, timeout_ms)
            if not received:
                return received
            self._channel.fed(self._buffer[:received])
            count = self._decrypt(window)
        return count

    def _decrypt(self, window):
        try:
            count = self._channel.read_into(window)
            if self._channel.has_outgoing:  # an answer of the encryption's own, such as to a change of keys
                self._flush()
            return count
        except Failed as failed:
            self.failure = str(failed)
        except OSError:
            pass
        return 0

    def send(self, octets):
        """Send all of `octets`; OSError when the peer is gone or takes nothing for the send timeout."""
        self.send_parts((octets,))

    def send_parts(self, parts):
        """Send a list of bytes-like parts; OSError as `send`."""
        held = bytearray()
        for part in parts:
            if len(part) <= _SMALL_BYTES and len(held) + len(part) <= _RECORD_BYTES:
                held += part
                continue
            view = memoryview(part)
            if held:
                fits = _RECORD_BYTES - len(held)
                held += view[:fits]
                view = view[fits:]
                self._write(held)
                held = bytearray()
            for begin in range(0, len(view), _BUFFER_BYTES):
                self._write(view[begin : begin + _BUFFER_BYTES])
        self._write(held)
        self._flush()

    def _write(self, octets):
        try:
            self._channel.write(octets)
        except Failed as failed:
            self.failure = str(failed)
            raise OSError(self.failure) from failed
        if self._channel.has_outgoing >= _BUFFER_BYTES:
            self._flush()

    def _flush(self):
        self.socket.sendall(self._channel.outgoing())

    def send_file(self, head, fd, offset, length):
        """Send `head`, then up to `length` octets of the file `fd` from `offset`; return how many of these there were.

        OSError as `send`, and, with errno EIO, when the file cannot be read.
        """
        done = 0
        while done < length:
            octets = os.pread(fd, min(length - done, _BUFFER_BYTES), offset + done)
            self.send_parts((head, octets))
            if not octets:
                break
            head = b""
            done += len(octets)
        return done

    def is_quiet(self):
        """Say whether the connection stands and nothing has come that was not received."""
        if self._ahead:
            return False
        try:
            while True:
                received = self.socket.recv_into(self._buffer, 0, socket.MSG_DONTWAIT)
                if not received:
                    return False
                self._channel.fed(self._buffer[:received])
        except BlockingIOError:
            pass
        except OSError:
            return False
        one = memoryview(bytearray(1))
        count = self._decrypt(one)
        if count:
            self._ahead = bytes(one)
        return count is None

    def close(self):
        """Close the connection; what was sent still reaches the peer."""
        self._channel.end()
        try:
            self.socket.send(self._channel.outgoing(), socket.MSG_DONTWAIT)
        except OSError:
            pass
        super().close()
