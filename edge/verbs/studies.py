"""Verbs on studies: finding them, looking at their images, taking them away as files, sending them again."""

import datetime
import os
import re
from threading import BoundedSemaphore

from edge.dicom import uid
from edge.dicom.errors import DicomError
from edge.media import zipped
from edge.spool import errors, studies
from edge.spool.checksum import crc32
from edge.verbs.box import PAGE, must_know, stored_object
from edge.verbs.verb import OPERATOR, VIEWER, Argument, Refused, Verb

MOST = 500  # rows of one answer
_USUAL = 50
_CHUNK_BYTES = 1 << 18
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_PICTURES = BoundedSemaphore(2)  # made at a time, as each has the memory of a frame
_WAIT_S = 30
_WITHOUT_PICTURE = (
    "Structured", " SR ", " SR", "Report", "Encapsulated", "Waveform", "Plan", "Presentation State", "Structure Set",
    "Key Object", "Treatment Record", "Raw Data", "Spectroscopy", "Fiducials", "Registration", "Log", "ECG", "Surface",
    "Tractography", "Measurements", "Color Palette", "Hanging Protocol", "Beams", "Instruction", "Mapping",
)  # fmt: skip

_WAY = {"name": "text", "waiting": "number", "held": "number", "delivered": "number", "sent": "number"}
_SERIES = {"series": "text", "modality": "text", "objects": "number", "bytes": "number"}
STUDY = {
    "study_key": "number",
    "patient_name": "text?",
    "patient_id": "text",
    "date": "text?",
    "study": "text",
    "accession": "text?",
    "description": "text?",
    "modalities": ["text"],
    "series": "number",
    "objects": "number",
    "bytes": "number",
    "received": "time?",
    "last": "time?",
    "destinations": [_WAY],
}

OBJECT = {
    "id": "number",
    "sop_instance": "text",
    "sop_class": "text?",
    "kind": "text",
    "picture": "truth",
    "transfer_syntax": "text?",
    "series": "text",
    "modality": "text?",
    "number": "text?",
    "bytes": "number?",
    "received": "time?",
    "hold": "text?",
    "destinations": [{"name": "text", "state": "text"}],
}


def listing(box, request, who):
    """Yield a row for each study that is looked for, the newest first; return where the next page begins."""
    limit = _within("limit", request.get("limit", _USUAL), 1, MOST)
    begin, end = _date(request.get("date_from")), _date(request.get("date_to"))
    if begin and end and begin > end:
        raise Refused("no date is between %s and %s: the first one is the later" % (begin, end))
    wanted = studies.Wanted(
        request.get("text"),
        request.get("patient"),
        request.get("accession"),
        request.get("modality") and request["modality"].strip().upper(),
        begin,
        end,
    )
    page, after = studies.listing(box.spool.index, wanted, request.get("after"), limit)
    for each in page:
        yield _study_row(each)
    return {"after": after}


def _within(name, value, least, most):
    if not least <= value <= most:
        raise Refused("%s: expected %d to %d, found %d" % (name, least, most, value))
    return value


def _date(text):
    """Return a date as it stands in the index, YYYYMMDD, or None."""
    if text is None:
        return None
    found = _DATE.fullmatch(text.strip())
    if not found:
        raise Refused("a date is written as 2026-11-23, found %s" % text)
    try:
        datetime.date(*map(int, found.groups()))
    except ValueError:
        raise Refused("no calendar has the date %s" % text) from None
    return "".join(found.groups())


def _study_row(study):
    return {
        "study_key": study.number,
        "study": study.uid,
        "patient_id": study.patient_id,
        "patient_name": study.patient_name,
        "accession": study.accession,
        "date": study.date,
        "description": study.description,
        "modalities": sorted({each.modality for each in study.series if each.modality}),
        "series": len({each.uid for each in study.series}),
        "objects": study.objects,
        "bytes": sum([each.octets for each in study.series]),
        "received": study.received,
        "last": study.last,
        "destinations": [{"name": name, **states} for name, states in sorted(study.ways.items())],
    }


