"""Syncs that are left out, and steps in the wrong order: each is a record as a worse spool would have made it.

A mutation takes the Changes of a record and the paths of its files, and returns other Changes. The sweep has to find
that each of them breaks a promise; what it does not find, it would not find in the spool either.
"""

import re

_DAY = re.compile(r"/state/objects/[-.\d]+")
_SEGMENT = re.compile(r"/state/journal/\d+\.log")


def _drop(changes, is_dropped):
    return [change for at, change in enumerate(changes) if not (change.kind == "sync" and is_dropped(at, change))]


def _syncs_of(pattern):
    """Return a mutation that leaves out every sync of what has such a path."""

    def mutation(changes, paths):
        return _drop(changes, lambda _, change: re.fullmatch(pattern, paths[change.node]))

    return mutation


def _named(changes):
    """Return {number of a segment: where in the record it got its name}."""
    return {change.more[3]: at for at, change in enumerate(changes) if change.kind == "move"}


def _lines_unsynced(changes, paths):
    named = _named(changes)
    return _drop(changes, lambda at, change: _SEGMENT.fullmatch(paths[change.node]) and at > named[change.node])


def _segments_named_unsynced(changes, paths):
    named = _named(changes)
    return _drop(changes, lambda at, change: _SEGMENT.fullmatch(paths[change.node]) and at < named[change.node])


def _is_line_sync(change, paths):
    return change.kind == "sync" and _SEGMENT.fullmatch(paths[change.node])


def _said_early(what):
    """Return a mutation that makes a promise before the sync of the journal that it waits for."""

    def mutation(changes, paths):
        made = []
        for change in changes:
            if change.kind == "mark" and change.more[0][0] == what:
                at = max(at for at, each in enumerate(made) if _is_line_sync(each, paths))
                made.insert(at, change)
            else:
                made.append(change)
        return made

    return mutation


def _files_synced_behind_their_line(changes, paths):
    made, late = [], []
    for change in changes:
        if change.kind == "sync" and paths[change.node].endswith(".dcm"):
            late.append(change)
            continue
        made.append(change)
        if late and _is_line_sync(change, paths):
            made += late
            late = []
    return made


def _files_removed_before_their_line(changes, paths):
    made = []
    for change in changes:
        if change.kind == "name" and change.more[1] is None and change.more[0].endswith(".dcm"):
            at = max(at for at, each in enumerate(made) if each.kind == "write" and _SEGMENT.match(paths[each.node]))
            made.insert(at, change)
        else:
            made.append(change)
    return made


MUTATIONS = {
    "the file is not synced": _syncs_of(r".*\.dcm"),
    "the name of the file is not synced": _syncs_of(_DAY.pattern),
    "the name of a new folder is not synced": _syncs_of("/state/objects"),
    "the names of the folders of the spool are not synced": _syncs_of("/state"),
    "lines of the journal are not synced": _lines_unsynced,
    "a segment of the journal is renamed before it is synced": _segments_named_unsynced,
    "the names of segments are not synced": _syncs_of("/state/journal"),
    "success is said before the line is synced": _said_early("stored"),
    "an outcome is relied on before its line is synced": _said_early("delivered"),
    "the file is synced behind its line": _files_synced_behind_their_line,
    "a file is removed before the journal says so": _files_removed_before_their_line,
}
