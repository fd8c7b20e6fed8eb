"""The queue: what waits for whom, what is held and why, and what a person does about it."""

from itertools import islice

from edge.web import home, page, said, words
from edge.web.markup import el, join

_SHOWN = 100  # of the deliveries that match, so many are listed
_GROUPED = 1000  # of those that are held, so many are looked at for what they have in common
_STATES = (
    ("", "all that are open"),
    ("waiting", "waiting"),
    ("sending", "on the way"),
    ("sent", "to be committed"),
    ("held", "held"),
    ("delivered", "delivered"),
)
_NAMES = {"waiting": "waiting", "sending": "on the way", "sent": "to be committed", "held": "held",
          "delivered": "delivered"}  # fmt: skip
_KINDS = {"waiting": "off", "sending": "busy", "sent": "busy", "held": "warn", "delivered": "ok"}
# Why an object is held as a whole, and what to do
_HOLDS = {
    "conflict": "Other octets came under a SOP Instance UID that was here already. Compare both, then release one or "
    "remove one.",
    "found": "Its file was found without a line in the journal. Send it to a destination, or remove it.",
    "rotten": "Its file is not what was received any more. Send it again from where it came, which mends it, or remove "
    "it.",
}
_PRIORITIES = (("urgent", "first"), ("normal", "in turn"), ("low", "last"))


def render(ask, request):
    """Return the page."""
    parts = {**live(ask, request.args), **lists(ask, request.args)}
    names = [each["name"] for each in ask("status")[1]["destinations"]]
    return join(
        page.presses(request, "/queue/release", "/queue/cancel", "/queue/prioritise", "/queue/remove"),
        el("div", parts["counts"], parts["ways"], parts["kinds"], parts["held"], data_live=page.at(
            "queue", destination=request.args.get("destination"), state=request.args.get("state")), class_="stack"),
        page.search(
            "/queue",
            page.choose("Destination", "destination", [("", "all")] + names, request.args.get("destination", "")),
            page.choose("State", "state", _STATES, request.args.get("state", "")),
            page.button("Show", "quiet"),
        ),
        parts["jobs"],
    )  # fmt: skip


def live(ask, args):
    """Return what changes on the page, and is short."""
    found = ask("status")[1]
    return {"counts": _counts(found, found["now"]), "ways": _ways(ask)}


def lists(ask, args):
    """Return what changes on the page, and may be long."""
    found = ask("status")[1]
    now = found["now"]
    held = list(islice(ask.each("queue", state="held"), _GROUPED))
    objects = list(islice(ask.each("objects", held=True), _SHOWN)) if found["kept"]["held"] else []
    names = [each["name"] for each in found["destinations"] if each["configured"]]
    return {
        "kinds": _kinds(held, found),
        "held": _held(objects, found["kept"]["held"], names, now),
        "jobs": _jobs(ask, args, now),
    }


def _counts(found, now):
    rows = []
    for each in found["destinations"]:
        jobs = each["jobs"]
        oldest = each["oldest"] and (jobs["waiting"] or jobs["sending"])
        rows.append(
            (
                page.link(each["name"], "/queue", destination=each["name"]),
                home.link_state(each, now),
                words.figure(jobs["waiting"]),
                words.figure(jobs["sending"]),
                words.figure(jobs["sent"]),
                words.figure(jobs["held"]),
                words.figure(jobs["delivered"]),
                words.span(now - each["oldest"]) if oldest else "–",
            )
        )
    heads = ("Destination", "State", "Waiting", "On the way", "To be committed", "Held", "Delivered", "Oldest")
    none = join("There is no destination. ", page.link("Add one", "/destination"))
    return page.card("Destinations", page.table("What each destination has", heads, rows, none), id="counts")


def _ways(ask):
    rows = ask("progress")[0]
    if not rows:
        return el("div", id="ways")
    lines = []
    for each in rows:
        left = each["left_s"]
        said_of = "%s of %s, %s%s" % (
            words.octets(each["sent"] or 0),
            words.octets(each["bytes"]),
            words.rate(each["bytes_per_s"]),
            ", %s left" % words.span(left) if left is not None else "",
        )
        bar = page.progress(said_of, each["sent"] or 0, each["bytes"])
        lines.append(("object %d" % each["object"], each["destination"], bar))
    return page.card("On the way", page.table("What is on its way", ("Object", "To", "How far"), lines), id="ways")


def _kinds(held, found):
    """Return deliveries that are held, put together by destination and cause, each to be released at once."""
    kinds = {}
    for each in held:
        kinds.setdefault((each["destination"], each["cause"] or ""), []).append(each)
    if not kinds:
        return el("div", id="kinds")
    rows = []
    for (name, cause), jobs in kinds.items():
        about = "held for %s: %s" % (name, cause)
        more = " or more" if len(held) == _GROUPED else ""
        rows.append(
            (
                name,
                words.count(len(jobs), "delivery", "deliveries") + more,
                said.words(jobs[0]["error"] or cause),
                join(
                    page.press("Release all", "/queue/release", "", about=about, destination=name, cause=cause or None),
                    page.link("See them", "/queue", destination=name, state="held"),
                ),
            )
        )
    heads = ("Destination", "How many", "Why", "")
    return page.card(
        "Held for a reason",
        el("p", "They wait until somebody has mended the reason and releases them.", class_="soft"),
        page.table("Deliveries that are held, by reason", heads, rows),
        id="kinds",
    )


