"""Who is logged in at the moment: kept in memory, so that a restart of the box logs everybody out."""

import threading
from collections import namedtuple

from edge.access import secret

# number: by which a person names it; name: of the user; address; csrf: what its forms have to carry; began, seen: s
Session = namedtuple("Session", ("number", "name", "address", "skin", "csrf", "began", "seen"))

_MOST = 200
_OF_ONE_USER = 20
_LASTS_S = 12 * 3600  # however busy it is


class Sessions:
    """Sessions by their secret, of which only a digest is kept. now: function that returns s since 1970."""

    def __init__(self, now):
        self._now = now
        self._lock = threading.Lock()
        self._open = {}
        self._count = 0

    def begin(self, name, address, skin, idle_s):
        """Return (secret, Session) of a new one; the user's oldest ends where he has too many."""
        token = secret.new()
        now = self._now()
        with self._lock:
            self._sweep(idle_s)
            own = [key for key, each in self._open.items() if each.name == name]
            if len(own) >= _OF_ONE_USER:
                del self._open[own[0]]
            elif len(self._open) >= _MOST:
                del self._open[next(iter(self._open))]
            self._count += 1
            made = Session(self._count, name, address, skin, secret.new(), now, now)
            self._open[secret.digest(token)] = made
        return token, made

    def get(self, token, idle_s, touch=True):
        """Return the Session of a secret, None when it has ended. touch: whether this counts as a sign of life."""
        key, now = secret.digest(token), self._now()
        with self._lock:
            found = self._open.get(key)
            if found is None:
                return None
            if not _is_open(found, now, idle_s):
                del self._open[key]
                return None
            if touch:
                found = self._open[key] = found._replace(seen=now)
            return found

    def end(self, token):
        """End the session of a secret."""
        with self._lock:
            self._open.pop(secret.digest(token), None)

    def end_number(self, number):
        """End the session with this number; return whether there was one."""
        with self._lock:
            for key, each in self._open.items():
                if each.number == number:
                    del self._open[key]
                    return True
        return False

    def end_of(self, name, but=None):
        """End all sessions of a user, but the one with the number `but`."""
        with self._lock:
            self._open = {key: each for key, each in self._open.items() if each.name != name or each.number == but}

    def all(self, idle_s):
        """Return every Session, the oldest first."""
        with self._lock:
            self._sweep(idle_s)
            return list(self._open.values())

    def _sweep(self, idle_s):
        now = self._now()
        self._open = {key: each for key, each in self._open.items() if _is_open(each, now, idle_s)}


def _is_open(session, now, idle_s):
    # A clock that was set back must not keep a session open for ever, nor one that was set end all of them by surprise
    return session.began - 60 <= now < min(session.seen + idle_s, session.began + _LASTS_S)
