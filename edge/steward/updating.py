"""The role that installs updates, and says of the slot that runs whether it is good.

Installing is RAUC's, asked by its command line with fixed words; what RAUC says is put into words here, once. Which
slot boots is written by edge/board/bootstate: when a new version was found good, or bad, or did not come up at all.
"""

import json
import os
import re
import time

from edge.board import bootstate
from edge.spool import writing
from edge.spool.disk import Disk
from edge.steward import programs
from edge.steward.errors import Refused
from edge.steward.shapes import Argument, Role, State, Verb

RAUC = ("/usr/bin/rauc",)
COMMAND_LINE = "/proc/cmdline"
RECORD = "/data/update.json"
DEADLINE = "edge-trial.timer"  # starts the box anew unless it is stopped in time
_SYSTEMCTL = "/usr/bin/systemctl"
_INSTALL_S = 3600  # over a thin line
_SOON_S = 30
_OTHER = 2000  # characters kept of what is neither progress nor an error

_ATTEMPTS = 4
# A stream's block device now and then has no size yet when RAUC lays verity over it (seen with RAUC 1.13, Linux 6.12).
_TOO_EARLY = "Failed to load dm table"

_PERCENT = re.compile(r"(\d{1,3})% (.*)")
_LAST = "LastError: "
# What RAUC says, the first that is found in it, and what that means
_WORDS = (
    ("already processing", "another update is being installed; wait for its end"),
    ("Verify error", "the update is signed by somebody whom this box does not believe; take it from who made the box"),
    ("no signature", "the update is not signed"),
    ("signature verification failed", "the update was tampered with or damaged: its signature does not fit it"),
    ("Invalid identifier", "this is no update: it does not begin as a bundle"),
    ("Signature size", "the update is cut short or not signed: copy or download it again"),
    ("Compatible mismatch", "the update is for another board"),
    ("Bundle compatible", "the update is for another board"),
    ("format not allowed", "the update is in a format that this box does not take; it has to be a verity bundle"),
    ("Slot is too small", "the update is larger than a slot of this box: it needs an image made anew"),
    ("too large", "the update is larger than a slot of this box: it needs an image made anew"),
    ("No space left", "there is no room for the update"),
    ("Input/output error", "the update cannot be read to its end: it was tampered with, or its medium or line fails"),
    (_TOO_EARLY, "the system could not look into the update; try again"),
    ("/dev/mapper", "this system cannot look into an update: its kernel has no device mapper"),
    ("/dev/loop", "this system cannot look into an update: its kernel has no loop devices"),
    ("streaming", "the update cannot be fetched from there: the server must allow parts of it (ranges)"),
    ("nbd", "the update cannot be fetched from there: check the address, and that the server allows parts of it"),
    ("No such file", "there is no such file"),
    ("D-Bus", "RAUC does not run: on an appliance see `journalctl -u rauc`"),
    ("Failed to connect", "RAUC does not run: on an appliance see `journalctl -u rauc`"),
)


def bootstate_at():
    """Return the path of the boot state; the environment's EDGE_BOOTSTATE goes before bootstate.PLACE."""
    return os.environ.get("EDGE_BOOTSTATE") or bootstate.PLACE


def booted():
    """Return the slot that runs, "A" or "B"; Refused where this is none."""
    try:
        with open(COMMAND_LINE, encoding="ascii", errors="replace") as file:
            words = file.read(4096).split()
    except OSError:
        words = []
    for slot in bootstate.SLOTS:
        if "rauc.slot=" + slot in words:
            return slot
    raise Refused("this system does not run from a slot: only an appliance, started by its own boot loader, updates")


def _boot():
    """Return (slot that runs, bootstate.State)."""
    slot = booted()
    try:
        return slot, bootstate.read(bootstate_at())
    except bootstate.BootstateError as error:
        raise Refused(str(error)) from None


def _judge(slot, state, is_good):
    try:
        bootstate.write(bootstate.judged(state, slot, is_good), bootstate_at())
    except bootstate.BootstateError as error:
        raise Refused(str(error)) from None


def _record(**more):
    """Add to what is known of the last update, durably; where that fails, it is only not known."""
    try:
        writing.replace(Disk(), RECORD, json.dumps({**_recorded(), **more}).encode())
    except OSError:
        pass


def _recorded():
    try:
        with open(RECORD, encoding="utf-8") as file:
            found = json.loads(file.read(1 << 16))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def _state(_, __):
    slot, state = _boot()
    versions, recorded = _versions(), _recorded()
    return {
        "booted": slot,
        "next": bootstate.next_slot(state),
        "trial": state.first if state.on_trial else None,
        "tries": state.tries,
        "slots": [
            {"name": each, "good": bootstate.is_good(state, each), "version": versions.get(each)}
            for each in bootstate.SLOTS
        ],
        "last": {name: recorded.get(name) for name in ("version", "slot", "result", "why", "at")},
    }


