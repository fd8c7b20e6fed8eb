"""The exports of a box: one after the other, in a thread that is there while there is something to export.

One that cannot begin yet, as its study is still coming in or its burner has no disc, lets the others go first. Where no
service runs, whoever asks makes it himself: `make` is the same for both, but for the process that does the work.
"""

import logging
import threading
import time

from edge.dicom.errors import DicomError
from edge.export import record
from edge.export.progress import BURNING, Progress
from edge.export.staging import Staging
from edge.media.errors import MediaError

_log = logging.getLogger("edge.export")


_LOOK_S = 5.0  # between two looks at what exports wait for
WAITS = "waiting: "


class Exports:
    """All exports of a spool.

    settings: function, the config.Config by now; tell: function of (words, level); fetch: function of (destination,
    study), a generator of (how many objects are here, of how many or None), which raises MediaError; is_apart: whether
    a process of its own makes each.
    """

    def __init__(self, spool, settings, tell=lambda words, level: None, fetch=None, is_apart=False):
        self._spool = spool
        self._settings = settings
        self._tell = tell
        self._fetch = fetch
        self._is_apart = is_apart
        self._lock = threading.Condition()
        self._records = record.Records(spool.path)
        self._progress = {}  # {number: progress.Progress} of the one that is being made
        self._cancelled = set()
        self._passwords = {}  # {number: str} of those that may be made yet; nowhere else, and on no disk
        self._thread = None
        self._is_stopping = False

    # Asking

    def add(self, order, to, who, cause=None, password=None, password_file=None, notes=()):
        """Take an order.Order on; return the number of its export.

        to: as it was asked for; who: str; cause: of a rule, what `has` is asked with; password: str, which is kept as
        long as this object is and the export is not done; password_file: in its place, where it is read when it is
        needed; notes: words on it that are known already.
        """
        with self._lock:
            return self._added(order, to, who, cause, password, password_file, notes)

    def _added(self, order, to, who, cause, password, password_file, notes):
        number = self._records.add(order, to, who, time.time(), cause, password_file, notes)["number"]
        if order.has_password and password_file is None:
            self._passwords[number] = password
        known = [each["number"] for each in self._records.all()]
        self._passwords = {each: words for each, words in self._passwords.items() if each in known}
        return number

    def has(self, cause):
        """Say whether there is an export of this cause."""
        with self._lock:
            return any([each.get("cause") == cause for each in self._records.all()])

    def rows(self):
        """Return a copy of every record, the newest first, each with its `progress` (progress.Progress or None)."""
        with self._lock:
            return [self._shown(each) for each in reversed(self._records.all())]

    def row(self, number):
        """Return a copy of one record as `rows` has it, or None."""
        with self._lock:
            found = self._records.get(number)
            return found and self._shown(found)

    def _shown(self, row):
        return {**row, "progress": self._progress.get(row["number"])}

    def wait(self, number, before, seconds):
        """Wait until an export has gone on from what `row` said before, or so many seconds; return its row then."""
        end = time.monotonic() + seconds
        with self._lock:
            while (found := self._shown(self._records.get(number))) == before:
                left = end - time.monotonic()
                if left <= 0 or not self._lock.wait(left):
                    break
            return found

    def cancel(self, number):
        """Have an export end that waits or is being made; say whether there was one."""
        with self._lock:
            row = self._records.get(number)
            if row is None or row["state"] not in record.OPEN:
                return False
            if row["state"] == record.WAITING:
                self._end(row, record.CANCELLED, "cancelled before it began")
            else:
                self._cancelled.add(number)
            self._lock.notify_all()
            return True

    def again(self, number, who):
        """Take an export on once more, from its beginning; return the number of the new one, None without an old.

        Raises MediaError for one whose password is not there any more.
        """
        with self._lock:
            row = self._records.get(number)
            if row is None or row["state"] in record.OPEN:
                return None
            order = _order(row)
            path = row.get("password_file")
            if order.has_password and number not in self._passwords and path is None:
                raise MediaError(record.NOT_KEPT)
            return self._added(order, row["to"], who, None, self._passwords.pop(number, None), path, ())

    def give_up(self, number):
        """Put down that whoever made an export himself left it."""
        with self._lock:
            row = self._records.get(number)
            if row["state"] == record.RUNNING:
                self._end(row, record.CANCELLED, _cancelled_words(row, _order(row)))

    # The thread

    def start(self):
        """Begin to make what waits, if anything does."""
        with self._lock:
            self._lock.notify_all()
            if self._thread is None and not self._is_stopping and self._waiting():
                self._thread = threading.Thread(target=self._run, name="export", daemon=True)
                self._thread.start()

    def stop(self, seconds=10.0):
        """Make nothing more; what is being made is broken off, and begins again with the next start."""
        with self._lock:
            self._is_stopping = True
            thread = self._thread
            self._lock.notify_all()
        if thread is not None:
            thread.join(seconds)

    def _waiting(self):
        return [each["number"] for each in self._records.all() if each["state"] == record.WAITING]

    def _run(self):
        while True:
            with self._lock:
                waiting = [] if self._is_stopping else self._waiting()
                if not waiting:
                    self._thread = None
                    return
            number = self._first(waiting)
            if number is None:
                with self._lock:
                    if not self._is_stopping:
                        self._lock.wait(_LOOK_S)
                continue
            try:
                for _ in self.make(number):
                    if self._is_stopping:
                        break
            except Exception:
                _log.exception("export %d failed inside this box", number)
                with self._lock:
                    words = "FAILED, do not hand it out: it failed inside the box; see its log"
                    self._end(self._records.get(number), record.FAILED, words)

    def _first(self, waiting):
        """Return the first of these exports that can begin, or None; the others say what they wait for."""
        looked = {}  # {place: what was seen}: a burner is looked at once
        for number in waiting:
            with self._lock:
                order = _order(self._records.get(number))
            key = order.place if not order.wait else number
            if key not in looked:
                looked[key] = self._hindrance(order)
            if not self._say_hindrance(number, looked[key]):
                return number
        return None

    def _hindrance(self, order):
        if not order.wait and order.kind != _BURNER:
            return None
        from edge.export import ready

        return ready.hindrance(self._spool, self._settings(), order)

    def _say_hindrance(self, number, found):
        """Show what an export waits for; return its Progress, None where it can begin."""
        with self._lock:
            if found is None:
                self._progress.pop(number, None)
                return None
            shown = Progress(WAITS + found[0], 0, 0, found[1])
            if self._records.get(number)["state"] == record.WAITING and self._progress.get(number) != shown:
                self._progress[number] = shown
                self._lock.notify_all()
            return shown

    # Making

    def make(self, number):
        """Generator of progress.Progress: make an export; when it ends, its record says what came of it.

        Closed before its end, it begins again when the box does.
        """
        with self._lock:
            row = self._records.get(number)
        order = _order(row)
        while not self._is_apart and (shown := self._say_hindrance(number, self._hindrance(order))):
            yield shown
            time.sleep(1)
        with self._lock:
            if row["state"] != record.WAITING:
                return  # somebody has cancelled it
            row.update(state=record.RUNNING, words="", began=time.time(), tries=row["tries"] + 1)
            self._records.save(row)
        try:
            volumes, tally, words = yield from self._made(row, order)
        except (MediaError, DicomError) as error:
            words = str(error)
            words = words if words.startswith("FAILED") else "FAILED, do not hand it out: " + words
            self._over(row, record.FAILED, words)
        except OSError as error:
            words = "FAILED, do not hand it out: %s; look at the disk" % (error.strerror or str(error)).lower()
            self._over(row, record.FAILED, words)
        except _Cancelled:
            self._over(row, record.CANCELLED, _cancelled_words(row, order))
        else:
            row.update(
                volumes=volumes, objects=tally["objects"], left_out=tally["left_out"], later=tally["later"],
                octets=sum([each["octets"] for each in volumes]), reasons=tally["reasons"],
                notes=[*row["notes"], *[each for each in tally["notes"] if each not in row["notes"]]],
            )  # fmt: skip
            if tally["left_out"]:
                words += "; %d of %d objects are NOT on it" % (tally["left_out"], tally["left_out"] + tally["objects"])
            if tally["later"]:
                words += "; %d came since it began and are NOT on it: order it again" % tally["later"]
            self._over(row, record.DONE, words)

    def _made(self, row, order):
        """Generator of Progress: fetch what is to be fetched, and make it; returns (volumes, tally, words)."""
        from edge.export import choose  # a box that never exports does not carry what it takes

        number = row["number"]
        password = self._passwords.get(number)
        if row.get("password_file"):
            password = read_password(row["password_file"])
        if order.fetch_from is not None:
            yield from self._followed(row, self._fetched(order))
        with Staging(self._spool, number) as staging:
            made = self._maker()(self._spool, self._settings(), order, staging, password)
            try:
                volumes, tally, words = yield from self._followed(row, made)
            finally:
                made.close()
            return volumes, {**tally, "later": choose.later(self._spool.index, staging.listing)}, words

    def _maker(self):
        if self._is_apart:
            from edge.export import apart

            return apart.run
        from edge.export import make

        return make.told

    def _fetched(self, order):
        if self._fetch is None:
            raise MediaError("nothing can be fetched here: start the box, and order it again")
        for study in order.studies:
            for done, total in self._fetch(order.fetch_from, study):
                yield Progress("fetching from " + order.fetch_from, done, total or 0, None)

    def _followed(self, row, made):
        number = row["number"]
        while True:
            try:
                each = next(made)
            except StopIteration as end:
                return end.value
            with self._lock:
                self._progress[number] = each
                is_burning = each.stage == BURNING and row["order"]["kind"] == _BURNER
                if is_burning != row.get("is_burning", False):
                    row["is_burning"] = is_burning
                    self._records.save(row)
                self._lock.notify_all()
                if number in self._cancelled:
                    raise _Cancelled
            yield each

    def _over(self, row, state, words):
        with self._lock:
            self._end(row, state, words)
        is_short = row["left_out"] or row.get("later")
        level = {record.FAILED: "error"}.get(state, "warning" if is_short else "info")
        if state == record.FAILED:
            _log.warning("export %d failed", row["number"])
        self._tell("export %d %s" % (row["number"], _TOLD[state]), level)

    def _end(self, row, state, words):
        """Put down what came of an export, durably. The caller has the lock."""
        number = row["number"]
        self._progress.pop(number, None)
        if state == record.DONE:
            self._passwords.pop(number, None)
        self._cancelled.discard(number)
        row.update(state=state, words=words, ended=time.time(), is_burning=False)
        try:
            self._records.save(row)
        except OSError as error:
            _log.error("what came of export %d cannot be written: %s", number, error)
        self._lock.notify_all()


_PASSWORD_LIMIT = 1024
_BURNER = "burner"  # as edge.export.order has it


def _order(row):
    """Return the order.Order of a record."""
    from edge.export.order import Order  # a box that never exports does not carry what it reads

    return Order(**row["order"])


def read_password(path):
    """Return the password in a file: its first line."""
    from edge.net import private

    try:
        return private.read(path, _PASSWORD_LIMIT).decode().partition("\n")[0]
    except (OSError, ValueError) as error:
        why = "it is no text" if isinstance(error, UnicodeDecodeError) else getattr(error, "strerror", None) or error
        words = "its password cannot be read from %s: %s; see password_file of [[export]]"
        raise MediaError(words % (path, why)) from None


class _Cancelled(Exception):
    """Somebody does not want the export any more."""


_TOLD = {record.DONE: "is done", record.FAILED: "FAILED: do not hand it out", record.CANCELLED: "was cancelled"}


def _cancelled_words(row, order):
    if order.kind == _BURNER and row.get("is_burning"):
        return "cancelled while the disc was burnt: do not hand it out, destroy it"
    return "cancelled; nothing of it is left"
