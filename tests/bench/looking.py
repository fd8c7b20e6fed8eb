"""Pages that are looked at, in a process of their own: python -m tests.bench.looking PORT COOKIE PATH...

Each PATH is a live page over a TLS connection of its own. It says "open" once each has all of its page, reads what
comes until its input ends, and then says how many messages each has got since, and how many octets all of them.
"""

import os
import selectors
import socket
import ssl
import sys

_MESSAGE = b"data: {"
_LIMIT_S = 30


class _Page:
    def __init__(self, port, cookie, path, context):
        self.messages = self.octets = 0
        self.connected = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=_LIMIT_S))
        asked = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: __Host-edge={cookie}\r\n\r\n"
        self.connected.sendall(asked.encode())

    def take(self):
        """Count what has come."""
        self.connected.setblocking(False)
        try:
            while octets := self.connected.recv(65536):
                self.messages += octets.count(_MESSAGE)
                self.octets += len(octets)
            raise ConnectionError("the console closed a live page")
        except ssl.SSLWantReadError:
            pass


def main():
    """Look until the input ends."""
    port, cookie, *paths = sys.argv[1:]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    pages = [_Page(int(port), cookie, path, context) for path in paths]
    chooser = selectors.DefaultSelector()
    for page in pages:
        chooser.register(page.connected, selectors.EVENT_READ, page)
    while not all(page.messages for page in pages):
        _read(chooser)
    for page in pages:
        page.messages = page.octets = 0
    print("open", flush=True)
    chooser.register(sys.stdin, selectors.EVENT_READ, None)
    while _read(chooser):
        pass
    print(*[page.messages for page in pages], sum(page.octets for page in pages), flush=True)


def _read(chooser):
    """Read what has come, when something has; False when the input ended."""
    found = [key.data for key, _ in chooser.select(_LIMIT_S)]
    if not found:
        raise TimeoutError(f"no page was told anything for {_LIMIT_S} s")
    for page in found:
        if page is not None:
            page.take()
    return None not in found


if __name__ == "__main__":
    os.nice(5)  # whoever looks does so on a machine of his own
    main()
