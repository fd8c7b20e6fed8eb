"""Every version of the configuration that there was, up to a number: its text, when and by whom it came, and what for.

Each version is a file of its own below `settings/history` of the state folder, JSON, named by its number and readable
by the box alone. The oldest go when there are too many.
"""

import json
import os
from collections import namedtuple

from edge.spool import writing

LIMIT = 50

# What became of a version
KEPT, ON_TRIAL, WENT_BACK, REFUSED = "kept", "on trial", "went back", "refused"

# id: its number, from 1; at: s since 1970; who: str, "" for nobody known; words: what it was about; outcome: one of the
# above; digest: of its text; text: str
Version = namedtuple("Version", ("id", "at", "who", "words", "outcome", "digest", "text"))


def digest(text):
    """Return what a text is told from any other by: the first 16 digits of its SHA-256; "none" for None, no file."""
    import hashlib  # it brings a library that a box at rest does without

    return "none" if text is None else hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def difference(before, after, name_before="before", name_after="after"):
    """Return the unified difference of two texts, None counting as an empty one; "" when they are the same."""
    import difflib

    lines = [(text or "").splitlines() for text in (before, after)]
    return "\n".join(difflib.unified_diff(*lines, name_before, name_after, lineterm="", n=2))


class History:
    """The versions in a folder, which is made when the first is added."""

    def __init__(self, folder, disk, limit=LIMIT):
        self._folder = folder
        self._disk = disk
        self._limit = limit

    def versions(self):
        """Return every Version, the newest first; a file that is none is passed over."""
        return [each for each in map(self.get, self._numbers()) if each is not None]

    def newest(self):
        """Return the newest Version, or None."""
        return next(iter(self.versions()), None)

    def get(self, number):
        """Return the Version with this number, or None."""
        octets = writing.read(self._disk, self._path(number))
        try:
            found = json.loads(octets) if octets is not None else None
            return found and Version(*[found[field] for field in Version._fields])
        except (ValueError, KeyError, TypeError):
            return None

    def of(self, wanted):
        """Return the newest Version whose digest is `wanted`, or None."""
        return next((each for each in self.versions() if each.digest == wanted), None)

    def before(self, number):
        """Return the Version that was in force before `number`: the newest older one that was kept; or None."""
        return next((each for each in self.versions() if each.id < number and each.outcome in (KEPT, ON_TRIAL)), None)

    def add(self, text, who, words, at, outcome=KEPT):
        """Keep a text as the newest version, durably; return the Version."""
        number = max(self._numbers(), default=0) + 1
        return self._write(Version(number, at, who, words, outcome, digest(text), text))

    def mark(self, number, outcome):
        """Note what became of a version, if it is still here."""
        found = self.get(number)
        if found is not None:
            self._write(found._replace(outcome=outcome))

    def _write(self, version):
        self._disk.make_parents(self._path(0))
        octets = json.dumps(version._asdict(), ensure_ascii=False, indent=1).encode("utf-8")
        writing.replace(self._disk, self._path(version.id), octets)
        for number in self._numbers()[self._limit :]:
            writing.remove(self._disk, self._path(number))
        return version

    def _numbers(self):
        try:
            names = self._disk.listdir(self._folder)
        except FileNotFoundError:
            return []
        stems = [name[: -len(".json")] for name in names if name.endswith(".json")]
        return sorted([int(stem) for stem in stems if stem.isascii() and stem.isdigit()], reverse=True)

    def _path(self, number):
        return os.path.join(self._folder, "%06d.json" % number)
