"""What the running box tells by itself: its log, events, alerts and lamps, put together and kept going."""

import logging

from edge.service.lamps import Lamps
from edge.service.part import Part
from edge.service.parts import Watching
from edge.watch.alerts import Alerts
from edge.watch.doings import Doings
from edge.watch.events import Events
from edge.watch.ring import Ring
from edge.watch.rounds import Rounds

_DOINGS_S = 2.0
_ALERTS_S = 5.0
_LAMPS_S = 2.0
_CLOCK_S = 600.0


class Telling(Part):
    """The parts `log`, `events` and `alerts` of the box, and the thread behind them."""

    name = "alerts"

    def __init__(self, running):
        super().__init__(running)
        box, spool, watcher = running.box, running.spool, running[Watching].watcher
        self._events = Events(box.config.box.state_dir)
        doings = Doings(self._events.note, self._names, spool.jobs, spool.now)
        watcher.also = doings.witness
        lamps = Lamps(box)
        self._alerts = Alerts(box.config, lamps.look, spool.health, self._events.note, spool.now)
        steps = [(doings.step, _DOINGS_S), (self._alerts.step, _ALERTS_S), (lamps.step, _LAMPS_S)]
        self._rounds = Rounds([*steps, (watcher.save_clock, _CLOCK_S)])
        box.log, box.events, box.alerts = running.ring, self._events, self._alerts

    def _names(self):
        return [each.name for each in self.running.box.config.destinations]

    def start(self):
        """Begin to look, and to tell."""
        self._events.note("the box is started")
        self._rounds.start()

    def stop(self):
        """End; returns when what is under way is done, or takes too long."""
        self._rounds.stop()
        self._alerts.stop()
        self._events.note("the box is stopped")
        self._events.close()

    def wants(self, old, new):
        """Say whether somebody else is told, or of something else."""
        return (old.alerts, old.box, old.tls) != (new.alerts, new.box, new.tls)

    def renew(self, old, new):
        """Tell those whom it says now."""
        self._alerts.apply(new)


def keep_log():
    """Return a Ring that has what is logged from now on."""
    ring = Ring()
    logging.getLogger().addHandler(ring)
    return ring
