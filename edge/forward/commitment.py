"""One thread per destination that has to commit to what it was sent: asks, waits a little, asks again, gives up.

Nothing is asked for an object by itself while others are on their way: what was sent is gathered until the queue has
run dry for a few seconds, and asked for in transactions of many. An association that is open for a request stays a
little, as many archives answer on it; others open one of their own later, which the listener takes.

An answer that does not come is asked for again when its time is over, in a transaction of its own, since a lost request
looks the same. When that has no answer either, the object is sent again, and held when that was done often enough. An
archive that cannot be asked spends nothing of this: it is tried again with a growing wait, as for sending.
"""

import logging
import threading
import time
from collections import namedtuple

from edge.net import committing, outbound
from edge.protocol import status
from edge.spool import errors
from edge.spool.commitments import ASKS, AT_ONCE
from edge.spool.retry import link_wait_s

_log = logging.getLogger("edge.forward")

_GATHER_S = 2.0  # how long the queue has to be dry
_GATHER_LONGEST_S = 300.0  # and how long what was sent waits for that
_CUTS_KEPT = 3  # requests in a row within which the link broke, whose transactions are kept in mind
_BLIND_S = 5.0  # between tries while the spool takes nothing down

# Who commits for a destination, and how long that may take. host, port, called, calling, terms, tls: as
# outbound.associate takes them; wait_s: how long an answer may take; linger_s: how long an association waits for it
Provider = namedtuple("Provider", "host port called calling terms tls wait_s linger_s")


