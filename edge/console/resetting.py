"""`edge reset`: what the appliance calls when it starts, before its data is mounted: as new, where that was ordered."""

import os
import stat
import sys

from edge.console import text
from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.steward import erasing
from edge.steward.errors import StewardError

_STEP = 0.05  # of all, between two lines


def run(asked):
    """Do `edge reset`; return the exit code."""
    device, order = asked.options.get("now"), asked.options.get("if-ordered")
    if device is None:
        words = "reset needs --now DEVICE, and erases all of it; the menu on the serial line orders one"
        raise UsageError(words)
    try:
        if order is not None and not erasing.is_ordered(order):
            print("no factory reset is ordered")
            return DONE
        device = os.path.abspath(device)
        kind = os.stat(device).st_mode
        if not stat.S_ISBLK(kind) and not (stat.S_ISREG(kind) and order is not None):
            raise UsageError("%s is no block device; a file is erased by an order alone (--if-ordered)" % device)
        if order is None and "yes" not in asked.options and not _confirmed(device):
            return text.complain("nothing was erased", FAILED)
        return _reset(device, order)
    except StewardError as error:
        return text.complain(str(error), FAILED)
    except OSError as error:
        return text.complain("%s: %s" % (error.filename or device, (error.strerror or str(error)).lower()), FAILED)


def _confirmed(device):
    """Ask whoever sits at the terminal; nobody there has confirmed nothing."""
    if not sys.stdin.isatty():
        raise UsageError("erasing %s has to be confirmed: by `yes` on a terminal, --yes, or an order" % device)
    try:
        return input("All that is on %s is erased, and cannot be had back. Type yes to go on: " % device) == "yes"
    except EOFError:
        return False


def _reset(device, order):
    print("factory reset: erasing %s" % device, flush=True)
    working = erasing.reset(device, order)
    said = 0.0
    while True:
        try:
            done, size = next(working)
        except StopIteration as end:
            print("factory reset done: %s" % end.value)
            return DONE
        if done / size >= said + _STEP:
            said = done / size
            print("%3d %% of %s" % (said * 100, text.size(size)), flush=True)
