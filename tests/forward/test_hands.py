"""Several associations with one destination: none idle while there is work, none in another's way, one that probes."""

import threading
import time

import pytest

from edge.forward import worker
from edge.forward.news import News
from edge.forward.target import Delivered, LinkFailure, Refused
from edge.forward.window import Window
from edge.spool.jobs import LOW, NORMAL, URGENT
from tests.forward import stock
from tests.forward.test_worker import DOWN, Scripted
from tests.support.process import wait_until

BUSY = Refused(False, False, "A700", "full", 0xA700, "")


@pytest.fixture
def spool(tmp_path):
    with stock.opened(tmp_path / "state") as opened:
        yield opened


def fill(spool, count, seed=1, priority=NORMAL):
    return [stock.put(spool, made, "there", priority=priority) for made in stock.slices(count, seed=seed)]


class Gate:
    """A place in the middle of each object, where it waits until it is let through."""

    def __init__(self):
        self._condition = threading.Condition()
        self._open = 0
        self.inside = []

    def __call__(self, number, tried):
        with self._condition:
            self.inside.append(number)
            self._condition.wait_for(lambda: self._open > 0, 20)
            self._open -= 1
            return Delivered(0, "")

    def let(self, count):
        with self._condition:
            self._open += count
            self._condition.notify_all()


def several(count, script, **options):
    return [Scripted(script, **options) for _ in range(count)]


def test_as_many_objects_are_under_way_as_there_may_be_and_each_goes_once(spool):
    numbers = fill(spool, 40)
    gate = Gate()
    targets = several(4, gate)
    with stock.working(spool, "there", *targets):
        gate.let(1)
        wait_until(lambda: len(gate.inside) == 5, 10, "four objects under way")
        assert spool.jobs.sessions("there") == 4
        gate.let(1000)
        stock.await_count(spool, "there", "delivered", 40)
    assert sorted(gate.inside) == numbers
    assert spool.jobs.sessions("there") == 0


def test_objects_leave_in_order_whichever_association_takes_them(spool):
    first, second = fill(spool, 10, seed=1), fill(spool, 10, seed=2)
    gate = Gate()
    with stock.working(spool, "there", *several(3, gate)):
        for through in range(1, 21):
            gate.let(1)
            wait_until(lambda: len(gate.inside) >= min(20, through + 3), 10, "the next object")
        stock.await_count(spool, "there", "delivered", 20)
    late = [abs(place - (first + second).index(number)) for place, number in enumerate(gate.inside)]
    assert max(late) <= 3, gate.inside


def test_only_as_many_associations_are_opened_as_there_is_work_for(spool):
    targets = several(6, lambda number, tried: Delivered(0, ""))
    with stock.working(spool, "there", *targets) as running:
        for number, made in enumerate(stock.slices(5)):
            stock.put(spool, made, "there")
            stock.await_count(spool, "there", "delivered", number + 1)
            wait_until(lambda: any(hand.is_open for hand in running._idle), 10, "one to rest with its association")
    assert sum(1 for target in targets if target.opened) <= 2


def test_until_an_object_has_got_through_one_association_alone_is_open(spool):
    fill(spool, 20)
    gate = Gate()
    targets = several(4, gate)
    with stock.working(spool, "there", *targets):
        wait_until(lambda: gate.inside, 10, "the first object")
        threading.Event().wait(0.2)  # nothing may happen, for which there is no condition
        assert len(gate.inside) == 1 and spool.jobs.sessions("there") == 1
        gate.let(1)
        wait_until(lambda: spool.jobs.sessions("there") == 4, 10, "the others")
        gate.let(1000)
        stock.await_count(spool, "there", "delivered", 20)


def test_one_association_probes_a_destination_that_is_down_and_the_outage_counts_once(spool):
    fill(spool, 20)
    up = threading.Event()
    probes = []

    class Probed(Scripted):
        def probe(self):
            probes.append(time.monotonic())
            if not up.is_set():
                raise DOWN

    broken = threading.Event()
    reached = threading.Barrier(4)

    def script(number, tried):
        if not broken.is_set() and spool.jobs.counts()["there"]["delivered"][0]:
            reached.wait(10)
            broken.set()
        if broken.is_set() and not up.is_set():
            raise_ = LinkFailure("dimse", "the line broke")
            return raise_
        return Delivered(0, "")

    targets = [Probed(script, opening=lambda opened: None) for _ in range(4)]
    with stock.working(spool, "there", *targets, first_s=0.2, cap_s=0.2):
        wait_until(lambda: spool.jobs.link("there").failures, 10, "a failure")
        wait_until(lambda: spool.jobs.sessions("there") == 0, 10, "all to have noticed")
        assert spool.jobs.link("there").failures <= 2
        opened = [target.opened for target in targets]
        wait_until(lambda: len(probes) >= 4, 10, "some probes")
        assert [target.opened for target in targets] == opened  # nothing but the probe was tried meanwhile
        assert all(later - sooner > 0.09 for sooner, later in zip(probes, probes[1:]))
        up.set()
        stock.await_count(spool, "there", "delivered", 20)
    assert {job.tries for job in stock.jobs(spool, "there")} == {1}


