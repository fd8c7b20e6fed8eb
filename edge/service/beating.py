"""Whether the box still moves: said to systemd and to the machine's watchdog, as long as it is so."""

import logging
import time

from edge.board import progress
from edge.board.notify import Notifier
from edge.service.part import Part

_log = logging.getLogger("edge.service")


class Beating(Part):
    """Asks what has to move whether it does. `notifier`: notify.Notifier; `progress`: what paths are made of."""

    name = "watchdog"

    def __init__(self, running):
        super().__init__(running)
        self.notifier = Notifier()
        self._settings = running.box.config.board
        is_asked = self.notifier.watchdog_s is not None or self._settings.watchdog is not None
        self.progress = progress.Progress() if is_asked else progress.UNASKED
        self._device = None
        self.feeder = None  # its progress.Feeder

    def start(self):
        """Arm the watchdog, where there is one, and begin to feed."""
        spool = self.running.spool
        if self._settings.watchdog is not None:
            self._arm()
        periods = [self.notifier.watchdog_s, self._device and self._device.period_s]
        period_s = min([each for each in periods if each], default=None)
        if period_s is None:
            return
        for name, pass_by in (("journal", spool.journal.pass_by), ("index", spool.index.pass_by)):
            self._watch(name, pass_by)
        self.feeder = progress.Feeder(self.progress, period_s, self._feed, self._tell, time.monotonic)
        self.feeder.start()

    def _arm(self):
        from edge.board.watchdog import Watchdog  # only where systemd does not do that

        try:
            self._device = Watchdog(self._settings.watchdog, self._settings.watchdog_s)
        except OSError as error:
            words = "the watchdog %s cannot be had: %s; see `watchdog` under [board], and who else holds it"
            _log.error(words, self._settings.watchdog, (error.strerror or str(error)).lower())
            return
        if not self._device.support.can_stop:
            _log.warning("the watchdog %s cannot be stopped: the machine restarts after the box has ended",
                         self._settings.watchdog)  # fmt: skip

    def _watch(self, name, pass_by):
        """Have something that is no thread passed through by the one who asks."""

        def knock():
            pass_by()
            path.here()

        path = self.progress.path(name, knock)

    def _feed(self):
        self.notifier.fed()
        if self._device is not None:
            self._device.feed()

    def _tell(self, stuck):
        if stuck:
            words = "stands still: %s; the watchdog is not fed any more" % ", ".join(stuck)
            self.notifier.status(words)
            _log.critical("the box %s", words)
        else:
            self.notifier.status("moves")
            _log.warning("the box moves again")

    def stop(self):
        """Feed no more, and disarm the watchdog."""
        if self.feeder is not None:
            self.feeder.stop()
        if self._device is not None:
            try:
                self._device.close()
            except OSError as error:
                _log.error("the watchdog cannot be disarmed: %s", error)
        self.notifier.close()
