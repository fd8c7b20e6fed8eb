"""Routes made of the configuration: asked for what comes in, and anew for what was kept because none took it then."""

import time

from edge.box import rules
from edge.forward import route
from edge.spool import examine, jobs
from edge.spool.disk import READ
from edge.spool.intake import Source, facts

# what `priority` of a route says -> the priority of its jobs
PRIORITIES = {"sender": None, "urgent": jobs.URGENT, "normal": jobs.NORMAL, "low": jobs.LOW}


def router(settings, now=time.time):
    """Return the route.Router of a config.Config."""
    made = []
    for each in settings.routes:
        made.append(route.Rule(rules.conditions(each), each.to, PRIORITIES[each.priority], each.final))
    return route.Router(made, now)


def of_stored(settings, spool, stored):
    """Return where a StoredObject goes by the routes of a config.Config, as a route.Router answers.

    It counts when the object came, and from whom. DicomError or OSError when its file cannot be read.
    """
    asking = router(settings, lambda: stored.received)
    fd = spool.disk.open(spool.path_of(stored), READ)
    try:
        found = examine.identify(spool.disk, fd, asking.wanted)
    finally:
        spool.disk.close(fd)
    source = Source(stored.calling, stored.called, stored.address)
    return asking(facts(found.sop_class, found.sop_instance, found.transfer_syntax, source, found.values))
