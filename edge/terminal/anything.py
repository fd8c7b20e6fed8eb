"""Any verb of the table, by its own words: arguments are asked for one by one, and answers shown by their shapes."""

import json

from edge.terminal import moving, page, shapes
from edge.terminal.effects import Ask, Show
from edge.terminal.plain import cut, plain, wrapped
from edge.terminal.talk import Rows
from edge.verbs import table
from edge.verbs.verb import Misused

_SAMPLE = 50  # rows that say how wide the columns are


def every(talk):
    """List the verbs that who asks may use, and do the one that is chosen."""
    known = [each for each in table.VERBS.values() if talk.knows(each.name)]
    known.sort(key=lambda each: each.name)

    def line(each, number):
        return ["%4d  %-18s %s" % (number, each.name, cut(each.does, 54))]

    names = {each.name: each for each in known}
    yield from page.turn(
        "Every action by its name", ["Type a number, or a name."], known, line, lambda each: one(talk, each),
        named=names.get,
    )  # fmt: skip


def one(talk, verb):
    """Ask for the arguments of a verb, do it, and show what it answers."""
    lines = wrapped("%s: %s." % (verb.name, verb.does))
    yield Show(["", *lines, *(["Enter alone leaves an argument out; ^C goes back."] if verb.arguments else [])])
    request = {}
    for each in verb.arguments:
        value = yield from _argument(each)
        if value is not None:
            request[each.name] = value
    if verb.changes and not (yield from page.sure("This changes the box: %s." % verb.does)):
        return
    if verb.file == "in":
        request["file"] = yield from moving.received(talk)
        if request["file"] is None:
            return
    if verb.file == "out":
        yield from moving.sent(talk, verb.name, request)
        return
    if verb.slow or verb.row is None:
        rows, summary = yield from talk.done(verb.name, **request)
    else:
        rows, summary = Rows(talk.ask(verb.name, **request)), None  # read as far as somebody looks
    if verb.row is not None:
        yield from _rows(verb, rows)
        summary = rows.summary if summary is None else summary
    if summary:
        yield from page.turn(
            verb.name, (), shapes.detail(summary, verb.summary), lambda each: [each], enter="Enter or q: back"
        )
    elif verb.row is None:
        yield page.said("Done.")


def _rows(verb, rows):
    """Turn through the rows of an answer, each to be seen whole by its number."""
    sample, rows = [], iter(rows)
    for row in rows:
        sample.append(row)
        if len(sample) == _SAMPLE:
            break
    shape = verb.row if isinstance(verb.row, dict) else {}
    if not shape and sample:
        shape = {name: "any" for name in sample[0]}
    laid = shapes.Columns(shape, sample)

    def whole(row):
        return page.turn(verb.name, (), shapes.detail(row, shape), lambda each: [each], enter="Enter or q: back")

    def chained():
        yield from sample
        yield from rows

    if not sample:
        yield page.said("No rows.")
        return
    yield from page.turn(verb.name, [laid.head()], chained(), lambda row, number: [laid.line(row, number)], whole)


def _argument(argument):
    """Ask for an argument until it is what the verb takes; return None where it is left out."""
    yield Show(["", *wrapped(argument.meaning)])
    if argument.kind == "choice":
        yield Show(["  %d  %s" % each for each in enumerate(argument.choices, 1)])
    need = "" if argument.required else ", optional"
    while True:
        typed = yield Ask("%s (%s%s): " % (argument.name, argument.kind, need), argument.kind in ("secret", "hidden"))
        if not typed.strip():
            if not argument.required:
                return None
            yield Show(["It is needed; ^C goes back."])
            continue
        try:
            return _read(argument, typed)
        except Misused as wrong:
            yield Show([plain("Expected %s." % wrong)])


def _read(argument, typed):
    """Return what was typed as an argument takes it; raises Misused with what was expected."""
    kind, typed = argument.kind, typed if argument.kind == "secret" else typed.strip()
    if kind == "number":
        if not typed.lstrip("-").isdigit():
            raise Misused("a whole number")
        return int(typed)
    if kind == "truth":
        if typed.lower() not in ("yes", "no", "y", "n", "true", "false"):
            raise Misused("yes or no")
        return typed.lower() in ("yes", "y", "true")
    if kind == "choice":
        if typed.isdigit() and 1 <= int(typed) <= len(argument.choices):
            return argument.choices[int(typed) - 1]
        if typed not in argument.choices:
            raise Misused("one of " + ", ".join(argument.choices))
        return typed
    if kind in ("list", "secrets"):
        return [each.strip() for each in typed.split(",") if each.strip()]
    if kind in ("any", "hidden"):
        try:
            return json.loads(typed)
        except ValueError:
            return typed
    return typed
