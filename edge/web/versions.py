"""What becomes of a change: the trial it is on, the versions there were, the file itself."""

from edge.box import load
from edge.web import home, page, place, settings, words
from edge.web.markup import el, join

_KINDS = {"kept": "ok", "on trial": "warn", "went back": "off", "refused": "bad"}


def render_trial(ask, request):
    """Return the page that says what is on trial, and until when."""
    found = ask("settings", section="box")[1]
    trial = found["trial"]
    if trial is None:
        return join(
            page.card(None, el("p", page.state("ok", "Nothing is on trial.")), page.link("All settings", "/settings"))
        )
    left = max(0, int(found["left_s"]))
    then, moves_back = place.afterwards(request.here, _console_of(found["before"], found["path"]))
    keep = page.form(
        request,
        "/settings/confirm",
        el("input", type="hidden", name="trial", value=trial),
        page.button("Keep it", role="engineer"),
    )
    back = page.form(request, "/settings/revert", page.button("Put it back", "quiet", role="engineer"))
    there = ask("status")[1]["destinations"]
    lost = [el("div", el("b", each["name"]), home.unrouted(each)) for each in there if home.unrouted(each)]
    return join(
        page.card(
            "The change is applied, and on trial",
            el("p", "In ", el("b", "%d s" % left, data_left=left, data_then=then),
               " it goes back by itself, unless it is kept.", moves_back),
            el("p", join(found["tried_by"], ": "), el("span", found["words"], class_="mono")),
            el("p", "Look whether everything is as you meant it, then keep it."),
            lost,
            el("div", keep, back, class_="row"),
            class_="trial",
        ),
        _change_of(ask, trial),
    )  # fmt: skip


def _console_of(text, path):
    """Return what a text of the configuration has of the console, None where it cannot be read any more."""
    try:
        return (load.parse(text, path) if text else load.load(None)).config.console
    except load.ConfigError:
        return None


def _change_of(ask, trial):
    text = ask("difference", id=trial)[1]["diff"]
    return page.card("What has changed", difference(text)) if text else None


def difference(text):
    """Return a difference with its lines marked."""
    lines = []
    for line in text.splitlines():
        if line.startswith(("---", "+++")):
            continue
        kind = {"+": "add", "-": "cut"}.get(line[:1])
        lines.append(el("span", line + "\n", class_=kind) if kind else line + "\n")
    return el("pre", lines, tabindex="0", role="region", aria_label="Difference")


def render_history(ask, request):
    """Return the page of all versions."""
    rows = []
    for each in ask("history")[0]:
        rows.append(
            (
                page.link("%d" % each["id"], "/settings/version", id=each["id"]),
                words.instant(each["at"]),
                each["who"] or "–",
                each["words"],
                page.state(_KINDS.get(each["outcome"], "off"), "in use" if each["now"] else each["outcome"]),
                page.press("Restore", "/settings/restore", role="engineer", about="version %d" % each["id"],
                           id=each["id"]),
            )
        )  # fmt: skip
    heads = ("Version", "When", "Who", "What", "Outcome", "")
    return join(
        el("p", page.link("All settings", "/settings")),
        page.presses(request, "/settings/restore"),
        page.card(None, page.table("Versions of the configuration", heads, rows, "Nothing was changed yet.")),
    )


def render_version(ask, request):
    """Return the page of one version: what is different now."""
    number = page.asked(numbers=("id",))(request.args)
    change, back = (ask("difference", now=now, **number)[1]["diff"] for now in (None, True))
    return join(
        el("p", page.link("All versions", "/settings/history")),
        page.presses(request, "/settings/restore"),
        page.card(
            "Version %d" % number.get("id", 0),
            difference(change) if change else el("p", "It changed nothing."),
        ),
        page.card(
            "Restoring it",
            difference(back) if back else el("p", "It is as the configuration is now."),
            back and el("p", page.press("Restore it", "/settings/restore", "", "engineer", **number)),
        ),
    )


def render_text(ask, request):
    """Return the page on which the file itself is edited."""
    found = ask("settings", section="box")[1]
    mine = request.form if request.refused else {}
    return join(
        el("p", page.link("All settings", "/settings")),
        request.refused and page.flash("bad", request.refused),
        page.form(
            request,
            "/settings/write",
            el("input", type="hidden", name="id", value=mine.get("id", found["id"])),
            page.text("The configuration file", "text", mine.get("text", found["text"]), "TOML. Comments are kept.",
                      class_="long", spellcheck="false", data_whole=True, rows=30),
            el("p", class_="found", role="status"),
            page.button("Apply", role="engineer"),
            data_check="{}",
        ),
    )  # fmt: skip


def _written(form):
    return dict(page.asked("id")(form), text=form.get("text", "").replace("\r\n", "\n"))


PAGES = (
    page.Page("/settings/trial", "Keep the change?", "viewer", render_trial),
    page.Page("/settings/history", "Versions", "viewer", render_history),
    page.Page("/settings/version", "Version", "viewer", render_version),
    page.Page("/settings/text", "The file", "viewer", render_text),
)
ACTIONS = (
    page.Action("/settings/write", "change", _written, settings.said_of_change, settings.after_change, render_text),
    page.Action(
        "/settings/confirm",
        "confirm",
        page.asked(numbers=("trial",)),
        lambda form, done: "The change is kept.",
        lambda form, done: "/settings" if done is not None else "/settings/trial",
    ),
    page.Action(
        "/settings/revert",
        "revert",
        page.asked(),
        lambda form, done: "The settings before are back.",
        lambda form, done: "/settings" if done is not None else "/settings/trial",
    ),
    page.Action(
        "/settings/restore",
        "restore",
        page.asked(numbers=("id",)),
        settings.said_of_change,
        lambda form, done: settings.after_change(form, done) if done is not None else "/settings/history",
    ),
)
LIVE = ()
