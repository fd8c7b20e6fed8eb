"""Takes what is due for a destination, has it delivered, and puts down what came of each object.

A destination has a Worker, which has as many Hands as the destination may have associations: threads, each with a
target of its own. They take from one tray, one object at a time. A hand is there only while there is something for it
to do; one of those that have nothing to do stays, and sleeps until there is.

What fails is told apart. An object that the destination refuses for now is tried again later, by itself, and held after
its tries; one that it will never take as it is gets few tries or none. A failing link concerns the destination: nothing
is tried until its backoff is over, and no object's tries are spent. Then one hand asks, before any object is looked at,
whether it answers, and delivers; the others begin when an object has got through. Between the two lie the cases that
look like one and may be the other, and must neither block the queue nor condemn what is innocent:

- The peer breaks off, or falls silent, over an object: a try of this object is spent. If nothing was delivered since
  the last such failure, the destination is the likelier cause and backs off too.
- The line breaks, but an object got further, which is kept: nothing is spent, and the backoff begins anew.
- The line breaks within an object: nothing is spent, but the object goes behind the others of its batch. When that has
  happened to it again and again while others got through, a try is spent.
- Several objects in a row are refused for now (a full archive): the destination backs off.
- This box cannot read an object for want of descriptors or memory: no try is spent, and the destination backs off.
- Another association is refused while some are open: those go on, and no more are asked for in the next minutes.
"""

import itertools
import logging
import threading
import time

from edge.forward.news import News
from edge.forward.parcel import Desk, Unready
from edge.forward.target import Delivered, LinkFailure, Refused
from edge.forward.tray import Tray
from edge.forward.window import Window
from edge.spool import errors
from edge.spool import jobs as outcomes
from edge.spool.retry import Schedule

_log = logging.getLogger("edge.forward")

LINGER_S = 3.0  # how long what is open waits for the next object

_SLEEP_S = 3600.0
_LOOK_AGAIN_S = 60.0  # while a window is shut, as somebody may set the clock
_REWAKE_S = 0.2
_BLIND_S = 5.0  # between tries while the spool does not even take down that the last one failed
_FEWER_S = 300.0  # how long no more associations are asked for than the destination takes
_LASTING_TRIES = 3  # of an object that the destination says it will never take: archives have been wrong about that
_CUTS_PER_TRY = 3  # cuts of the line within one object that come to one of its tries
_BUSY_IN_A_ROW = 3  # objects refused for now, one after another, that make the destination back off

BROKE_OFF = "broke-off"


def schedules(first_s, cap_s, tries):
    """Return the two retry.Schedules of a destination: for its objects, and for the way there."""
    return Schedule(first_s, 2.0, cap_s, 0.5, tries), Schedule(first_s, 2.0, cap_s, 0.5, 0)


