"""The index is a cache: whatever becomes of it, the journal makes the same one again."""

import os
import random
import shutil
import sqlite3
import sys

import pytest

from edge.spool import errors, jobs, tables
from edge.spool.following import BATCH
from edge.spool.ledger import ALL, DONE, ON_HOLD
from edge.spool.retry import Schedule
from tests.spool import data
from tests.spool.data import data_set, deliver, open_spool, picture, receive

PLAIN = Schedule(first_s=10.0, factor=2.0, cap_s=100.0, jitter=0.0, tries=3)


def lose_index(path):
    """Delete the index of a spool that is closed."""
    for suffix in ("", "-wal", "-shm"):
        try:
            os.unlink(os.path.join(path, "index.db" + suffix))
        except FileNotFoundError:
            pass


def after(spool, deed):
    """Close the spool, do something to its folder, open it again."""
    spool.close()
    deed(spool.path)
    return open_spool(spool.path, spool.now)


# Enough for a journal to be compacted again and again, which gets slow with what there is by then.
BUSY_STEPS = 400 if "EDGE_TORTURE_SEED" in os.environ else 120


def busy_day(spool, seed, steps=120):
    """Do what happens on a busy day, in an order that the seed decides."""
    dice = random.Random(seed)
    destinations = ["PACS", "ARCHIVE", "GONE"]
    for step in range(steps):
        deed = dice.random()
        known = [stored.id for stored in spool.objects(limit=1000)]
        now = spool.now()
        spool.now.now += dice.random() * 20
        if deed < 0.45 or not known:
            uid = "1.2.%d" % dice.randrange(40)
            octets = data_set(uid, pixels=dice.choice([b"\1\2", b"\3\4"]) * 20, study="1.9.%d" % dice.randrange(5))
            to = dice.sample(destinations, dice.randrange(3))
            receive(spool, uid, octets, to=to, priority=dice.randrange(3))
        elif deed < 0.8:
            for job in spool.jobs.claim(dice.choice(destinations), now, dice.randrange(1, 6)):
                sent = dice.choice([jobs.SENT, jobs.UNCOMMITTED])
                outcome = dice.choice([sent, sent, sent, jobs.RETRY, jobs.REFUSED, jobs.RETURNED])
                spool.jobs.settle(job, outcome, now, 0xA700, "full", "the archive is full", PLAIN)
            commit(spool, dice, dice.choice(destinations), now)
        elif deed < 0.85:
            spool.jobs.release(now, dice.choice(destinations + [None]))
        elif deed < 0.88:
            spool.release(dice.choice(known))
        elif deed < 0.91:
            spool.hold_rotten(dice.choice(known), "its file is not what was received any more")
        elif deed < 0.94:
            number = dice.choice(known)
            if spool.index.get(number).hold in (None, jobs.UNROUTED):
                spool.queue(number, dice.sample(destinations, 2))
        elif deed < 0.96:
            spool.remove(dice.choice(known), "tester")
        elif deed < 0.98:
            rows = spool.jobs.of_object(dice.choice(known))
            if rows and rows[0].state != "delivered":
                spool.jobs.drop(now, rows[0].object_id, rows[0].destination, "tester")
        else:
            number = dice.choice(known)
            for row in spool.jobs.of_object(number)[:1]:
                spool.jobs.prioritise(now, number, row.destination, dice.randrange(3))


def commit(spool, dice, destination, now):
    """Ask a destination to commit to some of what was sent, answer some of what was asked."""
    known = spool.commitments
    due = known.due(destination, dice.randrange(3), now, 0, dice.randrange(1, 9))
    if due and due[0].sends > 2:
        known.give_up(destination, due, now, "no answer came")
    elif due:
        made = known.ask(destination, due, now)
        if dice.random() < 0.2:
            known.unask(made, destination, due, now)
    for (made,) in spool.index.look("SELECT uid FROM transactions ORDER BY id"):
        if dice.random() < 0.2:
            found = known.transaction(made)
            answered = {uid: dice.choice("crn") for uid in found.instances}
            committed = {uid for uid in answered if answered[uid] == "c"}
            refused = {uid: ("it does not have it", False) for uid in answered if answered[uid] == "r"}
            known.answer(found, committed, refused, now)


def settled(picture_before):
    """A picture with nothing in it that only a running process knows: what is being sent, or has become due."""
    objects, rows, counts, totals = picture_before
    rows = {
        key: row._replace(state="waiting") if row.state in ("ready", "deferred") else row for key, row in rows.items()
    }
    return objects, rows, counts, totals


