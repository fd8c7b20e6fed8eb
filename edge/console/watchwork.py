"""The commands on what the box knows about itself: who connected, whether it is ready, what it measures."""

import sys
import time

from edge.console import reaching
from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.console.reaching import Answer, do, print_rows
from edge.console.text import ago, count, listing, print_json, say, size, span, table
from edge.watch.exposition import OPENMETRICS, TYPES

_ROWS = 40  # that are shown to a person who does not say how many


def run(asked, loaded):
    """Run the Asked command with a Loaded configuration and return its exit code."""
    return reaching.guarded(lambda: _COMMANDS[asked.command.name](asked, loaded), loaded)


def _associations(asked, loaded):
    limit = asked.options.get("limit")
    if limit is not None and not (limit.isascii() and limit.isdecimal() and 0 < len(limit) < 7 and int(limit)):
        raise UsageError("--limit: expected a number of 1 or more, found %s" % limit)
    as_json = "json" in asked.options
    answer = Answer(do(loaded, "associations", {"limit": int(limit) if limit else None if as_json else _ROWS}))
    if as_json:
        print_rows(answer)
        return DONE
    now = time.time()
    lines = [
        (
            "now" if row["ended"] is None else ago(row["ended"], now), row["calling"] or "-", row["called"] or "-",
            row["address"], str(row["stored"]), str(row["refused"]), size(row["bytes"]), _end(row),
        )
        for row in answer
    ]  # fmt: skip
    print("\n".join(table(_COLUMNS, lines)) if lines else "nobody has connected yet")
    return DONE


_COLUMNS = ("ended", "calling", "called", "address", "stored", "refused", "size", "how it ended")


def _end(row):
    """Return "open for 3 s", "released after 2 s", "refused, 5 times: CT9 at ... is not among accept_calling ..."."""
    if row["ended"] is None:
        return "open for %s" % span(row["seconds"])
    if row["end"] == "released":
        return "released after %s" % span(row["seconds"])
    times = "" if row["times"] == 1 else ", %d times" % row["times"]
    return "%s%s: %s" % (row["end"], times, row["why"])


def _health(asked, loaded):
    answer = Answer(do(loaded, "health", {}))
    list(answer)
    if answer.summary is None:
        return FAILED
    reasons = answer.summary["reasons"]
    if "json" in asked.options:
        print_json(answer.summary)
    else:
        say(answer.summary["state"] + (", for %s:" % count(len(reasons), "reason") if reasons else ""))
        say(*["  " + each["words"] for each in reasons])
    return FAILED if reasons else DONE


def _metrics(asked, loaded):
    form = asked.options.get("format", OPENMETRICS)
    if form not in TYPES:
        raise UsageError("--format: expected %s, found %s" % (listing(TYPES, "or"), form))
    sys.stdout.flush()
    answer = Answer(do(loaded, "metrics", {"format": form}, sys.stdout))
    list(answer)
    return FAILED if answer.summary is None else DONE


_COMMANDS = {"associations": _associations, "health": _health, "metrics": _metrics}
