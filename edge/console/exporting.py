"""`edge export` and what belongs to it: studies to a disc, a stick, an image, a folder or an archive."""

import os
import re
import sys
import time

from edge.console import reaching, setting
from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.console.reaching import Answer, do, print_rows, report
from edge.console.text import ago, complain, count, print_json, shown, size, span, table

_PATHS = ("iso", "usb", "dir", "zip")


def run(asked, loaded):
    """Run the Asked command with a Loaded configuration and return its exit code."""
    return reaching.guarded(lambda: _COMMANDS[asked.command.name](asked, loaded), loaded)


def _export(asked, loaded):
    options = asked.options
    if "to" not in options:
        raise UsageError("export needs --to: iso:FILE, usb:FOLDER, burner:DEVICE, dir:FOLDER or zip:FILE")
    if "viewer" in options and "no-viewer" in options:
        raise UsageError("--viewer and --no-viewer exclude each other")
    request = {name: options.get(name) for name in ("study", "patient", "since", "until", "profile", "medium", "label")}
    request["to"] = _absolute(options["to"])
    for name in ("since", "until"):
        _check_date(name, request[name])
    request["deidentify"] = options.get("deidentify")
    request["viewer"] = True if "viewer" in options else False if "no-viewer" in options else None
    for name in ("wait", "from", "format"):
        request[name] = options.get(name)
    _protect(asked, request)
    os.makedirs(loaded.config.box.state_dir, mode=0o700, exist_ok=True)
    return _made(asked, loaded, "export", request)


def _protect(asked, request):
    """Add to a request what protects the volume; no password stands on a command line, where others can read it."""
    options = asked.options
    if len([name for name in ("password", "password-file", "new-password") if name in options]) > 1:
        raise UsageError("--password, --password-file and --new-password exclude each other")
    if "password" in options or "password-file" in options:
        request["password"] = setting.passphrase(asked, True, "password")
    if "receiver" in options:
        from edge.export import order  # which a command without receivers need not load

        request["receivers"] = [order.certificate(path) for path in options["receiver"]]
    request["new_password"] = options.get("new-password")
    request["sheets"] = options.get("sheets")


def _absolute(to):
    kind, colon, place = to.partition(":")
    if not colon or kind not in (*_PATHS, "burner"):
        expected = "iso:FILE, usb:FOLDER, burner:DEVICE, dir:FOLDER or zip:FILE"
        raise UsageError("--to: %s is no place; expected %s" % (to, expected))
    if not place and kind not in ("usb", "burner"):
        raise UsageError("--to: %s: needs a name behind it" % kind)
    return "%s:%s" % (kind, os.path.abspath(place)) if kind in _PATHS and place else to


def _check_date(name, text):
    if text is not None and not re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text.strip(), re.ASCII):
        raise UsageError("--%s: a date is written as 2026-11-23, found %s" % (name, text))


def _made(asked, loaded, verb, request):
    """Begin an export and follow it to its end, saying how far it is; return the exit code."""

    def rows():
        found = yield from do(loaded, verb, request)
        if found is not None and "json" not in asked.options:
            for words in found["notes"] if found["state"] in ("waiting", "running") else ():
                print("note: " + shown(words), file=sys.stderr, flush=True)  # before anything is made
        if found is None or "detach" in asked.options or found["state"] not in ("waiting", "running"):
            return found
        password = found.get("password")
        if password and "json" not in asked.options:
            _say_password(password)  # at once, as this command may be interrupted
            found = {**found, "password": None}
        followed = yield from do(loaded, "follow-export", {"export": found["export"]})
        return followed and {**followed, "password": found.get("password")}

    answer = Answer(rows())
    line = _Line()
    number = None
    try:
        for row in answer:
            number = row["export"]
            if "json" not in asked.options:
                line.show(row)
    except KeyboardInterrupt:
        line.end()
        if number is None:
            raise
        words = "export %d goes on where a box runs: `edge exports` shows it, `edge cancel-export %d` ends it"
        return complain(words % (number, number), FAILED)
    line.end()
    found = answer.summary
    if found is None:
        return FAILED
    if "json" in asked.options:
        print_json(found)
    else:
        _say(found)
    return FAILED if _is_short(found) else DONE


def _is_short(found):
    return found["state"] in ("failed", "cancelled") or found["left_out"] or found["later"]


class _Line:
    """One line on stderr that says how far it is: written over on a terminal, elsewhere once for each stage."""

    def __init__(self):
        self._is_terminal = sys.stderr.isatty()
        self._stage = None
        self._length = 0

    def show(self, row):
        """Say what a row of an export says."""
        words = "export %d: %s" % (row["export"], progress_words(row))
        if self._is_terminal:
            sys.stderr.write("\r" + words.ljust(self._length))
            sys.stderr.flush()
            self._length = len(words)
        elif row["stage"] != self._stage:
            print(words, file=sys.stderr)
        self._stage = row["stage"]

    def end(self):
        """Leave the line."""
        if self._length:
            print(file=sys.stderr)
            self._length = 0


def progress_words(row):
    """Return "writing the image, 42 %, 12 s left"; the state where nothing is being done."""
    if row["stage"] is None:
        return row["state"]
    words = row["stage"]
    if row["total"]:
        words += ", %d %%" % (100 * row["done"] // row["total"])
    if row["left_s"] is not None:
        words += ", %s left" % span(row["left_s"])
    return words


def _say_password(password):
    print("password: %s (shown this once; hand it over by another way than the volume)" % password, flush=True)


def _say(found):
    """Print what came of an export."""
    if found.get("password"):
        _say_password(found["password"])
    for each in found["volumes"]:
        digest = ", SHA-256 " + each["sha256"] if each["sha256"] else ""
        of = "" if each["label"] == "1 of 1" else "volume %s: " % each["label"]
        has = count(each["objects"], "object"), size(each["bytes"])
        print("%s%s: %s, %s%s" % (of, shown(each["path"]), *has, digest))
        for path in each["sheets"]:
            print("to print: " + shown(path))
    for words in found["notes"]:
        print("note: " + shown(words))
    for words in found["reasons"]:
        complain("left out: " + shown(words), FAILED)
    if found["state"] in ("failed", "cancelled"):
        complain("export %d: %s" % (found["export"], found["words"]), FAILED)
    else:
        print("export %d: %s" % (found["export"], found["words"] or found["state"]))


def _exports(asked, loaded):
    answer = Answer(do(loaded, "exports", {}))
    if "json" in asked.options:
        print_rows(answer)
        return DONE
    now = time.time()
    rows = []
    for row in answer:
        words = progress_words(row) if row["state"] in ("waiting", "running") else row["words"]
        rows.append(("%d" % row["export"], row["state"], ago(row["asked"], now), shown(row["to"]), words))
    print("\n".join(table(("export", "state", "asked", "to", "what came of it"), rows)) if rows else "no exports")
    return DONE


def _number(asked):
    text = asked.arguments[0]
    if not text.isdigit():
        raise UsageError("EXPORT: expected a number as `edge exports` shows it, found %s" % text)
    return int(text)


def _cancel(asked, loaded):
    rows = do(loaded, "cancel-export", {"export": _number(asked)})
    return report(asked, rows, lambda found: "export %d is being cancelled" % found["export"])


def _retry(asked, loaded):
    return _made(asked, loaded, "retry-export", {"export": _number(asked)})


_COMMANDS = {"export": _export, "exports": _exports, "cancel-export": _cancel, "retry-export": _retry}
