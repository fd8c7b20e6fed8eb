"""Verbs on exports: studies to a disc, a stick, an image, a folder or an archive; what becomes of them."""

import os

from edge.dicom.errors import DicomError
from edge.verbs import fetching
from edge.verbs.verb import OPERATOR, OWNER, VIEWER, Argument, Refused, Verb

_PIECE = 1 << 16
_SECONDS = 0.5  # between two rows, at most
_PATIENCE_S = 5.0  # after which a row is repeated, so that whoever follows knows that the box is there


def export(box, request, who):
    """Take an export on and return what there is to know of it; where no service runs, make it, yielding progress."""
    from edge.export import hiding, order, ready
    from edge.media.errors import MediaError

    exports = _exports(box)
    password, request = _protected(request)
    if request.get("from"):
        fetching.archive(box, request["from"])
    if request.get("wait") and not box.is_running:
        raise Refused("nothing comes in while no box runs: leave wait out, or start the box with `edge serve`")
    try:
        asked = order.read(request, box.config, who.skin == OWNER.skin)
        notes = order.remarks(request, asked) + ready.check(box.spool, box.config, asked)
        hiding.stages_of(box.config, asked)
        number = exports.add(asked, request["to"], str(who), password=password, notes=notes)
    except (MediaError, DicomError) as error:
        raise Refused(str(error)) from None
    except OSError as error:
        raise Refused("the export cannot be written down: %s" % (error.strerror or error)) from None
    found = yield from _under_way(box, exports, number)
    return {**found, "password": password if request.get("new_password") else None}


def _protected(request):
    """Return (the password of an export, None without one; the request with it)."""
    if not request.get("new_password"):
        return request.get("password"), request
    if "password" in request:
        raise Refused("a new password is made, or one is given, not both")
    from edge.media import cipher

    password = cipher.new_password()
    return password, {**request, "password": password}


def _under_way(box, exports, number):
    """Have an export made: by the service, or else here, yielding how far it is; return its row."""
    if box.is_running:
        exports.start()
        return _row(exports.row(number))
    last = None
    try:
        for each in exports.make(number):
            if last is None or each.stage != last.stage or _is_far(last, each):
                last = each
                yield _row(exports.row(number))
    finally:
        exports.give_up(number)
    return _row(exports.row(number))


def _is_far(last, each):
    return each.total and (each.done - last.done) * 100 >= each.total


def _followed(exports, number):
    shown = exports.row(number)
    while shown["state"] in ("waiting", "running"):
        yield _row(shown)
        shown = exports.wait(number, shown, _SECONDS if shown["progress"] else _PATIENCE_S)
    return _row(shown)


def _exports(box):
    """Return the exports.Exports of a box, of this process where no service runs."""
    if box.exports is None:
        from edge.export.exports import Exports

        try:
            box.exports = Exports(box.spool, lambda: box.config, fetch=fetching.for_export(box))
        except (OSError, DicomError) as error:
            raise Refused("the exports cannot be read: %s" % error) from None
    return box.exports


def listing(box, request, who):
    """Yield a row for each export, the newest first."""
    exports = _exports(box)
    number = request.get("export")
    rows = exports.rows() if number is None else [_known(exports, number)]
    for each in rows:
        yield _row(each)
    return {}


def follow(box, request, who):
    """Yield how far an export is until it is over; return what came of it."""
    exports = _exports(box)
    number = _known(exports, request["export"])["number"]
    if not box.is_running:
        return _row(exports.row(number))
    return (yield from _followed(exports, number))


def cancel(box, request, who):
    """Have an export end; what it has made so far is removed."""
    exports = _exports(box)
    number = _known(exports, request["export"])["number"]
    if not exports.cancel(number):
        raise Refused("export %d is over: %s" % (number, exports.row(number)["words"]))
    return {"export": number}
    yield  # a verb without rows is a generator all the same


def retry(box, request, who):
    """Make an export once more, on another disc where it goes to one."""
    from edge.export import order
    from edge.media.errors import MediaError

    exports = _exports(box)
    old = _known(exports, request["export"])
    path = old["order"]["place"]
    if who.skin != OWNER.skin:
        try:
            order.check(old["order"]["kind"], path, box.config, old["order"].get("formats", False))
        except MediaError as error:
            raise Refused(str(error)) from None
    if old["order"]["kind"] in ("iso", "zip") and os.path.lexists(path):
        raise Refused("%s is there already: remove it first" % path)
    from edge.media.errors import MediaError

    try:
        number = exports.again(old["number"], str(who))
    except MediaError as error:
        raise Refused("export %d: %s" % (old["number"], error)) from None
    if number is None:
        raise Refused("export %d is not over yet" % old["number"])
    return (yield from _under_way(box, exports, number))


