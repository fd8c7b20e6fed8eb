"""How the box does: what is wrong with it, its room, its destinations, who is connected."""

from edge import VERSION
from edge.box import config
from edge.forward.window import Window
from edge.spool.ledger import ALL, ON_HOLD
from edge.verbs import machine
from edge.verbs.box import wrong
from edge.verbs.verb import LIVE, VIEWER, Verb
from edge.ways.known import State

_FIRST_KNOCK_S = 1.0  # how long it may take to see how destinations do, where nobody has looked lately

KEPT = {"objects": "number", "bytes": "number", "held": "number"}
DESTINATION = {
    "name": "text",
    "configured": "truth",
    "routed": "truth",
    "jobs": {state: "number" for state in ("waiting", "sending", "sent", "held", "delivered")},
    "up": "truth?",
    "since": "time?",
    "failures": "number",
    "next_try": "time?",
    "error": "text?",
    "sessions": "number",
    "associations": "number?",
    "rate_bytes_per_s": "number?",
    "bytes_per_s": "number?",
    "opens_at": "time?",
    "oldest": "time?",
}
UPLOAD = {
    "box": "text",
    "offset": "number",
    "bytes": "number",
    "sop_instance": "text",
    "began": "time",
    "touched": "time",
    "expires": "time",
}


def status(box, request, who):
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
    found = wrong(box)
    return {
        "version": VERSION,
        "began": box.began,
        "running": box.associations is not None,
        "now": now,
        "state_dir": box.config.box.state_dir,
        "troubles": [{"key": each.key, "since": each.since, "error": each.words} for each in found],
        "kept": kept(box),
        "free_bytes": free_octets,
        "reserve_bytes": spool.limits.reserve_bytes,
        "usable_bytes": room.usable,
        "taken_percent": round(room.level * 100, 1),
        "full_in_s": spool.quota.full_in_s(),
        "takes_objects": spool.quota.has_room(),
        "destinations": destinations(box, who),
        "uploads": [upload_row(each) for each in spool.uploads.listing()],
        "modalities": machine.modalities(box),
        "clock": machine.clock(box),
        "board": machine.board(box),
        "certificates": machine.certificates(box),
    }


def destinations(box, who):
    """Return a row for each destination, and each that still has jobs; knocks at them while `who` looks."""
    found = []
    knocks = {} if box.lookout is None else box.lookout.look(who.skin != LIVE, _FIRST_KNOCK_S)
    counts = box.spool.jobs.counts()
    routed = {name for route in box.config.routes for name in route.to}
    had = {name for name, states in counts.items() if any([jobs for jobs, _ in states.values()])}
    for name in sorted({each.name for each in box.config.destinations} | had):
        link = box.spool.jobs.link(name)
        knock = knocks.get(name)
        known = config.destination(box.config, name)
        jobs = {state: tally[0] for state, tally in counts.get(name, {}).items()}
        way = _way(box, known, link, knock)
        found.append(
            {
                "name": name,
                "configured": known is not None,
                "routed": name in routed,
                "jobs": {state: jobs.get(state, 0) for state in ("waiting", "sending", "sent", "held", "delivered")},
                "up": way.up,
                "since": way.since,
                "failures": link.failures,
                "next_try": link.until or None,
                "error": link.why if link.failures else way.why,
                "sessions": box.spool.jobs.sessions(name),
                "associations": known.associations if known else None,
                "rate_bytes_per_s": known.rate_bytes_per_s if known else None,
                "bytes_per_s": machine.bytes_per_s(box, name),
                "opens_at": opens_at(known, box.spool.now()) if known else None,
                "oldest": box.spool.jobs.older(name, box.spool.now() + 1, 1)[1],
            }
        )
    return found


def _way(box, known, link, knock):
    """Return the known.State of the way to a destination. known: its config.Destination, None for one that is gone."""
    if known is not None and box.ways is not None:
        return box.ways.see(known, box.spool.jobs, knock)
    return State(False, link.since, link.why) if link.failures else State(None, None, None)


def opens_at(destination, now):
    """Return when a config.Destination may be sent to again, None when it may be now."""
    opens_at = Window(destination.hours, destination.weekdays).opens_at(now)
    return None if opens_at == now else opens_at


def kept(box):
    count, octets = box.spool.index.total(ALL)
    return {"objects": count, "bytes": octets, "held": box.spool.index.total(ON_HOLD)[0]}


def upload_row(upload):
    return {
        "box": upload.box,
        "offset": upload.offset,
        "bytes": upload.length,
        "sop_instance": upload.announced.sop_instance,
        "began": upload.began,
        "touched": upload.touched,
        "expires": upload.expires(),
    }


def relay(box, request, who):
    """Yield a row for each upload that is under way; return where the relay listens, and for whom."""
    yield from [upload_row(each) for each in box.spool.uploads.listing()]
    settings = box.config.relay
    return {"running": box.associations is not None, "port": settings.port, "boxes": list(settings.boxes)}


VERBS = (
    Verb(
        "status",
        "say how the box does",
        status,
        VIEWER,
        (),
        {
            "calling": "text",
            "called": "text",
            "address": "text",
            "stored": "number",
            "refused": "number",
            "bytes": "number",
        },
        {
            "version": "text",
            "began": "time?",
            "running": "truth",
            "now": "time",
            "state_dir": "text",
            "troubles": [{"key": "text", "since": "time", "error": "text"}],
            "kept": KEPT,
            "free_bytes": "number",
            "reserve_bytes": "number",
            "usable_bytes": "number",
            "taken_percent": "number",
            "full_in_s": "number?",
            "takes_objects": "truth",
            "destinations": [DESTINATION],
            "uploads": [UPLOAD],
            "modalities": [machine.MODALITY],
            "clock": machine.CLOCK,
            "board": machine.BOARD,
            "certificates": [machine.CERTIFICATE],
        },
    ),
    Verb(
        "relay",
        "list what other boxes upload to this one",
        relay,
        VIEWER,
        (),
        UPLOAD,
        {"running": "truth", "port": "number?", "boxes": ["text"]},
    ),
)
