"""Storage commitment, as the spool knows it: what was sent and waits for it, what was asked, and what came of it.

A request is a line of the journal before anybody is asked, so that an answer finds its transaction whatever happens in
between; an answer is acknowledged when its outcome is durable. Nothing here waits for the clock: whoever asks says what
time it is, and a job that waits longer than any could by this clock has seen it set back.
"""

import os
from collections import namedtuple
from threading import Condition

from edge.dicom import uid
from edge.spool import retry
from edge.spool.jobs import UNCOMMITTED
from edge.spool.tables import FIRST_SENT, MEMBERS, SENT, SENT_JOBS, TRANSACTION, Sent

AT_ONCE = 500  # instances in one transaction
ASKS = 2  # requests without an answer, after which an object is sent again

CAUSE = "uncommitted"  # of jobs that are to be sent again, or held, because of a destination's answer or silence

# A transaction. uid; destination: its name; is_answered: whether all of it was answered; instances: {SOP Instance UID:
# [object number]} of what has no answer yet
Transaction = namedtuple("Transaction", "uid destination is_answered instances")

# What an answer came to, in numbers of objects. unnamed: asked for, and not mentioned
Outcome = namedtuple("Outcome", "committed refused unnamed")


class _Lane:
    """What is known in memory of one destination that commits."""

    __slots__ = ("condition", "arrivals", "schedule", "link")

    def __init__(self, schedule):
        self.condition = Condition()
        self.arrivals = 0
        self.schedule = schedule
        self.link = retry.LINK_UP


