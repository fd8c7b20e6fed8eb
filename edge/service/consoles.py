"""Who may come in, and the console: parts of the running box that never keep it from starting, or from working."""

import logging
import os
import sys
import threading

from edge.access.access import Access
from edge.access.audit import FOLDER, Trail
from edge.box import console_keys
from edge.net.doors import CannotListen
from edge.service import greeting, words
from edge.service.beating import Beating
from edge.service.part import Part
from edge.web import door, encryption

_log = logging.getLogger("edge.service")

_TROUBLE = "console"
_AGAIN_S = 30  # before a console that cannot listen tries again
_DRAIN_S = 5.0  # how long one that moves elsewhere goes on answering


class Admission(Part):
    """Users, sessions and tokens, and the trail of what was changed by whom: `access` and `audit` of the box."""

    name = "users"

    def __init__(self, running):
        super().__init__(running)
        box = running.box
        state_dir = box.config.box.state_dir
        box.audit = Trail(os.path.join(state_dir, FOLDER), told=self._told)
        box.access = Access(state_dir, box.config.console.idle_min * 60)

    def _told(self, fault):
        if fault is None:
            self.running.spool.health.clear(FOLDER)
        else:
            self.running.spool.health.report(FOLDER, fault)

    def wants(self, old, new):
        """Say whether one may be silent for another while."""
        return old.console.idle_min != new.console.idle_min

    def renew(self, old, new):
        """Go by the new while."""
        self.running.box.access.idle_s = new.console.idle_min * 60


class Console(Part):
    """The web console. `door`: door.Door, or None."""

    name = "console"
    is_late = True

    def __init__(self, running):
        super().__init__(running)
        self.door = None
        self._made = None
        self._lock = threading.Lock()
        self._again = None
        self._path = None  # its progress.Path
        self._has_ended = False

    @property
    def port(self):
        """The TCP port listened on, or None."""
        return None if self.door is None else self.door.port

    def start(self):
        """Begin to listen, now or as soon as that can be."""
        with self._lock:
            settings = self.running.box.config
            if self._has_ended or self.door is not None or not settings.console.on:
                return
            try:
                self.running.box.access.claim_code()
                made = _make(self.running.box, settings)
            except Exception as error:
                self._cannot(error, settings)
                return
            self._take(made, settings)

    def _cannot(self, error, settings):
        """Have it known that there is no console, and try again later."""
        if isinstance(error, OSError):
            said = words.of(CannotListen(error, settings.console.port), settings)
        else:
            said = str(error) or type(error).__name__
        if not any([each.key == _TROUBLE for each in self.running.spool.health.troubles()]):
            _log.error("there is no console: %s; the box works without it", said, exc_info=_unforeseen(error))
        self.running.spool.health.report(_TROUBLE, "there is no console: %s" % said)
        self._again = threading.Timer(_AGAIN_S, self.start)
        self._again.daemon = True
        self._again.start()

    def _take(self, made, settings):
        self.door = made
        self._watch(made)
        made.start()
        self.running.spool.health.clear(_TROUBLE)
        _log.info("the console listens on port %d", made.port)
        for line in _greeting(self.running.box, made.port):
            print(line, flush=True)

    def _watch(self, made):
        """Have the loop of the console asked whether it moves, in place of the one before it."""
        paths = self.running[Beating].progress
        if self._path is not None:
            paths.leave(self._path)
        if made is not None:
            path = self._path = paths.path("console", lambda: made.come_round(path.here))

    def stop(self):
        """Listen no more, and cut who is connected."""
        self._watch(None)
        with self._lock:
            self._has_ended = True
            if self._again is not None:
                self._again.cancel()
            if self.door is not None:
                self.door.stop()

    def wants(self, old, new):
        """Say whether it listens elsewhere, or otherwise."""
        return _of_console(old) != _of_console(new)

    def prepare(self, new):
        """Bind the port, if it is another."""
        place = new.console.bind, new.console.port
        here = self.door and (self.door.settings.address, self.door.settings.port)
        if new.console.on and here != place:
            try:
                self._made = _make(self.running.box, new)
            except OSError as error:
                raise CannotListen(error, new.console.port) from None

    def forget(self):
        """Let go of the port."""
        if self._made is not None:
            self._made.stop()
            self._made = None

    def renew(self, old, new):
        """Listen as it says now. Who asked for this is answered, where he asked."""
        with self._lock:
            made, self._made = self._made, None
            before = self.door
            if made is not None or not new.console.on:
                self.door = None
                if made is not None:
                    self._take(made, new)
                else:
                    self._watch(None)
                    self.running.spool.health.clear(_TROUBLE)
                if before is not None:
                    threading.Thread(target=before.stop, args=(_DRAIN_S,), name="old console", daemon=True).start()
            elif before is not None:
                before.settings = _settings(new)
                before.context = encryption.make_context(new, self.running.box.access)


def _unforeseen(error):
    from edge.access.selfmade import CannotMake

    return None if isinstance(error, (OSError, CannotMake)) else error


def _make(box, settings):
    """Return the door.Door of a config.Config, bound and not started. Raises OSError, selfmade.CannotMake."""
    return door.Door(box, _settings(settings), encryption.make_context(settings, box.access))


def _settings(settings):
    own = settings.console
    return door.Settings(own.bind, own.port, own.max_connections, max(4, own.max_connections // 2))


def _of_console(settings):
    own = settings.console
    return own.on and (own.bind, own.port, own.tls, own.max_connections, console_keys.server_terms(settings))


def _greeting(box, port):
    """Yield lines for the terminal: where the console is, by what to know it, and how to claim it."""
    settings = box.config
    scheme = "https" if settings.console.tls else "http"
    host = greeting.addresses(settings.console.bind)[0]
    yield "  console    %s://%s:%d/" % (scheme, "[%s]" % host if ":" in host else host, port)
    if settings.console.tls:
        print_of = box.access.fingerprint(settings.console.certificate)
        if print_of is not None:
            yield "             its certificate's SHA-256 fingerprint: %s" % print_of
    if box.access.is_claimed():
        return
    if sys.stdout.isatty():  # what else stdout leads to may be a log, where it must not stand
        yield "             claim it with the code %s" % box.access.claim_code()
    else:
        place = os.path.join(box.access.folder, "claim")
        shown = "%s console --tty%s" % (greeting.called(), greeting.option(box.loaded.path))
        yield "             nobody has claimed it yet; %s shows the code, on this box; it is in %s" % (shown, place)
