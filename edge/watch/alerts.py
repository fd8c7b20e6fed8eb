"""Alerts: each trouble of the box is told once when it begins and once when it is over, by every channel for it.

The theory. Every few seconds the troubles there are now are held against the alerts that stand. There is no queue: what
a channel has to tell is found by looking at the alerts, and what it told of each is written down with it. So a channel
that is dead for days has nothing piled up and forgets nothing, a restart tells nothing twice, and what began and ended
meanwhile is told in one line.

What passes quickly is not told, and what comes and goes is told less and less: each time that a trouble is back within
a day, it has to last, and to be gone, twice as long as before. After a start a trouble that stood before counts as
over only after some minutes, as what the box knew of it may have been in memory alone.
"""

import json
import logging
import os
import threading
import time

from edge.box import alerting
from edge.morph import match
from edge.watch import channels
from edge.watch import notice as notices
from edge.watch.failed import Failed

_log = logging.getLogger("edge.watch")

QUIET_S = 20.0  # after the start, when nothing is told yet
SETTLE_S = 60.0  # how long a trouble has to be gone until it is over
START_GRACE_S = 300.0  # the same, after a start
_LONGEST_SETTLE_S = 3600.0
_CALM_S = 86400.0  # without it, and a trouble is new again
_AT_ONCE = 50  # alerts in one message
_KEPT = 200  # alerts that are over
_FIRST_RETRY_S, _LAST_RETRY_S = 5.0, 600.0
_FAILURES = 2  # in a row, and that is a trouble itself
_STUCK = 10  # timeouts that a delivery takes until that is one
_BLINK_S = 1.0
_STOP_S = 2.0
_FOLDER, _NAME = "watch", "alerts.json"


class _Alert:
    """A trouble as it is told of. since: when it began; seen: when it was first seen; until: when it was over."""

    __slots__ = ("key", "since", "seen", "until", "words", "sent", "times", "began", "gone")

    def __init__(self, key, since, seen, words, times=1, until=None, sent=None):
        self.key = key
        self.since = since
        self.seen = seen
        self.until = until
        self.words = words
        self.times = times  # how often it was back within a day
        self.sent = {} if sent is None else sent  # channel: {"what", "at", "failure"}
        self.began = self.gone = None  # by the clock that never steps

    def record(self):
        """Return what is written down."""
        return {
            "key": self.key, "since": self.since, "seen": self.seen, "until": self.until, "words": self.words,
            "times": self.times, "sent": self.sent,
        }  # fmt: skip

    def row(self):
        """Return the row of the verb."""
        return {
            "key": self.key, "kind": self.key.split(" ")[0], "since": self.since, "until": self.until,
            "words": self.words, "times": self.times,
            "sent": [
                {"channel": name, "what": each["what"], "at": each["at"], "failure": each["failure"]}
                for name, each in sorted(self.sent.items())
            ],
        }  # fmt: skip


class _Way:
    """A channel as it is used: its settings, and how it does."""

    def __init__(self, settings, alert):
        self.alert = alert
        self.channel = channels.make(settings, alert)
        self.thread = None
        self.failures = 0
        self.next_try = 0.0
        self.busy_since = None

    def is_net(self):
        """Say whether it tells in words."""
        return self.alert.kind != alerting.GPIO