class Worker:
    """The work for the destination called `name`; `targets`: the ways to it that may be open at a time.

    spool: where jobs and objects are; object_schedule, link_schedule: see schedules(); window: window.Window, when
    anything may be begun; linger_s: how long what is open waits for the next object; now: function, the time in s;
    commits: whether the destination has to commit to what it has, before that counts as delivered.
    """

    def __init__(
        self, spool, name, targets, object_schedule, link_schedule, window=Window(), linger_s=LINGER_S, now=time.time,
        commits=False,
    ):  # fmt: skip
        self.spool = spool
        self.jobs = spool.jobs
        self.name = name
        self.schedule = object_schedule
        self.lasting = object_schedule._replace(tries=min(_LASTING_TRIES, object_schedule.tries or _LASTING_TRIES))
        self.window = window
        self.linger_s = linger_s
        self.now = now
        self.sent = outcomes.UNCOMMITTED if commits else outcomes.SENT
        self.stopping = False
        self.stopped = threading.Event()
        self.cuts = {}  # object number -> how often the line broke within it
        self.got_through = 0  # objects delivered since the link last failed
        self.busy = 0  # objects refused for now, in a row
        self.failures = 0  # that were counted; a session that began before the last one has no say in another
        self.tray = Tray(spool.jobs, name, object_schedule, self.may_begin, lambda job: job.object_id in self.cuts, now)
        self._link_schedule = link_schedule
        self._news = News()
        self._lock = threading.Lock()
        self._pioneer = None  # the hand that alone may open anything until an object has got through
        self._idle = set()  # hands that sleep until there is something to do
        self._most = len(targets)  # hands that the destination has room for
        self._most_until = 0.0
        self._hands = [Hand(self, target) for target in targets]

    def start(self):
        """Begin to work."""
        with self._lock:
            self._hands[0].start()

    def stop(self):
        """Begin nothing more; the objects under way go on until they are done, or `join` gives them up."""
        self.stopping = True
        self.stopped.set()
        self.jobs.wake(self.name)

    def join(self, limit_s):
        """Wait up to `limit_s` for the objects under way, then break them off; say whether nothing was broken off."""
        until = time.monotonic() + limit_s
        while self._working() and time.monotonic() < until:
            self.jobs.wake(self.name)  # again and again, as one may have been about to go to sleep
            self._working()[0].join(min(_REWAKE_S, max(0.0, until - time.monotonic())))
        left = self._working()
        for hand in left:
            hand.interrupt()
        for hand in left:
            hand.join(1)
        return not left

    def _working(self):
        with self._lock:
            return [hand for hand in self._hands if hand.is_there]

    # What the hands agree on

    def may_begin(self):
        """Say whether anything may be begun now."""
        return not self.stopping and self.window.is_open(self.now())

    def may_open(self, hand):
        """Say whether `hand` may open a way now.

        Until an object has got through, one alone may; then whoever finds no other that sleeps with one open.
        """
        with self._lock:
            if self.got_through:
                return not any([each.is_open for each in self._idle])
            if self._pioneer is None:
                self._pioneer = hand
            return self._pioneer is hand

    def call(self):
        """See that somebody looks after what waits, now that somebody has begun something."""
        with self._lock:
            if self._idle:
                if len(self.tray):
                    self.jobs.poke(self.name)
                return
            if not self.got_through or self.stopping:
                return
            if self._most_until and time.monotonic() >= self._most_until:
                self._most, self._most_until = len(self._hands), 0.0
            there = [hand for hand in self._hands if hand.is_there]
            count = sum([hand.is_open for hand in there])
            # No more at once than have been accepted: a destination that has room for one more is not asked for four
            if len(there) < self._most and len(there) - count < count:
                next(hand for hand in self._hands if not hand.is_there).start()

    def rests(self, hand):
        """Note that `hand` has nothing to do; say whether it has to leave, as another one sleeps and hears of work."""
        with self._lock:
            if self._pioneer is hand:
                self._pioneer = None
            if self._idle and not hand.is_open:
                hand.is_there = False
                return True
            self._idle.add(hand)
            return False

    def wakes(self, hand):
        """Note that `hand` looks for something to do again."""
        with self._lock:
            self._idle.discard(hand)

    def leave(self, hand):
        """Let `hand` go, while others are there who have to look at what it leaves."""
        with self._lock:
            hand.is_there = False
        self.jobs.poke(self.name)

    def fewer(self, hand, why):
        """Note that the destination refused another way; say whether it has some open, which then suffice."""
        with self._lock:
            others = sum([each.is_open for each in self._hands if each is not hand])
            if not others:
                return False
            if others != self._most:
                _log.info("%s takes no more than %d at a time: %s", self.name, others, why)
            self._most, self._most_until = others, time.monotonic() + _FEWER_S
            return True

    def delivered(self):
        """Note that an object got through."""
        with self._lock:
            was_first = not self.got_through
            self.got_through += 1
            self.busy = 0
            self._pioneer = None
        if was_first:
            before = self.jobs.link_works(self.name, self.now())
            if before.failures:
                _log.warning("%s takes objects again, after %.0f s", self.name, max(0.0, self.now() - before.since))
            self.call()

    def forget(self):
        """Note that something went wrong that says nothing about the way yet: the next one has to get through first."""
        with self._lock:
            self.got_through = 0
            self._pioneer = None

    def back_off(self, why, known_failures, lasting=False, least_s=0.0):
        """Leave the destination alone for a while, unless that was done since `known_failures` of them were counted.

        least_s: how long at least, as far as the cap allows.
        """
        with self._lock:
            if known_failures != self.failures:
                return
            self.failures += 1
            self.got_through = 0
            self._pioneer = None
            self._most, self._most_until = len(self._hands), 0.0
        link = self.jobs.link_failed(self.name, self.now(), why, self._link_schedule, lasting, least_s)
        level = logging.WARNING if self._news.is_news(why, link.failures == 1) else logging.DEBUG
        _log.log(level, "%s waits %.0f s: %s", self.name, max(0.0, link.until - self.now()), why)


