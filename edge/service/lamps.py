"""How the box does, told to the steward for the lamps, where there is one; a board without lamps is told nothing.

What is wrong is not asked for once more: it is what the alerts have just looked at.
"""

import logging
import time

from edge.steward import client
from edge.steward.errors import StewardError

_log = logging.getLogger("edge.service")

_AGAIN_S = 20.0  # a steward wants to hear that nothing has changed, or it takes the box for dead
_PATIENCE_S = 5.0
_ROLE = "lamps"


class Lamps:
    """Tells how a box.Box does, whenever that changes. clock: a clock that never steps."""

    def __init__(self, box, clock=time.monotonic):
        self._box = box
        self._clock = clock
        self._wrong = ()
        self._said = None
        self._due = 0.0  # when it is said again though it has not changed
        self._has_any = True
        self._is_lost = False

    def look(self):
        """Return every health.Trouble of the box, and remember it for the lamps."""
        self._wrong = self._box.wrong()
        return self._wrong

    def step(self):
        """Say how the box does, if that has changed or was not said for long."""
        now = self._clock()
        is_due = now >= self._due
        if self._box.config.board.lamps == "off" or not self._has_any or not (is_due or self._said):
            return
        if self._said is None and not client.is_there(client.folder(), _ROLE):
            self._due = now + _AGAIN_S
            return
        says = self._says()
        if is_due or says != self._said:
            self._said, self._due = says if self._tell(says) else None, now + _AGAIN_S

    def _tell(self, says):
        """Tell the steward; return whether that was heard."""
        try:
            there = client.answer(client.folder(), _ROLE, "show", _PATIENCE_S, **says)
        except StewardError as error:
            if not self._is_lost:
                _log.warning("the lamps do not show how the box does: %s", error)
            self._is_lost = True
            return False
        self._has_any, self._is_lost = bool(there.get("lamps")), False
        return True

    def _says(self):
        """Return {lamp: whether it is to be lit}."""
        held = [each for each in self._wrong if each.key.startswith("held ")]
        busy = bool(self._box.associations()) or any([each.under_way() for each in self._box.workers()])
        return {"ready": not self._wrong, "busy": busy, "error": len(held) < len(self._wrong), "held": bool(held)}
