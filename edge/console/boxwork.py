"""The commands that work on a box: through its control socket when it runs, otherwise on its state folder itself."""

import os
import sys
import time

from edge.console import control, verbs
from edge.console.actions import named
from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED, IN_USE
from edge.console.text import ago, ahead, complain, count, listing, print_json, size, span, table
from edge.spool.errors import Degraded, Locked, NoSpace

_STATES = ("waiting", "held", "delivered")


def run(asked, loaded):
    """Run the Asked command with a Loaded configuration and return its exit code."""
    try:
        return _COMMANDS[asked.command.name](asked, loaded)
    except control.Failed as failure:
        return complain(str(failure), failure.code)
    except verbs.Refused as refusal:
        return complain(str(refusal), FAILED)
    except Locked as error:
        return complain("%s (is a box just starting or stopping there? then try again)" % error, IN_USE)
    except (Degraded, NoSpace) as error:
        return complain(str(error), FAILED)


# Reaching the box


class _Alone:
    """The spool of a box that does not run, opened by this process while the `with` block lasts."""

    def __init__(self, loaded):
        self._config = loaded.config
        self._spool = None

    def __enter__(self):
        from edge.spool.spool import Limits, Spool

        limits = self._config.limits
        self._spool = Spool.open(
            self._config.box.state_dir,
            Limits(reserve_bytes=limits.reserve_bytes, quota_bytes=limits.quota_bytes, conflict=limits.conflict),
        )
        return verbs.Box(self._config, self._spool, None)

    def __exit__(self, *exception):
        self._spool.close()


def _say_alone(loaded):
    print("edge: no box runs here; working on %s itself" % loaded.config.box.state_dir, file=sys.stderr)


def _do(loaded, verb, request):
    """Yield the rows of a verb and return its summary, wherever it is done; None where there is no state yet."""
    state_dir = loaded.config.box.state_dir
    channel = control.connect(state_dir)
    if channel is not None:
        try:
            return (yield from control.ask(channel, verb, **request))
        finally:
            channel.close()
    if not os.path.isdir(state_dir):
        print("edge: no box has run with %s yet" % state_dir, file=sys.stderr)
        return None
    _say_alone(loaded)
    with _Alone(loaded) as box:
        return (yield from verbs.VERBS[verb](box, request))


class _Answer:
    """The rows of a verb to iterate over, and then its summary."""

    def __init__(self, rows):
        self._rows = rows
        self.summary = None

    def __iter__(self):
        self.summary = yield from self._rows


def _print_rows(answer):
    """Print rows as a JSON array, one a line, as they come."""
    import json

    separator = "["
    for row in answer:
        print(separator + "\n" + json.dumps(row, ensure_ascii=False), end="")
        separator = ","
    print("[]" if separator == "[" else "\n]")


