"""The connection to the box: TCP, or TLS on it, never waiting. Sockets of MicroPython are files: read, write, close.

A link is what edge/tap/send asks for: is_open() says whether it stands (OSError where it cannot), read(view) returns
how many octets came, 0 at the end and None for none yet, write(octets) how many were taken, 0 or None for none.
"""

import binascii
import errno
import select
import socket

# EINPROGRESS of Linux, of lwIP, of newlib; some say EAGAIN
_UNDER_WAY = (errno.EINPROGRESS, errno.EAGAIN, 112, 115, 119)


class Link:
    """One connection. context: an ssl.SSLContext, or None; name: of the box's certificate."""

    def __init__(self, host, port, context=None, name=""):
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
        self._socket = self._stream = socket.socket(family, kind, protocol)
        self._context = context
        self._name = name
        self._stands = False
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLOUT)
        self._socket.setblocking(False)
        try:
            self._socket.connect(address)
        except OSError as error:
            if error.errno not in _UNDER_WAY:
                self._socket.close()
                raise

    def stream(self):
        """Return what can be polled."""
        return self._stream

    def is_open(self):
        """Say whether the connection stands; OSError where it cannot."""
        if not self._stands:
            for _, events in self._poll.poll(0):
                if events & (select.POLLERR | select.POLLHUP):
                    raise OSError(errno.ECONNREFUSED)
                self._stands = True
                if self._context is not None:
                    # The handshake is made by the reads and writes that follow
                    self._stream = self._context.wrap_socket(
                        self._socket, server_hostname=self._name, do_handshake_on_connect=False
                    )
        return self._stands

    def read(self, view):
        """Receive into `view`; return the octets, 0 at the end, None where there is nothing yet."""
        try:
            return self._stream.readinto(view)
        except ValueError as error:
            raise _untrusted(error)

    def write(self, octets):
        """Send; return how many octets were taken."""
        try:
            return self._stream.write(octets)
        except ValueError as error:
            raise _untrusted(error)

    def close(self):
        """Close it."""
        self._stream.close()


def _untrusted(error):
    """Return the OSError for what mbedTLS says of a certificate."""
    return OSError("TLS: " + str(error).strip("\n"))


def context(authority, certificate, key):
    """Return an ssl.SSLContext for TLS toward the box. All are paths of DER or PEM files, "" for none."""
    import ssl

    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cadata=_content(authority))
    if certificate:
        made.load_cert_chain(_content(certificate), _content(key))
    return made


def _content(path):
    """Return the first certificate or key of a file as DER, which every board's TLS understands."""
    with open(path, "rb") as file:
        octets = file.read()
    begin = octets.find(b"-----BEGIN ")
    if begin < 0:
        return octets
    inner = octets[octets.find(b"\n", begin) : octets.find(b"-----END ", begin)]
    return binascii.a2b_base64(inner)