class Commitments:
    """Which jobs wait for a commitment, and what becomes of them; for any number of threads."""

    def __init__(self, journal, index, roll):
        """`roll`: function, a random number of at least 0, below 1."""
        self._journal = journal
        self._index = index
        self._roll = roll
        self._lanes = {}
        self._closing = False

    def watch(self, destination, schedule):
        """Say that `destination` commits. schedule: when to send again what it does not; its tries: sendings in all."""
        self._lanes[destination] = _Lane(schedule)

    # What waits

    def due(self, destination, asks, now, wait_s, limit):
        """Return up to `limit` Sent jobs for which commitment was asked `asks` times, and that have waited `wait_s`."""
        found = []
        for where, at in (("j.since <= ?", now - wait_s), ("j.since > ?", now + wait_s)):
            found += self._index.look(SENT_JOBS % where, (destination, asks, at, limit - len(found)))
        return [Sent._make(row) for row in found]

    def first(self, destination, asks):
        """Return since when the first of the jobs waits for which commitment was asked `asks` times, or None."""
        return self._index.look(FIRST_SENT, (destination, asks))[0][0]

    def overdue_since(self, destination, now, wait_s):
        """Return since when something waits for its commitment longer than it should, None when nothing does."""
        found = [first for first in [self.first(destination, asks) for asks in range(ASKS)] if first is not None]
        found = [first + wait_s for first in found if now - first > wait_s]
        asked_again = self.first(destination, ASKS)
        return min(found + ([] if asked_again is None else [asked_again]), default=None)

    # Asking

    def ask(self, destination, sent, now):
        """Put down that commitment is about to be asked for a list of Sent; return the UID of the transaction.

        It is durable when this returns; Degraded or NoSpace when that cannot be had: then nobody is to be asked.
        """
        made = uid.from_random(os.urandom(16))
        record = {"transaction": made, "to": destination, "at": now, "ids": [each.object_id for each in sent]}
        self._journal.append("asked", record)
        return made

    def unask(self, transaction, destination, sent, now, may_answer=False):
        """Put down that asking failed: the Sent of a transaction wait as before. may_answer: whether it is kept."""
        since = min([each.since for each in sent])
        self._unask(transaction, destination, [each.object_id for each in sent], now, since, 1, may_answer)

    def _unask(self, transaction, destination, numbers, now, since, asks, may_answer):
        record = {"transaction": transaction, "to": destination, "at": now, "since": since, "may_answer": may_answer}
        record.update(asks=asks, ids=numbers)
        self._journal.append("unasked", record, durable=False)

    def ask_again(self, destination, now):
        """Let all that waits for an answer be asked for again, as a person says so; return how many jobs."""
        by_transaction = {}
        after = None
        while True:
            rows, after = self._index.jobs((SENT,), destination, after, AT_ONCE)
            for row in rows:
                if row.asks:
                    by_transaction.setdefault((row.cause, row.asks), []).append(row)
            if after is None:
                break
        for (transaction, asks), rows in by_transaction.items():
            since = min([row.since for row in rows])
            self._unask(transaction, destination, [row.object_id for row in rows], now, since, asks, True)
        return sum(map(len, by_transaction.values()))

    def give_up(self, destination, sent, now, words):
        """Have Sent jobs sent again, or held when that was done often enough, as no answer came; `words` say so."""
        self._send_again(destination, [(each.object_id, each.sends) for each in sent], now, words, False)

    def wave_through(self, destination, now):
        """Take what waits for a destination that has not to commit any more for delivered; return how much that is."""
        done = 0
        while True:
            rows, _ = self._index.jobs((SENT,), destination, None, AT_ONCE)
            if not rows:
                return done
            record = {"transaction": None, "to": destination, "at": now, "failed": []}
            self._journal.append("committed", {**record, "ids": [row.object_id for row in rows]})
            done += len(rows)

    # Answers

    def transaction(self, transaction_uid):
        """Return the Transaction with this UID, or None when there is none, or it was forgotten."""
        with self._index.lock:
            rows = self._index.look(TRANSACTION, (transaction_uid,))
            if not rows:
                return None
            number, destination, answered = rows[0]
            instances = {}
            for object_id, instance in self._index.look(MEMBERS, (number,)):
                instances.setdefault(instance, []).append(object_id)
        return Transaction(transaction_uid, destination, answered is not None, instances)

    def answer(self, found, committed, refused, now):
        """Put down what an answer to a Transaction says; return the Outcome, which is durable then.

        `committed`: set of SOP Instance UIDs; `refused`: {SOP Instance UID: (words, whether that lasts)}; what the
        transaction does not have counts for nothing. Degraded or NoSpace when the outcome cannot be made durable.
        """
        done, failed = [], []
        reasons = {}
        for instance, numbers in found.instances.items():
            if instance in refused:
                failed += numbers
                reasons.setdefault(refused[instance], []).extend(numbers)
            elif instance in committed:
                done += numbers
        for (words, is_lasting), numbers in reasons.items():
            waiting = [(row.object_id, row.sends) for row in self._still_waiting(found, numbers)]
            words = "%s does not commit to it: %s" % (found.destination, words)
            self._send_again(found.destination, waiting, now, words, is_lasting)
        if done or failed:
            record = {"transaction": found.uid, "to": found.destination, "at": now, "ids": done, "failed": failed}
            self._journal.append("committed", record)
        unnamed = sum([len(numbers) for numbers in found.instances.values()]) - len(done) - len(failed)
        return Outcome(len(done), len(failed), unnamed)

    def _still_waiting(self, found, numbers):
        """Yield the JobRows of those that were not asked for, or sent, again since."""
        for number in numbers:
            for row in self._index.jobs_of(number):
                if row.destination == found.destination and (row.state, row.cause) == (UNCOMMITTED, found.uid):
                    yield row

    def _send_again(self, destination, jobs, now, words, is_lasting):
        lane = self._lanes.get(destination)
        schedule = lane.schedule if lane is not None else retry.OBJECT
        by_sends = {}
        for number, sends in jobs:
            by_sends.setdefault(sends, []).append(number)
        for sends, numbers in by_sends.items():
            is_spent = is_lasting or retry.is_spent(schedule, sends)
            record = {"to": destination, "at": now, "ids": numbers, "cause": CAUSE, "why": words}
            record["state"] = "held" if is_spent else "deferred"
            record["due"] = 0 if is_spent else now + retry.delay_s(schedule, sends, self._roll())
            if is_spent:
                record["why"] = "%s (sent %s)" % (words, "once" if sends == 1 else "%d times" % sends)
            self._journal.append("uncommitted", record, durable=False)

    # Whoever asks sleeps here until there is something to ask for

    def arrivals(self, destination):
        """Return a number that is another one as soon as something more was sent."""
        return self._lanes[destination].arrivals

    def wait(self, destination, arrivals, limit_s):
        """Sleep until `arrivals` differs, somebody calls `wake`, or for `limit_s` seconds, None for ever."""
        lane = self._lanes[destination]
        with lane.condition:
            lane.condition.wait_for(lambda: self._closing or lane.arrivals != arrivals, limit_s)

    def wake(self, destination):
        """Let whoever sleeps look again, and ask at once even where asking failed before."""
        lane = self._lanes.get(destination)
        if lane is not None:
            with lane.condition:
                lane.link = lane.link._replace(until=0.0)
                lane.arrivals += 1
                lane.condition.notify_all()

    def announce(self, lines):
        """Wake those who have something to ask for with these lines of the journal."""
        if self._lanes:
            for line in lines:
                if line.kind == "job" and line.record["state"] == UNCOMMITTED:
                    lane = self._lanes.get(line.record["to"])
                    if lane is not None:
                        with lane.condition:
                            lane.arrivals += 1
                            lane.condition.notify_all()

    def link(self, destination):
        """Return how asking a destination does, a retry.Link."""
        lane = self._lanes.get(destination)
        return retry.LINK_UP if lane is None else lane.link

    def link_failed(self, destination, now, why, schedule):
        """Take note that a destination could not be asked; return its Link."""
        lane = self._lanes[destination]
        lane.link = retry.link_failed(lane.link, now, self._roll(), why, schedule)
        return lane.link

    def link_works(self, destination):
        """Take note that a destination can be asked."""
        self._lanes[destination].link = retry.LINK_UP

    def close(self):
        """Wake everybody for good."""
        self._closing = True
        for destination in list(self._lanes):
            self.wake(destination)
