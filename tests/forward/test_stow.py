"""Objects reach DICOMweb servers by STOW-RS, and what they answer, or fail to answer, is understood."""

import socket
import threading
import time
from pathlib import Path

import pytest

from edge.demo import phantom
from edge.forward import stow, worker
from edge.forward.stow import StowTarget
from edge.morph import change
from edge.net import tls, web
from edge.spool.inflate import inflater
from tests.forward import stock
from tests.morph.data import rule
from tests.support import samples
from tests.support.certificates import HERE, Authority
from tests.support.process import wait_until
from tests.support.stowserver import JSON, XML, Answer, StowServer, instance, json_body, server_context, xml_body

JPEG_LS = "1.2.840.10008.1.2.4.80"
TERMS = web.Terms(2000, 3000)


def to(server, most=32, authorize=lambda: None, client=None, pace=None, terms=TERMS, **options):
    connection = web.Connection("localhost", server.port, terms, client, pace)
    return StowTarget(connection, "/dicom-web", "EDGE", authorize, most, **options)


@pytest.fixture
def spool(tmp_path):
    with stock.opened(tmp_path / "state") as opened:
        yield opened


def put(spool, objects):
    return [stock.put(spool, made, "cloud") for made in objects]


def drained(spool, target, count, state="delivered", **options):
    with stock.working(spool, "cloud", target, **options):
        stock.await_count(spool, "cloud", state, count)


def row(spool, number):
    return stock.job_of(spool, "cloud", number)


def uids(objects):
    return [made.sop_instance for made in objects]


def test_short_objects_go_together_in_few_requests_over_one_connection_bit_for_bit(spool):
    objects = stock.slices(40)
    put(spool, objects)
    with StowServer() as server:
        drained(spool, to(server), 40)
        assert server.received == uids(objects)
        assert [len(request.uids) for request in server.requests] == [32, 8]
        assert server.connections == 1
        for request in server.requests:
            assert request.path == "/dicom-web/studies"
            assert int(request.headers["content-length"]) == request.length
            assert request.headers["accept"].startswith("application/dicom+json")
        for made, octets in zip(objects, [each for request in server.requests for each in request.octets]):
            assert octets[samples.data_set_offset(octets) :] == made.data_set
        meta = server.files[0].file_meta
        assert (meta.SourceApplicationEntityTitle, meta.SendingApplicationEntityTitle) == ("EDGE", "CT1")


def test_what_is_changed_and_compressed_goes_chunked_as_its_length_is_not_known(spool):
    made = phantom.ct(phantom.study("CT"), size=128)
    put(spool, [made])
    stage = change.Changes([rule("PatientID", "set", "OTHER")], "EDGE", inflater)
    with StowServer() as server:
        drained(spool, to(server, compress=JPEG_LS, stages=(stage,)), 1)
        (request,) = server.requests
        assert request.headers["transfer-encoding"] == "chunked" and "content-length" not in request.headers
        (ds,) = server.files
    assert (ds.PatientID, ds.file_meta.TransferSyntaxUID) == ("OTHER", JPEG_LS)


def test_an_object_that_cannot_be_compressed_to_its_end_goes_as_it_is_and_the_others_go_before(spool):
    whole = phantom.cr(phantom.study("CR"), size=1024)
    cut = whole._replace(data_set=whole.data_set[:-100_000])
    short = stock.slices(2)
    put(spool, [*short, cut])
    with StowServer() as server:
        drained(spool, to(server, compress=JPEG_LS), 3)
        assert set(server.received) == {*uids(short), cut.sop_instance}
        (octets,) = [each for request in server.requests for each in request.octets if len(each) > 1 << 20]
    assert octets[samples.data_set_offset(octets) :] == cut.data_set


@pytest.mark.parametrize("make, kind", [(json_body, JSON), (xml_body, XML), (xml_body, "text/xml")])
def test_each_instance_of_a_partial_failure_has_its_own_outcome(spool, make, kind):
    objects = stock.slices(4)
    numbers = put(spool, objects)
    good, warned, refused, busy = uids(objects)
    body = make(
        [instance(good), instance(warned, warning=0xB000)],
        [instance(refused, reason=0xA900), instance(busy, reason=0xA700)],
    )
    with StowServer([Answer(409, body, kind)]) as server:
        with stock.working(spool, "cloud", to(server), tries=1):
            stock.await_count(spool, "cloud", "held", 2)
            stock.await_count(spool, "cloud", "delivered", 2)
    rows = [row(spool, number) for number in numbers]
    assert [each.state for each in rows] == ["delivered", "delivered", "held", "held"]
    assert (rows[1].status, rows[2].cause, rows[3].cause) == (0xB000, "A900", "A700")
    assert "data set does not match SOP class (A900)" in rows[2].why
    assert "out of resources (A700)" in rows[3].why


