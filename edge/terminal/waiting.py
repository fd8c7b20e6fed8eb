"""The queue on pages: what is held and why, what waits; release, cancel, send elsewhere, prioritise."""

from edge.console.text import ago, ahead, count
from edge.terminal import page, state
from edge.terminal.plain import columns, cut, plain, wrapped
from edge.terminal.talk import Rows

# What to do about what is held, by its cause
_STEPS = {
    "conflict": "Other octets came under a UID that is here already: compare the two, then release one or remove one.",
    "unrouted": "No route took it: add a [[route]] for it and release it, or release it to a destination as it is.",
    "found": "It was found without a line in the journal: release it to a destination, or remove it.",
    "rotten": "Its file is not what was received: send it again from where it came, or remove it.",
    "no-context": "The destination takes no objects of this kind: enable it there or choose `compress`, then release.",
}
_TRIED = "See the error; mend that here or at the destination (Destinations, test), then release."
_COUNTS = (18, 7, -9, -9, -7, -11, 0)
_WIDTHS = (-4, 7, 16, 9, 12, 0)


def queue(talk):
    """Show the counts of each destination, and from there the jobs."""
    while True:
        now = talk.told("status")[1]
        body = [columns(_COUNTS, ("", "Way", "Waiting", "Sending", "Held", "Delivered", "  Oldest"))]
        for each in now["destinations"]:
            jobs = each["jobs"]
            cells = [each["name"], state.way(each), str(jobs["waiting"]), str(jobs["sending"]), str(jobs["held"])]
            oldest = "  " + ago(each["oldest"], now["now"]) if each["oldest"] is not None else "  -"
            cells += [str(jobs["delivered"] + jobs["sent"]), oldest]
            body.append(columns(_COUNTS, cells))
        if not now["destinations"]:
            body = ["No destination is configured: objects are kept and held."]
        options = [("1", "What is held, and why"), ("2", "What waits"), ("3", "All that is not delivered")]
        if talk.knows("release"):
            options += [("4", "Release all that is held after too many tries"), ("5", "Release all of one cause")]
        if talk.knows("progress"):
            options.append(("6", "What is on its way, and how far"))
        if now["kept"]["held"]:
            options.append(("7", "Objects that are held as a whole: %d" % now["kept"]["held"]))
        chosen = yield from page.menu("Queue", body, options)
        if chosen is None:
            return
        yield from page.within(_chosen(talk, chosen))


def _chosen(talk, chosen):
    if chosen in "123":
        wanted = {"1": "held", "2": "waiting", "3": "open"}[chosen]
        yield from _jobs(talk, {"1": "Held", "2": "Waiting", "3": "Not delivered"}[chosen], {"state": wanted})
    elif chosen == "4":
        if (yield from page.sure("Every job that is held after too many tries is to go again.")):
            yield from _told(talk, "release")
    elif chosen == "5":
        yield from _by_cause(talk)
    elif chosen == "6":
        yield from _progress(talk)
    else:
        yield from _held_objects(talk)


def _held_objects(talk):
    """List objects that no job stands for, or that are held whatever their jobs are."""

    def line(row, number):
        return [columns((-4, 7, 16, 9, 0), (str(number), str(row["id"]), row["calling"], row["hold"], row["error"]))]

    def unrouted():
        return _told(talk, "release", cause="unrouted")

    def as_job(row):
        nothing = {"destination": None, "attempts": 0, "next_try": None, "status": None}
        return {**nothing, "object": row["id"], "sop_instance": row["sop_instance"], "state": "held",
                "cause": row["hold"], "error": row["error"]}  # fmt: skip

    while True:
        rows = (row for row in talk.ask("objects") if row["hold"])
        head = [columns((-4, 7, 16, 9, 0), ("", "Object", "From", "Cause", "Why"))]
        keys = [("r", "release all that a route takes now", unrouted)] if talk.knows("release") else []
        turned = yield from page.turn(
            "Held as a whole", head, rows, line, lambda row: _job(talk, as_job(row)), keys, empty="Nothing is held."
        )
        if turned != page.AGAIN:
            return


def _by_cause(talk):
    rows, _ = talk.told("queue", state="held")
    causes = {}
    for row in rows:
        causes[row["cause"]] = causes.get(row["cause"], 0) + 1
    if not causes:
        yield from page.note("Release", "Nothing is held.")
        return
    found = sorted(causes, key=str)
    options = [(str(number), "%s: %d" % (cause, causes[cause])) for number, cause in enumerate(found, 1)]
    chosen = yield from page.menu("Release all of one cause", (), options)
    if chosen is not None:
        yield from _told(talk, "release", cause=found[int(chosen) - 1])


def _told(talk, verb, **arguments):
    """Ask for a verb that changes jobs, and say what came of it; it has changed something."""
    _, done = yield from talk.done(verb, **arguments)
    words = ", ".join(["%s %s" % (name, value) for name, value in done.items() if value is not None])
    yield page.said("Done: %s." % plain(words))
    return page.AGAIN


