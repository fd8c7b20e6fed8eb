"""One thread per destination: takes what is due, has it delivered, and puts down what came of each object.

What fails is told apart. An object that the destination refuses for now is tried again later, by itself, and held after
its tries; one that it will never take as it is gets few tries or none. A failing link concerns the destination: nothing
is tried until its backoff is over, and no object's tries are spent. Between the two lie the cases that look like one
and may be the other, and must neither block the queue nor condemn what is innocent:

- The peer breaks off, or falls silent, over an object: a try of this object is spent. If nothing was delivered since
  the last such failure, the destination is the likelier cause and backs off too.
- The line breaks within an object: nothing is spent, but the object goes behind the others of its batch. When that has
  happened to it again and again while others got through, a try is spent.
- Several objects in a row are refused for now (a full archive): the destination backs off.
- This box cannot read an object for want of descriptors or memory: no try is spent, and the destination backs off.
"""

import itertools
import logging
import threading
import time

from edge.forward.parcel import Desk, Unready
from edge.forward.target import Delivered, LinkFailure, Refused
from edge.spool import errors
from edge.spool import jobs as outcomes
from edge.spool.retry import Schedule

_log = logging.getLogger("edge.forward")

BATCH = 128
LINGER_S = 3.0  # how long what is open waits for the next object

_SLEEP_S = 3600.0
_REWAKE_S = 0.2
_BLIND_S = 5.0  # between tries while the spool does not even take down that the last one failed
_LASTING_TRIES = 3  # of an object that the destination says it will never take: archives have been wrong about that
_CUTS_PER_TRY = 3  # cuts of the line within one object that come to one of its tries
_BUSY_IN_A_ROW = 3  # objects refused for now, one after another, that make the destination back off

BROKE_OFF = "broke-off"


def schedules(first_s, cap_s, tries):
    """Return the two retry.Schedules of a destination: for its objects, and for the way there."""
    return Schedule(first_s, 2.0, cap_s, 0.5, tries), Schedule(first_s, 2.0, cap_s, 0.5, 0)


