"""Verbs on jobs: what waits for which destination, and what is to become of it."""

from edge.box import config
from edge.dicom.errors import DicomError
from edge.spool import errors, jobs
from edge.spool.adopt import BY_HAND
from edge.verbs.box import PAGE, must_know, stored_object
from edge.verbs.status import DESTINATION, destinations, opens_at
from edge.verbs.verb import OPERATOR, VIEWER, Argument, Misused, Refused, Verb
from edge.ways import routes

_STATES = ("open", "waiting", "sending", "sent", "held", "delivered")
_ROUTELESS = (jobs.UNROUTED, jobs.FOUND)
_SHUT = "it waits for the hours at which it may be sent"


def queue(box, request, who):
    """Yield a row for each job; return how many of each state each destination has, and how the way to it does."""
    name = request.get("destination")
    if name is not None and name not in box.spool.jobs.counts():
        must_know(box, name)
    after = None
    links, shut = {}, {}
    while True:
        rows, after = box.spool.jobs.listing(request.get("state"), name, after, PAGE)
        for row in rows:
            due, why = row.due, row.why
            if row.state == "waiting":
                if row.destination not in links:
                    links[row.destination] = box.spool.jobs.link(row.destination)
                    known = config.destination(box.config, row.destination)
                    shut[row.destination] = known and opens_at(known, box.spool.now())
                link = links[row.destination]
                if link.failures:  # nothing goes before the way there works
                    due, why = max(due, link.until), link.why
                opening = shut[row.destination]
                if opening is not None:
                    due, why = max(due, opening), _SHUT
            elif row.state == "sent":
                why = _commitment_words(box, row)
            yield {
                "object": row.object_id,
                "sop_instance": row.uid,
                "destination": row.destination,
                "state": row.state,
                "attempts": row.tries,
                "next_try": due or None,
                "since": row.since,
                "status": None if row.status is None else "%04X" % row.status,
                "cause": row.cause if row.state != "sent" else None,
                "transaction": row.cause if row.state == "sent" else None,
                "error": why,
            }
        if after is None:
            return {"destinations": destinations(box, who)}


def _commitment_words(box, row):
    """Say what a job waits for whose object was sent, and is not committed to yet."""
    link = box.spool.commitments.link(row.destination)
    if link.failures:
        return "commitment cannot be asked for: " + link.why
    if not row.asks:
        return "commitment is asked for soon"
    return "awaiting commitment" if row.asks == 1 else "awaiting commitment, asked for %d times" % row.asks


def release(box, request, who):
    """Let what is held go again, with `cause` only what is held for that; return how many jobs.

    Objects that no route took go where the routes of today send them, or to `destination` where it is them that are
    named; return also how many of them stay since there is still no route for them, None when there were none.
    """
    spool = box.spool
    number, name, cause = request.get("object"), request.get("destination"), request.get("cause")
    if name is not None:
        must_know(box, name)
    released, unrouted = 0, None
    if number is not None:
        try:
            released = _release_object(box, number, name, who)
        except (errors.Unknown, errors.Rotten) as error:
            raise Refused(str(error)) from None
    elif cause in (None, *_ROUTELESS):
        released, unrouted = _release_routeless(box, name, cause, who)
    released += spool.jobs.release(spool.now(), name, cause, number, str(who))
    for each in box.config.destinations:
        if name in (None, each.name):
            spool.jobs.wake(each.name)  # whoever releases has mended something: see at once whether it works
            if name is not None and number is None and each.commitment:
                released += spool.commitments.ask_again(name, spool.now())
            spool.commitments.wake(each.name)
    return {"released": released, "unrouted": unrouted}
    yield  # a verb without rows is a generator all the same


def _release_object(box, number, name, who):
    spool = box.spool
    stored = spool.index.get(number)
    known = len(spool.jobs.of_object(number))
    if name is not None and stored.hold in (None, *_ROUTELESS):
        spool.queue(number, [name], who=str(who))
        return 0 if stored.hold is None and known == len(spool.jobs.of_object(number)) else 1
    if stored.hold is None:
        return 0
    if stored.hold in _ROUTELESS and not known:
        found, why = _routed(box, stored)
        if not found:
            raise Refused("object %d has no destination, so name one with it: %s" % (number, why))
        spool.queue(number, found, who=str(who))
        return len(found)
    spool.release(number, str(who))
    return known


