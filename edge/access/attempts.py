"""How soon one may try again who was wrong: the first few times at once, then after waits that double.

Counted by name and by address, so that neither one name is tried from everywhere, nor every name from one place. The
wait for a name has a low cap: who is locked out by somebody else's attempts gets in again.
"""

import threading
from collections import OrderedDict

_FREE = {"name": 4, "address": 10}  # wrong attempts before there is a wait
_CAP_S = {"name": 60, "address": 900}
_FORGOTTEN_S = 3600
_KEPT = 2000


class Attempts:
    """Counts what went wrong. clock: function that returns seconds, which only go up."""

    def __init__(self, clock):
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong = OrderedDict()  # (kind, key): [times, of the last]

    def wait_s(self, name, address):
        """Return for how many seconds `name` from `address` has to wait yet; 0.0 when it may be tried."""
        with self._lock:
            return max([self._wait_s(each) for each in _keys(name, address)])

    def _wait_s(self, key):
        if key not in self._wrong:
            return 0.0
        times, last = self._wrong[key]
        kind = key[0]
        if times < _FREE[kind]:
            return 0.0
        wait_s = min(_CAP_S[kind], 2.0 ** min(times - _FREE[kind], 30))
        return max(0.0, last + wait_s - self._clock())

    def wrong(self, name, address):
        """Note that it was tried, and was wrong."""
        now = self._clock()
        with self._lock:
            for key in _keys(name, address):
                times, last = self._wrong.pop(key, (0, now))
                self._wrong[key] = [1 if now - last > _FORGOTTEN_S else times + 1, now]
            while len(self._wrong) > _KEPT:
                self._wrong.popitem(last=False)

    def right(self, name, address):
        """Note that it was tried, and was right."""
        with self._lock:
            for key in _keys(name, address):
                self._wrong.pop(key, None)


def _keys(name, address):
    return ("name", name.lower()[:100]), ("address", address)
