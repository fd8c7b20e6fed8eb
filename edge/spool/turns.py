"""One at a time for each SOP Instance UID: two commits, or a commit and a removal, never judge an object at once."""

from _thread import allocate_lock


class Turns:
    """The UIDs that somebody is judging; whoever wants one of them waits."""

    def __init__(self):
        self._door = allocate_lock()
        self._busy = {}  # UID -> the gates of those who wait, in the order in which they came

    def enter(self, uid):
        """Return once nobody else has the turn of this UID; `leave` afterwards."""
        with self._door:
            gates = self._busy.get(uid)
            if gates is None:
                self._busy[uid] = ()
                return
            gate = allocate_lock()
            gate.acquire()
            self._busy[uid] = (*gates, gate)
        gate.acquire()

    def try_enter(self, uid):
        """Take the turn of this UID if nobody has it; say whether that was so."""
        with self._door:
            if uid in self._busy:
                return False
            self._busy[uid] = ()
            return True

    def leave(self, uid):
        """Let the next one have its turn."""
        with self._door:
            gates = self._busy[uid]
            if not gates:
                del self._busy[uid]
                return
            self._busy[uid] = gates[1:]
        gates[0].release()
