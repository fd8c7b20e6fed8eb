"""Routes made of the configuration: where objects go, whether they come over the network or from a disc."""

import time

from edge.box import rules
from edge.forward import route
from edge.spool import jobs

# what `priority` of a route says -> the priority of its jobs
PRIORITIES = {"sender": None, "urgent": jobs.URGENT, "normal": jobs.NORMAL, "low": jobs.LOW}


def router(settings, now=time.time):
    """Return the route.Router of a config.Config."""
    made = []
    for each in settings.routes:
        made.append(route.Rule(rules.conditions(each), each.to, PRIORITIES[each.priority], each.final))
    return route.Router(made, now)
