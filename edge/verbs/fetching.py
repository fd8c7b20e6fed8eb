"""Verbs that ask an archive: what studies it has, and the objects of one."""

from edge.box import config
from edge.dicom import uid
from edge.media.errors import MediaError
from edge.net.outbound import LinkFailure
from edge.protocol import query
from edge.verbs.box import must_know
from edge.verbs.verb import OPERATOR, Argument, Refused, Verb
from edge.ways.archive import Archive, CannotFetch
from edge.ways.routes import router

_WILD = "*?\\"


def ask_archive(box, request, who):
    """Yield a row for each study that an archive has of a patient, or under an accession number."""
    keys = {}
    for name, tag in (("study", query.STUDY_UID), ("patient", query.PATIENT_ID), ("accession", query.ACCESSION)):
        value = (request.get(name) or "").strip()
        if any([each in value for each in _WILD]) or len(value) > 64 or not value.isprintable():
            raise Refused("%s: one value is expected, without wildcards" % name)
        if value:
            keys[tag] = value
    if not keys:
        raise Refused("say which: a study, a patient, or an accession number")
    asked = archive(box, request["from"])
    try:
        found = asked.studies(keys)
    except (CannotFetch, LinkFailure) as failure:
        raise Refused(str(failure)) from None
    for each in found:
        objects = each.get(query.STUDY_INSTANCES, "")
        yield {
            "study": each[query.STUDY_UID],
            "patient_id": each.get(query.PATIENT_ID, ""),
            "patient_name": each.get(query.PATIENT_NAME, ""),
            "accession": each.get(query.ACCESSION, ""),
            "study_date": each.get(query.STUDY_DATE, ""),
            "study_description": each.get(query.DESCRIPTION, ""),
            "modalities": [word for word in each.get(query.MODALITIES, "").split("\\") if word],
            "objects": int(objects) if objects.isascii() and objects.isdigit() else None,
        }
    return {"studies": len(found)}


def fetch(box, request, who):
    """Fetch studies from an archive; yield rows that say how far it is, and return what came."""
    studies = list(dict.fromkeys(request["study"]))
    for study in studies:
        if not uid.is_tolerable(study):
            raise Refused("a Study Instance UID is digits and dots, at most 64: this is none")
    if not studies:
        raise Refused("say which study, by its Study Instance UID")
    asked = archive(box, request["from"], request.get("route"))
    tally = dict.fromkeys(("studies", "taken", "known", "failed", "missing"), 0)
    for study in studies:
        try:
            progress = asked.fetch(study)
            try:
                while True:
                    yield _row(study, next(progress), False, None)
            except StopIteration as end:
                outcome = end.value
            finally:
                progress.close()
        except (CannotFetch, LinkFailure) as failure:
            if len(studies) == 1:
                raise Refused(str(failure)) from None
            tally["failed"] += 1
            yield {"study": study, "done": True, "way": None, "total": None, "taken": 0, "known": 0, "failed": 0,
                   "remaining": None, "missing": None, "error": str(failure)}  # fmt: skip
            continue
        tally["studies"] += outcome.error is None
        for name in ("taken", "known", "failed", "missing"):
            tally[name] += getattr(outcome, name)
        yield _row(study, outcome, True, outcome.error)
    return tally


def _row(study, each, is_over, error):
    return {
        "study": study,
        "done": is_over,
        "way": each.way,
        "total": each.total,
        "taken": each.taken,
        "known": each.known,
        "failed": each.failed,
        "remaining": None if is_over else each.remaining,
        "missing": each.missing if is_over else None,
        "error": error,
    }


def for_export(box):
    """Return what fetches for exports; see edge.export.exports.Exports."""

    def fetch(name, study):
        try:
            asked = archive(box, name)
            listed = asked.instances(study)
            if listed and all([box.spool.index.find(each) for each in listed]):
                yield len(listed), len(listed)
                return
            progress = asked.fetch(study)
            try:
                while True:
                    each = next(progress)
                    yield each.taken + each.known, each.total
            except StopIteration as end:
                error = end.value.error
            finally:
                progress.close()
        except (Refused, CannotFetch, LinkFailure) as failure:
            error = str(failure)
        if error:
            raise MediaError("study %s was not fetched whole from %s: %s" % (study, name, error))

    return fetch


def archive(box, name, is_routed=False):
    """Return the Archive of a destination; Refused where it is none."""
    must_know(box, name)
    routes = None
    if is_routed:
        routes = router(box.config)
        if not box.is_running:  # the service has its own look out for what its routes ask
            box.spool.intake.look_for(routes.wanted)
    try:
        return Archive(box.config, config.destination(box.config, name), box.spool, box.awaited, routes)
    except CannotFetch as failure:
        raise Refused(str(failure)) from None


_FROM = Argument("from", "text", "The destination, of kind dicom, that is asked.", True)

VERBS = (
    Verb(
        "ask-archive",
        "ask an archive which studies it has",
        ask_archive,
        OPERATOR,
        (
            _FROM,
            Argument("study", "text", "A Study Instance UID."),
            Argument("patient", "text", "A Patient ID."),
            Argument("accession", "text", "An Accession Number."),
        ),
        {
            "study": "text",
            "patient_id": "text",
            "patient_name": "text",
            "accession": "text",
            "study_date": "text",
            "study_description": "text",
            "modalities": ["text"],
            "objects": "number?",
        },
        {"studies": "number"},
        slow=True,
    ),
    Verb(
        "fetch",
        "fetch studies from an archive",
        fetch,
        OPERATOR,
        (
            _FROM,
            Argument("study", "list", "The studies, by their Study Instance UIDs.", True),
            Argument("route", "truth", "Have what comes go by the routes, as if it had been received."),
        ),
        {
            "study": "text",
            "done": "truth",
            "way": "text?",
            "total": "number?",
            "taken": "number",
            "known": "number",
            "failed": "number",
            "remaining": "number?",
            "missing": "number?",
            "error": "text?",
        },
        {"studies": "number", "taken": "number", "known": "number", "failed": "number", "missing": "number"},
        changes=True,
        slow=True,
    ),
)