class Worker:
    """The thread of the destination called `name`, which `target` knows how to reach.

    spool: where jobs and objects are; object_schedule, link_schedule: see schedules(); now: function, the time in s.
    """

    def __init__(self, spool, name, target, object_schedule, link_schedule, now=time.time):
        self._spool = spool
        self._jobs = spool.jobs
        self._name = name
        self._target = target
        self._schedule = object_schedule
        self._lasting = object_schedule._replace(tries=min(_LASTING_TRIES, object_schedule.tries or _LASTING_TRIES))
        self._link_schedule = link_schedule
        self._now = now
        self._stopping = False
        self._stopped = threading.Event()
        self._desk = Desk()
        self._open = False  # whether the target was left open for the next object
        self._taken = {}  # object number -> Parcel, of those that the target has taken and not accounted for
        self._room = 0  # how many more parcels the target may take
        self._pause = None  # why the destination is to be left alone for now, in words
        self._got_through = 0  # objects delivered since the link last failed
        self._busy = 0  # objects refused for now, in a row
        self._cuts = {}  # object number -> how often the line broke within it
        self._thread = threading.Thread(target=self._run, name="to " + name, daemon=True)

    def start(self):
        """Begin to work."""
        self._thread.start()

    def stop(self):
        """Begin nothing more; the object under way goes on until it is done, or `join` gives it up."""
        self._stopping = True
        self._stopped.set()
        self._jobs.wake(self._name)

    def join(self, limit_s):
        """Wait up to `limit_s` for the object under way, then break it off; say whether nothing was broken off."""
        until = time.monotonic() + limit_s
        while self._thread.is_alive() and time.monotonic() < until:
            self._jobs.wake(self._name)  # again and again, as it may have been about to go to sleep
            self._thread.join(min(_REWAKE_S, max(0.0, until - time.monotonic())))
        if not self._thread.is_alive():
            return True
        self._target.interrupt()
        self._thread.join(1)
        return False

    def _run(self):
        while not self._stopping:
            try:
                self._round()
            except (errors.Degraded, errors.NoSpace) as error:
                self._recover(str(error))
            except Exception as error:
                _log.exception("forwarding to %s failed inside this box", self._name)
                self._recover("forwarding failed inside this box (%s); see its log" % type(error).__name__)
        self._close()

    def _recover(self, why):
        """Back off after what is no failure of the way there; never raises, or nobody would forward any more.

        When not even the backoff can be put down, the thread itself is what waits.
        """
        try:
            self._close()
            self._back_off(why)
        except Exception as error:
            _log.error("%s waits %.0f s: %s, and that could not be put down: %s", self._name, _BLIND_S, why, error)
            self._stopped.wait(_BLIND_S)

    def _close(self):
        self._target.close()
        self._open = False
        self._desk.clear()

    def _round(self):
        """Deliver what is due, or sleep until something is."""
        batch = self._jobs.claim(self._name, self._now(), BATCH, self._schedule)
        if batch:
            self._deliver(batch)
        elif self._open:
            self._linger()
        elif not self._stopping:
            self._jobs.wait(self._name, self._now(), _SLEEP_S, self._schedule)

    def _linger(self):
        """Keep what is open for the next object a little, then close it."""
        until = time.monotonic() + LINGER_S
        self._jobs.wait(self._name, self._now(), LINGER_S, self._schedule)
        if time.monotonic() >= until:
            self._close()

    def _deliver(self, batch):
        """Have a claimed batch delivered as far as it goes, and give the rest back."""
        if self._cuts:
            batch.sort(key=lambda job: job.object_id in self._cuts)
        batch.reverse()  # so that the next one is taken off the end
        self._pause = None
        try:
            while batch and self._going_on():
                self._serve(batch)
            if self._pause is not None:
                self._close()
                self._back_off(self._pause)
        except LinkFailure as failure:
            self._close()
            self._line_failed(failure)
        finally:
            for object_id in list(self._taken):
                self._jobs.give_back([self._account(object_id)], self._now())
            self._jobs.give_back(batch, self._now())
            if not self._open:
                self._desk.clear()

    def _going_on(self):
        return not self._stopping and self._pause is None

    def _serve(self, batch):
        """Let the target deliver from the end of `batch` what one session serves, taking off what it takes."""
        parcels = self._parcels(batch)
        # As long as the way works, nothing is opened before the first object has been read and checked: the peer would
        # have to wait for that. While it fails, nothing is read again and again for nothing.
        self._room = 0 if self._jobs.link(self._name).failures else 1
        begun = list(itertools.islice(parcels, self._room))
        if not begun and not (batch and self._going_on()):
            return
        try:
            served = self._target.open([parcel.job for parcel in begun] + batch[::-1])
        except LinkFailure:
            batch.extend([self._account(parcel.job.object_id) for parcel in begun])
            raise
        self._open = True
        self._room = served - len(begun)
        for job, outcome in self._target.deliver(itertools.chain(begun, parcels)):
            self._account(job.object_id)
            if isinstance(outcome, Delivered):
                self._delivered(job, outcome)
            else:
                self._refused(job, outcome)

    def _parcels(self, batch):
        """Yield the parcels of jobs from the end of `batch`, while there is room; a rotten one is reported instead.

        One that cannot be read at present stays in the batch, and the destination pauses.
        """
        while batch and self._room and self._going_on():
            job = batch.pop()
            try:
                parcel = self._desk.open(self._spool.path_of(job), job)
            except errors.Rotten as error:
                self._rotten(job, str(error))
                continue
            except Unready as error:
                batch.append(job)
                self._pause = str(error)
                return
            self._room -= 1
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
        self._jobs.settle(job, outcomes.SENT, now, outcome.status, None, outcome.comment or None, self._schedule)
        if not self._got_through:
            self._jobs.link_works(self._name, now)
        self._got_through += 1
        self._busy = 0
        self._cuts.pop(job.object_id, None)

    def _refused(self, job, outcome):
        if outcome.needless:
            state = self._settle(job, outcomes.REFUSED, outcome, self._schedule)
        elif outcome.lasting:
            state = self._settle(job, outcomes.RETRY, outcome, self._lasting)
        else:
            state = self._settle(job, outcomes.RETRY, outcome, self._schedule)
            self._busy += 1
            if self._busy >= _BUSY_IN_A_ROW or self._jobs.link(self._name).failures:
                self._pause = outcome.why
        _log.warning("object %d was not delivered to %s and is %s: %s", job.object_id, self._name, state, outcome.why)

    def _settle(self, job, what, outcome, schedule):
        self._cuts.pop(job.object_id, None)
        why = outcome.why + (", " + outcome.comment if outcome.comment else "")
        return self._jobs.settle(job, what, self._now(), outcome.status, outcome.cause, why, schedule)

    def _rotten(self, job, why):
        """Hold an object whose file is not what was received, and everything that waits for it."""
        self._spool.hold_rotten(job.object_id, why)
        self._jobs.give_back([job], self._now())
        _log.error("object %d is not sent to %s: %s", job.object_id, self._name, why)

    def _line_failed(self, failure):
        """Put down a failure of the way there, and judge whether the object under way has a part in it."""
        is_blamed = False
        if self._taken:
            object_id = next(iter(self._taken))
            is_blamed = failure.by_peer or self._is_cut_again(object_id)
            if is_blamed:
                refused = Refused(False, False, BROKE_OFF, failure.reason, None, "")
                self._settle(self._account(object_id), outcomes.RETRY, refused, self._schedule)
        if not (is_blamed and self._got_through):
            self._back_off(failure.reason)
        self._got_through = 0

    def _is_cut_again(self, object_id):
        """Count a cut within an object, if others got through meanwhile; say whether it has become one of its tries."""
        cuts = self._cuts.get(object_id, 0) + (1 if self._got_through else 0)
        self._cuts[object_id] = cuts
        return cuts >= _CUTS_PER_TRY

    def _back_off(self, why):
        self._got_through = 0
        link = self._jobs.link_failed(self._name, self._now(), why, self._link_schedule)
        level = logging.WARNING if link.failures == 1 else logging.INFO
        _log.log(level, "%s waits %.0f s: %s", self._name, max(0.0, link.until - self._now()), why)
