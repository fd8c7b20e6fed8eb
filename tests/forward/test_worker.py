"""A worker tells an object's own failure from that of the way: the queue goes on, and nothing innocent is held."""

import errno
import os
import threading

import pytest

from edge.forward import hand, parcel, tray
from edge.forward.target import Delivered, LinkFailure, Refused, Target
from edge.spool import errors
from tests.forward import stock
from tests.support.process import wait_until

CUT = LinkFailure("dimse", "the line broke")
BROKE_OFF = LinkFailure("dimse", "the peer aborted", True)
DOWN = LinkFailure("tcp", "nobody listens")


class Scripted(Target):
    """Does with each object what `script`, a function of (its number, how often it was tried), says.

    serves: how many objects one session takes; opening: function of how often it was opened before, an error or None.
    """

    def __init__(self, script=lambda number, tried: Delivered(0, ""), serves=1000, opening=lambda opened: None):
        self.script = script
        self.serves = serves
        self.opening = opening
        self.opened = self.closed = 0
        self.tried = []
        self.sessions = []
        self.interrupted = threading.Event()

    def open(self, jobs):
        error = self.opening(self.opened)
        self.opened += 1
        if error is not None:
            raise error
        self.sessions.append([])
        return min(self.serves, len(jobs))

    def deliver(self, parcels):
        for each in parcels:
            number = each.job.object_id
            self.sessions[-1].append(number)
            self.tried.append(number)
            came = self.script(number, self.tried.count(number))
            if isinstance(came, Exception):
                raise came
            yield each.job, came

    def close(self):
        self.closed += 1

    def interrupt(self):
        self.interrupted.set()


@pytest.fixture
def spool(tmp_path):
    with stock.opened(tmp_path / "state") as opened:
        yield opened


def fill(spool, count):
    return [stock.put(spool, made, "there") for made in stock.slices(count)]


def test_everything_due_goes_in_one_session_in_order(spool):
    numbers = fill(spool, 30)
    target = Scripted()
    with stock.working(spool, "there", target):
        stock.await_count(spool, "there", "delivered", 30)
    assert target.sessions == [numbers]


def test_a_target_that_serves_a_few_at_a_time_is_opened_as_often_as_it_takes(spool):
    numbers = fill(spool, 10)
    target = Scripted(serves=4)
    with stock.working(spool, "there", target):
        stock.await_count(spool, "there", "delivered", 10)
    assert target.sessions == [numbers[:4], numbers[4:8], numbers[8:]]


def test_a_link_that_is_down_spends_no_tries_and_is_tried_less_and_less(spool):
    fill(spool, 3)
    target = Scripted(opening=lambda opened: DOWN if opened < 4 else None)
    with stock.working(spool, "there", target):
        stock.await_count(spool, "there", "delivered", 3)
    assert target.opened == 5
    assert {job.tries for job in stock.jobs(spool, "there")} == {1}
    assert spool.jobs.link("there").failures == 0


def test_an_object_refused_for_now_is_tried_again_after_the_others(spool):
    numbers = fill(spool, 4)
    busy = Refused(False, False, "A700", "full", 0xA700, "")
    target = Scripted(lambda number, tried: busy if number == numbers[0] and tried < 3 else Delivered(0, ""))
    with stock.working(spool, "there", target):
        stock.await_count(spool, "there", "delivered", 4)
    assert target.tried[:4] == numbers
    assert target.tried.count(numbers[0]) == 3
    assert stock.job_of(spool, "there", numbers[0]).tries == 3


def test_an_object_that_can_never_be_taken_is_held_without_a_second_try(spool):
    numbers = fill(spool, 2)
    never = Refused(True, True, "no-context", "no way", None, "")
    target = Scripted(lambda number, tried: never if number == numbers[0] else Delivered(0, ""))
    with stock.working(spool, "there", target):
        stock.await_count(spool, "there", "delivered", 1)
        stock.await_count(spool, "there", "held", 1)
    assert target.tried == numbers
    job = stock.job_of(spool, "there", numbers[0])
    assert (job.cause, job.why) == ("no-context", "no way")


