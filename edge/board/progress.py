"""Whether the threads that everything depends on still move, asked of them rather than assumed.

A thread that sleeps until there is something to do cannot be told from one that waits for a lock that nobody will ever
give back. So it is woken now and then, and has to come round: each turn of its loop ends with `here`. Who is at
something long says for how long that may take, or is seen to move by what it counts, octets that were sent for one.

Nobody is asked unless a watchdog is to be fed: without one this costs a number that is set now and then.
"""

import threading

FOREVER = float("inf")


class Path:
    """One such thread. It calls `here`; all else is for the Progress that it is of."""

    __slots__ = ("name", "_wake", "_moved", "_asked", "_seen", "_asked_at", "_allowed_s", "_count")

    def __init__(self, name, wake, moved=None):
        self.name = name
        self._wake = wake
        self._moved = moved
        self._asked = self._seen = 0
        self._asked_at = 0.0
        self._allowed_s = 0.0
        self._count = None

    def here(self, allowed_s=0.0):
        """Say that this thread has come round; what it does now may take `allowed_s`, if that is more than usual."""
        self._allowed_s = allowed_s
        self._seen = self._asked

    def ask(self, now):
        """Have it come round, unless it was asked already and has not; `now` is of a clock that never steps."""
        if self._seen == self._asked:
            self._asked_at = now
            self._asked += 1
            self._wake()
        elif self._moved is not None:
            count = self._moved()
            if count != self._count:
                self._count, self._asked_at = count, now

    def is_stuck(self, now, usual_s):
        """Say whether it was asked, and has not come round in the time that it has."""
        return self._seen != self._asked and now - self._asked_at > max(usual_s, self._allowed_s)


class Progress:
    """The paths that have to move."""

    def __init__(self):
        self._lock = threading.Lock()
        self._paths = []

    def path(self, name, wake, moved=None):
        """Return a Path, asked from now on until it leaves.

        wake: function that makes the thread come round, from another one; it may have to wait for a lock, which is
        what is to be found out. moved: function, a number that changes while the thread is at something long.
        """
        made = Path(name, wake, moved)
        with self._lock:
            self._paths.append(made)
        return made

    def leave(self, path):
        """Ask this Path no more, if it was: its thread ends."""
        with self._lock:
            if path in self._paths:
                self._paths.remove(path)

    def _all(self):
        with self._lock:
            return list(self._paths)

    def ask(self, now):
        """Ask every path. Where one cannot even be woken, this waits as long, and that path counts as stuck."""
        for each in self._all():
            each.ask(now)

    def stuck(self, now, usual_s):
        """Return the names of those that have not come round, although they should have by `now`."""
        return [each.name for each in self._all() if each.is_stuck(now, usual_s)]


class _Unasked(Progress):
    """What paths are of where nobody asks."""

    def path(self, name, wake, moved=None):
        return Path(name, wake, moved)


UNASKED = _Unasked()


class Feeder:
    """Feeds a watchdog as long as every path moves. period_s: how long the watchdog waits for its food.

    feed: function that feeds it; tell: function of the names of the paths that are stuck, called when that changes.
    """

    _TURNS = 3  # in a period

    def __init__(self, progress, period_s, feed, tell, clock):
        self._progress = progress
        self._period_s = period_s
        self._feed = feed
        self._tell = tell
        self._clock = clock
        self._stopping = threading.Event()
        self._told = []
        self._threads = [
            threading.Thread(target=self._run, args=(step,), name=name, daemon=True)
            for step, name in ((self.ask, "pulse"), (self.judge, "watchdog"))
        ]

    def start(self):
        """Begin to ask, and to feed."""
        for each in self._threads:
            each.start()

    def stop(self):
        """Ask and feed no more. One who is stuck in asking is left where he is."""
        self._stopping.set()
        if self._threads[1].is_alive():
            self._threads[1].join()

    def _run(self, step):
        while not self._stopping.is_set():
            step()
            self._stopping.wait(self._period_s / self._TURNS)

    def ask(self):
        """Ask every path once."""
        self._progress.ask(self._clock())

    def judge(self):
        """Feed, unless a path is stuck; say which."""
        stuck = self._progress.stuck(self._clock(), self._period_s)
        if stuck != self._told:
            self._told = stuck
            self._tell(stuck)
        if not stuck:
            self._feed()