def test_what_failed_for_now_goes_again_and_what_was_stored_does_not(spool):
    objects = stock.slices(3)
    put(spool, objects)
    one, two, three = uids(objects)
    partial = json_body([instance(one), instance(three)], [instance(two, reason=0xA700)])
    with StowServer([Answer(202, partial)]) as server:
        drained(spool, to(server), 3)
        assert [request.uids for request in server.requests] == [[one, two, three], [two]]


@pytest.mark.parametrize("body", [b"", b"stored, thank you", b"{}", b'{"00081199": 7}', b"<html></html>", b"[" * 5000])
def test_success_without_a_list_is_success_for_all(spool, body):
    put(spool, stock.slices(2))
    with StowServer([Answer(200, body)]) as server:
        drained(spool, to(server), 2)
        assert len(server.requests) == 1


def test_an_instance_that_the_answer_forgets_is_not_taken_for_delivered(spool):
    objects = stock.slices(2)
    put(spool, objects)
    with StowServer([Answer(200, json_body([instance(objects[0].sop_instance)]))]) as server:
        drained(spool, to(server), 2)
        assert [len(request.uids) for request in server.requests] == [2, 1]


def test_an_object_that_makes_the_server_refuse_all_is_found_and_held_alone(spool):
    objects = stock.slices(6)
    numbers = put(spool, objects)
    poison = objects[3].sop_instance

    def picky(server, handler):
        parts, length = handler.take()
        found = [part for part in parts if poison.encode() in part]
        handler.answer(Answer(400) if found else Answer(200))

    with StowServer([picky] * 60) as server:
        with stock.working(spool, "cloud", to(server)):
            stock.await_count(spool, "cloud", "held", 1)
            stock.await_count(spool, "cloud", "delivered", 5)
    assert row(spool, numbers[3]).cause == "400"
    assert "bad request (400)" in row(spool, numbers[3]).why


def test_too_large_a_request_goes_again_in_smaller_ones(spool):
    objects = stock.slices(8)
    put(spool, objects)
    limit = 3 * len(objects[0].data_set)

    def small(server, handler):
        parts, length = handler.take()
        handler.answer(Answer(413) if length > limit else Answer(200))
        server.received += [length] if length <= limit else []

    with StowServer([small] * 60) as server:
        drained(spool, to(server), 8)
        assert max(server.received) <= limit
    assert {each.tries for each in stock.jobs(spool, "cloud")} == {1}


def test_an_object_that_is_too_large_by_itself_is_held_in_words(spool):
    (number,) = put(spool, stock.slices(1))
    with StowServer([Answer(413)] * 10) as server:
        drained(spool, to(server), 1, "held")
    assert row(spool, number).cause == stow.TOO_LONG and "(413)" in row(spool, number).why


def test_a_refusal_that_comes_before_all_is_sent_is_heard_at_once(spool):
    stock.put_long(spool, 40 << 20, "cloud")

    def at_once(server, handler):
        handler.close_connection = True
        handler.answer(Answer(413, fields=(("Connection", "close"),)))
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_WR)

    with StowServer([at_once] * 10) as server:
        drained(spool, to(server), 1, "held")
    assert stock.jobs(spool, "cloud")[0].cause == stow.TOO_LONG


@pytest.mark.parametrize(
    "status, words",
    [
        (401, "does not accept the credentials: unauthorized (401)"),
        (403, "does not accept the credentials: forbidden (403)"),
        (404, "has no STOW-RS service at /dicom-web/studies: not found (404)"),
        (405, "has no STOW-RS service at /dicom-web/studies"),
        (302, "sends us elsewhere (302)"),
        (500, "answered: internal server error (500)"),
        (507, "answered: insufficient storage (507)"),
    ],
)
def test_what_concerns_the_whole_server_makes_it_wait_and_spends_no_tries(spool, status, words):
    objects = stock.slices(2)
    put(spool, objects)
    elsewhere = (("Location", "http://localhost:1/stolen"),)
    with StowServer([Answer(status, fields=elsewhere)]) as server:
        with stock.working(spool, "cloud", to(server), first_s=0.3):
            wait_until(lambda: spool.jobs.link("cloud").failures == 1, 5, "a failure")
            assert words in spool.jobs.link("cloud").why
            stock.await_count(spool, "cloud", "delivered", 2)
    assert {each.tries for each in stock.jobs(spool, "cloud")} == {1}


