"""The rows of what has ended: bounded in number and size, and read again after whatever became of their file."""

import types

import pytest

from edge.net import witness
from edge.protocol.pdu import Proposal
from edge.watch import past
from edge.watch.past import Past
from tests.spool.data import Clock


@pytest.fixture
def clock():
    return Clock()


def turned(clock, calling="CT9", address="10.0.0.9", proposals=()):
    words = "%s is not among accept_calling" % calling
    return witness.Turned(address, calling, "EDGE", "", proposals, clock.now, 0.0, witness.REFUSED, "calling", words)


def ended(clock, calling, stored=1):
    peer = types.SimpleNamespace(calling=calling, called="EDGE", address="10.0.0.7", certificate="")
    summary = types.SimpleNamespace(
        peer=peer, began=clock.now, proposals=(), accepted={}, stored=stored, refused=0, payload_bytes=10,
        end=witness.RELEASED, ended="released",
    )  # fmt: skip
    return witness.Ended(summary, 2.0)


def test_more_than_are_kept_push_out_the_oldest(clock):
    known = Past(None, clock)
    for number in range(past.ROWS + 10):
        clock.now += 1
        known.witness(ended(clock, "CT%d" % number))
    rows = known.rows()
    assert len(rows) == past.ROWS
    assert (rows[0]["calling"], rows[-1]["calling"]) == ("CT%d" % (past.ROWS + 9), "CT10")


def test_refusals_of_one_do_not_push_out_what_others_did(clock):
    known = Past(None, clock)
    known.witness(ended(clock, "CT1"))
    for _ in range(2 * past.ROWS):
        clock.now += 5
        known.witness(turned(clock))
    assert [(row["calling"], row["times"]) for row in known.rows()] == [("CT9", 2 * past.ROWS), ("CT1", 1)]


def test_what_was_written_is_read_again_but_for_a_line_that_a_crash_tore(tmp_path, clock):
    known = Past(tmp_path, clock)
    for name in ("CT1", "CT2"):
        clock.now += 10
        known.witness(ended(clock, name))
    before = known.rows()
    with open(tmp_path / "watch" / "associations", "ab") as file:
        file.write(b'{"began": 17, "calling": "TO')
    again = Past(tmp_path, clock)
    assert again.rows() == before
    clock.now += 10
    again.witness(ended(clock, "CT3"))
    assert [row["calling"] for row in Past(tmp_path, clock).rows()] == ["CT3", "CT2", "CT1"]


def test_a_flood_of_strangers_is_written_a_bounded_number_of_times_a_minute(tmp_path, clock):
    known = Past(tmp_path, clock)
    for number in range(300):
        known.witness(turned(clock, "X%d" % number))
    path = tmp_path / "watch" / "associations"
    assert len(path.read_bytes().splitlines()) == 60
    known.close()
    assert len(Past(tmp_path, clock).rows()) == 300


def test_the_file_is_bounded(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(past, "_GROWTH_BYTES", 50_000)
    known = Past(tmp_path, clock)
    for number in range(1000):
        clock.now += 60
        known.witness(ended(clock, "CT%d" % number))
        assert (tmp_path / "watch" / "associations").stat().st_size < 200_000
    again = Past(tmp_path, clock)
    assert again.rows() == known.rows() and len(again.rows()) == past.ROWS


def test_what_one_association_asks_for_takes_a_bounded_room(clock):
    known = Past(None, clock)
    odd = [
        Proposal(number, "1.2.%d" % (number * 7919**12), tuple("1.3.%d" % (number * each**15) for each in range(3, 99)))
        for number in range(1, 256, 2)
    ]
    known.witness(turned(clock, proposals=odd))
    assert len(known._rows[0]["contexts"]) <= past._PACKED_BYTES
    (row,) = known.rows()
    assert 0 < len(row["contexts"]) < len(odd)


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_file(tmp_path, clock):
    (tmp_path / "watch").write_text("in the way\n")
    known = Past(tmp_path, clock)
    known.witness(ended(clock, "CT1"))
    known.close()
    assert [row["calling"] for row in known.rows()] == ["CT1"]
