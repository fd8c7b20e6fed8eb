"""Verbs on objects: what is kept, what is taken from files, what is removed."""

from edge.dicom.errors import DicomError
from edge.spool.errors import InUse
from edge.spool.intake import Source
from edge.verbs.box import PAGE, must_know, stored_object
from edge.verbs.status import KEPT, kept
from edge.verbs.verb import ENGINEER, VIEWER, Argument, Refused, Verb

_BY_HAND = Source("", "", "by hand")


def objects(box, request, who):
    """Yield a row for each object that is kept; return how many there are and how much they take."""
    after = 0
    while True:
        page = box.spool.objects(after, PAGE, bool(request.get("held")))
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
        if len(page) < PAGE:
            return kept(box)


def remove(box, request, who):
    """Remove an object for good, delivered or not; return its number. Refused, saying what is lost, without `yes`."""
    spool = box.spool
    stored = stored_object(spool, request.get("object"))
    if not request.get("yes"):
        words = "object %d (%s, %d octets, %s) would be gone for good, with its file: %s; to remove it, say yes"
        what = stored.modality or "no modality"
        raise Refused(words % (stored.id, stored.uid, stored.size, what, _loss(spool.jobs.of_object(stored.id))))
    try:
        spool.remove(stored.id, str(who))
    except InUse as error:
        raise Refused(str(error)) from None
    return {"removed": stored.id}
    yield  # a verb without rows is a generator all the same


def _loss(rows):
    """Say what removing the object of these JobRows loses."""
    delivered = [row.destination for row in rows if row.state == "delivered"]
    missing = [row.destination for row in rows if row.state != "delivered"]
    words = "it was delivered to " + ", ".join(delivered) if delivered else "it was delivered nowhere"
    return words + (", and is not delivered to %s yet" % ", ".join(missing) if missing else "")


def reindex(box, request, who):
    """Make the index anew; return what is in it then."""
    box.spool.index.rebuild()
    return kept(box)
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


def may_send(box, name):
    """Raise Refused when nothing can be queued for `name`."""
    must_know(box, name)


_OBJECT = Argument("object", "number", "The object, by the number that `objects` shows as id.", True)

VERBS = (
    Verb(
        "objects",
        "list what the box keeps",
        objects,
        VIEWER,
        (Argument("held", "truth", "Only objects that are held until a person decides."),),
        {
            "id": "number",
            "sop_instance": "text",
            "copy": "number",
            "sop_class": "text?",
            "transfer_syntax": "text?",
            "path": "text",
            "bytes": "number?",
            "received": "time?",
            "calling": "text?",
            "called": "text?",
            "address": "text?",
            "modality": "text?",
            "number": "text?",
            "series": "text?",
            "study": "text?",
            "study_date": "text?",
            "study_description": "text?",
            "accession": "text?",
            "patient_id": "text?",
            "patient_name": "text?",
            "hold": "text?",
            "error": "text?",
        },
        KEPT,
    ),
    Verb(
        "remove",
        "remove an object for good",
        remove,
        ENGINEER,
        (_OBJECT, Argument("yes", "truth", "Do it; without, it is said what would be lost.")),
        None,
        {"removed": "number"},
        changes=True,
    ),
    Verb("reindex", "make the index anew from files and journal", reindex, ENGINEER, (), None, KEPT, True, None, True),
)
