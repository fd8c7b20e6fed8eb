"""Run the box: open everything, say that it is ready, serve until told to stop, and leave everything in order."""

import errno
import gc
import logging
import os
import resource
import signal
import sys
import time

from edge.box import encryption, load, troubles
from edge.console.commands import DONE, FAILED, IN_USE
from edge.console.text import complain
from edge.forward.worker import Worker
from edge.net.listener import CannotListen
from edge.service import control, greeting, telling, wiring
from edge.service.housekeeping import Housekeeping
from edge.spool import errors
from edge.verbs.box import Box, open_spool
from edge.ways.lookout import Lookout

_log = logging.getLogger("edge.service")

_FORWARD_S = 10  # how long an object that is being forwarded may go on when the box stops


class _Stopped(Exception):
    """The box was told to stop before it was ready."""


def run(loaded):
    """Serve with a Loaded configuration; return the exit code."""
    _log_to_stderr(loaded.config.box.log_level)
    if loaded.path is not None:  # what there is to say of the built-in defaults stands in the greeting
        for warning in loaded.warnings:
            _log.warning("%s", load.say(loaded.path, warning))
    try:
        return _Service(loaded).run()
    except _Stopped:
        return DONE
    except errors.Locked as error:
        return complain(str(error), IN_USE)
    except (errors.Degraded, errors.NoSpace) as error:
        return complain(str(error), FAILED)
    except OSError as error:
        return complain(_words(error, loaded.config), FAILED)


def _words(error, settings):
    """Say in words what a system call refused on the way to being ready, and what to do."""
    number = error.port if isinstance(error, CannotListen) else settings.dicom.port
    table = settings.relay if number == settings.relay.port else settings.dicom
    port = "port %d on %s" % (number, table.bind)
    where = "[relay]" if table is settings.relay else "[dicom]"
    key = "tls_port" if number == settings.dicom.tls_port else "port"
    if error.errno == errno.EADDRINUSE:
        return "%s is taken: another program listens there; stop it, or set another %s under %s" % (port, key, where)
    if error.errno == errno.EADDRNOTAVAIL:
        return "%s is no address of this machine; set bind under %s" % (table.bind, where)
    if error.errno == errno.EACCES and error.filename is None:
        return "%s may be listened on by root alone; set a %s above 1023 under %s" % (port, key, where)
    what = error.filename or settings.box.state_dir
    return "%s: %s; set state_dir under [box] to a folder that can be written" % (what, (error.strerror or "").lower())


def _have_descriptors(needed):
    """Let this process have as many open files as it needs, as far as the system lets it; say when that is too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        words = "this box may open %d files at a time and would need %d when it is busy: raise the limit (LimitNOFILE="
        _log.warning(words + " of its service, ulimit -Hn), or lower max_associations under [dicom]", hard, needed)
        needed = hard
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


class _LevelFormatter(logging.Formatter):
    """Lines that begin with the level: what a person greps for, and what a journal sorts by."""

    def format(self, record):
        level = record.levelname.lower().ljust(7)
        when = self.formatTime(record, "%Y-%m-%d %H:%M:%S")
        lines = record.getMessage().split("\n")
        if record.exc_info:
            lines += self.formatException(record.exc_info).split("\n")
        return "\n".join(["%s %s %s" % (level, when, line) for line in lines])


def _log_to_stderr(level):
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LevelFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())


class _Service:
    """Everything that runs, in the order in which it begins; it ends the other way round."""

    def __init__(self, loaded):
        self._loaded = loaded
        self._began = time.monotonic()
        self._ring = telling.keep_log()
        self._listener = None

    def run(self):
        """Begin, serve, end; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_stop)
        settings = self._loaded.config
        _have_descriptors(wiring.descriptors(settings))
        spool = open_spool(settings)
        try:
            return self._serve(settings, spool)
        finally:
            spool.close()

    def _told_to_stop(self, number, frame):
        """Stop in order; told again, the process ends as signals have it by default: at once."""
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        if self._listener is None:
            raise _Stopped
        self._listener.stop()

    def _serve(self, settings, spool):
        listener = wiring.make_listener(settings, spool)
        relay = wiring.make_relay(settings, spool)
        workers = [*wiring.make_workers(settings, spool), *wiring.make_committers(settings, spool)]
        ways = [each for each in workers if isinstance(each, Worker)]
        jobs = spool.jobs
        lookout = Lookout(lambda: settings.destinations, lambda name: jobs.link(name).failures > 0, jobs.wake)
        told = telling.Telling(settings, spool, self._ring, dict)
        box = Box(settings, spool, listener.associations, workers=lambda: ways, lookout=lookout, **told.parts())
        server = control.Server(box)
        housekeeping = Housekeeping(
            spool,
            lambda: bool(listener.associations()) or spool.quota.pressed.is_set(),
            lambda: troubles.all_of(spool, settings),
        )
        self._listener = listener
        # A signal may reach any thread; this one, which alone acts on it, has to hear of it wherever it sleeps
        signal.set_wakeup_fd(listener.fileno(), warn_on_full_buffer=False)
        counts = spool.jobs.counts()  # before anybody claims some of them
        for each in (server, housekeeping, *workers, *([relay] if relay else ()), told):
            each.start()
        try:
            housekeeping.log_troubles()
            self._say_ready(counts, listener, relay)
            listener.run()
        finally:
            signal.set_wakeup_fd(-1)
            listener.close()
            if relay:
                relay.stop(_FORWARD_S)
            server.stop()
            lookout.stop()
            self._stop_workers(workers)
            housekeeping.stop()
            told.stop()
        _log.info("stopped; what was not delivered goes on at the next start")
        return DONE

    def _stop_workers(self, workers):
        for each in workers:
            each.stop()
        end = time.monotonic() + _FORWARD_S
        for each in workers:
            each.join(max(0, end - time.monotonic()))

    def _say_ready(self, counts, listener, relay):
        waiting = {name: states["waiting"][0] for name, states in counts.items()}
        held = {name: states["held"][0] for name, states in counts.items()}
        for line in greeting.lines(self._loaded, listener.port, waiting, held, listener.tls_port):
            print(line)
        gc.collect()
        gc.freeze()  # what is there now stays: nothing of it need be looked at again
        took_s = time.monotonic() - self._began
        ports = encryption.ports(listener.port, listener.tls_port)
        if relay:
            ports += ", the relay on port %d" % relay.port
        print("ready: DICOM on %s after %.2f s, process %d" % (ports, took_s, os.getpid()), flush=True)