def _jobs(talk, title, request):
    while True:
        now = talk.box.spool.now()

        def line(row, number):
            tried = ahead(row["next_try"], now) if row["next_try"] and row["state"] == "waiting" else row["cause"] or ""
            cells = (str(number), str(row["object"]), row["destination"], row["state"], tried, row["error"] or "")
            return [columns(_WIDTHS, cells)]

        head = [columns(_WIDTHS, ("", "Object", "Destination", "State", "Try, cause", "Why"))]
        rows = Rows(talk.ask("queue", **request))
        again = yield from page.turn(
            title, head, rows, line, pick=lambda row: _job(talk, row), empty="Nothing is %s." % title.lower()
        )
        if again != page.AGAIN:
            return


def _job(talk, row):
    """Show one job, and what may be done about it; return AGAIN when something was."""
    now = talk.box.spool.now()
    found = [
        ("Object", "%d, %s" % (row["object"], row["sop_instance"])),
        ("Destination", row["destination"] or "none"),
        ("State", row["state"] + (" (%s)" % row["cause"] if row["cause"] else "")),
        ("Tries", "%s%s" % (count(row["attempts"], "try", "tries"), _next(row, now))),
    ]
    if row["status"]:
        found.append(("Status", row["status"]))
    if row["error"]:
        found.append(("Why", row["error"]))
    if row["state"] == "held":
        found.append(("Next step", _STEPS.get(row["cause"], _TRIED)))
    options = []
    if talk.knows("release") and row["state"] == "held":
        options.append(("1", "Release: let it go again"))
        options.append(("2", "Release it to a destination"))
    if talk.knows("cancel") and row["state"] != "delivered" and row["destination"]:
        options.append(("3", "Cancel: give it up for this destination"))
        options.append(("4", "Send it elsewhere instead"))
    if talk.knows("prioritise") and row["state"] == "waiting":
        options.append(("5", "Change its priority"))
    if talk.knows("remove"):
        options.append(("6", "Remove the object for good"))
    chosen = yield from page.menu("Object %d" % row["object"], page.pairs(found), options)
    if chosen is None:
        return None
    number, name = row["object"], row["destination"] or None
    if chosen == "1":
        return (yield from _told(talk, "release", object=number, destination=name and _own(row)))
    if chosen in "24":
        other = yield from destination(talk, "Which destination?")
        if other is None:
            return None
        if chosen == "2":
            return (yield from _told(talk, "release", object=number, destination=other))
        return (yield from _told(talk, "cancel", object=number, destination=name, to=other))
    if chosen == "3":
        if (yield from page.sure("Object %d is not sent to %s any more." % (number, name))):
            return (yield from _told(talk, "cancel", object=number, destination=name))
        return None
    if chosen == "5":
        levels = [("1", "urgent"), ("2", "normal"), ("3", "low")]
        level = yield from page.menu("Priority of object %d" % number, (), levels)
        if level is None:
            return None
        return (yield from _told(talk, "prioritise", object=number, destination=name, priority=dict(levels)[level]))
    return (yield from _removed(talk, number))


def _own(row):
    """Return the destination of a job that is held by itself; an object held as a whole is released as such."""
    return None if row["cause"] in ("conflict", "unrouted", "found", "rotten") else row["destination"]


def _removed(talk, number):
    words = "Object %d is removed for good, here, whether or not it was delivered. Nothing brings it back." % number
    if (yield from page.sure(words, "remove")):
        return (yield from _told(talk, "remove", object=number, yes=True))
    return None


def _next(row, now):
    return ", next %s" % ahead(row["next_try"], now) if row["next_try"] and row["state"] == "waiting" else ""


def destination(talk, title):
    """Let somebody choose a destination; return its name, None for back."""
    names = [each.name for each in talk.box.config.destinations]
    if not names:
        yield from page.note(title, "No destination is configured. Add one under Settings.")
        return None
    options = [(str(number), name) for number, name in enumerate(names, 1)]
    if len(options) <= page.BODY:
        chosen = yield from page.menu(title, (), options)
        return None if chosen is None else names[int(chosen) - 1]
    chosen = []

    def pick(name):
        chosen.append(name)
        return page.AGAIN
        yield  # a screen is a generator, this one without a page

    yield from page.turn(title, (), names, lambda name, number: ["%4d  %s" % (number, cut(name, 64))], pick)
    return chosen[0] if chosen else None


def _progress(talk):
    while True:
        rows, _ = talk.told("progress")
        lines = []
        for row in rows:
            sent, octets = row.get("sent") or 0, row.get("bytes") or 0
            words = "object %s to %s: %.0f %%" % (row["object"], row["destination"], 100 * sent / max(octets, 1))
            if row.get("bytes_per_s"):
                words += ", %.0f KB/s" % (row["bytes_per_s"] / 1000)
            if row.get("left_s") is not None:
                words += ", %d s left" % row["left_s"]
            lines += wrapped(words)
        keys = [("l", "look again", state.again)]
        if (yield from page.turn("On its way", (), lines, lambda each: [each], keys=keys, empty="Nothing.")) is None:
            return