class Alerts:
    """Keeps the alerts and has them told. For any number of threads.

    settings: config.Config; look: function, the health.Troubles there are; health: health.Health, which is told of
    channels that fail; note: function of (words, level), for events; now: s since 1970; clock: never steps.
    """

    def __init__(
        self, settings, look, health, note, now=time.time, clock=time.monotonic, quiet_s=QUIET_S, settle_s=SETTLE_S,
        start_grace_s=START_GRACE_S,
    ):  # fmt: skip
        self._look = look
        self._health = health
        self._note = note
        self._now = now
        self._clock = clock
        self._quiet_until = clock() + quiet_s
        self._settle_s = settle_s
        self._start_grace_s = start_grace_s
        self._started = clock()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._stopping = False
        self._folder = os.path.join(settings.box.state_dir, _FOLDER)
        self._standing, self._over = {}, []
        for each in read(settings.box.state_dir):
            if each.until is None:
                each.began = clock() - max(0.0, now() - each.seen)
                self._standing[each.key] = each
            else:
                self._over.append(each)
        self._before = set(self._standing)  # that stood before the start, and were not seen since
        self._ways = {}
        self.apply(settings)

    def apply(self, settings):
        """Go on with other settings."""
        with self._lock:
            self._settings = settings
            before, self._ways = self._ways, {}
            for each in settings.alerts:
                known = before.get(each.name)
                if known is not None and known.alert == each and not each.kind == alerting.GPIO:
                    self._ways[each.name] = before.pop(each.name)
            for name, way in before.items():
                self._health.clear("alert " + name)
                if not way.is_net():
                    way.channel.close()  # the line may be wanted by another one
            for each in settings.alerts:
                if each.name not in self._ways:
                    self._ways[each.name] = _Way(settings, each)

    # What stands

    def step(self):
        """Hold the troubles there are against the alerts that stand, and have told what is to be told."""
        found = {each.key: each for each in self._look()}
        with self._lock:
            changed = self._appear(found)
            changed = self._vanish(found) or changed
        if changed:
            self._save()
        self._tell()

    def _appear(self, found):
        changed = False
        for key, trouble in found.items():
            known = self._standing.get(key)
            self._before.discard(key)
            if known is None:
                now = self._now()
                times = self._times(key, now)
                known = _Alert(key, trouble.since, now, notices.words_of(trouble), times)
                known.began = self._clock()
                self._standing[key] = known
                self._note("trouble: " + known.words, "error")
                changed = True
            known.words = notices.words_of(trouble)
            known.gone = None
        return changed

    def _times(self, key, now):
        """Say how often in a row a trouble was back within a day, this time counted in."""
        for each in reversed(self._over):
            if each.key == key:
                return each.times + 1 if now - each.until < _CALM_S else 1
        return 1

    def _vanish(self, found):
        changed = False
        clock = self._clock()
        for key in list(self._standing):
            if key in found:
                continue
            alert = self._standing[key]
            if alert.gone is None:
                alert.gone = clock
            if clock - alert.gone < self._patience_s(alert) or (
                key in self._before and clock - self._started < self._grace_s(key)
            ):
                continue
            self._before.discard(key)
            alert.until = self._now() - (clock - alert.gone)
            del self._standing[key]
            self._over.append(alert)
            del self._over[:-_KEPT]
            self._note("no trouble any more: " + alert.words)
            changed = True
        return changed

    def _patience_s(self, alert):
        return min(self._settle_s * 2 ** min(alert.times - 1, 16), max(_LONGEST_SETTLE_S, self._settle_s))

    def _grace_s(self, key):
        """Return how long what stood before a start is not over, as it may take so long until it is seen again."""
        for each in self._settings.destinations:
            if key == "down " + each.name:
                return self._start_grace_s + 60 * each.down_min
        return self._start_grace_s

    def rows(self):
        """Return the rows of the verb: what stands, then what is over, the latest first."""
        with self._lock:
            standing = sorted(self._standing.values(), key=lambda each: each.since, reverse=True)
            return [each.row() for each in (*standing, *reversed(self._over))]

    # Telling

    def _tell(self):
        clock = self._clock()
        if clock < self._quiet_until:
            return
        with self._lock:
            ways = list(self._ways.values())
        for way in ways:
            if not way.is_net():
                self._show(way)
            elif way.thread is not None and way.thread.is_alive():
                self._see_whether_stuck(way, clock)
            elif clock >= way.next_try and self._due(way):
                way.thread = threading.Thread(target=self._deliver, args=(way,), name="alert", daemon=True)
                way.busy_since = clock
                way.thread.start()

    def _show(self, way):
        with self._lock:
            is_on = any([self._is_for(way, each) and self._has_lasted(way, each) for each in self._standing.values()])
            if self._ways.get(way.alert.name) is not way or self._clock() < way.next_try:
                return
            try:
                way.channel.show(is_on)
            except Failed as failed:
                self._has_failed(way, str(failed))
            else:
                self._works(way)

    def _see_whether_stuck(self, way, clock):
        if clock - way.busy_since > _STUCK * way.alert.timeout_s:
            words = "alerts cannot be sent by way of %s: it has been busy with one for %d s"
            self._health.report("alert " + way.alert.name, words % (way.alert.name, clock - way.busy_since))

    def _due(self, way):
        """Return pairs of an alert and what is to be told of it, at most as many as go in one message."""
        found = []
        with self._lock:
            if self._ways.get(way.alert.name) is not way:
                return []
            for each in (*self._over, *self._standing.values()):
                what = self._wanted(way, each)
                if what is not None:
                    found.append((each, what))
        return found[:_AT_ONCE]

    def _wanted(self, way, alert):
        """Return what a channel has to tell of an alert, None for nothing."""
        if not self._is_for(way, alert):
            return None
        before = alert.sent.get(way.alert.name)
        told = before and before["what"]
        if alert.until is not None:
            if told in (notices.BEGINS, notices.GOES_ON):
                return notices.IS_OVER
            return notices.PASSED if before and told is None else None
        if told is None:
            return notices.BEGINS if self._has_lasted(way, alert) else None
        repeat_s = way.alert.repeat_h * 3600
        return notices.GOES_ON if repeat_s and self._now() - before["at"] >= repeat_s else None

    def _is_for(self, way, alert):
        if alert.key == "alert " + way.alert.name:
            return False  # it could not be told by itself
        about = way.alert.about
        return not about or any([match.is_like(alert.key, each) for each in about])

    def _has_lasted(self, way, alert):
        least_s = way.alert.after_s if alert.times == 1 else max(way.alert.after_s, self._patience_s(alert) / 2)
        return alert.gone is None and self._clock() - alert.began >= least_s

    def _deliver(self, way):
        """Tell what there is to tell by way of one channel, until nothing is left or it fails. In its own thread."""
        try:
            due = self._due(way)
            while due and not self._stopping:
                told = [self._notice(alert, what) for alert, what in due]
                try:
                    way.channel.deliver(told)
                except Failed as failed:
                    self._put_down(way, due, str(failed))
                    return
                self._put_down(way, due, None)
                way.busy_since = self._clock()
                due = self._due(way)
        except Exception as error:
            _log.exception("telling %s failed inside this box", way.alert.name)
            self._has_failed(way, "it failed inside this box: %s" % type(error).__name__)

    def _notice(self, alert, what):
        return notices.Notice(
            self._settings.box.ae_title, alert.key, what, alert.since, alert.until, alert.words
        )

    def _put_down(self, way, due, failure):
        name = way.alert.name
        is_new = False
        with self._lock:
            for alert, what in due:
                before = alert.sent.get(name)
                if failure is None:
                    alert.sent[name] = {"what": what, "at": self._now(), "failure": None}
                    is_new = True
                else:
                    is_new = is_new or before is None or before["failure"] is None
                    told = before["what"] if before else None
                    at = before["at"] if told else self._now()
                    alert.sent[name] = {"what": told, "at": at, "failure": failure}
        if failure is None:
            self._works(way)
        else:
            self._has_failed(way, failure)
        if is_new:
            self._save()

    def _has_failed(self, way, why):
        way.failures += 1
        wait_s = min(_LAST_RETRY_S, _FIRST_RETRY_S * 2 ** min(way.failures - 1, 16))
        way.next_try = self._clock() + wait_s
        level = logging.WARNING if way.failures == 1 else logging.DEBUG
        _log.log(level, "alerts by way of %s wait %.0f s: %s", way.alert.name, wait_s, why)
        if way.failures >= _FAILURES:
            words = "alerts cannot be sent by way of %s: %s; `edge test-alert %s` tries it"
            self._health.report("alert " + way.alert.name, words % (way.alert.name, why, way.alert.name))

    def _works(self, way):
        if way.failures:
            _log.info("alerts go by way of %s again", way.alert.name)
        way.failures, way.next_try = 0, 0.0
        self._health.clear("alert " + way.alert.name)

    def blink(self, name):
        """Turn the line of a channel over for a moment; return what can be said of it. Raises Failed."""
        with self._lock:
            way = self._ways[name]
            is_on = any([self._is_for(way, each) and self._has_lasted(way, each) for each in self._standing.values()])
            way.channel.show(not is_on)
            time.sleep(_BLINK_S)
            way.channel.show(is_on)
        return "line %d of %s was turned over for a second" % (way.alert.line, way.alert.chip)

    def stop(self):
        """Tell nothing more, once what is under way is done or takes too long."""
        self._stopping = True
        with self._lock:
            ways = list(self._ways.values())
        end = time.monotonic() + _STOP_S
        for each in ways:
            if each.thread is not None:
                each.thread.join(max(0.0, end - time.monotonic()))
            if not each.is_net():
                each.channel.close()

    def _save(self):
        with self._writing:
            with self._lock:
                records = [each.record() for each in (*self._over, *self._standing.values())]
            octets = json.dumps({"alerts": records}).encode()
            path = os.path.join(self._folder, _NAME)
            try:
                os.makedirs(self._folder, 0o700, exist_ok=True)
                fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
                with open(fd, "wb") as file:
                    file.write(octets)
                    file.flush()
                    os.fsync(fd)
                os.rename(path + ".new", path)
            except OSError as error:
                _log.debug("the alerts cannot be written down: %s", error)  # a read-only disk is a trouble of its own


def read(state_dir):
    """Return the alerts that were written down below a state folder; none where they cannot be read."""
    try:
        with open(os.path.join(state_dir, _FOLDER, _NAME), "rb") as file:
            records = json.load(file)["alerts"]
        return [
            _Alert(
                str(each["key"]), float(each["since"]), float(each["seen"]), str(each["words"]), int(each["times"]),
                each["until"] and float(each["until"]), _checked(each["sent"]),
            )
            for each in records
        ]  # fmt: skip
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("what was told before cannot be read (%s): what stands is told anew", error)
        return []


def _checked(sent):
    return {
        str(name): {"what": each["what"], "at": float(each["at"]), "failure": each["failure"]}
        for name, each in sent.items()
    }


def rows(state_dir):
    """Return the rows of the verb for a box that does not run."""
    found = read(state_dir)
    standing = [each for each in found if each.until is None]
    return [each.row() for each in (*reversed(standing), *reversed([each for each in found if each.until]))]
