"""Verbs on what is written down: events, the log, and the support bundle."""

import time

from edge.verbs import alerts as alerts_verbs
from edge.verbs import status, watching
from edge.verbs.verb import OPERATOR, VIEWER, Argument, Refused, Verb
from edge.watch import exposition
from edge.watch.events import LEVELS as EVENT_LEVELS
from edge.watch.events import Events
from edge.watch.ring import LEVELS

_MOST = 1000
_COUNTED = 100000  # objects whose causes are counted


def events(box, request, who):
    """Yield a row for each event, the oldest first; return the id of the last, to go on from."""
    known = box.events
    if known is None:
        known = Events(box.config.box.state_dir, is_read_only=True)
    rows = known.rows(request.get("after"), request.get("limit", _MOST), request.get("level"))
    yield from rows
    return {"last": rows[-1]["id"] if rows else request.get("after")}


def log(box, request, who):
    """Yield a row for each line of the log that the box still has, the oldest first; return the id of the last."""
    if box.log is None:
        raise Refused("the running box keeps the last of its log, and none runs here; see where its stderr went")
    wanted = [request.get(name) for name in ("level", "text")]
    found = box.log.entries(request.get("after"), request.get("limit", _MOST), *wanted)
    for each in found:
        yield each._asdict()
    return {"last": found[-1].id if found else request.get("after")}


def bundle(box, request, who):
    """Write the support bundle; yield a row for each part as it is done."""
    from edge.watch import bundle as bundling  # only who asks for one pays for it

    began = time.time()
    state_dir = box.config.box.state_dir
    written = bundling.Bundle(request["file"], state_dir)
    try:
        parts = yield from _written(written, bundling, box, who)
    except BaseException:
        written.abandon()
        raise
    written.close()
    return {"parts": parts, "seconds": round(time.time() - began, 1)}


def _written(written, bundling, box, who):
    """Write each part, and yield its row; return how many there are."""
    parts = 0
    for name, write in _PARTS:
        failure = None
        try:
            write(bundling, written, name, box, who)
        except Refused as refused:
            failure = str(refused)
            written.add(name + ".missing.txt", [failure + "\n"])
        parts += 1
        yield {"part": name, "failure": failure}
    return parts


def _settings(bundling, written, name, box, who):
    written.add(name, bundling.settings_lines(box.config))


def _machine(bundling, written, name, box, who):
    written.add_json(name, bundling.machine())


def _disks(bundling, written, name, box, who):
    written.add_json(name, bundling.disks((box.config.box.state_dir, "/")))


def _dmesg(bundling, written, name, box, who):
    written.add(name, bundling.dmesg())


def _held(bundling, written, name, box, who):
    """Say how many objects and jobs there are of each kind and cause; no object is named."""
    causes, after, seen = {}, None, 0
    while seen < _COUNTED:
        rows, after = box.spool.jobs.listing("held", None, after, 500)
        for row in rows:
            key = "%s: %s" % (row.destination, row.cause)
            causes[key] = causes.get(key, 0) + 1
        seen += len(rows)
        if after is None:
            break
    holds = {hold: number for hold, number, _, _ in box.spool.index.holds()}
    written.add_json(name, {"jobs": causes, "objects": holds})


def _of(run, keep=None):
    """Return what writes the rows and the summary of a verb's `run`; keep: function of a row, what of it goes in."""

    def write(bundling, written, name, box, who):
        summary = written.add_rows(name, _kept(run(box, {}, who), keep))
        written.add_json(name.replace(".jsonl", ".summary.json"), summary)

    return write


def _kept(rows, keep):
    while True:
        try:
            row = next(rows)
        except StopIteration as end:
            return end.value
        yield row if keep is None else keep(row)


def _metrics(bundling, written, name, box, who):
    written.add(name, [watching.measured(box, exposition.OPENMETRICS)])


_PARTS = (
    ("configuration.toml", _settings),
    ("machine.json", _machine),
    ("disks.json", _disks),
    ("held.json", _held),
    ("status.jsonl", _of(status.status)),
    ("health.jsonl", _of(watching.health)),
    ("associations.jsonl", _of(watching.associations)),
    ("metrics.txt", _metrics),
    ("alerts.jsonl", _of(alerts_verbs.alerts)),
    ("events.jsonl", _of(events)),
    ("log.jsonl", _of(log)),
    ("dmesg.txt", _dmesg),
)

_AFTER = Argument("after", "number", "Only what has a higher id.")
_LIMIT = Argument("limit", "number", "At most so many, the latest.")

VERBS = (
    Verb(
        "events",
        "list what happened, in words",
        events,
        VIEWER,
        (_AFTER, _LIMIT, Argument("level", "choice", "This one and all that is graver.", False, EVENT_LEVELS)),
        {"id": "number", "at": "time", "level": "text", "words": "text", "times": "number"},
        {"last": "number?"},
    ),
    Verb(
        "log",
        "list the last lines of the log",
        log,
        VIEWER,
        (
            _AFTER,
            _LIMIT,
            Argument("level", "choice", "This one and all that is graver.", False, LEVELS),
            Argument("text", "text", "Only lines that have this in their words or room."),
        ),
        {"id": "number", "at": "time", "level": "text", "room": "text", "words": "text"},
        {"last": "number?"},
    ),
    Verb(
        "bundle",
        "write the support bundle: how the box is and was, without patients and secrets",
        bundle,
        OPERATOR,
        (),
        {"part": "text", "failure": "text?"},
        {"parts": "number", "seconds": "number"},
        file="out",
        slow=True,
    ),
)
