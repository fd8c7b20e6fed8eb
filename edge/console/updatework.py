"""`edge update` and `edge bootstate`: new versions installed, tried, and gone back from."""

import sys
import time

from edge.console import control, reaching, text
from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.console.reaching import Answer, do
from edge.steward import client
from edge.steward.errors import StewardError
from edge.update.updates import ROLE

_JUDGED_BY_S = 85  # after the start of the machine; the unit edge-trial.timer restarts it a little later
_LEAST_S = 20
_PAUSE_S = 1


def bootstate(asked):
    """Do `edge bootstate`; return the exit code."""
    from edge.board import bootstate as state
    from edge.steward import updating

    try:
        sys.stdout.write(state.command(asked.arguments, updating.bootstate_at()))
    except state.BootstateError as error:
        return text.complain(str(error), FAILED)
    return DONE


def run(asked, loaded):
    """Do `edge update` with a Loaded configuration; return the exit code."""
    if asked.arguments and ("status" in asked.options or "gate" in asked.options):
        raise UsageError("update takes FILE or URL, --status or --gate; see edge update --help")
    if "gate" in asked.options:
        return _gate(loaded)
    if not asked.arguments:
        return reaching.guarded(lambda: _status(asked, loaded), loaded)
    return reaching.guarded(lambda: _update(asked, loaded), loaded)


def _status(asked, loaded):
    answer = Answer(do(loaded, "versions", {}))
    rows = list(answer)
    found = answer.summary
    if found is None:
        return FAILED
    if "json" in asked.options:
        text.print_json({"slots": rows, **found})
        return DONE
    print("version %s runs%s" % (found["version"], " on " + found["board"] if found["board"] else ""))
    if found["why_not"]:
        text.say("no slots: %s" % found["why_not"])
    for row in rows:
        print("slot %s: %s%s" % (row["slot"], row["version"] or "version not known", state_of(row)))
    for line in more(found):
        text.say(line)
    return DONE


def state_of(row):
    """Return what there is to say of a slot, for behind its version."""
    said = [
        words
        for words, is_so in (
            ("runs", row["runs"]),
            ("on trial", row["trial"]),
            ("starts next", row["next"] and not row["runs"]),
            ("not found good", not row["good"] and not row["trial"]),
        )
        if is_so
    ]
    return ": " + ", ".join(said) if said else ""


def more(found):
    """Return lines on what is under way and what came of the last update, of the summary of `versions`."""
    lines = []
    if found["stage"] == "installing":
        said = "version %s is being installed: %d %%, %s"
        lines.append(said % (found["version_wanted"], found["percent"], found["words"]))
    elif found["stage"] == "failed":
        lines.append("the last update failed: %s" % found["words"])
    if found["staged"]:
        lines.append("version %s is here, checked, and not installed" % found["staged"])
    last = found["last"]
    if last["result"] == "went back":
        lines.append("the update to %s went back: %s" % (last["version"] or "a new version", last["why"]))
    return lines


def _update(asked, loaded):
    source = asked.arguments[0]
    older, later = "allow-older" in asked.options, "later" in asked.options
    request = {"allow_older": older or None, "later": later or None}
    if "://" in source:
        request["url"] = source
    else:
        with open(source, "rb") as file:
            taken = Answer(do(loaded, "stage-update", {"allow_older": older or None}, file))
            for _ in taken:
                pass
        if taken.summary is None:
            return FAILED
        text.say("version %s is checked" % taken.summary["version"])
    answer = Answer(do(loaded, "update", request))
    for row in answer:
        print("%3d %% %s" % (row["percent"], row["words"]), flush=True)
    if answer.summary is None:
        return FAILED
    next_ = "it is tried at the next start" if later else "the box restarts into it now"
    text.say("version %s is in slot %s; %s" % (answer.summary["version"], answer.summary["slot"], next_))
    return DONE


def _gate(loaded):
    """Judge the version that runs where it is on trial, and put down what came of one that did not come up."""
    folder = client.folder()
    try:
        state = client.answer(folder, ROLE, "trial")
        if state["trial"] is None:
            print("nothing is on trial")
            return DONE
        if state["trial"] != state["booted"]:
            failed = client.answer(folder, ROLE, "settle")["failed"]
            text.say("slot %s did not come up; slot %s is back" % (failed or state["trial"], state["booted"]))
            return DONE
        why = _tried(loaded)
        if why is None:
            client.answer(folder, ROLE, "good")
            print("slot %s is good" % state["booted"])
            return DONE
        client.answer(folder, ROLE, "bad", why=why[:400])
        return text.complain("this version is not good (%s); the box goes back" % why, FAILED)
    except StewardError as error:
        return text.complain(str(error), FAILED)


def _tried(loaded):
    """Try until the box passes; return None then, and why it did not where time runs out."""
    end = time.monotonic() + max(_LEAST_S, _JUDGED_BY_S - _since_start_s())
    while True:
        why = _tested(loaded)
        if why is None or time.monotonic() > end:
            return why
        time.sleep(_PAUSE_S)


def _since_start_s():
    with open("/proc/uptime", encoding="ascii") as file:
        return float(file.read().split()[0])


def _tested(loaded):
    try:
        channel = control.connect(loaded.config.box.state_dir)
        if channel is None:
            return "the box does not run"
        try:
            answer = Answer(control.ask(channel, "gate"))
            failed = ["%s: %s" % (row["name"], row["words"]) for row in answer if row["ok"] is False]
        finally:
            channel.close()
    except (control.Failed, OSError) as error:
        return str(error)
    return "; ".join(failed) or (None if answer.summary and answer.summary["good"] else "the box did not say")


