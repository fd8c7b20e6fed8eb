"""Jobs: which goes when, what becomes of it, and what a crash makes of it."""

import threading

import pytest

from edge.spool import errors, jobs
from edge.spool.jobs import LOW, REFUSED, RETRY, RETURNED, SENT, URGENT
from edge.spool.retry import Schedule
from tests.spool import data
from tests.spool.data import data_set, deliver, open_spool, receive
from tests.support import process

PLAIN = Schedule(first_s=10.0, factor=2.0, cap_s=100.0, jitter=0.0, tries=3)


def uids(claimed):
    return [job.uid for job in claimed]


def claim(spool, destination="PACS", limit=100):
    return spool.jobs.claim(destination, spool.now(), limit)


def counts(spool, destination="PACS"):
    """Jobs of a destination: (waiting, sending, held, delivered)."""
    tallies = spool.jobs.counts()[destination]
    return tuple(tallies[state][0] for state in ("waiting", "sending", "held", "delivered"))


def test_a_job_says_all_that_a_worker_needs(spool):
    stored = receive(spool, "1.2.3", data_set("1.2.3", study="1.9"))
    (job,) = claim(spool)
    kept = spool.index.get(stored.object_id)
    assert (job.object_id, job.destination, job.tries, job.uid, job.study) == (kept.id, "PACS", 0, "1.2.3", "1.9")
    assert job[6:12] == (kept.sop_class, kept.syntax, kept.path, kept.offset, kept.size, kept.crc)
    assert spool.path_of(job) == spool.path_of(kept)


def test_jobs_go_in_the_order_of_arrival(spool):
    for number in range(5):
        receive(spool, "1.2.%d" % number)
    assert uids(claim(spool)) == ["1.2.%d" % number for number in range(5)]


def test_urgent_ones_go_first_and_low_ones_last(spool):
    receive(spool, "1.2.1", priority=LOW)
    receive(spool, "1.2.2")
    receive(spool, "1.2.3", priority=URGENT)
    assert uids(claim(spool)) == ["1.2.3", "1.2.2", "1.2.1"]


def test_a_study_goes_whole_before_the_next_one_begins(spool):
    for number in range(6):
        uid = "1.2.%d" % number
        receive(spool, uid, data_set(uid, study="1.9.%d" % (number % 2)))
    assert uids(claim(spool)) == ["1.2.0", "1.2.2", "1.2.4", "1.2.1", "1.2.3", "1.2.5"]


def test_a_claimed_job_is_not_claimed_again(spool):
    for number in range(5):
        receive(spool, "1.2.%d" % number)
    first = claim(spool, limit=2)
    assert uids(first) == ["1.2.0", "1.2.1"]
    assert uids(claim(spool)) == ["1.2.2", "1.2.3", "1.2.4"]
    assert claim(spool) == []
    assert counts(spool) == (0, 5, 0, 0)
    spool.jobs.give_back(first, spool.now())
    assert uids(claim(spool)) == ["1.2.0", "1.2.1"]


@pytest.mark.parametrize("outcome", [SENT, RETRY, REFUSED])
def test_a_job_that_is_settled_while_another_claims_is_not_claimed_again(spool, monkeypatch, outcome):
    receive(spool, "1.2.1")
    (job,) = claim(spool)
    ask = spool.index._ask

    def ask_then_settle(*question):
        rows = ask(*question)
        monkeypatch.undo()
        spool.jobs.settle(job, outcome, spool.now(), 0, "full", "the archive is full", PLAIN)
        return rows

    monkeypatch.setattr(spool.index, "_ask", ask_then_settle)
    assert claim(spool) == []
    assert counts(spool)[1] == 0


def test_destinations_do_not_notice_each_other(spool):
    receive(spool, "1.2.3", to=["PACS", "ARCHIVE"])
    assert uids(claim(spool, "PACS")) == ["1.2.3"]
    assert deliver(spool, "ARCHIVE") == ["1.2.3"]
    assert counts(spool, "PACS") == (0, 1, 0, 0)
    assert counts(spool, "ARCHIVE") == (0, 0, 0, 1)


def test_a_destination_nobody_has_heard_of_has_no_jobs(spool):
    assert claim(spool, "NOWHERE") == []


