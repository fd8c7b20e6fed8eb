"""What was sent and waits for its commitment: asked for, answered, sent again, held; through crashes, too."""

import pytest

from edge.dicom import uid as uids
from edge.spool import errors, jobs
from edge.spool.commitments import ASKS, CAUSE
from edge.spool.ledger import DONE
from edge.spool.retry import Schedule
from tests.spool import data
from tests.spool.data import ENOSPC, FailingDisk, after_crash, open_spool, picture, receive
from tests.spool.test_compaction import fill_segments
from tests.spool.test_index import after, lose_index, settled

AGAIN = Schedule(first_s=10.0, factor=2.0, cap_s=100.0, jitter=0.0, tries=3)
WAIT_S = 3600.0
NOT_THERE = ("it does not have it (0112)", False)


def send(spool, limit=100, sent_as=None):
    """Have what is due for PACS sent; return the numbers of the objects."""
    claimed = spool.jobs.claim("PACS", spool.now(), limit)
    for job in claimed:
        assert spool.jobs.settle(job, jobs.UNCOMMITTED, spool.now(), 0, sent_as=sent_as) == "sent"
    return [job.object_id for job in claimed]


def sent(spool, count=3, **more):
    """A spool that has sent `count` objects to PACS, which has to commit to them."""
    spool.commitments.watch("PACS", AGAIN)
    for number in range(count):
        receive(spool, "1.2.%d" % number, **more)
    send(spool)
    return spool


def ask(spool, asks=0, limit=100):
    """Ask for what waits; return the Transaction."""
    due = spool.commitments.due("PACS", asks, spool.now(), 0, limit)
    return spool.commitments.transaction(spool.commitments.ask("PACS", due, spool.now()))


def states(spool):
    """The state of each job, by object."""
    found = {row.object_id: row.state for number in range(1, 10) for row in spool.jobs.of_object(number)}
    return [found[number] for number in sorted(found)]


def test_what_was_sent_is_not_done_until_it_is_committed_to(spool):
    sent(spool)
    assert spool.jobs.counts()["PACS"]["sent"][0] == 3
    assert spool.index.total(DONE) == (0, 0) and spool.index.done((0, 0), 10) == []
    found = ask(spool)
    assert found.instances == {"1.2.0": [1], "1.2.1": [2], "1.2.2": [3]}
    assert spool.commitments.answer(found, {"1.2.0", "1.2.2"}, {}, spool.now()) == (2, 0, 1)
    assert states(spool) == ["delivered", "sent", "delivered"]
    assert [row[0] for row in spool.index.done((0, 0), 10)] == [1, 3]


def test_a_transaction_is_a_uid_of_its_own_each_time(spool):
    sent(spool)
    first, second = ask(spool), ask(spool, 1)
    assert first.uid != second.uid
    assert uids.is_valid(first.uid) and uids.is_valid(second.uid)


def test_what_is_refused_is_sent_again_later_and_held_with_the_reason_after_its_tries(spool, clock):
    sent(spool, 1)
    for tries, delay_s in ((1, 10), (2, 20)):
        spool.commitments.answer(ask(spool), set(), {"1.2.0": NOT_THERE}, clock())
        (row,) = spool.jobs.of_object(1)
        assert (row.state, row.due, row.cause, row.sends) == ("waiting", clock() + delay_s, CAUSE, tries)
        assert row.why == "PACS does not commit to it: it does not have it (0112)"
        clock.now += delay_s
        assert send(spool) == [1]
    spool.commitments.answer(ask(spool), set(), {"1.2.0": NOT_THERE}, clock())
    (row,) = spool.jobs.of_object(1)
    assert (row.state, row.why) == ("held", "PACS does not commit to it: it does not have it (0112) (sent 3 times)")
    assert spool.jobs.release(clock(), "PACS") == 1
    assert send(spool) == [1]
    assert spool.jobs.of_object(1)[0].sends == 1


def test_a_reason_that_lasts_holds_at_once(spool):
    sent(spool, 1)
    spool.commitments.answer(ask(spool), set(), {"1.2.0": ("no such class (0122)", True)}, spool.now())
    (row,) = spool.jobs.of_object(1)
    assert (row.state, row.why) == ("held", "PACS does not commit to it: no such class (0122) (sent once)")


