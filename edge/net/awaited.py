"""Objects that an archive was asked to send here (C-MOVE): they come on associations of its own, among all others.

What comes is one of them when it is of a study that is awaited, and its request names us as who asked for it. Archives
that do not say so are known by their AE title. Nothing else is taken for one: what a modality sends meanwhile, of the
same study too, goes where its routes say. An archive may go on for a while when the fetch is over, or was given up:
what still comes is known as what it is, and is not sent back to where it is from.
"""

import threading
import time

from edge.protocol import command

_LINGER_S = 300  # how long an archive may send what it was asked for, after the fetch is over


class Expected:
    """One study that is awaited. came: how many of its objects have come; see Awaited.expect."""

    def __init__(self, study, ours, theirs, route):
        self.study = study
        self.ours = ours
        self.theirs = theirs
        self.route = route
        self.came = 0
        self.until_s = None  # when it is awaited no more; None while the fetch goes on


class Awaited:
    """All that is awaited, for any number of threads. clock: seconds, as time.monotonic has them."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._changed = threading.Condition()
        self._expected = ()

    def expect(self, study, ours, theirs, route):
        """Return the Expected of a study (UID) from now on, until some time after `forget`.

        ours, theirs: AE titles; route: function of (intake.Facts, the route that it would take), where it goes.
        """
        expected = Expected(study, ours, theirs, route)
        with self._changed:
            self._expected = (expected, *self._current())  # the newest says where an object goes
        return expected

    def forget(self, expected):
        """Say that the fetch of a study is over: it is awaited for a while yet, but nobody waits for it."""
        with self._changed:
            expected.until_s = self._clock() + _LINGER_S
            self._expected = self._current()

    def _current(self):
        now_s = self._clock()
        return tuple([each for each in self._expected if each.until_s is None or now_s < each.until_s])

    def wait(self, expected, came, seconds):
        """Wait until more than `came` objects have come, for so long at most."""
        with self._changed:
            self._changed.wait_for(lambda: expected.came > came, seconds)

    def route(self, elements, route):
        """Return the route of an object whose C-STORE-RQ is `elements`, and which would take `route` otherwise."""
        if not self._expected:
            return route
        originator = elements.get(command.MOVE_ORIGINATOR)

        def routed(facts):
            for each in self._current():
                asked = each.ours == originator if originator else each.theirs == facts.source.calling
                if asked and each.study == facts.study:
                    with self._changed:
                        each.came += 1
                        self._changed.notify_all()
                    return each.route(facts, route)
            return route(facts)

        return routed
