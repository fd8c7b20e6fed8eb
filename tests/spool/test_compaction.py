"""The journal stays bounded, and what lives in it outlives its segments, whatever happens meanwhile."""

import threading

from edge.spool import jobs
from edge.spool.disk import Disk
from edge.spool.index import Index
from edge.spool.lines import Survey
from tests.spool import data
from tests.spool.data import after_crash, deliver, open_spool, picture, receive
from tests.support import process
from tests.spool.test_index import BUSY_STEPS, after, busy_day, lose_index, settled

SMALL = data.SMALL._replace(journal_bytes=0)


def fill_segments(spool, number):
    """Have so many segments of the journal filled with remarks."""
    upto = spool.journal.last + number
    while spool.journal.last < upto:
        spool.journal.append("remark", {"text": "x" * 9000}, durable=False)


def test_a_journal_full_of_what_is_past_is_retired(tmp_path):
    spool = open_spool(tmp_path / "state", limits=SMALL)
    for number in range(5):
        receive(spool, "1.2.%d" % number)
    before = settled(picture(spool))
    for _ in range(12):
        fill_segments(spool, 1)
        spool.tidy()
    assert spool.journal.last - spool.journal.oldest <= 2
    again = after(spool, lose_index)
    assert settled(picture(again)) == before
    assert not again.health.degraded
    again.close()


def test_an_outcome_told_while_its_object_is_written_again_is_not_lost(tmp_path):
    spool = open_spool(tmp_path / "state", limits=SMALL)
    for number in range(4):
        receive(spool, "1.2.%d" % number, to=["PACS", "ARCHIVE"])
    first, second, third, _ = spool.jobs.claim("PACS", spool.now(), 4)
    records = spool.index.records
    others = []

    def meanwhile(numbers):
        spool.index.records = records
        found = records(numbers)
        deeds = (
            lambda: spool.jobs.settle(first, jobs.SENT, spool.now(), 0),
            lambda: spool.journal.append("removed", {"ids": [third.object_id], "cause": "test", "at": 1.0}),
        )
        others.extend(threading.Thread(target=deed) for deed in deeds)
        for other in others:
            other.start()
        process.wait_until(lambda: len(spool.journal._queue) == 2, 10, "both to queue behind what is composed")
        return found

    spool.index.records = meanwhile
    fill_segments(spool, 4)
    spool.tidy()
    for other in others:
        other.join(10)
    spool.jobs.settle(second, jobs.SENT, spool.now(), 0)
    assert spool.journal.oldest > 1
    assert spool.jobs.counts()["PACS"]["delivered"][0] == 2
    assert spool.index.total()[0] == 3
    before = settled(picture(spool))
    again = after(spool, lose_index)
    assert settled(picture(again)) == before
    again.close()


def test_a_crash_between_writing_again_and_retiring_leaves_both_and_nothing_twice(tmp_path):
    spool = open_spool(tmp_path / "state", limits=SMALL)
    for number in range(6):
        receive(spool, "1.2.%d" % number)
    deliver(spool, limit=3)
    fill_segments(spool, 3)
    before = settled(picture(spool))
    spool.journal.retire = lambda upto, aside=None: None
    spool.tidy()
    spool = after_crash(spool)
    assert settled(picture(spool)) == before
    again = after(spool, lose_index)
    assert settled(picture(again)) == before
    again.close()


def test_an_index_that_was_half_made_when_the_crash_came_is_made_to_its_end(tmp_path):
    spool = open_spool(tmp_path / "state", limits=SMALL)
    for number in range(6):
        receive(spool, "1.2.%d" % number)
    fill_segments(spool, 4)
    spool.tidy()
    assert spool.journal.oldest > 1
    before = settled(picture(spool))
    spool.close()
    lose_index(spool.path)
    disk = Disk()
    half = Index(disk, spool.path + "/index.db", spool.health)
    half.clear(spool.index.spool)
    lines = list(Survey(disk, spool.path + "/journal").lines())
    cut = next(at for at, line in enumerate(lines) if line.kind == "kept")
    half._ledger.apply(lines[: cut + 2])
    half.close()
    again = open_spool(spool.path)
    assert settled(picture(again)) == before
    again.close()


