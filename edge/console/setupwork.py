"""`edge setup`, `edge setup-file`: a setup file for a stick, and what a box makes of those that it finds."""

import os
import time

from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.console.networkwork import settings_of
from edge.console.reaching import Answer, guarded
from edge.console.setting import changed, do, passphrase
from edge.console.text import complain, count, print_json, say, shown, table, warn

_WAYS = ("claim-code", "passphrase-file", "key")


def run(asked, loaded):
    """Run `edge setup` or `edge setup-file` with a Loaded configuration; return the exit code."""
    return guarded(lambda: (_make if asked.command.name == "setup-file" else _setups)(asked, loaded), loaded)


def _setups(asked, loaded):
    if "take" in asked.options:
        request = {"folder": os.path.abspath(asked.options["take"]), "passphrase": passphrase(asked, False)}
        return changed(asked, loaded, "take-setup", request)
    answer = Answer(do(loaded, "setups", {"look": True}))
    rows = list(answer)
    if "json" in asked.options:
        print_json(rows)
    elif not rows:
        say("there is no setup file on any stick; looked below %s" % ", ".join(answer.summary["folders"]))
    else:
        lines = [(row["folder"], row["state"], time.strftime("%Y-%m-%d %H:%M", time.localtime(row["at"])), row["words"])
                 for row in rows]  # fmt: skip
        print("\n".join(table(("where", "", "since", "what became of it"), lines)))
    return DONE


def _make(asked, loaded):
    """Write a setup file; no box is needed for it."""
    from edge.settings import setup
    from edge.spool.disk import Disk

    options, path = asked.options, asked.arguments[0]
    ways = [name for name in _WAYS if name in options]
    if len(ways) != 1:
        raise UsageError("say by what the box is to believe it: one of --claim-code, --passphrase-file and --key")
    if "seal-file" in options and "key" not in options:
        raise UsageError("--seal-file goes with --key; the others seal it anyway")
    if loaded.text is None:
        raise UsageError("there is no edge.toml here; say which configuration with --config")
    serial = options.get("serial")
    if serial is not None and not (serial.isascii() and serial.isdecimal() and len(serial) < 17):
        raise UsageError("--serial: expected a whole number, found %s" % shown(serial))
    whose = options.get("for", setup.ANY)
    try:
        settings = settings_of(options["network"]) if "network" in options else None
        parcel, notes = setup.make(
            loaded.text,
            os.path.abspath(loaded.path),
            Disk(),
            whose,
            None if serial is None else int(serial),
            settings=settings,
        )
        if "key" in options:
            with open(options["key"], "rb") as file:
                private = file.read()
            octets = setup.signed(parcel, private, _line_of(options["seal-file"]) if "seal-file" in options else None)
        elif "claim-code" in options:
            octets = setup.sealed(parcel, setup.CLAIM_CODE, options["claim-code"])
        else:
            octets = setup.sealed(parcel, setup.PASSPHRASE, _line_of(options["passphrase-file"]))
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(octets)
    except setup.Refused as refused:
        return complain(str(refused), FAILED)
    except FileExistsError:
        return complain("%s is there already; give another name, or remove it first" % shown(path), FAILED)
    except OSError as error:
        return complain("%s: %s" % (shown(error.filename or path), (error.strerror or str(error)).lower()), FAILED)
    warn(*["edge: " + each for each in notes])
    say("%s has the configuration and %s, for %s, serial %d; put it on a stick as %s"
        % (path, count(len(parcel["setup"]["files"]), "file"),
           "any box" if whose == setup.ANY else whose, parcel["serial"], setup.NAME))  # fmt: skip
    return DONE


def _line_of(path):
    with open(path, encoding="utf-8") as file:
        return file.readline().rstrip("\r\n")
