"""One at a time for each SOP Instance UID: two commits, or a commit and a removal, never judge the same object at once."""

from threading import Condition


class Turns:
    """The UIDs that somebody is judging; whoever wants one of them waits."""

    def __init__(self):
        self._condition = Condition()
        self._busy = set()
        self._waiting = 0

    def enter(self, uid):
        """Return once nobody else has the turn of this UID; `leave` afterwards."""
        with self._condition:
            while uid in self._busy:
                self._waiting += 1
                self._condition.wait()
                self._waiting -= 1
            self._busy.add(uid)

    def try_enter(self, uid):
        """Take the turn of this UID if nobody has it; say whether that was so."""
        with self._condition:
            if uid in self._busy:
                return False
            self._busy.add(uid)
            return True

    def leave(self, uid):
        """Let the next one have its turn."""
        with self._condition:
            self._busy.discard(uid)
            if self._waiting:
                self._condition.notify_all()
