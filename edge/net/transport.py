"""What every TCP connection of this box has in common: its options, its deadlines, its clock.

Waiting is the kernel's: a receive or send blocks for as long as the association's deadline allows (SO_RCVTIMEO,
SO_SNDTIMEO), which costs no second system call as a poll before each would.
"""

import errno
import fcntl
import os
import socket
import struct
import termios
import time
from threading import Event

_TIMED_OUT = (errno.EAGAIN, errno.EWOULDBLOCK)
_SLACK_MS = 500  # a deadline that moved by less is not worth a system call
_FOREVER_MS = 1 << 40
_SO_MAX_PACING_RATE = 47  # of asm-generic/socket.h; the socket module does not name it
_TCP_NOTSENT_LOWAT = 25
_SENT = struct.Struct("<136xI4xI52xQ")  # of struct tcp_info: segs_out, notsent_bytes, bytes_sent
_ACKNOWLEDGED = struct.Struct("<120xQ")  # of the same: bytes_acked, counted from Linux 4.1 on
_TIMESTAMPS = 1  # in tcpi_options
_HEAD_BYTES = 54  # Ethernet, IPv4 and TCP, of each segment; IPv6 takes 20 more, TCP's time stamps 12
_SMOOTHING = 1.25  # the kernel spreads a piece over most of its time, and never limits by itself
_BULK_BYTES = 32768  # a sender that just had so much acknowledged is not one that waits with a small segment


def now_ms():
    """Return the time in ms on a clock that never steps."""
    return time.monotonic_ns() // 1000000


def interval(milliseconds):
    """Return a struct timeval of `milliseconds`, at least one, as socket options want it."""
    milliseconds = max(1, milliseconds)
    return struct.pack("ll", milliseconds // 1000, milliseconds % 1000 * 1000)


def unacknowledged(connected):
    """Return how many octets sent over a socket its other end has not acknowledged; also after it broke."""
    try:
        return struct.unpack("i", fcntl.ioctl(connected, termios.TIOCOUTQ, bytes(4)))[0]
    except OSError:
        return 0


def acknowledged(connected):
    """Return how many octets sent over a socket its other end has acknowledged; None where that is not known."""
    try:
        info = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKNOWLEDGED.size)
    except OSError:  # it is closed
        return None
    return _ACKNOWLEDGED.unpack(info)[0] if len(info) == _ACKNOWLEDGED.size else None


def forget(connected):
    """Let the close of a socket reset its connection: what the line has not taken yet is not sent any more."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def cut(connected):
    """Make what another thread does with a socket fail; with an SSLSocket's own shutdown it would lose TLS under it."""
    try:
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
    except OSError:
        pass


class Wire:
    """One connected stream socket with deadlines.

    TCP_NODELAY is set, and every receive is acknowledged at once: an old sender with Nagle's algorithm left on holds
    each small segment back until the one before it is acknowledged, and the kernel would delay that by 40 ms.
    """

    failure = None  # why the connection broke, in words, where this is known

    def __init__(self, connected, send_timeout_ms):
        self.socket = connected
        self._recv_into = connected.recv_into
        self._setsockopt = connected.setsockopt
        self._receive_ms = _FOREVER_MS  # what the kernel has been told
        connected.setblocking(True)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, interval(send_timeout_ms))
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._is_tcp = connected.family != socket.AF_UNIX
        if self._is_tcp:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def encryption(self):
        """Say in words how the connection is encrypted; "" when it is not."""
        return ""

    def receive_into(self, window, timeout_ms):
        """Receive into `window`; return the octets received, 0 at the end, or None when nothing came in time.

        That may be sooner than `timeout_ms`, where an earlier call was in more of a hurry: look at the clock.
        """
        if timeout_ms + _SLACK_MS < self._receive_ms:
            self._setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, interval(timeout_ms))
            self._receive_ms = timeout_ms
        try:
            count = self._recv_into(window)
        except OSError as error:
            if error.errno not in _TIMED_OUT:
                return 0
            self._receive_ms = _FOREVER_MS
            return None
        if count < _BULK_BYTES and self._is_tcp:
            try:
                self._setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            except OSError:  # the connection broke after what was received, which still counts
                pass
        return count

    def send(self, octets):
        """Send all of `octets`; OSError when the peer is gone or takes nothing for the send timeout."""
        self.socket.sendall(octets)

    def send_parts(self, parts):
        """Send a list of bytes-like parts in as few system calls as there can be; OSError as `send`."""
        sent = self.socket.sendmsg(parts)
        for part in parts:
            size = len(part)
            if sent >= size:
                sent -= size
            elif sent:
                self.socket.sendall(memoryview(part)[sent:])
                sent = 0
            else:
                self.socket.sendall(part)

    def send_file(self, head, fd, offset, length):
        """Send `head`, then up to `length` octets of the file `fd` from `offset`; return how many of these there were.

        The kernel copies them. OSError as `send`, and, with errno EIO, when the file cannot be read.
        """
        sent = self.socket.send(head, socket.MSG_MORE)
        if sent < len(head):
            self.socket.sendall(head[sent:])
        out = self.socket.fileno()
        done = 0
        while done < length:
            sent = os.sendfile(out, fd, offset + done, length - done)
            if not sent:
                break
            done += sent
        return done

    def interrupt(self):
        """Make a receive that blocks in another thread return 0."""
        try:
            self.socket.shutdown(socket.SHUT_RD)
        except OSError:
            pass

    def is_quiet(self):
        """Say whether the connection stands and nothing has come that was not received."""
        try:
            self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def cut(self):
        """Make a receive or send that blocks in another thread fail."""
        cut(self.socket)

    def close(self):
        """Close the connection; what was sent still reaches the peer."""
        self.cut()
        self.socket.close()


