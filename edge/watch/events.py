"""What happened, in words for a person who looks after the box: who sent what, what is down, who changed what.

An event is a line of a file, written when it happens and never synced: nobody waits for it, and after a power cut the
log of the machine has it. What repeats is one event with a count. So many lines a minute are written at most; what was
left out follows when the file is written anew.
"""

import json
import logging
import os
import time
from _thread import allocate_lock
from collections import deque

_log = logging.getLogger("edge.watch")

KEPT = 1000
LEVELS = ("info", "warning", "error")
_FOLDER, _NAME = "watch", "events"
_FILE_BYTES = 512 << 10
_LINES_A_MINUTE = 60
_AGAIN_S = 3600  # what is farther apart is told one by one
_AGAIN_AMONG = 20  # events that are looked through for the same one
_WORDS = 400


class Events:
    """The last events. state_dir: where their file is, below a folder of its own. For any number of threads."""

    def __init__(self, state_dir, now=time.time, is_read_only=False):
        self._now = now
        self._lock = allocate_lock()
        self._rows = deque(maxlen=KEPT)
        self._folder = os.path.join(state_dir, _FOLDER)
        self._is_read_only = is_read_only
        self._size = 0
        self._minute, self._lines = 0, 0
        self._is_behind = False
        self._last = 0
        self._read()

    def note(self, words, level="info"):
        """Put down an event; quick, and never raises. level: one of LEVELS."""
        words = "".join([each if each.isprintable() else "?" for each in words])[:_WORDS]
        at = self._now()
        with self._lock:
            before = self._same(words, level, at)
            if before is not None:
                self._rows.remove(before)
            self._last = max(self._last + 1, int(at))
            row = {"id": self._last, "at": at, "level": level, "words": words}
            row["times"] = 1 if before is None else before["times"] + 1
            row["instead"] = None if before is None else before["id"]
            self._rows.append(row)
            self._write(row)

    def _same(self, words, level, at):
        for number, row in enumerate(reversed(self._rows)):
            if number == _AGAIN_AMONG:
                break
            if row["words"] == words and row["level"] == level and 0 <= at - row["at"] <= _AGAIN_S:
                return row
        return None

    def rows(self, after=None, limit=None, level=None):
        """Return the latest events as dicts {id, at, level, words, times}, the oldest of them first.

        after: only those with a higher id; limit: at most so many; level: this one and all that is graver.
        """
        least = LEVELS.index(level) if level else 0
        with self._lock:
            found = [
                {name: row[name] for name in ("id", "at", "level", "words", "times")}
                for row in self._rows
                if (after is None or row["id"] > after) and LEVELS.index(row["level"]) >= least
            ]
        return found if limit is None else found[-limit:] if limit > 0 else []

    # The file

    def _path(self):
        return os.path.join(self._folder, _NAME)

    def _read(self):
        try:
            with open(self._path(), "rb") as file:
                octets = file.read(2 * _FILE_BYTES)
        except OSError:
            return
        found = {}
        for line in octets.split(b"\n"):
            try:
                row = json.loads(line)
                row = {
                    "id": int(row["id"]), "at": float(row["at"]), "level": row["level"], "words": str(row["words"]),
                    "times": int(row["times"]), "instead": row["instead"],
                }  # fmt: skip
                LEVELS.index(row["level"])
            except (ValueError, KeyError, TypeError):
                continue  # torn by a crash, or empty
            found.pop(row["instead"], None)
            found[row["id"]] = row
        for number in sorted(found):
            self._rows.append(found[number])
            self._last = number
        self._size = len(octets)

    def _write(self, row):
        if self._is_read_only:
            return
        minute = int(row["at"] // 60)
        if minute != self._minute:
            self._minute, self._lines = minute, 0
        self._lines += 1
        if self._lines > _LINES_A_MINUTE:
            self._is_behind = True
            return
        try:
            if self._size > _FILE_BYTES or self._is_behind:
                self._rewrite()
                return
            os.makedirs(self._folder, 0o700, exist_ok=True)
            octets = b"\n" + json.dumps(row).encode() + b"\n"
            fd = os.open(self._path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                self._size += os.write(fd, octets)
            finally:
                os.close(fd)
        except OSError as error:
            self._is_behind = True
            _log.debug("the events cannot be written down: %s", error)

    def _rewrite(self):
        os.makedirs(self._folder, 0o700, exist_ok=True)
        octets = b"".join([json.dumps(row).encode() + b"\n" for row in self._rows])
        fd = os.open(self._path() + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(octets)
        os.rename(self._path() + ".new", self._path())
        self._size, self._is_behind = len(octets), False

    def close(self):
        """Have the file hold everything."""
        with self._lock:
            if self._is_behind and not self._is_read_only:
                try:
                    self._rewrite()
                except OSError as error:
                    _log.debug("the events cannot be written down: %s", error)
