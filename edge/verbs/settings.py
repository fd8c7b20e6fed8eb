"""Verbs on the configuration: what every key is, changes that are tried and confirmed, and the history of it all."""

from edge.box import admission, load
from edge.settings import catalogue, document, history, keeper, mask
from edge.verbs.trial import CHANGED, WITHIN, begun, keeper_of, meaning, outcome, refusing
from edge.verbs.verb import ENGINEER, VIEWER, Argument, Refused, Verb

_TOLD = 3  # of the changes that the history's words name


def settings(box, request, who):
    """Yield a row for each key of each table; return the text, what it is told from others by, and the trial."""
    kept = keeper_of(box)
    see_all = who.may(ENGINEER)
    wanted = request.get("section")
    if wanted is not None and catalogue.section(wanted) is None:
        raise Refused("no section is called %s" % wanted)
    text = kept.text or ""
    for row in catalogue.rows(meaning(text), see_all, request.get("blank", False)):
        if wanted in (None, row["section"]):
            yield row
    trial = kept.trial
    return {
        "path": kept.path,
        "text": text if see_all else mask.text(text),
        "id": kept.id,
        "edited": kept.is_edited(),
        "running": kept.has_box,
        "trial": trial and trial.id,
        "confirm_by": trial and trial.confirm_by,
        "left_s": kept.left_s(),
        "tried_by": trial and trial.who,
        "words": trial and mask.text(trial.words),
        "before": trial and (trial.previous if see_all else mask.text(trial.previous or "")),
        "failure": kept.failure,
    }


def check(box, request, who):
    """Yield a row for each mistake and warning of a text or of edits; return whether it is good, and what changes.

    alone: only what is wrong with the values of the edits, each by itself.
    """
    kept = keeper_of(box)
    if request.get("alone"):
        rows = [row for edit in _edits(request) for row in _alone(edit)]
        yield from rows
        return {"good": not rows, "diff": "", "changes": []}
    text = _wanted(kept, request)
    try:
        loaded = kept.checked(text)
        kept.examine(loaded)
    except load.ConfigError as error:
        yield from [_mistake(each, "mistake") for each in error.mistakes]
        return {"good": False, "diff": "", "changes": []}
    except keeper.Refusal as refusal:
        yield {"line": None, "key": "", "words": str(refusal), "level": "mistake"}
        return {"good": False, "diff": "", "changes": []}
    yield from [_mistake(each, "warning") for each in loaded.warnings]
    changes = catalogue.changes(meaning(kept.text), meaning(text))
    diff = history.difference(kept.text, text, "now", "then")
    return {"good": True, "diff": diff if who.may(ENGINEER) else mask.text(diff), "changes": changes}


def change(box, request, who):
    """Change the configuration, by edits or as a whole text, on trial; return the trial and what has changed."""
    kept = keeper_of(box)
    text = _wanted(kept, request)
    return begun(kept, request, text, who, lambda changes: _brief(changes) or "the text alone", request.get("id"))
    yield  # a verb without rows is a generator all the same


def reload(box, request, who):
    """Take in what was written into the file by hand, on trial; return as `change` does."""
    kept = keeper_of(box)
    before = kept.text
    trial = refusing(kept.reload, str(who), request.get("within_s", keeper.WITHIN_S))
    return outcome(kept, trial, catalogue.changes(meaning(before), meaning(kept.text)))
    yield


def restore(box, request, who):
    """Make a version of the history the configuration again, on trial; return as `change` does."""
    kept = keeper_of(box)
    version = _version(kept, request["id"])
    return begun(kept, request, version.text, who, lambda changes: "version %d again" % version.id, strict=False)
    yield


