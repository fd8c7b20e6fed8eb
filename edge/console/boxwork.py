"""The commands that work on a box: through its control socket when it runs, otherwise on its state folder itself."""

import os
import time

from edge.console import control, reaching, sending
from edge.console.actions import named
from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.console.reaching import Alone, Answer, do, print_rows, report, say_alone
from edge.console.text import about, ago, ahead, complain, count, listing, print_json, say, shortened, shown, size, span
from edge.console.text import table
from edge.forward import window
from edge.spool.intake import NEW
from edge.spool.jobs import OPEN
from edge.verbs.verb import Refused

_MODALITIES = 5  # that `edge status` tells of, those that were heard of last
_UID_COLUMNS = 64  # of a valid one; a longer one is shortened in a table
_TEXT_COLUMNS = 16
_STATES = ("waiting", "sent", "held", "delivered")


def run(asked, loaded):
    """Run the Asked command with a Loaded configuration and return its exit code."""
    return reaching.guarded(lambda: _COMMANDS[asked.command.name](asked, loaded), loaded)


def _time(seconds):
    """Return a time of today as 14:03:07, another with its date."""
    then = time.localtime(seconds)
    is_today = then[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M", then)


def _forget_index(loaded):
    """Remove the index of a box that does not run: opening the spool makes it anew, from the files as well."""
    state_dir = loaded.config.box.state_dir
    if os.path.isdir(state_dir) and not control.answers(state_dir):
        with Alone(loaded):  # whose lock keeps everybody else from the files
            for suffix in ("", "-wal", "-shm"):
                try:
                    os.unlink(os.path.join(state_dir, "index.db" + suffix))
                except FileNotFoundError:
                    pass


# The commands


def _queue(asked, loaded):
    request = {"destination": asked.options.get("destination"), "state": asked.options.get("state")}
    if request["state"] not in (None, *_STATES):
        raise UsageError("--state: expected %s, found %s" % (listing(_STATES, "or"), request["state"]))
    if request["state"] is None and not {"all", "json"}.intersection(asked.options):
        request["state"] = OPEN
    if not os.path.isdir(loaded.config.box.state_dir) and request["destination"] is not None:
        named(loaded.config, request["destination"])
    answer = Answer(do(loaded, "queue", request))
    if "json" in asked.options:
        print_rows(answer)
        return DONE
    now = time.time()
    lines = []
    for row in answer:
        next_try = ahead(row["next_try"], now) if row["next_try"] and row["state"] == "waiting" else "-"
        why = row["error"] or ""
        if row["transaction"]:
            why += ", asked %s" % ago(row["since"], now)
        lines.append(
            (
                str(row["object"]), row["destination"], _state(row), str(row["attempts"]), next_try,
                shortened(row["sop_instance"], _UID_COLUMNS), why,
            )
        )  # fmt: skip
    if lines:
        print("\n".join(table(_QUEUE_COLUMNS, lines)))
        print()
    destinations = [
        each
        for each in (answer.summary or {}).get("destinations", ())
        if request["destination"] in (None, each["name"])
    ]
    say(*[_destination_words(each, now) for each in destinations])
    if not lines and not destinations:
        print("nothing is queued")
    return DONE



def _state(row):
    """Return the state of a row; of one that is held with the cause by which it may be released."""
    return "held (%s)" % row["cause"] if row["state"] == "held" and row["cause"] else row["state"]


_QUEUE_COLUMNS = ("object", "destination", "state", "attempts", "next try", "SOP instance", "last error")


def _destination_words(each, now):
    """Return "archive: 3 waiting, 1 held, 20 delivered; the way there fails: ..."."""
    jobs = [
        "%d %s" % (number, "sent, awaiting commitment" if state == "sent" else state)
        for state, number in each["jobs"].items()
        if number or state == "waiting"
    ]
    words = "%s: %s" % (each["name"], ", ".join(jobs))
    is_wanted = each["jobs"]["waiting"] + each["jobs"]["sending"] > 0
    if each["failures"] and is_wanted:
        words += "; next try %s: %s" % (ahead(each["next_try"] or 0, now), each["error"])
    elif each["up"] is None and each["configured"]:
        words += "; not tried yet"
    elif each["up"] is False and not each["failures"]:
        words += "; not reachable: %s" % each["error"]
    if each["opens_at"] is not None:
        words += "; waits for its window until %s" % window.words(now, each["opens_at"])
    elif each["sessions"] and is_wanted:
        words += "; %d of %s open" % (each["sessions"], count(each["associations"] or 1, "association"))
    if each["oldest"] is not None:
        words += "; the oldest came %s" % ago(each["oldest"], now)
    if each["rate_bytes_per_s"]:
        words += "; at most %s/s" % size(each["rate_bytes_per_s"])
    if not each["configured"]:
        words += "; it is not in the configuration any more"
    return words


def _objects(asked, loaded):
    answer = Answer(do(loaded, "objects", {}))
    if "json" in asked.options:
        print_rows(answer)
        return DONE
    lines = [
        (
            str(row["id"]), _time(row["received"]), row["calling"] or "-",
            shortened(row["modality"], _TEXT_COLUMNS) or "-", size(row["bytes"]),
            shortened(row["sop_instance"], _UID_COLUMNS), "held: " + row["error"] if row["hold"] else "",
        )
        for row in answer
    ]  # fmt: skip
    if lines:
        print("\n".join(table(("id", "received", "from", "modality", "size", "SOP instance", ""), lines)))
        print()
    kept = answer.summary or {"objects": 0, "bytes": 0, "held": 0}
    say("%s, in %s" % (_kept_words(kept), loaded.config.box.state_dir))
    return DONE


def _kept_words(kept):
    """Return "3 objects, 1.2 MB, 1 of them held"."""
    held = ", %d of them held" % kept["held"] if kept["held"] else ""
    return "%s, %s%s" % (count(kept["objects"], "object"), size(kept["bytes"]), held)


def _status(asked, loaded):
    answer = Answer(do(loaded, "status", {}))
    rows = list(answer)
    found = answer.summary
    if found is None:
        return FAILED
    if "json" in asked.options:
        print_json({**found, "associations": rows})
    else:
        say(*_status_lines(found, rows))
    return FAILED if found["troubles"] or not found["running"] else DONE


def _status_lines(found, associations):
    now = found["now"]
    yield "box           %s, state in %s" % ("running" if found["running"] else "not running", found["state_dir"])
    yield "receives      %s" % _receiving_words(found, associations)
    yield "keeps         " + _kept_words(found["kept"])
    yield "room          " + _room_words(found)
    for each in found["destinations"]:
        by_hand = each["configured"] and not each["routed"]
        hint = "; no route leads there, so it gets only what is sent by hand" if by_hand else ""
        yield "destination   " + _destination_words(each, now) + hint
    for each in associations:
        yield "association   %s at %s: %d stored, %d refused, %s" % (
            each["calling"] or "(no title)", each["address"], each["stored"], each["refused"], size(each["bytes"]),
        )  # fmt: skip
    for each in found["uploads"]:
        yield "upload        " + _upload_words(each, now)
    for each in found["modalities"][:_MODALITIES]:
        yield "modality      %s at %s: %s, last %s" % (
            each["calling"] or "(no title)", each["address"] or "?", count(each["objects"], "object"),
            ago(each["last"], now),
        )  # fmt: skip
    yield "clock         " + _clock_words(found["clock"])
    machine = list(_machine_words(found["board"]))
    if machine:
        yield "machine       " + ", ".join(machine)
    for each in found["troubles"]:
        yield "trouble       %s (for %s)" % (each["error"], span(max(0, now - each["since"])))
    if not found["troubles"]:
        yield "trouble       none"


def _clock_words(clock):
    """Return "set by chrony", "set by nothing", or why it is not to be believed."""
    if not clock["trusted"]:
        return "not to be believed: " + clock["why"]
    return "set by %s" % ("nothing" if clock["source"] == "none" else clock["source"])


def _machine_words(board):
    storage = board["storage"]
    if board["temperature_c"] is not None:
        yield "%.0f degrees C" % board["temperature_c"]
    if board["undervoltage"]:
        yield "too little power"
    if storage["wear_percent"] is not None:
        yield "%d %% of the life of %s used" % (storage["wear_percent"], storage["device"])
    if storage["read_only"]:
        yield "its storage cannot be written"


def _room_words(found):
    """Return "20 GB free, 537 MB of it kept in reserve; 41 % taken, full in about 31 hours at the present rates"."""
    words = "%s free, %s of it kept in reserve" % (size(found["free_bytes"]), size(found["reserve_bytes"]))
    words += "; %d %% taken" % found["taken_percent"]
    if found["full_in_s"] is not None:
        words += ", full in about %s at the present rates" % about(found["full_in_s"])
    return words


def _upload_words(each, now):
    return "%s: %s of %s, last heard of %s" % (
        each["box"], size(each["offset"]), size(each["bytes"]), ago(each["touched"], now),
    )  # fmt: skip


def _relay(asked, loaded):
    settings = loaded.config.relay
    if settings.port is None:
        for line in _RELAY_HOW:
            print(line)
        return FAILED
    answer = Answer(do(loaded, "relay", {}))
    if "json" in asked.options:
        print_rows(answer)
        return DONE
    now = time.time()
    lines = [_upload_words(row, now) for row in answer]
    found = answer.summary or {"running": False, "boxes": settings.boxes}
    whose = listing(found["boxes"], "or") or "every box with a certificate of the authorities under [tls]"
    say("the relay %s port %d, for %s" % ("listens on" if found["running"] else "is to have", settings.port, whose))
    say(*lines or ["no upload is under way"])
    return DONE


_RELAY_HOW = (
    "This box is no relay. To make it one, so that other boxes upload to it in pieces, put into its configuration:",
    "",
    "  [tls]",
    '  certificate = "relay.pem"      # of this box, for the name that the others call it by',
    '  key = "relay.key"',
    '  authorities = "hospital.pem"   # who issued the certificates of the others',
    "",
    "  [relay]",
    "  port = 8443",
    '  boxes = ["clinic-north"]       # the names in their certificates',
    "",
    "and into that of each of the others, beside a [tls] of its own and a [[route]] to it:",
    "",
    "  [[destination]]",
    '  name = "relay"',
    '  kind = "relay"',
    '  url = "https://relay.example.org:8443"',
    "",
    "`edge check-config` says what is missing, `edge echo relay`, there, whether it works.",
)


def _receiving_words(found, associations):
    if not found["running"]:
        return "nothing"
    if not found["takes_objects"]:
        return "nothing new: room is short"
    return "%s open" % count(len(associations), "association")


def _release(asked, loaded):
    request = {
        "object": object_number(asked),
        "destination": asked.options.get("destination"),
        "cause": asked.options.get("cause"),
    }
    return report(
        asked,
        do(loaded, "release", request),
        _released_words,
        {"released": 0, "unrouted": None},
    )


def _released_words(found):
    words = "released " + count(found["released"], "job")
    if found["unrouted"]:
        stay = count(found["unrouted"], "object that no route takes stays", "objects that no route takes stay")
        words += "; %s held: `edge release --cause unrouted --destination NAME` sends them somewhere" % stay
    return words


def object_number(asked):
    """Return the value of --object as a number, or None."""
    number = asked.options.get("object")
    if number is not None and not (number.isascii() and number.isdecimal() and len(number) < 100):
        raise UsageError("--object: expected the number that `edge objects` shows as id, found %s" % number)
    return None if number is None else int(number)


def _cancel(asked, loaded):
    request = {
        "object": object_number(asked),
        "destination": asked.options.get("destination"),
        "to": asked.options.get("to"),
    }
    if request["object"] is None and request["destination"] is None:
        raise UsageError("cancel needs --destination NAME, --object ID, or both: it gives jobs up for good")

    def say(found):
        moved = ", %s queued for %s" % (count(found["moved"], "object"), request["to"]) if request["to"] else ""
        return "cancelled %s%s; the objects are kept" % (count(found["cancelled"], "job"), moved)

    return report(asked, do(loaded, "cancel", request), say, {"cancelled": 0, "moved": 0})


def _remove(asked, loaded):
    number = object_number(asked)
    if number is None:
        raise UsageError("remove needs --object ID, the number that `edge objects` shows as id")
    rows = do(loaded, "remove", {"object": number, "yes": "yes" in asked.options})
    try:
        return report(asked, rows, lambda found: "removed object %d" % found["removed"])
    except (Refused, control.Failed) as refusal:
        if "yes" in asked.options or "say yes" not in str(refusal):
            raise
        return complain("%s (--yes)" % refusal, FAILED)


def _reindex(asked, loaded):
    _forget_index(loaded)

    def say(found):
        return "the index is made anew: %s, %d of them held" % (count(found["objects"], "object"), found["held"])

    return report(asked, do(loaded, "reindex", {}), say)


def _send(asked, loaded):
    name = named(loaded.config, asked.arguments[0]).name
    rows = _send_files(loaded, name, sending.files(asked.arguments[1:]))
    tally = dict.fromkeys(("queued", "delivered", "held", "left out"), 0)
    if "json" in asked.options:
        print_rows(_tallied(rows, tally))
    else:
        for row in _tallied(rows, tally):
            if row["error"] is not None:
                what = "held" if row["taken"] else "left out"
                complain("%s: %s: %s" % (shown(row["path"]), what, row["error"]), FAILED)
        if not any(tally.values()):
            complain("no file lies in %s" % listing(asked.arguments[1:]), FAILED)
        words = ["%s queued for %s" % (count(tally["queued"], "object"), name)]
        words += ["%d %s" % (tally[what], said) for what, said in _ALSO_SENT if tally[what]]
        print(", ".join(words))
    return DONE if tally["queued"] + tally["delivered"] and not tally["left out"] + tally["held"] else FAILED


_ALSO_SENT = (("delivered", "delivered before"), ("held", "held"), ("left out", "left out"))


def _tallied(rows, tally):
    """Yield `rows`, counting in `tally` what became of each."""
    for row in rows:
        is_quick = row["state"] == "delivered" and row["verdict"] == NEW  # not delivered before, but already by now
        what = row["state"] if row["state"] in tally and not is_quick else "queued" if row["taken"] else "left out"
        tally[what] += 1
        yield row


def _send_files(loaded, name, paths):
    """Yield the row of each file, taken in by the box that runs, or by ourselves."""
    channel = control.connect(loaded.config.box.state_dir)
    if channel is not None:
        try:
            yield from sending.over(channel, name, paths)
        finally:
            channel.close()
        return
    say_alone(loaded)
    with Alone(loaded) as box:
        yield from sending.into_spool(box, name, paths)


_COMMANDS = {
    "send": _send,
    "queue": _queue,
    "objects": _objects,
    "status": _status,
    "relay": _relay,
    "release": _release,
    "cancel": _cancel,
    "remove": _remove,
    "reindex": _reindex,
}
