"""The serial line of a box: its port opened, kept open, and opened again; and the same menus on the control socket.

A line has a thread of its own. Whatever happens on it, a flood, a cable that is pulled, a verb that takes long, holds
up nothing but itself.
"""

import logging
import os
import threading
import time

from edge.box import encryption
from edge.service import greeting
from edge.service.part import Part

_log = logging.getLogger("edge.service")

_REST_S = 2.0  # before a port that cannot be opened is tried again
_FAILED_S = 10.0
_JOIN_S = 2.0
_SAY_AGAIN_S = 60.0  # a line that comes and goes


class _Places:
    """So many terminals at a time: `with` it, and see whether there was a place."""

    def __init__(self, number):
        self._room = threading.Semaphore(number)
        self._mine = threading.local()

    def __enter__(self):
        self._mine.taken = self._room.acquire(blocking=False)
        return self._mine.taken

    def __exit__(self, *exception):
        if self._mine.taken:
            self._room.release()


TERMINALS = _Places(8)


class Line(Part):
    """The serial line of a box, as [serial] says; without a port there it does nothing."""

    name = "serial line"
    is_late = True

    def __init__(self, running):
        super().__init__(running)
        self._thread = None
        self._wake = self._waker = None

    def start(self):
        """Begin to listen on the line."""
        self._start_with(self.running.box.config.serial)

    def _start_with(self, settings):
        box = self.running.box
        if settings.port is None:
            return
        self._wake, self._waker = os.pipe()
        keeper = _Keeper(box, settings, self._wake)
        self._thread = threading.Thread(target=keeper.run, name="serial", daemon=True)
        self._thread.start()

    def stop(self):
        """Leave the line. A verb that runs on it is waited for a moment, unless it is what has asked for this."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        os.close(self._waker)
        if thread is not threading.current_thread():
            thread.join(_JOIN_S)

    def wants(self, old, new):
        """Say whether it is another port, or another rate."""
        return old.serial != new.serial

    def renew(self, old, new):
        """Leave the line as it was, and take it as it is to be."""
        self.stop()
        self._start_with(new.serial)


class _Keeper:
    """The thread of a line: opens the port, talks on it, and opens it again when it was lost."""

    def __init__(self, box, settings, wake):
        self._box = box
        self._settings = settings
        self._wake = wake
        self._is_lost = False
        self._said = -_SAY_AGAIN_S

    def run(self):
        """Go on until the other end of `wake` is closed."""
        from edge.service import pump

        try:
            while True:
                port = self._opened()
                if port is not None:
                    try:
                        ended = self._talk(port, pump)
                    finally:
                        _close(port)
                    if ended == pump.STOPPED:
                        return
                    if ended == pump.GONE:
                        self._say_lost("it was disconnected")
                if self._stopped_within(_REST_S):
                    return
        except Exception:
            _log.exception("the serial line failed inside this box; it is not served any more")
        finally:
            os.close(self._wake)

    def _stopped_within(self, seconds):
        import select

        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        return bool(poll.poll(int(seconds * 1000)))

    def _opened(self):
        """Return the open port, None when it cannot be had now."""
        import serial

        settings = self._settings
        try:
            port = serial.Serial(settings.port, settings.baud, timeout=0, write_timeout=0, exclusive=True)
        except (OSError, ValueError) as error:  # SerialException is an OSError
            self._say_lost(_reason(error))
            return None
        if self._is_lost:
            _log.info("the serial line %s is back", settings.port)
        self._is_lost = False
        return port

    def _say_lost(self, why):
        now = time.monotonic()
        if not self._is_lost and now - self._said >= _SAY_AGAIN_S:
            self._said = now
            self._is_lost = True
            _log.warning("the serial line %s cannot be used: %s; it is tried again", self._settings.port, why)

    def _talk(self, port, pump):
        from edge.terminal import menu, session

        settings = self._settings
        carrier = _Carrier(port)
        rate = "%d 8N1" % settings.baud
        talk = session.Session(
            lambda: menu.conversation(self._box, settings.port, lambda: place(self._box)),
            time.monotonic(), settings.idle_min * 60, rate, settings.port,
        )  # fmt: skip
        try:
            while True:
                ended = pump.Pump(port.fileno(), talk, self._wake, carrier.is_there).run()
                if ended != pump.OVER:
                    return ended
                if self._stopped_within(_FAILED_S):  # a screen that fails at once is not to do so without end
                    return pump.STOPPED
        finally:
            talk.close()


class _Carrier:
    """Whether the far end holds its carrier; what never had one, as a line of three wires, counts as there."""

    def __init__(self, port):
        self._port = port
        self._had = False

    def is_there(self):
        """Return False once a carrier that was there has gone."""
        try:
            has = self._port.cd
        except OSError:  # a pty, or a USB gadget, has no such line
            return True
        lost = self._had and not has
        self._had = has
        return not lost


def _close(port):
    try:
        port.close()
    except OSError:
        pass  # the device has gone


def _reason(error):
    """Say why a port cannot be opened, in few words."""
    import errno

    known = {
        errno.ENOENT: "there is no such device",
        errno.EACCES: "this user may not open it; add the user to the group of the device (dialout)",
        errno.EPERM: "this user may not open it; add the user to the group of the device (dialout)",
        errno.EBUSY: "another program uses it",
        errno.EAGAIN: "another program uses it; is a getty on it? then `systemctl disable --now serial-getty@...`",
    }
    return known.get(error.errno) or (error.strerror or str(error)).lower()


def place(box):
    """Return lines on where a box is found: its console with the fingerprint, and where to send."""
    settings = box.config
    lines = []
    console = settings.console
    if console.on:
        scheme = "https" if console.tls else "http"
        for each in greeting.addresses(console.bind):
            host = "[%s]" % each if ":" in each else each
            lines.append("Console      %s://%s:%d/" % (scheme, host, console.port))
        mark = console.tls and box.access.fingerprint(console.certificate)
        if mark:
            mark = _octets(mark)
            lines += ["Fingerprint  %s" % mark[:47], "  (SHA-256)  %s" % mark[48:]]
    else:
        lines.append("Console      none: `on` under [console] is false")
    for each in greeting.addresses(settings.dicom.bind)[:4]:
        dicom = settings.dicom
        ports = encryption.ports(dicom.port if dicom.plain else None, dicom.tls_port)
        lines.append("DICOM        %s at %s %s" % (settings.box.ae_title, each, ports))
    if settings.serial.port is not None:
        lines.append("Serial line  %s, %d 8N1" % (settings.serial.port, settings.serial.baud))
    return lines


def _octets(fingerprint):
    """Return a SHA-256 fingerprint as it is compared by eye: 32 pairs with colons."""
    digits = "".join([one for one in fingerprint.rpartition("sha256:")[2] if one.isalnum()]).upper()
    return ":".join([digits[at : at + 2] for at in range(0, len(digits), 2)])


def converse(box, connected, typed, who):
    """Serve the menus on a connected socket, for an Asker who needs no login, until either end goes.

    typed: octets that have come from it already.
    """
    from edge.service import pump
    from edge.terminal import menu, session

    talk = session.Session(
        lambda: menu.conversation(box, "a terminal", lambda: place(box), who), time.monotonic(), where="a terminal"
    )
    wake, waker = os.pipe()
    try:
        pump.Pump(connected.fileno(), talk, wake).run(typed)
    finally:
        talk.close()
        os.close(wake)
        os.close(waker)
