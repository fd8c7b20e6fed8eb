"""The command line: reads what was typed, does it, and words what came of it for a person or a program."""

import importlib
import io
import os
import sys

from edge import VERSION
from edge.console import arguments, commands, text
from edge.console.commands import COMMANDS, DONE, FAILED, INTERRUPTED, MISCONFIGURED, MISUSED


# The commands that have a file of their own, which is not read before it is needed
_MODULES = {
    "route": "routing",
    "test": "waywork",
    "progress": "waywork",
    "prioritise": "waywork",
    "settings": "setting",
    "backup": "setting",
    "restore": "setting",
    "setup": "setupwork",
    "setup-file": "setupwork",
    "associations": "watchwork",
    "health": "watchwork",
    "metrics": "watchwork",
    "studies": "looking",
    "picture": "looking",
    "download": "looking",
    "send-again": "looking",
    "import": "mediawork",
    "media": "mediawork",
    "export": "exporting",
    "exports": "exporting",
    "cancel-export": "exporting",
    "retry-export": "exporting",
    "fetch": "fetchwork",
    "console": "terminal",
    "update": "updatework",
    "board": "boardwork",
    "network": "networkwork",
}
# The same, of those that know nothing of the box and its configuration
_WITHOUT_BOX = {"steward": "stewarding.run", "reset": "resetting.run", "bootstate": "updatework.bootstate"}


def main(words, rooms):
    """Run the command line `words` (without the program's name) and return its exit code.

    rooms: {"serve": ..., "demo": ...}, the commands that live on upper floors, each a function of (Loaded
    configuration, options) that returns an exit code.
    """
    _guard_output(io.TextIOWrapper if words[:1] == ["demo"] else text.Screen)  # the demo draws its pictures itself
    try:
        code = _run(words, rooms)
        sys.stdout.flush()  # what cannot be written is to be known here, not when the interpreter ends
        return code
    except arguments.UsageError as error:
        return text.complain(str(error), MISUSED)
    except BrokenPipeError:
        _drop_output()  # whoever read it has seen enough
        return DONE
    except _Unwritable as error:
        _drop_output()
        return text.complain("what there is to print cannot be written: %s" % error, FAILED)
    except KeyboardInterrupt:
        return text.complain("interrupted", INTERRUPTED)


class _Unwritable(Exception):
    """Stdout takes nothing more; str() says why."""


class _Output(io.FileIO):
    """The file behind stdout. Its failures are told apart from those of any other file."""

    def write(self, octets):
        """Write as FileIO does; _Unwritable where that raises OSError, but for a pipe that nobody reads any more."""
        try:
            return super().write(octets)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _Unwritable(error.strerror.lower()) from None


def _guard_output(stream):
    if sys.stdout is None:  # closed by whoever started us: nobody wants to read anything
        sys.stdout = open(os.devnull, "w")
        return
    sys.stdout.flush()
    raw = _Output(sys.stdout.fileno(), "wb", closefd=False)
    before = sys.stdout
    sys.stdout = stream(io.BufferedWriter(raw), before.encoding, before.errors, None, before.line_buffering)


def _drop_output():
    """Send what is in the buffer of stdout nowhere, as it must not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words, rooms):
    if not words:
        print(arguments.overview(commands.INTRO, COMMANDS, commands.OUTRO), file=sys.stderr)
        return MISUSED
    if words[0] == "--version":
        print("edge " + VERSION)
        return DONE
    if words[0] in ("--help", "-h", "help"):
        print(_help(words[1:]))
        return DONE
    asked = arguments.read(COMMANDS, words)
    if "help" in asked.options:
        print(arguments.page(asked.command))
        return DONE
    name = asked.command.name
    if name in _WITHOUT_BOX:
        module, function = _WITHOUT_BOX[name].split(".")
        return getattr(importlib.import_module("edge.console." + module), function)(asked)
    path = asked.options.get("config") or os.environ.get("EDGE_CONFIG") or _here()
    if name in rooms:
        return _with_config(path, lambda loaded: rooms[name](loaded, asked.options), name == "serve")
    from edge.console import actions, boxwork  # not before they are needed: `serve` is not to carry them

    if name == "dump":
        return actions.dump(asked)
    if name in ("transcode", "codecs"):
        from edge.console import pixels

        return pixels.run(asked) if name == "transcode" else pixels.codecs(asked)
    if name == "board" and "check" in asked.options:
        from edge.console import boardwork

        return boardwork.check(asked)
    if name == "check-config":
        return actions.check_config(asked, asked.arguments[0] if asked.arguments else path)
    if name in _MODULES:
        module = importlib.import_module("edge.console." + _MODULES[name])
        return _with_config(path, lambda loaded: module.run(asked, loaded))
    if name == "echo":
        return _with_config(path, lambda loaded: actions.echo(asked, loaded))
    if name in ("alerts", "test-alert", "events", "log", "bundle"):
        from edge.console import watching

        return _with_config(path, lambda loaded: watching.run(asked, loaded))
    return _with_config(path, lambda loaded: boxwork.run(asked, loaded))


def _here():
    """Return the name of the configuration in the current folder; None when there is none."""
    return "edge.toml" if os.path.exists("edge.toml") else None


def _help(words):
    if words:
        return arguments.page(arguments.read(COMMANDS, [words[0], "--help"]).command)
    return arguments.overview(commands.INTRO, COMMANDS, commands.OUTRO)


def _with_config(path, action, serves=False):
    """Return what `action` returns for the loaded configuration, or the exit code of one that cannot be used."""
    from edge.box import load

    try:
        loaded = load.load(path)
    except load.ConfigError as error:
        text.warn(*error.lines())
        loaded = None
        if serves and path is not None:
            from edge.settings import older  # a box that went back to an older version works all the same

            loaded = older.understood(path)
        if loaded is None:
            return MISCONFIGURED
        return action(loaded)
    if serves and loaded.path is not None:
        from edge.settings import older

        older.remember(loaded)
    return action(loaded)
