"""The parts of the box that receive, keep and forward."""

import logging
import os
import resource
import time

from edge.box import config, relaying
from edge.net import tls
from edge.net.awaited import Awaited
from edge.service import control, wiring
from edge.service.beating import Beating
from edge.service.housekeeping import Housekeeping
from edge.service.part import Part
from edge.verbs.box import limits_of
from edge.watch.watcher import Watcher
from edge.ways.known import Ways
from edge.ways.lookout import Lookout

_log = logging.getLogger("edge.service")

FORWARD_S = 10  # how long an object that is being forwarded may go on when the box, or its destination's worker, stops


class Log(Part):
    """How much goes to the log."""

    name = "log"

    def wants(self, old, new):
        """Say whether the level is another."""
        return old.box.log_level != new.box.log_level

    def renew(self, old, new):
        """Set the level."""
        logging.getLogger().setLevel(new.box.log_level.upper())


class Descriptors(Part):
    """How many files and sockets the process may have open."""

    name = "descriptors"

    def __init__(self, running):
        super().__init__(running)
        self.prepare(running.box.config)

    def wants(self, old, new):
        """Say whether it may be more than before."""
        return wiring.descriptors(new) > wiring.descriptors(old)

    def prepare(self, new):
        """Let this process have as many as it needs, as far as the system lets it; say when that is too few."""
        needed = wiring.descriptors(new)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < needed:
            words = (
                "this box may open %d files at a time and would need %d when it is busy: raise the limit (LimitNOFILE= "
                "of its service, ulimit -Hn), or lower max_associations under [dicom]"
            )
            _log.warning(words, hard, needed)
            needed = hard
        if soft != resource.RLIM_INFINITY and soft < needed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


class Room(Part):
    """What the spool takes on."""

    name = "limits"

    def wants(self, old, new):
        """Say whether a limit is another."""
        return old.limits != new.limits

    def renew(self, old, new):
        """Go by the new limits."""
        self.running.spool.renew(limits_of(new))


class Routing(Part):
    """Where objects go. `routes`: wiring.Routes."""

    name = "routes"

    def __init__(self, running):
        super().__init__(running)
        self.routes = wiring.Routes(running.spool)
        self.routes.renew(running.box.config)

    def wants(self, old, new):
        """Say whether a route is another."""
        return old.routes != new.routes

    def renew(self, old, new):
        """Go by the new routes."""
        self.routes.renew(new)


class Reporting(Part):
    """Who may report on storage commitment. `reports`: report.Reports, or None as long as nobody may."""

    name = "commitment reports"

    def __init__(self, running):
        super().__init__(running)
        self.reports = None
        self.renew(None, running.box.config)

    def wants(self, old, new):
        """Say whether somebody else may."""
        return wiring.answering(old) != wiring.answering(new)

    def renew(self, old, new):
        """Take reports of those who may now."""
        if self.reports is not None:
            self.reports.renew(wiring.answering(new))
        elif wiring.answering(new):
            self.reports = wiring.make_reports(new, self.running.spool)


class Watching(Part):
    """What the box knows of itself. `watcher`: watcher.Watcher."""

    name = "watch"

    def __init__(self, running):
        super().__init__(running)
        self.watcher = Watcher(running.box.config, running.spool)
        for name, part in self.watcher.parts().items():
            setattr(running.box, name, part)
        running.box.wrong = lambda: self.watcher.troubles(running.box.config)

    def stop(self):
        """Leave on disk what is to survive."""
        self.watcher.close()


class Listening(Part):
    """The way in for modalities. `listener`: listener.Listener, whose `run` is the service's own."""

    name = "listener"

    def __init__(self, running):
        super().__init__(running)
        self._made = None
        routes, self._reports = running[Routing].routes, running[Reporting].reports
        running.box.awaited = Awaited()
        self.listener = wiring.make_listener(
            running.box.config, running.spool, routes, self._reports, running[Watching].watcher.tell,
            running.box.awaited, running[Beating].progress,
        )  # fmt: skip
        self._settings = self.listener.settings
        running.box.rehearsals = self.listener.rehearsals

    def stop(self):
        """Let go of what is left when `run` has returned."""
        self.listener.close()

    def wants(self, old, new):
        """Say whether anything changes for those who come."""
        return _of_listener(old) != _of_listener(new) or (wiring.answering(new) and self._reports is None)

    def prepare(self, new):
        """Bind what is to be listened on."""
        self._settings = wiring.listener_settings(new, self.listener.settings)
        self._made = self.listener.prepare(self._settings)

    def forget(self):
        """Let go of what was bound."""
        if self._made is not None:
            self.listener.forget(self._made)
            self._made = None

    def renew(self, old, new):
        """Meet newcomers as it says now; those who are here go on."""
        self._reports = self.running[Reporting].reports
        made, self._made = self._made, None
        self.listener.renew(self._settings, self._reports, made)


def _of_listener(settings):
    return settings.box.ae_title, settings.dicom, settings.tls, settings.limits, settings.modalities


