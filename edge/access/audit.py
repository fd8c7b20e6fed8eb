"""Who did what, and what came of it: lines of JSON, durable one by one, each chained to the one before it.

A line ends with the SHA-256 of itself and of the chain so far, so that one that is changed or taken out later is
noticed (`broken_at`), unless everything behind it is written anew, too: what must not be denied has to go to a second
place, as the events that the box sends to a log server do. Files are begun anew at SEGMENT_BYTES, and the oldest go
when there are more than SEGMENTS, so the trail is bounded.

Where no service runs, commands write the same trail: who appends holds a lock on the folder, and looks again where the
trail ends when somebody else has written since.

A line tells of something that is done already. When it cannot be written (the disk is full, or read-only) what was done
stays done, or nobody could mend the disk; the line is kept in memory, said to be missing in the log and in `fault`, and
written down before the next.
"""

import fcntl
import json
import logging
import os
import threading
import time
from collections import deque
from contextlib import contextmanager

from edge.access import digest
from edge.spool.disk import FILE_MODE, READ, READ_WRITE, Disk

_log = logging.getLogger("edge.access")

FOLDER = "audit"  # below the state folder
SEGMENT_BYTES = 1 << 20
SEGMENTS = 16

_VALUE_LIMIT = 2000  # characters of one text within a line
_LINE_LIMIT = 32 << 10
_ITEMS = 50
_DEPTH = 6
_PENDING = 500
_CHAIN = b',"chain":"'
_CHAIN_BYTES = len(_CHAIN) + 64 + 2
_START = "0" * 64


