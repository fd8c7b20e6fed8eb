"""Every action of an operator on a box, once: what the command line, and every other skin, asks for by name.

A verb is a generator: it yields rows (dicts that JSON can carry) and returns a summary, also a dict. It runs inside the
service, or, when none runs, in the command's own process on the spool itself. Times are seconds since 1970.
"""

from collections import namedtuple

from edge.box import config, troubles
from edge.box.sameness import same_decoded
from edge.dicom.errors import DicomError
from edge.forward.window import Window
from edge.spool import errors, jobs
from edge.spool.ledger import ALL, ON_HOLD
from edge.spool.intake import Source
from edge.spool.spool import Limits, Spool

# What a verb works on. config: config.Config; spool: Spool; associations: function, the summaries of those that are
# open, or None when no service runs
Box = namedtuple("Box", ("config", "spool", "associations"))

_PAGE = 200
_SHUT = "it waits for the hours at which it may be sent"
_DAY_S = 86400
_BY_HAND = Source("", "", "by hand")
_WHO = "command line"


class Refused(Exception):
    """The verb cannot be done; str() says why and what to do."""


def open_spool(settings):
    """Return the Spool of a config.Config, opened; see Spool.open for what it raises."""
    limits = settings.limits
    return Spool.open(
        settings.box.state_dir,
        Limits(
            reserve_bytes=limits.reserve_bytes,
            quota_bytes=limits.quota_bytes,
            keep_delivered_s=limits.keep_delivered_days * _DAY_S,
            remove_delivered_s=limits.remove_delivered_days * _DAY_S,
            high_percent=limits.high_water_percent,
            low_percent=limits.low_water_percent,
            warn_full_s=limits.warn_full_h * 3600,
            conflict=limits.conflict,
        ),
        same_decoded=same_decoded,
    )


def queue(box, request):
    """Yield a row for each job; return how many of each state each destination has, and how the way to it does."""
    name = request.get("destination")
    if name is not None and name not in box.spool.jobs.counts():
        _known(box, name)
    after = None
    links, shut = {}, {}
    while True:
        rows, after = box.spool.jobs.listing(request.get("state"), name, after, _PAGE)
        for row in rows:
            due, why = row.due, row.why
            if row.state == "waiting":
                if row.destination not in links:
                    links[row.destination] = box.spool.jobs.link(row.destination)
                    known = config.destination(box.config, row.destination)
                    shut[row.destination] = known and _opens_at(known, box.spool.now())
                link = links[row.destination]
                if link.failures:  # nothing goes before the way there works
                    due, why = max(due, link.until), link.why
                opens_at = shut[row.destination]
                if opens_at is not None:
                    due, why = max(due, opens_at), _SHUT
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
            return {"destinations": _destinations(box)}


def _commitment_words(box, row):
    """Say what a job waits for whose object was sent, and is not committed to yet."""
    link = box.spool.commitments.link(row.destination)
    if link.failures:
        return "commitment cannot be asked for: " + link.why
    if not row.asks:
        return "commitment is asked for soon"
    return "awaiting commitment" if row.asks == 1 else "awaiting commitment, asked for %d times" % row.asks


def _destinations(box):
    found = []
    counts = box.spool.jobs.counts()
    had = {name for name, states in counts.items() if any([jobs for jobs, _ in states.values()])}
    for name in sorted({each.name for each in box.config.destinations} | had):
        link = box.spool.jobs.link(name)
        known = config.destination(box.config, name)
        jobs = {state: tally[0] for state, tally in counts.get(name, {}).items()}
        found.append(
            {
                "name": name,
                "configured": known is not None,
                "jobs": {state: jobs.get(state, 0) for state in ("waiting", "sending", "sent", "held", "delivered")},
                "up": not link.failures,
                "failures": link.failures,
                "next_try": link.until or None,
                "error": link.why,
                "sessions": box.spool.jobs.sessions(name),
                "associations": known.associations if known else None,
                "rate_bytes_per_s": known.rate_bytes_per_s if known else None,
                "opens_at": _opens_at(known, box.spool.now()) if known else None,
                "oldest": box.spool.jobs.older(name, box.spool.now() + 1, 1)[1],
            }
        )
    return found


def _opens_at(destination, now):
    """Return when a config.Destination may be sent to again, None when it may be now."""
    opens_at = Window(destination.hours, destination.weekdays).opens_at(now)
    return None if opens_at == now else opens_at


