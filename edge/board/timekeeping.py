"""Time that never goes back, on a board whose clock stands still while it is off.

The time is saved now and then, and when the box ends. At the next start, before anything is received, a clock that
shows less is set forward to what was saved, or to when this version was made. It is then late by as long as the board
was off, which nobody is told to believe (watch.clock says so), but what came in yesterday did not come in tomorrow.
"""

import os
import time

from edge.board import kernel

MADE = 1_793_491_200  # 2026-11-01: no box with this version has run before
_LATEST = 4_102_444_800  # 2100-01-01: no clock that shows more is to be gone on from
_NAME = "clock"


def path_of(state_dir):
    """Return where the time is saved."""
    return os.path.join(state_dir, "watch", _NAME)


def saved(path):
    """Return the time that was saved, in s since 1970, None where none was, or none that can be."""
    when = kernel.number(kernel.text(path), float)
    return when if when is not None and MADE <= when <= _LATEST else None


def save(path, now, is_trusted):
    """Save `now`, unless a later time was saved and this clock is not to be believed; whole or not at all.

    Its folder is not synced: a power cut may bring back the time that was saved before, some minutes older. That is
    not wrong, as the clock is late anyway then, by as long as the board is off. Returns whether it was saved. Raises
    OSError.
    """
    before = saved(path)
    if not MADE <= now <= _LATEST or (before is not None and now <= before and not is_trusted):
        return False
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    fresh = path + ".new"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, b"%d\n" % now)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(fresh, path)
    return True


def set_forward(path, now=time.time, set_clock=None):
    """Set the clock forward to the time that was saved, or to MADE; return to when, None where it shows more already.

    set_clock: function of s since 1970. Raises PermissionError for who may not.
    """
    least = max(MADE, saved(path) or 0)
    if now() >= least:
        return None
    (set_clock or _set)(least)
    return least


def _set(when):
    time.clock_settime(time.CLOCK_REALTIME, when)