def test_a_destination_that_takes_fewer_associations_keeps_those_it_has(spool, caplog):
    caplog.set_level("INFO", "edge.forward")
    fill(spool, 30)
    lock, open_now, refusals = threading.Lock(), [0], []

    class Limited(Scripted):
        def open(self, jobs):
            with lock:
                if not self.is_in:
                    if open_now[0] == 2:
                        refusals.append(1)
                        raise LinkFailure("association", "local limit exceeded")
                    open_now[0] += 1
                    self.is_in = True
            return super().open(jobs)

        def close(self):
            with lock:
                open_now[0] -= self.is_in
                self.is_in = False
            super().close()

        is_in = False

    gate = Gate()
    targets = [Limited(gate) for _ in range(5)]
    with stock.working(spool, "there", *targets):
        gate.let(1)
        wait_until(lambda: refusals, 10, "a refusal")
        for _ in range(29):
            gate.let(1)
        stock.await_count(spool, "there", "delivered", 30)
        assert spool.jobs.link("there").failures == 0
    assert len(refusals) <= 3
    assert "there takes no more than 2 at a time: local limit exceeded" in caplog.text


def test_an_urgent_object_does_not_wait_for_the_batch_that_was_claimed_before_it(spool):
    routine = fill(spool, 100)
    gate = Gate()
    with stock.working(spool, "there", Scripted(gate)):
        gate.let(2)
        wait_until(lambda: len(gate.inside) == 3, 10, "the third object")
        (urgent,) = fill(spool, 1, seed=2, priority=URGENT)
        gate.let(1000)
        stock.await_count(spool, "there", "delivered", 101)
    assert gate.inside[:3] == routine[:3]
    assert urgent in gate.inside[3:5]
    assert [number for number in gate.inside if number != urgent] == routine


def test_a_job_that_a_person_makes_urgent_goes_next_and_a_low_one_waits(spool):
    (low,) = fill(spool, 1, seed=3, priority=LOW)
    routine = fill(spool, 50)
    gate = Gate()
    with stock.working(spool, "there", Scripted(gate)):
        wait_until(lambda: len(gate.inside) == 1, 10, "the first object")
        spool.jobs.prioritise(spool.now(), routine[40], "there", URGENT)
        gate.let(1000)
        stock.await_count(spool, "there", "delivered", 51)
    assert routine[40] in gate.inside[1:3]
    assert gate.inside[-1] == low


def test_an_archive_that_is_full_is_left_alone_by_all_associations(spool):
    fill(spool, 40)
    full = threading.Event()
    targets = several(3, lambda number, tried: BUSY if full.is_set() else Delivered(0, ""))
    with stock.working(spool, "there", *targets, first_s=20, cap_s=40, linger_s=0.1):
        stock.await_count(spool, "there", "delivered", 40)
        full.set()
        fill(spool, 40, seed=2)
        wait_until(lambda: spool.jobs.link("there").failures, 10, "a rest")
        wait_until(lambda: not spool.jobs.sessions("there"), 10, "all to rest")
        assert spool.jobs.link("there").failures == 1
        assert sum(len(target.tried) for target in targets) - 40 <= 3 + 2 * 3


def test_work_for_one_destination_goes_on_while_another_stands_still(spool):
    gate = Gate()
    for made in stock.slices(5):
        stock.put(spool, made, "stuck", "there")
    with stock.working(spool, "stuck", Scripted(gate)), stock.working(spool, "there", Scripted()):
        stock.await_count(spool, "there", "delivered", 5)
        assert stock.count(spool, "stuck", "delivered") == 0
        gate.let(100)
        stock.await_count(spool, "stuck", "delivered", 5)


