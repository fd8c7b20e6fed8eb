"""`edge steward`: being one of the processes that have privileges, or asking one."""

import json
import os
import sys

from edge.console import text
from edge.console.commands import DONE, FAILED, MISUSED
from edge.steward import client
from edge.steward.errors import Misused, StewardError

_USER = "edge"


def run(asked):
    """Do `edge steward`; return the exit code."""
    role, *rest = asked.arguments
    path = os.path.abspath(asked.options.get("socket") or os.path.join(client.folder(), role + ".sock"))
    try:
        if rest:
            return _ask(path, role, rest, "json" in asked.options)
        if "start" in asked.options:
            return _start(role)
        return _serve(role, path, asked.options.get("for"))
    except Misused as error:
        return text.complain(str(error), MISUSED)
    except StewardError as error:
        return text.complain(str(error), FAILED)


def _serve(role, path, user):
    import pwd

    from edge.steward import roles, serve

    if user is None:
        user = _USER if any([each.pw_name == _USER for each in pwd.getpwall()]) else None
    serve.main(roles.role(role), path, user)
    return DONE


def _start(role):
    from edge.steward import roles

    found = roles.role(role)
    if found.start is None:
        raise Misused("%s has nothing to do when the machine starts" % role)
    found.start()
    return DONE


def _ask(path, role, words, is_json):
    verb, *pairs = words
    given = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise Misused("%s: expected NAME=VALUE" % pair)
        given[name] = _value(value)
    folder, name = os.path.split(path)
    asking = client.ask(folder, name.removesuffix(".sock"), verb, **given)
    while True:
        try:
            row = next(asking)
        except StopIteration as end:
            _print(end.value, is_json)
            return DONE
        _print(row, is_json)


def _value(word):
    try:
        return json.loads(word)
    except ValueError:
        return word


def _print(row, is_json):
    if is_json:
        print(json.dumps(row))
    else:
        for name, value in row.items():
            print("%-16s %s" % (name, value if isinstance(value, str) else json.dumps(value)))
    sys.stdout.flush()