def test_a_server_that_asks_to_be_left_alone_is_for_so_long_but_not_beyond_the_cap(spool):
    put(spool, stock.slices(1))
    with StowServer([Answer(503, fields=(("Retry-After", "1"),))]) as server:
        began = time.monotonic()
        drained(spool, to(server), 1, cap_s=30)
        assert 1 <= time.monotonic() - began < 5
    put(spool, stock.slices(1, seed=2))
    with StowServer([Answer(429, fields=(("Retry-After", "86400"),))]) as server:
        drained(spool, to(server), 2, cap_s=0.3)


def test_retry_after_is_seconds_or_a_date():
    assert web.retry_after_s("120", 0) == 120
    assert web.retry_after_s("Mon, 23 Nov 2026 12:00:30 GMT", 1795435200) == 30
    assert web.retry_after_s("Mon, 23 Nov 2026 12:00:30 GMT", 1895435200) == 0
    for words in (None, "", "soon", "-5", "9" * 20, "Mon, 99 Nov 2026"):
        assert web.retry_after_s(words, 0) is None


def test_a_cut_in_the_middle_of_a_request_repeats_only_what_was_not_confirmed(spool):
    objects = stock.slices(40)
    put(spool, objects)

    def cut(server, handler):
        next(handler.pieces())
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        handler.connection.close()
        handler.close_connection = True

    with StowServer() as server:
        server.answers = [Answer(200), cut]
        drained(spool, to(server), 40)
        assert [len(request.uids) for request in server.requests][0] == 32
        assert sorted(uid for request in server.requests[1:] for uid in request.uids) == sorted(uids(objects)[32:])


def test_a_connection_that_the_server_had_closed_is_made_anew_without_a_failure(spool):
    first, second = stock.slices(2)

    def without_a_word(server, handler):
        handler.take()
        handler.answer(Answer(200))
        handler.close_connection = True

    with StowServer([without_a_word]) as server:
        with stock.working(spool, "cloud", to(server)):
            put(spool, [first])
            stock.await_count(spool, "cloud", "delivered", 1)
            put(spool, [second])
            stock.await_count(spool, "cloud", "delivered", 2)
        assert server.connections == 2 and spool.jobs.link("cloud").failures == 0


def test_a_server_that_closes_just_as_the_next_request_comes_gets_it_again_at_once(spool):
    def close(server, handler):
        handler.close_connection = True  # it was read as far as its first line, and is not answered

    with StowServer() as server:
        server.answers = [Answer(200), close]
        put(spool, stock.slices(2))
        drained(spool, to(server, most=1), 2)
        assert spool.jobs.link("cloud").failures == 0 and server.connections == 2


@pytest.mark.parametrize("silence", ["drip", "nothing", "endless", "garbage", "early end"])
def test_an_answer_that_does_not_end_or_is_none_makes_the_server_wait(spool, silence):
    put(spool, stock.slices(1))
    stop = threading.Event()

    def odd(server, handler):
        handler.take()
        wire = handler.connection
        handler.close_connection = True
        if silence == "drip":
            wire.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not stop.wait(0.1):
                wire.sendall(b"x")
        elif silence == "nothing":
            stop.wait(10)
        elif silence == "endless":
            wire.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not stop.is_set():
                wire.sendall(b"x" * 65536)
        elif silence == "garbage":
            wire.sendall(b"SSH-2.0-server\r\n\r\n")
        else:
            wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nshort")

    words = {
        "drip": "did not answer within", "nothing": "did not answer within", "endless": "answers with more than",
        "garbage": "does not speak HTTP", "early end": "ended its answer",
    }  # fmt: skip
    with StowServer([odd]) as server:
        with stock.working(spool, "cloud", to(server, terms=web.Terms(2000, 1000)), first_s=0.3):
            wait_until(lambda: spool.jobs.link("cloud").failures == 1, 5, "a failure")
            assert words[silence] in spool.jobs.link("cloud").why
            stop.set()
            stock.await_count(spool, "cloud", "delivered", 1)


def test_a_server_that_takes_nothing_more_is_given_up_in_time(spool):
    stock.put_long(spool, 40 << 20, "cloud")
    stop = threading.Event()
    with StowServer([lambda server, handler: stop.wait(20)]) as server:
        with stock.working(spool, "cloud", to(server, terms=web.Terms(2000, 500)), first_s=5):
            wait_until(lambda: spool.jobs.link("cloud").failures == 1, 10, "a failure")
            assert "nothing was taken in time" in spool.jobs.link("cloud").why
        stop.set()


