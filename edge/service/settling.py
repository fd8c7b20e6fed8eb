"""The configuration file while the box runs: taken in again on SIGHUP, put back when nobody confirms what was changed.

A thread sleeps until there is something to do about it: the end of a trial, or somebody who asks. It also starts what
nothing waits for.
"""

import logging
import threading
from _queue import Empty, SimpleQueue  # without the rest of queue, which costs memory

from edge.box import load
from edge.service.beating import Beating
from edge.service.part import Part
from edge.settings.keeper import Keeper, Refusal

_log = logging.getLogger("edge.service")

_STOP, _RELOAD, _LOOK = "stop", "reload", "look"
_LOOKS = 10  # after the box has gone over to a change, until its trial is known
_LOOK_S = 1.0


class Settling(Part):
    """The keeper of the configuration file, and the time that its trials have."""

    name = "configuration file"

    def __init__(self, running):
        super().__init__(running)
        self._asked = SimpleQueue()
        self.keeper = running.box.settings = Keeper(running.box.loaded, self._follow)
        self.keeper.users_changed = running.box.access.users.reload
        self._thread = threading.Thread(target=self._run, name="settings", daemon=True)

    def start(self):
        """Begin to look after it."""
        self._thread.start()

    def stop(self):
        """Look after it no more."""
        self._asked.put(_STOP)
        if self._thread.ident is not None:
            self._thread.join()

    def reload(self):
        """Have the file taken in again, soon; may be called from a signal handler."""
        self._asked.put(_RELOAD)

    def _follow(self, loaded):
        self.running.apply(loaded)
        self._asked.put(_LOOK)

    def _run(self):
        self.running.start_late()
        looks = 0
        while True:
            left_s = self.keeper.left_s()
            if left_s is None and looks:
                looks, left_s = looks - 1, _LOOK_S
            try:
                word = self._asked.get(timeout=left_s)
            except Empty:
                word = None
            if word == _STOP:
                return
            if word == _LOOK:
                looks = _LOOKS
            try:
                self.keeper.tick()
                if word == _RELOAD:
                    self._reload()
            except Exception:
                _log.exception("looking after the configuration file failed inside this box")

    def _reload(self):
        notifier = self.running[Beating].notifier
        notifier.reloading()
        try:
            self._take_in()
        finally:
            notifier.ready("the configuration was taken in again")

    def _take_in(self):
        keeper = self.keeper
        try:
            if keeper.is_edited():
                keeper.reload("SIGHUP", 0)
            else:
                keeper.refresh()
        except load.ConfigError as error:
            for line in error.lines():
                _log.error("%s", line)
            _log.error("the box goes on with the configuration that it has: the file has mistakes")
        except Refusal as error:
            _log.error("the box goes on with the configuration that it has: %s", error)
        except OSError as error:
            _log.error("the box goes on with the configuration that it has: %s cannot be read: %s", keeper.path, error)
