"""What a peer may do to the console: not more than the limits say, and never for longer than the deadlines."""

import concurrent.futures
import contextlib
import os
import signal
import socket
import ssl
import time

import pytest

from tests.support.console import Console
from tests.support.process import wait_until

CONNECTIONS = 16


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    """A claimed box whose console takes few connections, from each address a half of them."""
    with Console(tmp_path_factory.mktemp("limits"), {"max_connections": CONNECTIONS}) as made:
        made.claim()
        yield made


@contextlib.contextmanager
def connected(console, tls=True):
    """A connection, its TLS handshake done."""
    with socket.create_connection(("127.0.0.1", console.port), timeout=20) as plain:
        if not tls:
            yield plain
            return
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain) as wrapped:
            yield wrapped


def head(console, more=""):
    """The head of a request for the login."""
    return f"GET /login HTTP/1.1\r\nHost: 127.0.0.1:{console.port}\r\n{more}\r\n".encode()


def received(connection):
    """Everything until the other side closes."""
    octets = b""
    try:
        while more := connection.recv(65536):
            octets += more
    except (ConnectionError, ssl.SSLError):
        pass
    return octets


def test_several_requests_go_over_one_connection(console):
    with connected(console) as peer:
        peer.sendall(head(console) * 2 + head(console, "Connection: close\r\n"))
        assert received(peer).count(b"HTTP/1.1 200 OK") == 3


def test_a_head_that_does_not_end_is_cut_and_others_are_served_meanwhile(console):
    with connected(console) as slow:
        began = time.monotonic()
        slow.sendall(head(console)[:-2])
        while time.monotonic() - began < 14:
            assert console.get("/login", jar=False).status == 200
            try:
                slow.sendall(b"X-Slow: 1\r\n")
                slow.settimeout(1)
                if slow.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except (ConnectionError, ssl.SSLError):
                break
        assert 8 <= time.monotonic() - began < 14


def test_a_handshake_that_does_not_come_is_cut(console):
    with connected(console, tls=False) as silent:
        began = time.monotonic()
        assert silent.recv(1) == b""
        assert time.monotonic() - began < 14


@pytest.mark.parametrize(
    ("request_of", "status"),
    [
        (lambda: "X: " + "a" * 20_000 + "\r\n", b"431"),
        (lambda: "".join(f"X{number}: a\r\n" for number in range(100)), b"431"),
        (lambda: "Transfer-Encoding: chunked\r\n", b"501"),
        (lambda: "Content-Length: 5\r\nContent-Length: 6\r\n", b"400"),
        (lambda: "Content-Length: 99999999999\r\n", b"413"),
        (lambda: "X y: z\r\n", b"400"),
    ],
    ids=["long", "many fields", "chunked", "two lengths", "huge", "no field"],
)
def test_what_is_no_request_or_too_long_is_refused_and_the_connection_ends(console, request_of, status):
    with connected(console) as peer:
        peer.sendall(head(console, request_of()))
        assert received(peer).startswith(b"HTTP/1.1 " + status)


def test_a_body_is_as_long_as_who_sends_it_may_send(console, tmp_path):
    big = tmp_path / "big"
    big.write_bytes(b"a" * (17 << 10))
    sent = ("--data-binary", f"@{big}", "--header", "Expect:")
    assert console.curl("/login", *sent, jar=False).status == 413
    assert console.curl("/api/v1/status", *sent).status == 403  # let in, and then refused: it has no mark
    big.write_bytes(b"a" * (25 << 20))
    assert console.curl("/api/v1/status", *sent).status == 413


@pytest.mark.parametrize("path", ["//evil", "/../../etc/passwd", "/static/../app.py", "/%00", "/static/%2e%2e%2fa.py"])
def test_a_path_leads_nowhere_but_to_what_there_is(console, path):
    assert console.get(path, "--path-as-is").status == 404


def test_arguments_that_are_no_text_are_refused(console):
    assert console.get("/queue?destination=%ff").status == 400


def test_who_connects_too_often_makes_way_for_who_comes_after(console):
    with contextlib.ExitStack() as held:
        idle = [held.enter_context(connected(console, tls=False)) for _ in range(CONNECTIONS)]
        for _ in range(3):
            assert console.get("/queue").status == 200
        wait_until(lambda: _closed(idle[0]), 5, "the oldest to be closed")


def test_who_connects_at_once_with_too_many_makes_way_too(console):
    with contextlib.ExitStack() as held:
        os.kill(console.box.pid, signal.SIGSTOP)
        try:
            idle = [held.enter_context(connected(console, tls=False)) for _ in range(CONNECTIONS)]
        finally:
            os.kill(console.box.pid, signal.SIGCONT)
        for each in idle[: CONNECTIONS // 2]:
            wait_until(lambda each=each: _closed(each), 5, "the older half to be closed")
        assert not _closed(idle[-1])


def _closed(peer):
    peer.setblocking(False)
    try:
        return peer.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_many_at_once_are_all_answered(console):
    token = console.ask("token", name="many", role="viewer").json["done"]["secret"]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: console.ask("status", token=token).status, range(24)))
    assert answers == [200] * 24


# --- live


def test_a_live_page_says_what_changes_and_ends_with_the_session(console):
    console.login()
    cookie = [line.split("\t")[-1] for line in console.jar.read_text().splitlines() if "__Host-edge\t" in line][0]
    with connected(console) as peer:
        asked = f"GET /live/queue HTTP/1.1\r\nHost: 127.0.0.1:{console.port}\r\nCookie: __Host-edge={cookie}\r\n\r\n"
        peer.sendall(asked.encode())
        octets = b""
        while b"data: {" not in octets:
            octets += peer.recv(65536)
        assert b"text/event-stream" in octets
        rows = console.ask("sessions").json["rows"]
        for row in rows:
            console.ask("end-session", number=row["number"])
        assert console.get("/queue").status == 303
        assert _ends(peer)
    console.login()


def _ends(peer):
    """Whether the stream ends, within a ping."""
    peer.settimeout(20)
    return b"0\r\n\r\n" in received_until_end(peer)


def received_until_end(peer):
    octets = b""
    while not octets.endswith(b"0\r\n\r\n"):
        more = peer.recv(65536)
        if not more:
            break
        octets += more
    return octets


def test_pages_that_are_closed_make_room_at_once(console):
    console.login()
    cookie = [line.split("\t")[-1] for line in console.jar.read_text().splitlines() if "__Host-edge\t" in line][0]
    asked = f"GET /live/queue HTTP/1.1\r\nHost: 127.0.0.1:{console.port}\r\nCookie: __Host-edge={cookie}\r\n\r\n"
    for _ in range(3 * CONNECTIONS):
        with connected(console) as peer:
            peer.sendall(asked.encode())
            assert peer.recv(12) == b"HTTP/1.1 200"
