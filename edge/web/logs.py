"""Logs and events: what happened, in words, as it happens; and the bundle for whoever is asked for help."""

from edge.web import page, words
from edge.web.markup import el, join

_SHOWN = 200
_LEVELS = (("debug", "everything"), ("info", "information and graver"), ("warning", "warnings and errors"),
           ("error", "errors"))  # fmt: skip
_KINDS = {"debug": "off", "info": "off", "warning": "warn", "error": "bad", "critical": "bad"}


def render_log(ask, request):
    """Return the page of the log."""
    args = {"level": request.args.get("level") or "info", "text": request.args.get("text", "")}
    return join(
        page.search(
            "/logs",
            page.choose("Show", "level", _LEVELS, args["level"]),
            page.field("With the words", "text", args["text"], type="search"),
            page.button("Filter", "quiet"),
        ),
        el("div", live_log(ask, args)["log"], data_live=page.at("log", **args)),
    )


def live_log(ask, args):
    """Return the latest lines of the log, as far as they are asked for."""
    asked = {name: args[name] for name in ("level", "text") if args.get(name)}
    rows = ask("log", limit=_SHOWN, **asked)[0]
    return {"log": _listed(rows, "log", "Nothing like that was logged since the box started.")}


def render_events(ask, request):
    """Return the page of the events."""
    args = {"level": request.args.get("level") or "info"}
    return join(
        page.search(
            "/events",
            page.choose("Show", "level", _LEVELS[1:], args["level"]),
            page.button("Filter", "quiet"),
        ),
        el("div", live_events(ask, args)["events"], data_live=page.at("events", **args)),
    )


def live_events(ask, args):
    """Return the latest events, as far as they are asked for."""
    asked = {name: args[name] for name in ("level",) if args.get(name)}
    rows = ask("events", limit=_SHOWN, **asked)[0]
    return {"events": _listed(rows, "events", "Nothing of note has happened yet.")}


def _listed(rows, id, otherwise):
    """Return lines in the order of time, in a part that scrolls and stands at its end."""
    lines = []
    for each in sorted(rows, key=lambda one: one["id"]):
        level = each["level"].lower()
        grave = level in ("warning", "error", "critical")
        lines.append(
            el(
                "li",
                el("time", words.instant(each["at"])),
                grave and [page.state(_KINDS[level], level), " "],
                each["words"],
                each.get("times", 1) > 1 and el("span", " %d times" % each["times"], class_="soft"),
                each.get("room") and el("span", " ", each["room"], class_="soft"),
            )
        )
    if not lines:
        return el("div", el("p", otherwise, class_="none"), id=id, class_="card")
    told = {"tabindex": "0", "role": "region", "aria_label": "Lines"}
    return el("div", el("ol", lines, class_="log"), id=id, class_="card tail", data_tail=True, **told)


def render_support(ask, request):
    """Return the page of the support bundle."""
    return page.card(
        "Support bundle",
        el("p", "One file for whoever helps you: configuration without secrets, log, events, state and figures of the "
           "box. There is no patient data in it, and no password."),
        page.form(request, "/support/bundle", page.button("Download the bundle", role="operator")),
    )  # fmt: skip


NEEDS = ("log", "events", "bundle")
PAGES = (
    page.Page("/events", "Events", "viewer", render_events, page.KEEP),
    page.Page("/logs", "Log", "viewer", render_log, page.KEEP),
    page.Page("/support", "Support", "operator", render_support, page.KEEP),
)
ACTIONS = (
    page.Action(
        "/support/bundle", "bundle", page.asked(), None, lambda form, done: "/support", download="edge-support.zip"
    ),
)
LIVE = (page.Live("log", "viewer", live_log), page.Live("events", "viewer", live_events))
