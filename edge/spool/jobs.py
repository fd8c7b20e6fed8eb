"""Jobs: one object on its way to one destination, from waiting to delivered or held.

A claim is kept in memory alone: it costs no write, and a crash forgets it, so that the job waits again. An outcome is
a line of the journal, written at once, so that a killed process forgets none; it is durable with the next line that
somebody waits for, at the latest before the next claim is answered. A power cut in between repeats those deliveries.

Whoever has nothing to do sleeps on a condition of its destination until a job comes in, a deferred one is due, or the
link may be tried again.
"""

import os
from threading import Condition

from edge.spool import age, errors, retry
from edge.spool.tables import DEFERRED, DELIVERED, HELD, READY
from edge.spool.tables import SENT as AWAITING

# Priorities, as the DIMSE command counts urgency the other way round: the lowest goes first
URGENT, NORMAL, LOW = 0, 1, 2
_NOTHING = LOW + 1

_PAGE = 500
_REFUSED_S = 5.0


def roll():
    """Return a random number of at least 0, below 1."""
    return int.from_bytes(os.urandom(4), "little") / (1 << 32)


# What became of an attempt
SENT = "delivered"
UNCOMMITTED = "sent"  # the destination has it, and has to commit to it yet
RETRY = "retry"  # the destination refused this object for now: one of its tries is spent
REFUSED = "held"  # it will never take it like this: a person has to look
RETURNED = "returned"  # the link failed, or it was not this object's turn after all: nothing is spent

# Holds of whole objects: their jobs go when the object is released, not by themselves
CONFLICT = "conflict"
UNROUTED = "unrouted"
FOUND = "found"
ROTTEN = "rotten"
FETCHED = "fetched"  # why a destination counts as having an object that came from there
OF_OBJECTS = (CONFLICT, UNROUTED, FOUND, ROTTEN)

# What the listing calls a state, and the index's states that are meant
WAITING, SENDING = "waiting", "sending"
SHOWN = {
    "waiting": (READY, DEFERRED), "sending": (), "sent": (AWAITING,), "held": (HELD,), "delivered": (DELIVERED,),
}  # fmt: skip
OPEN = "open"  # all that are not delivered
SHOWN[OPEN] = (READY, DEFERRED, AWAITING, HELD)
_SHOWN_AS = {"ready": WAITING, "deferred": WAITING, "sent": "sent", "held": "held", "delivered": "delivered"}


class _Lane:
    """What is known in memory of one destination: who sleeps on it, what is being sent, how its link does."""

    __slots__ = ("condition", "arrivals", "wakes", "foremost", "open", "claimed", "link", "schedule", "worked")

    def __init__(self):
        self.condition = Condition()
        self.arrivals = 0
        self.wakes = 0
        self.foremost = _NOTHING  # the most urgent priority that came in since the last claim
        self.open = 0
        self.claimed = {}
        self.link = retry.LINK_UP
        self.schedule = retry.LINK  # by which `link` was last put off
        self.worked = 0.0  # when the destination last took something, or answered to it


