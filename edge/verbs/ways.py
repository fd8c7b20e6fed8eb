"""Verbs on the ways to destinations: tested layer by layer, what is on its way, and what goes first."""

from edge.box import config
from edge.spool import errors, jobs
from edge.verbs.box import must_know
from edge.verbs.jobs import open_jobs
from edge.verbs.verb import OPERATOR, VIEWER, Argument, Refused, Verb

# What a priority is called, and its number in the index
PRIORITIES = {"urgent": jobs.URGENT, "normal": jobs.NORMAL, "low": jobs.LOW}


def test(box, request, who):
    """Yield a row for each layer of the way to a destination, as it has been tried; return whether all of it works."""
    from edge.ways import walk

    must_know(box, request["destination"])
    known, jobs = config.destination(box.config, request["destination"]), box.spool.jobs
    why = None
    for step in walk.walk(box.config, known):
        why = step.words if step.ok is False else why
        yield step._asdict()
    if box.ways is not None:
        box.ways.tested(known, jobs, why)
    if why is None and jobs.link(known.name).failures:
        jobs.link_works(known.name, box.spool.now())
        jobs.poke(known.name)  # what waits need not wait for its next try
    return {"ok": why is None}


def progress(box, request, who):
    """Yield a row for each object that is being sent; return how fast it goes, all together."""
    total = 0
    for worker in box.workers() if box.workers is not None else ():
        for each in worker.under_way():
            rate = each.octets / each.seconds if each.octets and each.seconds > 0 else None
            total += rate or 0
            yield {
                "object": each.job.object_id,
                "destination": each.job.destination,
                "bytes": each.job.size,
                "sent": each.octets,
                "seconds": round(each.seconds, 1),
                "bytes_per_s": rate and round(rate),
                "left_s": None if not rate else round((each.job.size - each.octets) / rate, 1),
            }
    return {"bytes_per_s": round(total)}


def prioritise(box, request, who):
    """Let jobs go before or behind others; return how many."""
    spool, priority = box.spool, PRIORITIES[request["priority"]]
    number, name = request.get("object"), request.get("destination")
    if number is None and name is None:
        raise Refused("say whose jobs: those of an object, for a destination, or both")
    if name is not None:
        must_know(box, name)
    if number is not None:
        rows = [row for row in spool.jobs.of_object(number) if name in (None, row.destination)]
        if not rows:
            raise Refused("object %d has no jobs%s" % (number, " for " + name if name else ""))
        if all([row.state == "delivered" for row in rows]):
            raise Refused("object %d was delivered already, to %s" % (number, rows[0].destination))
    changed = 0
    for row in list(open_jobs(spool, number, name, ("waiting",))):  # a change moves them in the order of the listing
        if row.priority != priority:
            try:
                spool.jobs.prioritise(spool.now(), row.object_id, row.destination, priority, str(who), durable=False)
            except errors.Unknown:
                continue  # it went a moment ago
            changed += 1
    spool.journal.sync()
    return {"changed": changed}
    yield  # a verb without rows is a generator all the same


VERBS = (
    Verb(
        "test",
        "test the way to a destination, layer by layer",
        test,
        OPERATOR,
        (Argument("destination", "text", "Its name.", True),),
        {"layer": "text", "ok": "truth?", "ms": "number?", "words": "text", "cure": "text"},
        {"ok": "truth"},
        slow=True,
    ),
    Verb(
        "progress",
        "say what is being sent, how fast, and how long it will take",
        progress,
        VIEWER,
        (),
        {
            "object": "number",
            "destination": "text",
            "bytes": "number",
            "sent": "number?",
            "seconds": "number",
            "bytes_per_s": "number?",
            "left_s": "number?",
        },
        {"bytes_per_s": "number"},
    ),
    Verb(
        "prioritise",
        "let jobs go before or behind others",
        prioritise,
        OPERATOR,
        (
            Argument("priority", "choice", "Where they go.", True, tuple(PRIORITIES)),
            Argument("object", "number", "Only this object, by the number that `objects` shows as id."),
            Argument("destination", "text", "Only jobs for this destination."),
        ),
        None,
        {"changed": "number"},
        changes=True,
    ),
)