def test_a_refusal_for_good_has_the_longest_wait_at_once_and_says_so(spool):
    fill(spool, 1)
    refused = LinkFailure("association", "called AE title not recognized", lasting=True)
    target = Scripted(opening=lambda opened: refused)
    with stock.working(spool, "there", target, first_s=0.1, cap_s=600):
        wait_until(lambda: spool.jobs.link("there").failures == 1, 10, "the refusal")
        link = spool.jobs.link("there")
        assert link.lasting and link.until - spool.now() > 250


def test_an_outage_is_one_line_of_the_log_when_it_begins_and_one_when_it_ends(spool, caplog):
    caplog.set_level("INFO", "edge.forward")
    fill(spool, 2)
    target = Scripted(opening=lambda opened: DOWN if opened < 8 else None)
    with stock.working(spool, "there", target, first_s=0.01, cap_s=0.02):
        wait_until(lambda: "again" in caplog.text, 10, "the end of the outage")
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[0].startswith("there waits 0 s: nobody listens") and lines[1].startswith("there takes objects again")


def test_another_cause_of_an_outage_is_another_line_of_the_log_and_each_is_there_once(spool, caplog):
    fill(spool, 1)
    causes = [LinkFailure("tcp", "refused"), LinkFailure("tls", "expired")]
    target = Scripted(opening=lambda opened: causes[opened // 2 % 2] if opened < 12 else None)
    with stock.working(spool, "there", target, first_s=0.01, cap_s=0.02):
        wait_until(lambda: "again" in caplog.text, 10, "the end of the outage")
    said = [record.getMessage().split(": ")[-1] for record in caplog.records]
    assert said[:-1] == ["refused", "expired"]


def test_an_outage_is_told_of_again_after_a_day_and_of_many_causes_the_first():
    day = [0.0]
    news = News(lambda: day[0] * 86400)
    assert [news.is_news("cause %d" % number, not number) for number in range(12)] == [True] * 8 + [False] * 4
    day[0] = 1.0
    assert news.is_news("cause 1", False) and not news.is_news("cause 2", False)
    assert news.is_news("cause 1", True)


def test_nothing_begins_while_the_window_is_shut_and_all_goes_when_it_opens(spool):
    class Shutter(Window):
        is_up = False

        def is_open(self, now):
            return self.is_up

        def opens_at(self, now):
            return now if self.is_up else now + 0.05

    shutter = Shutter()
    numbers = fill(spool, 3)
    gate = Gate()
    target = Scripted(gate)
    with stock.working(spool, "there", target, window=shutter):
        threading.Event().wait(0.3)
        assert target.opened == 0 and stock.count(spool, "there", "waiting") == 3
        shutter.is_up = True
        wait_until(lambda: gate.inside, 10, "the first object")
        shutter.is_up = False
        gate.let(100)  # what is under way is finished, and nothing after it is begun
        stock.await_count(spool, "there", "delivered", 1)
        wait_until(lambda: target.closed, 10, "the association to end")
        assert gate.inside == numbers[:1] and stock.count(spool, "there", "waiting") == 2
        shutter.is_up = True
        stock.await_count(spool, "there", "delivered", 3)


def test_an_association_that_is_not_kept_open_ends_with_the_last_object(spool):
    fill(spool, 2)
    target = Scripted()
    with stock.working(spool, "there", target, linger_s=0):
        wait_until(lambda: target.closed, 1, "the end")


def test_threads_that_have_nothing_to_do_go_but_for_one(spool):
    gate = Gate()
    fill(spool, 30)
    with stock.working(spool, "there", *several(5, gate), linger_s=0.1):
        gate.let(1000)
        stock.await_count(spool, "there", "delivered", 30)
        names = lambda: [each.name for each in threading.enumerate() if each.name == "to there"]
        wait_until(lambda: len(names()) == 1, 10, "the others to go")
        fill(spool, 30, seed=2)
        stock.await_count(spool, "there", "delivered", 60)


@pytest.mark.parametrize("hands", [1, 3])
def test_a_worker_that_is_stopped_finishes_the_objects_under_way_and_begins_no_more(spool, hands):
    fill(spool, 20)
    gate = Gate()
    running = worker.Worker(spool, "there", several(hands, gate), *worker.schedules(1, 2, 3))
    running.start()
    gate.let(1)
    wait_until(lambda: len(gate.inside) == 1 + hands, 10, "objects under way")
    running.stop()
    gate.let(1000)
    assert running.join(10)
    assert stock.count(spool, "there", "delivered") in range(1 + hands, 2 + 2 * hands)
    assert stock.count(spool, "there", "sending") == 0
