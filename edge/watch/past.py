"""The last few hundred associations, with those that were refused or never came about, and why.

What has ended is a row: a dict that JSON can carry, as the verb `associations` has it. A peer that is refused again and
again is one row with a count, so that it does not drive out the others. Contexts take the most room, and a device asks
for the same ones each time: each list is kept once, packed.

The rows survive a restart in a file of lines, each a row as it was at some time, the last one of a row being it. Lines
are not synced, since nobody waits for them, and so many a minute at most are written, to spare a card under a flood;
what was left out follows with the next time that the whole file is written, which is when it has become long.
"""

import base64
import json
import logging
import os
import time
import zlib
from _thread import allocate_lock
from collections import OrderedDict, deque

from edge.net import witness

_log = logging.getLogger("edge.watch")

ROWS = 400
OPEN = "open"  # how an association "ended" that is still open
_NAME = "associations"
_FOLDER = "watch"
_GROWTH_BYTES = 1 << 18  # of the file, until it is written anew
_READ_BYTES = 1 << 23
_LINES_A_MINUTE = 60
_AGAIN_S = 3600  # refusals farther apart than this are told one by one
_AGAIN_WRITTEN_S = 60  # how often one that goes on is written
_AGAIN_AMONG = 32  # rows that are looked through for the same refusal
_PACKED_BYTES = 4096  # of one list of contexts; what is longer is cut
_WORDS = 400
_MOST_SYNTAXES = 32


