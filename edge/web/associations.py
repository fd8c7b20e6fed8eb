"""Associations: who came, what was agreed, and how it ended; an AE title that was refused is accepted in one step."""

from edge.dicom import uid
from edge.web import page, words
from edge.web.markup import el, join

_SHOWN = 30  # on one page
_KINDS = {"open": "busy", "released": "ok", "aborted": "warn", "lost": "warn"}
_ENDS = ("open", "released", "aborted", "lost", "failed", "refused", "unfinished")
_FILTERS = ("calling", "end", "past")


def render(ask, request):
    """Return the page."""
    args = {name: request.args.get(name, "") for name in _FILTERS}
    parts = live(ask, args)
    return join(
        page.presses(request, "/associations/accept"),
        page.search(
            "/associations",
            page.field("AE title or address", "calling", args["calling"]),
            page.choose("How it ended", "end", (("", "all"), *_ENDS), args["end"]),
            page.button("Show", "quiet"),
        ),
        el("div", parts["associations"], data_live=page.at("associations", **args)),
    )


def live(ask, args):
    """Return what changes on the page."""
    now = ask("status")[1]["now"]
    past = int(args["past"]) if args.get("past", "").isdecimal() else 0
    found = [each for each in ask("associations")[0] if _is_asked_for(each, args)]
    heads = ("Calling", "Called", "When", "Objects", "How it ended", "Contexts", "")
    none = (
        "There are none. A modality that cannot reach this box is not seen here: look at its cable, its network, "
        "and the address and port that it calls."
    )
    table = page.table("Associations", heads, [_cells(each, now) for each in found[past : past + _SHOWN]], none)
    filters = {name: args.get(name) for name in ("calling", "end")}
    further = el(
        "p",
        past > 0 and page.link("Later ones", "/associations", past=max(0, past - _SHOWN), **filters),
        " ",
        len(found) > past + _SHOWN and page.link("Earlier ones", "/associations", past=past + _SHOWN, **filters),
    )
    many = len(found) > _SHOWN
    title = "%d to %d of %d" % (past + 1, min(past + _SHOWN, len(found)), len(found)) if many else None
    return {"associations": page.card(title, table, many and further, id="associations")}


def _is_asked_for(each, args):
    text = args.get("calling", "").casefold()
    if args.get("end") and each["end"] != args["end"]:
        return False
    return not text or text in each["calling"].casefold() or text in each["address"]


def _cells(each, now):
    calling = each["calling"] or "(no AE title)"
    count = words.count(each["stored"], "object") if each["stored"] or each["refused"] else "–"
    if each["refused"]:
        count += ", %s refused" % words.figure(each["refused"])
    often = each["times"] > 1 and "%s times, for the last time " % words.figure(each["times"])
    about = "%s at %s" % (calling, each["address"])
    who = {"calling": each["calling"], "address": each["address"]}
    refused = each["reason"] == "calling"
    accept = "Accept" if each["calling"] else "Accept all that comes from there, under any title"
    return (
        join(calling, el("div", each["address"], class_="soft")),
        each["called"] or "–",
        join(
            often,
            words.when(each["ended"] if often else each["began"], now),
            not often and el("div", "for ", words.span(each["seconds"]), class_="soft"),
        ),
        join(
            el("span", count, class_="whole"),
            each["bytes"] > 0 and el("div", words.octets(each["bytes"]), class_="soft"),
        ),
        join(
            page.state(_KINDS.get(each["end"], "bad"), each["end"]),
            each["why"] != each["end"] and el("p", each["why"], class_="soft"),
        ),
        _agreed(each),
        page.press(accept, "/associations/accept", "", "engineer", about, **who) if refused else None,
    )


def _agreed(each):
    contexts = each["contexts"]
    if not contexts:
        return "–"
    taken = sum([one["accepted"] is not None for one in contexts])
    brief = el("span", "%d of %d" % (taken, len(contexts)), class_="whole")
    return page.link(brief, "/association", began=repr(float(each["began"])), address=each["address"])


def render_one(ask, request):
    """Return the page of one association: what was proposed, and what was taken of it."""
    began, address = request.args.get("began", ""), request.args.get("address", "")
    now = ask("status")[1]["now"]
    for each in ask("associations")[0]:
        if repr(float(each["began"])) == began and each["address"] == address:
            break
    else:
        return page.card(None, el("p", "It is not among the last ones any more."), page.link("Back", "/associations"))
    rows = [
        (
            uid.name(one["abstract"]),
            page.state("bad", "refused") if one["accepted"] is None else page.state("ok", uid.name(one["accepted"])),
            el("ul", [el("li", uid.name(syntax)) for syntax in one["syntaxes"]]),
        )
        for one in each["contexts"]
    ]
    count = words.count(each["stored"], "object")
    about = page.facts(
        ("Calling", each["calling"] or "(no AE title)"),
        ("Called", each["called"] or "(no AE title)"),
        ("Address", each["address"]),
        ("Certificate", each["certificate"] or None),
        ("Began", words.instant(each["began"])),
        ("Ended", words.when(each["ended"], now, "is open")),
        ("Objects", "%s, %s; %s refused" % (count, words.octets(each["bytes"]), words.figure(each["refused"]))),
        ("How it ended", page.state(_KINDS.get(each["end"], "bad"), each["end"])),
        ("Why", each["why"] if each["why"] != each["end"] else None),
    )
    heads = ("SOP Class", "Taken", "Proposed transfer syntaxes")
    return join(
        el("p", page.link("All associations", "/associations")),
        page.card("What happened", about),
        page.card("Presentation contexts", page.table("Presentation contexts", heads, rows)),
    )


def _accepted(form):
    return form.get("calling") or "Whatever calls from %s, under any AE title," % form["address"]


NEEDS = ("associations", "accept")
PAGES = (
    page.Page("/associations", "Associations", "viewer", render, page.WORK),
    page.Page("/association", "Association", "viewer", render_one),
)
ACTIONS = (
    page.Action(
        "/associations/accept",
        "accept",
        page.asked("calling", "address"),
        lambda form, done: _accepted(form) + " is accepted, on trial: confirm it to keep it.",
        lambda form, done: "/associations" if done is None else "/settings/trial",
    ),
)
LIVE = (page.Live("associations", "viewer", live),)
