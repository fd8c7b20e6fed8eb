"""Every association leaves a row that says how it ended and why, also one that never came about."""

import subprocess

import pydicom
import pytest

from edge.watch.past import ROWS
from tests.support import dcmtk
from tests.support.process import wait_until
from tests.support.rawpeer import IMPLICIT, VERIFICATION, RawPeer, associate_rq
from tests.support.service import Service
from tests.watch.asking import ask, associations

CT = pydicom.data.get_testdata_file("CT_small.dcm")
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
ACCEPTED, REJECTED = 2, 3


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    folder = tmp_path_factory.mktemp("associations")
    settings = {"accept_calling": ["CT1", "ECHO", "LONG"], "max_associations": 4, "artim_s": 1}
    with Service(folder, dicom=settings) as running:
        yield running


def echo(box, calling, called="EDGE"):
    command = [dcmtk.ECHOSCU, "-aet", calling, "-aec", called, "127.0.0.1", str(box.port)]
    return subprocess.run(command, capture_output=True).returncode


def row_of(box, **wanted):
    """The latest row that has these values; waited for, as a peer is answered before its association has ended."""

    def found():
        rows = [row for row in associations(box) if all(row[key] == value for key, value in wanted.items())]
        return rows[0] if rows else None

    return wait_until(found, 10, "a row with %s" % wanted)


def test_what_was_sent_and_released_is_told_with_its_contexts(box):
    subprocess.run([dcmtk.STORESCU, "-aet", "CT1", "-aec", "EDGE", "127.0.0.1", str(box.port), CT], check=True)
    row = row_of(box, calling="CT1", end="released")
    assert (row["called"], row["address"], row["stored"], row["refused"]) == ("EDGE", "127.0.0.1", 1, 0)
    (stored,) = box.objects()
    assert row["bytes"] == stored["bytes"]
    assert row["began"] <= stored["received"] <= row["ended"] and 0 < row["seconds"] < 10
    context = next(each for each in row["contexts"] if each["abstract"] == CT_CLASS and each["accepted"])
    assert context["accepted"] in context["syntaxes"]
    assert row["why"] == "released" and row["reason"] is None


def test_who_is_not_admitted_is_told_with_the_word_for_it_and_the_cure(box):
    assert echo(box, "STRANGER") != 0
    row = row_of(box, calling="STRANGER")
    assert (row["end"], row["reason"], row["stored"]) == ("refused", "calling", 0)
    assert "STRANGER at 127.0.0.1" in row["why"] and "accept_calling" in row["why"]
    assert [each["abstract"] for each in row["contexts"]] == [VERIFICATION.decode()]
    assert row["contexts"][0]["accepted"] is None


def test_who_calls_the_box_by_another_name_is_told(box):
    assert echo(box, "ECHO", called="WRONG") != 0
    row = row_of(box, called="WRONG")
    assert (row["end"], row["reason"], row["calling"]) == ("refused", "called", "ECHO")
    assert "WRONG" in row["why"] and "called_aliases" in row["why"]


def test_who_comes_while_too_many_are_open_is_told(box):
    peers = [RawPeer(box.port) for _ in range(5)]
    try:
        answers = []
        for peer in peers:
            peer.write(associate_rq([(1, VERIFICATION, [IMPLICIT])], calling=b"LONG"))
            answers.append(peer.read_pdu().kind)
        assert answers == [ACCEPTED] * 4 + [REJECTED]
        rows = [row for row in associations(box) if row["calling"] == "LONG"]
        assert [row["end"] for row in rows].count("open") == 4
        assert all(row["ended"] is None and row["contexts"][0]["accepted"] for row in rows if row["end"] == "open")
        assert row_of(box, calling="LONG", end="refused")["reason"] == "too-many"
    finally:
        for peer in peers:
            peer.socket.close()
    wait_until(lambda: not [row for row in associations(box) if row["end"] == "open"], 10, "the associations to end")
    assert row_of(box, calling="LONG", end="lost")["why"] == "connection lost"


def test_who_speaks_tls_where_there_is_none_is_told(box):
    asked = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % box.port]
    subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True)
    row = row_of(box, reason="tls")
    assert row["end"] == "unfinished" and "speaks TLS on port %d" % box.port in row["why"]


def test_who_connects_and_asks_for_nothing_in_time_is_told(box):
    with RawPeer(box.port):
        row = row_of(box, reason="late")
    assert row["end"] == "unfinished" and row["why"] == "it connected and asked for no association in time"


def test_what_is_no_dicom_is_told(box):
    with RawPeer(box.port) as peer:
        peer.write(b"GET / HTTP/1.1\r\n\r\n")
        row = row_of(box, reason="protocol")
    assert row["end"] == "unfinished" and row["why"].endswith("before any association")


def test_one_that_is_refused_again_and_again_is_one_row_with_a_count(box):
    for _ in range(5):
        assert echo(box, "AGAIN") != 0
    rows = [row for row in associations(box) if row["calling"] == "AGAIN"]
    assert [row["times"] for row in rows] == [5]
    assert rows[0]["ended"] > rows[0]["began"]


def test_what_was_survives_a_kill(box):
    echo(box, "GONE")
    before = row_of(box, calling="GONE")
    box.kill()
    box.restart()
    assert row_of(box, calling="GONE") == before


def test_the_rows_are_bounded_and_asked_for_by_number(box):
    for called in ("FIRST", "SECOND", "THIRD"):
        echo(box, "ECHO", called)
    row_of(box, called="THIRD")
    rows, summary = ask(box, "associations", limit=2)
    assert len(rows) == 2 == summary["associations"]
    assert len(associations(box)) <= ROWS