class Past:
    """The rows of what has ended; `witness` takes what happens. For any number of threads.

    state_dir: where its file is, below a folder of its own; None for none. now: function, s since 1970.
    """

    def __init__(self, state_dir, now=time.time):
        self._now = now
        self._lock = allocate_lock()
        self._rows = deque(maxlen=ROWS)
        self._packed = {}  # packed contexts -> itself, so that equal ones are one
        self._folder = None if state_dir is None else os.path.join(state_dir, _FOLDER)
        self._fd = None
        self._size = 0  # of the file
        self._longest = _GROWTH_BYTES
        self._minute, self._lines = 0, 0
        self._is_behind = False  # whether there is something that the file does not have
        self._read()

    # What happens

    def witness(self, event):
        """Take note of an event of edge.net.witness; quick, and never raises."""
        if isinstance(event, witness.Ended):
            self._add(self._ended(event))
        elif isinstance(event, witness.Turned):
            self._turned(event)

    def _ended(self, event):
        summary = event.summary
        row = _row(summary, summary.began + event.seconds, event.seconds)
        row["end"], row["why"] = summary.end, summary.ended[:_WORDS]
        row["contexts"] = self._pack(_contexts(summary.proposals, summary.accepted))
        return row

    def _turned(self, event):
        with self._lock:
            row = self._same(event)
            if row is not None:
                row["times"] += 1
                row["ended"] = event.began + event.seconds
                self._is_behind = True
                if row["ended"] - row["written"] < _AGAIN_WRITTEN_S:
                    return
        if row is not None:
            self._write(row)
            return
        row = {
            "began": event.began, "ended": event.began + event.seconds, "calling": event.calling,
            "called": event.called, "address": event.address, "certificate": event.certificate.strip(), "stored": 0,
            "refused": 0, "bytes": 0, "seconds": round(event.seconds, 3), "times": 1, "end": event.end,
            "reason": event.reason, "why": event.words[:_WORDS],
        }  # fmt: skip
        row["contexts"] = self._pack(_contexts(event.proposals, {}))
        self._add(row)

    def _same(self, event):
        """Return the row of the same refusal of late, or None."""
        looked_at = 0
        for row in reversed(self._rows):
            is_same = (row["end"], row["reason"], row["calling"], row["called"], row["address"]) == (
                event.end, event.reason, event.calling, event.called, event.address
            )  # fmt: skip
            if is_same and 0 <= event.began - row["ended"] <= _AGAIN_S:
                return row
            looked_at += 1
            if looked_at == _AGAIN_AMONG:
                return None
        return None

    def _add(self, row):
        with self._lock:
            self._rows.append(row)
        self._write(row)

    def _pack(self, contexts):
        """Return contexts as octets of a bounded length; the same object for equal ones."""
        packed = _compressed(contexts)
        while len(packed) > _PACKED_BYTES:
            contexts = contexts[: len(contexts) // 2]
            packed = _compressed(contexts)
        with self._lock:
            if len(self._packed) > 2 * ROWS:
                self._packed = {row["contexts"]: row["contexts"] for row in self._rows}
            return self._packed.setdefault(packed, packed)

    # What is asked

    def rows(self, open_now=(), limit=ROWS):
        """Return rows as the verb has them, the latest first. open_now: inbound.Summary of those that are open."""
        now = self._now()
        found = []
        for summary in open_now:
            if not summary.end:
                row = _row(summary, None, max(0.0, now - summary.began))
                row.update(end=OPEN, why="", contexts=_contexts(summary.proposals, summary.accepted))
                found.append(row)
        with self._lock:
            ended = [dict(row) for row in self._rows]
        for row in ended:
            row.pop("written", None)
            row["contexts"] = _unpacked(row["contexts"])
        found += ended
        found.sort(key=lambda row: (row["ended"] is None, row["ended"] or row["began"]), reverse=True)
        return found[:limit]

    def seen(self):
        """Return {(calling AE title, address): when last} of the associations that were accepted."""
        found = {}
        with self._lock:
            for row in self._rows:
                if row["end"] not in (witness.REFUSED, witness.UNFINISHED):
                    key = (row["calling"], row["address"])
                    found[key] = max(found.get(key, 0.0), row["ended"])
        return found

    # Its file

    def close(self):
        """Have the file hold everything."""
        if self._is_behind:
            self._rewrite()
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
            self._fd = self._folder = None

    def _path(self):
        return os.path.join(self._folder, _NAME)

    def _read(self):
        if self._folder is None:
            return
        try:
            with open(self._path(), "rb") as file:
                octets = file.read(_READ_BYTES)
        except OSError:
            return
        found = OrderedDict()
        for line in octets.split(b"\n"):
            try:
                row = json.loads(line)
                row["contexts"] = base64.b64decode(row["contexts"])
                row["written"] = row["ended"] = float(row["ended"])
                key = (float(row["began"]), row["calling"], row["called"], row["address"], row["end"], row["reason"])
                _unpacked(row["contexts"])
            except (ValueError, KeyError, TypeError, zlib.error):
                continue  # torn by a crash, or empty
            found[key] = row
            found.move_to_end(key)
        for row in found.values():
            row["contexts"] = self._packed.setdefault(row["contexts"], row["contexts"])
            self._rows.append(row)
        self._longest = sum([len(_line(row)) for row in self._rows]) + _GROWTH_BYTES

    def _write(self, row):
        with self._lock:
            row["written"] = row["ended"]
            if self._folder is None:
                return
            minute = int(self._now() // 60)
            if minute != self._minute:
                self._minute, self._lines = minute, 0
            self._lines += 1
            if self._lines > _LINES_A_MINUTE:
                self._is_behind = True
                return
            line = _line(row)
            try:
                if self._fd is None:
                    os.makedirs(self._folder, 0o700, exist_ok=True)
                    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                    self._fd = os.open(self._path(), flags, 0o600)
                    self._size = os.fstat(self._fd).st_size
                    line = b"\n" + line if self._size else line  # behind one that was torn
                self._size += os.write(self._fd, line)
            except OSError as error:
                self._is_behind = True
                _log.debug("the associations cannot be written down: %s", error)
            is_long = self._size > self._longest
        if is_long:
            self._rewrite()

    def _rewrite(self):
        """Write the file anew, with what it lacks and without what is over."""
        with self._lock:
            if self._folder is None:
                return
            fresh = self._path() + ".new"
            try:
                os.makedirs(self._folder, 0o700, exist_ok=True)
                fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
                with open(fd, "wb") as file:
                    file.writelines([_line(row) for row in self._rows])
                    self._longest = file.tell() + _GROWTH_BYTES
                    file.flush()
                    os.fsync(fd)
                os.rename(fresh, self._path())
            except OSError as error:
                _log.debug("the associations cannot be written down: %s", error)
                return
            self._is_behind = False
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None
            self._size = 0


def _line(row):
    shown = dict(row, contexts=base64.b64encode(row["contexts"]).decode())
    shown.pop("written", None)
    return json.dumps(shown).encode() + b"\n"


def _row(summary, ended, seconds):
    """Return the row of an association that was accepted, but for its contexts and its end."""
    peer = summary.peer
    return {
        "began": summary.began, "ended": ended, "calling": peer.calling, "called": peer.called,
        "address": peer.address, "certificate": peer.certificate.strip(), "stored": summary.stored,
        "refused": summary.refused, "bytes": summary.payload_bytes, "seconds": round(seconds, 3), "times": 1,
        "reason": None,
    }  # fmt: skip


def _compressed(contexts):
    """Return contexts as few octets, by 20 KB of memory: what threads of associations allocate, libc keeps for each."""
    packing = zlib.compressobj(6, zlib.DEFLATED, 12, 3)
    return packing.compress(json.dumps(contexts).encode()) + packing.flush()


def _contexts(proposals, accepted):
    """Return the contexts that were asked for, and the transfer syntax that each was accepted with, None for none."""
    return [
        {
            "abstract": each.abstract_syntax,
            "syntaxes": list(each.transfer_syntaxes[:_MOST_SYNTAXES]),
            "accepted": accepted[each.id].transfer_syntax if each.id in accepted else None,
        }
        for each in proposals
    ]


def _unpacked(packed):
    return json.loads(zlib.decompress(packed))
