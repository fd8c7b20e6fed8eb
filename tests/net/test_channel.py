"""The wire over TLS: deadlines, other threads that cut it off, and what the encryption says beside the payload.

The other end is Python's blocking TLS socket, or octets that hypothesis makes up.
"""

import os
import socket
import ssl
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.net import channel, tls
from tests.support import process
from tests.support.certificates import shake_over


@pytest.fixture(scope="module")
def own(authority):
    return authority.issue("edge")


def server_context(own, version=ssl.TLSVersion.TLSv1_3):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.maximum_version = version
    made.load_cert_chain(own.certificate, own.key)
    return made


class Pair:
    """A channel.Wire, and the blocking TLS socket at its other end, while the `with` block lasts."""

    def __init__(self, authority, own, version=ssl.TLSVersion.TLSv1_3, send_timeout_ms=10000):
        self._context = server_context(own, version)
        self._client = tls.Client(tls.Terms(authorities=str(authority.certificate)))
        self._send_timeout_ms = send_timeout_ms

    def __enter__(self):
        near, far = socket.socketpair()
        far.settimeout(10)
        shaken = []
        thread = threading.Thread(target=lambda: shaken.append(self._context.wrap_socket(far, server_side=True)))
        thread.start()
        made = channel.connect(near, self._client, "localhost", 10000)
        thread.join()
        self.wire = channel.Wire(near, self._send_timeout_ms, made)
        (self.other,) = shaken
        return self

    def __exit__(self, *exception):
        self.wire.close()
        self.other.close()

    def receive(self, count, timeout_ms=5000):
        """What the wire receives, until it is `count` octets."""
        window = memoryview(bytearray(count))
        done = 0
        end = time.monotonic() + timeout_ms / 1000
        while done < count and time.monotonic() < end:
            done += self.wire.receive_into(window[done:], timeout_ms) or 0
        return bytes(window[:done])


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def pair(request, authority, own):
    with Pair(authority, own, request.param) as made:
        yield made


def sent_whole(pair, send):
    """What arrives at the other end of what `send` sends from a thread."""
    thread = threading.Thread(target=lambda: (send(), pair.wire.close()))
    thread.start()
    octets = b"".join(iter(lambda: pair.other.recv(65536), b""))
    thread.join()
    return octets


def test_parts_of_every_size_arrive_in_order(pair):
    parts = [os.urandom(size) for size in (1, 12, 4096, 4097, 0, 16384, 200_000, 3, 300_000, 5)]
    assert sent_whole(pair, lambda: pair.wire.send_parts(parts)) == b"".join(parts)


def test_a_file_arrives_behind_its_head_and_the_length_of_a_short_one_is_told(pair, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(os.urandom(400_000))
    told = []
    with open(path, "rb") as file:
        octets = sent_whole(pair, lambda: told.append(pair.wire.send_file(b"head", file.fileno(), 1000, 500_000)))
    assert octets == b"head" + path.read_bytes()[1000:]
    assert told == [399_000]


def test_what_is_received_is_what_was_sent_whatever_the_window(pair):
    octets = os.urandom(700_000)
    thread = threading.Thread(target=pair.other.sendall, args=(octets,))
    thread.start()
    received = b""
    for size in (1, 5, 16384, 100_000, 262144, 700_000):
        received += pair.receive(min(size, len(octets) - len(received)))
    assert received == octets
    thread.join()


def test_nothing_in_time_is_none_and_the_end_is_zero(pair):
    window = memoryview(bytearray(16))
    begun = time.monotonic()
    while pair.wire.receive_into(window, 300) is None and time.monotonic() < begun + 0.3:
        pass  # session tickets are no payload
    assert 0.2 < time.monotonic() - begun < 2
    pair.other.close()
    assert pair.wire.receive_into(window, 5000) == 0


@pytest.mark.parametrize("how", ["interrupt", "cut"])
def test_a_receive_that_blocks_ends_when_another_thread_says_so(pair, how):
    counts = []

    def receive():
        window = memoryview(bytearray(16))
        count = None
        while count is None:
            count = pair.wire.receive_into(window, 10000)
        counts.append(count)

    thread = threading.Thread(target=receive)
    thread.start()
    process.wait_until(lambda: thread.is_alive(), 5, "the thread")
    getattr(pair.wire, how)()
    thread.join(5)
    assert counts == [0]


def test_a_send_that_blocks_fails_when_another_thread_cuts_it_off(pair):
    failed = []

    def send():
        try:
            while True:
                pair.wire.send(bytes(1 << 20))
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    process.wait_until(lambda: len(pair.other.recv(65536)) and thread.is_alive(), 5, "octets")
    pair.wire.cut()
    thread.join(5)
    assert len(failed) == 1


def test_a_peer_that_takes_nothing_is_given_up_after_the_send_timeout(authority, own):
    with Pair(authority, own, send_timeout_ms=300) as pair:
        begun = time.monotonic()
        with pytest.raises(OSError):
            pair.wire.send(bytes(64 << 20))
        assert time.monotonic() - begun < 5


def test_the_wire_is_quiet_though_session_tickets_came(pair):
    assert pair.wire.is_quiet()
    pair.other.sendall(b"x")
    process.wait_until(lambda: not pair.wire.is_quiet(), 5, "the octet")
    assert pair.receive(1) == b"x"
    assert pair.wire.is_quiet()
    pair.other.close()
    process.wait_until(lambda: not pair.wire.is_quiet(), 5, "the end")


def test_a_record_that_comes_octet_by_octet_is_waited_for_within_the_deadline(authority, own):
    near, far = socket.socketpair()
    made = []
    client = tls.Client(tls.Terms(authorities=str(authority.certificate)))
    thread = threading.Thread(target=lambda: made.append(channel.connect(near, client, "localhost", 10000)))
    thread.start()
    engine, outgoing = shake_over(far, server_context(own), server_side=True)
    far.sendall(outgoing.read())
    thread.join()
    wire = channel.Wire(near, 10000, made[0])
    engine.write(b"payload")
    record = outgoing.read()
    window = memoryview(bytearray(16))
    for number in range(len(record) - 1):
        far.sendall(record[number : number + 1])
        assert wire.receive_into(window, 5000) is None
    far.sendall(record[-1:])
    assert wire.receive_into(window, 5000) == 7 and bytes(window[:7]) == b"payload"
    wire.close()
    far.close()


STARTS = (
    b"",
    b"\x16\x03\x01",
    b"\x16\x03\x01\0\x50\1\0\0\x4c\3\3",
    b"\x14\x03\x03\0\1",
    b"\x17\x03\x03\0\x20",
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.integers(0, 4))
def test_whatever_comes_first_fails_in_words_or_is_waited_for(own, pieces, kind):
    made = channel.Channel(server_context(own))
    try:
        for piece in [STARTS[kind], *pieces]:
            made.fed(piece)
            made.shake()
    except channel.Failed as failed:
        assert str(failed)
    assert not made.is_open