class Hand:
    """A thread of a Worker, with a way to the destination of its own."""

    def __init__(self, worker, target):
        self._worker = worker
        self._spool = worker.spool
        self._jobs = worker.jobs
        self._name = worker.name
        self._tray = worker.tray
        self._target = target
        self._now = worker.now
        self._desk = Desk()
        self._thread = None
        self._taken = {}  # object number -> Parcel, of those that the target has taken and not accounted for
        self._allowed = ()  # numbers of the objects that what is open serves; None for any
        self._pause = None  # why the destination is to be left alone for now, in words
        self._failures = 0  # of the worker, when this session was last known to be good
        self._is_surplus = False  # whether the destination takes no more than the others
        self._idle_since = 0.0  # on the clock that never steps
        self._is_cut = False  # whether this box itself broke off what is under way
        self.is_there = False  # whether the thread runs; the worker's lock guards it
        self.is_open = False  # whether the target was left open for the next object

    def start(self):
        """Come to work; the worker's lock is held."""
        before = self._thread
        if before is not None:
            before.join()  # it has said that it goes
        self._is_surplus = False
        self.is_there = True
        self._thread = threading.Thread(target=self._run, name="to " + self._name, daemon=True)
        self._thread.start()

    def join(self, limit_s):
        """Wait for the thread to end, at most so long."""
        self._thread.join(limit_s)

    def interrupt(self):
        """Break off what is under way."""
        self._is_cut = True
        self._target.interrupt()

    def _run(self):
        worker = self._worker
        while not worker.stopping:
            try:
                if self._round():
                    return
            except (errors.Degraded, errors.NoSpace) as error:
                self._recover(str(error))
            except Exception as error:
                _log.exception("forwarding to %s failed inside this box", self._name)
                self._recover("forwarding failed inside this box (%s); see its log" % type(error).__name__)
        self._close()
        self._tray.clear()
        self.is_there = False

    def _recover(self, why):
        """Back off after what is no failure of the way there; never raises, or nobody would forward any more.

        When not even the backoff can be put down, the thread itself is what waits.
        """
        try:
            self._worker.wakes(self)
            self._close()
            self._worker.back_off(why, self._worker.failures)
        except Exception as error:
            _log.error("%s waits %.0f s: %s, and that could not be put down: %s", self._name, _BLIND_S, why, error)
            self._worker.stopped.wait(_BLIND_S)

    def _close(self):
        was_open, self.is_open = self.is_open, False  # from now on: a peer that is gone may let the end wait
        self._target.close()
        if was_open:
            self._jobs.opened(self._name, -1)
        self._desk.clear()

    def _round(self):
        """Deliver what is due, or sleep until something is; say whether this hand is not needed any more."""
        seen = self._jobs.seen(self._name)
        if not self._tray.is_empty() and (self.is_open or not self._jobs.rests_s(self._name, self._now())):
            if self.is_open or self._worker.may_open(self):
                self._deliver()
            else:
                self._is_surplus = True
            if self._is_surplus:
                self._worker.leave(self)
            return self._is_surplus
        if self.is_open:
            self._linger(seen)
            return False
        if self._worker.rests(self):
            return True
        self._sleep(_SLEEP_S, seen)
        return False

    def _sleep(self, limit_s, seen):
        """Sleep until there may be something to do, at most so long."""
        if self._worker.stopping:
            return
        now = self._now()
        opens_at = self._worker.window.opens_at(now)
        if opens_at != now:
            limit_s = min(limit_s, _LOOK_AGAIN_S, _SLEEP_S if opens_at is None else opens_at - now)
        try:
            self._jobs.wait(self._name, now, limit_s, self._worker.schedule, seen)
        finally:
            self._worker.wakes(self)

    def _linger(self, seen):
        """Keep what is open for the next object a little, then close it."""
        until = self._idle_since + self._worker.linger_s
        left_s = until - time.monotonic() if self._worker.may_begin() else 0.0
        if left_s > 0:
            self._worker.rests(self)
            self._sleep(left_s, seen)
        if left_s <= 0 or time.monotonic() >= until:
            self._close()
            self._tray.clear()

    def _deliver(self):
        """Deliver from the tray as long as there is something on it."""
        self._pause = None
        self._failures = self._worker.failures
        try:
            while self._going_on() and not self._tray.is_empty():
                self._serve()
            if self._pause is not None:
                self._close()
                self._worker.back_off(self._pause, self._failures)
        except LinkFailure as failure:
            self._line_failed(failure)
        finally:
            for object_id in list(self._taken):
                self._jobs.give_back([self._account(object_id)], self._now())
            if not self.is_open:
                self._tray.clear()
                self._desk.clear()
            self._idle_since = time.monotonic()

    def _going_on(self):
        """Say whether to go on: the destination may have been left alone since, if this session did not do well."""
        is_well = self._pause is None and not self._is_surplus and self._failures == self._worker.failures
        return is_well and self._worker.may_begin()

    def _serve(self):
        """Let the target deliver from the tray what one session serves."""
        worker = self._worker
        parcels = self._parcels()
        has_failed = self._jobs.link(self._name).failures > 0
        if has_failed and not self.is_open:
            self._target.probe()
        # As long as the way works, nothing is opened before the first object has been read and checked: the peer would
        # have to wait for that. While it fails, nothing is read again and again for nothing.
        self._allowed = () if has_failed else None
        begun = list(itertools.islice(parcels, 0 if has_failed else 1))
        if not begun and not (has_failed and self._going_on()):
            return
        following = [parcel.job for parcel in begun] + self._tray.upcoming()
        if not following:
            return
        try:
            served = self._target.open(following)
        except LinkFailure as failure:
            for parcel in begun:
                self._jobs.give_back([self._account(parcel.job.object_id)], self._now())
            if not worker.fewer(self, failure.reason):
                raise
            self._is_surplus = True
            self._close()
            return
        if not self.is_open:
            self.is_open = True
            self._jobs.opened(self._name, 1)
            worker.call()
        self._allowed = {job.object_id for job in following[:served]}
        for job, outcome in self._target.deliver(itertools.chain(begun, parcels)):
            self._account(job.object_id)
            if isinstance(outcome, Delivered):
                self._delivered(job, outcome)
            else:
                self._refused(job, outcome)

    def _parcels(self):
        """Yield the parcels of jobs from the tray that are allowed; a rotten one is reported instead.

        One that cannot be read at present waits again, and the destination pauses.
        """
        while self._going_on():
            job = self._tray.take(self._allowed)
            if job is None:
                return
            self._worker.call()
            try:
                parcel = self._desk.open(self._spool.path_of(job), job)
            except errors.Rotten as error:
                self._rotten(job, str(error))
                continue
            except Unready as error:
                self._jobs.give_back([job], self._now())
                self._pause = str(error)
                return
            self._taken[job.object_id] = parcel
            yield parcel

    def _account(self, object_id):
        """Let go of a parcel that the target has done with; return its job."""
        parcel = self._taken.pop(object_id)
        parcel.close()
        return parcel.job

    # What came of it

    def _delivered(self, job, outcome):
        now = self._now()
        schedule = self._worker.schedule
        comment = outcome.comment or None
        self._jobs.settle(job, self._worker.sent, now, outcome.status, None, comment, schedule, outcome.sent_as)
        self._worker.cuts.pop(job.object_id, None)
        self._worker.delivered()
        self._failures = self._worker.failures

    def _refused(self, job, outcome):
        worker = self._worker
        if outcome.needless:
            state = self._settle(job, outcomes.REFUSED, outcome, worker.schedule)
        elif outcome.lasting:
            state = self._settle(job, outcomes.RETRY, outcome, worker.lasting)
        else:
            state = self._settle(job, outcomes.RETRY, outcome, worker.schedule)
            worker.busy += 1
            if worker.busy >= _BUSY_IN_A_ROW or self._jobs.link(self._name).failures:
                self._pause = outcome.why
        _log.warning("object %d was not delivered to %s and is %s: %s", job.object_id, self._name, state, outcome.why)

    def _settle(self, job, what, outcome, schedule):
        self._worker.cuts.pop(job.object_id, None)
        why = outcome.why + (", " + outcome.comment if outcome.comment else "")
        return self._jobs.settle(job, what, self._now(), outcome.status, outcome.cause, why, schedule)

    def _rotten(self, job, why):
        """Hold an object whose file is not what was received, and everything that waits for it."""
        self._spool.hold_rotten(job.object_id, why)
        self._jobs.give_back([job], self._now())
        _log.error("object %d is not sent to %s: %s", job.object_id, self._name, why)

    def _line_failed(self, failure):
        """Put down a failure of the way there, and judge whether the object under way has a part in it."""
        self._close()
        if self._is_cut:
            return
        worker = self._worker
        is_blamed = False
        if failure.progress:
            self._jobs.link_works(self._name, self._now())  # the backoff begins anew
        elif self._taken:
            object_id = next(iter(self._taken))
            is_blamed = failure.by_peer or self._is_cut_again(object_id)
            if is_blamed:
                refused = Refused(False, False, BROKE_OFF, failure.reason, None, "")
                self._settle(self._account(object_id), outcomes.RETRY, refused, worker.schedule)
        if is_blamed and worker.got_through:
            worker.forget()
        else:
            worker.back_off(failure.reason, self._failures, failure.lasting, failure.retry_after_s)

    def _is_cut_again(self, object_id):
        """Count a cut within an object, if others got through meanwhile; say whether it has become one of its tries."""
        cuts = self._worker.cuts.get(object_id, 0) + (1 if self._worker.got_through else 0)
        self._worker.cuts[object_id] = cuts
        return cuts >= _CUTS_PER_TRY
