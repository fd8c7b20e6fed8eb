"""Lamps that say how the box does, and a button that asks for a factory reset.

Four lamps: ready (all is well), busy (objects come or go), error (something is wrong) and held (something waits for a
person). A lamp is a line of the GPIO chip, or one that the kernel drives (/sys/class/leds). Where nothing was heard of
the box for a minute, the lamp for errors blinks: a lamp that says what was once so would be worse than none.

The button is held for ten seconds; then all lamps blink fast, it is let go, and pressed once more within ten seconds:
that is the order. Anything else leaves all as it was.
"""

import os
import select
import threading
from collections import namedtuple

from edge.board import kernel
from edge.board.keys import LAMPS
from edge.board.lines import Button, Outputs

# What the lamps say, each True or False
Shown = namedtuple("Shown", LAMPS)

DARK = Shown(False, False, False, False)
SILENT_S = 60.0  # after which a box that said nothing counts as one that is not there
CONFIRM_S = 10.0  # between letting go and the second press
STUCK_S = 60.0  # a button that is held longer than that is broken, or sat upon
_SLOW_S, _FAST_S = 0.5, 0.125  # half a turn of a lamp that blinks

ARMED, ORDERED, DROPPED = "armed", "ordered", "dropped"
_IDLE, _PRESSED, _HELD, _AWAITED, _STUCK = "idle", "pressed", "held", "awaited", "stuck"


class Hold:
    """What a button means: a state machine that is told what happens, and when (s, of a clock that never steps)."""

    def __init__(self, hold_s):
        self._hold_s = hold_s
        self._state = _IDLE
        self._until = None

    @property
    def is_armed(self):
        """Whether the next press is the order, or will be once the button is let go."""
        return self._state in (_HELD, _AWAITED)

    def deadline(self):
        """Return when `tick` has something to do, None for never."""
        return self._until

    def _go(self, state, until=None):
        self._state, self._until = state, until

    def changed(self, is_pressed, now):
        """Take in that the button was pressed or let go; return ORDERED, DROPPED, ARMED or None."""
        event = self.tick(now)
        if is_pressed and self._state == _IDLE:
            self._go(_PRESSED, now + self._hold_s)
        elif is_pressed and self._state == _AWAITED:
            self._go(_STUCK)
            return ORDERED
        elif not is_pressed and self._state == _HELD:
            self._go(_AWAITED, now + CONFIRM_S)
        elif not is_pressed and self._state in (_PRESSED, _STUCK):
            self._go(_IDLE)
        return event

    def tick(self, now):
        """Take in that it is `now`; return ARMED, DROPPED or None."""
        if self._until is None or now < self._until:
            return None
        if self._state == _PRESSED:
            self._go(_HELD, self._until + STUCK_S)
            return ARMED
        self._go(_STUCK if self._state == _HELD else _IDLE)
        return DROPPED


def lit(shown, is_armed, is_silent, now):
    """Return which lamps are lit at `now`, as a Shown, and when that changes, None where it does not."""
    if is_armed:
        turn = int(now / _FAST_S)
        return Shown(*[turn % 2 == 0] * len(LAMPS)), (turn + 1) * _FAST_S
    if is_silent:
        turn = int(now / _SLOW_S)
        return DARK._replace(error=turn % 2 == 0), (turn + 1) * _SLOW_S
    return shown, None


