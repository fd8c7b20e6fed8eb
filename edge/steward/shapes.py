"""What verbs of stewards are, and what they may be asked: every argument is checked by its shape before anything runs.

A steward has privileges that who asks it has not. So its verbs are few, they are a table, and an argument is text of a
known pattern, a whole number of a known range, one of a few words, or a truth; what is richer is "any", which the verb
checks itself, and of which only its size and its depth are known here.
"""

import re
from collections import namedtuple

from edge.steward.errors import Misused

# name: a word; does: a line that begins with a verb; run: function of (the role's State, request) that returns the
# answer, a dict, or a generator that yields progress, dicts, and returns it; arguments: tuple of Argument; alone:
# whether nothing else that is alone may be done meanwhile
Verb = namedtuple("Verb", ("name", "does", "run", "arguments", "alone"), defaults=((), True))
# name: a word; kind: one of KINDS; meaning: a sentence; required; like: of text, the regular expression that all of it
# fulfils; choices: of a choice; least, most: of a number, or the most characters of text
Argument = namedtuple(
    "Argument",
    ("name", "kind", "meaning", "required", "like", "choices", "least", "most"),
    defaults=(True, None, (), 0, 255),
)
KINDS = ("text", "number", "truth", "choice", "any")
# name: as in `edge steward ROLE`; does: a line that begins with a verb; verbs: tuple of Verb; open: function that
# returns the role's State; start: function that does what the role has to do once when the machine starts, or None
Role = namedtuple("Role", ("name", "does", "verbs", "open", "start"), defaults=(None,))

_DEPTH = 12


class State:
    """What a role keeps while it runs. This one keeps nothing; a role that does, makes its own of it."""

    def due_s(self):
        """Return in how many seconds `tick` wants to be called, None for not at all; the steward stays until then."""
        return None

    def tick(self):
        """Do what is due."""

    def close(self):
        """Let go of what is held: the steward ends."""


def checked(verb, given):
    """Return `given` without what is None; raises Misused for what is unknown, missing or of another shape."""
    if not isinstance(given, dict):
        raise Misused("what comes with a verb is an object")
    known = {each.name: each for each in verb.arguments}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in known:
            takes = ", ".join(known) or "none"
            raise Misused("%s has no argument %.40r; it takes: %s" % (verb.name, name, takes))
    for each in verb.arguments:
        if each.name not in given:
            if each.required:
                raise Misused("%s needs %s: %s" % (verb.name, each.name, each.meaning))
            continue
        wanted = _wanted(each, given[each.name])
        if wanted:
            raise Misused("%s of %s: expected %s" % (each.name, verb.name, wanted))
    return given


def _wanted(argument, value):
    """Return what was expected instead of `value`, None when it is right. The value itself is never repeated."""
    kind = argument.kind
    if kind == "text":
        if not isinstance(value, str) or len(value) > argument.most:
            return "text of at most %d characters" % argument.most
        if argument.like is not None and not re.fullmatch(argument.like, value, re.ASCII):
            return "text like %s" % argument.like
        return None
    if kind == "number":
        is_right = isinstance(value, int) and not isinstance(value, bool) and argument.least <= value <= argument.most
        return None if is_right else "a whole number, %d to %d" % (argument.least, argument.most)
    if kind == "truth":
        return None if isinstance(value, bool) else "true or false"
    if kind == "choice":
        return None if isinstance(value, str) and value in argument.choices else "one of " + ", ".join(argument.choices)
    return None if _is_flat(value, _DEPTH) else "no more than %d levels" % _DEPTH


def _is_flat(value, depth):
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return True
    return depth > 0 and all([_is_flat(each, depth - 1) for each in value])
