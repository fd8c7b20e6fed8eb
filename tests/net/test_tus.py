"""The relay's end of an upload, as a box meets it over a connection."""

import socket
import struct
import threading

import pytest

from edge.demo import phantom
from edge.net import tus
from tests.support.process import wait_until
from tests.support.relay import Relay, ask, connected, create, metadata, offset, patch

MADE = phantom.ct(phantom.study("CT", 1))
FILE = phantom.part10(MADE)


@pytest.fixture
def relay(tmp_path):
    with Relay(tmp_path / "state") as running:
        yield running


@pytest.fixture
def box(relay):
    with connected(relay) as connection:
        yield connection


def raw(relay, octets, box=1):
    """A socket of a box over which these octets went."""
    sent = socket.create_connection(("127.0.0.1", relay.port), timeout=20, source_address=(f"127.0.0.{box}", 0))
    sent.sendall(octets)
    return sent


def begun(relay, path, octets, at=0, length=None):
    """A socket over which a PATCH began and has not come to its end."""
    head = (
        f"PATCH {path} HTTP/1.1\r\nHost: relay\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {at}\r\n"
        f"Content-Type: application/offset+octet-stream\r\nContent-Length: {length or len(FILE) - at}\r\n\r\n"
    )
    return raw(relay, head.encode() + octets)


def reset(connected_socket):
    """Break a connection off, as a link that fails does."""
    connected_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connected_socket.close()


def test_an_object_in_two_pieces_is_in_the_spool_when_the_last_is_answered(relay, box):
    path = create(box, FILE, sop_instance=MADE.sop_instance, calling="CT1", called="EDGE", address="10.0.0.7")
    assert patch(box, path, FILE[:1000]).status == 204 and not relay.objects()
    answer = patch(box, path, FILE[1000:], 1000)
    assert (answer.status, answer.headers["Upload-Offset"]) == (204, str(len(FILE)))
    (stored,) = relay.objects()
    assert (stored.uid, stored.calling, stored.called, stored.address) == (MADE.sop_instance, "CT1", "EDGE", "10.0.0.7")
    assert relay.spool.jobs.counts()["archive"]["waiting"][0] == 1


def test_an_object_may_come_with_its_announcement(relay, box):
    announced = {"Upload_Length": len(FILE), "Upload_Metadata": metadata(FILE)}
    answer = ask(box, "POST", "/uploads", FILE, Content_Type=tus.BODY_TYPE, **announced)
    assert (answer.status, answer.headers["Upload-Offset"]) == (201, str(len(FILE)))
    assert len(relay.objects()) == 1


def test_a_connection_that_is_reset_leaves_what_came_over_it(relay, box):
    path = create(box, FILE)
    broken = begun(relay, path, FILE[:70000])
    wait_until(lambda: sum(each._written for each in relay.spool.uploads.listing()) == 70000, 10, "the first octets")
    reset(broken)
    assert offset(box, path) == 70000
    assert patch(box, path, FILE[70000:], 70000).status == 204
    assert len(relay.objects()) == 1


def test_whoever_asks_for_the_offset_ends_the_connection_that_fell_silent(relay, box):
    path = create(box, FILE)
    with begun(relay, path, FILE[:5000]) as silent:
        wait_until(lambda: sum(each._written for each in relay.spool.uploads.listing()) == 5000, 10, "the first octets")
        assert offset(box, path) == 5000
        assert silent.recv(100) == b""


def test_a_second_patch_at_the_same_time_is_answered_423(relay, box):
    path = create(box, FILE)
    with begun(relay, path, FILE[:5000]):
        wait_until(lambda: sum(each._written for each in relay.spool.uploads.listing()) == 5000, 10, "the first octets")
        assert patch(box, path, FILE[:100]).status == 423


def test_the_last_answer_that_was_lost_is_learnt_from_the_offset(relay, box):
    path = create(box, FILE)
    broken = begun(relay, path, FILE)
    wait_until(relay.objects, 10, "the object")
    reset(broken)
    assert offset(box, path) == len(FILE)
    again = ask(box, "POST", "/uploads", Upload_Length=len(FILE), Upload_Metadata=metadata(FILE))
    assert (again.headers["Location"], again.headers["Upload-Offset"]) == (path, str(len(FILE)))
    assert len(relay.objects()) == 1


def test_what_is_announced_again_goes_on_where_it_was(box):
    path = create(box, FILE)
    patch(box, path, FILE[:1000])
    again = ask(box, "POST", "/uploads", Upload_Length=len(FILE), Upload_Metadata=metadata(FILE))
    assert (again.headers["Location"], again.headers["Upload-Offset"]) == (path, "1000")