def test_what_was_delivered_says_when_and_with_which_status(spool, clock):
    receive(spool, "1.2.3")
    (job,) = claim(spool)
    clock.now += 5
    assert spool.jobs.settle(job, SENT, clock(), 0xB000) == "delivered"
    (row,) = spool.jobs.of_object(job.object_id)
    assert (row.state, row.status, row.since, row.tries) == ("delivered", 0xB000, clock(), 1)
    assert counts(spool) == (0, 0, 0, 1)


def test_an_object_refused_for_now_comes_back_after_its_delay_and_others_pass_it(spool, clock):
    receive(spool, "1.2.1")
    receive(spool, "1.2.2")
    first, _ = claim(spool)
    spool.jobs.give_back([_], clock())
    assert spool.jobs.settle(first, RETRY, clock(), 0xA700, "full", "out of resources", PLAIN) == "waiting"
    assert deliver(spool) == ["1.2.2"]
    clock.now += 9.9
    assert claim(spool) == []
    clock.now += 0.2
    (again,) = claim(spool)
    assert (again.uid, again.tries) == ("1.2.1", 1)


def test_tries_end_in_a_hold_with_the_reason_in_words(spool, clock):
    receive(spool, "1.2.3")
    states = []
    for _ in range(3):
        (job,) = claim(spool)
        states.append(spool.jobs.settle(job, RETRY, clock(), 0xA700, "full", "the archive is full", PLAIN))
        clock.now += 1000
    assert states == ["waiting", "waiting", "held"]
    assert claim(spool) == []
    (row,), _ = spool.jobs.listing("held")
    assert (row.cause, row.why, row.status) == ("full", "the archive is full (tried 3 times)", 0xA700)


def test_what_will_never_be_taken_is_held_at_once(spool):
    receive(spool, "1.2.3")
    (job,) = claim(spool)
    assert spool.jobs.settle(job, REFUSED, spool.now(), 0xC000, "refused", "cannot understand") == "held"
    assert counts(spool) == (0, 0, 1, 0)


def test_a_link_that_fails_spends_no_try_and_makes_its_destination_wait(spool, clock):
    receive(spool, "1.2.3", to=["PACS", "ARCHIVE"])
    (job,) = claim(spool)
    spool.jobs.settle(job, RETURNED, clock())
    link = spool.jobs.link_failed("PACS", clock(), "connection refused", PLAIN)
    assert link.until == clock() + 10
    assert claim(spool) == []
    assert uids(claim(spool, "ARCHIVE")) == ["1.2.3"]
    clock.now += 11
    (again,) = claim(spool)
    assert again.tries == 0
    spool.jobs.link_works("PACS", clock())
    assert spool.jobs.link("PACS").failures == 0


def test_the_journal_tells_when_a_link_went_down_and_up(spool, clock):
    for _ in range(3):
        spool.jobs.link_failed("PACS", clock(), "connection refused")
    clock.now += 60
    spool.jobs.link_works("PACS", clock())
    spool.jobs.link_works("PACS", clock())
    told = [(line.record["up"], line.record.get("why")) for line in spool.journal.latest(9, ("link",))]
    assert told == [(True, None), (False, "connection refused")]


def test_a_clock_set_back_by_years_defers_nothing_for_years(spool, clock):
    receive(spool, "1.2.3")
    (job,) = claim(spool)
    spool.jobs.settle(job, RETRY, clock(), None, "full", "full", PLAIN)
    clock.now = 0.0
    assert uids(claim(spool)) == ["1.2.3"]


# People


def test_held_jobs_are_released_by_kind(spool):
    for number, cause in enumerate(("full", "full", "refused")):
        receive(spool, "1.2.%d" % number)
        (job,) = claim(spool)
        spool.jobs.settle(job, REFUSED, spool.now(), None, cause, "in words")
    assert spool.jobs.release(spool.now(), cause="full") == 2
    assert deliver(spool) == ["1.2.0", "1.2.1"]
    assert spool.jobs.release(spool.now(), destination="ARCHIVE") == 0
    assert spool.jobs.release(spool.now()) == 1
    assert deliver(spool) == ["1.2.2"]


def test_a_released_job_has_all_its_tries_again(spool, clock):
    receive(spool, "1.2.3")
    (job,) = claim(spool)
    spool.jobs.settle(job, REFUSED, clock(), None, "full", "in words")
    spool.jobs.release(clock(), object_id=job.object_id)
    assert claim(spool)[0].tries == 0


