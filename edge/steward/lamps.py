"""The role that lights the lamps and hears the button of a board: it may write to /sys/class/leds and to GPIO chips.

The box says what they are to show, again and again; where it does not for a minute, the lamp for errors blinks. The
button is heard here, so that a factory reset can be ordered from a box whose service has ended, too: the order is the
steward `resetting`'s to carry out. A board without lamps and button keeps no process.
"""

import logging
import threading
import time

from edge.board import detect, lines
from edge.board.indicators import ARMED, ORDERED, Indicators, Panel, Shown
from edge.board.keys import LAMPS
from edge.steward import client
from edge.steward.errors import StewardError
from edge.steward.shapes import Argument, Role, State, Verb

_log = logging.getLogger("edge.steward")

_STAYS_S = 3600.0


class Lamps(State):
    """The lamps and the button there are. root: "/" but in tests; board: a profile.Profile, or None for what is found;
    clock: a clock that never steps."""

    def __init__(self, root="/", board=None, clock=time.monotonic):
        self._found = detect.found(root) if board is None else None
        self._board = board or self._found.profile
        self._indicators = self.panel = None
        if self._board is None:
            return
        self.panel = Panel(self._board, lines.chips(root), root)
        for fault in self.panel.faults:
            _log.warning("%s", fault)
        if self.panel.lamps or self.panel.button is not None:
            self._indicators = Indicators(self.panel, self._board.gpio.hold_s, self._told, clock)
            self._indicators.start()

    def due_s(self):
        """Stay, while there is a lamp to hold or a button to hear."""
        return None if self._indicators is None else _STAYS_S

    def show(self, request):
        """Have the lamps show this."""
        if self._indicators is not None:
            self._indicators.show(Shown(*[request[lamp] for lamp in LAMPS]))
        return self.state()

    def state(self):
        """Return what there is, and what cannot be had."""
        panel = self.panel
        return {
            "board": self._board.board.id if self._board is not None else "",
            "lamps": panel.lamps if panel is not None else [],
            "button": panel is not None and panel.button is not None,
            "is_armed": self._indicators is not None and self._indicators.is_armed,
            "faults": list(panel.faults) if panel is not None else [self._found.how, *self._found.mistakes],
        }

    def close(self):
        """Put the lamps out."""
        if self._indicators is not None:
            self._indicators.stop()

    # The button

    def _told(self, event):
        if event == ARMED:
            _log.warning("the button was held: let go and pressed once more, everything on this box is erased")
        elif event == ORDERED:
            _log.warning("a factory reset was ordered by the button")
            threading.Thread(target=_reset, name="reset", daemon=True).start()  # lamps go on meanwhile
        else:
            _log.warning("the factory reset was not confirmed, and is off")


def _reset():
    try:
        for verb in ("order", "reboot"):
            client.answer(client.folder(), "resetting", verb)
    except StewardError as error:
        _log.error("the factory reset cannot be carried out: %s", error)


_SAYS = {
    "ready": "Whether all is well.",
    "busy": "Whether objects come or go.",
    "error": "Whether something is wrong.",
    "held": "Whether something waits for a person.",
}
ROLE = Role(
    "lamps",
    "lights the lamps of the board, and hears its button",
    (
        Verb(
            "show",
            "has the lamps show how the box does, for a minute",
            lambda state, request: state.show(request),
            tuple([Argument(lamp, "truth", _SAYS[lamp]) for lamp in LAMPS]),
        ),
        Verb("state", "says which lamps and button there are", lambda state, _: state.state(), alone=False),
    ),
    Lamps,
)
