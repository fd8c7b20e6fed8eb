"""How a command reaches the box: through its control socket when it runs, otherwise the state folder itself."""

import os

from edge.access import audit
from edge.console import control, handing
from edge.console.commands import DONE, FAILED, IN_USE
from edge.console.text import complain, json_words, print_json, say as say_line, warn
from edge.spool.errors import Degraded, Locked, NoSpace, from_os
from edge.verbs import table
from edge.verbs.box import Box, open_spool
from edge.verbs.verb import ENGINEER, OWNER, Asker, Refused



def guarded(action, loaded):
    """Return the exit code that `action()` returns, or that of its failure, which is said."""
    try:
        return action()
    except control.Failed as failure:
        return complain(str(failure), failure.code)
    except Refused as refusal:
        return complain(str(refusal), FAILED)
    except Locked as error:
        return complain("%s (is a box just starting or stopping there? then try again)" % error, IN_USE)
    except (Degraded, NoSpace) as error:
        return complain(str(error), FAILED)
    except PermissionError as error:
        what = error.filename or loaded.config.box.state_dir
        return complain("%s may not be used by this user; be the one the box runs as, or root" % what, FAILED)
    except OSError as error:
        if error.filename is None:
            raise  # it is not about a file: what is printed cannot be written
        return complain(str(from_os(error, "using %s" % error.filename)), FAILED)


def trail(settings):
    """Return the audit trail of a box that does not run, for what is done to its files."""
    return audit.Trail(os.path.join(settings.box.state_dir, audit.FOLDER))


def person():
    """Return the Asker for whoever works on the files themselves: the user of the operating system."""
    import pwd

    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = "user %d" % number
    return Asker(name, ENGINEER, OWNER.skin)


class Alone:
    """The Box of a service that does not run, opened by this process while the `with` block lasts."""

    def __init__(self, loaded):
        self._config = loaded.config
        self._spool = None

    def __enter__(self):
        self._spool = open_spool(self._config)
        return Box(self._config, self._spool, None, audit=trail(self._config))

    def __exit__(self, *exception):
        self._spool.close()


def say_alone(loaded):
    """Say that this process works on the state folder itself."""
    warn("edge: no box runs here; working on %s itself" % loaded.config.box.state_dir)


def do(loaded, verb, request, file=None):
    """Yield the rows of a verb and return its summary, wherever it is done; None where there is no state yet.

    file: for a verb that reads or writes one, what has a `fileno()`; it stays open.
    """
    state_dir = loaded.config.box.state_dir
    channel = control.connect(state_dir)
    if channel is not None:
        try:
            return (yield from control.ask(channel, verb, file, **request))
        finally:
            channel.close()
    if not os.path.isdir(state_dir):
        warn("edge: no box has run with %s yet" % state_dir)
        return None
    say_alone(loaded)
    with Alone(loaded) as box:
        return (yield from here(box, verb, request, file))


def do_without_spool(loaded, verb, request, file=None, prepare=None):
    """Do a verb as `do`, where it wants no spool; without a box that runs, `prepare` gets the Box before."""
    channel = control.connect(loaded.config.box.state_dir)
    if channel is not None:
        channel.wait_at_most(control.LONG_S)
        try:
            return (yield from control.ask(channel, verb, file, **request))
        finally:
            channel.close()
    box = Box(loaded.config, None, audit=trail(loaded.config))
    if prepare is not None:
        prepare(box)
    return (yield from here(box, verb, request, file))


def here(box, verb, request, file=None):
    """Yield the rows of a verb and return its summary, done by this process on a Box; file: as `do` has it."""

    def ask(**more):
        return table.ask(box, verb, {**request, **more}, person())

    if file is None:
        return (yield from ask())
    return (yield from handing.with_file(os.dup(file.fileno()), table.VERBS[verb].file, ask))


class Answer:
    """The rows of a verb to iterate over, and then its summary."""

    def __init__(self, rows):
        self._rows = rows
        self.summary = None

    def __iter__(self):
        self.summary = yield from self._rows


def report(asked, rows, say, otherwise=None):
    """Let a verb without rows do its work and print its summary, as JSON or as `say(summary)`; return the exit code.

    otherwise: what counts as the summary when there is none; without it the verb has failed, and has said why.
    """
    answer = Answer(rows)
    list(answer)
    found = answer.summary or otherwise
    if found is None:
        return FAILED
    if "json" in asked.options:
        print_json(found)
    else:
        say_line(say(found))
    return DONE


def print_rows(answer):
    """Print rows as a JSON array, one a line, as they come."""
    separator = "["
    for row in answer:
        print(separator + "\n" + json_words(row), end="")
        separator = ","
    print("[]" if separator == "[" else "\n]")