def _time(seconds):
    """Return a time of today as 14:03:07, another with its date."""
    then = time.localtime(seconds)
    is_today = then[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M", then)


# The commands


def _queue(asked, loaded):
    request = {"destination": asked.options.get("destination"), "state": asked.options.get("state")}
    if request["state"] not in (None, *_STATES):
        raise UsageError("--state: expected %s, found %s" % (listing(_STATES, "or"), request["state"]))
    answer = _Answer(_do(loaded, "queue", request))
    if "json" in asked.options:
        _print_rows(answer)
        return DONE
    with_delivered = "all" in asked.options or request["state"] == "delivered"
    now = time.time()
    lines = []
    for row in answer:
        if with_delivered or row["state"] != "delivered":
            next_try = ahead(row["next_try"], now) if row["next_try"] and row["state"] == "waiting" else "-"
            lines.append(
                (
                    str(row["object"]), row["destination"], row["state"], str(row["attempts"]), next_try,
                    row["sop_instance"], row["error"] or "",
                )
            )  # fmt: skip
    if lines:
        print("\n".join(table(("object", "destination", "state", "attempts", "next try", "SOP instance", ""), lines)))
        print()
    for each in (answer.summary or {}).get("destinations", ()):
        if request["destination"] in (None, each["name"]):
            print(_destination_words(each, now))
    if not lines and not (answer.summary or {}).get("destinations"):
        print("nothing is queued")
    return DONE


def _destination_words(each, now):
    """Return "archive: 3 waiting, 1 held, 20 delivered; the way there fails: ..."."""
    jobs = ["%d %s" % (number, state) for state, number in each["jobs"].items() if number or state == "waiting"]
    words = "%s: %s" % (each["name"], ", ".join(jobs))
    if not each["up"]:
        words += "; next try %s: %s" % (ahead(each["next_try"] or 0, now), each["error"])
    if not each["configured"]:
        words += "; it is not in the configuration any more"
    return words


def _objects(asked, loaded):
    answer = _Answer(_do(loaded, "objects", {}))
    if "json" in asked.options:
        _print_rows(answer)
        return DONE
    lines = [
        (
            str(row["id"]), _time(row["received"]), row["calling"] or "-", row["modality"] or "-", size(row["bytes"]),
            row["sop_instance"], "held: " + row["error"] if row["hold"] else "",
        )
        for row in answer
    ]  # fmt: skip
    if lines:
        print("\n".join(table(("id", "received", "from", "modality", "size", "SOP instance", ""), lines)))
        print()
    kept = answer.summary or {"objects": 0, "bytes": 0, "held": 0}
    held = ", %d of them held" % kept["held"] if kept["held"] else ""
    print("%s, %s%s, in %s" % (count(kept["objects"], "object"), size(kept["bytes"]), held, loaded.config.box.state_dir))
    return DONE


def _status(asked, loaded):
    answer = _Answer(_do(loaded, "status", {}))
    rows = list(answer)
    found = answer.summary
    if found is None:
        return FAILED
    if "json" in asked.options:
        print_json({**found, "associations": rows})
    else:
        print("\n".join(_status_lines(found, rows)))
    return FAILED if found["troubles"] or not found["running"] else DONE


def _status_lines(found, associations):
    now = found["now"]
    kept = found["kept"]
    yield "box           %s, state in %s" % ("running" if found["running"] else "not running", found["state_dir"])
    yield "receives      %s" % _receiving_words(found, associations)
    held = ", %d of them held" % kept["held"] if kept["held"] else ""
    yield "keeps         %s, %s%s" % (count(kept["objects"], "object"), size(kept["bytes"]), held)
    yield "room          %s free, %s of it kept in reserve" % (size(found["free_bytes"]), size(found["reserve_bytes"]))
    for each in found["destinations"]:
        yield "destination   " + _destination_words(each, now)
    for each in associations:
        yield "association   %s at %s: %d stored, %d refused, %s" % (
            each["calling"] or "(no title)", each["address"], each["stored"], each["refused"], size(each["bytes"]),
        )  # fmt: skip
    for each in found["troubles"]:
        yield "trouble       %s (for %s)" % (each["error"], span(max(0, now - each["since"])))
    if not found["troubles"]:
        yield "trouble       none"


def _receiving_words(found, associations):
    if not found["running"]:
        return "nothing"
    if not found["takes_objects"]:
        return "nothing new: room is short"
    return "%s open" % count(len(associations), "association")


def _release(asked, loaded):
    number = asked.options.get("object")
    if number is not None and not number.isdecimal():
        raise UsageError("--object: expected the number that `edge objects` shows as id, found %s" % number)
    request = {"object": None if number is None else int(number), "destination": asked.options.get("destination")}
    answer = _Answer(_do(loaded, "release", request))
    list(answer)
    found = answer.summary or {"released": 0}
    if "json" in asked.options:
        print_json(found)
    else:
        print("released %s" % count(found["released"], "job"))
    return DONE


def _reindex(asked, loaded):
    answer = _Answer(_do(loaded, "reindex", {}))
    list(answer)
    if answer.summary is None:
        return FAILED
    if "json" in asked.options:
        print_json(answer.summary)
    else:
        print("the index is made anew: %s, %d of them held" % (
            count(answer.summary["objects"], "object"), answer.summary["held"],
        ))  # fmt: skip
    return DONE


# Sending


def _send(asked, loaded):
    name = named(loaded.config, asked.arguments[0]).name
    rows = _send_files(loaded, name, _files(asked.arguments[1:]))
    if "json" in asked.options:
        answer = _Answer(rows)
        kept = []
        _print_rows(_noting(answer, kept))
        return DONE if all(kept) else FAILED
    taken = left_out = 0
    for row in rows:
        if row["taken"]:
            taken += 1
            if row["state"] == "delivered":
                print("%s: %s has it already" % (row["path"], name))
            elif row["state"] == "held":
                complain("%s: it is held: %s" % (row["path"], row["error"]), FAILED)
        else:
            left_out += 1
            complain("%s: left out: %s" % (row["path"], row["error"]), FAILED)
    print("%s queued for %s%s" % (count(taken, "object"), name, ", %d left out" % left_out if left_out else ""))
    return FAILED if left_out or not taken else DONE


def _noting(rows, kept):
    for row in rows:
        kept.append(row["taken"])
        yield row


def _files(paths):
    """Yield (path, why it cannot be read or None) of the files that were named, and of those in folders."""
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for base, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                if name.upper() != "DICOMDIR":  # it lists objects, and is none
                    yield os.path.join(base, name)


def _send_files(loaded, name, paths):
    """Yield the row of each file, taken in by the box that runs, or by ourselves."""
    channel = control.connect(loaded.config.box.state_dir)
    if channel is not None:
        try:
            yield from _hand_over(channel, name, paths)
        finally:
            channel.close()
        return
    _say_alone(loaded)
    with _Alone(loaded) as box:
        for path in paths:
            yield _with_file(path, lambda path, fd: verbs.take(box, name, path, fd))


def _hand_over(channel, name, paths):
    channel.send({"verb": "send", "destination": name})
    _expect(channel)
    for path in paths:
        yield _with_file(path, lambda path, fd: _hand_over_one(channel, path, fd))
    channel.send({"end": True})
    _expect(channel)


def _hand_over_one(channel, path, fd):
    channel.send({"path": path}, fd)
    return _expect(channel)["row"]


def _expect(channel):
    """Return the next line of the box; Failed when it is a refusal, or the end."""
    answer, _ = channel.receive() or ({"failed": "the box went away; what is not listed was not taken"}, None)
    if "failed" in answer:
        raise control.Failed(answer["failed"], answer.get("code", FAILED))
    return answer


def _with_file(path, action):
    """Return what `action(path, descriptor)` returns, or the row of a file that cannot be opened."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return {"path": path, "taken": False, "object": None, "verdict": None, "state": None,
                "error": "it cannot be opened: %s" % error.strerror.lower()}  # fmt: skip
    try:
        return action(path, fd)
    finally:
        os.close(fd)


_COMMANDS = {
    "send": _send,
    "queue": _queue,
    "objects": _objects,
    "status": _status,
    "release": _release,
    "reindex": _reindex,
}
