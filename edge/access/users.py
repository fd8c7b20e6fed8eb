"""The users of the box: their roles, and their passwords as scrypt has them, in one file that nobody else may read."""

import base64
import json
import threading
import unicodedata
from collections import namedtuple

from edge.access import files
from edge.access.roles import ENGINEER, ROLES

# name: a word; role: one of ROLES; last: s since 1970 of the last login, or None
User = namedtuple("User", ("name", "role", "last"))

PASSWORD_LEAST = 10
_PASSWORD_MOST = 256
_NAME_MOST = 32
_MOST = 200

_N, _R, _P = 1 << 14, 8, 5  # 16 MiB, and as much work as 128 MiB with p = 1
_MAXMEM = 64 << 20


class Unfit(Exception):
    """It cannot be so; str() says why and what to do."""


class Users:
    """The users in the file at `path`; what is changed is durable before it counts. Raises OSError where it cannot be.

    A file that cannot be read has no user, and is not written over: nobody gets in, and `fault` says why.
    """

    def __init__(self, path):
        self._path = path
        self._lock = threading.Lock()
        self._rows = {}
        self.fault = None
        self.reload()

    def reload(self):
        """Read the file."""
        try:
            octets = files.read(self._path)
            rows = {} if octets is None else {row["name"]: row for row in json.loads(octets)["users"]}
            if any([row["role"] not in ROLES or not row["key"] or not row["salt"] for row in rows.values()]):
                raise ValueError("a user without role or password")
        except OSError as error:
            rows, self.fault = {}, "the users cannot be read: %s: %s" % (self._path, (error.strerror or "").lower())
        except (ValueError, KeyError, TypeError):
            words = "the users cannot be read: %s is damaged; remove it, and the box can be claimed again"
            rows, self.fault = {}, words % self._path
        else:
            self.fault = None
        self._rows = rows

    def there_are(self):
        """Say whether there is any, or may be: a file that cannot be read counts."""
        return bool(self._rows) or self.fault is not None

    def get(self, name):
        """Return the User called `name`, or None."""
        row = self._rows.get(name)
        return row and User(row["name"], row["role"], row.get("last"))

    def all(self):
        """Return every User, by name."""
        return [self.get(name) for name in sorted(self._rows)]

    def is_password(self, name, password):
        """Say whether `password` is that of the user called `name`; takes as long when there is no such user."""
        import hmac

        row = self._rows.get(name)
        salt = base64.b64decode(row["salt"]) if row else bytes(16)
        cost = (row["n"], row["r"], row["p"]) if row else (_N, _R, _P)
        key = _derived(password[:_PASSWORD_MOST], salt, *cost)
        return row is not None and hmac.compare_digest(key, base64.b64decode(row["key"]))

    def put(self, name, role=None, password=None, is_new=False):
        """Make the user called `name`, who needs both, or change what is given of him. Raises Unfit, OSError.

        is_new: whether he is to be made, and nobody changed who is there already.
        """
        with self._lock:
            self._must_be_readable()
            if is_new and name in self._rows:
                raise Unfit("there is a user called %s already; change or remove that one, or take another name" % name)
            row = dict(self._rows.get(name, {}))
            if not row:
                _check_name(name)
                if any([name.lower() == other.lower() for other in self._rows]):
                    raise Unfit("there is a user of that name in other letters")
                if role is None or password is None:
                    raise Unfit("%s is no user yet: a new one needs a role and a password" % name)
                if len(self._rows) >= _MOST:
                    raise Unfit("there are %d users, which is as many as there can be" % _MOST)
                row = {"name": name, "last": None}
            if role is not None:
                if role not in ROLES:
                    raise Unfit("a role is one of %s" % ", ".join(ROLES))
                if role != ENGINEER:
                    self._must_not_be_last(name)
                row["role"] = role
            if password is not None:
                row.update(_secret(name, password))
            self._write({**self._rows, name: row})

    def remove(self, name):
        """Remove the user called `name`. Raises Unfit, OSError."""
        with self._lock:
            self._must_be_readable()
            if name not in self._rows:
                raise Unfit("no user is called %s" % name)
            self._must_not_be_last(name)
            self._write({key: row for key, row in self._rows.items() if key != name})

    def seen(self, name, now):
        """Note when a user logged in."""
        with self._lock:
            if name in self._rows:
                self._write({**self._rows, name: {**self._rows[name], "last": int(now)}})

    def _must_be_readable(self):
        if self.fault:
            raise Unfit(self.fault)

    def _must_not_be_last(self, name):
        others = [row for row in self._rows.values() if row["role"] == ENGINEER and row["name"] != name]
        if not others and self._rows.get(name, {}).get("role") == ENGINEER:
            raise Unfit("%s is the only engineer; make another one first" % name)

    def _write(self, rows):
        document = {"version": 1, "users": [rows[name] for name in sorted(rows)]}
        files.write(self._path, json.dumps(document, indent=1).encode() + b"\n")
        self._rows = rows


def _check_name(name):
    if not 0 < len(name) <= _NAME_MOST or not all([each.isalnum() or each in "-_.@" for each in name]):
        raise Unfit("a name of 1 to %d letters, digits and - _ . @ is expected" % _NAME_MOST)


def _secret(name, password):
    import secrets

    if len(password) < PASSWORD_LEAST:
        raise Unfit("a password has %d characters at least; a few words do well" % PASSWORD_LEAST)
    if len(password) > _PASSWORD_MOST:
        raise Unfit("a password has %d characters at most" % _PASSWORD_MOST)
    if name.lower() == password.lower() or len(set(password)) < 4:
        raise Unfit("this password is the first that anybody would try; take another")
    salt = secrets.token_bytes(16)
    key = _derived(password, salt, _N, _R, _P)
    coded = {"salt": base64.b64encode(salt).decode(), "key": base64.b64encode(key).decode()}
    return {"n": _N, "r": _R, "p": _P, **coded}


def _derived(password, salt, n, r, p):
    import hashlib

    words = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(words, salt=salt, n=n, r=r, p=p, maxmem=_MAXMEM, dklen=32)
