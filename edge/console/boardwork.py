"""The command about the machine below the box."""

import time

from edge.board import profile, timekeeping
from edge.console.commands import DONE, FAILED, MISCONFIGURED
from edge.console.text import complain, count, print_json, say, table, warn
from edge.verbs import boards

_STATES = {True: "there", False: "MISSING", None: "unknown"}


def run(asked, loaded):
    """Run the Asked command with a Loaded configuration and return its exit code."""
    return _set_clock(loaded) if "set-clock" in asked.options else _show(asked, loaded)


def _show(asked, loaded):
    found = boards.told(loaded.config)
    if "json" in asked.options:
        print_json(found)
    else:
        say(*_lines(found))
    return DONE if found["title"] is not None and not found["missing"] else FAILED


def _lines(found):
    title = "%s, %s, %s" % (found["title"], found["arch"], found["tier"]) if found["title"] else "none that can be used"
    yield "board    %s: %s" % (found["name"] or "unknown", title)
    yield "found    " + found["how"]
    if found["model"]:
        yield "machine  " + found["model"]
    for each in found["mistakes"]:
        yield "mistake  " + each
    for each in found["notes"]:
        yield "note     " + each
    if found["parts"]:
        rows = [(each["name"], _STATES[each["is_there"]], each["words"]) for each in found["parts"]]
        yield from table(("part", "", "what was found"), rows)
        yield "%s" % (count(found["missing"], "part") + " missing" if found["missing"] else "nothing is missing")
    if found["title"] is None:
        yield "to add a board, see boards/README.md; to name one, set profile under [board]"


def _set_clock(loaded):
    """Set the clock forward to the time that the box saved; return the exit code."""
    path = timekeeping.path_of(loaded.config.box.state_dir)
    try:
        when = timekeeping.set_forward(path)
    except PermissionError:
        return complain("the clock may be set by root alone (CAP_SYS_TIME)", FAILED)
    if when is None:
        say("the clock shows more than was saved, and stays")
    else:
        shown = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
        say("the clock was set forward to %s, as it was saved" % shown)
    return DONE


def check(asked):
    """Check a board's profile, and say every mistake in it; return the exit code."""
    place = asked.options["check"].rstrip("/") or "/"
    try:
        found = profile.load(place)
    except profile.ConfigError as error:
        mistakes = [{"line": each.line, "key": each.key, "words": each.words} for each in error.mistakes]
        if "json" in asked.options:
            print_json({"path": error.path, "good": False, "mistakes": mistakes})
        else:
            warn(*error.lines(), "%s: %s" % (error.path, count(len(mistakes), "mistake")))
        return MISCONFIGURED
    if "json" in asked.options:
        print_json({"path": place, "good": True, "mistakes": []})
    else:
        say("%s: good: %s, %s, %s" % (place, found.board.name, found.board.arch, found.board.tier))
    return DONE
