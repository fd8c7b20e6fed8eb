"""The network of the box: what the kernel has, what is set, a change on trial, and settings to fill in."""

from edge.board import network
from edge.verbs.verb import Misused, Refused
from edge.web import page, words
from edge.web.markup import el, join

_BOX = "box."  # what the names of fields that are no interface's begin with
_TRUTHS = (("", "(default)"), ("true", "yes"), ("false", "no"))


def render(ask, request):
    """Return the page."""
    try:
        rows, found = ask("network")
    except Refused as refused:
        return page.card(None, el("p", page.state("off", "Not set here")), el("p", str(refused)))
    return join(
        request.refused and page.flash("bad", request.refused),
        found["trial"] is not None and _trial(request, found),
        found["went_back"] and found["trial"] is None and page.flash("warn", _went_back(found)),
        page.card("Now", _now(rows, found)),
        found["trial"] is None and _settings(request, found["settings"]),
    )


def _went_back(found):
    at = words.instant(found["went_back_at"])
    return join("The last change of the network went back: ", found["went_back"], " (", at, ").")


def _trial(request, found):
    named = el("input", type="hidden", name="trial", value=found["trial"])
    keep = page.form(request, "/network/confirm", named, page.button("Keep it", role="engineer"))
    back = page.form(request, "/network/revert", named, page.button("Put it back", "quiet", role="engineer"))
    left = max(0, int(found["left_s"]))
    return page.card(
        "The change is applied, and on trial",
        el("p", "In ", el("b", "%d s" % left, data_left=left, data_then="/network"),
           " it goes back by itself, unless it is kept."),
        el("p", "That you see this page says that the box can be reached from here. Look at the rest, then keep it."),
        el("div", keep, back, class_="row"),
        class_="trial",
    )  # fmt: skip


def _now(rows, found):
    lines = []
    for each in rows:
        state = page.state("ok", "connected") if each["is_up"] else page.state("off", "no connection")
        addresses = [el("div", el("code", one)) for one in each["addresses"]]
        lines.append((each["device"], state, join(addresses) if addresses else "none", el("code", each["mac"])))
    opened = ", ".join(["%s %d" % (each["name"], each["port"]) for each in found["listens"]])
    return join(
        page.table("Interfaces", ("Interface", "", "Addresses", "Number of the card"), lines),
        page.facts(
            ("Name", el("code", found["name"] + ".local")),
            ("Firewall", page.state("ok", "closed, but for: " + (opened or "nothing")) if found["is_ours"] else None),
        ),
    )


def _settings(request, settings):
    mine = request.form if request.refused else None
    interfaces = settings.get("interface", [])
    fields = [_field(each, _BOX, settings, mine) for each in network.KEYS]
    parts = [el("details", el("summary", "The box"), el("div", fields, class_="keys"), open=True)]
    for number in range(1, len(interfaces) + 2):
        is_new = number > len(interfaces)
        found = {} if is_new else interfaces[number - 1]
        fields = [_field(each, "%d." % number, found, mine) for each in network.INTERFACE_KEYS]
        title = "One more interface" if is_new else "Interface %d: %s" % (number, found.get("device", ""))
        body = el("div", fields, class_="keys")
        parts.append(el("details", el("summary", title), body, open=not is_new))
    return page.card(
        "Settings",
        el("p", "An interface without a name is left out. What is applied goes back by itself after two minutes unless "
           "it is kept: also when nobody reaches the box any more."),
        page.form(request, "/network/change", parts, page.button("Apply, on trial", role="engineer")),
        class_="for-engineer",
    )  # fmt: skip


def _field(key, where, found, mine):
    name = where + key.name
    value = found.get(key.name)
    shown = _shown(value)
    if mine is not None:
        shown = mine.get(name, shown)
    if key.kind == "truth":
        return page.choose(key.name, name, _TRUTHS, shown, key.meaning)
    if key.kind == "secret":
        hint = join(key.meaning, " Left empty, it stays as it is." if value else "")
        return page.field(key.name, name, "", hint, type="password", autocomplete="new-password")
    return page.field(key.name, name, shown, key.meaning, autocomplete="off", spellcheck="false")


def _shown(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)


def read(form):
    """Return the settings that a form of this page asks for. Raises Misused."""
    settings = _table(form, _BOX, network.KEYS)
    numbers = sorted({int(name.partition(".")[0]) for name in form if name.partition(".")[0].isdecimal()})
    interfaces = [_table(form, "%d." % number, network.INTERFACE_KEYS) for number in numbers]
    settings["interface"] = [each for each in interfaces if each.get("device")]
    return {"settings": settings}


def _table(form, where, keys):
    found = {}
    for key in keys:
        text = form.get(where + key.name, "").strip()
        if text:
            found[key.name] = _read(key, where, text)
    return found


def _read(key, where, text):
    if key.kind == "list":
        return [each.strip() for each in text.split(",") if each.strip()]
    if key.kind == "truth":
        return text == "true"
    if key.kind == "number":
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise Misused("%s%s: expected a whole number, found %s" % (where, key.name, text[:40]))
        return int(text)
    return text


def _said(form, done):
    told = "The network is changed, on trial: keep it, or it goes back." if done["trial"] else "The network is changed."
    return "\n".join([told, *["Mind: %s." % each for each in done["warnings"]]])


def _back(form, done):
    return "/network"


NEEDS = ("network",)
PAGES = (page.Page("/network", "Network", "viewer", render, page.KEEP),)
ACTIONS = (
    page.Action("/network/change", "change-network", read, _said, _back, again=render),
    page.Action("/network/confirm", "confirm-network", page.asked("trial"), lambda form, done: "It stays.", _back),
    page.Action("/network/revert", "revert-network", page.asked("trial"), lambda form, done: "It went back.", _back),
)
LIVE = ()
