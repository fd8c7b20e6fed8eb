"""What is kept of each export, durably: a file N.json in the state folder's export/, which outlives the box's end.

Nobody but the box's user can read it, as it names studies.
"""

import json
import os

from edge.access import files
from edge.export.staging import FOLDER, remove

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
OPEN = (WAITING, RUNNING)
KEPT = 200
NOT_KEPT = "the password is not kept: order it again"
_TRIES = 3  # so often an export begins again when the box went away under it


class Records:
    """The records of all exports: dicts, by their number. For one process; the caller has a lock.

    number, state, words (what came of it), to, order (as order.Order has it), who, asked, began, ended (s since 1970 or
    None), tries (how often it began), volumes (list of dicts), objects, octets, left_out, later (how many objects came
    after it began), reasons, notes, cause (of a rule: which study by which rule, else None), password_file (or None).
    """

    def __init__(self, state_dir):
        self._folder = os.path.join(state_dir, FOLDER)
        self._rows = {}
        self._next = 1
        try:
            entries = sorted(os.listdir(self._folder))
        except FileNotFoundError:
            return
        for name in entries:
            number, extension = os.path.splitext(name)
            if not number.isdigit():
                continue
            if extension != ".json":
                remove(os.path.join(self._folder, name))  # the staging of one that was cut short
                continue
            self._next = max(self._next, int(number) + 1)
            try:
                with open(os.path.join(self._folder, name), encoding="utf-8") as file:
                    self._rows[int(number)] = json.load(file)
            except (OSError, ValueError):
                continue  # of a disk that fails; its number is not used again
        for row in self._rows.values():
            is_kept = not row["order"].get("has_password") or row.get("password_file")
            if row["state"] in OPEN and not is_kept and not row.get("is_burning"):
                row.update(state=FAILED, words="FAILED, do not hand it out: the box stopped, and " + NOT_KEPT)
                self.save(row)
            elif row["state"] == RUNNING:
                self._went_down(row)

    def _went_down(self, row):
        """See to an export that was being made when the box went away."""
        if row.get("is_burning"):
            words = "FAILED: the box stopped while the disc was burnt, do not hand it out: destroy it, and burn another"
            row.update(state=FAILED, words=words, is_burning=False)
        elif row["tries"] >= _TRIES:
            row.update(state=FAILED, words="FAILED: the box stopped %d times while it was made; see its log" % _TRIES)
        else:
            row.update(state=WAITING, words="it begins again, as the box had stopped")
        self.save(row)

    def add(self, order, to, who, now, cause=None, password_file=None, notes=()):
        """Make the record of a new export, durably, and return it."""
        row = {
            "number": self._next, "state": WAITING, "words": "", "to": to, "order": order._asdict(), "who": who,
            "asked": now, "began": None, "ended": None, "tries": 0, "volumes": [], "objects": 0, "octets": 0,
            "left_out": 0, "later": 0, "reasons": [], "notes": list(notes), "cause": cause,
            "password_file": password_file,
        }  # fmt: skip
        self._next += 1
        self._rows[row["number"]] = row
        self.save(row)
        self._forget()
        return row

    def _forget(self):
        closed = [each for each in self.all() if each["state"] not in OPEN]
        for row in closed[: max(0, len(closed) - KEPT)]:
            del self._rows[row["number"]]
            os.unlink(self._path(row["number"]))

    def get(self, number):
        """Return the record of a number, or None."""
        return self._rows.get(number)

    def all(self):
        """Return all records, the oldest first."""
        return [self._rows[number] for number in sorted(self._rows)]

    def _path(self, number):
        return os.path.join(self._folder, "%d.json" % number)

    def save(self, row):
        """Write a record, durably."""
        files.write(self._path(row["number"]), json.dumps(row).encode())