class Relay(Part):
    """Where other boxes upload. `server`: httpd.Server, or None."""

    name = "relay"

    def __init__(self, running):
        super().__init__(running)
        self.server = None
        self._tls = None
        self._made = None
        self.prepare(running.box.config)
        self._take(running.box.config)

    @property
    def port(self):
        """The TCP port listened on, or None."""
        return None if self.server is None else self.server.port

    def start(self):
        """Begin to answer."""
        if self.server is not None:
            self.server.start()

    def stop(self):
        """Cut what is under way: a box goes on from what it was told is here."""
        if self.server is not None:
            self.server.stop(FORWARD_S)

    def wants(self, old, new):
        """Say whether anything changes for other boxes."""
        return _of_relay(old) != _of_relay(new)

    def prepare(self, new):
        """Bind the port, if it is another."""
        terms = relaying.server_terms(new)
        if self._tls is None or self._tls.terms != terms:
            self._tls = tls.Server(terms)
        place = new.relay.bind, new.relay.port
        if new.relay.port is not None and (self.server is None or self.server.place != place):
            known = () if self.server is None else self.server.doors
            routes = self.running[Routing].routes
            self._made = wiring.make_relay(new, self.running.spool, routes, self._tls, known)

    def forget(self):
        """Let go of the port."""
        if self._made is not None:
            self._made.stop()
            self._made = None

    def _take(self, new):
        self.running.spool.uploads.keep_s = new.relay.keep_days * 86400
        made, self._made = self._made, None
        before = self.server
        if made is not None or new.relay.port is None:
            self.server = made
        return before

    def renew(self, old, new):
        """Answer by what it says now, at the same place or at another one."""
        before = self._take(new)
        if self.server is None or self.server is not before:
            if self.server is not None:
                self.server.start()
            if before is not None:
                before.stop(FORWARD_S)
        else:
            terms = wiring.relay_terms(new, self.running.spool, self.running[Routing].routes, self._tls)
            self.server.renew(*terms)


def _of_relay(settings):
    terms = relaying.server_terms(settings), settings.limits.per_address, settings.limits.object_bytes
    return (settings.relay, *terms) if settings.relay.port is not None else None


class Forwarding(Part):
    """The workers of the destinations, and those who ask for commitment."""

    name = "destinations"

    def __init__(self, running):
        super().__init__(running)
        self._at_work = {}  # (kind, destination's name) -> (all that it is made of, Worker or Committer)
        self._made = {}
        running.box.workers = self.workers
        self.prepare(running.box.config)

    def workers(self):
        """Return the Worker of each destination."""
        return [made for (kind, _), (_, made) in list(self._at_work.items()) if kind == _OBJECTS]

    def start(self):
        """Begin to forward."""
        self._go_over(self.running.box.config)

    def stop(self):
        """Let the objects under way be finished, then break them off."""
        self._leave(list(self._at_work))

    def wants(self, old, new):
        """Say whether anything changes for a destination, or in the files that it is changed by."""
        return _all_terms(new) != {key: terms for key, (terms, _) in self._at_work.items()}

    def prepare(self, new):
        """Make those who are to work instead of others, or beside them."""
        self._made = {}
        for key, terms in _all_terms(new).items():
            if key not in self._at_work or self._at_work[key][0] != terms:
                self._made[key] = terms, self._make(new, *key)

    def _make(self, new, kind, name):
        destination = config.destination(new, name)
        if kind == _OBJECTS:
            return wiring.make_worker(new, self.running.spool, destination, self.running[Watching].watcher.tell,
                                      self.running[Beating].progress)  # fmt: skip
        return None  # it makes itself known as the one who asks: only once the one before it has left

    def forget(self):
        """Let go of those who were made."""
        self._made = {}

    def renew(self, old, new):
        """Have those work whom it says now; who is meant before and after is left alone."""
        self._leave([key for key in self._at_work if key in self._made or key not in _all_terms(new)])
        self._go_over(new)

    def _leave(self, keys):
        leaving = [self._at_work.pop(key)[1] for key in keys]
        for each in leaving:
            each.stop()
        end = time.monotonic() + FORWARD_S
        for each in leaving:
            each.join(max(0, end - time.monotonic()))

    def _go_over(self, new):
        spool, reports = self.running.spool, self.running[Reporting].reports
        wiring.wave_through(new, spool)
        for key, (terms, made) in self._made.items():
            if made is None:
                made = wiring.make_committer(new, spool, config.destination(new, key[1]), reports)
            self._at_work[key] = terms, made
            made.start()
        self._made = {}


_OBJECTS, _COMMITMENT = "objects", "commitment"


def _all_terms(settings):
    """Return {(kind, destination's name): all that its Worker or Committer is made of} of a config.Config."""
    found = {}
    for each in settings.destinations:
        found[_OBJECTS, each.name] = wiring.worker_terms(settings, each)
        if each.commitment:
            found[_COMMITMENT, each.name] = wiring.committer_terms(settings, each)
    return found


class House(Part):
    """Housekeeping, and the log of what is wrong."""

    name = "housekeeping"

    def __init__(self, running):
        super().__init__(running)
        spool = running.spool
        self._housekeeping = Housekeeping(
            spool,
            lambda: bool(running.associations()) or spool.quota.pressed.is_set(),
            running.box.wrong,
            running[Beating].progress,
        )

    def start(self):
        """Begin to keep house, and log what is wrong."""
        self._housekeeping.start()
        self._housekeeping.log_troubles()

    def stop(self):
        """Keep house no more."""
        self._housekeeping.stop()


class Looking(Part):
    """The one who knocks at destinations while somebody looks."""

    name = "lookout"

    def __init__(self, running):
        super().__init__(running)
        jobs, box = running.spool.jobs, running.box
        box.ways = Ways(os.path.join(running.spool.path, "watch", "ways.json"), running.spool.now)
        box.lookout = Lookout(lambda: box.config.destinations, lambda name: jobs.link(name).failures > 0, jobs.wake)

    def stop(self):
        """Knock no more, and keep how the ways were."""
        box = self.running.box
        box.lookout.stop()
        for each in box.config.destinations:
            box.ways.see(each, self.running.spool.jobs)


class Control(Part):
    """The control socket."""

    name = "control socket"

    def __init__(self, running):
        super().__init__(running)
        self._server = control.Server(running.box)

    def start(self):
        """Begin to answer."""
        self._server.start()

    def stop(self):
        """Answer no more."""
        self._server.stop()