def test_the_same_object_from_two_boxes_is_kept_once(relay):
    for number in (1, 2):
        with connected(relay, number) as box:
            assert patch(box, create(box, FILE), FILE).status == 204
    assert len(relay.objects()) == 1


def test_a_box_can_neither_see_nor_disturb_an_upload_of_another(relay, box):
    path = create(box, FILE)
    patch(box, path, FILE[:1000])
    with connected(relay, 2) as other:
        assert offset(other, path) is None
        assert patch(other, path, FILE[1000:], 1000).status == 404
        assert ask(other, "DELETE", path).status == 404
        missing = ask(other, "DELETE", path[:-1] + ("0" if path[-1] != "0" else "1"))
        assert (missing.status, missing.words) == (404, ask(other, "DELETE", path).words)
        assert create(other, FILE) != path
    assert offset(box, path) == 1000


def test_what_is_not_what_was_announced_is_answered_460_and_gone(relay, box):
    path = create(box, FILE)
    answer = patch(box, path, FILE[:-1] + b"\xff")
    assert answer.status == 460 and "SHA-256" in answer.words
    assert offset(box, path) is None and not relay.objects()
    assert not list((relay.spool.uploads.listing()))


def test_another_object_than_the_one_that_was_announced_is_answered_422(relay, box):
    answer = patch(box, create(box, FILE, sop_instance="1.2.3"), FILE)
    assert answer.status == 422 and "SOP Instance" in answer.words and not relay.objects()


def test_what_is_no_object_is_answered_422(relay, box):
    octets = b"no DICOM at all" * 100
    answer = patch(box, create(box, octets), octets)
    assert answer.status == 422 and answer.words.strip() and not relay.objects()


def test_an_upload_is_given_up_by_its_box(box):
    path = create(box, FILE)
    assert ask(box, "DELETE", path).status == 204
    assert offset(box, path) is None


def test_an_object_beyond_the_limit_is_refused_in_words_before_it_comes(tmp_path):
    with Relay(tmp_path / "state", object_limit=1 << 20) as relay, connected(relay) as box:
        answer = ask(box, "POST", "/uploads", Upload_Length=1 << 21, Upload_Metadata=metadata(b""))
        assert answer.status == 413 and "object_bytes" in answer.words


def test_an_object_that_the_disk_has_no_room_for_is_refused_before_it_comes(tmp_path):
    with Relay(tmp_path / "state", object_limit=1 << 60) as relay, connected(relay) as box:
        answer = ask(box, "POST", "/uploads", Upload_Length=1 << 49, Upload_Metadata=metadata(b""))
        assert answer.status == 507 and "reserve" in answer.words


def test_more_octets_than_were_announced_are_refused(box):
    assert patch(box, create(box, FILE), FILE + b"x").status == 413


def test_a_wrong_offset_is_answered_409_and_changes_nothing(box):
    path = create(box, FILE)
    patch(box, path, FILE[:1000])
    assert patch(box, path, FILE[900:], 900).status == 409
    assert offset(box, path) == 1000


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (400, {"Upload_Length": "x", "Upload_Metadata": metadata(FILE)}),
        (400, {"Upload_Length": 0, "Upload_Metadata": metadata(FILE)}),
        (400, {"Upload_Defer_Length": 1, "Upload_Metadata": metadata(FILE)}),
        (400, {"Upload_Length": 9}),
        (400, {"Upload_Length": 9, "Upload_Metadata": "sha256 ###"}),
        (400, {"Upload_Length": 9, "Upload_Metadata": "sha256 YWJj"}),
        (400, {"Upload_Length": 9, "Upload_Metadata": metadata(FILE, more="x" * 5000)}),
        (412, {"Tus_Resumable": "0.2.2", "Upload_Length": 9, "Upload_Metadata": metadata(FILE)}),
        (417, {"Expect": "everything", "Upload_Length": 9, "Upload_Metadata": metadata(FILE)}),
    ],
)
def test_an_announcement_that_is_not_understood_is_refused_in_words(box, status, fields):
    answer = ask(box, "POST", "/uploads", **fields)
    assert answer.status == status and answer.words.strip()


