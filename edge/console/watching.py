"""The commands that tell what the box has to say of itself: alerts, events, the log, and the support bundle."""

import sys
import time

from edge.console import handing
from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.console.reaching import Answer, do, guarded, print_rows, report
from edge.console.text import count, listing, print_json, say as say_line, size
from edge.verbs.verb import Refused
from edge.watch.events import LEVELS as EVENT_LEVELS
from edge.watch.ring import LEVELS

_LOOK_S = 0.5  # between two looks when following


def run(asked, loaded):
    """Run the Asked command with a Loaded configuration and return its exit code."""
    return guarded(lambda: _COMMANDS[asked.command.name](asked, loaded), loaded)


def _time(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _alerts(asked, loaded):
    answer = Answer(do(loaded, "alerts", {}))
    rows = list(answer)
    found = answer.summary or {"running": False, "channels": []}
    if "json" in asked.options:
        print_json({**found, "alerts": rows})
        return DONE
    for row in rows:
        until = "until " + _time(row["until"]) if row["until"] else "stands"
        say_line("%s  %s: %s (%s)" % (_time(row["since"]), row["key"], row["words"], until))
        for each in row["sent"]:
            say_line("%21s%s" % ("", _sent_words(each)))
    if not rows:
        print("nothing is wrong, and nothing was told of")
    for each in found["channels"]:
        say_line("channel %s: %s, %s" % (each["channel"], each["kind"], each["where"]))
    if not found["channels"]:
        print("nobody is told: there is no [[alert]] in the configuration")
    return DONE


def _sent_words(sent):
    told = "told %s (%s)" % (sent["what"], _time(sent["at"])) if sent["what"] else "not told yet"
    return "%s: %s%s" % (sent["channel"], told, "; " + sent["failure"] if sent["failure"] else "")


def _test_alert(asked, loaded):
    rows = do(loaded, "test-alert", {"channel": asked.arguments[0]})
    return report(asked, rows, lambda found: "%s: %s" % (found["channel"], found["answer"]))


def _events(asked, loaded):
    request = {"level": _level(asked, EVENT_LEVELS), "limit": _limit(asked)}
    return _lines(asked, loaded, "events", request, _event_words)


def _event_words(row):
    times = " (%d times)" % row["times"] if row["times"] > 1 else ""
    return ["%s %-7s %s%s" % (_time(row["at"]), row["level"], row["words"], times)]


def _log(asked, loaded):
    request = {"level": _level(asked, LEVELS), "limit": _limit(asked), "text": asked.options.get("text")}
    return _lines(asked, loaded, "log", request, _log_words)


def _log_words(row):
    head = "%-7s %s %-8s " % (row["level"], _time(row["at"]), row["room"])
    return [head + line for line in row["words"].split("\n")]


def _lines(asked, loaded, verb, request, say):
    """Print the rows of a verb, and with --follow those that come, until Ctrl-C."""
    answer = Answer(do(loaded, verb, request))
    if "json" in asked.options:
        if "follow" in asked.options:
            raise UsageError("--follow and --json do not go together")
        print_rows(answer)
        return DONE
    while True:
        for row in answer:
            say_line(*say(row))
        sys.stdout.flush()
        if answer.summary is None:
            return FAILED
        if "follow" not in asked.options:
            return DONE
        time.sleep(_LOOK_S)
        request = {**request, "after": answer.summary["last"], "limit": None}
        answer = Answer(do(loaded, verb, request))


def _level(asked, levels):
    level = asked.options.get("level")
    if level not in (None, *levels):
        raise UsageError("--level: expected %s, found %s" % (listing(levels, "or"), level))
    return level


def _limit(asked):
    number = asked.options.get("limit", "1000")
    if not (number.isascii() and number.isdecimal() and len(number) < 8):
        raise UsageError("--limit: expected a whole number, found %s" % number)
    return int(number)


def _bundle(asked, loaded):
    path = asked.arguments[0]
    with handing.Output(path) as file:
        answer = Answer(do(loaded, "bundle", {}, file))
        parts = list(answer)
        octets = file.size()
        if answer.summary is None:
            raise Refused("there is nothing to put into it yet")
    if path == "-":
        return DONE
    missing = ["%s: %s" % (each["part"], each["failure"]) for each in parts if each["failure"]]
    words = "%s: %s, %s" % (path, count(answer.summary["parts"], "part"), size(octets))
    say_line("%s; it has no patients and no secrets" % words, *["missing: " + each for each in missing])
    return DONE


_COMMANDS = {"alerts": _alerts, "test-alert": _test_alert, "events": _events, "log": _log, "bundle": _bundle}
