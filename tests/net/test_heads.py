"""Request heads are read strictly: one framing, one meaning, or none at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.net import heads

GOOD = b"PATCH /uploads/1 HTTP/1.1\r\nHost: relay\r\nContent-Length: 5\r\nUpload-Offset: 7\r\n\r\n"


def one(octets):
    """The first request in these octets."""
    reader = heads.Heads()
    reader.feed(octets)
    return reader.next()


def test_a_head_is_read_with_its_fields_and_the_length_of_its_body():
    request = one(GOOD)
    assert (request.method, request.target, request.length, request.keeps) == ("PATCH", "/uploads/1", 5, True)
    assert request.fields["upload-offset"] == "7"


def test_a_head_that_comes_octet_by_octet_is_the_same():
    reader = heads.Heads()
    found = []
    for octet in GOOD + b"12345":
        reader.feed(bytes([octet]))
        found.append(reader.next() if not any(found) else None)
    assert [each for each in found if each] == [one(GOOD)] and found[len(GOOD) - 1] is not None
    assert reader.take(100) == b"12345"


def test_connection_close_ends_the_connection():
    assert not one(GOOD.replace(b"\r\n\r\n", b"\r\nConnection: Keep-Alive, Close\r\n\r\n")).keeps


@pytest.mark.parametrize(
    ("status", "head"),
    [
        (400, b"GET  / HTTP/1.1\r\nHost: a"),
        (400, b"GET / HTTP/1.1 \r\nHost: a"),
        (400, b" GET / HTTP/1.1\r\nHost: a"),
        (400, b"GET http://elsewhere/ HTTP/1.1\r\nHost: a"),
        (400, b"GET /\x7f HTTP/1.1\r\nHost: a"),
        (400, b"G(T / HTTP/1.1\r\nHost: a"),
        (400, b"GET / FTP/1.1\r\nHost: a"),
        (505, b"GET / HTTP/1.0\r\nHost: a"),
        (505, b"GET / HTTP/2.0\r\nHost: a"),
        (400, b"GET / HTTP/1.1\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost:"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a"),
        (400, b"GET / HTTP/1.1\r\nHost : a"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\n folded: b"),
        (400, b"GET / HTTP/1.1\r\nHost: a\nX: b"),
        (400, b"GET / HTTP/1.1\r\nHost: a\rX: b"),
        (400, b"GET / HTTP/1.1\r\nHost: a\x00"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nX"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\n: b"),
        (400, b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5"),
        (400, b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5"),
        (400, b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: +5"),
        (400, b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -5"),
        (400, b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5"),
        (400, b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \xb2"),
        (400, b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length:"),
        (400, b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999"),
        (400, b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked"),
        (400, b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
        (501, b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"),
        (431, b"GET / HTTP/1.1\r\nHost: a" + b"\r\nX: y" * 64),
        (431, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * heads.HEAD_LIMIT),
    ],
)
def test_what_could_be_read_in_two_ways_is_read_in_none(status, head):
    with pytest.raises(heads.BadRequest) as refused:
        one(head + b"\r\n\r\n")
    assert refused.value.status == status


def test_a_head_without_end_is_refused_at_its_limit():
    reader = heads.Heads()
    with pytest.raises(heads.BadRequest) as refused:
        for _ in range(100):
            reader.feed(b"X: 12345678\r\n" * 100)
            reader.next()
    assert refused.value.status == 431


@given(st.lists(st.binary(max_size=60) | st.sampled_from([GOOD, b"\r\n", b"\r\n\r\n", b": ", b"Host: a"]), max_size=12))
def test_any_octets_are_a_request_or_an_error_and_never_another_exception(parts):
    reader = heads.Heads()
    try:
        for part in parts:
            reader.feed(part)
            while True:
                request = reader.next()
                if request is None:
                    break
                assert request.length >= 0 and request.fields["host"]
                reader.take(request.length)
    except heads.BadRequest as error:
        assert error.status in heads.REASONS and str(error)
