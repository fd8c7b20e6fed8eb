"""Destinations: where objects go, and a test that says which layer of the way there fails, and what to do."""

from edge.verbs.verb import Misused
from edge.web import home, page, said, settings, words
from edge.web.markup import Markup, el, join

_KINDS = {
    "dicom": "DICOM (C-STORE)",
    "stow": "DICOMweb (STOW-RS)",
    "folder": "Folder",
    "relay": "Another box (relay)",
}
_STEPS = {
    "name": "Name",
    "ping": "Ping",
    "tcp": "TCP",
    "tls": "TLS",
    "association": "Association",
    "echo": "C-ECHO",
    "service": "Service",
    "folder": "Folder",
}


def render(ask, request):
    """Return the page."""
    add = [page.link(_KINDS.get(kind, kind), "/destination", kind=kind) for kind in _kinds(ask)]
    return join(
        page.presses(request, "/destinations/test"),
        el("div", live(ask, {})["destinations"], data_live="destinations"),
        page.card("Add one", el("p", add, class_="row"), class_="for-engineer"),
    )


def _kinds(ask):
    for each in ask("settings", blank=True, section="destination")[0]:
        if each["key"] == "kind":
            return each["choices"]
    return ()


def live(ask, args):
    """Return what changes on the page."""
    found = ask("status")[1]
    where = {}
    for each in ask("settings", section="destination")[0]:
        where.setdefault(each["name"], {})[each["key"]] = each["text"]
    rows = []
    for each in found["destinations"]:
        name = each["name"]
        mine = where.get(name, {})
        test = page.press("Test", "/destinations/test", "", about=name, destination=name)
        edit = page.link(join("Edit", el("span", " ", name, class_="unseen")), "/destination", name=name)
        why = each["up"] is False and each["error"] and el("p", said.words(each["error"]), class_="soft")
        rows.append(
            (
                name,
                _KINDS.get(mine.get("kind", ""), mine.get("kind", "")) or "–",
                _place(mine) or "–",
                join(home.link_state(each, found["now"]), home.unrouted(each), why),
                words.figure(each["jobs"]["waiting"] + each["jobs"]["sending"]),
                each["configured"] and join(test, edit),
            )
        )
    heads = ("Name", "Kind", "Where", "State", "Waiting", "")
    none = "There is none: what comes in is kept here, and goes nowhere."
    return {"destinations": page.card(None, page.table("Destinations", heads, rows, none), id="destinations")}


def _place(mine):
    if mine.get("host"):
        return "%s at %s port %s" % (mine.get("ae_title", ""), mine["host"], mine.get("port", ""))
    return mine.get("url") or mine.get("path")


def render_test(ask, request):
    """Yield the page of a test, each layer as soon as it is known."""
    name = page.given(request.form).get("destination", "")
    yield el("p", page.link("All destinations", "/destinations"))
    yield join(Markup('<section class="card">'), el("h2", name), Markup('<ol class="steps" aria-live="polite">'))
    worst = None
    rows = ask.each("test", destination=name)
    for each in rows:
        if each["ok"] is False and worst is None:
            worst = each
        yield _step(each)
    yield Markup("</ol>")
    if worst is None:
        yield el("p", page.state("ok", "It answers, on every layer."), class_="verdict")
    else:
        layer = _STEPS.get(worst["layer"], worst["layer"])
        cure = worst["cure"][:1].upper() + worst["cure"][1:]
        yield el("p", page.state("bad", layer + " fails."), " ", cure, class_="verdict", role="alert")
    yield Markup("</section>")
    again = el("input", type="hidden", name="destination", value=name)
    yield page.form(request, "/destinations/test", again, page.button("Test again"))


def _step(each):
    name = el("b", _STEPS.get(each["layer"], each["layer"]))
    if each["ok"] is None:
        return el("li", name, page.state("off", each["words"]))
    elif each["ok"]:
        state = page.state("ok", "works" if each["ms"] is None else "works, %s ms" % each["ms"])
    else:
        state = page.state("bad", "fails")
    return el("li", name, state, el("span", each["words"]))


def render_one(ask, request):
    """Return the form of a destination, or of one to be added."""
    asked = request.form if request.refused else request.args
    mine, found = ask("settings", blank=True, section="destination")
    number = None
    if asked.get("name"):
        number = next((each["number"] for each in mine if each["name"] == asked["name"]), None)
        if number is None:
            raise Misused("no destination is called %s" % asked["name"])
    return settings.form(request, found, mine, "destination", number, asked.get("kind"))


PAGES = (
    page.Page("/destinations", "Destinations", "viewer", render, page.WORK),
    page.Page("/destination", "Destination", "viewer", render_one),
    page.Page("/destinations/test", "Test of a destination", "operator", render_test, streams=True, posted=True),
)
ACTIONS = ()
LIVE = (page.Live("destinations", "viewer", live),)
