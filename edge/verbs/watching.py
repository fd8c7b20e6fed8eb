"""Verbs on what the box knows about itself: who connected and what came of it."""

from edge.verbs.box import wrong
from edge.verbs.verb import VIEWER, Argument, Misused, Verb
from edge.watch import exposition, measures
from edge.watch.past import ROWS, Past

READY, DEGRADED = "ready", "degraded"

ASSOCIATION = {
    "began": "time",
    "ended": "time?",
    "calling": "text",
    "called": "text",
    "address": "text",
    "certificate": "text",
    "contexts": [{"abstract": "text", "syntaxes": ["text"], "accepted": "text?"}],
    "stored": "number",
    "refused": "number",
    "bytes": "number",
    "seconds": "number",
    "times": "number",
    "end": "text",
    "reason": "text?",
    "why": "text",
}


def associations(box, request, who):
    """Yield a row for each association that is open, then for those that were, or were refused, the latest first."""
    limit = request.get("limit", ROWS)
    if limit < 1:
        raise Misused("limit of associations: expected a number of 1 or more")
    open_now = box.associations() if box.associations is not None else ()
    past = box.past
    if past is None:
        past = Past(box.config.box.state_dir, box.spool.now)
    rows = past.rows(open_now, limit)
    yield from rows
    return {"associations": len(rows)}


def health(box, request, who):
    """Return whether the box is ready, or in which ways it is not all that it should be."""
    reasons = [{"key": each.key, "since": each.since, "words": each.words} for each in wrong(box)]
    if box.associations is None:
        words = "the box does not run: start it with `edge serve`, or its service"
        reasons.insert(0, {"key": "stopped", "since": box.spool.now(), "words": words})
    return {"state": DEGRADED if reasons else READY, "reasons": reasons}
    yield  # a verb without rows is a generator all the same


def metrics(box, request, who):
    """Write what the box measures to the file that was given; return in which form, and how long it is."""
    form = request.get("format", exposition.OPENMETRICS)
    octets = measured(box, form).encode()
    request["file"].write(octets)
    return {"type": exposition.TYPES[form], "bytes": len(octets)}
    yield  # a verb without rows is a generator all the same


def measured(box, form):
    """Return what the box measures, as text in one of the forms of exposition.TYPES."""
    return "".join(exposition.lines(measures.families(box, wrong(box)), form))


VERBS = (
    Verb(
        "associations",
        "list the associations that are open, the last ones that were, and those that were refused, and why",
        associations,
        VIEWER,
        (Argument("limit", "number", "How many rows at most; without it, all that are kept."),),
        ASSOCIATION,
        {"associations": "number"},
    ),
    Verb(
        "health",
        "say whether the box is ready, or what is wrong with it",
        health,
        VIEWER,
        (),
        None,
        {"state": "text", "reasons": [{"key": "text", "since": "time", "words": "text"}]},
    ),
    Verb(
        "metrics",
        "write what the box measures, for Prometheus and its like",
        metrics,
        VIEWER,
        (
            Argument(
                "format",
                "choice",
                "OpenMetrics 1.0, which is what it is without it, or the text format of Prometheus, 0.0.4.",
                False,
                tuple(exposition.TYPES),
            ),
        ),
        None,
        {"type": "text", "bytes": "number"},
        file="out",
    ),
)
