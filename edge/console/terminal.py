"""`edge console --tty`: this terminal becomes one of the box; what is typed goes to it, what it says comes back.

The terminal is raw meanwhile, and is put back as it was however this ends, but for a signal that cannot be caught.
"""

import os
import select
import signal
import sys
import termios
import tty

from edge.console import control
from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.console.text import complain

_LEAVE = 0x1D  # Ctrl-]
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


class _Told(BaseException):
    """A signal asks this process to end."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


def run(asked, loaded):
    """Show the menus of the running box on this terminal; return the exit code."""
    if "tty" not in asked.options:
        raise UsageError("console: say --tty; it shows the menus of the running box on this terminal")
    state_dir = loaded.config.box.state_dir
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        return complain("--tty needs a terminal for its input and its output", FAILED)
    channel = control.connect(state_dir)
    if channel is None:
        return complain("no box runs on %s; `edge serve` starts one" % state_dir, FAILED)
    try:
        control.tell(channel, {"verb": "console"})
        control.hear(channel)
        print("These are the menus of the box. Ctrl-] leaves, whatever it does.", flush=True)
        return _joined(*channel.raw())
    finally:
        channel.close()


def _joined(box, said):
    """Carry octets both ways until the box or the person has enough."""
    here = sys.stdin.fileno()
    before = termios.tcgetattr(here)
    handlers = {each: signal.signal(each, _ask_to_end) for each in _SIGNALS}
    try:
        tty.setraw(here)
        _carry(here, sys.stdout.fileno(), box, said)
        return DONE
    except _Told as told:
        return 128 + told.number
    finally:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)  # nothing comes between this and the end of it
        try:
            termios.tcsetattr(here, termios.TCSAFLUSH, before)
        except termios.error:
            pass  # the terminal has gone
        for each, handler in handlers.items():
            signal.signal(each, handler)


def _ask_to_end(number, frame):
    raise _Told(number)


def _carry(here, there, box, said):
    box.settimeout(None)
    _write(there, said)
    while True:
        reading, _, _ = select.select([here, box], [], [])
        if box in reading:
            try:
                octets = box.recv(4096)
            except OSError:
                octets = b""
            if not octets:
                return
            _write(there, octets)
        if here in reading:
            try:
                octets = os.read(here, 4096)
            except OSError:
                octets = b""
            if not octets or _LEAVE in octets:
                return
            try:
                box.sendall(octets)
            except OSError:
                return


def _write(there, octets):
    while octets:
        octets = octets[os.write(there, octets) :]