@pytest.mark.parametrize(
    ("status", "method", "path"),
    [
        (404, "POST", "/"),
        (404, "HEAD", "/uploads/../../etc/passwd"),
        (404, "PATCH", "/uploads/%2e%2e/index.db"),
        (405, "GET", "/uploads/abc"),
        (405, "PATCH", "/uploads"),
        (405, "POST", "/uploads/abc"),
    ],
)
def test_paths_and_methods_that_are_not_there_are_refused(box, status, method, path):
    assert ask(box, method, path).status == status


def test_options_say_what_is_spoken(box):
    box.request("OPTIONS", "/uploads")
    answer = box.getresponse()
    answer.read()
    assert answer.status == 204
    assert (answer.headers["Tus-Version"], answer.headers["Tus-Extension"]) == ("1.0.0", tus.EXTENSIONS)
    assert int(answer.headers["Tus-Max-Size"]) == 1 << 33


def test_a_request_in_two_framings_gets_one_answer_and_the_connection_ends(relay):
    smuggled = (
        b"POST /uploads HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\nContent-Length: 60\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nOPTIONS /uploads HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    with raw(relay, smuggled) as sent:
        answers = b"".join(iter(lambda: sent.recv(4096), b""))
    assert answers.startswith(b"HTTP/1.1 400 ") and answers.count(b"HTTP/1.1") == 1


def test_a_refused_body_is_never_taken_for_the_next_request(relay):
    body = b"OPTIONS /uploads HTTP/1.1\r\nHost: a\r\n\r\n"
    head = b"PATCH /uploads/abc HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\nContent-Length: %d\r\n\r\n" % len(body)
    with raw(relay, head + body) as sent:
        sent.shutdown(socket.SHUT_WR)
        answers = b"".join(iter(lambda: sent.recv(4096), b""))
    assert answers.startswith(b"HTTP/1.1 404 ") and answers.count(b"HTTP/1.1") == 1


def test_who_waits_to_be_told_to_go_on_is_told(relay, box):
    path = create(box, FILE)
    head = (
        f"PATCH {path} HTTP/1.1\r\nHost: relay\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nExpect: 100-continue\r\n"
        f"Content-Type: application/offset+octet-stream\r\nContent-Length: {len(FILE)}\r\n\r\n"
    )
    with raw(relay, head.encode()) as sent:
        assert sent.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sent.sendall(FILE)
        assert sent.recv(100).startswith(b"HTTP/1.1 204 ")


def test_a_slow_head_is_given_up_after_its_time(tmp_path):
    with Relay(tmp_path / "state", head_s=0.3) as relay, raw(relay, b"OPTIONS / HT") as slow:
        assert slow.recv(100) == b""


def test_connections_beyond_the_share_of_a_box_end_its_most_silent_one(tmp_path):
    with Relay(tmp_path / "state", per_box=2) as relay:
        first, *others = [raw(relay, b"") for _ in range(3)]
        try:
            assert first.recv(100) == b""
            with connected(relay, 2) as other:
                assert create(other, FILE)
        finally:
            for each in (first, *others):
                each.close()


def test_a_full_relay_refuses_a_connection_and_serves_those_it_has(tmp_path):
    with Relay(tmp_path / "state", max_connections=1) as relay, connected(relay) as box:
        path = create(box, FILE)
        with raw(relay, b"", box=2) as refused:
            assert refused.recv(100) == b""
        assert offset(box, path) == 0


def test_boxes_upload_at_the_same_time(relay):
    made = [phantom.ct(phantom.study("CT", seed)) for seed in range(2, 8)]

    def upload(number):
        octets = phantom.part10(made[number])
        with connected(relay, number + 1) as box:
            path = create(box, octets)
            for at in range(0, len(octets), 100000):
                patch(box, path, octets[at : at + 100000], at)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(len(made))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert {stored.uid for stored in relay.objects()} == {each.sop_instance for each in made}


def test_uploads_go_on_after_a_restart(tmp_path):
    with Relay(tmp_path / "state") as relay, connected(relay) as box:
        path = create(box, FILE)
        patch(box, path, FILE[:1000])
    with Relay(tmp_path / "state") as relay, connected(relay) as box:
        assert offset(box, path) == 1000
        assert patch(box, path, FILE[1000:], 1000).status == 204
        (stored,) = relay.objects()
        assert (tmp_path / "state/objects" / stored.path).read_bytes()[stored.offset :] == MADE.data_set


def test_an_answer_says_until_when_an_upload_waits(box):
    answer = ask(box, "POST", "/uploads", Upload_Length=len(FILE), Upload_Metadata=metadata(FILE))
    assert answer.headers["Upload-Expires"].endswith(" GMT")
    assert tus.http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"