def test_counts_are_what_counting_would_find(spool):
    for seed in range(3):
        busy_day(spool, seed)
    spool.index.drain()
    execute = spool.index._ledger.execute
    counted = {
        (destination, state): (number, octets)
        for destination, state, number, octets in execute(
            "SELECT j.destination, j.state, count(*), sum(o.size) FROM jobs j JOIN objects o ON o.id = j.object"
            " GROUP BY j.destination, j.state"
        )
    }
    kept = {key: tally for key, tally in spool.index._ledger.tallies.items() if key[0] and tally != (0, 0)}
    assert kept == counted
    for what, where in (
        (ALL, "1"), (ON_HOLD, "hold IS NOT NULL"), (DONE, "hold IS NULL AND jobs > 0 AND open = 0"),
    ):  # fmt: skip
        (found,) = execute("SELECT count(*), coalesce(sum(size), 0) FROM objects WHERE " + where)
        assert spool.index.total(what) == found
    for number, has, still_open in execute("SELECT id, jobs, open FROM objects"):
        rows = spool.index.jobs_of(number)
        assert (has, still_open) == (len(rows), sum(row.state != "delivered" for row in rows))
    studies = dict(execute("SELECT study_id, count(*) FROM objects GROUP BY study_id"))
    assert studies == dict(execute("SELECT id, objects FROM studies"))


@pytest.mark.parametrize("seed", range(6))
def test_a_deleted_index_comes_back_the_same(spool, seed):
    busy_day(spool, seed)
    before = settled(picture(spool))
    again = after(spool, lose_index)
    assert settled(picture(again)) == before
    assert again.recovered == (0, 0, 0)
    assert not again.health.degraded
    again.close()


@pytest.mark.parametrize("seed", range(3))
def test_an_index_of_an_hour_ago_catches_up(tmp_path, seed):
    spool = open_spool(tmp_path / "state")
    busy_day(spool, seed)
    spool = after(spool, lambda path: shutil.copy(path + "/index.db", tmp_path / "old.db"))
    busy_day(spool, seed + 100)
    before = settled(picture(spool))
    spool = after(spool, lambda path: shutil.copy(tmp_path / "old.db", path + "/index.db"))
    assert settled(picture(spool)) == before
    spool.close()


@pytest.mark.parametrize("seed", range(3))
def test_an_index_comes_back_the_same_from_a_journal_that_was_compacted(memory_path, seed):
    limits = data.SMALL._replace(journal_bytes=0)
    spool = open_spool(memory_path / "state", limits=limits)
    for round_ in range(6):
        busy_day(spool, seed * 100 + round_, BUSY_STEPS)
    assert spool.journal.oldest > 30  # it was compacted again and again, what had been carried along too
    before = settled(picture(spool))
    again = after(spool, lose_index)
    assert settled(picture(again)) == before
    again.close()


@pytest.mark.parametrize("seed", range(3))
def test_a_missing_journal_is_written_anew_from_the_index(spool, seed):
    busy_day(spool, seed)
    before = settled(picture(spool))
    again = after(spool, lambda path: shutil.rmtree(path + "/journal"))
    assert settled(picture(again)) == before
    assert [trouble.key for trouble in again.health.troubles()] == ["journal"]
    third = after(again, lose_index)
    assert settled(picture(third)) == before
    assert not third.health.degraded
    third.close()


@pytest.mark.parametrize("what", ["garbage", "empty", "cut", "schema"])
def test_an_index_that_is_not_usable_is_made_anew(spool, what):
    busy_day(spool, 1)
    before = settled(picture(spool))

    def spoil(path):
        path += "/index.db"
        if what == "garbage":
            open(path, "wb").write(os.urandom(9000))
        elif what == "empty":
            open(path, "wb").close()
        elif what == "cut":
            os.truncate(path, 6000)
        else:
            connection = sqlite3.connect(path)
            connection.execute("PRAGMA user_version=%d" % (tables.SCHEMA + 1))
            connection.close()

    again = after(spool, spoil)
    assert settled(picture(again)) == before
    again.close()