def test_who_has_not_answered_is_found_when_the_wait_is_over_and_not_before(spool, clock):
    sent(spool)
    assert len(spool.commitments.due("PACS", 0, clock(), 0, 10)) == 3
    ask(spool)
    assert spool.commitments.due("PACS", 0, clock(), 0, 10) == []
    assert spool.commitments.first("PACS", 1) == clock()
    clock.now += WAIT_S - 1
    assert spool.commitments.due("PACS", 1, clock(), WAIT_S, 10) == []
    assert spool.commitments.overdue_since("PACS", clock(), WAIT_S) is None
    clock.now += 2
    assert spool.commitments.overdue_since("PACS", clock(), WAIT_S) == clock() - 1
    ask(spool, 1)
    assert spool.commitments.overdue_since("PACS", clock(), WAIT_S) == clock()
    clock.now += WAIT_S
    unanswered = spool.commitments.due("PACS", ASKS, clock(), WAIT_S, 10)
    assert len(unanswered) == 3
    spool.commitments.give_up("PACS", unanswered, clock(), "no answer")
    assert states(spool) == ["waiting"] * 3
    assert spool.commitments.overdue_since("PACS", clock(), WAIT_S) is None


def test_a_clock_that_was_set_back_for_years_makes_nobody_wait_for_years(spool, clock):
    clock.now += 10 * 365 * 86400
    sent(spool)
    ask(spool)
    clock.now -= 10 * 365 * 86400
    assert len(spool.commitments.due("PACS", 1, clock(), WAIT_S, 10)) == 3


def test_a_late_answer_counts_though_the_same_was_asked_again_or_is_being_sent_again(spool, clock):
    sent(spool, 2)
    first = ask(spool)
    ask(spool, 1)
    spool.commitments.give_up("PACS", spool.commitments.due("PACS", 2, clock(), 0, 10), clock(), "no answer")
    assert spool.commitments.answer(first, {"1.2.0", "1.2.1"}, {}, clock()) == (2, 0, 0)
    assert states(spool) == ["delivered", "delivered"]


def test_a_late_refusal_does_not_count_against_what_was_asked_for_again(spool):
    sent(spool, 1)
    first = ask(spool)
    ask(spool, 1)
    spool.commitments.answer(first, set(), {"1.2.0": NOT_THERE}, spool.now())
    assert states(spool) == ["sent"]


def test_the_same_answer_again_changes_nothing_and_is_known_to_be_answered(spool):
    sent(spool)
    found = ask(spool)
    spool.commitments.answer(found, {"1.2.0", "1.2.1"}, {"1.2.2": NOT_THERE}, spool.now())
    before = settled(picture(spool))
    again = spool.commitments.transaction(found.uid)
    assert again.is_answered and again.instances == {}
    assert spool.commitments.answer(again, {"1.2.0"}, {"1.2.1": NOT_THERE}, spool.now()) == (0, 0, 0)
    assert settled(picture(spool)) == before


def test_an_answer_in_two_parts_is_one_answer(spool):
    sent(spool)
    found = ask(spool)
    spool.commitments.answer(found, {"1.2.0"}, {}, spool.now())
    rest = spool.commitments.transaction(found.uid)
    assert not rest.is_answered and set(rest.instances) == {"1.2.1", "1.2.2"}
    spool.commitments.answer(rest, set(), {"1.2.1": NOT_THERE, "1.2.2": NOT_THERE}, spool.now())
    assert spool.commitments.transaction(found.uid).is_answered


def test_instances_that_nobody_asked_for_count_for_nothing(spool):
    sent(spool)
    first = ask(spool, limit=1)
    assert spool.commitments.answer(first, {"1.2.1", "1.2.2", "9.9"}, {"1.2.3": NOT_THERE}, spool.now()) == (0, 0, 1)
    assert states(spool) == ["sent"] * 3


def test_two_objects_under_one_uid_are_asked_for_and_committed_to_as_one(spool):
    spool.commitments.watch("PACS", AGAIN)
    receive(spool, "1.2.0")
    conflicting = receive(spool, "1.2.0", data.data_set("1.2.0", pixels=b"\7\7"))
    spool.release(conflicting.object_id)
    send(spool)
    found = ask(spool)
    assert found.instances == {"1.2.0": [1, 2]}
    assert spool.commitments.answer(found, {"1.2.0"}, {}, spool.now()).committed == 2


def test_what_went_under_another_uid_is_asked_for_under_that(spool):
    spool.commitments.watch("PACS", AGAIN)
    receive(spool, "1.2.0")
    send(spool, sent_as="2.25.8")
    assert [each.uid for each in spool.commitments.due("PACS", 0, spool.now(), 0, 10)] == ["2.25.8"]
    spool = after(spool, lose_index)
    found = ask(spool)
    assert found.instances == {"2.25.8": [1]}
    spool.close()


def test_what_nobody_could_be_asked_for_waits_as_long_as_before(spool, clock):
    sent(spool)
    since = clock()
    clock.now += 50
    due = spool.commitments.due("PACS", 0, clock(), 0, 10)
    transaction = spool.commitments.ask("PACS", due, clock())
    spool.commitments.unask(transaction, "PACS", due, clock())
    assert spool.commitments.transaction(transaction) is None
    assert [each.since for each in spool.commitments.due("PACS", 0, clock(), 0, 10)] == [since] * 3


