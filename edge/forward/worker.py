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

import logging
import threading
import time

from edge.board import progress
from edge.forward.hand import Hand
from edge.forward.news import News
from edge.forward.tray import Tray
from edge.forward.window import Window
from edge.net import witness
from edge.spool import jobs as outcomes
from edge.spool.retry import Schedule

_log = logging.getLogger("edge.forward")

LINGER_S = 3.0  # how long what is open waits for the next object

_REWAKE_S = 0.2
_FEWER_S = 300.0  # how long no more associations are asked for than the destination takes
_LASTING_TRIES = 3  # of an object that the destination says it will never take: archives have been wrong about that


def schedules(first_s, cap_s, tries):
    """Return the two retry.Schedules of a destination: for its objects, and for the way there."""
    return Schedule(first_s, 2.0, cap_s, 0.5, tries), Schedule(first_s, 2.0, cap_s, 0.5, 0)


class Worker:
    """The work for the destination called `name`; `targets`: the ways to it that may be open at a time.

    spool: where jobs and objects are; object_schedule, link_schedule: see schedules(); window: window.Window, when
    anything may be begun; linger_s: how long what is open waits for the next object; now: function, the time in s;
    commits: whether the destination has to commit to what it has, before that counts as delivered; tell: function of an
    event of edge.net.witness; paths: progress.Progress that the hands are paths of; patience_s: how long one of them
    may be at something of the destination while nothing moves.
    """

    def __init__(
        self, spool, name, targets, object_schedule, link_schedule, window=Window(), linger_s=LINGER_S, now=time.time,
        commits=False, tell=witness.nobody, paths=progress.UNASKED, patience_s=progress.FOREVER,
    ):  # fmt: skip
        self.spool = spool
        self.tell = tell
        self.paths = paths
        self.patience_s = patience_s
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
        """Wait up to `limit_s` for the objects under way, then break them off; say whether nothing was broken off.

        A way that is only being opened is not waited for: nothing is under way on it.
        """
        until = time.monotonic() + limit_s
        while time.monotonic() < until and (busy := [hand for hand in self._working() if not hand.is_opening]):
            self.jobs.wake(self.name)  # again and again, as one may have been about to go to sleep
            busy[0].join(min(_REWAKE_S, max(0.0, until - time.monotonic())))
        left = self._working()
        for hand in left:
            hand.interrupt()
        for hand in left:
            hand.join(1)
        return not left

    def under_way(self):
        """Return the hand.UnderWay of each object that is being sent."""
        found = [hand.under_way() for hand in self._working()]
        return [each for each in found if each is not None]

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