class Jobs:
    """Hands out jobs, takes their outcomes, and answers what waits where; for any number of threads."""

    def __init__(self, journal, index, roll=roll):
        self._journal = journal
        self._index = index
        self._roll = roll
        self._lanes = {}
        self._closing = False

    def _lane(self, destination):
        lane = self._lanes.get(destination)
        if lane is None:
            lane = self._lanes.setdefault(destination, _Lane())
        return lane

    # For the workers

    def claim(self, destination, now, limit, schedule=retry.OBJECT):
        """Return up to `limit` Jobs for `destination`, and count them as being sent until each is settled.

        The most urgent first, then study by study in the order in which the studies began to arrive. Nothing
        while the destination's link is waiting. Every outcome told before is durable when this returns; Degraded
        or NoSpace when that cannot be had.
        """
        lane = self._lane(destination)
        if retry.link_wait_s(lane.link, now, lane.schedule):
            return []
        lane.foremost = _NOTHING
        with self._index.lock:
            jobs = self._index.claimable(destination, now, now + schedule.cap_s, limit, lane.claimed)
            for job in jobs:
                lane.claimed[job.object_id] = job.size
        return jobs

    def foremost(self, destination):
        """Return the most urgent priority of what came in since the last claim; one behind all when nothing did."""
        return self._lane(destination).foremost

    def settle(self, job, outcome, now, status=None, cause=None, why=None, schedule=retry.OBJECT, sent_as=None):
        """Put down what became of a claimed job; return the state it is in now.

        `outcome`: SENT, UNCOMMITTED, RETRY, REFUSED or RETURNED; `status`: of the response; `cause`: a word by which
        a person may pick all jobs of a kind; `why`: the reason in words, without a patient; `sent_as`: the SOP Instance
        UID that the object went under, when that was another. A job that has spent its tries is held with them. Never
        raises for a disk that refuses: the outcome is kept in memory until it takes it.
        """
        lane = self._lane(job.destination)
        state = "ready"
        if outcome != RETURNED:
            record = {"id": job.object_id, "to": job.destination, "at": now, "tries": job.tries + 1}
            state = self._outcome(record, outcome, now, status, cause, why, schedule)
            if status is not None or outcome in (SENT, UNCOMMITTED):
                lane.worked = now
            if sent_as is not None and outcome == UNCOMMITTED:
                record["as"] = sent_as
            self._journal.append("job", record, durable=False)
        lane.claimed.pop(job.object_id, None)
        self._index.keep_up()
        return _SHOWN_AS[state]

    def _outcome(self, record, outcome, now, status, cause, why, schedule):
        if status is not None:
            record["status"] = status
        if outcome in (SENT, UNCOMMITTED):
            state = outcome
            if why is not None:
                record["why"] = why
        else:
            if outcome == RETRY and retry.is_spent(schedule, record["tries"]):
                outcome = REFUSED
                why = "%s (tried %d times)" % (why, record["tries"])
            if outcome == RETRY:
                state = "deferred"
                record["due"] = now + retry.delay_s(schedule, record["tries"], self._roll())
            else:
                state = "held"
            record["cause"], record["why"] = cause, why
        record["state"] = state
        return state

    def give_back(self, jobs, now):
        """Let claimed jobs wait again as if they had never been claimed."""
        for job in jobs:
            self.settle(job, RETURNED, now)

    def link_failed(self, destination, now, why, schedule=retry.LINK, lasting=False, least_s=0.0):
        """Put down that the way to a destination failed; return its Link: nothing is claimed until `until`.

        lasting, least_s: see retry.link_failed.
        """
        lane = self._lane(destination)
        was_up = lane.link.failures == 0
        lane.schedule = schedule
        lane.link = retry.link_failed(lane.link, now, self._roll(), why, schedule, lasting, least_s)
        if was_up:
            self._journal.append("link", {"to": destination, "at": now, "up": False, "why": why}, durable=False)
        return lane.link

    def link_works(self, destination, now):
        """Put down that the way to a destination works; return the Link that it was before."""
        lane = self._lane(destination)
        before = lane.link
        if before.failures:
            down_s = round(now - before.since)
            lane.link = retry.LINK_UP._replace(since=now)
            self._journal.append("link", {"to": destination, "at": now, "up": True, "down_s": down_s}, durable=False)
        elif not before.since:
            lane.link = before._replace(since=now)
        return before

    def link(self, destination):
        """Return how the way to a destination does, a retry.Link."""
        return self._lane(destination).link

    def worked(self, destination):
        """Return when a destination last took or answered something, in s since 1970; 0 when it has not yet."""
        return self._lane(destination).worked

    def rests_s(self, destination, now):
        """Return how long the link of `destination` has to wait yet, 0 when it may be used."""
        lane = self._lane(destination)
        return retry.link_wait_s(lane.link, now, lane.schedule)

    def opened(self, destination, more):
        """Count so many open sessions with a destination more."""
        lane = self._lane(destination)
        with lane.condition:
            lane.open += more

    def sessions(self, destination):
        """Return how many sessions with a destination are open."""
        return self._lane(destination).open

    def seen(self, destination):
        """Return a token of what has come in for `destination`, for `wait`: get it first, then look for work."""
        lane = self._lane(destination)
        return lane.arrivals, lane.wakes

    def wait(self, destination, now, limit_s, schedule=retry.OBJECT, seen=None):
        """Sleep until it is worth to claim for `destination` again, at most `limit_s` seconds; `schedule` as there.

        seen: from `seen`, when nothing could be claimed after that; without it, that is looked at here.
        """
        lane = self._lane(destination)
        arrivals, wakes = seen or (lane.arrivals, lane.wakes)
        link_wait_s = retry.link_wait_s(lane.link, now, lane.schedule)
        if link_wait_s:
            limit_s = min(limit_s, link_wait_s)
        else:
            limit_s = min(limit_s, self._idle_s(destination, now, schedule, lane, seen is not None))
            if limit_s <= 0:
                return
        with lane.condition:
            lane.condition.wait_for(
                lambda: self._closing or lane.wakes != wakes or (not link_wait_s and lane.arrivals != arrivals), limit_s
            )

    def _idle_s(self, destination, now, schedule, lane, is_known):
        """Return how long there will be nothing to claim, as far as is known now."""
        try:
            if not is_known and self._index.claimable(destination, now, now + schedule.cap_s, 1, lane.claimed):
                return 0.0
            due = self._index.next_due(destination)
        except (errors.LocalError, errors.LimitError):
            return _REFUSED_S  # the disk refuses; `claim` says so to whoever claims
        return float("inf") if due is None else max(0.0, due - now)

    def wake(self, destination):
        """Let whoever sleeps on `destination` look again, also when its link is waiting: it is tried at once."""
        lane = self._lane(destination)
        with lane.condition:
            lane.link = lane.link._replace(until=0.0)
        self.poke(destination)

    def poke(self, destination):
        """Let whoever sleeps on `destination` look again; a link that is waiting goes on to."""
        lane = self._lane(destination)
        with lane.condition:
            lane.wakes += 1
            lane.condition.notify_all()

    def announce(self, lines):
        """Wake those for whom something came in with these lines of the journal."""
        for line in lines:
            record = line.record
            if line.kind == "job":
                continue
            if line.kind == "uncommitted":
                self._arrived(record["to"])
            elif line.kind in ("object", "jobs"):
                if "hold" not in record:
                    for name, priority, *_ in record["jobs"]:
                        self._arrived(name, priority)
            elif line.kind == "priority":
                for _, name in record["jobs"]:
                    self._arrived(name, record["priority"])
            elif line.kind == "released":
                for name in {name for _, name in record["jobs"]}:
                    self._arrived(name)
            elif line.kind == "unhold":
                for name in list(self._lanes):
                    self._arrived(name)

    def _arrived(self, destination, priority=NORMAL):
        lane = self._lanes.get(destination)
        if lane is not None:
            with lane.condition:
                lane.arrivals += 1
                lane.foremost = min(lane.foremost, priority)
                lane.condition.notify_all()

    def close(self):
        """Wake everybody for good."""
        self._closing = True
        for destination in list(self._lanes):
            self.wake(destination)

    # For people

    def counts(self):
        """Return {destination: {"waiting" | "sending" | "sent" | "held" | "delivered": (jobs, octets)}}."""
        with self._index.lock:
            found = {}
            for destination, states in self._index.counts().items():
                claimed = self._lane(destination).claimed
                sending = (len(claimed), sum(claimed.values()))
                jobs, octets = (ready + deferred for ready, deferred in zip(states["ready"], states["deferred"]))
                found[destination] = {
                    WAITING: (max(0, jobs - sending[0]), max(0, octets - sending[1])),
                    SENDING: sending,
                    "sent": states["sent"],
                    "held": states["held"],
                    "delivered": states["delivered"],
                }
            return found

    def listing(self, state=None, destination=None, after=None, limit=100):
        """Return (JobRows, where the next page begins or None), the state of each as people know it.

        `state`: "waiting" (with those being sent), "sent", "held", "delivered", OPEN or None for all; pages are cut
        alike whatever their length, and none needs longer than another.
        """
        states = (READY, DEFERRED, HELD, DELIVERED, AWAITING) if state is None else SHOWN[state]
        rows, after = self._index.jobs(states, destination, after, limit)
        return [self._shown(row) for row in rows], after

    def _shown(self, row):
        if row.state in ("ready", "deferred") and row.object_id in self._lane(row.destination).claimed:
            return row._replace(state=SENDING)
        return row._replace(state=_SHOWN_AS[row.state])

    def of_object(self, object_id):
        """Return the JobRows of one object."""
        return [self._shown(row) for row in self._index.jobs_of(object_id)]

    def older(self, destination, when, limit):
        """Return how many jobs have waited for `destination` since before `when`, and since when; see age.older."""
        return age.older(self._index, destination, when, limit)

    def release(self, now, destination=None, cause=None, object_id=None, who=""):
        """Let held jobs go again with all their tries; return how many. Those of one destination, cause or object.

        Jobs whose whole object is held stay: it has to be released itself.
        """
        released, after = 0, None
        while True:
            if object_id is not None:
                rows, after = self._index.jobs_of(object_id), None
            else:
                rows, after = self._index.jobs((HELD,), destination, after, _PAGE)
            jobs = [
                (row.object_id, row.destination)
                for row in rows
                if row.state == "held"
                and row.cause not in OF_OBJECTS
                and destination in (None, row.destination)
                and cause in (None, row.cause)
            ]
            if jobs:
                self._journal.append("released", {"jobs": jobs, "at": now, "who": who})
                released += len(jobs)
            if after is None:
                return released

    def hold(self, now, object_id, destination, cause, why, who=""):
        """Hold one job that waits."""
        row = self._index.job(object_id, destination)
        if row.state not in ("ready", "deferred"):
            raise errors.Unknown("object %d is not waiting for %s: it is %s" % (object_id, destination, row.state))
        record = {"id": object_id, "to": destination, "at": now, "tries": row.tries, "state": "held", "who": who}
        record.update(cause=cause, why=why)
        self._journal.append("job", record)

    def drop(self, now, object_id, destination, who, durable=True):
        """Give one job up for good, because a person says so, as if the object had never been meant to go there.

        When it need not be `durable`, it becomes so with the next line that is.
        """
        row = self._index.job(object_id, destination)
        if row.state == "delivered":
            raise errors.Unknown("object %d was delivered to %s already" % (object_id, destination))
        record = {"id": object_id, "to": destination, "at": now, "who": who, "why": row.why}
        self._journal.append("dropped", record, durable=durable)

    def prioritise(self, now, object_id, destination, priority, who="", durable=True):
        """Let one job go before or behind others: URGENT, NORMAL or LOW.

        When it need not be `durable`, it becomes so with the next line that is.
        """
        self._index.job(object_id, destination)
        record = {"jobs": [(object_id, destination)], "priority": priority, "at": now, "who": who}
        self._journal.append("priority", record, durable=durable)