class Paced:
    """A Wire on which no more leaves than a pace.Pace allows, retransmissions and the headers of all frames counted.

    Octets go in pieces, each when its turn has come. The kernel is kept from holding back more than a piece that it has
    not sent: when a slow link becomes fast, that would leave all at once.
    """

    def __init__(self, wire, pace):
        self.socket = wire.socket
        self.receive_into = wire.receive_into
        self.is_quiet = wire.is_quiet
        self.close = wire.close
        self._wire = wire
        self._pace = pace
        self._cut = Event()
        self._charged = 0  # octets of frames that the pace knows of
        self._head_bytes = _HEAD_BYTES + (20 if wire.socket.family == socket.AF_INET6 else 0)
        self._set(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, struct.pack("Q", int(pace.rate_bytes_per_s * _SMOOTHING)))
        self._set(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, pace.piece_bytes)

    @property
    def encryption(self):
        """As Wire has it."""
        return self._wire.encryption

    @property
    def failure(self):
        """As Wire has it."""
        return self._wire.failure

    def _set(self, level, option, value):
        try:
            self.socket.setsockopt(level, option, value)
        except OSError:
            pass  # an older kernel sends the same, less evenly

    def _await(self, octets):
        """Wait until so many octets may be sent; OSError when the connection is cut meanwhile."""
        if not self._pace.take(octets, self._cut):
            raise OSError(errno.ESHUTDOWN, os.strerror(errno.ESHUTDOWN))
        self._charged += octets

    def _account(self):
        """Charge what the frames sent so far have come to, beyond what was awaited."""
        try:
            info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SENT.size)
        except OSError:
            return
        if len(info) < _SENT.size:
            return  # a kernel before 4.19 does not count
        segments, unsent, sent = _SENT.unpack(info)
        head_bytes = self._head_bytes + (12 if info[5] & _TIMESTAMPS else 0)
        more = sent + unsent + segments * head_bytes - self._charged
        self._charged += more
        self._pace.charge(more)

    def send(self, octets):
        """Send all of `octets`, as Wire does, each piece in its turn."""
        octets = memoryview(octets)
        for begin in range(0, len(octets), self._pace.piece_bytes):
            piece = octets[begin : begin + self._pace.piece_bytes]
            self._await(len(piece))
            self._wire.send(piece)
            self._account()

    def send_parts(self, parts):
        """Send a list of bytes-like parts, as Wire does, each piece in its turn."""
        piece, room = [], self._pace.piece_bytes
        for part in parts:
            part = memoryview(part)
            while len(part) >= room:
                piece.append(part[:room])
                part = part[room:]
                self._send_piece(piece)
                piece, room = [], self._pace.piece_bytes
            if len(part):
                piece.append(part)
                room -= len(part)
        if piece:
            self._send_piece(piece)

    def _send_piece(self, parts):
        self._await(sum([len(part) for part in parts]))
        self._wire.send_parts(parts)
        self._account()

    def send_file(self, head, fd, offset, length):
        """Send `head` and octets of a file, as Wire does, each piece in its turn."""
        done = 0
        while done < length:
            count = min(self._pace.piece_bytes, length - done)
            self._await(len(head) + count)
            sent = self._wire.send_file(head, fd, offset + done, count)
            self._account()
            done += sent
            if sent < count:
                break
            head = b""
        return done

    def interrupt(self):
        """Make a receive that blocks in another thread return 0."""
        self._wire.interrupt()

    def cut(self):
        """Make a receive or send that blocks in another thread, or waits for its turn, fail."""
        self._cut.set()
        self._wire.cut()