def _release_routeless(box, name, cause, who):
    """Queue every object that is held for want of a route; return how many jobs, and how many objects stay, or None.

    name: of the destination that is meant; cause: the one of _ROUTELESS that is meant, None for those that no route
    took: these go only where their routes lead.
    """
    spool, released, stay, after = box.spool, 0, None, 0
    while True:
        page = spool.objects(after, PAGE, held=True)
        for stored in page:
            after = stored.id
            if stored.hold != (cause or jobs.UNROUTED):
                continue
            stay = stay or 0
            found, _ = ([name], None) if name is not None and cause is not None else _routed(box, stored)
            if not found:
                stay += 1
            elif name is None or name in _names(found):
                try:
                    spool.queue(stored.id, found, who=str(who), durable=False)
                except errors.Unknown:
                    continue  # somebody else decided a moment ago
                released += len(found)
        if len(page) < PAGE:
            spool.journal.sync()
            return released, stay


def _routed(box, stored):
    """Return (where a StoredObject goes by the routes of today, None), or (None, why it goes nowhere)."""
    if stored.address == BY_HAND.address:
        return None, "it was sent by hand, and routes are for what devices send"
    try:
        found = routes.of_stored(box.config, box.spool, stored)
    except (DicomError, OSError) as error:
        return None, "its file cannot be read: %s" % error
    return (None, found) if isinstance(found, str) else (found, None)


def _names(found):
    return [each if isinstance(each, str) else each[0] for each in found]


def cancel(box, request, who):
    """Give up jobs that are not delivered, queue their objects elsewhere when that is asked for; return how many."""
    spool = box.spool
    number, name, other = request.get("object"), request.get("destination"), request.get("to")
    if number is None and name is None:
        raise Misused("say which jobs to give up: those of an object, for a destination, or both")
    if other is not None:
        must_know(box, other)
        if other == name:
            raise Refused("they are queued for %s already" % name)
    if number is not None:
        stored_object(spool, number)
    if name is not None and name not in spool.jobs.counts():
        must_know(box, name)
    cancelled = moved = 0
    for row in open_jobs(spool, number, name):
        if other is not None:
            if row.destination == other or row.cause in jobs.OF_OBJECTS:
                continue  # what is held as a whole goes nowhere before it is released
            spool.queue(row.object_id, [other], row.priority, str(who))
            moved += 1
        try:
            spool.jobs.drop(spool.now(), row.object_id, row.destination, str(who), durable=False)
        except errors.Unknown:
            continue  # it was delivered a moment ago
        cancelled += 1
    spool.journal.sync()
    return {"cancelled": cancelled, "moved": moved}
    yield  # a verb without rows is a generator all the same


def open_jobs(spool, number, name, states=("waiting", "sent", "held")):
    """Yield the JobRows of an object, of a destination or of both that are not delivered; they may go meanwhile.

    states: which of a destination's.
    """
    if number is not None:
        yield from [
            row for row in spool.jobs.of_object(number) if name in (None, row.destination) and row.state != "delivered"
        ]
        return
    for state in states:
        after = None
        while True:
            rows, after = spool.jobs.listing(state, name, after, PAGE)
            yield from rows
            if after is None:
                break


_OBJECT = Argument("object", "number", "Only this object, by the number that `objects` shows as id.")

VERBS = (
    Verb(
        "queue",
        "list what waits for which destination, and why",
        queue,
        VIEWER,
        (
            Argument("destination", "text", "Only jobs for this destination."),
            Argument("state", "choice", "Only jobs in this state; open: all but delivered.", False, _STATES),
        ),
        {
            "object": "number",
            "sop_instance": "text",
            "destination": "text",
            "state": "text",
            "attempts": "number",
            "next_try": "time?",
            "since": "time?",
            "status": "text?",
            "cause": "text?",
            "transaction": "text?",
            "error": "text?",
        },
        {"destinations": [DESTINATION]},
    ),
    Verb(
        "release",
        "let held objects and jobs go again",
        release,
        OPERATOR,
        (
            _OBJECT,
            Argument("destination", "text", "Only jobs for this destination; with an object: send it there."),
            Argument(
                "cause",
                "text",
                "Only jobs held for this cause, as `queue` has it; unrouted: objects that no route took, which go where"
                " routes send them by now, or to the destination that is named with it.",
            ),
        ),
        None,
        {"released": "number", "unrouted": "number?"},
        changes=True,
        slow=True,
    ),
    Verb(
        "cancel",
        "give up jobs, or send their objects elsewhere",
        cancel,
        OPERATOR,
        (
            _OBJECT,
            Argument("destination", "text", "Only jobs for this destination, in the configuration or not."),
            Argument("to", "text", "Queue the objects for this destination first."),
        ),
        None,
        {"cancelled": "number", "moved": "number"},
        changes=True,
    ),
)
