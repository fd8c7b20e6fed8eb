"""Octets between a descriptor and a terminal.Session: never blocked, never more in memory than a limit."""

import os
import select
import time

OUT_LIMIT = 64 << 10  # what waits for a terminal that takes nothing; more is dropped
_READ = 4096
_LOOK_S = 2.0  # between two looks at what the kernel reports nothing of

GONE, STOPPED, OVER = "gone", "stopped", "over"


class Pump:
    """Runs a Session on an open descriptor in the thread that calls `run`.

    descriptor: of a line or a socket, set to not block by this; wake: a descriptor that becomes readable when it has to
    stop; still_there: function that returns whether the far end is connected, asked now and then while somebody is
    logged in; None where the kernel reports that.
    """

    def __init__(self, descriptor, session, wake, still_there=None):
        self._fd = descriptor
        self._session = session
        self._wake = wake
        self._still_there = still_there
        self._out = bytearray()
        self._lost = 0
        os.set_blocking(descriptor, False)

    def run(self, typed=b""):
        """Go on until the far end is GONE, the dialogue is OVER, or there is something to read from `wake`: STOPPED.

        typed: what came before this began.
        """
        session = self._session
        self._put(session.begin(time.monotonic()))
        if typed:
            self._put(session.feed(typed, time.monotonic()))
        while True:
            if session.is_over:
                self._write()
                return OVER
            reading, writing = self._wait()
            if self._wake in reading:
                return STOPPED
            try:
                if writing:
                    self._write()
                if self._fd in reading:
                    octets = os.read(self._fd, _READ)
                    if not octets:
                        return GONE
                    self._put(session.feed(octets, time.monotonic()))
            except BlockingIOError:
                pass
            except OSError:
                return GONE
            self._tick()

    def _wait(self):
        """Wait until something can be read or written, or is due."""
        now = time.monotonic()
        ends = []
        pause = self._session.pause_until(now)
        if pause > now:
            ends.append(pause)
        due = self._session.deadline()
        if due is not None:
            ends.append(due)
        if self._watches():
            ends.append(now + _LOOK_S)
        wait_s = max(0, min(ends) - now) if ends else None
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        wanted = (select.POLLIN if pause <= now else 0) | (select.POLLOUT if self._out else 0)
        if wanted:  # with nothing wanted poll would still tell of a hang-up, over and over
            poll.register(self._fd, wanted)
        found = dict(poll.poll(None if wait_s is None else int(wait_s * 1000) + 1))
        told = found.get(self._fd, 0)
        came = told & (select.POLLIN | select.POLLHUP | select.POLLERR)
        reading = ([self._wake] if self._wake in found else []) + ([self._fd] if came else [])
        return reading, told & select.POLLOUT

    def _watches(self):
        return self._still_there is not None and self._session.who is not None

    def _tick(self):
        session, now = self._session, time.monotonic()
        due = session.deadline()
        if due is not None and now >= due:
            self._put(session.tick(now))
        if self._watches() and not self._still_there():
            session.restart(now)
            self._put(session.tick(now))

    def _put(self, octets):
        room = OUT_LIMIT - len(self._out)
        self._out += octets[:room]
        self._lost += max(0, len(octets) - room)
        if self._out:
            try:
                self._write()
            except BlockingIOError:
                pass
            except OSError:
                self._out.clear()  # the next read says that it is gone

    def _write(self):
        while self._out:
            try:
                done = os.write(self._fd, self._out)
            except BlockingIOError:
                return
            del self._out[:done]
            if not self._out and self._lost:
                self._out += b"\r\n[%d characters were not taken in time, and are lost]\r\n" % self._lost
                self._lost = 0
