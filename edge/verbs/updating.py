"""Verbs on updates: what runs and what would, a version taken in and installed, and the test that it has to pass."""

import threading

from edge.steward import client
from edge.steward.errors import StewardError
from edge.update import gate, updates
from edge.update.errors import Unfit
from edge.verbs.verb import ENGINEER, VIEWER, Argument, Refused, Verb

_making = threading.Lock()
_LAST = {"version": "text?", "slot": "text?", "result": "text?", "why": "text?", "at": "time?"}


def versions(box, request, who):
    """Yield a row for each slot; return what runs, what is on trial, what is staged, and how far an update is."""
    kept, here = _updates(box), updates.here()
    state = {"slots": (), "trial": None, "booted": None, "next": None, "last": dict.fromkeys(_LAST)}
    why = None
    try:
        state = client.answer(client.folder(), updates.ROLE, "state")
    except StewardError as error:
        why = str(error)
    for each in state["slots"]:
        is_here = each["name"] == state["booted"]
        yield {
            "slot": each["name"],
            "version": here.version if is_here else each["version"],
            "runs": is_here,
            "next": each["name"] == state["next"],
            "good": each["good"],
            "trial": each["name"] == state["trial"],
        }
    staged, progress = kept.staged(), kept.progress()
    return {
        "version": here.version,
        "board": here.board,
        "build": here.build,
        "why_not": why,
        "on_trial": state["trial"] is not None and state["trial"] == state["booted"],
        "staged": staged and staged.version,
        "room_bytes": kept.room(),
        "last": state["last"],
        "stage": progress.stage,
        "percent": progress.percent,
        "words": progress.words,
        "version_wanted": progress.version,
    }


def stage(box, request, who):
    """Take an update in and check all of it; yield how far it is; return its version, once it is whole."""
    kept = _updates(box)
    try:
        length, offset = request.get("bytes"), request.get("offset", 0)
        taking = kept.stage(request["file"], length, request.get("allow_older", False), offset)
        told, done = -1, offset
        while True:
            try:
                done, of = next(taking)
            except StopIteration as end:
                return {"version": end.value and end.value.version, "bytes": kept.brought() or length or done}
            if done * 20 // (of or done) != told:
                told = done * 20 // (of or done)
                yield {"done": done, "of": of}
    except Unfit as error:
        raise Refused(str(error)) from None


def update(box, request, who):
    """Install what is staged, or what is at an address; yield how far it is; return the version and its slot."""
    kept = _updates(box)
    after = None if request.get("later") else _restart
    try:
        found = kept.begin(request.get("url"), request.get("allow_older", False), after)
    except Unfit as error:
        raise Refused(str(error)) from None
    if request.get("background"):
        return {"version": found.version, "slot": None}
    for progress in kept.follow():
        if progress.stage == "failed":
            raise Refused(progress.words)
        yield {"percent": progress.percent, "words": progress.words}
    return {"version": found.version, "slot": progress.slot}


def _restart():
    try:
        updates.restart()
    except StewardError:
        pass  # it is tried whenever the box starts next


def gate_(box, request, who):
    """Yield a row for each thing that a new version has to show; return whether it is good."""
    if box.rehearsals is None:
        raise Refused("no box runs here that could be tested: start it")
    is_good = True
    for check in gate.checks(box.config, box.spool, box.rehearsals):
        is_good = is_good and check.ok is not False
        yield check._asdict()
    return {"good": is_good}


def _updates(box):
    with _making:
        if box.updates is None:
            box.updates = updates.Updates(box.config.box.state_dir, box.config.limits.reserve_bytes)
        return box.updates


_OLDER = Argument("allow_older", "truth", "Take a version that is older than what runs, too.")

VERBS = (
    Verb(
        "versions",
        "show the versions in the slots, which one runs, and how far an update is",
        versions,
        VIEWER,
        (),
        {"slot": "text", "version": "text?", "runs": "truth", "next": "truth", "good": "truth", "trial": "truth"},
        {
            "version": "text",
            "board": "text",
            "build": "text",
            "why_not": "text?",
            "on_trial": "truth",
            "staged": "text?",
            "room_bytes": "number",
            "last": _LAST,
            "stage": "text",
            "percent": "number",
            "words": "text",
            "version_wanted": "text",
        },
        slow=True,
    ),
    Verb(
        "stage-update",
        "take an update in and check it, to be installed later",
        stage,
        ENGINEER,
        (
            Argument("bytes", "number", "How long all of it is, where that is known before."),
            Argument("offset", "number", "Where this piece belongs, where it comes in several, each after the other."),
            _OLDER,
        ),
        {"done": "number", "of": "number?"},
        {"version": "text?", "bytes": "number"},
        changes=True,
        file="in",
        slow=True,
    ),
    Verb(
        "update",
        "install an update into the slot that does not run, and start it",
        update,
        ENGINEER,
        (
            Argument("url", "text", "Where it is, on a server that sends parts of it; without it, what is staged."),
            _OLDER,
            Argument("later", "truth", "Do not restart: it is tried whenever the box starts next."),
            Argument("background", "truth", "Do not wait for it; `versions` says how far it is."),
        ),
        {"percent": "number", "words": "text"},
        {"version": "text", "slot": "text?"},
        changes=True,
        slow=True,
    ),
    Verb(
        "gate",
        "test the box as a new version is tested: queue, C-ECHO, C-STORE, console",
        gate_,
        ENGINEER,
        (),
        {"name": "text", "ok": "truth?", "words": "text"},
        {"good": "truth"},
        slow=True,
    ),
)
