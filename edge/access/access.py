"""Who may come in: what the skins ask before they ask a verb."""

import logging
import os
import threading
import time

from edge.access import claim, files, selfmade
from edge.access.attempts import Attempts
from edge.access.roles import ENGINEER
from edge.access.sessions import Sessions
from edge.access.tokens import Tokens
from edge.access.users import Unfit, Users

_log = logging.getLogger("edge.access")

FOLDER = "console"  # below the state folder
_CHECKS = 2  # passwords at a time: each takes 16 MiB and a good part of a second
_CHECK_S = 10  # how long one waits for its turn


class Denied(Exception):
    """Nobody comes in so; str() says why. wait_s: for how long there is no use in trying, 0 for no such time."""

    def __init__(self, words, wait_s=0.0):
        super().__init__(words)
        self.wait_s = wait_s


class Access:
    """Users, sessions, tokens and the claim of the box with its state in `state_dir`, for any number of threads.

    idle_s: how long a session may be silent; it may be set at any time. now: s since 1970; clock: s that only go up.
    """

    def __init__(self, state_dir, idle_s=1800, now=time.time, clock=time.monotonic):
        self.folder = os.path.join(state_dir, FOLDER)
        self.idle_s = idle_s
        self._now = now
        self._claim = os.path.join(self.folder, "claim")
        self._claiming = threading.Lock()
        self._checks = threading.BoundedSemaphore(_CHECKS)
        self._attempts = Attempts(clock)
        self.users = Users(os.path.join(self.folder, "users.json"))
        self.tokens = Tokens(os.path.join(self.folder, "tokens.json"), now)
        self.sessions = Sessions(now)
        for fault in (self.users.fault, self.tokens.fault):
            if fault:
                _log.error("%s", fault)

    def is_claimed(self):
        """Say whether somebody has claimed the box."""
        return self.users.there_are()

    def claim_code(self):
        """Return the code that claims the box; None when it is claimed. Raises OSError."""
        return None if self.is_claimed() else claim.code(self._claim)

    def claim(self, code, name, password, where):
        """Make `name` the first engineer, if `code` is right; return the User. Raises Denied.

        where: the address he asks from, "" for here.
        """
        with self._claiming:
            if self.is_claimed():
                raise Denied("this box is claimed already; log in")
            self._may_try("(claim)", where)
            try:
                made = self.claim_code()
                if not claim.is_meant(code, made):
                    self._attempts.wrong("(claim)", where)
                    raise Denied("this is not the code that the box shows", self._attempts.wait_s("(claim)", where))
                self.users.put(name, ENGINEER, password)
                files.remove(self._claim)
            except Unfit as unfit:
                raise Denied(str(unfit)) from None
            except OSError as error:
                raise Denied("the box cannot keep it: %s" % (error.strerror or error)) from None
            self._attempts.right("(claim)", where)
            return self.users.get(name)

    def login(self, name, password, where):
        """Return the User called `name`, if that is his password. Raises Denied, which says no more than that."""
        if not self.is_claimed():
            raise Denied("this box is not claimed yet")
        self._may_try(name, where)
        self._check(name, password, where)
        try:
            self.users.seen(name, self._now())
        except OSError as error:  # a disk that cannot be written is what he comes for
            _log.warning("when %s logged in cannot be noted: %s", name, (error.strerror or "").lower())
        return self.users.get(name)

    def change_password(self, name, old, new, where):
        """Give a user another password, if `old` is his. Raises Denied, Unfit, OSError."""
        self._may_try(name, where)
        self._check(name, old, where)
        self.users.put(name, password=new)

    def _may_try(self, name, where):
        wait_s = self._attempts.wait_s(name, where)
        if wait_s > 0:
            raise Denied("there were too many wrong attempts; try again in %s" % _span(wait_s), wait_s)

    def _check(self, name, password, where):
        if not self._checks.acquire(timeout=_CHECK_S):
            raise Denied("too many log in at a time; try again in a moment", 5.0)
        try:
            self._may_try(name, where)  # while it waited for its turn, others may have been wrong
            if not self.users.is_password(name, password):
                self._attempts.wrong(name, where)
                wait_s = self._attempts.wait_s(name, where)
                then = "; there is no use in trying again before %s" % _span(wait_s) if wait_s > 0 else ""
                raise Denied("name or password is wrong" + then, wait_s)
        finally:
            self._checks.release()
        self._attempts.right(name, where)

    def certificate(self):
        """Return the paths of the certificate that the box made for itself, and its key. Raises CannotMake."""
        return selfmade.ensure(self.folder, self._now())

    def fingerprint(self, path=None):
        """Return the SHA-256 fingerprint of the console's certificate, by default its own; None without one."""
        try:
            return selfmade.fingerprint(path or os.path.join(self.folder, selfmade.CERTIFICATE))
        except OSError:
            return None


def _span(wait_s):
    if wait_s < 90:
        return "%d s" % (wait_s + 1)
    return "%d minutes" % (wait_s / 60 + 1)