def sheet(box, request, who):
    """Write the label or the cover sheet of a volume, as PDF; return how much."""
    row = _known(_exports(box), request["export"])
    volume = request.get("volume", 1)
    paths = row["volumes"][volume - 1].get("sheets") if 0 < volume <= len(row["volumes"]) else None
    if not paths:
        raise Refused("export %d has no label for a volume %d" % (row["number"], volume))
    octets = 0
    try:
        fd = os.open(paths[request["which"] == "cover"], os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            while piece := file.read(_PIECE):
                request["file"].write(piece)
                octets += len(piece)
    except OSError as error:
        raise Refused("it cannot be read: %s" % (error.strerror or error).lower()) from None
    if box.audit is not None:  # nothing has changed, but a patient's name leaves the box
        shown = {name: value for name, value in request.items() if name != "file"}
        box.audit.write(who, "export-sheet", shown, {"bytes": octets}, None)
    return {"bytes": octets}
    yield  # a verb without rows is a generator all the same


def _known(exports, number):
    found = exports.row(number)
    if found is None:
        raise Refused("there is no export %d; `exports` lists them" % number)
    return found


def _row(row):
    progress = row["progress"]
    return {
        "export": row["number"],
        "state": row["state"],
        "words": row["words"],
        "to": row["to"],
        "profile": row["order"]["profile"],
        "deidentified": row["order"]["deidentify"],
        "viewer": row["order"]["viewer"],
        "protected": bool(row["order"].get("has_password") or row["order"].get("receivers")),
        "who": row["who"],
        "asked": row["asked"],
        "began": row["began"],
        "ended": row["ended"],
        "stage": progress.stage if progress else None,
        "done": progress.done if progress else None,
        "total": progress.total if progress else None,
        "left_s": progress.left_s if progress and progress.left_s is None else progress and int(progress.left_s),
        "objects": row["objects"],
        "bytes": row["octets"],
        "left_out": row["left_out"],
        "later": row.get("later", 0),
        "reasons": row["reasons"],
        "notes": row["notes"],
        "volumes": [
            {"path": each["path"], "bytes": each["octets"], "sha256": each["sha256"], "objects": each["objects"],
             "label": each["label"], "sheets": list(each.get("sheets", ()))}
            for each in row["volumes"]
        ],
    }  # fmt: skip


_SHAPE = {
    "export": "number",
    "state": "text",
    "words": "text",
    "to": "text",
    "profile": "text",
    "deidentified": "truth",
    "viewer": "truth",
    "protected": "truth",
    "who": "text",
    "asked": "time",
    "began": "time?",
    "ended": "time?",
    "stage": "text?",
    "done": "number?",
    "total": "number?",
    "left_s": "number?",
    "objects": "number",
    "bytes": "number",
    "left_out": "number",
    "later": "number",
    "reasons": ["text"],
    "notes": ["text"],
    "volumes": [
        {
            "path": "text",
            "bytes": "number",
            "sha256": "text",
            "objects": "number",
            "label": "text",
            "sheets": ["text"],
        }
    ],
}
_NUMBER = Argument("export", "number", "The export, by its number.", True)

VERBS = (
    Verb(
        "export",
        "write studies to a disc, a stick, an image, a folder or an archive",
        export,
        OPERATOR,
        (
            Argument("to", "text", "iso:FILE, usb:FOLDER, burner:DEVICE, dir:FOLDER or zip:FILE.", True),
            Argument("study", "list", "Studies, by their Study Instance UIDs."),
            Argument("patient", "text", "All studies of this Patient ID."),
            Argument("since", "text", "Studies from this date on, as 2026-11-23; none without a date."),
            Argument("until", "text", "Studies up to this date."),
            Argument("profile", "text", "The application profile, such as STD-GEN-CD."),
            Argument("medium", "text", "What an image is to fit on: cd74, cd80, dvd, dvd-dl, bd, bd-dl."),
            Argument("deidentify", "truth", "Whether the objects go de-identified, as [[deidentify]] says."),
            Argument("viewer", "truth", "Whether a viewer goes with them; without, as [media] says."),
            Argument("label", "text", "What the volume is called: 16 of A-Z, 0-9 and _; no patient's name."),
            Argument("password", "secret", "What opens it: a ZIP archive encrypted, anything else a secure file-set."),
            Argument("new_password", "truth", "Whether the box makes the password, and says it this once."),
            Argument("receivers", "secrets", "Certificates (PEM) of those whose private keys open a secure file-set."),
            Argument("sheets", "truth", "Whether a label and a cover sheet are drawn, as PDF."),
            Argument("wait", "truth", "Begin when nothing of it has come for quiet_min of [media]."),
            Argument("format", "truth", "Format the stick, usb: and its device, as a whole; all on it is lost."),
            Argument("from", "text", "The destination, of kind dicom, that studies which are not here come from."),
        ),
        _SHAPE,
        {**_SHAPE, "password": "secret?"},
        changes=True,
        slow=True,
    ),
    Verb(
        "exports",
        "list exports, the newest first, and how far they are",
        listing,
        VIEWER,
        (Argument("export", "number", "This one alone."),),
        _SHAPE,
        {},
    ),
    Verb(
        "export-sheet",
        "take the label or the cover sheet of a volume away, as PDF",
        sheet,
        OPERATOR,
        (
            _NUMBER,
            Argument("volume", "number", "Which of its volumes, from 1; the first if nothing is said."),
            Argument("which", "choice", "The label, or the cover sheet.", True, ("label", "cover")),
        ),
        None,
        {"bytes": "number"},
        file="out",
    ),
    Verb("follow-export", "follow an export until it is over", follow, VIEWER, (_NUMBER,), _SHAPE, _SHAPE, slow=True),
    Verb("cancel-export", "cancel an export", cancel, OPERATOR, (_NUMBER,), None, {"export": "number"}, changes=True),
    Verb(
        "retry-export",
        "make an export once more, on another disc",
        retry,
        OPERATOR,
        (_NUMBER,),
        _SHAPE,
        _SHAPE,
        changes=True,
        slow=True,
    ),
)
