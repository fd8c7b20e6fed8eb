"""`edge settings`, `edge backup`, `edge restore`: the configuration seen and changed, through the box where it runs."""

import os
import sys
import time

from edge.console import handing
from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.console.reaching import Answer, do_without_spool, guarded
from edge.console.text import complain, count, print_json, say, shortened, shown, table, warn
from edge.verbs.verb import Misused

_CHANGES = ("set", "unset", "add", "remove")
_OTHERS = ("confirm", "revert", "reload", "restore", "history", "difference")
_VALUE_COLUMNS = 60
_PASSPHRASE_BYTES = 4096


def run(asked, loaded):
    """Run `edge settings`, `edge backup` or `edge restore` with a Loaded configuration; return the exit code."""
    return guarded(lambda: _RUN[asked.command.name](asked, loaded), loaded)


def do(loaded, verb, request, file=None):
    """Yield the rows of a verb and return its summary: of the box that runs, or of this process on the file itself."""

    def prepare(box):
        from edge.settings import keeper

        box.settings = keeper.Keeper(keeper.settle(loaded))

    return (yield from do_without_spool(loaded, verb, request, file, prepare))


def _settings(asked, loaded):
    options = asked.options
    wanted = [name for name in _OTHERS if name in options]
    is_change = any([name in options for name in _CHANGES])
    if len(wanted) + is_change > 1:
        raise UsageError("one thing at a time: %s" % ", ".join(["--" + name for name in options if name != "json"]))
    if is_change:
        return _change(asked, loaded)
    if not wanted:
        return _list(asked, loaded)
    return {"history": _history, "difference": _difference}.get(wanted[0], _decide)(asked, loaded, wanted[0])


# Seeing it


def _list(asked, loaded):
    answer = Answer(do(loaded, "settings", {}))
    rows = list(answer)
    if asked.arguments:
        rows = [row for row in rows if _fits(row, asked.arguments[0])]
        if not rows:
            known = asked.arguments[0]
            return complain("no key is called %s; `edge settings` lists all, by their names" % shown(known), FAILED)
    if "json" in asked.options:
        print_json({"settings": rows, "trial": answer.summary["trial"], "confirm_by": answer.summary["confirm_by"]})
        return DONE
    if len(rows) == 1:
        say(*_page(rows[0]))
    else:
        lines = [(_name(row), shortened(row["text"] or "-", _VALUE_COLUMNS), "" if row["is_set"] else "default")
                 for row in rows]  # fmt: skip
        print("\n".join(table(("key", "value", ""), lines)))
    say(*_state(answer.summary))
    return DONE


def _name(row):
    """Return what a key is called on the command line."""
    place = [] if row["number"] is None else [row["name"] or str(row["number"])]
    return ".".join([row["section"], *place, row["key"]])


def _fits(row, words):
    name = _name(row)
    return name == words or name.startswith(words + ".")


def _page(row):
    lines = ["%s = %s%s" % (_name(row), row["text"] or "-", "" if row["is_set"] else "  (default)"), row["meaning"],
             "expected: " + row["expected"]]  # fmt: skip
    if row["is_set"] and row["default"] is not None:
        lines.append("default: " + row["default"])
    if row["example"]:
        lines.append("example: " + row["example"])
    return lines


def _state(summary):
    """Yield what there is to say of the file and of the trial."""
    yield ""
    yield "in %s" % summary["path"]
    if summary["edited"]:
        yield "it was edited by hand since the box read it: `edge settings --reload` takes that in"
    if summary["failure"]:
        yield summary["failure"]
    if summary["trial"] is not None:
        yield "on trial: %s, by %s" % (summary["words"], summary["tried_by"])
        yield _trial_words(summary)


def _trial_words(summary):
    until = time.strftime("%H:%M:%S", time.localtime(summary["confirm_by"]))
    return "it goes back at %s, unless you say `edge settings --confirm`" % until


def _history(asked, loaded, name):
    rows = list(do(loaded, "history", {}))
    if "json" in asked.options:
        print_json(rows)
    elif not rows:
        print("nothing was changed yet, but by hand")
    else:
        lines = []
        for row in rows:
            at = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["at"]))
            outcome = "now" if row["now"] else row["outcome"]
            lines.append((str(row["id"]), at, row["who"] or "-", outcome, row["words"]))
        print("\n".join(table(("version", "when", "who", "", "what"), lines)))
    return DONE


def _difference(asked, loaded, name):
    answer = Answer(do(loaded, "difference", {"id": _number(asked.options[name], "--difference")}))
    list(answer)
    say(*(answer.summary["diff"] or "nothing").split("\n"))
    return DONE


def _number(words, option):
    if not words.isdecimal() or not words.isascii() or len(words) > 9:
        raise UsageError("%s: expected the number of a version, as --history shows it, found %s" % (option, words))
    return int(words)


# Changing it


