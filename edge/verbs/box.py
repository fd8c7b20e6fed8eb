"""What verbs work on: the configuration, the spool, and, where the service runs, the parts of it that can be asked."""

from edge.box import config, troubles
from edge.box.sameness import same_decoded
from edge.spool import errors
from edge.spool.spool import Limits, Spool
from edge.verbs.verb import Refused
from edge.watch import health

PAGE = 200  # of rows that are read from the index at a time
_DAY_S = 86400


class Box:
    """The box as its verbs see it. `config` is another one from the moment on that its settings were changed.

    config: config.Config; spool: Spool; associations: function, the summaries of those that are open, or None when no
    service runs. Every other part is None where there is none: each is named in `PARTS`, with what it is.
    """

    PARTS = {
        "audit": "who changed what: an audit.Trail",
        "access": "who may come in: an access.Access",
        "workers": "function, the worker.Worker of each destination",
        "ways": "what is known of the ways to destinations: a known.Ways",
        "lookout": "knocks at destinations while somebody looks: a lookout.Lookout",
        "settings": "the configuration file and its changes: a keeper.Keeper",
        "setups": "setup files on sticks: a service.sticks.Sticks",
        "exports": "exports to discs, sticks and folders: an exports.Exports",
        "loaded": "the configuration with its file and its warnings: a load.Loaded",
        "began": "when the service began, in s since 1970",
        "past": "the last associations: a past.Past",
        "meters": "what was counted since the service began: a meters.Meters",
        "board": "the machine below: a board.Board",
        "timekeeper": "whether its clock can be believed: a clock.Timekeeper",
        "alerts": "what is told of troubles: an alerts.Alerts",
        "events": "what happened, in words: an events.Events",
        "log": "the last lines of the log: a ring.Ring",
        "awaited": "what archives were asked to send here: an awaited.Awaited",
        "rehearsals": "lets the box test its own way in: a rehearsal.Rehearsals",
        "updates": "takes updates in: an updates.Updates, made when it is needed",
        "wrong": "function, every health.Trouble there is",
    }

    def __init__(self, settings, spool, associations=None, **parts):
        self.config = settings
        self.spool = spool
        self.associations = associations
        for name in self.PARTS:
            setattr(self, name, parts.pop(name, None))
        if parts:
            raise TypeError("a box has no part called %s" % ", ".join(parts))

    @property
    def is_running(self):
        """Whether the service runs, rather than a command on its state folder."""
        return self.associations is not None


def open_spool(settings):
    """Return the Spool of a config.Config, opened; see Spool.open for what it raises."""
    return Spool.open(settings.box.state_dir, limits_of(settings), same_decoded=same_decoded)


def limits_of(settings):
    """Return the spool's Limits of a config.Config."""
    limits = settings.limits
    return Limits(
        reserve_bytes=limits.reserve_bytes,
        quota_bytes=limits.quota_bytes,
        keep_delivered_s=limits.keep_delivered_days * _DAY_S,
        remove_delivered_s=limits.remove_delivered_days * _DAY_S,
        high_percent=limits.high_water_percent,
        low_percent=limits.low_water_percent,
        warn_full_s=limits.warn_full_h * 3600,
        conflict=limits.conflict,
    )


def wrong(box):
    """Return every health.Trouble of a Box, the oldest first."""
    return box.wrong() if box.wrong is not None else health.all_of(box.spool, box.config)


def must_know(box, name):
    """Raise Refused when no destination is called `name`."""
    if config.destination(box.config, name) is None:
        words = "no destination is called %s in the configuration that the box runs with" % name
        states = box.spool.jobs.counts().get(name, {})
        for trouble in troubles.stranded(box.spool, name, states) if states else ():
            words += "; " + trouble.words
        raise Refused(words)


def stored_object(spool, number):
    """Return the StoredObject with this number; raises Refused when there is none."""
    try:
        return spool.index.get(number)
    except errors.Unknown as error:
        raise Refused(str(error)) from None