def known_study(box, number):
    """Return the studies.Study with this number; raises Refused when there is none."""
    found = studies.get(box.spool.index, number)
    if found is None:
        raise Refused("there is no study %d; it may have been removed since it was listed" % number)
    return found


def study(box, request, who):
    """Yield a row for each object of a study, or of one of its series, in order; return what there is of the study."""
    limit = _within("limit", request.get("limit", _USUAL), 1, MOST)
    found = known_study(box, request["study_key"])
    after = request.get("after") or None
    try:
        page = studies.images(box.spool.index, found.number, request.get("series"), after, limit + 1)
    except (errors.Unknown, OverflowError) as error:  # no number of ours has so many digits
        words = "there is no object %d behind which a page could begin" % after
        raise Refused(str(error) if isinstance(error, errors.Unknown) else words) from None
    for stored in page[:limit]:
        yield _object_row(box, stored)
    series = [
        {"series": each.uid, "modality": each.modality, "objects": each.objects, "bytes": each.octets}
        for each in found.series
    ]
    return {**_study_row(found), "all_series": series, "after": page[limit - 1].id if len(page) > limit else None}


def _object_row(box, stored):
    return {
        "id": stored.id,
        "sop_instance": stored.uid,
        "sop_class": stored.sop_class,
        "kind": kind_of(stored.sop_class),
        "picture": has_picture(stored.sop_class),
        "transfer_syntax": stored.syntax,
        "series": stored.series or "",
        "modality": stored.modality,
        "number": stored.number,
        "bytes": stored.size,
        "received": stored.received,
        "hold": stored.hold,
        "destinations": [{"name": job.destination, "state": job.state} for job in box.spool.jobs.of_object(stored.id)],
    }


def single(box, request, who):
    """Return what there is to know of one object."""
    stored = stored_object(box.spool, request["object"])
    return {
        **_object_row(box, stored),
        "study_key": stored.study_id,
        "syntax": uid.name(stored.syntax or "") or "unknown",
        "calling": stored.calling,
        "address": stored.address,
        "error": stored.why,
    }
    yield  # a verb without rows is a generator all the same


def kind_of(sop_class):
    """Return what kind of object a SOP Class is, in words."""
    name = uid.name(sop_class or "")
    return name.replace(" Storage", "") if name and name != sop_class else "object of a private kind"


def has_picture(sop_class):
    """Say whether objects of this SOP Class usually have pixels."""
    name = kind_of(sop_class)
    return "Image" in name or not any([word in name for word in _WITHOUT_PICTURE])


def picture(box, request, who):
    """Write a PNG of one frame of an object; return what there is to know of it."""
    from edge.pixels import render  # only where somebody looks
    from edge.spool.inflate import inflater

    stored = stored_object(box.spool, request["object"])
    center, width = _number(request, "center"), _number(request, "width")
    if (center is None) != (width is None):
        raise Refused("a window has both a center and a width")
    if not _PICTURES.acquire(timeout=_WAIT_S):
        raise Refused("the box makes other pictures just now; try again in a moment")
    try:
        file = _open(box, stored)
        try:
            frame, size = request.get("frame", 1), request.get("size", render.USUAL)
            made = render.write(file, request["file"], frame, size, center, width, inflater)
        finally:
            os.close(file)
    except render.NoPicture as error:
        raise Refused("object %d is of the kind %s: %s" % (stored.id, kind_of(stored.sop_class), error)) from None
    except DicomError as error:
        raise Refused("of object %d no picture can be made: %s" % (stored.id, error)) from None
    finally:
        _PICTURES.release()
    return {
        "frames": made.frames,
        "frame": made.frame,
        "rows": made.rows,
        "columns": made.columns,
        "shown_rows": made.shown_rows,
        "shown_columns": made.shown_columns,
        "center": made.center,
        "width": made.width,
        "function": made.function,
        "windows": [{"center": each.center, "width": each.width, "name": each.name} for each in made.windows],
        "photometric": made.photometric,
        "colour": made.is_colour,
        "bytes": made.octets,
    }
    yield  # a verb without rows is a generator all the same


