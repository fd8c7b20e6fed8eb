"""Changes of the configuration as verbs make them: begun on trial, refused in words, and answered alike."""

from edge.box import load
from edge.settings import catalogue, keeper, mask
from edge.verbs.verb import Argument, Refused

_NO_KEEPER = "the configuration cannot be reached from here; use `edge settings`"

CHANGED = {
    "trial": "number?",
    "confirm_by": "time?",
    "running": "truth",
    "id": "text",
    "path": "text",
    "changes": [{"key": "text", "before": "text?", "after": "text?"}],
}
WITHIN = Argument(
    "within_s",
    "number",
    "How long the change is on trial, 10 to 3600 s, 120 without it; then it goes back. 0: it stays at once.",
)


def keeper_of(box):
    """Return the keeper.Keeper of a Box; Refused without one."""
    if box.settings is None:
        raise Refused(_NO_KEEPER)
    return box.settings


def meaning(text):
    """Return what the text of a configuration says, as a dict."""
    import tomllib

    return tomllib.loads(text or "")


def begun(kept, request, text, who, say, based_on=None, users=None, strict=True):
    """Begin a trial of a text.

    say: function of what changes, returns the history's words; users, strict: as Keeper.begin has them.
    """
    try:
        changes = catalogue.changes(meaning(kept.text), meaning(text))
    except (ValueError, AttributeError):  # it is no TOML, or odd, of which the keeper says more
        changes = []
    within_s = request.get("within_s", keeper.WITHIN_S)
    begin = (kept.begin, text, str(who), say(changes), within_s, based_on, users, strict)
    trial = refusing(*begin, told=_in_text if "text" in request else _in_edit)
    return outcome(kept, trial, changes)


def outcome(kept, trial, changes):
    """Return the summary of a change: CHANGED."""
    return {
        "trial": trial and trial.id,
        "confirm_by": trial and trial.confirm_by,
        "running": kept.has_box,
        "id": kept.id,
        "path": kept.path,
        "changes": changes,
    }


def _in_text(mistake):
    """Return what is said of a Mistake in a text that somebody gave: the file does not have it."""
    return ("" if mistake.line is None else "line %d: " % mistake.line) + _in_edit(mistake)


def _in_edit(mistake):
    """Return what is said of a Mistake in what was to be written, by keys alone: it has no lines that anybody knows."""
    return (mistake.key and mistake.key + ": ") + mistake.words


def refusing(action, *arguments, told=None):
    """Return what the keeper's `action` returns; its refusals as the verb's.

    told: function of a Mistake, where it is in what was not written; without it, it is in the file.
    """
    try:
        return action(*arguments)
    except load.ConfigError as error:
        raise Refused("\n".join([told(each) for each in error.mistakes] if told else error.lines())) from None
    except keeper.Stale as stale:
        raise Refused(str(stale) + (stale.diff and "\n" + mask.text(stale.diff) or "")) from None
    except keeper.Refusal as refusal:
        raise Refused(str(refusal)) from None
    except OSError as error:
        what = error.filename or "the configuration"
        raise Refused("%s cannot be written: %s" % (what, (error.strerror or str(error)).lower())) from None
