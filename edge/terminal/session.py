"""One terminal: octets in, octets out, with the time as an argument; a dialogue runs behind it.

What drives it hands in what came and when, writes what it returns, and comes back at the deadline. Nothing in here
waits, opens or reads a clock; but a screen that asks for a verb takes as long as the verb does.
"""

import logging
import time

from edge.terminal import line, page
from edge.terminal.effects import Ask, Back, Known, Page, Rest, Show, Step, Transfer

_log = logging.getLogger("edge.terminal")

FULL_BYTES_PER_S = 32 << 10  # no faster is a line read while no file is received
_AHEAD = 4096  # octets that may be typed ahead
_HELD_BYTES = 16 << 10  # of what is written after ^S
_NOISY_LINES = 5  # in a row; then it waits for silence
_SILENCE_S = 1.0
_SAID_AGAIN_S = 60

_NOISE = "That was noise on the line: is the other end set to %s?"


class Session:
    """The conversation on one line.

    dialogue: function of no arguments that returns the generator of the whole conversation; idle_s: how long whoever is
    logged in may be silent, None for ever; rate: the line's settings in words; where: the line, for the log; clock:
    function that returns the time of day, for the pages.
    """

    def __init__(self, dialogue, now, idle_s=None, rate="115200 8N1", where="the serial line", clock=time.time):
        self.who = None
        self.is_over = False  # the dialogue has ended
        self._dialogue = dialogue
        self._idle_s = idle_s
        self._rate = rate
        self._where = where
        self._clock = clock
        self._line = line.Line()
        self._out = bytearray()
        self._halted = False
        self._held = bytearray()
        self._ahead = bytearray()
        self._wanted = None  # the effect that the dialogue waits in
        self._prompt = ""
        self._transfer = None
        self._rest_until = now
        self._last = now  # when anything came
        self._noisy = 0  # lines in a row
        self._deaf = False  # until the line was silent
        self._second = now
        self._came = 0  # in that second
        self._flood_said = -_SAID_AGAIN_S
        self._running = None

    def begin(self, now):
        """Start the conversation; return what is to be written first."""
        self._last = now
        self.restart(now)
        return self._taken()

    def feed(self, octets, now):
        """Take octets that came; return those to be written."""
        self._count(len(octets), now)
        silent_s, self._last = now - self._last, now
        if self._deaf and silent_s < _SILENCE_S:
            return b""
        self._deaf = False
        if self._transfer is not None:
            self._write(self._transfer.feed(octets, now))
            self._after_transfer(now)
            return self._taken()
        self._ahead += octets[: max(0, _AHEAD - len(self._ahead))] if isinstance(self._wanted, Step) else octets
        self._type(now)
        return self._taken()

    def tick(self, now):
        """Do what is due; return what is to be written."""
        if self._transfer is not None:
            self._write(self._transfer.tick(now))
            self._after_transfer(now)
        elif isinstance(self._wanted, Rest) and now >= self._rest_until:
            self._ahead.clear()
            self._advance(None, now)
            self._type(now)
        elif isinstance(self._wanted, Step):
            if 3 in self._ahead:
                self._ahead.clear()
                self._line.clear()
                self._write(b"^C\r\n")
                self._throw(Back(), now)
            else:
                self._advance(None, now)
            self._type(now)
        if self._is_idle(now):
            self._halted = False
            self._show(["", "Logged out: nothing was typed for %d min." % (self._idle_s // 60)])
            self.restart(now)
        return self._taken()

    def deadline(self):
        """Return when `tick` has something to do, None when it waits for octets alone."""
        if isinstance(self._wanted, Step):
            return self._last
        due = []
        if self._transfer is not None:
            due.append(self._transfer.deadline())
        elif isinstance(self._wanted, Rest):
            due.append(self._rest_until)
        if self.who is not None and self._idle_s is not None:
            due.append(self._last + self._idle_s)
        return min(due) if due else None

    def pause_until(self, now):
        """Return the time before which no more need be read: what comes faster than anybody types costs no more."""
        if self._came < FULL_BYTES_PER_S or self._transfer is not None:
            return now
        if now - self._flood_said >= _SAID_AGAIN_S:
            self._flood_said = now
            _log.warning("%s is flooded; it is read no faster than %d KiB/s", self._where, FULL_BYTES_PER_S >> 10)
        return self._second + 1

    def restart(self, now):
        """Log out and begin anew, as after a cable was pulled; `begin` or what is written next shows it."""
        if self._running is not None:
            running, self._running = self._running, None
            running.close()
        self._transfer = None
        self.who = None
        self.is_over = False
        self._last = now
        self._halted = False
        self._held.clear()
        self._ahead.clear()
        self._line.clear()
        self._running = self._dialogue()
        self._advance(None, now)

    def close(self):
        """End the dialogue where it is."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def _is_idle(self, now):
        return self.who is not None and self._idle_s is not None and now - self._last >= self._idle_s

    def _count(self, octets, now):
        if now - self._second >= 1:
            self._second, self._came = now, 0
        self._came += octets

    def _type(self, now):
        """Work off what was typed, up to where the dialogue takes no more of it."""
        taken = 0
        while taken < len(self._ahead) and isinstance(self._wanted, Ask):
            octet = self._ahead[taken]
            taken += 1
            event, echo = self._line.feed(octet)
            if self._halted and event is None and octet >= 32:
                self._resume()  # any key goes on, where a terminal lost its ^Q
            self._write(echo)
            if event is not None:
                self._happened(event, now)
            if self._deaf:
                taken = len(self._ahead)
        del self._ahead[:taken]
        if isinstance(self._wanted, Rest):
            self._ahead.clear()

    def _happened(self, event, now):
        if event == line.BACK:
            self._resume()
            self._throw(Back(), now)
        elif event == line.HALT:
            self._halted = True
        elif event == line.RESUME:
            self._resume()
        elif event.noisy:
            self._noisy += 1
            if self._noisy >= _NOISY_LINES:  # an answer to each might be what comes back
                self._deaf = True
                self._noisy = 0
                self._line.clear()
                return
            self._show([_NOISE % self._rate])
            self._write(self._prompt)
        else:
            self._resume()
            self._noisy = 0
            self._advance(event.text, now)

    def _resume(self):
        self._halted = False
        self._out += self._held
        self._held.clear()

    def _after_transfer(self, now):
        if self._transfer is not None and self._transfer.done:
            transfer, self._transfer = self._transfer, None
            self._advance(transfer, now)

    def _advance(self, sent, now):
        self._go(lambda: self._running.send(sent), now)

    def _throw(self, error, now):
        self._go(lambda: self._running.throw(error), now)

    def _go(self, step, now):
        """Run the dialogue up to where it has to wait."""
        while True:
            try:
                wanted = step()
            except (StopIteration, Back):
                self._ended()
                return
            except Exception:
                _log.exception("a screen on %s failed inside this box", self._where)
                self._show(["", "It failed inside the box; see its log."])
                self._ended()
                return
            if isinstance(wanted, Show):
                self._show(wanted.lines)
            elif isinstance(wanted, Page):
                self._show(page.rendered(wanted, self._clock()))
            elif isinstance(wanted, Known):
                self.who = wanted.who
            else:
                break
            step = self._next
        self._wait_in(wanted, now)

    def _next(self):
        return self._running.send(None)

    def _wait_in(self, wanted, now):
        self._wanted = wanted
        if isinstance(wanted, Ask):
            self._line.is_hidden = wanted.hidden
            self._prompt = wanted.prompt.encode("ascii", "replace")
            self._write(self._prompt)
        elif isinstance(wanted, Rest):
            self._rest_until = now + wanted.seconds
        elif isinstance(wanted, Transfer):
            self._transfer = wanted.make(now)
            self._ahead.clear()

    def _ended(self):
        self.is_over = True
        self.who = None
        self._wanted = None
        self._running = None

    def _show(self, lines):
        for each in lines:
            self._write(each.encode("ascii", "replace") + b"\r\n")

    def _write(self, octets):
        if not self._halted:
            self._out += octets
        elif len(self._held) < _HELD_BYTES:
            self._held += octets[: _HELD_BYTES - len(self._held)]

    def _taken(self):
        octets = bytes(self._out)
        self._out.clear()
        return octets
