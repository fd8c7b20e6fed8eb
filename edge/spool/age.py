"""How long jobs have waited: which of them are of objects that came before some time.

Objects are numbered as they come, so that a time is a number, found by halving; and no object has a lower number than
its study, so that in the order in which jobs go only the studies that had begun by then are looked at.
"""

_READY = (
    "SELECT count(*), min(object) FROM (SELECT object FROM jobs INDEXED BY jobs_ready"
    " WHERE destination = (SELECT id FROM destinations WHERE name = ?1) AND state = 0"
    " AND priority IN (0, 1, 2) AND study < ?2 AND object < ?2 LIMIT ?3)"
)
_DEFERRED = (
    "SELECT count(*), min(object) FROM (SELECT object FROM jobs INDEXED BY jobs_deferred"
    " WHERE destination = (SELECT id FROM destinations WHERE name = ?1) AND state = 1 AND object < ?2 LIMIT ?3)"
)
_LAST = "SELECT max(id) FROM objects"
_RECEIVED = "SELECT received FROM objects WHERE id >= ? ORDER BY id LIMIT 1"


def older(index, destination, when, limit):
    """Return (how many jobs wait for `destination` whose objects came before `when`, when the first of them came).

    index: index.Index; `limit`: so many of each kind are counted at most. (0, None) when there are none.
    """
    number = _first_since(index, when)
    found = [index.look(sql, (destination, number, limit))[0] for sql in (_READY, _DEFERRED)]
    firsts = [first for _, first in found if first is not None]
    rows = index.look(_RECEIVED, (min(firsts),)) if firsts else ()
    return min(limit, sum([count for count, _ in found])), rows[0][0] if rows else None


def _first_since(index, when):
    """Return the number of the first object that came at `when` or later, as long as no clock was set meanwhile."""
    low, high = 1, (index.look(_LAST, ())[0][0] or 0) + 1
    while low < high:
        middle = (low + high) // 2
        rows = index.look(_RECEIVED, (middle,))
        if rows and rows[0][0] < when:
            low = middle + 1
        else:
            high = middle
    return low