def test_an_object_over_which_the_peer_breaks_off_is_held_and_the_rest_gets_through(spool):
    numbers = fill(spool, 6)
    target = Scripted(lambda number, tried: BROKE_OFF if number == numbers[2] else Delivered(0, ""))
    with stock.working(spool, "there", target):
        stock.await_count(spool, "there", "delivered", 5)
        stock.await_count(spool, "there", "held", 1)
    job = stock.job_of(spool, "there", numbers[2])
    assert (job.tries, job.cause) == (stock.TRIES, hand.BROKE_OFF)
    assert "aborted" in job.why
    assert target.tried[:6] == numbers  # the others did not wait for its backoff


def test_cuts_of_the_line_spend_nothing_while_nothing_gets_through(spool):
    (number,) = fill(spool, 1)
    target = Scripted(lambda number, tried: CUT if tried <= 10 else Delivered(0, ""))
    with stock.working(spool, "there", target, first_s=0.01, cap_s=0.02):
        stock.await_count(spool, "there", "delivered", 1)
    assert stock.job_of(spool, "there", number).tries == 1


def test_an_object_within_which_the_line_broke_goes_behind_the_others(spool):
    numbers = fill(spool, 5)
    target = Scripted(lambda number, tried: CUT if number == numbers[0] and tried == 1 else Delivered(0, ""))
    with stock.working(spool, "there", target):
        stock.await_count(spool, "there", "delivered", 5)
    assert target.tried == [numbers[0], *numbers[1:], numbers[0]]


def test_an_object_that_cuts_the_line_while_others_get_through_spends_tries_and_is_held(spool):
    bad = fill(spool, 1)[0]
    others = iter(stock.slices(40, seed=2))
    target = Scripted(lambda number, tried: CUT if number == bad else Delivered(0, ""))
    with stock.working(spool, "there", target, first_s=0.01, cap_s=0.02, tries=2):

        def held():
            stock.put(spool, next(others), "there")
            return stock.count(spool, "there", "held") == 1

        wait_until(held, 20, "the object to be held", pause_s=0.1)
        assert target.tried.count(bad) >= 2 * 3
        wait_until(lambda: not stock.count(spool, "there", "waiting"), 5, "the others to get through")


def test_several_refusals_for_now_in_a_row_make_the_destination_rest(spool):
    fill(spool, 20)
    target = Scripted(lambda number, tried: Refused(False, False, "A700", "full", 0xA700, ""))
    with stock.working(spool, "there", target, first_s=20, cap_s=40):
        wait_until(lambda: spool.jobs.link("there").failures == 1, 10, "a rest")
        assert len(target.tried) == 3
        assert target.closed == 1
        assert spool.jobs.link("there").why == "full"


def test_a_fault_of_our_own_makes_the_destination_wait_and_loses_nothing(spool):
    fill(spool, 3)
    target = Scripted(lambda number, tried: ZeroDivisionError("ours") if tried == 1 else Delivered(0, ""))
    with stock.working(spool, "there", target, first_s=0.01, cap_s=0.02):
        stock.await_count(spool, "there", "delivered", 3)


def test_a_person_may_let_a_waiting_destination_be_tried_at_once(spool):
    fill(spool, 1)
    target = Scripted(opening=lambda opened: DOWN if opened == 0 else None)
    with stock.working(spool, "there", target, first_s=500, cap_s=600):
        wait_until(lambda: spool.jobs.link("there").failures == 1, 10, "a failure")
        spool.jobs.wake("there")
        stock.await_count(spool, "there", "delivered", 1)


def test_a_backoff_longer_than_five_minutes_is_kept(spool):
    fill(spool, 1)
    target = Scripted(opening=lambda opened: DOWN)
    with stock.working(spool, "there", target, first_s=5000, cap_s=9000):
        wait_until(lambda: spool.jobs.link("there").failures == 1, 10, "a failure")
        threading.Event().wait(0.3)
        assert target.opened == 1


def test_what_is_open_is_closed_when_nothing_more_comes(spool):
    fill(spool, 1)
    target = Scripted()
    with stock.working(spool, "there", target, linger_s=0.1):
        stock.await_count(spool, "there", "delivered", 1)
        wait_until(lambda: target.closed == 1, 5, "the target to be closed")


