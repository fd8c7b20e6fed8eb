"""What the running box tells by itself: its log, events and alerts, put together and kept going."""

import logging
import time

from edge.box import troubles
from edge.watch import silence
from edge.watch.alerts import Alerts
from edge.watch.doings import Doings
from edge.watch.events import Events
from edge.watch.ring import Ring
from edge.watch.rounds import Rounds

_DOINGS_S = 2.0
_ALERTS_S = 5.0


class Telling:
    """The parts `log`, `events` and `alerts` of a box, and the thread behind them.

    seen: function, when which device was last heard of, as past.Past.seen; more: function, further health.Troubles.
    """

    def __init__(self, settings, spool, ring, seen, more=lambda: ()):
        self._settings = settings
        self._spool = spool
        self._seen = seen
        self._more = more
        self._began = time.time()
        self.log = ring
        self.events = Events(settings.box.state_dir)
        self.doings = Doings(self.events.note, self._names, spool.jobs, spool.now)
        self.alerts = Alerts(settings, self.look, spool.health, self.events.note, spool.now)
        self._rounds = Rounds(((self.doings.step, _DOINGS_S), (self.alerts.step, _ALERTS_S)))

    def look(self):
        """Return every Trouble there is, those of devices that are silent too."""
        settings = self._settings
        found = list(troubles.all_of(self._spool, settings))
        found += silence.troubles(settings, self._seen(), self._began, self._spool.now())
        return found + list(self._more())

    def _names(self):
        return [each.name for each in self._settings.destinations]

    def parts(self):
        """Return the parts of a verbs.box.Box."""
        return {"log": self.log, "events": self.events, "alerts": self.alerts}

    def apply(self, settings):
        """Go on with other settings."""
        self._settings = settings
        self.alerts.apply(settings)

    def start(self):
        """Begin to look, and to tell."""
        self.events.note("the box is started")
        self._rounds.start()

    def stop(self):
        """End; returns when what is under way is done, or takes too long."""
        self._rounds.stop()
        self.alerts.stop()
        self.events.note("the box is stopped")
        self.events.close()


def keep_log():
    """Return a Ring that has what is logged from now on."""
    ring = Ring()
    logging.getLogger().addHandler(ring)
    return ring
