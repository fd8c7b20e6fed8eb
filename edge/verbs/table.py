"""The table of all verbs. A skin asks for them by name, through `ask`."""

from edge.verbs import access, alerts, appliance, boards, carrying, exports, fetching, jobs, logs, media, network
from edge.verbs import objects, settings, status, studies, updating, verb, watching, ways

_ROOMS = (status, jobs, ways, watching, objects, media, exports, fetching, studies, alerts, logs, settings, carrying,
          access, network, appliance, updating, boards)  # fmt: skip
VERBS = {each.name: each for room in _ROOMS for each in room.VERBS}


def ask(box, name, request, who):
    """Return the generator of the verb called `name`; see verb.ask."""
    return verb.ask(VERBS, box, name, request, who)
