"""`edge reset`: what the appliance calls when it starts, before its data is mounted: as new, where that was ordered."""

import os
import stat

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
        raise UsageError("reset needs --now DEVICE, and erases all of it; the console orders one for the next start")
    try:
        if order is not None and not erasing.is_ordered(order):
            print("no factory reset is ordered")
            return DONE
        if not stat.S_ISBLK(os.stat(device).st_mode) and not stat.S_ISREG(os.stat(device).st_mode):
            raise UsageError("%s is no block device and no file" % device)
        return _reset(device, order)
    except StewardError as error:
        return text.complain(str(error), FAILED)
    except OSError as error:
        return text.complain("%s: %s" % (error.filename or device, (error.strerror or str(error)).lower()), FAILED)


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
