"""Objects that an archive was asked to send here (C-MOVE): they come on associations of its own, among all others.

What comes is one of them when it is of a study that is awaited, and its request names us as who asked for it. Archives
that do not say so are known by their AE title. Nothing else is taken for one: what a modality sends meanwhile, of the
same study too, goes where its routes say.
"""

import threading

from edge.protocol import command


class Expected:
    """One study that is awaited. came: how many of its objects have come; see Awaited.expect."""

    def __init__(self, study, ours, theirs, route):
        self.study = study
        self.ours = ours
        self.theirs = theirs
        self.route = route
        self.came = 0


class Awaited:
    """All that is awaited, for any number of threads."""

    def __init__(self):
        self._changed = threading.Condition()
        self._expected = ()

    def expect(self, study, ours, theirs, route):
        """Return the Expected of a study (UID) from now on, until `forget`.

        ours, theirs: AE titles; route: function of (intake.Facts, the route that it would take), where it goes.
        """
        expected = Expected(study, ours, theirs, route)
        with self._changed:
            self._expected += (expected,)
        return expected

    def forget(self, expected):
        """Await a study no longer."""
        with self._changed:
            self._expected = tuple([each for each in self._expected if each is not expected])

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
            for each in self._expected:
                asked = each.ours == originator if originator else each.theirs == facts.source.calling
                if asked and each.study == facts.study:
                    with self._changed:
                        each.came += 1
                        self._changed.notify_all()
                    return each.route(facts, route)
            return route(facts)

        return routed
