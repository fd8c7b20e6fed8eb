"""A link that never stays up for long: a TCP proxy that breaks each connection after so many octets to the far end."""

import socket
import struct
import threading

_TCP_INFO_RECEIVED = 128  # where struct tcp_info has the octets that were received in order
_BUFFER_BYTES = 128 << 10  # what the link itself holds
_CHUNK = 65536


class CutLink:
    """Forwards to (host, port) while the `with` block lasts; a connection is reset after `cut_bytes` (None: never).

    sent: octets that the near end has sent in all, as its TCP has it, lost ones too; cuts: connections that were cut.
    """

    def __init__(self, port, cut_bytes, host="127.0.0.1", near="127.0.0.1"):
        self._far = (host, port)
        self.cut_bytes = cut_bytes
        self.cuts = 0
        self._ended = 0
        self._open = set()
        self._lock = threading.Lock()
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)  # handed on to what is accepted
        self._server.bind((near, 0))
        self._server.listen(16)
        self.port = self._server.getsockname()[1]
        self._threads = []

    def __enter__(self):
        self._start(self._accept)
        return self

    def __exit__(self, *exception):
        self._server.shutdown(socket.SHUT_RDWR)
        with self._lock:
            for each in self._open:
                _shut(each)
        for each in list(self._threads):
            each.join()
        self._server.close()

    @property
    def sent(self):
        """Octets that the near end has sent."""
        with self._lock:
            return self._ended + sum(_received(each) for each in self._open)

    def _start(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.socket()
            far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            try:
                far.connect(self._far)
            except OSError:
                far.close()
                near.close()
                continue
            with self._lock:
                self._open.add(near)
            self._start(self._forward, near, far)
            self._start(_copy, far, near)

    def _forward(self, near, far):
        """Pass on what the near end sends, up to the cut."""
        left = self.cut_bytes
        try:
            while left is None or left > 0:
                octets = near.recv(_CHUNK if left is None else min(_CHUNK, left))
                if not octets:
                    break
                far.sendall(octets)
                left = None if left is None else left - len(octets)
        except OSError:
            pass
        with self._lock:
            self._ended += _received(near)
            self._open.discard(near)
            self.cuts += left == 0
        for each in (near, far):
            if left == 0:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if each is far:
                    _wake(far)  # who waits for its octets holds the socket, and the reset back
                each.close()
            else:
                _shut(each)
                each.close()


def _copy(source, sink):
    try:
        while octets := source.recv(_CHUNK):
            sink.sendall(octets)
    except OSError:
        pass
    _shut(sink)


def _wake(each):
    try:
        each.shutdown(socket.SHUT_RD)
    except OSError:
        pass


def _shut(each):
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _received(each):
    """Octets that TCP has received on a socket, read or not."""
    info = each.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_RECEIVED + 8)
    return struct.unpack_from("Q", info, _TCP_INFO_RECEIVED)[0]