def test_a_disk_that_refuses_stops_no_commit_and_is_reported(tmp_path):
    disk = data.FailingDisk()
    spool = open_spool(tmp_path / "state", disk=disk, limits=SMALL)
    receive(spool, "1.2.1")
    fill_segments(spool, 4)
    disk.failing = {"open": data.EIO}
    spool.compaction.keep_up()
    assert "journal" in [trouble.key for trouble in spool.health.troubles()]
    disk.failing = {}
    receive(spool, "1.2.2")
    spool.close()


def test_damage_in_a_segment_that_is_retired_costs_nothing(tmp_path):
    spool = open_spool(tmp_path / "state", limits=SMALL)
    for number in range(6):
        receive(spool, "1.2.%d" % number)
    deliver(spool, limit=2)
    before = settled(picture(spool))
    fill_segments(spool, 4)
    with open(tmp_path / "state" / "journal" / "0000000001.log", "r+b") as file:
        file.seek(1000)
        file.write(b"rotten")
    spool.tidy()
    assert spool.journal.oldest > 1
    assert "journal" in [trouble.key for trouble in spool.health.troubles()]
    again = after(spool, lose_index)
    assert settled(picture(again)) == before
    again.close()


def test_the_place_of_a_study_outlives_its_first_object(tmp_path):
    spool = open_spool(tmp_path / "state", limits=SMALL)
    receive(spool, "1.2.0", data.data_set("1.2.0", study="1.9.1"))
    fill_segments(spool, 1)
    receive(spool, "1.2.1", data.data_set("1.2.1", study="1.9.2"))
    receive(spool, "1.2.2", data.data_set("1.2.2", study="1.9.1"))
    spool.remove(1, "tester")
    fill_segments(spool, 3)
    spool.tidy()
    again = after(spool, lose_index)
    assert deliver(again) == ["1.2.2", "1.2.1"]
    again.close()


def test_many_threads_go_on_while_segments_are_retired(tmp_path):
    spool = open_spool(tmp_path / "state", limits=SMALL._replace(folder_entries=50))
    stop, failures = threading.Event(), []

    def send(base):
        try:
            for number in range(60):
                receive(spool, "1.2.%d.%d" % (base, number), priority=number % 3)
        except BaseException as error:
            failures.append(error)

    def work():
        try:
            while not stop.is_set():
                if not deliver(spool, limit=7):
                    stop.wait(0.002)
        except BaseException as error:
            failures.append(error)

    def tidy():
        while not stop.is_set():
            fill_segments(spool, 1)
            spool.tidy()

    senders = [threading.Thread(target=send, args=(base,)) for base in range(1, 5)]
    others = [threading.Thread(target=work), threading.Thread(target=tidy)]
    for thread in senders + others:
        thread.start()
    for thread in senders:
        thread.join(60)
    stop.set()
    for thread in others:
        thread.join(60)
    assert failures == []
    deliver(spool, limit=1000)
    before = settled(picture(spool))
    assert before[2]["PACS"]["done"][0] == 240
    assert spool.journal.oldest > 3
    again = after(spool, lose_index)
    assert settled(picture(again)) == before
    again.close()


def test_busy_days_leave_a_bounded_journal(memory_path):
    spool = open_spool(memory_path / "state", limits=SMALL)
    for seed in range(6):
        busy_day(spool, seed, BUSY_STEPS)
    assert spool.journal.oldest > 30
    objects = spool.index.total()[0]
    assert spool.journal.octets <= 4 * SMALL.segment_bytes + 2 * 700 * objects
    spool.close()


def test_a_segment_that_lines_may_still_come_into_is_not_retired(tmp_path):
    spool = open_spool(tmp_path / "state", limits=SMALL._replace(journal_bytes=0))
    read = []
    lines_of = spool.journal.lines_of

    def and_then_more_comes(number, damages=None):
        read.append((number, spool.journal.last))
        yield from list(lines_of(number, damages))
        if len(read) == 1:
            receive(spool, "1.2.2")
            fill_segments(spool, 1)

    spool.journal.lines_of = and_then_more_comes
    receive(spool, "1.2.1")
    spool.tidy()
    receive(spool, "1.2.3")
    fill_segments(spool, 1)
    spool.tidy()
    spool.journal.lines_of = lines_of
    assert all(number < last for number, last in read) and read
    kept = [stored.uid for stored in spool.objects()]
    again = after(spool, lose_index)
    assert [stored.uid for stored in again.objects()] == kept
    again.close()