def test_an_index_that_rots_while_it_is_used_is_made_anew(spool):
    for number in range(300):
        receive(spool, "1.2.%d" % number)
    before = settled(picture(spool))
    spool.index.checkpoint()
    spool.index._ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    with open(spool.path + "/index.db", "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        for at in range(4096, size, 4096):
            file.seek(at)
            file.write(b"\xff" * 64)
    spool.index._ledger.execute("PRAGMA cache_size=0").close()
    spool.index._ledger.execute("PRAGMA shrink_memory").close()
    assert settled(picture(spool)) == before
    assert "index" in [trouble.key for trouble in spool.health.troubles()]
    assert len(deliver(spool, limit=1000)) == 300


def test_an_index_that_cannot_be_made_anew_is_made_when_the_disk_lets_it(tmp_path):
    disk = data.FailingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    for number in range(5):
        receive(spool, "1.2.%d" % number)
    before = settled(picture(spool))
    spool.index._ledger.close()
    disk.failing = {"open": data.EIO, "unlink": data.EIO}
    with pytest.raises(errors.Degraded):
        spool.objects()
    with pytest.raises(errors.Degraded):
        receive(spool, "1.2.9")
    disk.failing = {}
    assert settled(picture(spool)) == before
    spool.close()


def test_the_index_never_knows_what_the_journal_could_forget(tmp_path):
    disk = data.RecordingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    receive(spool, "1.2.3")
    (job,) = spool.jobs.claim("PACS", spool.now(), 1)
    spool.jobs.settle(job, jobs.SENT, spool.now())
    assert spool.journal.synced_sequence < spool.journal.sequence
    del disk.calls[:]
    assert spool.jobs.counts()["PACS"]["delivered"][0] == 1
    assert disk.calls == [("fdatasync", "0000000001.log")]
    assert spool.journal.synced_sequence == spool.journal.sequence
    spool.close()


def test_lines_wait_until_somebody_asks_or_there_are_enough(spool):
    for number in range(10):
        receive(spool, "1.2.%d" % number)
    assert spool.index.pending > 0
    assert len(spool.objects(limit=1000)) == 10
    assert spool.index.pending == 0
    for number in range(10, 10 + 3 * BATCH):
        receive(spool, "1.2.%d" % number)
        assert spool.index.pending < BATCH


def fill(spool, number):
    """Put `number` objects with a job each into the index, by the journal's lines alone."""
    for at in range(number):
        record = {
            "id": spool.intake.next_id(), "at": 1.0, "uid": "1.2.%d" % at, "copy": 1, "class": data.CT,
            "syntax": data.EXPLICIT, "path": "2026-01-01/1.2.%d.dcm" % at, "offset": 300, "size": 500000, "crc": 1,
            "head_crc": 1, "source": ["A", "B", "C"], "study": ["1.9.%d" % (at // 200), "1", "N", "A", "D", "S"],
            "series": "1.8", "modality": "CT", "number": "1", "jobs": [("PACS", 1)],
        }  # fmt: skip
        spool.journal.append("object", record, durable=False)
        spool.index.keep_up()
    spool.journal.sync()
    spool.index.drain()


def steps_of(spool, deed):
    """Do `deed`; return how many instructions of SQLite's machine and calls of functions that took, and its result."""
    counted = [0]

    def count(*_):
        counted[0] += 1

    connection = spool.index._ledger._connection
    connection.set_progress_handler(count, 1)
    sys.setprofile(count)
    try:
        result = deed()
    finally:
        sys.setprofile(None)
        connection.set_progress_handler(None, 1)
    return counted[0], result


def cost(spool, rounds=10):
    """Steps that claiming, settling and listing take."""
    claiming = settling = listing = 0

    def settle(claimed):
        for job in claimed:
            spool.jobs.settle(job, jobs.SENT, spool.now())
        spool.index.drain()

    def look():
        spool.jobs.listing("waiting", "PACS")
        spool.jobs.counts()
        spool.index.total()

    for _ in range(rounds):
        steps, claimed = steps_of(spool, lambda: spool.jobs.claim("PACS", spool.now(), 16))
        assert len(claimed) == 16
        claiming += steps
        settling += steps_of(spool, lambda: settle(claimed))[0]
        listing += steps_of(spool, look)[0]
    return claiming, settling, listing


def test_a_long_queue_takes_no_more_steps_than_a_short_one(tmp_path):
    short, long = open_spool(tmp_path / "short"), open_spool(tmp_path / "long")
    fill(short, 1000)
    fill(long, 20000)
    for brief, lengthy, what in zip(cost(short), cost(long), ("claiming", "settling", "listing")):
        assert 1000 < brief and lengthy < 1.2 * brief, (what, brief, lengthy)
    short.close()
    long.close()


def test_no_question_goes_through_a_table(spool):
    busy_day(spool, 1)
    execute = spool.index._ledger.execute
    questions = [(tables.CLAIM, (1, 10)), (tables.OBJECTS + "WHERE o.uid = ?", ("1.2",))]
    questions += [(sql, (1, *[-1] * len(columns), 10)) for sql, columns in tables.LANES.values()]
    for sql, arguments in questions:
        plan = [row[3] for row in execute("EXPLAIN QUERY PLAN " + sql, arguments)]
        assert not [step for step in plan if step.startswith("SCAN") or "TEMP B-TREE" in step], (sql, plan)


def test_a_number_no_index_can_have_is_unknown_like_any_other(spool):
    with pytest.raises(errors.Unknown, match="no object 99999999999999999999999 is in the spool"):
        spool.index.get(99999999999999999999999)


def test_held_objects_are_counted_by_reason(spool):
    receive(spool, "1.2.3")
    receive(spool, "1.2.4", to=[])
    receive(spool, "1.2.5", to=[])
    spool.hold_rotten(1, "it rotted")
    assert sorted(row[:3] for row in spool.index.holds()) == [("rotten", 1, 1), ("unrouted", 2, 2)]
    spool.release(2)
    assert ("unrouted", 1, 3) in [row[:3] for row in spool.index.holds()]


def test_an_index_in_memory_goes_back_to_the_disk_as_soon_as_that_has_room_for_what_it_holds(spool):
    def said():
        return [trouble for trouble in spool.health.troubles() if "kept in memory" in str(trouble)]

    fill(spool, 300)
    spool.index._go_to_memory()
    room = spool.index._ledger.room_bytes()
    assert not spool.index.go_home(room - 1)
    assert "have %d MB free" % (-(-room // 1000000)) in str(said())
    before = len(spool.objects(limit=1000))
    assert spool.index.go_home(room)
    assert not said()
    assert os.path.getsize(os.path.join(spool.path, "index.db")) <= room
    assert len(spool.objects(limit=1000)) == before == 300