def test_more_held_jobs_than_fit_a_page_are_all_released(spool, monkeypatch):
    monkeypatch.setattr(jobs, "_PAGE", 3)
    for number in range(10):
        receive(spool, "1.2.%d" % number)
    for job in claim(spool):
        spool.jobs.settle(job, REFUSED, spool.now(), None, "full", "in words")
    assert spool.jobs.release(spool.now()) == 10
    assert counts(spool) == (10, 0, 0, 0)


def test_a_waiting_job_can_be_held_prioritised_and_dropped(spool):
    first = receive(spool, "1.2.1").object_id
    second = receive(spool, "1.2.2").object_id
    third = receive(spool, "1.2.3").object_id
    spool.jobs.prioritise(spool.now(), third, "PACS", URGENT)
    spool.jobs.hold(spool.now(), second, "PACS", "by hand", "not today")
    assert uids(claim(spool)) == ["1.2.3", "1.2.1"]
    spool.jobs.drop(spool.now(), first, "PACS", "tester")
    assert spool.jobs.of_object(first) == []
    with pytest.raises(errors.Unknown):
        spool.jobs.drop(spool.now(), first, "PACS", "tester")
    assert counts(spool) == (0, 1, 1, 0) or counts(spool)[2] == 1


def test_an_object_all_of_whose_other_jobs_are_done_is_done_when_the_last_is_dropped(spool):
    stored = receive(spool, "1.2.3", to=["PACS", "GONE"])
    deliver(spool)
    assert spool.index.done((0, 0), 9) == []
    spool.jobs.drop(spool.now(), stored.object_id, "GONE", "tester")
    assert [row[0] for row in spool.index.done((0, 0), 9)] == [stored.object_id]


def test_a_listing_pages_through_everything_once(spool, clock):
    for number in range(20):
        receive(spool, "1.2.%d" % number, to=["A", "B"][: 1 + number % 2])
    for job in claim(spool, "A", 5):
        spool.jobs.settle(job, SENT, clock())
    for job in claim(spool, "A", 4):
        spool.jobs.settle(job, RETRY, clock(), None, "full", "full", PLAIN)
    for job in claim(spool, "A", 3):
        spool.jobs.settle(job, REFUSED, clock(), None, "no", "no")
    claim(spool, "B", 2)
    whole, after = spool.jobs.listing(limit=1000)
    assert after is None
    assert len(whole) == 30
    for size in (1, 4, 7):
        pages, after = [], None
        while True:
            page, after = spool.jobs.listing(after=after, limit=size)
            pages += page
            if after is None:
                break
        assert pages == whole
    for state, number in (("waiting", 20), ("held", 3), ("delivered", 5)):
        rows, _ = spool.jobs.listing(state, limit=1000)
        assert len(rows) == sum(1 for row in rows if row.state in (state, "sending" if state == "waiting" else state))
        assert len(rows) == {"waiting": 22, "held": 3, "delivered": 5}[state], number
    assert len(spool.jobs.listing(destination="B", limit=1000)[0]) == 10
    assert len([row for row in whole if row.state == "sending"]) == 2


# Sleeping and waking


def sleeper(spool, limit_s=60.0, destination="PACS"):
    """A thread asleep on a destination, and the event that says that it woke."""
    woke = threading.Event()

    def run():
        spool.jobs.wait(destination, spool.now(), limit_s)
        woke.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return woke


def asleep(spool, destination="PACS"):
    """Wait until somebody sleeps on a destination."""
    condition = spool.jobs._lane(destination).condition
    process.wait_until(lambda: condition._waiters, 10, "somebody to sleep")


def test_a_job_that_is_settled_while_a_page_is_made_stands_on_it_once(spool, monkeypatch):
    receive(spool, "1.2.1")
    (job,) = claim(spool)
    guarded = spool.index._guarded

    def answer_then_settle(action, *arguments):
        rows = guarded(action, *arguments)
        if rows:  # those that are ready: the job is among them
            monkeypatch.undo()
            spool.jobs.settle(job, SENT, spool.now(), 0)
        return rows

    monkeypatch.setattr(spool.index, "_guarded", answer_then_settle)
    rows, _ = spool.jobs.listing()
    assert [row.object_id for row in rows] == [job.object_id]
    assert [row.state for row in spool.jobs.listing()[0]] == ["delivered"]