def test_what_was_dropped_removed_or_released_while_it_waited_is_left_alone_by_the_answer(spool):
    sent(spool, 4)
    found = ask(spool)
    spool.jobs.drop(spool.now(), 1, "PACS", "tester")
    spool.remove(2, "tester")
    spool.commitments.give_up("PACS", spool.commitments.due("PACS", 1, spool.now(), 0, 1), spool.now(), "no answer")
    spool.jobs.hold(spool.now(), 3, "PACS", "by hand", "wait")
    spool.jobs.release(spool.now(), "PACS")
    spool.commitments.answer(found, {"1.2.%d" % number for number in range(4)}, {}, spool.now())
    assert states(spool) == ["waiting", "delivered"]


def test_a_refused_one_whose_file_has_rotted_is_held_with_its_object_until_that_is_released(spool):
    sent(spool, 1)
    spool.hold_rotten(1, "its file is not what was received any more")
    assert states(spool) == ["sent"]
    spool.commitments.answer(ask(spool), set(), {"1.2.0": NOT_THERE}, spool.now())
    assert states(spool) == ["held"] and spool.jobs.release(spool.now(), "PACS") == 0
    spool.release(1)
    assert send(spool) == [1]


def test_a_destination_that_need_not_commit_any_more_has_all_that_was_sent(spool):
    sent(spool)
    ask(spool, limit=1)
    assert spool.commitments.wave_through("PACS", spool.now()) == 3
    assert states(spool) == ["delivered"] * 3


def test_an_outcome_is_durable_before_it_is_acknowledged(tmp_path, clock):
    disk = FailingDisk()
    spool = sent(open_spool(tmp_path / "state", clock, disk))
    found = ask(spool)
    disk.failing = {"pwrite": ENOSPC, "fdatasync": ENOSPC}
    with pytest.raises(errors.NoSpace):
        spool.commitments.answer(found, {"1.2.0"}, {}, clock())
    disk.failing = {}
    assert states(spool) == ["sent"] * 3
    assert spool.commitments.answer(found, {"1.2.0"}, {}, clock()).committed == 1
    spool.close()


def test_a_killed_box_knows_what_it_asked_and_what_was_answered(tmp_path):
    spool = sent(open_spool(tmp_path / "state"), 4)
    answered, open_one = ask(spool, limit=2), ask(spool)
    spool.commitments.answer(answered, {"1.2.0"}, {"1.2.1": NOT_THERE}, spool.now())
    before = settled(picture(spool))
    again = after_crash(spool)
    assert settled(picture(again)) == before
    assert again.commitments.transaction(answered.uid).is_answered
    again.commitments.answer(again.commitments.transaction(open_one.uid), {"1.2.2", "1.2.3"}, {}, again.now())
    assert states(again) == ["delivered", "waiting", "delivered", "delivered"]
    again.close()


def test_transactions_outlive_the_segments_they_stand_in(tmp_path):
    spool = sent(open_spool(tmp_path / "state", limits=data.SMALL._replace(journal_bytes=0)), 6)
    answered, partly, open_one = ask(spool, limit=2), ask(spool, limit=2), ask(spool)
    spool.commitments.answer(answered, {"1.2.0", "1.2.1"}, {}, spool.now())
    spool.commitments.answer(partly, {"1.2.2"}, {}, spool.now())
    before = settled(picture(spool))
    for _ in range(8):
        fill_segments(spool, 1)
        spool.tidy()
    assert spool.journal.oldest > 2
    again = after(spool, lose_index)
    assert settled(picture(again)) == before
    assert again.commitments.transaction(answered.uid).is_answered
    assert set(again.commitments.transaction(partly.uid).instances) == {"1.2.3"}
    assert set(again.commitments.transaction(open_one.uid).instances) == {"1.2.4", "1.2.5"}
    again.close()


def test_transactions_are_forgotten_a_month_later_and_a_day_after_their_answer(spool, clock):
    sent(spool, 3)
    answered, open_one = ask(spool, limit=1), ask(spool, limit=1)
    spool.commitments.answer(answered, {"1.2.0"}, {}, clock())
    clock.now += 86400 + 1
    ask(spool)
    assert spool.commitments.transaction(answered.uid) is None
    assert spool.commitments.transaction(open_one.uid) is not None
    clock.now += 30 * 86400 + 1
    ask(spool, 1)
    assert spool.commitments.transaction(open_one.uid) is None
    assert spool.index.look("SELECT count(*) FROM transactions") == [(1,)]