def _number(request, name):
    text = request.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e12:
        raise Refused("%s: expected a number, found %s" % (name, text[:40]))
    return value


def _open(box, stored):
    """Return a descriptor of an object's file."""
    try:
        return box.spool.files.open(stored)
    except OSError as error:
        words = "the file of object %d cannot be opened: %s; have it sent again, and look at the disk"
        raise Refused(words % (stored.id, error.strerror)) from None


def download(box, request, who):
    """Write one object as the Part 10 file it is, or those of a study or series as a ZIP archive; return how much."""
    given = [name for name in ("object", "study_key") if name in request]
    if len(given) != 1 or "series" in request and "study_key" not in request:
        raise Refused("name an object, or a study and perhaps one of its series")
    try:
        if "object" in request:
            stored = stored_object(box.spool, request["object"])
            octets = 0
            for chunk in _chunks(box, stored):
                request["file"].write(chunk)
                octets += len(chunk)
            summary = {"objects": 1, "bytes": octets, "name": "object-%d.dcm" % stored.id}
        else:
            summary = _archive(box, request)
    except Refused as refusal:
        _audit(box, request, who, None, str(refusal))
        raise
    _audit(box, request, who, summary, None)
    return summary
    yield  # a verb without rows is a generator all the same


def _audit(box, request, who, summary, failure):
    """Have it written down who took what away: nothing has changed, but patients' data have left the box."""
    if box.audit is not None:
        shown = {name: value for name, value in request.items() if name != "file"}
        box.audit.write(who, "download", shown, summary, failure)


def _archive(box, request):
    found = known_study(box, request["study_key"])
    archive = zipped.Archive(request["file"])
    folders, after, count = {}, 0, 0
    while True:
        page = studies.objects(box.spool.index, found.number, request.get("series"), after, PAGE)
        for stored in page:
            after = stored.id
            folder = folders.setdefault(stored.series, [len(folders) + 1, 0])
            folder[1] += 1
            name = "SER%05d/IM%06d.DCM" % tuple(folder)
            length, crc = _checksum(box, stored)
            try:
                archive.add(name, length, crc, _chunks(box, stored), stored.received)
            except ValueError:
                raise Refused(_ROTTEN % stored.id) from None
            count += 1
        if len(page) < PAGE:
            break
    if not count:
        raise Refused("study %d has no series %s" % (found.number, request.get("series")))
    return {"objects": count, "bytes": archive.end(), "name": "study-%d.zip" % found.number}


def _checksum(box, stored):
    """Return (octets, CRC-32) of an object's file: that of its data set is known, its head is short."""
    file = _open(box, stored)
    try:
        head = os.pread(file, stored.offset, 0)
    finally:
        os.close(file)
    return stored.offset + stored.size, zipped.joined_crc(crc32(head), stored.crc, stored.size)


_ROTTEN = "the file of object %d is not what was received any more: have it sent again, and look at the disk"


def _chunks(box, stored):
    """Yield the octets of an object's file; Refused, at its end at the latest, where they are not what was received."""
    file = _open(box, stored)
    try:
        at, left, crc = 0, stored.offset + stored.size, 0
        while left:
            chunk = os.pread(file, min(_CHUNK_BYTES, left), at)
            if not chunk:
                break
            crc = crc32(memoryview(chunk)[max(0, stored.offset - at) :], crc)
            at += len(chunk)
            left -= len(chunk)
            yield chunk
        if left or crc != stored.crc:
            raise Refused(_ROTTEN % stored.id)
    except OSError as error:
        raise Refused("the file of object %d cannot be read: %s" % (stored.id, error.strerror)) from None
    finally:
        os.close(file)


def send_again(box, request, who):
    """Send an object, or every one of a study, to a destination, also where it has them; return how many."""
    name = request["destination"]
    must_know(box, name)
    if ("object" in request) == ("study_key" in request):
        raise Refused("name either an object or a study")
    queued = left = 0
    for stored in _named(box, request):
        try:
            if box.spool.send_again(stored.id, name, str(who)):
                queued += 1
        except errors.Unknown as error:
            if "object" in request:
                raise Refused(str(error)) from None
            left += 1
    box.spool.journal.sync()
    return {"queued": queued, "held": left}
    yield  # a verb without rows is a generator all the same