class Trail:
    """The audit trail in a folder, for any number of threads. Nothing is opened before it is needed.

    told: function that is told `fault` when it has changed.
    """

    def __init__(self, folder, now=time.time, told=lambda fault: None):
        self._folder = folder
        self._now = now
        self._lock = threading.Lock()
        self._disk = Disk()
        self._fd = None
        self._segment = 0
        self._size = None  # of the newest segment, none before it is looked at
        self._number = 0
        self._chain = _START
        self._pending = deque(maxlen=_PENDING)
        self._told = told
        self.fault = None  # in words, while lines cannot be written

    def write(self, who, verb, request, summary, failure):
        """Add what `who` (anything with a str()) did: the verb, what was asked, and its answer or why it failed."""
        line = {
            "at": round(self._now(), 3),
            "who": str(who),
            "role": getattr(who, "role", None),
            "verb": verb,
            "request": _bounded(request),
            "answer": _bounded(summary),
            "failure": _bounded(failure),
        }
        with self._lock:
            if len(self._pending) == _PENDING:
                _log.error("the audit trail loses a line: %d wait to be written already", _PENDING)
            self._pending.append(line)
            self._write_pending()

    def _write_pending(self):
        try:
            with self._alone():
                self._open()
                while self._pending:
                    self._append(self._pending[0])
                    self._pending.popleft()
        except OSError as error:
            self._close()
            reason = (error.strerror or str(error)).lower()
            if self.fault is None:
                words = "the audit trail in %s cannot be written: %s; what is done is kept in memory until it can"
                _log.error(words, self._folder, reason)
            words = "the audit trail cannot be written (%s): %d lines wait in memory; make room on the disk, or mend it"
            self.fault = words % (reason, len(self._pending))
            self._told(self.fault)
            return
        if self.fault is not None:
            _log.info("the audit trail is written again, and has all that was missing")
            self.fault = None
            self._told(None)

    def _append(self, line):
        number = self._number + 1
        body = json.dumps({"n": number, **line}, ensure_ascii=True, separators=(",", ":")).encode()
        if len(body) > _LINE_LIMIT:
            short = {**line, "request": "(too long to be kept)", "answer": "(too long to be kept)"}
            body = json.dumps({"n": number, **short}, ensure_ascii=True, separators=(",", ":")).encode()
        chain = _next_chain(self._chain, body)
        octets = body[:-1] + _CHAIN + chain.encode() + b'"}\n'
        if self._size and self._size + len(octets) > SEGMENT_BYTES:
            self._rotate()
        try:
            self._disk.pwrite_all(self._fd, octets, self._size)
            self._disk.fdatasync(self._fd)
        except OSError:
            self._disk.close(self._fd)  # after a failed sync nothing of this descriptor is believed
            self._fd = None
            raise
        self._size += len(octets)
        self._number, self._chain = number, chain

    @contextmanager
    def _alone(self):
        """Keep other processes from writing the trail while the `with` block lasts."""
        self._disk.make_parents(os.path.join(self._folder, "any"))
        fd = self._disk.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, 0)
        try:
            self._disk.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            self._disk.close(fd)

    def _is_overtaken(self):
        """Say whether another process has written since."""
        if os.path.exists(self._path(self._segment + 1)):
            return True
        return os.fstat(self._fd).st_size > self._size

    def _open(self):
        """Open the newest segment, behind its last whole line."""
        if self._fd is not None and self._is_overtaken():
            self._close()
            self._size = None
        if self._fd is not None:
            return
        if self._size is not None:  # closed after a failure: what was not synced then is written again
            self._fd = self._disk.open(self._path(self._segment), READ_WRITE | os.O_CREAT, FILE_MODE)
            os.ftruncate(self._fd, self._size)
            return
        numbers = self._numbers()
        self._segment = numbers[-1] if numbers else 1
        self._number, self._chain = 0, _START
        path = self._path(self._segment)
        self._fd = self._disk.open(path, READ_WRITE | os.O_CREAT, FILE_MODE)
        if not numbers:
            self._disk.sync_folder(self._folder)
        whole = self._read(self._segment)
        cut = whole.rfind(b"\n") + 1
        if cut < len(whole):
            os.ftruncate(self._fd, cut)  # torn by a power cut
        self._size = cut
        for number in reversed(numbers):
            lines = (whole[:cut] if number == self._segment else self._read(number)).splitlines()
            if lines:
                self._number, self._chain = _last(lines)
                return

    def _rotate(self):
        fd = self._disk.open(self._path(self._segment + 1), READ_WRITE | os.O_CREAT, FILE_MODE)
        self._close()
        self._fd, self._segment, self._size = fd, self._segment + 1, 0
        self._disk.sync_folder(self._folder)
        for number in self._numbers()[:-SEGMENTS]:
            self._disk.unlink(self._path(number))

    def _close(self):
        if self._fd is not None:
            self._disk.close(self._fd)
            self._fd = None

    def _path(self, number):
        return os.path.join(self._folder, "%08d.jsonl" % number)

    def _numbers(self):
        found = [name[:8] for name in os.listdir(self._folder) if len(name) == 14 and name.endswith(".jsonl")]
        return sorted([int(name) for name in found if name.isdigit()])

    def _read(self, number):
        with open(os.open(self._path(number), READ), "rb") as file:
            return file.read(SEGMENT_BYTES + _LINE_LIMIT + 1)

    def read(self, after=None, limit=200):
        """Return up to `limit` lines, as dicts, in their order: those behind number `after`, without it the last."""
        with self._lock:
            try:
                numbers = self._numbers()
            except FileNotFoundError:
                numbers = []
            found = deque(maxlen=limit if after is None else None)
            for number in reversed(numbers):
                rows = [row for row in map(_row, self._read(number).splitlines()) if row is not None]
                if after is not None:
                    rows = [row for row in rows if row["n"] > after]
                    found.extendleft(reversed(rows))
                    if not rows:
                        break
                else:
                    for row in reversed(rows):
                        if len(found) < limit:
                            found.appendleft(row)
                    if len(found) == limit:
                        break
            return list(found)[:limit]

    def broken_at(self):
        """Return the number of the first line that is not what was written, None when all of them are."""
        with self._lock:
            chain, expected = None, None
            try:
                numbers = self._numbers()
            except FileNotFoundError:
                return None
            for number in numbers:
                for line in self._read(number).splitlines():
                    row = _row(line)
                    if row is None:
                        return expected
                    body = line[:-_CHAIN_BYTES] + b"}"
                    if chain is not None and (row["n"] != expected or row.get("chain") != _next_chain(chain, body)):
                        return expected
                    chain, expected = row.get("chain"), row["n"] + 1
            if self._fd is not None and expected is not None and expected != self._number + 1:
                return expected  # its end was taken off while the box runs
            return None


def _next_chain(chain, body):
    return digest.sha256(chain.encode() + body).hexdigest()


def _row(line):
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("n"), int) else None


def _last(lines):
    """Return (number, chain) of the last line that can be read."""
    for line in reversed(lines):
        row = _row(line)
        if row is not None:
            return row["n"], row.get("chain", _START)
    return 0, _START


def _bounded(value, depth=_DEPTH):
    """Return `value` with long texts and lists cut, as JSON can carry it."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dict) and depth:
        return {str(key)[:100]: _bounded(each, depth - 1) for key, each in list(value.items())[:_ITEMS]}
    if isinstance(value, (list, tuple)) and depth:
        return [_bounded(each, depth - 1) for each in value[:_ITEMS]]
    text = str(value)
    return text if len(text) <= _VALUE_LIMIT else text[:_VALUE_LIMIT] + "..."
