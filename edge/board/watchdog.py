"""The watchdog of the machine: it resets the board unless it is fed in time.

On an appliance systemd holds it (RuntimeWatchdogSec), and this service is watched by systemd. Here is the same for a
machine without systemd. Once open, the device is fed until `close`, which says that it is meant (the magic `V`): where
the process dies instead, the board is reset.

Source: Linux Documentation/watchdog/watchdog-api.rst; include/uapi/linux/watchdog.h.
"""

import fcntl
import os
import struct
from collections import namedtuple

INFO = struct.Struct("=II32s")  # struct watchdog_info: options, firmware_version, identity
_NUMBER = struct.Struct("=i")


def _read(number, size):
    return (2 << 30) | (size << 16) | (ord("W") << 8) | number


GET_SUPPORT = _read(0, INFO.size)
KEEP_ALIVE = _read(5, _NUMBER.size)
SET_TIMEOUT = (3 << 30) | (_NUMBER.size << 16) | (ord("W") << 8) | 6
GET_TIMEOUT = _read(7, _NUMBER.size)
CAN_SET_TIMEOUT, CAN_STOP = 0x0080, 0x0100  # WDIOF_SETTIMEOUT, WDIOF_MAGICCLOSE

# identity: str; can_set: whether its time can be set; can_stop: whether the magic close stops it
Support = namedtuple("Support", "identity can_set can_stop")


class Watchdog:
    """A watchdog that is armed from now on. path: its device; period_s: the time wanted, or what it takes instead.

    Raises OSError where it cannot be had. ioctl: as fcntl.ioctl.
    """

    def __init__(self, path, period_s, ioctl=fcntl.ioctl):
        self._ioctl = ioctl
        self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            self.support = self._ask()
            self.period_s = self._set(period_s)
        except BaseException:
            os.close(self._fd)  # without the magic: a board that was armed and is not fed is to be reset
            raise

    def _ask(self):
        found = bytearray(INFO.size)
        self._ioctl(self._fd, GET_SUPPORT, found)
        options, _, identity = INFO.unpack(found)
        name = identity.split(b"\0")[0].decode("ascii", "replace")
        return Support(name, bool(options & CAN_SET_TIMEOUT), bool(options & CAN_STOP))

    def _set(self, period_s):
        number = bytearray(_NUMBER.pack(period_s))
        if self.support.can_set:
            self._ioctl(self._fd, SET_TIMEOUT, number)  # the driver puts in what it could do
        else:
            self._ioctl(self._fd, GET_TIMEOUT, number)
        return _NUMBER.unpack(number)[0]

    def feed(self):
        """Feed it. OSError where that fails."""
        self._ioctl(self._fd, KEEP_ALIVE, bytearray(_NUMBER.size))

    def close(self):
        """Disarm it, as far as it lets itself be."""
        os.write(self._fd, b"V")
        os.close(self._fd)
