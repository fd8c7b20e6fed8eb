"""What the box does, told as events: what came with an association, what was delivered, which way is down or up."""

from edge.net import witness
from edge.watch.notice import without_uids

_QUIET_S = 30.0  # without a delivery, and what was delivered is told of
_LONGEST_S = 600.0  # and at the latest


class Doings:
    """Tells `note(words, level)` what happens. `witness` takes events of the net, `step` looks at the destinations.

    names: function, the names of the destinations; jobs: of the spool; now: function, s since 1970.
    """

    def __init__(self, note, names, jobs, now):
        self._note = note
        self._names = names
        self._jobs = jobs
        self._now = now
        self._links = {}  # name: the link as it was told of
        self._runs = {}  # name: [first time, last time, delivered before it, delivered by now]

    # What comes

    def witness(self, event):
        """Take note of an event of edge.net.witness; quick, and never raises."""
        if isinstance(event, witness.Ended):
            self._ended(event.summary, event.seconds)
        elif isinstance(event, witness.Turned):
            self._note("%s: %s" % (event.calling or event.address, without_uids(event.words)), "warning")

    def _ended(self, summary, seconds):
        who = summary.peer.calling or summary.peer.address
        level = "info"
        if summary.stored or summary.refused:
            words = "%s sent %s in %s" % (who, _objects(summary.stored), _span(seconds))
            if summary.refused:
                level = "warning"
                words += "; %d more were refused" % summary.refused
        elif summary.echoes:
            words = "%s asked whether the box answers" % who
        else:
            words = "%s sent nothing" % who
        if summary.ended and not summary.ended.startswith("released"):
            level = "warning"
            words += "; " + without_uids(summary.ended)
        self._note(words, level)

    # What goes

    def step(self):
        """See which ways are down or up again, and what was delivered."""
        now = self._now()
        counts = self._jobs.counts()
        for name in self._names():
            states = counts.get(name, {})
            number = {state: tally[0] for state, tally in states.items()}
            waiting = number.get("waiting", 0) + number.get("sending", 0)
            self._see_link(name, waiting)
            self._see_deliveries(name, number.get("delivered", 0), waiting, now)

    def _see_link(self, name, waiting):
        link = self._jobs.link(name)
        before = self._links.get(name)
        if link.failures and (before is None or link.why != before):
            words = "%s is down: %s" if before is None else "%s is still down, for another reason: %s"
            self._note(words % (name, without_uids(link.why or "no reason known")), "error")
            self._links[name] = link.why
        elif not link.failures and before is not None:
            self._note("%s is up again; %d waiting" % (name, waiting))
            del self._links[name]

    def _see_deliveries(self, name, delivered, waiting, now):
        run = self._runs.get(name)
        if run is None:
            self._runs[name] = [now, now, delivered, delivered]
            return
        if delivered > run[3]:
            if run[3] == run[2]:
                run[0] = now
            run[1], run[3] = now, delivered
        elif delivered < run[3]:  # some were removed
            run[2] = max(0, run[2] - (run[3] - delivered))
            run[3] = delivered
        is_over = not waiting or now - run[1] >= _QUIET_S or now - run[0] >= _LONGEST_S
        if run[3] > run[2] and is_over:
            words = "%s delivered to %s; %d waiting" % (_objects(run[3] - run[2]), name, waiting)
            self._note(words)
            self._runs[name] = [now, now, delivered, delivered]


def _objects(number):
    return "1 object" if number == 1 else "%d objects" % number


def _span(seconds):
    if seconds < 120:
        return "%.0f s" % seconds if seconds >= 1 else "less than a second"
    return "%.0f min" % (seconds / 60)