def _change(asked, loaded):
    request = {"edits": _edits(asked.options)}
    if "check" in asked.options:
        answer = Answer(do(loaded, "check", request))
        rows = list(answer)
        for row in rows:
            say("%s: %s%s" % (row["level"], row["key"] and row["key"] + ": ", row["words"]))
        nothing = "nothing would change" if answer.summary["good"] else "it would not be taken"
        say(*(answer.summary["diff"] or nothing).split("\n"))
        return DONE if answer.summary["good"] else FAILED
    return changed(asked, loaded, "change", request)


def _decide(asked, loaded, name):
    if name == "restore":
        return changed(asked, loaded, name, {"id": _number(asked.options[name], "--restore")})
    if name == "reload":
        return changed(asked, loaded, name, {})
    answer = Answer(do(loaded, name, {}))
    list(answer)
    if answer.summary.get("failure"):
        return complain(answer.summary["failure"], FAILED)
    if "json" in asked.options:
        print_json(answer.summary)
    else:
        print("the change stays" if name == "confirm" else "what was before is back")
    return DONE


def within(asked):
    """Return what the option --within gives to a request."""
    words = asked.options.get("within")
    if words is None:
        return {}
    if not words.isdecimal() or not words.isascii() or len(words) > 9:
        raise UsageError("--within: expected a number of seconds, found %s" % words)
    return {"within_s": int(words)}


def changed(asked, loaded, verb, request, file=None):
    """Ask for a change and say what came of it."""
    answer = Answer(do(loaded, verb, {**request, **within(asked)}, file))
    list(answer)
    summary = answer.summary
    if "json" in asked.options:
        print_json(summary)
        return DONE
    for each in summary["changes"]:
        say("%s: %s -> %s" % (each["key"], each["before"] or "-", each["after"] or "-"))
    say(*summary.get("notes", ()))
    if summary["trial"] is not None:
        print("the box works by this now; " + _trial_words(summary))
    elif summary["running"]:
        say("the box works by this now, and %s has it" % summary["path"])
    else:
        say("written to %s; no box runs here, so it counts from its next start on" % summary["path"])
    return DONE


def _edits(options):
    """Return the edits that the options come to: tables added, keys set, keys unset, tables removed, in this order."""
    found = []
    for words in options.get("add", ()):
        section, _, name = words.partition(".")
        found.append({"section": section, "add": {"name": name} if name else {}})
    for words in options.get("set", ()):
        place, equals, value = words.partition("=")
        if not equals:
            raise UsageError("--set: expected KEY=VALUE, found %s" % shown(words))
        found.append({**_place(place.strip(), "--set"), "text": value})
    for words in options.get("unset", ()):
        found.append({**_place(words, "--unset"), "value": None})
    for words in options.get("remove", ()):
        section, _, name = words.partition(".")
        found.append({"section": section, **_which(name), "remove": True})
    return found


def _place(words, option):
    section, _, rest = words.partition(".")
    name, _, key = rest.rpartition(".")
    if not key:
        raise UsageError("%s: expected a key like dicom.port or destination.NAME.host, found %s" % (option, words))
    return {"section": section, "key": key, **(_which(name) if name else {})}


def _which(name):
    """Return how an edit says which table is meant: by its number where it is one, otherwise by its name."""
    return {"number": int(name)} if name.isdecimal() and name.isascii() and len(name) < 9 else {"name": name}


# As one file


def _backup(asked, loaded):
    path = asked.arguments[0]
    words = passphrase(asked, True)
    with handing.Output(path) as file:
        answer = Answer(do(loaded, "backup", {"passphrase": words}, file))
        list(answer)
    summary = answer.summary
    if path != "-":
        say("%s has the configuration and %s; keep the passphrase, nothing opens it without"
            % (path, count(summary["files"], "file")))  # fmt: skip
    warn(*["edge: " + each for each in summary["notes"]])
    return DONE


def _restore(asked, loaded):
    path = asked.arguments[0]
    try:
        with open(path, "rb") if path != "-" else os.fdopen(os.dup(0), "rb") as file:
            request = {"passphrase": passphrase(asked, False), "users": "users" in asked.options}
            return changed(asked, loaded, "restore-backup", request, file)
    except FileNotFoundError:
        return complain("%s: there is no such file" % shown(path), FAILED)


def passphrase(asked, is_new, name="passphrase"):
    """Return the passphrase, or what its name is, that a file has, or that a person types."""
    path = asked.options.get(name + "-file")
    if path is not None:
        from edge.net import private

        try:
            return private.read(path, _PASSPHRASE_BYTES).decode().partition("\n")[0].rstrip("\r")
        except OSError as error:
            raise Misused("the %s file %s cannot be read: %s" % (name, path, error.strerror.lower())) from None
        except UnicodeDecodeError:
            raise Misused("the %s file %s is no text in UTF-8" % (name, path)) from None
        except ValueError as error:
            raise Misused("the %s file %s cannot be used: %s" % (name, path, error)) from None
    import getpass

    if not sys.stdin.isatty():
        raise UsageError("nobody can type the %s here; give its file with --%s-file" % (name, name))
    found = getpass.getpass(name + ": ")
    if is_new and getpass.getpass("the same again: ") != found:
        raise Misused("the two %ss are not the same" % name)
    return found


_RUN = {"settings": _settings, "backup": _backup, "restore": _restore}