def accept(box, request, who):
    """Let a device send that was refused, on trial; return as `change` does."""
    kept = keeper_of(box)
    parts = [request[name] for name in ("calling", "address") if request.get(name)]
    if not parts:
        raise Refused("say who is to be accepted: the calling AE title, the address, or both")
    if "?" in request.get("calling", ""):
        words = "the AE title %s came with characters that no title may have, shown as ?: give the device another one"
        raise Refused(words % request["calling"])
    caller = "@".join(parts)
    try:
        read = admission.read_caller(caller)
    except ValueError as unfit:
        raise Refused("%s cannot stand in accept_calling: %s" % (caller, unfit)) from None
    listed = meaning(kept.text).get("dicom", {}).get("accept_calling", [])
    listed = listed if isinstance(listed, list) else [listed]
    if not listed:
        raise Refused("anyone may send: accept_calling under [dicom] is empty; it was refused for another reason")
    if read in [admission.read_caller(each) for each in listed]:
        raise Refused("%s is accepted already; it was refused for another reason" % caller)
    edit = {"section": "dicom", "key": "accept_calling", "value": [*listed, caller]}
    text = _edited(kept, [edit])
    return begun(kept, request, text, who, lambda changes: "%s accepted" % caller)
    yield


def confirm(box, request, who):
    """Let the change that is on trial stay; return what the configuration is told from others by."""
    kept = keeper_of(box)
    refusing(kept.confirm, request.get("trial"), str(who))
    return {"id": kept.id}
    yield


def revert(box, request, who):
    """Put back what was before the trial; return what the configuration is told from others by."""
    kept = keeper_of(box)
    refusing(kept.revert, "as %s asked" % who, request.get("trial"))
    return {"id": kept.id, "failure": kept.failure}
    yield


def versions(box, request, who):
    """Yield a row for each version of the configuration, the newest first; return how many are kept at most."""
    kept = keeper_of(box)
    for each in kept.history.versions():
        yield {
            "id": each.id,
            "at": each.at,
            "who": each.who,
            "words": mask.text(each.words),
            "outcome": each.outcome,
            "now": each.digest == kept.id,
        }
    return {"limit": history.LIMIT}


def difference(box, request, who):
    """Return what a version of the history changed; with `now`, what restoring it would."""
    kept = keeper_of(box)
    version = _version(kept, request["id"])
    if request.get("now"):
        diff = history.difference(kept.text, version.text, "now", "version %d" % version.id)
    else:
        before = kept.history.before(version.id)
        names = "version %d" % before.id if before else "nothing", "version %d" % version.id
        diff = history.difference(before and before.text, version.text, *names)
    return {"diff": diff if who.may(ENGINEER) else mask.text(diff)}
    yield


# How it is done


def _edits(request):
    found = request.get("edits")
    if not isinstance(found, list):
        raise Refused("say what is to be changed: edits, a list, or the whole text")
    return found


def _wanted(kept, request):
    """Return the text that a request asks for; Refused, in words, when it cannot be made."""
    if request.get("text") is not None:
        if request.get("edits") is not None:
            raise Refused("expected edits or the whole text, found both")
        return request["text"]
    return _edited(kept, _edits(request))


def _edited(kept, edits):
    try:
        return document.edited(kept.text or "", edits)
    except document.Unfit as unfit:
        raise Refused(str(unfit)) from None


def _alone(edit):
    """Yield a row when the value of an edit is not what its key expects."""
    try:
        words = document.mistake(edit)
    except document.Unfit as unfit:
        words = str(unfit)
    if words:
        named = isinstance(edit, dict) and isinstance(edit.get("key"), str)
        yield {"line": None, "key": edit["key"] if named else "", "words": words, "level": "mistake"}


def _mistake(found, level):
    return {"line": found.line, "key": found.key, "words": found.words, "level": level}


def _version(kept, number):
    found = kept.history.get(number)
    if found is None:
        raise Refused("the history has no version %d; it keeps the last %d" % (number, history.LIMIT))
    return found


def _brief(changes):
    """Return a line of what has changed, for the history."""
    words = []
    for each in changes[:_TOLD]:
        if each["after"] is None:
            words.append("%s taken out" % each["key"])
        elif each["key"].startswith("[[") and each["before"] is None and "," not in each["key"]:
            words.append("%s added" % each["key"])
        else:
            words.append("%s = %s" % (each["key"], each["after"]))
    if len(changes) > _TOLD:
        words.append("%d more" % (len(changes) - _TOLD))
    return "; ".join(words)


