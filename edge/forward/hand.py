"""One association's share of the work for a destination: a thread that takes from the tray and has it delivered.

What comes of an object, and of the way there, is judged here, as the theory in `worker` says; what all hands have to
agree on is the Worker's.
"""

import itertools
import logging
import threading
import time
from collections import namedtuple

from edge.forward.parcel import Desk, Unready
from edge.forward.target import Delivered, LinkFailure, Refused
from edge.net import witness
from edge.spool import errors
from edge.spool import jobs as outcomes

_log = logging.getLogger("edge.forward")

_SLEEP_S = 3600.0
_LOOK_AGAIN_S = 60.0  # while a window is shut, as somebody may set the clock
_BLIND_S = 5.0  # between tries while the spool does not even take down that the last one failed
_CUTS_PER_TRY = 3  # cuts of the line within one object that come to one of its tries
_BUSY_IN_A_ROW = 3  # objects refused for now, one after another, that make the destination back off

BROKE_OFF = "broke-off"

# An object on its way. job: index.Job; octets: how many of it have left, None where that is not known; seconds: for how
# long it has been on its way
UnderWay = namedtuple("UnderWay", ("job", "octets", "seconds"))


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
        self._path = None
        self._taken = {}  # object number -> Parcel, of those that the target has taken and not accounted for
        self._since = (0.0, 0)  # when the first of those became the first (monotonic), and the octets sent by then
        self._allowed = ()  # numbers of the objects that what is open serves; None for any
        self._pause = None  # why the destination is to be left alone for now, in words
        self._failures = 0  # of the worker, when this session was last known to be good
        self._is_surplus = False  # whether the destination takes no more than the others
        self._idle_since = 0.0  # on the clock that never steps
        self._is_cut = False  # whether this box itself broke off what is under way
        self.is_there = False  # whether the thread runs; the worker's lock guards it
        self.is_open = False  # whether the target was left open for the next object
        self.is_opening = False  # whether the target is being opened, and nothing is under way

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

    def under_way(self):
        """Return the UnderWay of what is being sent, None when nothing is. May be called from any thread."""
        try:
            parcel = next(iter(self._taken.values()), None)
        except RuntimeError:  # it went just now
            return None
        if parcel is None:
            return None
        began, before = self._since
        sent = self._target.octets_sent()
        if sent is not None:
            sent = max(0, min(sent - before, parcel.job.size))
        return UnderWay(parcel.job, sent, time.monotonic() - began)

    def _mark(self):
        """Note that another object is now the first of those that are under way."""
        self._since = (time.monotonic(), self._target.octets_sent() or 0)

    def _run(self):
        worker = self._worker
        name, sent = self._name, self._target.octets_sent
        self._path = worker.paths.path("to " + name, lambda: self._jobs.poke(name), sent)
        try:
            self._work(worker)
        finally:
            worker.paths.leave(self._path)

    def _work(self, worker):
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
        self._jobs.poke(self._name)  # another worker may be there already, and has to look at what was given back

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
        self._path.here(self._worker.patience_s)
        was_open, self.is_open = self.is_open, False  # from now on: a peer that is gone may let the end wait
        self._target.close()
        if was_open:
            self._jobs.opened(self._name, -1)
        self._desk.clear()

    def _round(self):
        """Deliver what is due, or sleep until something is; say whether this hand is not needed any more."""
        self._path.here()
        seen = self._jobs.seen(self._name)
        if self.is_open and self._failures != self._worker.failures:
            self._close()  # the destination is left alone since: what is on the tray is for whoever tries it again
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
                self._path.here(self._worker.patience_s)
                self._serve()
            if self._pause is not None:
                self._close()
                self._worker.back_off(self._pause, self._failures)
        except LinkFailure as failure:
            self._line_failed(failure)
        finally:
            self.is_opening = False
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
        self.is_opening = not self.is_open
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
        self.is_opening = False
        if not self.is_open:
            self.is_open = True
            self._jobs.opened(self._name, 1)
            worker.tell(witness.Opened(self._name))
            worker.call()
        self._allowed = {job.object_id for job in following[:served]}
        for job, outcome in self._target.deliver(itertools.chain(begun, parcels)):
            self._path.here(self._worker.patience_s)
            seconds, recoded = time.monotonic() - self._since[0], self._taken[job.object_id].recoded
            self._account(job.object_id)
            is_delivered = isinstance(outcome, Delivered)
            if is_delivered:
                self._delivered(job, outcome)
            else:
                self._refused(job, outcome)
            worker.tell(witness.Sent(self._name, job.size, seconds, is_delivered, recoded))

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
            if len(self._taken) == 1:
                self._mark()
            yield parcel

    def _account(self, object_id):
        """Let go of a parcel that the target has done with; return its job."""
        parcel = self._taken.pop(object_id)
        parcel.close()
        if self._taken:
            self._mark()
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
        worker.tell(witness.Broken(self._name, failure.layer))
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
