"""Whether destinations can be reached, looked at while a person looks at them, so that the person sees it at once.

The box itself learns how the way to a destination does by delivering; while nothing is due, or the next try is minutes
off, it would show what was true then. So, as long as somebody looks, each destination is knocked at: a TCP connection
that is opened and closed, or for a folder a look whether it is there. A destination that failed and can be reached
again is tried at once. After ten minutes without anybody doing anything but leave a page open, it is done now and then.
"""

import os
import threading
import time
from collections import namedtuple

from edge.net import reach

ROUND_S = 1.0  # from one round to the next while somebody looks
IDLE_ROUND_S = 15.0  # the same while nobody does more than leave a page open
_ATTENTION_S = 600  # how long a person counts as looking after having asked for something
_PRESENCE_S = 5  # how long after the last question somebody counts as there
_KNOCK_MS = 2000

# What the last knock found. reachable: bool; since: from when on, s since 1970; words: why not, None when it is
Found = namedtuple("Found", ("reachable", "since", "words"))


class Lookout:
    """Knocks at destinations while somebody looks, in a thread that is there only then.

    destinations: function that returns the config.Destinations; failing: function of a name, whether the way there
    failed when it was last used; wake: function of a name, to be called when such a one can be reached again.
    """

    def __init__(self, destinations, failing, wake, now=time.time):
        self._destinations = destinations
        self._failing = failing
        self._wake = wake
        self._now = now
        self._change = threading.Condition()
        self._found = {}  # name -> Found
        self._knocking = set()  # names that a thread knocks at
        self._asked = self._seen = 0.0  # on the clock that never steps: when a person asked, when anybody looked
        self._rounds = 0  # that were begun
        self._thread = None
        self._stopped = False

    def look(self, is_person=True, wait_s=0.0):
        """Return {name: Found} as known now; knock from now on. `is_person`: not a page that was merely left open.

        wait_s: how long to wait for a first round, where nobody has looked lately.
        """
        moment = time.monotonic()
        with self._change:
            is_fresh = moment - self._seen <= _PRESENCE_S
            self._seen = moment
            if is_person:
                self._asked = moment
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)
                self._thread.start()
            elif is_person:
                self._change.notify_all()
            if not is_fresh and wait_s:
                rounds = self._rounds
                self._change.wait_for(lambda: self._rounds > rounds and not self._knocking, wait_s)
            return dict(self._found)

    def stop(self):
        """Knock no more."""
        with self._change:
            self._stopped = True
            self._change.notify_all()

    def _run(self):
        while True:
            with self._change:
                moment = time.monotonic()
                if self._stopped or moment - self._seen > max(_PRESENCE_S, 2 * IDLE_ROUND_S):
                    self._thread = None
                    self._found.clear()  # what was found is old by the time that somebody looks again
                    return
                known = self._destinations()
                names = {each.name for each in known}
                self._found = {name: found for name, found in self._found.items() if name in names}
                due = [each for each in known if each.name not in self._knocking]
                self._knocking.update([each.name for each in due])
                self._rounds += 1
                self._change.notify_all()  # with nothing to knock at, this is all that there is to wait for
            for each in due:
                # One that swallows connections must not keep the others waiting
                threading.Thread(target=self._knock, args=(each,), name="knock", daemon=True).start()
            with self._change:
                is_watched = time.monotonic() - self._asked <= _ATTENTION_S
                self._change.wait_for(lambda: self._stopped, ROUND_S if is_watched else IDLE_ROUND_S)

    def _knock(self, destination):
        try:
            words = _why_not(destination)
        except Exception as error:
            words = "it could not be looked at: %s" % error
        name = destination.name
        with self._change:
            before = self._found.get(name)
            reachable = words is None
            is_same = before is not None and before.reachable == reachable
            self._found[name] = Found(reachable, before.since if is_same else self._now(), words)
            self._knocking.discard(name)
            self._change.notify_all()
        if reachable and not (is_same and before.reachable) and self._failing(name):
            self._wake(name)


def _why_not(destination):
    """Return why a config.Destination cannot be reached, in words; None when it can."""
    if destination.path is not None:
        return None if os.path.isdir(destination.path) else "the folder %s is not there" % destination.path
    place = destination if destination.url is None else destination.url
    try:
        reach.connect(place.host, place.port, _KNOCK_MS).close()
    except reach.Unreachable as failed:
        return str(failed)
    return None
