"""What a verb is: an action of an operator on the box, described once, which every skin reads and none repeats.

A verb is a row of `table.VERBS`: its name, what it does, who may, what it takes, what it answers. `ask` is the one way
to it, from the web, the serial line and the command line alike: it checks the arguments and the role, and writes what
was changed, and by whom, to the audit trail. What is done is a generator: it yields rows, which are dicts that JSON can
carry, and returns a summary, also a dict. Times are seconds since 1970.

A shape says what rows and summaries consist of: "text", "secret" (text that stands in no log; in summaries only),
"number", "truth", "time" or "any", with a "?" behind it where there may be None; a dict of names and shapes; a list of
one shape, for any number of them; {"*": shape}, for any names.
"""

from collections import namedtuple

from edge.access.roles import ENGINEER, OPERATOR, ROLES, VIEWER

__all__ = ("ENGINEER", "OPERATOR", "ROLES", "VIEWER")

LIVE = "live"  # the skin of a page that renews itself, whether anybody sees it or not

# name: a word; does: a line for a person that begins with a verb; run: function of (box.Box, request, Asker) that
# returns the generator; role: the least that may; arguments: tuple of Argument; row, summary: shapes, row None where it
# yields none; changes: whether it changes anything, which is audited; file: None, "in" where it reads a binary file
# that the asker gives (`request["file"]`), "out" where it writes one; slow: whether it may take long
Verb = namedtuple(
    "Verb",
    ("name", "does", "run", "role", "arguments", "row", "summary", "changes", "file", "slow"),
    defaults=((), None, {}, False, None, False),
)
# name: a word; kind: "text", "number" (whole), "truth", "secret" (text that stands in no log), "choice", "list" (of
# text), "secrets" (a list that stands in no log), "any" (what JSON carries, checked by the verb) or "hidden" (the same,
# that stands in no log); meaning: a sentence; required; choices: of a choice
Argument = namedtuple("Argument", ("name", "kind", "meaning", "required", "choices"), defaults=(False, ()))

_TEXT_LIMIT = 1 << 16


class Refused(Exception):
    """The verb cannot be done; str() says why and what to do."""


class Misused(Refused):
    """There is no such verb, or its arguments are not what it takes."""


class Forbidden(Refused):
    """Who asks may not."""


class Asker:
    """Who asks for a verb, and from where; str() is what the journal and the audit trail keep.

    name: of the user; role: one of ROLES; skin: "web", "serial", "command line", "api" or LIVE; address: str, "" for
    here.
    """

    __slots__ = ("name", "role", "skin", "address")

    def __init__(self, name, role, skin, address=""):
        self.name = name
        self.role = role
        self.skin = skin
        self.address = address

    def __str__(self):
        where = "%s at %s" % (self.skin, self.address) if self.address else self.skin
        return "%s (%s)" % (self.name, where) if self.name else where

    def may(self, role):
        """Say whether this asker may do what is for `role` and those above it."""
        return ROLES.index(self.role) >= ROLES.index(role)


# Who may open the control socket or write in the state folder may do everything
OWNER = Asker("", ENGINEER, "command line")


def ask(verbs, box, name, request, who):
    """Return the generator of a verb, by its name; raises Misused or Forbidden, and the generator Refused.

    verbs: {name: Verb}; request: {argument name: value}, of which those that are None count as left out; who: Asker.
    """
    verb = verbs.get(name) if isinstance(name, str) else None
    if verb is None:
        raise Misused("no verb %s; there are: %s" % (name, ", ".join(verbs)))
    if not who.may(verb.role):
        raise Forbidden("%s is for the role %s; you are %s" % (name, verb.role, who.role))
    request = checked(verb, request)
    rows = verb.run(box, request, who)
    return _audited(box, verb, request, who, rows) if verb.changes else rows


def checked(verb, request):
    """Return the request without what is None; raises Misused for what is unknown, missing or of another kind."""
    given = {name: value for name, value in request.items() if value is not None}
    known = {each.name: each for each in verb.arguments}
    for name in given:
        if name not in known and not (name == "file" and verb.file):
            takes = "takes: " + ", ".join(known) if known else "takes none"
            raise Misused("%s has no argument %s; it %s" % (verb.name, name, takes))
    if verb.file and "file" not in given:
        raise Misused("%s needs a file" % verb.name)
    for each in verb.arguments:
        if each.name in given:
            wrong = _wrong(each, given[each.name])
            if wrong:
                raise Misused("%s of %s: expected %s" % (each.name, verb.name, wrong))
        elif each.required:
            raise Misused("%s needs %s: %s" % (verb.name, each.name, each.meaning))
    return given


def _wrong(argument, value):
    """Return what was expected instead of `value`, or None when it is right."""
    kind = argument.kind
    if kind in ("text", "secret"):
        return None if isinstance(value, str) and len(value) <= _TEXT_LIMIT else "text"
    if kind == "number":
        return None if isinstance(value, int) and not isinstance(value, bool) else "a whole number"
    if kind == "truth":
        return None if isinstance(value, bool) else "true or false"
    if kind == "choice":
        return None if value in argument.choices else "one of " + ", ".join(argument.choices)
    if kind in ("list", "secrets"):
        return None if isinstance(value, list) and all([isinstance(each, str) for each in value]) else "a list of text"
    return None


def _audited(box, verb, request, who, rows):
    """Yield what `rows` yields; when it is over, have it written down who asked for what, and what came of it."""
    secret = {each.name for each in verb.arguments if each.kind in ("secret", "secrets", "hidden")}
    shown = {name: "(secret)" if name in secret else value for name, value in request.items() if name != "file"}
    try:
        summary = yield from rows
    except BaseException as error:
        if box.audit is not None:
            box.audit.write(who, verb.name, shown, None, str(error) or type(error).__name__)
        raise
    if box.audit is not None:
        told = {name: "(secret)" for name, shape in verb.summary.items() if shape in ("secret", "secret?")}
        box.audit.write(who, verb.name, shown, {**summary, **told} if told else summary, None)
    if box.events is not None:
        box.events.note("done by %s: %s" % (who, verb.does))
    return summary
