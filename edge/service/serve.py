"""Run the box: open everything, say that it is ready, serve until told to stop, and leave everything in order."""

import gc
import logging
import os
import signal
import sys
import time

from edge.box import encryption, load
from edge.console.commands import DONE, FAILED, IN_USE, MISCONFIGURED
from edge.console.text import complain
from edge.service import greeting, parts, telling, words
from edge.service.beating import Beating
from edge.service.running import Running
from edge.service.settling import Settling
from edge.settings import keeper
from edge.spool import errors
from edge.toml import reading
from edge.verbs.box import limits_of, open_spool

_log = logging.getLogger("edge.service")

_STDIN = 0


class _Stopped(Exception):
    """The box was told to stop before it was ready."""


def run(loaded):
    """Serve with a Loaded configuration; return the exit code."""
    _log_to_stderr(loaded.config.box.log_level)
    if loaded.path is not None:  # what there is to say of the built-in defaults stands in the greeting
        for warning in loaded.warnings:
            _log.warning("%s", reading.say(loaded.path, warning))
    try:
        return _Service(loaded).run()
    except _Stopped:
        return DONE
    except load.ConfigError as error:  # of the one before, which was to be gone back to
        return complain(str(error), MISCONFIGURED)
    except errors.Locked as error:
        return complain(str(error), IN_USE)
    except (errors.Degraded, errors.NoSpace) as error:
        return complain(str(error), FAILED)
    except OSError as error:
        return complain(words.of(error, loaded.config), FAILED)


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
    """The process: the box from its first moment to its last, and the signals that it is sent."""

    def __init__(self, loaded):
        self._loaded = loaded
        self._began = time.monotonic()
        self._ring = telling.keep_log()
        self._running = None
        self._has_terminal = os.isatty(_STDIN)

    def run(self):
        """Begin, serve, end; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_stop)
        signal.signal(signal.SIGHUP, self._told_to_reload)
        spool = open_spool(self._loaded.config)  # from here on no other service has this folder
        try:
            self._settle(spool)
            return self._serve(spool)
        finally:
            spool.close()

    def _told_to_stop(self, number, frame):
        """Stop in order; told again, the process ends as signals have it by default: at once."""
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        if self._running is None:
            raise _Stopped
        self._running[Beating].notifier.stopping()
        self._running.listener.stop()

    def _told_to_reload(self, number, frame):
        """Take the configuration file in again; when it is the terminal that has gone, stop."""
        if self._has_terminal and not os.isatty(_STDIN):
            self._told_to_stop(number, frame)
        elif self._running is not None:
            self._running[Settling].reload()

    def _settle(self, spool):
        """Go by the configuration before, when this one was on trial as the service ended."""
        loaded = keeper.settle(self._loaded)
        if loaded is not self._loaded:
            self._loaded = loaded
            logging.getLogger().setLevel(loaded.config.box.log_level.upper())
            spool.renew(limits_of(loaded.config))

    def _serve(self, spool):
        running = Running(self._loaded, spool, self._ring)
        listener = running.listener
        # A signal may reach any thread; this one, which alone acts on it, has to hear of it wherever it sleeps
        signal.set_wakeup_fd(listener.fileno(), warn_on_full_buffer=False)
        counts = spool.jobs.counts()  # before anybody claims some of them
        self._running = running
        running.start()
        try:
            self._say_ready(counts, running)
            listener.run()
        finally:
            signal.set_wakeup_fd(-1)
            running.stop()
        _log.info("stopped; what was not delivered goes on at the next start")
        return DONE

    def _say_ready(self, counts, running):
        waiting = {name: states["waiting"][0] for name, states in counts.items()}
        held = {name: states["held"][0] for name, states in counts.items()}
        listener, relay = running.listener, running[parts.Relay]
        for line in greeting.lines(self._loaded, listener.port, waiting, held, listener.tls_port):
            print(line)
        for line in running.lines():
            print(line)
        gc.collect()
        gc.freeze()  # what is there now stays: nothing of it need be looked at again
        took_s = time.monotonic() - self._began
        ports = encryption.ports(listener.port, listener.tls_port)
        if relay.port is not None:
            ports += ", the relay on port %d" % relay.port
        print("ready: DICOM on %s after %.2f s, process %d" % (ports, took_s, os.getpid()), flush=True)
        running[Beating].notifier.ready("DICOM on %s" % ports)