def _trial(_, __):
    """Say what is on trial, without asking RAUC: each of its answers takes a small box seconds at its start."""
    slot, state = _boot()
    return {"booted": slot, "trial": state.first if state.on_trial else None}


def _versions():
    """Return {slot: version that was installed there}, as RAUC has it."""
    try:
        words = programs.run([*RAUC, "status", "--detailed", "--output-format=json"], _SOON_S)
        said = json.loads(next(line for line in words.splitlines() if line.startswith("{")))  # its log is there, too
        rows = [row for each in said["slots"] for row in each.values()]
        found = {row.get("bootname"): row.get("slot_status", {}).get("bundle", {}).get("version") for row in rows}
        return {name: version for name, version in found.items() if name in bootstate.SLOTS and version}
    except (Refused, StopIteration, ValueError, KeyError, AttributeError, TypeError):
        return {}


def _install(_, given):
    slot, state = _boot()
    if state.on_trial and state.first == slot:
        raise Refused("the version that runs is on trial itself; it is found good or bad within three minutes: wait")
    target, source = bootstate.other(slot), given["source"]
    if not source.startswith(("/", "http://", "https://")):
        raise Refused("an update is a file by its full path, or an address that begins with https:// or http://")
    for left in reversed(range(_ATTEMPTS)):
        said = yield from _rauc(source)
        if said is None:
            break
        if not left or _TOO_EARLY not in said:
            why = worded(said)
            _record(version=given["version"], slot=target, result="refused", why=why, at=time.time())
            raise Refused(why)
    _record(version=given["version"], slot=target, result="installed", why=None, at=time.time())
    return {"slot": target}


def _rauc(source):
    """Have RAUC install; yield how far it is; return None when it is done, otherwise what RAUC said."""
    last, other = "", ""
    try:
        for line in programs.lines([*RAUC, "install", "--", source], _INSTALL_S):
            found = _PERCENT.fullmatch(line)
            if found:
                yield {"percent": min(100, int(found[1])), "words": found[2]}
            elif line.startswith(_LAST):
                last = line[len(_LAST) :]
            else:
                other = (other + "; " + line)[-_OTHER:]
    except Refused as refused:
        return last or other or str(refused)


def worded(said):
    """Return what RAUC said, in the words of the box."""
    for part, words in _WORDS:
        if part.lower() in said.lower():
            return words
    return "the update was not installed; RAUC says: %s" % said


def _good(_, __):
    slot, state = _boot()
    if not bootstate.is_good(state, slot) or state.on_trial and state.first == slot:
        _judge(slot, state, True)
        _record(slot=slot, result="good", why=None, at=time.time())
    _hold_deadline()
    return {"slot": slot}


def _hold_deadline():
    try:
        programs.run([_SYSTEMCTL, "stop", DEADLINE], _SOON_S)
    except Refused:
        pass  # where there is none


def _bad(_, given):
    """Say that the slot that runs is bad, and start the other one, where that is good."""
    slot, state = _boot()
    if not bootstate.is_good(state, bootstate.other(slot)):
        raise Refused("the other slot holds nothing that was found good: this version stays")
    _judge(slot, state, False)
    _record(slot=slot, result="went back", why=given["why"], at=time.time())
    programs.run([_SYSTEMCTL, "--no-block", "reboot"], _SOON_S)
    return {"slot": bootstate.other(slot)}


def _settle(_, __):
    """Put down what came of a trial that ended without a word: the other slot boots again, the new one is bad."""
    slot, state = _boot()
    failed = bootstate.other(slot)
    if not (state.on_trial and state.first == failed and not state.tries):
        return {"failed": None}
    _judge(failed, state, False)
    why = "it did not come up, or did not say so in time, or power was cut while it was on trial"
    _record(slot=failed, result="went back", why=why, at=time.time())
    return {"failed": failed}


ROLE = Role(
    "updating",
    "installs updates, and says of the slot that runs whether it is good",
    (
        Verb("state", "says what the slots hold, which one runs, what came of the last update", _state, alone=False),
        Verb("trial", "says which slot runs, and which is on trial", _trial, alone=False),
        Verb(
            "install",
            "installs an update into the slot that does not run",
            _install,
            (
                Argument("source", "text", "A file by its full path, or an address.", like=r"[!-~ ]+", most=2000),
                Argument("version", "text", "Of the update.", like=r"[0-9A-Za-z.~+-]{1,40}"),
            ),
        ),
        Verb("good", "says that the slot that runs is good", _good),
        Verb(
            "bad",
            "says that the slot that runs is bad, and starts the other one",
            _bad,
            (Argument("why", "text", "What is wrong with it.", most=400),),
        ),
        Verb("settle", "puts down what came of a trial that ended without a word", _settle),
    ),
    State,
)