def test_more_than_a_batch_goes_without_opening_again_and_every_file_is_closed(spool, monkeypatch):
    monkeypatch.setattr(tray, "BATCH", 7)
    numbers = fill(spool, 40)
    before = len(os.listdir("/proc/self/fd"))
    target = Scripted()
    with stock.working(spool, "there", target):
        stock.await_count(spool, "there", "delivered", 40)
    assert [number for session in target.sessions for number in session] == numbers
    assert target.closed == 1
    assert len(os.listdir("/proc/self/fd")) <= before


def test_what_a_peer_comments_is_in_the_queue_and_not_in_the_log(spool, caplog):
    (number,) = fill(spool, 1)
    said = Refused(True, True, "C000", "ARCHIVE answered: error: cannot understand (C000)", 0xC000, "DOE^JANE is odd")
    with stock.working(spool, "there", Scripted(lambda number, tried: said)):
        stock.await_count(spool, "there", "held", 1)
    assert "DOE^JANE is odd" in stock.job_of(spool, "there", number).why
    assert "C000" in caplog.text and "DOE" not in caplog.text


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EIO])
def test_an_object_that_this_box_cannot_open_at_present_goes_later_and_spends_no_try(spool, monkeypatch, number):
    numbers = fill(spool, 3)
    failures = []

    def scarce(path, flags):
        if flags == parcel.READ and len(failures) < 3:
            failures.append(path)
            raise OSError(number, os.strerror(number), path)
        return opened(path, flags)

    opened = os.open
    monkeypatch.setattr(parcel.os, "open", scarce)
    seen = []
    target = Scripted()
    with stock.working(spool, "there", target, first_s=0.01, cap_s=0.02) as running:
        note = running.jobs.link_failed
        monkeypatch.setattr(running.jobs, "link_failed", lambda *asked: (seen.append(asked[2]), note(*asked))[1])
        stock.await_count(spool, "there", "delivered", 3)
    assert len(failures) == 3
    assert {job.tries for job in stock.jobs(spool, "there")} == {1}
    assert [spool.index.get(each).hold for each in numbers] == [None] * 3
    assert any(os.strerror(number).lower() in why and "at present" in why for why in seen)


@pytest.mark.parametrize("number, words", [(errno.ENOENT, "gone"), (errno.ELOOP, "gone")])
def test_an_object_without_its_file_is_held_and_the_rest_goes_on(spool, number, words):
    numbers = fill(spool, 2)
    path = spool.path_of(spool.index.get(numbers[0]))
    os.unlink(path)
    if number == errno.ELOOP:
        os.symlink("/dev/null", path)
    with stock.working(spool, "there", Scripted()):
        stock.await_count(spool, "there", "delivered", 1)
    assert words in spool.index.get(numbers[0]).why


@pytest.mark.parametrize("number, hold", [(errno.EIO, "rotten"), (errno.ENOMEM, None)])
def test_only_a_disk_that_cannot_read_an_object_holds_it(spool, monkeypatch, number, hold):
    bad, good = fill(spool, 2)
    failures = []

    def failing(fd, buffers, offset):
        if not failures:
            failures.append(fd)
            raise OSError(number, os.strerror(number))
        return read(fd, buffers, offset)

    read = os.preadv
    monkeypatch.setattr(parcel.os, "preadv", failing)
    with stock.working(spool, "there", Scripted(), first_s=0.01, cap_s=0.02):
        stock.await_count(spool, "there", "delivered", 1 if hold else 2)
    assert failures
    assert spool.index.get(bad).hold == hold
    assert hold is None or "input/output error" in spool.index.get(bad).why


def test_a_backoff_that_cannot_be_put_down_does_not_end_forwarding(spool, monkeypatch, caplog):
    monkeypatch.setattr(hand, "_BLIND_S", 0.02)
    fill(spool, 2)
    failures = []
    put_down = spool.jobs.link_failed

    def full(*asked):
        failures.append(asked)
        if len(failures) < 4:
            raise errors.NoSpace("the journal is full")
        return put_down(*asked)

    monkeypatch.setattr(spool.jobs, "link_failed", full)
    target = Scripted(opening=lambda opened: DOWN if opened < 3 else None)
    with stock.working(spool, "there", target, first_s=0.01, cap_s=0.02):
        stock.await_count(spool, "there", "delivered", 2)
    assert "could not be put down: the journal is full" in caplog.text
