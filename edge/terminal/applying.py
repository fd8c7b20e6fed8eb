"""A change of the settings on pages: checked, shown, applied on trial; then confirmed, or seen to go back by itself."""

from edge.terminal import page, shapes
from edge.terminal.effects import Show
from edge.terminal.plain import wrapped


def value(text):
    """Return a value as it is shown; "-" for none."""
    return "-" if text in (None, "") else text


def checked(talk, request):
    """Check a changed configuration, show its mistakes or its difference, apply it; return whether it was applied."""
    mistakes, summary = yield from talk.done("check", **request)
    lines = []
    for each in mistakes:
        where = "line %d, " % each["line"] if each.get("line") else ""
        lines += wrapped("! %s%s: %s" % (where, each["key"], each["words"]), indent="  ")
    if not summary["good"]:
        lines = ["It cannot be used, and nothing has changed:", "", *lines]
        yield from page.turn("Mistakes", (), lines, lambda each: [each], enter="Enter or q: back")
        return False
    diff = (summary.get("diff") or "").splitlines()
    if not diff:
        yield from page.note("Nothing would change", "That is what the box runs with already.")
        return False
    for each in diff:
        lines += wrapped(each, indent="    ")
    yield from page.turn("What would change", (), lines, lambda each: [each], enter="Enter or q: go on")
    words = "The box follows at once, on trial: unless you confirm it in time, all goes back to what it was."
    if not (yield from page.sure(words)):
        return False
    yield from tried(talk, "change", **request)
    return True


def tried(talk, verb, **arguments):
    """Ask for a verb that changes the configuration, and let its trial be confirmed; return AGAIN."""
    _, summary = yield from talk.done(verb, **arguments)
    for each in (summary or {}).get("changes") or ():
        yield Show(wrapped("* %s: %s -> %s" % (each["key"], value(each["before"]), value(each["after"]))))
    if (summary or {}).get("trial") is None:
        yield page.said("Done; it stays.")
    else:
        yield from page.within(on_trial(talk))
    return page.AGAIN


def trial_of(talk):
    """Return what `settings` says of the trial that is under way, {trial, confirm_by, ...}, or None without one."""
    summary = talk.told("settings", section="box")[1] if talk.knows("settings") else {}
    return summary if summary.get("trial") is not None else None


def on_trial(talk):
    """Confirm a trial or let it go back, whoever began it; return AGAIN."""
    while True:
        trial = trial_of(talk)
        if trial is None:
            yield page.said("No change is on trial: it was confirmed, or went back already.")
            return page.AGAIN
        left = round(trial["left_s"] or 0)
        by = ", by %s" % trial["tried_by"] if trial.get("tried_by") else ""
        body = wrapped("A change of the settings is on trial%s." % by)
        body += [*wrapped(trial.get("words") or ""), ""]
        body += ["It goes back by itself in %d s, at %s." % (left, shapes.moment(trial["confirm_by"])), ""]
        options = [("1", "Keep it"), ("2", "Let it go back now"), ("3", "Look again")] if talk.knows("confirm") else []
        chosen = yield from page.menu("On trial", body, options)
        if chosen == "1":
            talk.told("confirm", trial=trial["trial"])
            yield page.said("It stays.")
            return page.AGAIN
        if chosen == "2":
            yield from talk.done("revert")
            yield page.said("It went back to what it was.")
            return page.AGAIN
        if chosen is None:
            yield page.said("It stays on trial; c in the first menu confirms it.")
            return page.AGAIN
