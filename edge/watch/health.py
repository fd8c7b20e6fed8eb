"""Everything that is wrong with the box or waits for a person: what spool, configuration and machine say."""

from edge.box import troubles
from edge.watch.board import Board


def all_of(spool, settings, board=None, timekeeper=None):
    """Return every health.Trouble, the oldest first.

    board: board.Board; timekeeper: clock.Timekeeper; where no service runs there is none, and only the storage of the
    state folder is looked at.
    """
    found = troubles.all_of(spool, settings)
    if board is not None:
        found += board.troubles()
    else:
        found += [each for each in Board(spool.path).troubles() if each.key == "read-only"]
    if timekeeper is not None:
        found += timekeeper.troubles()
    return sorted(found, key=lambda trouble: trouble.since)
