"""What is known of the way to each destination: whether it works, since when, and why not. It survives a restart.

It is learnt from three sides. What the worker meets and what a test finds says both; a knock (see lookout) says only
that something is down: who opens a connection does not know yet whether TLS and the association behind it work. So a
way that nobody has used or tested is neither up nor down, and one that a knock saw go down is up again by a knock only
where it was known to work before.
"""

import json
import threading
from collections import namedtuple

from edge.access import files
from edge.box import config

# up: bool, None for not tried yet; since: s since 1970, or None; why: not, in words, or None
State = namedtuple("State", ("up", "since", "why"))

_KNOCK, _USE = "knock", "use"  # by what it was learnt; a test counts as use


_FIELDS = {"place", "up", "since", "why", "by", "proven", "at"}


class Ways:
    """The ways to destinations by their names, kept in the file at `path`; now: function, s since 1970."""

    def __init__(self, path, now):
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._seen = {}  # name -> what the spool knew when it was last looked at
        self._rows = _read(path)  # name -> what stands in the file: a dict with _FIELDS
        self._written = json.dumps(self._rows)

    def see(self, destination, jobs, knock=None):
        """Return the State of a config.Destination. jobs: the spool's; knock: lookout.Found, or None."""
        name = destination.name
        with self._lock:
            row = self._row(destination, jobs)
            link, worked = jobs.link(name), jobs.worked(name)
            seen = link.failures, link.since, worked
            if seen != self._seen.get(name, (0, 0.0, 0.0)):
                self._used(row, link, worked, self._seen.get(name))
                self._seen[name] = seen
            if knock is not None:
                _knocked(row, knock)
            self._keep()
            return State(row["up"], row["since"], None if row["up"] else row["why"])

    def tested(self, destination, jobs, why):
        """Put down what a test of a config.Destination found; why: it does not work, None when it does."""
        with self._lock:
            _learn(self._row(destination, jobs), why is None, self._now(), why, _USE)
            self._keep()

    def _row(self, destination, jobs):
        """Return the row of a destination, a new one where another place was meant until now."""
        name, place = destination.name, config.where(destination)
        row = self._rows.get(name)
        if row is None or row["place"] != place:
            if row is not None:  # what the spool knows is of the other place
                link = jobs.link(name)
                self._seen[name] = link.failures, link.since, jobs.worked(name)
            row = {"place": place, "up": None, "since": None, "why": None, "by": None, "proven": False, "at": 0.0}
            if self._rows.get(name) is not None:
                row["at"] = self._now()
            self._rows[name] = row
        return row

    def _used(self, row, link, worked, seen):
        """Learn from what the worker has met since it was last looked at."""
        if link.failures:
            if row["up"] is False and seen is not None and seen[0] and seen[1] != link.since:
                row["since"] = link.since  # it worked in between
            _learn(row, False, link.since if link.since > row["at"] else self._now(), link.why, _USE)
        elif worked > row["at"]:
            _learn(row, True, link.since if link.since > row["at"] else worked, None, _USE)

    def _keep(self):
        """Write the rows down where one has changed; where that fails, a restart forgets."""
        told = {name: {**row, "at": 0.0} for name, row in self._rows.items()}
        words = json.dumps(told)
        if words != self._written:
            self._written = words
            try:
                files.write(self._path, words.encode())
            except OSError:
                pass


def _learn(row, up, at, why, by):
    if row["up"] != up:
        row["since"] = at
    row.update(up=up, why=why, by=by, at=max(at, row["at"]))
    if by == _USE:
        row["proven"] = up


def _knocked(row, knock):
    if not knock.reachable and row["up"] is not False:
        proven = row["proven"]
        _learn(row, False, knock.since, knock.words, _KNOCK)
        row["proven"] = proven
    elif knock.reachable and row["by"] == _KNOCK and row["up"] is False:
        _learn(row, True if row["proven"] else None, knock.since, None, _KNOCK)
        if row["up"] is None:
            row["since"] = None


def _read(path):
    try:
        rows = json.loads(files.read(path) or b"{}")
        for row in rows.values():
            if set(row) != _FIELDS or not isinstance(row["at"], float):
                return {}
        return rows
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # it is only for the eyes
