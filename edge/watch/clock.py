"""Whether the box's clock can be believed, and what sets it.

A clock is not trusted while it shows a time before this version was made, or before what the box has taken in; for an
hour after it jumped, unless the kernel says that it has been set well since; and while the service that should set it
has not done so for a quarter of an hour. A clock that nothing sets, on a machine without one that runs on while it is
off, is not trusted after an hour: it began at any time, and drifts.

Source: adjtimex(2): STA_UNSYNC, STA_NANO.
"""

import os
import time
from _thread import allocate_lock
from collections import namedtuple

from edge.board.timekeeping import MADE
from edge.spool.health import Health

CHRONY, TIMESYNCD, NTPD, NONE = "chrony", "systemd-timesyncd", "ntpd", "none"
_BACK_S = 60  # how much earlier than what was taken in a clock may be: it was set right in between
_JUMP_S = 10
_JUMPED_S = 3600
_PATIENCE_S = 900  # of a service that sets the clock, from its start on
_UNSET_S = 3600  # how long nothing may set it
_RTC = "sys/class/rtc"
_UNSYNC, _NANO = 0x0040, 0x2000
_TIMESYNC = "/run/systemd/timesync"

_ADRIFT = (
    "nothing sets it, and this machine has no clock that goes on while it is off: run chrony or systemd-timesyncd with "
    "a time server that can be reached"
)

# source: what sets it, one of the above; is_set: whether the kernel says that it is set well, None where it does not
# say; offset_s: what the kernel has yet to correct; why: words for what is wrong with it, None when it is trusted
Clock = namedtuple("Clock", "source is_set offset_s why")


class Timekeeper:
    """Watches the clock. newest: when the last of what was taken in came; root: where the kernel's files are.

    now: function, s since 1970; steady: function, s of a clock that never steps; kernel: function, see kernel_state.
    """

    def __init__(self, newest=0.0, root="/", now=time.time, steady=None, kernel=None):
        self._newest = newest
        self._root = root
        self._now = now
        self._steady = steady or (lambda: time.clock_gettime(time.CLOCK_BOOTTIME))
        self._kernel = kernel or kernel_state
        self._lock = allocate_lock()
        self._began = self._steady()
        self._apart = now() - self._began  # how far the two clocks are apart
        self._jump = None  # (when by the steady clock, s it was set forward)
        self._health = Health(now)

    def state(self, is_wanted=True):
        """Return the Clock as it is; without `is_wanted` the kernel is asked only where something should set it."""
        with self._lock:
            now, steady = self._now(), self._steady()
            apart = now - steady
            if abs(apart - self._apart) > _JUMP_S:
                self._jump = steady, apart - self._apart
            self._apart = apart
            source = self._source()
            is_wanted = is_wanted or source != NONE or self._jump or self._is_adrift(steady)
            is_set, offset_s = self._kernel() if is_wanted else (None, None)
            return Clock(source, is_set, offset_s, self._why(now, steady, source, is_set))

    def _why(self, now, steady, source, is_set):
        cure = "set it, and see that a time server can be reached"
        if now < MADE:
            return "it shows %s, before this version was made: %s" % (_shown(now), cure)
        if now < self._newest - _BACK_S:
            return "it shows %s, before what came in at %s: %s" % (_shown(now), _shown(self._newest), cure)
        if is_set:
            self._jump = None
        elif self._jump is not None and 0 <= steady - self._jump[0] < _JUMPED_S:
            by = self._jump[1]
            return "it was set %s by %.0f s: see that it is right" % ("forward" if by > 0 else "back", abs(by))
        if source != NONE and is_set is False and steady - self._began >= _PATIENCE_S:
            return "%s runs and has not set it: see that its time servers can be reached" % source
        if source == NONE and is_set is False and self._is_adrift(steady):
            return _ADRIFT
        return None

    def _is_adrift(self, steady):
        """Say whether the box has run for long without a clock of the machine that goes on while it is off."""
        return steady - self._began >= _UNSET_S and not self._has_rtc()

    def _has_rtc(self):
        try:
            return bool(os.listdir(os.path.join(self._root, _RTC)))
        except OSError:
            return False

    def _source(self):
        for path, source in (
            ("run/chrony/chronyd.pid", CHRONY),
            ("run/chronyd.pid", CHRONY),
            ("run/systemd/timesync", TIMESYNCD),
            ("run/ntpd.pid", NTPD),
        ):
            if os.path.exists(os.path.join(self._root, path)):
                return source
        return NONE

    def troubles(self):
        """Return the health.Trouble of a clock that is not trusted, in a list."""
        why = self.state(is_wanted=False).why
        for key, fits in (("clock", why not in (None, _ADRIFT)), ("clock unset", why == _ADRIFT)):
            if fits:
                self._health.report(key, "the clock of the box cannot be believed: " + why)
            else:
                self._health.clear(key)
        return self._health.troubles()


def _shown(when):
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))


def kernel_state():
    """Return (whether the kernel says that the clock is set well, s that it has yet to correct); None for unknown."""
    import ctypes  # only who asks for it pays for it

    class Timex(ctypes.Structure):
        _fields_ = [
            ("modes", ctypes.c_uint),
            ("offset", ctypes.c_long),
            ("freq", ctypes.c_long),
            ("maxerror", ctypes.c_long),
            ("esterror", ctypes.c_long),
            ("status", ctypes.c_int),
            ("rest", ctypes.c_long * 32),
        ]

    found = Timex()
    try:
        if ctypes.CDLL(None).adjtimex(ctypes.byref(found)) < 0:
            return timesyncd_state(), None
    except (OSError, AttributeError):
        return timesyncd_state(), None
    if found.status & _UNSYNC:
        return False, None
    return True, found.offset / (1e9 if found.status & _NANO else 1e6)


def timesyncd_state(folder=_TIMESYNC):
    """Return whether systemd-timesyncd has set the clock, None where it does not run.

    It is asked by whom the kernel does not answer: a service that systemd keeps from the clock.
    """
    if not os.path.isdir(folder):
        return None
    return os.path.exists(os.path.join(folder, "synchronized"))
