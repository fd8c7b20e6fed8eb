"""What has been counted since the service began: objects, associations, deliveries, and how long each took.

Each count is of one kind of event and added to under one lock that nobody holds for longer than that. What can be read
off the spool is not counted here.
"""

import logging
import time
from _thread import allocate_lock
from bisect import bisect_left
from collections import deque

from edge.net import witness

# Upper bounds of the classes of a duration, in s
SHORT_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LONG_S = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_RATE_S = 30  # over which a rate is taken
_RATED = 4096  # deliveries within that time that count
_MOST_NAMES = 256  # of destinations, also of those that are gone


class Histogram:
    """How often a duration fell into which class. counts: of each class and, last, of what is longer; total: s."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds):
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, seconds):
        """Count a duration."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def copy(self):
        """Return another with the same counts."""
        made = Histogram(self.bounds)
        made.counts, made.total = list(self.counts), self.total
        return made


class Destination:
    """What was counted of one destination."""

    def __init__(self):
        self.delivered = self.refused = self.octets = self.opened = 0
        self.broken = {}  # layer -> how often the way there failed at it
        self.took = Histogram(LONG_S)
        self.recent = deque(maxlen=_RATED)  # (when by the clock that never steps, octets)

    def copy(self):
        """Return another with the same counts."""
        made = Destination()
        made.__dict__.update(self.__dict__, broken=dict(self.broken), took=self.took.copy(), recent=None)
        return made


class Meters:
    """The counts, all at zero; `witness` takes events of edge.net.witness, `read` says what they have come to."""

    def __init__(self):
        self._lock = allocate_lock()
        self.stored = self.refused = self.octets = 0
        self.received, self.settled = Histogram(LONG_S), Histogram(SHORT_S)
        self.associations = {}  # (end, reason) -> how many
        self.destinations = {}  # name -> Destination
        self.recoded = {}  # (transfer syntax, another) -> objects
        self.logged = {"warning": 0, "error": 0}

    def witness(self, event):
        """Count an event; quick, and never raises."""
        count = _COUNT.get(type(event))
        if count is not None:
            with self._lock:
                count(self, event)

    def _received(self, event):
        if event.is_stored:
            self.stored += 1
            self.octets += event.octets
        else:
            self.refused += 1
        self.received.add(event.received_s)
        self.settled.add(event.settled_s)

    def _ended(self, event):
        self._association(event.summary.end, "")

    def _turned(self, event):
        self._association(event.end, event.reason)

    def _association(self, end, reason):
        self.associations[end, reason] = self.associations.get((end, reason), 0) + 1

    def _of(self, name):
        known = self.destinations.get(name)
        if known is None:
            known = Destination()
            if len(self.destinations) < _MOST_NAMES:
                self.destinations[name] = known
        return known

    def _sent(self, event):
        known = self._of(event.destination)
        known.took.add(event.seconds)
        if event.is_delivered:
            known.delivered += 1
            known.octets += event.octets
            known.recent.append((time.monotonic(), event.octets))
        else:
            known.refused += 1
        if event.recoded is not None:
            self.recoded[event.recoded] = self.recoded.get(event.recoded, 0) + 1

    def _opened(self, event):
        self._of(event.destination).opened += 1

    def _broken(self, event):
        broken = self._of(event.destination).broken
        broken[event.layer] = broken.get(event.layer, 0) + 1

    def note(self, record):
        """Count a logging.LogRecord; return True: it is a filter that lets everything through."""
        if record.levelno >= logging.WARNING:
            with self._lock:
                self.logged["error" if record.levelno >= logging.ERROR else "warning"] += 1
        return True

    def rate(self, name):
        """Return octets per second that a destination was delivered of late."""
        since = time.monotonic() - _RATE_S
        with self._lock:
            known = self.destinations.get(name)
            return sum([octets for when, octets in known.recent if when >= since]) / _RATE_S if known else 0.0

    def read(self):
        """Return Meters that stay as these are now."""
        made = Meters()
        with self._lock:
            made.stored, made.refused, made.octets = self.stored, self.refused, self.octets
            made.received, made.settled = self.received.copy(), self.settled.copy()
            made.associations, made.recoded = dict(self.associations), dict(self.recoded)
            made.logged = dict(self.logged)
            made.destinations = {name: each.copy() for name, each in self.destinations.items()}
        return made


_COUNT = {
    witness.Received: Meters._received,
    witness.Ended: Meters._ended,
    witness.Turned: Meters._turned,
    witness.Sent: Meters._sent,
    witness.Opened: Meters._opened,
    witness.Broken: Meters._broken,
}
