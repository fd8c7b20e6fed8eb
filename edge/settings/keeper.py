"""The one who writes the configuration file: each change on trial, which goes back by itself unless it is confirmed.

The running service has one Keeper, and so has a command that works alone. What a change comes to, step by step, each
durable before the next (`writing`):

1. the text is checked as the box checks it when it starts (`load.parse`); nothing is written for a mistake;
2. the version is added to the history;
3. the record of the trial is written, with the text that was before, and the users where those are changed, too;
4. the users are replaced, and the file;
5. `apply` makes the running box follow.

`confirm` removes the record. `revert` puts the text back that the record has, has it applied, and removes the record.
So a power cut between any two steps leaves either file whole, and a record that says which is right: `settle`, before
a box starts, goes back wherever there is one. Who edited the file by hand in between keeps what he wrote.

What `apply` is: function of a load.Loaded that makes the running box follow it. It returns None when the box does, and
raises an exception whose str() says why it does not; then the box is as it was before. It is called in the thread that
asked for the change, with the keeper's lock held: it must not call the keeper, nor wait for a skin whose request this
is. Where it is None, no box runs: a change is checked and written, and stays without a trial.
"""

import fcntl
import json
import logging
import os
import threading
import time
from collections import namedtuple

from edge.box import encryption, load
from edge.settings import history
from edge.spool import writing
from edge.spool.disk import FILE_MODE, Disk
from edge.toml import reading

_log = logging.getLogger("edge.settings")

WITHIN_S = 120  # how long a change is on trial when nobody says otherwise
_LEAST_S, _MOST_S = 10, 3600
TEXT_LIMIT = 512 << 10  # octets of a configuration

# A change that is not confirmed yet. id: the number of its version in the history; confirm_by: s since 1970, by the
# clock of the box; who: str, who asked; words: what it is about; path: of the file; previous: the text before, None for
# no file; digest: of the text that is tried; users: None, or [path of their file, its text before, None for no file]
Trial = namedtuple(
    "Trial", ("id", "confirm_by", "who", "words", "path", "previous", "digest", "users"), defaults=(None,)
)


class Refusal(Exception):
    """What was asked of the keeper cannot be done, and nothing has changed; str() says why and what to do."""


class Stale(Refusal):
    """The configuration has changed since it was read. diff: what has, None when it is not known."""

    def __init__(self, words, diff):
        super().__init__(words)
        self.diff = diff


def folder_of(settings):
    """Return the folder in which the keeper of a config.Config has its records."""
    return os.path.join(settings.box.state_dir, "settings")


def path_of(loaded):
    """Return the path of the configuration file of a Loaded; where it has none, of the one that a change makes."""
    return os.path.abspath(loaded.path or "edge.toml")


def settle(loaded, disk=None, now=time.time):
    """Return the Loaded that a box is to start with: when a trial was under way, the file before it, put back.

    To be called once the file has been read, before anything else is done with it, by whoever starts the box.
    Raises ConfigError when the file before is none any more that could be used, OSError when it cannot be put back.
    """
    folder = folder_of(loaded.config)
    if not os.path.exists(os.path.join(folder, _TRIAL)):
        return loaded
    keeper = Keeper(loaded, None, disk, now)
    return keeper.settle()


_TRIAL = "trial.json"


