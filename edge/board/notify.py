"""Telling systemd how the service is (sd_notify), by datagrams to the socket that the environment names.

Source: sd_notify(3): NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID; READY=1, STOPPING=1, RELOADING=1 with MONOTONIC_USEC,
STATUS, WATCHDOG=1.
"""

import os
import socket
import time

_NAME_LIMIT = 107  # of sockaddr_un


class Notifier:
    """Tells whoever started the service, if he listens; nothing here fails or waits when nobody does.

    environment: mapping; the variables stay in it, for whoever is started from here has no business with them.
    """

    def __init__(self, environment=os.environ):
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self.watchdog_s = _watchdog_s(environment)  # how long he waits for `fed`, None where he does not
        self._socket = None

    @property
    def is_heard(self):
        """Whether anybody listens."""
        return self._address is not None

    def ready(self, status):
        """Say that the service is ready, or again so after `reloading`."""
        self._tell("READY=1", "STATUS=" + _line(status))

    def status(self, words):
        """Say how it does, for `systemctl status`."""
        self._tell("STATUS=" + _line(words))

    def reloading(self):
        """Say that it takes its configuration in again; `ready` when that is done."""
        self._tell("RELOADING=1", "MONOTONIC_USEC=%d" % (time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000))

    def stopping(self):
        """Say that it ends."""
        self._tell("STOPPING=1")

    def fed(self):
        """Say that it moves."""
        self._tell("WATCHDOG=1")

    def _tell(self, *lines):
        if self._address is None:
            return
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                self._socket.setblocking(False)
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            pass  # he is gone, or does not read

    def close(self):
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _address(name):
    """Return the address of a socket by what NOTIFY_SOCKET says: a path, or "@" for an abstract name; None for none."""
    if len(name) < 2 or name[0] not in "/@" or len(os.fsencode(name)) > _NAME_LIMIT:
        return None
    return "\0" + name[1:] if name[0] == "@" else name


def _watchdog_s(environment):
    try:
        period_us = int(environment.get("WATCHDOG_USEC", "0"))
        meant = int(environment.get("WATCHDOG_PID") or os.getpid())
    except ValueError:
        return None
    return period_us / 1e6 if period_us > 0 and meant == os.getpid() else None


def _line(words):
    return " ".join(words.split())
