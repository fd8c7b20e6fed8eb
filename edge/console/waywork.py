"""The commands on the ways to destinations: test one layer by layer, say what is on its way, let jobs go first."""

import sys

from edge.console import reaching, text
from edge.console.actions import named
from edge.console.arguments import UsageError
from edge.console.boxwork import object_number
from edge.console.commands import DONE, FAILED
from edge.console.reaching import Answer, do, print_rows, report
from edge.console.text import count, size, span
from edge.verbs.ways import PRIORITIES

_MARKS = {True: "works", False: "FAILS", None: "-"}


def run(asked, loaded):
    """Run the Asked command with a Loaded configuration and return its exit code."""
    return reaching.guarded(lambda: _COMMANDS[asked.command.name](asked, loaded), loaded)


def _test(asked, loaded):
    name = named(loaded.config, asked.arguments[0]).name
    answer = Answer(do(loaded, "test", {"destination": name}))
    if "json" in asked.options:
        print_rows(answer)
    else:
        for row in answer:
            took = "" if row["ms"] is None else "%d ms" % row["ms"]
            text.say("%-12s %-6s %8s  %s" % (row["layer"], _MARKS[row["ok"]], took, row["words"]))
            if row["cure"]:
                text.say("%-12s %-6s %8s  %s" % ("", "", "", row["cure"]))
            sys.stdout.flush()
    if answer.summary is None:
        return FAILED
    return DONE if answer.summary["ok"] else FAILED


def _progress(asked, loaded):
    answer = Answer(do(loaded, "progress", {}))
    if "json" in asked.options:
        print_rows(answer)
        return DONE
    lines = [progress_words(row) for row in answer]
    text.say(*lines or ["nothing is being sent"])
    return DONE


def progress_words(row):
    """Return "object 17 to archive: 3.1 MB of 10 MB, 500 KB/s, 14 s left"."""
    words = "object %d to %s: " % (row["object"], row["destination"])
    if row["sent"] is None:
        return words + "%s, for %s" % (size(row["bytes"]), span(row["seconds"]))
    words += "%s of %s" % (size(row["sent"]), size(row["bytes"]))
    if row["bytes_per_s"]:
        words += ", %s/s, %s left" % (size(row["bytes_per_s"]), span(max(1, row["left_s"])))
    return words


def _prioritise(asked, loaded):
    request = {
        "priority": asked.arguments[0],
        "object": object_number(asked),
        "destination": asked.options.get("destination"),
    }
    if request["priority"] not in PRIORITIES:
        raise UsageError("PRIORITY: expected %s, found %s" % (text.listing(PRIORITIES, "or"), request["priority"]))
    rows = do(loaded, "prioritise", request)
    return report(asked, rows, lambda found: "%s changed" % count(found["changed"], "job"), {"changed": 0})


_COMMANDS = {"test": _test, "progress": _progress, "prioritise": _prioritise}