class Panel:
    """The lamps and the button of a board, as far as they can be had. `faults`: what cannot, in words.

    board: profile.Profile; chips: as lines.chips returns them; root: where /sys is.
    """

    def __init__(self, board, chips, root="/"):
        self.faults = []
        self.button = None
        self._leds = {}
        self._is_lit = {}
        gpio = board.gpio
        chip = chips.get(gpio.chip)
        lines = {lamp: getattr(gpio, lamp + "_line") for lamp in LAMPS}
        self._lamps = [lamp for lamp in LAMPS if lines[lamp] is not None and chip is not None]
        self._outputs = None
        if gpio.chip is not None and chip is None:
            self.faults.append("there is no GPIO chip %s, or it may not be used" % gpio.chip)
        if self._lamps:
            self._outputs = Outputs(chip, [lines[lamp] for lamp in self._lamps], gpio.active_low)
        for lamp in LAMPS:
            name = getattr(board.leds, lamp)
            if name is not None and lamp not in self._lamps:
                self._take_led(lamp, os.path.join(root, "sys/class/leds", name))
        if gpio.button_line is not None and chip is not None:
            try:
                self.button = Button(chip, gpio.button_line, gpio.button_active_low)
            except OSError as error:
                self.faults.append("the button cannot be heard: %s" % error.strerror.lower())

    def _take_led(self, lamp, folder):
        most = kernel.number(kernel.text(folder + "/max_brightness")) or 1
        try:
            _put(folder + "/trigger", "none")
        except OSError as error:
            self.faults.append("the lamp %s cannot be lit: %s: %s" % (lamp, folder, error.strerror.lower()))
            return
        self._leds[lamp] = folder + "/brightness", most

    @property
    def lamps(self):
        """The names of the lamps that there are."""
        return [lamp for lamp in LAMPS if lamp in self._lamps or lamp in self._leds]

    def show(self, wanted):
        """Light the lamps as a Shown has them; what fails is a fault, and tried no more."""
        if self._outputs is not None:
            levels = sum([1 << number for number, lamp in enumerate(self._lamps) if getattr(wanted, lamp)])
            try:
                self._outputs.set(levels)
            except OSError as error:
                self.faults.append("the lamps' lines cannot be set: %s" % error.strerror.lower())
                self._outputs, self._lamps = None, []
        for lamp, (path, most) in list(self._leds.items()):
            is_lit = getattr(wanted, lamp)
            if self._is_lit.get(lamp) == is_lit:
                continue
            try:
                _put(path, str(most if is_lit else 0))
                self._is_lit[lamp] = is_lit
            except OSError as error:
                self.faults.append("the lamp %s cannot be lit: %s" % (lamp, error.strerror.lower()))
                del self._leds[lamp]

    def close(self):
        """Let everything go."""
        if self._outputs is not None:
            self._outputs.close()
        if self.button is not None:
            self.button.close()


def _put(path, words):
    with open(path, "w", encoding="ascii") as file:
        file.write(words)


class Indicators:
    """A thread that lights the lamps of a Panel and hears its button.

    hold_s: as the profile has it; told: function of ARMED, ORDERED or DROPPED; clock: a clock that never steps.
    """

    def __init__(self, panel, hold_s, told, clock):
        self._panel = panel
        self._hold = Hold(hold_s)
        self._told = told
        self._clock = clock
        self._shown = DARK
        self._heard_at = clock()
        self._is_stopping = False
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="lamps", daemon=True)

    @property
    def is_armed(self):
        """Whether the button was held, and the second press would be the order."""
        return self._hold.is_armed

    def start(self):
        """Begin."""
        self._thread.start()

    def show(self, shown):
        """Have the lamps say this Shown from now on; to be said again before SILENT_S have gone by."""
        self._shown, self._heard_at = shown, self._clock()
        self._knock()

    def stop(self):
        """Put the lamps out, and end."""
        self._is_stopping = True
        self._knock()
        self._thread.join()
        os.close(self._wake)
        os.close(self._waker)

    def _knock(self):
        try:
            os.write(self._waker, b".")
        except BlockingIOError:
            pass  # it is awake

    def _run(self):
        panel = self._panel
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if panel.button is not None:
            poll.register(panel.button, select.POLLIN)
        while not self._is_stopping:
            wait_s = self._turn(self._clock())
            if self._wake in [fd for fd, _ in poll.poll(None if wait_s is None else int(wait_s * 1000) + 1)]:
                try:
                    os.read(self._wake, 64)
                except BlockingIOError:
                    pass
        panel.show(DARK)
        panel.close()

    def _turn(self, now):
        """Do what is to be done at `now`; return in how many seconds there is more to do, None for never."""
        events = [self._hold.tick(now)]
        if self._panel.button is not None:
            events += [self._hold.changed(is_pressed, now) for is_pressed in self._panel.button.changes()]
        for event in filter(None, events):
            self._told(event)
        silent_at = self._heard_at + SILENT_S
        is_silent = now >= silent_at
        wanted, changes_at = lit(self._shown, self._hold.is_armed, is_silent, now)
        self._panel.show(wanted)
        ends = [changes_at, self._hold.deadline(), None if is_silent else silent_at]
        ends = [each for each in ends if each is not None]
        return max(0.0, min(ends) - now) if ends else None