def secret(folder, words, mode=0o600):
    path = folder / "secret"
    path.write_text(words, encoding="ascii")
    path.chmod(mode)
    return str(path)


def test_a_token_or_a_password_is_shown_and_read_anew_each_time(tmp_path, spool):
    first, second = stock.slices(2)
    path = secret(tmp_path, "abc.def\n")
    with StowServer() as server:
        with stock.working(spool, "cloud", to(server, authorize=web.bearer(path))):
            put(spool, [first])
            stock.await_count(spool, "cloud", "delivered", 1)
            secret(tmp_path, "ghi\n")
            put(spool, [second])
            stock.await_count(spool, "cloud", "delivered", 2)
        assert [request.headers["authorization"] for request in server.requests] == ["Bearer abc.def", "Bearer ghi"]
        to(server, authorize=web.basic("edge", path)).probe()
        assert server.probes[-1]["authorization"] == "Basic ZWRnZTpnaGk="


@pytest.mark.parametrize(
    "words, mode", [("for-all-to-see", 0o644), ("", 0o600), ("two\nlines", 0o600), ("x" * 9000, 0o600)]
)
def test_a_secret_that_cannot_be_used_is_told_in_words_without_it(tmp_path, spool, caplog, words, mode):
    put(spool, stock.slices(1))
    path = secret(tmp_path, words, mode)
    with StowServer() as server:
        with stock.working(spool, "cloud", to(server, authorize=web.bearer(path)), first_s=5):
            wait_until(lambda: spool.jobs.link("cloud").failures == 1, 5, "a failure")
        assert server.requests == []
    why = spool.jobs.link("cloud").why
    assert "the token, %s, cannot be used" % path in why
    assert not words or words not in why + caplog.text


def test_an_environment_that_names_a_proxy_changes_nothing(spool, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    put(spool, stock.slices(1))
    with StowServer() as server:
        drained(spool, to(server), 1)


def test_a_server_with_tls_is_met_with_a_certificate_and_checked(tmp_path, spool):
    authority, other = Authority(tmp_path / "ca", "CA"), Authority(tmp_path / "other", "Other")
    ours = authority.issue("edge", names=HERE)
    theirs = server_context(authority.issue("localhost", names=HERE), authority.certificate)
    objects = [*stock.slices(3), phantom.cr(phantom.study("CR"), size=1024)]
    put(spool, objects)
    with StowServer(tls=theirs) as server:
        stranger = tls.Client(tls.Terms(ours.certificate, ours.key, other.certificate))
        with stock.working(spool, "cloud", to(server, client=stranger), first_s=5):
            wait_until(lambda: spool.jobs.link("cloud").failures == 1, 5, "a failure")
            said = "no TLS with localhost port %d: the issuer of its certificate is not among the authorities; add it"
            assert said % server.port in spool.jobs.link("cloud").why
        spool.jobs.link_works("cloud", time.time())
        known = tls.Client(tls.Terms(ours.certificate, ours.key, authority.certificate))
        drained(spool, to(server, client=known), 4)
        assert sorted(server.received) == sorted(uids(objects))


def test_a_long_object_goes_in_the_memory_of_a_short_one(spool):
    stock.put_long(spool, 200 << 20, "cloud")
    with StowServer([Answer(200)], keep=False) as server:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = _status("VmRSS")
        drained(spool, to(server), 1)
        grown = _status("VmHWM") - before
        assert server.requests[0].length > 200 << 20
    assert grown < 8 << 20


def _status(name):
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) << 10
    raise ValueError(name)


def test_a_box_that_stops_breaks_off_what_is_under_way(spool):
    stock.put_long(spool, 40 << 20, "cloud")
    stop = threading.Event()
    with StowServer([lambda server, handler: stop.wait(20)]) as server:
        target = to(server, terms=web.Terms(2000, 60000))
        running = worker.Worker(spool, "cloud", [target], *worker.schedules(0.1, 1, 3))
        running.start()
        wait_until(lambda: server.connections == 1, 5, "a connection")
        running.stop()
        began = time.monotonic()
        assert not running.join(0.3)
        assert time.monotonic() - began < 3
        stop.set()


def test_rate_is_kept_by_whoever_paces(spool):
    taken = []

    class Counting:
        piece_bytes = 1400

        def take(self, octets, stopped=None):
            taken.append(octets)
            return True

    objects = stock.slices(3)
    put(spool, objects)
    with StowServer() as server:
        drained(spool, to(server, pace=Counting()), 3)
        assert sum(taken) > server.requests[0].length
    assert max(taken) <= 1400
