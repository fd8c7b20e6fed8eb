"""Who objects came from is known at once, and after a restart, and bounded."""

import pytest

from edge.spool import sources
from edge.spool.intake import Source
from tests.spool import data
from tests.spool.data import Clock, after_crash, open_spool, receive


@pytest.fixture
def clock():
    return Clock()


def seen(spool):
    return [(each.calling, each.address, each.last, each.objects) for each in spool.index.sources()]


def test_each_pair_of_title_and_address_is_counted_also_after_a_crash_and_in_a_new_index(tmp_path, clock):
    spool = open_spool(tmp_path / "state", clock)
    sent = [("CT1", "10.0.0.7"), ("CT1", "10.0.0.8"), ("CT1", "10.0.0.7")]
    for number, (calling, address) in enumerate(sent):
        clock.now += 60
        receive(spool, "1.2.%d" % number, source=Source(calling, "EDGE", address))
    known = [("CT1", "10.0.0.7", clock.now, 2), ("CT1", "10.0.0.8", clock.now - 60, 1)]
    assert seen(spool) == known
    spool = after_crash(spool)
    assert seen(spool) == known
    spool.index.rebuild()
    assert seen(spool) == known
    spool.close()


def test_who_sends_again_what_is_here_has_been_seen(tmp_path, clock):
    spool = open_spool(tmp_path / "state", clock)
    receive(spool, "1.2.3")
    clock.now += 60
    receive(spool, "1.2.3")
    ((_, _, last, objects),) = seen(spool)
    assert (last, objects) == (clock.now, 1)
    spool.close()


def test_more_than_a_hospital_has_push_out_who_was_not_heard_of_for_longest(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(sources, "MOST", 5)
    spool = open_spool(tmp_path / "state", clock)
    for number in range(8):
        clock.now += 1
        receive(spool, "1.2.%d" % number, source=Source("CT%d" % number, "EDGE", data.MODALITY.address))
    assert [row[0] for row in seen(spool)] == ["CT7", "CT6", "CT5", "CT4", "CT3"]
    spool = after_crash(spool)
    assert len(seen(spool)) == 5
    spool.close()


def test_what_no_device_sent_makes_no_row(tmp_path, clock):
    spool = open_spool(tmp_path / "state", clock)
    for number, words in enumerate(("from media", "by hand", "fetched from archive")):
        receive(spool, "1.2.%d" % number, source=Source("CT1", "EDGE", words))
        receive(spool, "1.2.%d" % number, source=Source("CT1", "EDGE", words))
    assert seen(spool) == []
    spool.close()