_EDITS = Argument("edits", "hidden", "What to change: a list of edits, each of a section and a key, or of a table.")
_TEXT = Argument("text", "secret", "The whole text instead of edits.")
_TRIAL = Argument("trial", "number", "Which change; without it, whichever is on trial.")
_VERSION = Argument("id", "number", "The version, by its number in the history.", True)

VERBS = (
    Verb(
        "settings",
        "list every key of the configuration, what it means and what it is",
        settings,
        VIEWER,
        (
            Argument("section", "text", "Only the keys of this section."),
            Argument("blank", "truth", "Also those of a table that could be added, with no number."),
        ),
        {
            "section": "text",
            "repeated": "truth",
            "number": "number?",
            "name": "any",
            "key": "text",
            "value": "any",
            "text": "text",
            "default": "text?",
            "meaning": "text",
            "expected": "text",
            "range": "text",
            "example": "text?",
            "choices": ["any"],
            "several": "truth",
            "kinds": ["text"],
            "is_set": "truth",
            "required": "truth",
        },
        {
            "path": "text",
            "text": "text",
            "id": "text",
            "edited": "truth",
            "running": "truth",
            "trial": "number?",
            "confirm_by": "time?",
            "left_s": "number?",
            "tried_by": "text?",
            "words": "text?",
            "before": "text?",
            "failure": "text?",
        },
    ),
    Verb(
        "check",
        "check a changed configuration without changing anything",
        check,
        VIEWER,
        (_EDITS, _TEXT, Argument("alone", "truth", "Only the values of the edits, each by itself: as one types.")),
        {"line": "number?", "key": "text", "words": "text", "level": "text"},
        {"good": "truth", "diff": "text", "changes": CHANGED["changes"]},
    ),
    Verb(
        "change",
        "change the configuration, on trial until it is confirmed",
        change,
        ENGINEER,
        (
            _EDITS,
            _TEXT,
            Argument("id", "text", "The `id` of the text that was edited, so that nobody else's change is undone."),
            WITHIN,
        ),
        None,
        CHANGED,
        changes=True,
        slow=True,
    ),
    Verb("confirm", "let the change that is on trial stay", confirm, ENGINEER, (_TRIAL,), None, {"id": "text"}, True),
    Verb(
        "revert",
        "put back what was before the change that is on trial",
        revert,
        ENGINEER,
        (_TRIAL,),
        None,
        {"id": "text", "failure": "text?"},
        changes=True,
        slow=True,
    ),
    Verb(
        "history",
        "list the versions of the configuration",
        versions,
        VIEWER,
        (),
        {"id": "number", "at": "time", "who": "text", "words": "text", "outcome": "text", "now": "truth"},
        {"limit": "number"},
    ),
    Verb(
        "difference",
        "show what a version of the configuration changed",
        difference,
        VIEWER,
        (_VERSION, Argument("now", "truth", "What restoring it would change now, instead.")),
        None,
        {"diff": "text"},
    ),
    Verb(
        "restore",
        "make a version of the history the configuration again, on trial",
        restore,
        ENGINEER,
        (_VERSION, WITHIN),
        None,
        CHANGED,
        changes=True,
        slow=True,
    ),
    Verb(
        "reload",
        "take in what was written into the file by hand, on trial",
        reload,
        ENGINEER,
        (WITHIN,),
        None,
        CHANGED,
        changes=True,
        slow=True,
    ),
    Verb(
        "accept",
        "let a device send that was refused, on trial",
        accept,
        ENGINEER,
        (
            Argument("calling", "text", "Its AE title; without it, any from that address."),
            Argument("address", "text", "Its address; without it, that AE title from anywhere."),
            WITHIN,
        ),
        None,
        CHANGED,
        changes=True,
        slow=True,
    ),
)
