"""The command about the machine below the box."""

from edge.board import profile
from edge.console.commands import DONE, MISCONFIGURED
from edge.console.text import count, print_json, say, warn


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
