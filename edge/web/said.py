"""What the box says of itself, as a person at a page reads it: commands become links, keys become places."""

import re

from edge.web import page
from edge.web.markup import el, join

_QUOTED = re.compile(r"`(edge )?([^` ]+)([^`]*)`|\ba \[\[(route)\]\]")
_OPTION = re.compile(r"--([a-z]+) (\S+)")
# Where a page does what a command does; with its arguments where they have the same names
_PLACES = {
    "queue": ("/queue", "the queue"),
    "release": ("/queue", "release"),
    "cancel": ("/queue", "cancel"),
    "remove": ("/queue", "remove"),
    "objects": ("/studies", "the studies"),
    "echo": ("/destinations", "a test of the destination"),
    "relay": ("/settings", "the relay's settings"),
}
_KEPT = ("destination", "state")  # arguments of a command that are arguments of its page
# The page to look at for a trouble, by how its key begins
_CURES = (
    ("held for ", "/queue", "Look at what is held"),
    ("held ", "/queue", "Look at what is held"),
    ("old for ", "/queue", "Look at what waits"),
    ("stranded ", "/queue", "Look at what waits"),
    ("uncommitted ", "/queue", "Look at what waits"),
    ("refused by ", "/destinations", "Test the destination"),
    ("down ", "/destinations", "Test the destination"),
    ("certificate", "/settings", "Look at the certificates' settings"),
    ("space", "/storage", "Look at the storage"),
    ("high water", "/storage", "Look at the storage"),
    ("forecast", "/storage", "Look at the storage"),
    ("storage", "/storage", "Look at the storage"),
    ("read-only", "/storage", "Look at the storage"),
    ("silent ", "/associations", "Look at who came"),
    ("clock", "/settings", "Look at the settings"),
)


def words(text):
    """Return what the box said as Markup, with a link in place of each command that a page does as well."""
    parts, end = [], 0
    for found in _QUOTED.finditer(text or ""):
        parts.append(text[end : found.start()])
        end = found.end()
        if found.group(4):
            parts.append(page.link("a route", "/settings/edit", section=found.group(4)))
            continue
        place = _PLACES.get(found.group(2)) if found.group(1) else None
        if place:
            args = {name: value for name, value in _OPTION.findall(found.group(3)) if name in _KEPT and value.islower()}
            parts.append(page.link(place[1], place[0], **args))
        else:
            parts.append(el("code", found.group(0)[1:-1]))
    return join(parts, (text or "")[end:])


def cure(key):
    """Return a link to where something is done about the trouble with this key, or None."""
    for begin, path, label in _CURES:
        if key.startswith(begin):
            rest = key[len(begin) :].strip() if begin.endswith(" ") else ""
            named = begin in ("held for ", "old for ", "stranded ", "uncommitted ")
            state = "held" if begin.startswith("held") else None
            return page.link(label, path, destination=rest if named else None, state=state)
    return None