def objects(box, request):
    """Yield a row for each object that is kept; return how many there are and how much they take."""
    after = 0
    while True:
        page = box.spool.objects(after, _PAGE)
        for stored in page:
            after = stored.id
            yield {
                "id": stored.id,
                "sop_instance": stored.uid,
                "copy": stored.copy,
                "sop_class": stored.sop_class,
                "transfer_syntax": stored.syntax,
                "path": box.spool.path_of(stored),
                "bytes": stored.size,
                "received": stored.received,
                "calling": stored.calling,
                "called": stored.called,
                "address": stored.address,
                "modality": stored.modality,
                "number": stored.number,
                "series": stored.series,
                "study": stored.study,
                "study_date": stored.date,
                "study_description": stored.description,
                "accession": stored.accession,
                "patient_id": stored.patient_id,
                "patient_name": stored.patient_name,
                "hold": stored.hold,
                "error": stored.why,
            }
        if len(page) < _PAGE:
            return _kept(box)


def _kept(box):
    count, octets = box.spool.index.total(ALL)
    return {"objects": count, "bytes": octets, "held": box.spool.index.total(ON_HOLD)[0]}


def status(box, request):
    """Return how the box does; yields a row for each association that is open."""
    spool = box.spool
    now = spool.now()
    open_now = box.associations() if box.associations is not None else ()
    for each in open_now:
        yield {
            "calling": each.peer.calling,
            "called": each.peer.called,
            "address": each.peer.address,
            "stored": each.stored,
            "refused": each.refused,
            "bytes": each.payload_bytes,
        }
    free_octets, _ = spool.quota.free()
    room = spool.quota.room()
    found = troubles.all_of(spool, box.config)
    return {
        "running": box.associations is not None,
        "now": now,
        "state_dir": box.config.box.state_dir,
        "troubles": [{"key": each.key, "since": each.since, "error": each.words} for each in found],
        "kept": _kept(box),
        "free_bytes": free_octets,
        "reserve_bytes": spool.limits.reserve_bytes,
        "usable_bytes": room.usable,
        "taken_percent": round(room.level * 100, 1),
        "full_in_s": spool.quota.full_in_s(),
        "takes_objects": spool.quota.has_room(),
        "destinations": _destinations(box),
        "uploads": [_upload_row(each) for each in spool.uploads.listing()],
    }


def _upload_row(upload):
    return {
        "box": upload.box,
        "offset": upload.offset,
        "bytes": upload.length,
        "sop_instance": upload.announced.sop_instance,
        "began": upload.began,
        "touched": upload.touched,
        "expires": upload.expires(),
    }


def relay(box, request):
    """Yield a row for each upload that is under way; return where the relay listens, and for whom."""
    yield from [_upload_row(each) for each in box.spool.uploads.listing()]
    settings = box.config.relay
    return {"running": box.associations is not None, "port": settings.port, "boxes": list(settings.boxes)}


def release(box, request):
    """Let what is held go again, with `cause` only what is held for that; return how many jobs."""
    spool = box.spool
    number, name, cause = request.get("object"), request.get("destination"), request.get("cause")
    if name is not None:
        _known(box, name)
    released = 0
    if number is not None:
        try:
            released = _release_object(spool, number, name)
        except (errors.Unknown, errors.Rotten) as error:
            raise Refused(str(error)) from None
    released += spool.jobs.release(spool.now(), name, cause, number, _WHO)
    for each in box.config.destinations:
        if name in (None, each.name):
            spool.jobs.wake(each.name)  # whoever releases has mended something: see at once whether it works
            if name is not None and number is None and each.commitment:
                released += spool.commitments.ask_again(name, spool.now())
            spool.commitments.wake(each.name)
    return {"released": released}
    yield  # a verb without rows is a generator all the same


def _release_object(spool, number, name):
    stored = spool.index.get(number)
    jobs = len(spool.jobs.of_object(number))
    if name is not None and stored.hold in (None, "unrouted", "found"):
        spool.queue(number, [name], who=_WHO)
        return 0 if stored.hold is None and jobs == len(spool.jobs.of_object(number)) else 1
    if stored.hold is None:
        return 0
    if stored.hold in ("unrouted", "found") and not jobs:
        raise Refused("object %d has no destination: name one with --destination" % number)
    spool.release(number, _WHO)
    return jobs


