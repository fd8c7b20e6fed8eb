"""The table of all verbs. A skin asks for them by name, through `ask`."""

from edge.verbs import access, jobs, objects, settings, status, studies, verb, ways

VERBS = {each.name: each for room in (status, jobs, ways, objects, studies, settings, access) for each in room.VERBS}


def ask(box, name, request, who):
    """Return the generator of the verb called `name`; see verb.ask."""
    return verb.ask(VERBS, box, name, request, who)
