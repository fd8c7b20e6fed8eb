"""`edge network`: the network of an appliance shown, and changed on trial, through the box where it runs."""

from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.console.reaching import Answer, do_without_spool, guarded
from edge.console.setting import within
from edge.console.text import complain, count, print_json, say, shown, warn
from edge.verbs.verb import Refused

_OTHERS = ("toml", "apply", "check", "confirm", "revert")


def run(asked, loaded):
    """Do `edge network` with a Loaded configuration; return the exit code."""
    wanted = [name for name in _OTHERS if name in asked.options]
    if len(wanted) > 1:
        raise UsageError("one thing at a time: %s" % ", ".join(["--" + name for name in wanted]))
    if "within" in asked.options and wanted != ["apply"]:
        raise UsageError("--within goes with --apply")
    work = {"apply": _apply, "check": _check, "confirm": _decide, "revert": _decide}.get("".join(wanted), _show)
    return guarded(lambda: work(asked, loaded), loaded)


def settings_of(path):
    """Return the settings of the network in a TOML file: its table [network], or all of it. Raises Refused, OSError."""
    import tomllib

    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except ValueError as error:
        raise Refused("%s is no TOML: %s" % (shown(path), error)) from None
    return found.get("network", found)


def _show(asked, loaded):
    answer = Answer(do_without_spool(loaded, "network", {}))
    rows = list(answer)
    found = answer.summary
    if "toml" in asked.options:
        print(_toml(found["settings"]))
    elif "json" in asked.options:
        print_json({"interfaces": rows, **found})
    else:
        say(*_lines(rows, found))
    return DONE


def _toml(settings):
    import tomlkit  # written as people write it, and read back as it was

    tables = {name: value for name, value in settings.items() if value not in (None, [])}
    return tomlkit.dumps({"network": tables}).rstrip()


def _lines(rows, found):
    yield "%s.local" % found["name"]
    for each in rows:
        state = "connected" if each["is_up"] else "no connection"
        yield "%s, %s: %s" % (each["device"], state, ", ".join(each["addresses"]) or "no address")
    for each in found["listens"]:
        yield "open: %s, port %d/%s" % (each["name"], each["port"], each["protocol"])
    if not found["is_ours"]:
        yield "the box has not set this machine's network up; --apply does"
    if found["trial"]:
        yield "on trial: it goes back in %d s, unless you say `edge network --confirm`" % found["left_s"]
    elif found["went_back"]:
        yield "the last change went back: %s" % found["went_back"]


def _check(asked, loaded):
    """Say all that is wrong, and what may cut somebody off; return the exit code."""
    answer = Answer(do_without_spool(loaded, "check-network", {"settings": settings_of(asked.options["check"])}))
    rows = list(answer)
    if "json" in asked.options:
        print_json({"good": answer.summary["good"], "found": rows})
        return DONE if answer.summary["good"] else FAILED
    for each in rows:
        warn("%s: %s%s" % (each["level"], each["where"] and each["where"] + ": ", each["words"]))
    if answer.summary["good"]:
        say("it can be applied")
        return DONE
    mistakes = len([each for each in rows if each["level"] == "mistake"])
    return complain("%s: %s" % (shown(asked.options["check"]), count(mistakes, "mistake")), FAILED)


def _apply(asked, loaded):
    request = {"settings": settings_of(asked.options["apply"]), **within(asked)}
    answer = Answer(do_without_spool(loaded, "change-network", request))
    list(answer)
    found = answer.summary
    if "json" in asked.options:
        print_json(found)
        return DONE
    warn(*found["warnings"])
    if found["trial"] is None:
        say("the network is as wanted, and stays")
    else:
        words = "the network is as wanted, on trial: it goes back in %d s, unless you say `edge network --confirm`"
        say(words % found["confirm_in_s"])
    return DONE


def _decide(asked, loaded):
    name = "confirm" if "confirm" in asked.options else "revert"
    answer = Answer(do_without_spool(loaded, name + "-network", {}))
    list(answer)
    if "json" in asked.options:
        print_json(answer.summary)
    else:
        say("the network stays" if name == "confirm" else "the network is as it was before")
    return DONE