def _held(objects, number, names, now):
    if not objects:
        return el("div", id="held")
    rows = []
    for each in objects:
        about = "object %d" % each["id"]
        if each["hold"] in ("conflict", "rotten"):
            out = [page.press("Release", "/queue/release", about=about, object=each["id"])]
        else:
            out = [
                page.press("Send where a route leads", "/queue/release", about=about, object=each["id"]),
            ]
            out += [
                page.press("Send to " + name, "/queue/release", about=about, object=each["id"], destination=name)
                for name in names
            ]
        away = page.press("Remove for good", "/queue/remove", "danger", "engineer", about, object=each["id"], yes="1")
        lost = el("p", "It is lost, wherever it was not delivered.")
        rows.append(
            (
                each["id"],
                "%s from %s" % (each["modality"] or "object", each["calling"] or "a file"),
                words.when(each["received"], now),
                _why(each),
                join(out, page.sure("Remove", lost, away, about=about)),
            )
        )
    bulk = None
    if any([each["hold"] == "unrouted" for each in objects]):
        all_of = [page.press("Send all where routes lead now", "/queue/release", cause="unrouted")]
        all_of += [
            page.press("Send all to " + name, "/queue/release", cause="unrouted", destination=name) for name in names
        ]
        bulk = el("div", el("p", "Those that no route took:"), all_of)
    heads = ("Object", "What", "Received", "Why, and what to do", "")
    more = number > len(rows) and el("p", "The first %d of %d are shown." % (len(rows), number), class_="soft")
    return page.card("Held objects", bulk, page.table("Objects that are held", heads, rows), more, id="held")


def _why(each):
    """Return why an object is held as a whole, and what to do."""
    if each["hold"] == "unrouted":
        route = page.link("add a route", "/settings/edit", section="route")
        return join("No route took it. Send it to a destination, or ", route, " and send it where that leads.")
    return join(_HOLDS.get(each["hold"], ""), each["error"] and el("p", said.words(each["error"]), class_="soft"))


def _jobs(ask, args, now):
    wanted = {name: args[name] for name in ("destination", "state") if args.get(name)}
    wanted.setdefault("state", "open")
    found = list(islice(ask.each("queue", **wanted), _SHOWN + 1))
    rows = [_job(each, now) for each in found[:_SHOWN]]
    more = len(found) > _SHOWN and el("p", "Only the first %d are shown." % _SHOWN, class_="soft")
    heads = ("Object", "To", "State", "Tries", "Next try", "Why", "")
    return page.card(
        "Deliveries", page.table("Deliveries", heads, rows, "Nothing is like that."), more, id="jobs"
    )


def _job(each, now):
    about = "object %d for %s" % (each["object"], each["destination"])
    which = {"about": about, "object": each["object"], "destination": each["destination"]}
    what = []
    if each["state"] == "held":
        what.append(page.press("Release", "/queue/release", **which))
    if each["state"] == "waiting":
        first = [page.press(label, "/queue/prioritise", priority=key, **which) for key, label in _PRIORITIES]
        what.append(page.sure("Order", first, about=about))
    if each["state"] != "delivered":
        lost = el("p", "It is not sent there then.")
        what.append(page.sure("Give up", lost, page.press("Give up", "/queue/cancel", "danger", **which), about=about))
    return (
        each["object"],
        each["destination"],
        page.state(_KINDS[each["state"]], _NAMES[each["state"]]),
        each["attempts"],
        words.when(each["next_try"], now, "–") if each["state"] == "waiting" else "–",
        said.words(each["error"]) if each["error"] else "–",
        what,
    )


def _back(form, summary):
    return "/queue"


def _released(form, done):
    gone = "%s again." % words.count(done["released"], "delivery goes", "deliveries go")
    if not done["unrouted"]:
        return gone
    stay = words.count(done["unrouted"], "object stays", "objects stay")
    return "%s %s held, since no route takes what is like that." % (gone, stay)


PAGES = (page.Page("/queue", "Queue", "viewer", render, page.WORK),)
ACTIONS = (
    page.Action(
        "/queue/release",
        "release",
        page.asked("destination", "cause", numbers=("object",)),
        _released,
        _back,
    ),
    page.Action(
        "/queue/cancel",
        "cancel",
        page.asked("destination", "to", numbers=("object",)),
        lambda form, done: "%s given up." % words.count(done["cancelled"], "delivery is", "deliveries are"),
        _back,
    ),
    page.Action(
        "/queue/prioritise",
        "prioritise",
        page.asked("destination", "priority", numbers=("object",)),
        lambda form, done: "Object %s goes %s." % (form["object"], dict(_PRIORITIES).get(form.get("priority"), "")),
        _back,
    ),
    page.Action(
        "/queue/remove",
        "remove",
        page.asked(numbers=("object",), truths=("yes",)),
        lambda form, done: "Object %d is removed." % done["removed"],
        _back,
    ),
)
LIVE = (page.Live("queue", "viewer", live, lists),)