def test_a_sleeper_wakes_when_an_object_comes_in(spool):
    woke = sleeper(spool)
    asleep(spool)
    receive(spool, "1.2.3", to=["ARCHIVE"])
    assert not woke.is_set()
    receive(spool, "1.2.4", to=["PACS"])
    assert woke.wait(10)


def test_nobody_sleeps_while_there_is_something_to_do(spool):
    receive(spool, "1.2.3")
    assert sleeper(spool).wait(10)


@pytest.mark.parametrize("do", ["release", "queue", "unhold", "wake", "close"])
def test_a_sleeper_wakes_for_whatever_may_give_it_work(tmp_path, do):
    spool = open_spool(tmp_path / "state")
    receive(spool, "1.2.1")
    (job,) = claim(spool)
    spool.jobs.settle(job, REFUSED, spool.now(), None, "full", "full")
    receive(spool, "1.2.2", to=[])
    receive(spool, "1.2.1", data_set("1.2.1", pixels=b"\7" * 64))
    woke = sleeper(spool)
    asleep(spool)
    if do == "release":
        spool.jobs.release(spool.now())
    elif do == "queue":
        spool.queue(2, ["PACS"])
    elif do == "unhold":
        spool.release(3)
    elif do == "wake":
        spool.jobs.wake("PACS")
    else:
        spool.jobs.close()
    assert woke.wait(10)
    spool.close()


def test_a_sleeper_wakes_when_a_deferred_job_is_due(spool, clock):
    receive(spool, "1.2.3")
    (job,) = claim(spool)
    spool.jobs.settle(job, RETRY, clock(), None, "full", "full", PLAIN._replace(first_s=0.05))
    assert sleeper(spool).wait(10)


def test_a_sleeper_of_a_link_that_waits_sleeps_through_arrivals(spool, clock):
    spool.jobs.link_failed("PACS", clock(), "refused", PLAIN._replace(first_s=60.0))
    woke = sleeper(spool)
    asleep(spool)
    receive(spool, "1.2.3")
    assert not woke.is_set()
    spool.jobs.wake("PACS")
    assert woke.wait(10)
    assert uids(claim(spool)) == ["1.2.3"]


def test_sleeping_on_a_disk_that_refuses_is_no_error(tmp_path):
    disk = data.FailingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    receive(spool, "1.2.3")
    deliver(spool)
    disk.failing = {"fdatasync": data.EIO, "pwrite": data.EIO}
    spool.jobs.wait("PACS", spool.now(), 0.01)
    disk.failing = {}
    spool.close()


# Crashes


def test_after_a_crash_what_was_being_sent_waits_and_what_was_delivered_is_not_due(tmp_path):
    spool = open_spool(tmp_path / "state")
    for number in range(3):
        receive(spool, "1.2.%d" % number)
    first, second, _ = claim(spool)
    spool.jobs.settle(first, SENT, spool.now())
    spool.jobs.settle(second, REFUSED, spool.now(), None, "full", "in words")
    again = data.after_crash(spool)
    assert counts(again) == (1, 0, 1, 1)
    assert uids(claim(again)) == ["1.2.2"]
    again.close()


def test_outcomes_are_durable_when_the_next_claim_is_answered(tmp_path):
    disk = data.RecordingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    receive(spool, "1.2.1")
    receive(spool, "1.2.2")
    (job,) = claim(spool, limit=1)
    spool.jobs.settle(job, SENT, spool.now())
    del disk.calls[:]
    claim(spool, limit=1)
    assert disk.calls == [("fdatasync", "0000000001.log")]
    spool.close()


def test_a_disk_that_refuses_outcomes_stops_claims_and_nothing_is_forgotten(tmp_path):
    disk = data.FailingDisk()
    spool = open_spool(tmp_path / "state", disk=disk)
    for number in range(3):
        receive(spool, "1.2.%d" % number)
    first, _ = claim(spool, limit=2)
    disk.failing = {"fdatasync": data.EIO, "pwrite": data.EIO}
    spool.jobs.settle(first, SENT, spool.now())
    with pytest.raises(errors.Degraded):
        claim(spool)
    disk.failing = {}
    assert uids(claim(spool)) == ["1.2.2"]
    assert counts(spool) == (0, 2, 0, 1)
    again = data.after_crash(spool)
    assert counts(again) == (2, 0, 0, 1)
    again.close()