class Committer:
    """The thread that asks for the commitment of the destination called `name`.

    spool: where its jobs are; provider: Provider; reports: report.Reports; schedule, link_schedule: retry.Schedules of
    its objects (tries: how often one is sent) and of the way there; now: function, the time in s.
    """

    def __init__(self, spool, name, provider, reports, schedule, link_schedule, now=time.time):
        self._spool = spool
        self._commitments = spool.commitments
        self._name = name
        self._provider = provider
        self._reports = reports
        self._link_schedule = link_schedule
        self._now = now
        self._link = None
        self._stopping = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commitment of " + name, daemon=True)
        self._commitments.watch(name, schedule)

    def start(self):
        """Begin to ask."""
        self._thread.start()

    def stop(self):
        """Ask for nothing more; what an archive has to say on the association that is open is not waited for."""
        self._stopping = True
        self._stopped.set()
        self._commitments.wake(self._name)
        link = self._link
        if link is not None:
            link.interrupt()

    def join(self, limit_s):
        """Wait up to `limit_s` for the thread to end; say whether it has."""
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def _run(self):
        while not self._stopping:
            arrivals = self._commitments.arrivals(self._name)
            try:
                wait_s = self._round()
            except (errors.Degraded, errors.NoSpace) as error:
                _log.warning("asking %s for commitment waits: %s", self._name, error)
                wait_s = _BLIND_S
            except Exception:
                _log.exception("asking %s for commitment failed inside this box", self._name)
                wait_s = _BLIND_S
            if wait_s == _BLIND_S:
                self._stopped.wait(wait_s)
            elif not self._stopping:
                self._commitments.wait(self._name, arrivals, wait_s)

    def _round(self):
        """Do what is due; return for how many seconds there will be nothing to do, None for ever, but for arrivals."""
        known, name, wait_s, now = self._commitments, self._name, self._provider.wait_s, self._now()
        while True:
            silent = known.due(name, ASKS, now, wait_s, AT_ONCE)
            if not silent:
                break
            _log.warning("%s has not answered for %d objects: they are sent again, or held", name, len(silent))
            words = "%s has not said, asked %d times, whether it keeps it; look there" % (name, ASKS)
            known.give_up(name, silent, now, words)
        blocked_s = link_wait_s(known.link(name), now, self._link_schedule)
        if not blocked_s and self._first_batch(now):
            self._converse()
            now = self._now()
            blocked_s = link_wait_s(known.link(name), now, self._link_schedule)
        return self._idle_s(now, blocked_s)

    def _first_batch(self, now):
        """Return the Sent jobs to be asked for in the next transaction, none when there is nothing to ask for yet."""
        again = self._commitments.due(self._name, 1, now, self._provider.wait_s, AT_ONCE)
        if again:
            return again
        if self._gathering_s(now) == 0:
            return self._commitments.due(self._name, 0, now, 0, AT_ONCE)
        return []

    def _gathering_s(self, now):
        """Return for how long what was sent is still gathered, None when nothing was."""
        first = self._commitments.first(self._name, 0)
        if first is None:
            return None
        waited_s = now - first
        if not 0 <= waited_s < _GATHER_LONGEST_S:
            return 0
        if waited_s < _GATHER_S:
            return _GATHER_S - waited_s
        if not self._spool.index.claimable(self._name, now, float("inf"), 1, ()):
            return 0
        if len(self._commitments.due(self._name, 0, now, 0, AT_ONCE)) == AT_ONCE:
            return 0
        return _GATHER_S

    def _idle_s(self, now, blocked_s):
        waits = []
        gathering_s = self._gathering_s(now)
        if gathering_s is not None:
            waits.append(gathering_s)
        for asks in range(1, ASKS + 1):
            first = self._commitments.first(self._name, asks)
            if first is not None:
                waits.append(min(max(0.0, first + self._provider.wait_s - now), self._provider.wait_s))
        if not waits:
            return None
        return max(min(waits), blocked_s)

    # Talking to the archive

    def _converse(self):
        """Ask for all that is due on one association, and wait a little for what it says."""
        try:
            link = self._open()
        except outbound.LinkFailure as failure:
            self._back_off(failure.reason)
            return
        self._link = link
        try:
            if self._stopping:
                return
            asked = self._ask_all(link)
            # Whatever is reported on it is worth as much; when everything was, nothing more is to come
            if asked:
                link.linger(round(self._provider.linger_s * 1000), lambda: self._stopping or link.taken >= asked)
        except outbound.LinkFailure as failure:
            self._back_off(failure.reason)
        finally:
            self._link = None
            if self._stopping:
                link.abort()
            else:
                link.release()

    def _open(self):
        provider = self._provider
        link = committing.associate(
            provider.host, provider.port, provider.calling, provider.called, provider.terms, provider.tls,
            self._reports,
        )  # fmt: skip
        if not link.has_service():
            link.release()
            words = "%s does not take requests for storage commitment from %s; let it, or set commitment = false for %s"
            raise outbound.LinkFailure(
                outbound.ASSOCIATION, words % (provider.called, provider.calling, self._name), True
            )
        return link

    def _ask_all(self, link):
        """Ask for everything that is due; return how many transactions that made."""
        asked = 0
        batch = self._first_batch(self._now())
        while batch and not self._stopping:
            now = self._now()
            transaction = self._commitments.ask(self._name, batch, now)
            instances = {each.uid: each.sop_class for each in batch}
            try:
                reply = link.ask(transaction, [(sop_class, each) for each, sop_class in instances.items()])
            except outbound.LinkFailure:
                # It may have been asked all the same, and may report; but not for ever so often
                may_answer = self._commitments.link(self._name).failures < _CUTS_KEPT
                self._commitments.unask(transaction, self._name, batch, now, may_answer)
                raise
            if status.judge(reply.code) != status.DONE:
                self._commitments.unask(transaction, self._name, batch, now)
                words = "%s answered a request for commitment: %s"
                self._back_off(words % (self._provider.called, status.words(reply.code)))
                return asked
            self._commitments.link_works(self._name)
            asked += 1
            batch = self._first_batch(self._now())
        return asked

    def _back_off(self, why):
        if self._stopping:
            return
        link = self._commitments.link_failed(self._name, self._now(), why, self._link_schedule)
        level = logging.WARNING if link.failures == 1 else logging.INFO
        wait_s = max(0.0, link.until - self._now())
        _log.log(level, "asking %s for commitment waits %.0f s: %s", self._name, wait_s, why)
