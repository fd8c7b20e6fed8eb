"""What watches the box while it runs, put together: the parts that its verbs ask, and the one function to tell."""

import logging
import time

from edge.board import timekeeping
from edge.net import witness
from edge.watch import health, silence
from edge.watch.board import Board
from edge.watch.clock import Timekeeper
from edge.watch.meters import Meters
from edge.watch.past import Past

_log = logging.getLogger("edge.watch")


class Watcher:
    """The parts of a running box that know how it does. `tell` takes events of edge.net.witness; `close` at the end.

    settings: config.Config; spool: Spool.
    """

    def __init__(self, settings, spool):
        self._spool = spool
        self.also = witness.nobody  # who else is told
        self.began = time.time()
        self.past = Past(settings.box.state_dir, spool.now)
        self.meters = Meters()
        for handler in logging.getLogger().handlers:
            handler.addFilter(self.meters.note)
        self.board = Board(settings.box.state_dir, now=spool.now)
        newest = max([each.last for each in spool.index.sources()], default=0.0)
        self.timekeeper = Timekeeper(newest, now=spool.now)

    def tell(self, event):
        """Take note of an event; quick, and never raises."""
        self.meters.witness(event)
        self.past.witness(event)
        self.also(event)

    def troubles(self, settings):
        """Return every health.Trouble of the box with a config.Config, the oldest first."""
        found = health.all_of(self._spool, settings, self.board, self.timekeeper)
        found += silence.troubles(settings, self.seen(), self.began, self._spool.now())
        return found

    def seen(self):
        """Return {(calling AE title, address): when it was last heard of}."""
        found = {(each.calling, each.address): each.last for each in self._spool.index.sources()}
        for who, last in self.past.seen().items():
            found[who] = max(last, found.get(who, 0.0))
        return found

    def parts(self):
        """Return the parts by the names that box.Box has for them."""
        return {
            "past": self.past,
            "began": self.began,
            "meters": self.meters,
            "board": self.board,
            "timekeeper": self.timekeeper,
        }

    def save_clock(self):
        """Leave the time on disk, for a machine whose clock stands still while it is off."""
        try:
            is_trusted = self.timekeeper.state(is_wanted=False).why is None
            timekeeping.save(timekeeping.path_of(self._spool.path), self._spool.now(), is_trusted)
        except OSError as error:
            _log.warning("the time cannot be saved: %s", error.strerror or error)

    def close(self):
        """Leave on disk what is to survive."""
        self.save_clock()
        for handler in logging.getLogger().handlers:
            handler.removeFilter(self.meters.note)
        self.past.close()