class Keeper:
    """The configuration file, its history, and the change that is on trial; safe to use from any thread.

    path: of the file; text: what the box runs with, None for the built-in defaults; trial: the Trial, or None;
    failure: why the running box could not go back, or None; users_changed: function that is called when the file of the
    users has become another one.
    """

    def __init__(self, loaded, apply=None, disk=None, now=time.time, monotonic=time.monotonic):
        self._apply = apply
        self._disk = disk or Disk()
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._folder = folder_of(loaded.config)
        self._due = None
        self.state_dir = loaded.config.box.state_dir
        self.path = path_of(loaded)
        self.history = history.History(os.path.join(self._folder, "history"), self._disk)
        self.failure = None
        self.users_changed = lambda: None
        self.text = loaded.text
        self.trial = self._read_trial()

    # What there is

    @property
    def id(self):
        """What the present text is told from any other by: whoever edits says which one he has edited."""
        return history.digest(self.text)

    @property
    def has_box(self):
        """Whether there is a box that follows: only then there are trials."""
        return self._apply is not None

    def is_edited(self):
        """Say whether somebody has edited the file by hand since the box read it; `reload` takes that in."""
        return self._read_file() != self.text

    def left_s(self):
        """Return how long the trial still goes on, None without one."""
        return None if self.trial is None or self._due is None else max(0, self._due - self._monotonic())

    # Changes

    def begin(self, text, who, words, within_s=WITHIN_S, based_on=None, users=None, strict=True):
        """Write and apply the text of a changed configuration; return its Trial, None where it stays without one.

        who: str; words: what it is about; within_s: how long it is on trial, 0 for no trial; based_on: `id` of the text
        that was edited, None where that is no matter; users: None, or (path of their file, its text) to be on trial
        with it; strict: whether TLS files have to be usable, as `examine` says. Raises load.ConfigError with every
        mistake, Stale, or Refusal.
        """
        with self._lock, self._alone():
            self._must_be_free()
            if based_on not in (None, self.id):
                raise self._stale(based_on)
            if self.is_edited():
                words = "%s was edited by hand since the box read it; take that in with `reload`, or put it back, first"
                raise Stale(words % self.path, history.difference(self.text, self._read_file()))
            return self._begin(text, who, words, within_s, users, strict)

    def reload(self, who, within_s=WITHIN_S):
        """Take in what somebody wrote into the file by hand, on trial like any change; returns and raises as begin."""
        with self._lock, self._alone():
            self._must_be_free()
            text = self._read_file()
            if text is None:
                raise Refusal("%s is gone; put it back, or change any key to have it written" % self.path)
            return self._begin(text, who, "edited by hand", within_s)

    def refresh(self):
        """Have the box look again at what it runs with, for the files that this names. Raises Refusal, as begin."""
        with self._lock, self._alone():
            try:
                self._apply(load.load(None) if self.text is None else load.parse(self.text, self.path))
            except Exception as error:
                raise Refusal(str(error)) from error

    def confirm(self, trial, who):
        """Let the change that is on trial stay; `trial` is its id. Raises Refusal."""
        with self._lock, self._alone():
            self._must_be_on_trial(trial)
            confirmed = self.trial
            writing.remove(self._disk, self._record())
            self.trial = self._due = None
            self._mark(confirmed.id, history.KEPT)
            _log.info("the changed configuration stays, confirmed by %s", who)

    def revert(self, why, trial=None):
        """Put back what was before the trial, and have it applied; Refusal when there is none. `why`: for the log."""
        with self._lock, self._alone():
            self._must_be_on_trial(trial)
            gone = self.trial
            edited = self._read_file()
            if history.digest(edited) != gone.digest:
                self._keep(edited, "", "edited by hand during a trial", history.WENT_BACK)
            self._put_users_back(gone)
            self._write_file(gone.previous)
            self.text = gone.previous
            self._follow_back(gone)
            writing.remove(self._disk, self._record())
            self.trial = self._due = None
            self._mark(gone.id, history.WENT_BACK)
            _log.warning("the configuration went back to what it was: %s", why)

    def tick(self):
        """Go back when the trial's time is over; return whether it did. To be called about once a second."""
        due = self._due
        if due is None or self._monotonic() < due:
            return False
        with self._lock:
            if self.trial is None or self._due != due:
                return False
            try:
                self.revert("it was not confirmed in time")
            except OSError as error:
                self._due = self._monotonic() + _LEAST_S
                self.failure = "the configuration cannot be put back, and this is tried again: %s" % error
                _log.error("%s", self.failure)
                return False
        return True

    def settle(self):
        """Go back when a trial was under way as the box ended; return the Loaded to start with. See `settle`."""
        with self._lock, self._alone():
            self.trial = self._read_trial()
            if self.trial is not None:
                self._settle(self.trial)
            loaded = load.load(self.path if os.path.exists(self.path) else None)
            self.text = loaded.text
            return loaded

    def _settle(self, gone):
        self._put_users_back(gone)
        found = history.digest(self._read_file(gone.path))
        if found == gone.digest:
            self._write_file(gone.previous, gone.path)
            self._mark(gone.id, history.WENT_BACK)
            _log.warning("the configuration went back to what it was: the box ended before the change was confirmed")
        elif found == history.digest(gone.previous):
            self._mark(gone.id, history.WENT_BACK)  # it was not written yet, or is back already
        else:
            _log.warning("a change of the configuration was on trial, and edited by hand since: that stands")
        writing.remove(self._disk, self._record())
        self.trial = None

    # How it is done

    def _begin(self, text, who, words, within_s, users=None, strict=True):
        loaded = self.checked(text)
        if strict:
            self.examine(loaded)
        if within_s and not _LEAST_S <= within_s <= _MOST_S:
            raise Refusal("a trial takes %d to %d seconds, or 0 for none; asked for %d" % (_LEAST_S, _MOST_S, within_s))
        if text == self.text == self._read_file() and users is None:
            raise Refusal("nothing would change")
        on_trial = self.has_box and within_s
        previous = self.text
        self._keep(previous, "", "as it was found", history.KEPT)
        version = self.history.add(text, who, words, self._now(), history.ON_TRIAL if on_trial else history.KEPT)
        before = users and [users[0], self._read_file(users[0])]
        trial = Trial(version.id, self._now() + within_s, who, words, self.path, previous, version.digest, before)
        if self.has_box:  # without a trial, too: until it is applied it may have to go back
            self._write_trial(trial)
        try:
            if users:
                self._disk.make_parents(users[0])
                self._write_file(users[1], users[0])
                self.users_changed()
            self._write_file(text)
        except OSError as error:
            self._go_back(trial, history.REFUSED)
            raise Refusal(_cannot_write(self.path, error)) from None
        if self.has_box:
            self._apply_or_go_back(loaded, trial)
        self.text = text
        self.failure = None
        if not on_trial:
            writing.remove(self._disk, self._record())
            return None
        self.trial, self._due = trial, self._monotonic() + within_s
        return trial

    def checked(self, text):
        """Return the Loaded of a text that could be the configuration; raises load.ConfigError or Refusal."""
        try:
            octets = text.encode()
        except UnicodeEncodeError:
            raise Refusal("it is not text that could be written: it has halves of characters in it") from None
        if len(octets) > TEXT_LIMIT:
            raise Refusal("it is longer than %d KiB, which no configuration is" % (TEXT_LIMIT >> 10))
        loaded = load.parse(text, self.path)
        if loaded.config.box.state_dir != self.state_dir and self.has_box:
            words = (
                "state_dir cannot be changed while the box runs: stop it, move %s to its new place, "
                "`edge settings --set box.state_dir=...`, and start it"
            )
            raise Refusal(words % self.state_dir)
        return loaded

    def examine(self, loaded):
        """Raise load.ConfigError where a file that a Loaded names cannot be used, and is not in use so already.

        What breaks while it is in use is a trouble, and must not keep anybody from changing something else.
        """
        wrong = encryption.faults(loaded.config, self._now())
        if wrong:
            try:
                known = load.load(None) if self.text is None else load.parse(self.text, self.path)
                known = encryption.faults(known.config, self._now())
            except load.ConfigError:
                known = {}
            mistakes = [reading.Mistake(None, what, fault) for fault, what in wrong.items() if fault not in known]
            if mistakes:
                raise load.ConfigError(self.path, mistakes)

    def _apply_or_go_back(self, loaded, trial):
        try:
            self._apply(loaded)
        except Exception as error:
            if not isinstance(error, (OSError, ValueError)) and type(error).__module__ == "builtins":
                _log.exception("applying a changed configuration failed")
            self._go_back(trial, history.REFUSED)
            words = "the box cannot run with this, so all is as it was: %s"
            raise Refusal(words % (str(error) or type(error).__name__)) from error

    def _go_back(self, trial, outcome):
        """Put the file back that was before, and forget the trial."""
        self._put_users_back(trial)
        if self._read_file() != trial.previous:
            self._write_file(trial.previous)
        writing.remove(self._disk, self._record())
        self._mark(trial.id, outcome)

    def _put_users_back(self, gone):
        if gone.users is not None:
            path, before = gone.users
            if self._read_file(path) != before:
                self._write_file(before, path)
            self.users_changed()

    def _follow_back(self, gone):
        if not self.has_box:
            return
        try:
            loaded = load.load(None) if gone.previous is None else load.parse(gone.previous, self.path)
            self._apply(loaded)
            self.failure = None
        except Exception as error:
            self.failure = "the configuration is back, but the box cannot follow before it is started anew: %s" % error
            _log.exception("%s", self.failure)

    def _must_be_free(self):
        if self.trial is not None:
            words = "a change by %s is on trial until %s: confirm it or let it go back first"
            by = time.strftime("%H:%M:%S", time.localtime(self.trial.confirm_by))
            raise Refusal(words % (self.trial.who or "somebody", by))

    def _must_be_on_trial(self, number):
        if self.trial is None:
            raise Refusal("no change is on trial: it was confirmed, or went back already; see the history")
        if number not in (None, self.trial.id):
            raise Refusal("change %d is not on trial, but %d by %s" % (number, self.trial.id, self.trial.who))

    def _stale(self, based_on):
        known = self.history.of(based_on)
        if known is None:
            return Stale("the configuration has changed since you read it; read it again, and change that", None)
        newest = self.history.newest()
        words = "the configuration has changed since you read it, last by %s (%s); read it again, and change that"
        diff = history.difference(known.text, self.text, "what you edited", "what is there now")
        return Stale(words % (newest.who or "hand", newest.words), diff)

    def _keep(self, text, who, words, outcome):
        """Have a text in the history that came there without the keeper, such as the first one."""
        newest = self.history.newest()
        if text is not None and (newest is None or self.history.of(history.digest(text)) is None):
            self.history.add(text, who, words, self._now(), outcome)

    def _mark(self, number, outcome):
        try:
            self.history.mark(number, outcome)
        except OSError as error:
            _log.warning("the history of the configuration cannot be written: %s", error)

    def _read_file(self, path=None):
        octets = writing.read(self._disk, path or self.path)
        return None if octets is None else octets.decode("utf-8", "replace")

    def _write_file(self, text, path=None):
        if text is None:
            writing.remove(self._disk, path or self.path)
        else:
            writing.replace(self._disk, path or self.path, text.encode())

    def _record(self):
        return os.path.join(self._folder, _TRIAL)

    def _read_trial(self):
        octets = writing.read(self._disk, self._record())
        try:
            found = json.loads(octets) if octets is not None else None
            return found and Trial(**found)
        except (ValueError, KeyError, TypeError):
            return None

    def _write_trial(self, trial):
        self._disk.make_parents(self._record())
        writing.replace(self._disk, self._record(), json.dumps(trial._asdict()).encode())

    def _alone(self):
        return _Alone(self._disk, self._folder)


def _cannot_write(path, error):
    """Say why the file at `path` cannot be replaced, and what to do."""
    why = (error.strerror or str(error)).lower()
    if isinstance(error, PermissionError):
        cure = "let the user that the box runs as write the file and its folder, %s" % (os.path.dirname(path))
        return "%s cannot be replaced: %s; %s" % (path, why, cure)
    return "%s cannot be written: %s" % (path, why)


class _Alone:
    """Keeps other processes from changing the configuration while the `with` block lasts."""

    def __init__(self, disk, folder):
        self._disk = disk
        self._folder = folder
        self._fd = None

    def __enter__(self):
        path = os.path.join(self._folder, "lock")
        self._disk.make_parents(path)
        self._fd = self._disk.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        self._disk.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(self, *exception):
        self._disk.close(self._fd)
