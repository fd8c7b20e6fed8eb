"""Verbs on updates: what runs and what would, a new version taken in, and the test that it has to pass."""

from edge.update import gate
from edge.verbs.verb import ENGINEER, Refused, Verb


def gate_(box, request, who):
    """Yield a row for each thing that a new version has to show; return whether it is good."""
    if box.rehearsals is None:
        raise Refused("no box runs here that could be tested: start it")
    is_good = True
    for check in gate.checks(box.config, box.spool, box.rehearsals):
        is_good = is_good and check.ok is not False
        yield check._asdict()
    return {"good": is_good}


VERBS = (
    Verb(
        "gate",
        "test the box as a new version is tested: queue, C-ECHO, C-STORE, console",
        gate_,
        ENGINEER,
        (),
        {"name": "text", "ok": "truth?", "words": "text"},
        {"good": "truth"},
        slow=True,
    ),
)
