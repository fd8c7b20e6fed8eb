"""Who objects came from: when last, how many, how much. Kept beside the counts, for as many as a hospital has.

A row is a pair of calling AE title and address. What is counted are the objects that the journal knows of, also those
that were removed since, as long as the index is not made anew.
"""

from collections import namedtuple

MOST = 500  # rows; of more, those go that were not heard of for longest

# calling: AE title; address: str; last: when the last object came (s since 1970); objects, octets: of their data sets
Seen = namedtuple("Seen", "calling address last objects octets")

TABLE = (
    "CREATE TABLE sources(calling TEXT NOT NULL, address TEXT NOT NULL, last REAL NOT NULL, objects INTEGER NOT NULL,"
    " octets INTEGER NOT NULL, PRIMARY KEY(calling, address)) WITHOUT ROWID;"
)


class Sources:
    """The rows, in memory and, with every transaction, in the database. execute: of its connection."""

    def __init__(self, execute):
        self._execute = execute
        self._seen = {(row[0], row[1]): Seen(*row) for row in execute("SELECT * FROM sources")}
        self._changed = set()

    def came(self, source, at, octets, is_old=False):
        """Count an object. source: its (calling AE title, called, address); is_old: whether it is told of belatedly."""
        calling, _, address = source
        if not _called(source):
            return
        key = (calling or "", address or "")
        known = self._seen.get(key)
        if known is None:
            self._seen[key] = Seen(*key, at, 1, octets)
        else:
            last = max(known.last, at) if is_old else at
            self._seen[key] = Seen(*key, last, known.objects + 1, known.octets + octets)
        self._changed.add(key)

    def came_again(self, source, at):
        """Take note that one sent what is here already."""
        if not _called(source):
            return
        key = (source[0], source[2])
        known = self._seen.get(key)
        self._seen[key] = Seen(*key, at, 0, 0) if known is None else known._replace(last=at)
        self._changed.add(key)

    def flush(self):
        """Write the rows that changed; part of every transaction."""
        for key in self._changed:
            self._execute("INSERT OR REPLACE INTO sources VALUES(?, ?, ?, ?, ?)", self._seen[key])
        self._changed.clear()
        while len(self._seen) > MOST:
            oldest = min(self._seen.values(), key=lambda seen: seen.last)
            del self._seen[oldest[:2]]
            self._execute("DELETE FROM sources WHERE calling = ? AND address = ?", oldest[:2])

    def all(self):
        """Return every Seen, the one heard of last first."""
        return sorted(self._seen.values(), key=lambda seen: seen.last, reverse=True)


def _called(source):
    """Say whether a device sent it: what was taken in otherwise has words, and no address, where it came from."""
    calling, _, address = source
    return bool(calling or address) and " " not in (address or "")
