"""Setup files on USB sticks: a thread that sleeps until something is mounted, and has what it finds there taken.

A stick or disc with DICOM objects is told of as an event, since its objects are taken in by hand.

The kernel says when a mount comes or goes, and when a device does. What appears in a folder without a mount is seen
within half a minute. Where there is a steward for mounts, as on an appliance, what comes is mounted, to be read.
"""

import logging
import os
import threading

from edge.service.consoles import Console
from edge.service.part import Part
from edge.service.settling import Settling
from edge.media import devices
from edge.net import here
from edge.settings import sticks
from edge.steward import client
from edge.steward.errors import StewardError
from edge.verbs.verb import ENGINEER, Asker

_log = logging.getLogger("edge.service")

_MOUNTS = "/proc/self/mountinfo"
_LOOK_MS = 30_000
_UEVENTS = 15  # NETLINK_KOBJECT_UEVENT
_UEVENT_LIMIT = 8192
_JOIN_S = 5.0
_ANSWER_S = 5.0  # for a port of the box itself
_TROUBLE = "setup"
_LEVELS = {"taken": "info", "waiting": "warning", "refused": "error"}


class Sticks(Part):
    """The one who looks at sticks: `setups` of the box."""

    name = "setup files"
    is_late = True

    def __init__(self, running):
        super().__init__(running)
        self._thread = None
        self._waker = None
        self._made = None
        self._sets = frozenset()  # the folders of file-sets that were told of
        self._parts = frozenset()  # of sticks that are in
        self._lock = threading.Lock()
        running.box.setups = self

    def start(self):
        """Begin to look."""
        wake, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, args=(wake,), name="sticks", daemon=True)
        self._thread.start()

    def stop(self):
        """Look no more. What is being taken is waited for a moment, unless it is what has asked for this."""
        if self._thread is None:
            return
        waker, self._waker = self._waker, None
        os.close(waker)
        if self._thread is not threading.current_thread():
            self._thread.join(_JOIN_S)

    def wants(self, old, new):
        """Say whether it looks elsewhere."""
        return old.setup != new.setup

    def renew(self, old, new):
        """Look there now."""
        if self._waker is not None:
            try:
                os.write(self._waker, b".")
            except BlockingIOError:
                pass  # it will look anyway

    def taker(self):
        """Return the taking.Taker, which nobody pays for before there is a stick."""
        from edge.settings import taking

        with self._lock:
            if self._made is None:
                box = self.running.box
                self._made = taking.Taker(
                    self.running[Settling].keeper, lambda: box.config, box.access.claim_code, self._fault, self._told
                )
            return self._made

    def look(self):
        """Look at the folders of sticks, and have taken what is new there."""
        self._mount()
        self._tell_of_sets(devices.file_sets())
        there = sticks.find(self.running.box.config.setup.stick_dirs)
        if there or self._made is not None:
            self.taker().look(there)
            refused = [each for each in self.taker().found() if each.state == "refused"]
            if refused:
                words = "the setup file in %s is not taken: %s" % (refused[0].folder, refused[0].words)
                self.running.spool.health.report(_TROUBLE, words)
            else:
                self.running.spool.health.clear(_TROUBLE)

    def _mount(self):
        """Have mounted what was put in since the last look, where there is a steward for that."""
        if not client.is_there(client.folder(), "mounts"):
            return
        there = {part: each.mounts for each in devices.sticks() for part in each.parts}
        fresh, self._parts = there.keys() - self._parts, frozenset(there)
        for part in sorted(fresh):
            if there[part]:
                continue  # a disk of the machine's own, or mounted already
            try:
                client.answer(client.folder(), "mounts", "mount", device=os.path.basename(part))
            except StewardError as error:
                _log.warning("what was put in is not mounted: %s", error)

    def _tell_of_sets(self, folders):
        """Note file-sets that were not here before; not where they are, as a volume may be called by its patient."""
        events = self.running.box.events
        if folders - self._sets and events is not None:
            events.note("a stick or disc with DICOM objects is in: the page Media, or `edge import`, takes them in")
        self._sets = folders

    def _run(self, wake):
        """Look, whenever something was put in or said, until nobody has the other end of the pipe `wake`."""
        import select

        poll = select.poll()
        poll.register(wake, select.POLLIN)
        try:
            mounts = os.open(_MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
            poll.register(mounts, select.POLLPRI)
        except OSError:
            mounts = None  # a machine without /proc: half a minute will do
        events = _device_events()
        if events is not None:
            poll.register(events, select.POLLIN)
        try:
            while True:
                try:
                    self.look()
                except Exception:
                    _log.exception("looking for a setup file failed inside this box")
                poll.poll(_LOOK_MS)
                if not _drain(wake):
                    return
                _drain_events(events)
        finally:
            os.close(wake)
            if mounts is not None:
                os.close(mounts)
            if events is not None:
                events.close()

    def _told(self, folder, state, words, serial):
        """Have it known what became of a file that nobody asked for."""
        box = self.running.box
        said = "the setup file in %s: %s" % (folder, words)
        _log.log(logging.INFO if state == "taken" else logging.WARNING, "%s", said)
        if box.events is not None:
            box.events.note(said, _LEVELS[state])
        if state != "waiting":
            failure = words if state == "refused" else None
            who = Asker("", ENGINEER, "setup file", folder)
            box.audit.write(who, "take-setup", {"folder": folder}, {"serial": serial}, failure)

    def _fault(self):
        """Say why the box does not answer at its ports, None when it does."""
        running, settings = self.running, self.running.box.config
        places = [(settings.dicom.bind, port) for port in (running.listener.port, running.listener.tls_port)]
        door = running[Console].door
        if settings.console.on and door is not None:
            places.append((settings.console.bind, door.port))
        for bind, port in places:
            why = None if port is None else _silent(bind, port)
            if why is not None:
                return "nothing answers at port %d: %s" % (port, why)
        return None


def _device_events():
    """Return the socket on which the kernel tells of devices that come and go; None where it may not be had."""
    import socket

    try:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, _UEVENTS)
        made.bind((0, 1))
        return made
    except OSError:
        return None


def _drain(wake):
    """Read what lies in a pipe; return whether anybody has its other end."""
    try:
        while os.read(wake, 512):
            pass
        return False
    except BlockingIOError:
        return True


def _drain_events(events):
    try:
        while events is not None and events.recv(_UEVENT_LIMIT):
            pass
    except OSError:
        pass  # there are no more, or more than were kept


def _silent(bind, port):
    """Say why nothing takes a connection at a port of this machine, None when something does."""
    import socket

    try:
        with socket.create_connection((here.reached(bind), port), _ANSWER_S):
            return None
    except OSError as error:
        return (error.strerror or str(error)).lower()