def cancel(box, request):
    """Give up jobs that are not delivered, queue their objects elsewhere when that is asked for; return how many."""
    spool = box.spool
    number, name, other = request.get("object"), request.get("destination"), request.get("to")
    if other is not None:
        _known(box, other)
        if other == name:
            raise Refused("they are queued for %s already" % name)
    if number is not None:
        _stored(spool, number)
    if name is not None and name not in spool.jobs.counts():
        _known(box, name)
    cancelled = moved = 0
    for row in _open_jobs(spool, number, name):
        if other is not None:
            if row.destination == other or row.cause in jobs.OF_OBJECTS:
                continue  # what is held as a whole goes nowhere before it is released
            spool.queue(row.object_id, [other], row.priority, _WHO)
            moved += 1
        try:
            spool.jobs.drop(spool.now(), row.object_id, row.destination, _WHO, durable=False)
        except errors.Unknown:
            continue  # it was delivered a moment ago
        cancelled += 1
    spool.journal.sync()
    return {"cancelled": cancelled, "moved": moved}
    yield  # a verb without rows is a generator all the same


def _open_jobs(spool, number, name):
    """Yield the JobRows of an object, of a destination or of both that are not delivered; they may go meanwhile."""
    if number is not None:
        yield from [
            row for row in spool.jobs.of_object(number) if name in (None, row.destination) and row.state != "delivered"
        ]
        return
    for state in ("waiting", "sent", "held"):
        after = None
        while True:
            rows, after = spool.jobs.listing(state, name, after, _PAGE)
            yield from rows
            if after is None:
                break


def remove(box, request):
    """Remove an object for good, delivered or not; return its number. Refused, saying what is lost, without `yes`."""
    spool = box.spool
    stored = _stored(spool, request.get("object"))
    if not request.get("yes"):
        words = "object %d (%s, %d octets, %s) would be gone for good, with its file: %s; to remove it say --yes"
        what = stored.modality or "no modality"
        raise Refused(words % (stored.id, stored.uid, stored.size, what, _loss(spool.jobs.of_object(stored.id))))
    spool.remove(stored.id, _WHO)
    return {"removed": stored.id}
    yield  # a verb without rows is a generator all the same


def _loss(rows):
    """Say what removing the object of these JobRows loses."""
    delivered = [row.destination for row in rows if row.state == "delivered"]
    missing = [row.destination for row in rows if row.state != "delivered"]
    words = "it was delivered to " + ", ".join(delivered) if delivered else "it was delivered nowhere"
    return words + (", and is not delivered to %s yet" % ", ".join(missing) if missing else "")


def _stored(spool, number):
    """Return the StoredObject with this number; raises Refused when there is none."""
    try:
        return spool.index.get(number)
    except errors.Unknown as error:
        raise Refused(str(error)) from None


def reindex(box, request):
    """Make the index anew; return what is in it then."""
    box.spool.index.rebuild()
    return _kept(box)
    yield  # a verb without rows is a generator all the same


def take(box, name, path, file):
    """Take one file (a descriptor) in for the destination `name`; return its row. `path` is what to call it."""
    try:
        taken = box.spool.adopt(file, [name], _BY_HAND)
    except DicomError as error:
        return left_out(path, str(error))
    except OSError as error:
        return left_out(path, "it cannot be read: %s" % (error.strerror or error))
    stored = box.spool.index.get(taken.object_id)
    state = "held" if stored.hold is not None else None
    for job in box.spool.jobs.of_object(taken.object_id):
        if job.destination == name and state is None:
            state = job.state
    return {"path": path, "taken": True, "object": stored.id, "verdict": taken.verdict, "state": state,
            "error": stored.why}  # fmt: skip


def left_out(path, why):
    """Return the row of a file that was not taken."""
    return {"path": path, "taken": False, "object": None, "verdict": None, "state": None, "error": why}


def _known(box, name):
    """Raise Refused when no destination is called `name`."""
    if config.destination(box.config, name) is None:
        words = "no destination is called %s in the configuration that the box runs with" % name
        states = box.spool.jobs.counts().get(name, {})
        for trouble in troubles.stranded(box.spool, name, states) if states else ():
            words += "; " + trouble.words
        raise Refused(words)


VERBS = {
    "queue": queue,
    "objects": objects,
    "status": status,
    "relay": relay,
    "release": release,
    "cancel": cancel,
    "remove": remove,
    "reindex": reindex,
}


def may_send(box, name):
    """Raise Refused when nothing can be queued for `name`."""
    _known(box, name)
