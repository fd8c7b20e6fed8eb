"""Tokens, by which programs ask the box: each with a name, a role and an end; only digests are kept."""

import json
import threading
from collections import namedtuple

from edge.access import files, secret
from edge.access.roles import ROLES
from edge.access.users import Unfit

# name: what it is for; role; made, expires: s since 1970; by: who made it
Token = namedtuple("Token", ("name", "role", "made", "expires", "by"))

PREFIX = "edge_"  # by which one that got loose is recognized
_MOST = 200
_DAYS_MOST = 3650


class Tokens:
    """The tokens in the file at `path`, as Users has its own."""

    def __init__(self, path, now):
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._tokens = {}
        self.fault = None
        try:
            octets = files.read(path)
            rows = json.loads(octets)["tokens"] if octets is not None else []
            for row in rows:
                self._tokens[row["digest"]] = Token(*[row[field] for field in Token._fields])
        except (OSError, ValueError, KeyError, TypeError):
            self._tokens = {}
            self.fault = "the tokens cannot be read: %s is damaged; remove it, and make new ones" % path

    def all(self):
        """Return every Token, by name."""
        return sorted(self._tokens.values())

    def get(self, given):
        """Return the Token of a secret, None when there is none or its time is over."""
        found = self._tokens.get(secret.digest(given))
        return found if found is not None and self._now() < found.expires else None

    def make(self, name, role, days, by):
        """Return (secret, Token) of a new one. Raises Unfit, OSError."""
        if not 0 < len(name) <= 64 or not name.isprintable():
            raise Unfit("a name of 1 to 64 characters is expected: what the token is for")
        if role not in ROLES:
            raise Unfit("a role is one of %s" % ", ".join(ROLES))
        if not 0 < days <= _DAYS_MOST:
            raise Unfit("a token lasts 1 to %d days" % _DAYS_MOST)
        given = PREFIX + secret.new()
        now = self._now()
        made = Token(name, role, round(now), round(now + days * 86400), by)
        with self._lock:
            if self.fault:
                raise Unfit(self.fault)
            if any([each.name == name for each in self._tokens.values()]):
                raise Unfit("there is a token called %s; remove it first, or take another name" % name)
            if len(self._tokens) >= _MOST:
                raise Unfit("there are %d tokens, which is as many as there can be; remove some" % _MOST)
            self._write({**self._tokens, secret.digest(given): made})
        return given, made

    def remove(self, name):
        """Remove the token called `name`. Raises Unfit, OSError."""
        with self._lock:
            left = {key: each for key, each in self._tokens.items() if each.name != name}
            if len(left) == len(self._tokens):
                raise Unfit("no token is called %s" % name)
            self._write(left)

    def _write(self, tokens):
        rows = [{"digest": key, **each._asdict()} for key, each in tokens.items()]
        files.write(self._path, json.dumps({"version": 1, "tokens": rows}, indent=1).encode() + b"\n")
        self._tokens = tokens