def _named(box, request):
    if "object" in request:
        yield stored_object(box.spool, request["object"])
        return
    number, after = known_study(box, request["study_key"]).number, 0
    while True:
        page = studies.objects(box.spool.index, number, None, after, PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].id


_OBJECT = "The object, by the number that `study` and `objects` show as id."
_KEY = "The study, by the number that `studies` shows as study_key."
_LIMIT = Argument("limit", "number", "How many at most: 50 if nothing is said, 500 at the most.")

VERBS = (
    Verb(
        "studies",
        "find studies, the newest first",
        listing,
        VIEWER,
        (
            Argument("text", "text", "Words that occur in the name, ID, accession number or description."),
            Argument("patient", "text", "Words of the patient's name or ID; with * and ?, a pattern for the whole."),
            Argument("accession", "text", "The accession number; * and ? stand for anything."),
            Argument("modality", "text", "A modality that it has, such as CT."),
            Argument("date_from", "text", "The earliest study date, as 2026-11-23."),
            Argument("date_to", "text", "The latest study date."),
            Argument("after", "number", "Where the page begins: what the page before gave as after."),
            _LIMIT,
        ),
        STUDY,
        {"after": "number?"},
    ),
    Verb(
        "study",
        "show a study, its series and its objects, in the order of their Instance Numbers",
        study,
        VIEWER,
        (
            Argument("study_key", "number", _KEY, True),
            Argument("series", "text", "Only the objects of this series, by its Series Instance UID."),
            Argument("after", "number", "Where the page begins: what the page before gave as after."),
            _LIMIT,
        ),
        OBJECT,
        {**STUDY, "all_series": [_SERIES], "after": "number?"},
    ),
    Verb(
        "object",
        "show one object",
        single,
        VIEWER,
        (Argument("object", "number", _OBJECT, True),),
        None,
        {
            **OBJECT,
            "study_key": "number",
            "syntax": "text",
            "calling": "text?",
            "address": "text?",
            "error": "text?",
        },
    ),
    Verb(
        "picture",
        "make a picture of an image, not for diagnosis",
        picture,
        VIEWER,
        (
            Argument("object", "number", _OBJECT, True),
            Argument("frame", "number", "Which frame, from 1; the first if nothing is said."),
            Argument("center", "text", "Center of the window, a number; with a width, in place of the object's own."),
            Argument("width", "text", "Width of the window, a number."),
            Argument("size", "number", "The most that the longer side may have in pixels: 16 to 2048, usually 1024."),
        ),
        None,
        {
            "frames": "number",
            "frame": "number",
            "rows": "number",
            "columns": "number",
            "shown_rows": "number",
            "shown_columns": "number",
            "center": "any",
            "width": "any",
            "function": "text?",
            "windows": [{"center": "any", "width": "any", "name": "text"}],
            "photometric": "text",
            "colour": "truth",
            "bytes": "number",
        },
        file="out",
    ),
    Verb(
        "download",
        "take an object away as its file, or a study as a ZIP archive",
        download,
        OPERATOR,
        (
            Argument("object", "number", _OBJECT),
            Argument("study_key", "number", _KEY),
            Argument("series", "text", "Only this series of the study, by its Series Instance UID."),
        ),
        None,
        {"objects": "number", "bytes": "number", "name": "text"},
        file="out",
        slow=True,
    ),
    Verb(
        "send-again",
        "send an object or a study to a destination, also where it has it",
        send_again,
        OPERATOR,
        (
            Argument("destination", "text", "The destination, by its name.", True),
            Argument("object", "number", _OBJECT),
            Argument("study_key", "number", _KEY),
        ),
        None,
        {"queued": "number", "held": "number"},
        changes=True,
        slow=True,
    ),
)
