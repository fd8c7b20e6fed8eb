"""Settings: every key with its meaning and range, checked as one types; what is applied is on trial first."""

import json

from edge.verbs.verb import Misused
from edge.web import fields, page
from edge.web.markup import el, join

_CALLED = {
    "box": "The box",
    "dicom": "Receiving",
    "tls": "Encryption",
    "relay": "Relay",
    "limits": "Space and limits",
    "console": "This console",
    "serial": "Serial line",
    "setup": "Setup files",
    "destination": "Destinations",
    "route": "Routes",
    "modality": "Modalities",
    "change": "Changes",
    "deidentify": "De-identification",
    "alert": "Alerts",
}


def called(section):
    """Return what a section is called on a page."""
    return _CALLED.get(section, section.replace("_", " ").capitalize())


def render(ask, request):
    """Return the page of all sections."""
    rows, found = ask("settings", blank=True)
    cards = []
    for section, mine in _by(rows, "section").items():
        tables = _by([each for each in mine if each["number"] is not None], "number")
        if mine[0]["repeated"]:
            links = []
            for number, each in tables.items():
                name = each[0]["name"] or "number %d" % number
                links.append(el("li", page.link(name, "/settings/edit", section=section, number=number)))
            body = join(
                el("ul", links) if links else el("p", "There are none.", class_="soft"),
                el("p", page.link("Add one", "/settings/edit", section=section), class_="for-engineer"),
            )
        else:
            chosen = [each for each in mine if each["is_set"]]
            body = join(
                page.facts(*[(each["key"], el("span", each["text"], class_="mono")) for each in chosen[:8]])
                if chosen
                else el("p", "All at their defaults.", class_="soft"),
                el("p", page.link("All %d settings" % len(mine), "/settings/edit", section=section)),
            )
        cards.append(page.card(called(section), body, class_="even"))
    more = (
        page.link("Versions so far", "/settings/history"),
        page.link("Edit the file itself", "/settings/text"),
    )
    return join(
        page.presses(request, "/settings/reload"),
        found["edited"] and _by_hand(),
        found["failure"] and page.flash("bad", found["failure"]),
        el("p", "The file is ", el("code", found["path"]), ".") if found["path"] else None,
        el("p", more, class_="row"),
        el("div", cards, class_="grid"),
    )


def _by_hand():
    press = page.press("Take it in", "/settings/reload", "", "engineer")
    return page.card("The file was edited by hand", el("p", "The box does not follow it yet."), el("p", press))


def _by(rows, name):
    found = {}
    for each in rows:
        found.setdefault(each[name], []).append(each)
    return found


def render_edit(ask, request):
    """Return the form of one table."""
    asked = request.form if request.refused else request.args
    section, number = asked.get("section", ""), asked.get("number", "")
    mine, found = ask("settings", blank=True, section=section)
    number = int(number) if number.isdecimal() else None
    return form(request, found, mine, section, number, asked.get("kind"))


def form(request, found, mine, section, number, kind=None):
    """Return the form of one table of a section.

    found: the summary of `settings`; mine: its rows of the section; number: of the table, None for one to be added, or
    for a section that has one table; kind: of a table to be added, where its section has kinds.
    """
    repeated = mine[0]["repeated"]
    rows = [each for each in mine if each["number"] == number]
    if not rows:
        raise Misused("there is no %s with the number %s" % (section, number))
    keys, first = {"section": section}, []
    if repeated and number is None:
        kinds = [each["choices"] for each in rows if each["key"] == "kind"]
        kind = kind or (kinds and kinds[0] and kinds[0][0]) or None
        rows = [each for each in rows if not each["kinds"] or kind in each["kinds"]]
        rows = [each for each in rows if each["key"] != "kind"]
        add = {"section": section, "add": {"kind": kind} if kind else {}}
        first, keys = [add], {"section": section, "number": 1 + max([each["number"] or 0 for each in mine])}
        title = "Add to " + called(section)
    else:
        if number is not None:
            keys["number"] = number
        title = rows[0]["name"] or called(section) + (" %d" % number if number else "")
    return join(
        el("p", page.link("All settings", "/settings")),
        request.refused and page.flash("bad", request.refused),
        page.presses(request, "/settings/remove") if repeated and number is not None else None,
        page.card(
            title,
            page.form(
                request,
                "/settings/change",
                el("input", type="hidden", name="section", value=section),
                el("input", type="hidden", name="number", value=number or ""),
                el("input", type="hidden", name="kind", value=kind or ""),
                el("input", type="hidden", name="id", value=found["id"]),
                fields.typed_in(request, rows, keys, first),
                el("p", "What you apply is on trial for 120 s: if you do not confirm it, it goes back by itself.",
                   class_="soft for-engineer"),
                page.button("Apply", role="engineer"),
                **fields.checked_by(keys, first),
            ),
        ),
        _away(section, number) if repeated and number is not None else None,
    )  # fmt: skip


def _away(section, number):
    remove = [{"section": section, "number": number, "remove": True}]
    press = page.press("Take it out", "/settings/remove", "danger", "engineer", edits=json.dumps(remove))
    words = "It is gone from the configuration then. What it has done so far stays as it is."
    return el("div", page.sure("Take it out", el("p", words), press), class_="for-engineer")


def _edits(form):
    found = json.loads(form["edits"]) if form.get("edits") else fields.edits(form)
    if not found:
        raise Misused("nothing was changed; change something, then apply it")
    return dict(page.asked("id")(form), edits=found)


def said_of_change(form, done):
    """Return what is said once a change is applied."""
    return "It is applied, and on trial." if done["trial"] is not None else "It is written."


def after_change(form, done):
    """Return where to go after a change: to where it is confirmed."""
    return "/settings/trial" if done and done["trial"] is not None else "/settings"


PAGES = (
    page.Page("/settings", "Settings", "viewer", render, page.KEEP),
    page.Page("/settings/edit", "Settings", "viewer", render_edit),
)
ACTIONS = (
    page.Action("/settings/change", "change", _edits, said_of_change, after_change, again=render_edit),
    page.Action("/settings/remove", "change", _edits, said_of_change, after_change),
    page.Action("/settings/reload", "reload", page.asked(), said_of_change, after_change),
)
LIVE = ()
