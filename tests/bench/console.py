"""What the console costs: memory, the first page, and receiving while fifty pages that update themselves are open."""

import contextlib
import shutil
import socket
import ssl
import time

from tests.bench import measure
from tests.bench.table import Row
from tests.support import dcmtk
from tests.support.console import Console
from tests.support.service import Service

_PAGES = 50
_ROUNDS = 5


def console(bench):
    """Measure it; the rounds with and without pages take turns on one running box."""
    with Service(bench.fresh(bench.memory)) as without:
        alone = measure.settled_memory(without.pid)
        without.stop()
    shutil.rmtree(without.folder)
    folder, count = bench.series("ct")
    with Console(bench.fresh(bench.memory)) as made:
        with_it = measure.settled_memory(made.box.pid)
        first_s = _page_seconds(made)
        made.claim()
        cookie = _cookie(made)
        closed, opened = [], []
        for _ in range(_ROUNDS):
            closed.append(dcmtk.send(dcmtk.STORESCU, made.box.port, [folder]))
            with _looking(made, cookie):
                opened.append(dcmtk.send(dcmtk.STORESCU, made.box.port, [folder]))
        made.box.stop()
    shutil.rmtree(made.box.folder)
    added = (with_it.rss_bytes - alone.rss_bytes) / 1e6
    anonymous = (with_it.anonymous_bytes - alone.anonymous_bytes) / 1e6
    note = f"{anonymous:.1f} MB of it anonymous, the rest shared libraries"
    what = f"receive {count} CT of 0.5 MB while {_PAGES} live pages are open"
    return [
        Row("console", "memory that the console adds, idle", "MB", "", None, added, 8, False, note),
        Row("console", "from connecting to the first page, with TLS", "s", "", None, first_s, 0.3, False, ""),
        Row("console", what, "objects/s", "no page", count / min(closed), count / min(opened), 0.95, True, ""),
    ]


def _page_seconds(made):
    begun = time.perf_counter()
    with _connected(made) as peer:
        peer.sendall(b"GET /claim HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        while peer.recv(65536):
            pass
    return time.perf_counter() - begun


def _connected(made):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", made.port), timeout=20))


def _cookie(made):
    lines = made.jar.read_text(encoding="ascii").splitlines()
    return [line.split("\t")[-1] for line in lines if "__Host-edge\t" in line][0]


@contextlib.contextmanager
def _looking(made, cookie):
    """Fifty pages, each of which has got its first message."""
    asked = f"GET /live/queue HTTP/1.1\r\nHost: 127.0.0.1:{made.port}\r\nCookie: __Host-edge={cookie}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(_connected(made)) for _ in range(_PAGES)]
        for peer in peers:
            peer.sendall(asked)
        for peer in peers:
            octets = b""
            while b"data: {" not in octets:
                more = peer.recv(65536)
                if not more:
                    raise ConnectionError("the console closed a live page")
                octets += more
        yield
