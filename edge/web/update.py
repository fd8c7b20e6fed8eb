"""The page of updates: what is in the slots, a new version brought, checked and installed, and how far that is."""

from edge.web import page, words
from edge.web.markup import el, join


def render(ask, request):
    """Return the page."""
    return join(
        page.presses(request, "/update/install"),
        el("div", live(ask, {})["update"], data_live="update"),
        page.card(
            "Bring an update",
            el("p", "A signed file that ends in .raucb, for this board. It is kept on the data partition and checked; "
               "nothing changes before it is installed."),
            page.form(
                request,
                "/update/stage",
                page.field("Update", "file", type="file", required=True, accept=".raucb"),
                el("p", el("label", el("input", type="checkbox", name="allow_older", value="1"),
                   " Take an older version, too")),
                page.button("Bring it"),
                el("progress", value="0", max="100", hidden=True),
                el("p", "", role="status", class_="soft"),
                upload=True,
                data_pieces="/api/v1/stage-update",
            ),
            el("p", "With the script of the page switched off, files of up to 24 MB are taken; larger ones come from "
               "an address, or by ", el("code", "edge update FILE"), ".", class_="soft"),
            class_="for-engineer",
        ),
        page.card(
            "Install from an address",
            page.form(
                request,
                "/update/fetch",
                page.field("Address", "url", type="url", required=True,
                           hint="https://, of a server that sends parts of files."),
                page.button("Install"),
            ),
            class_="for-engineer",
        ),
    )  # fmt: skip


def live(ask, args):
    """Return what changes on the page."""
    rows, found = ask("versions")
    lines = [("Slot " + row["slot"], row["version"] or "not known", _state(row)) for row in rows]
    return {
        "update": el(
            "div",
            page.card(
                "Versions",
                el("p", "Version %s runs%s." % (found["version"], " on " + found["board"] if found["board"] else "")),
                found["why_not"] and el("p", _sentence(found["why_not"])),
                page.table("Slots", ("Slot", "Version", ""), lines, "There are no slots here."),
                _trial(found),
                _last(found["last"]),
            ),
            _under_way(found),
            id="update",
        )
    }


def _state(row):
    if row["runs"]:
        return page.state("warn", "runs, on trial") if row["trial"] else page.state("ok", "runs")
    if row["next"]:
        return page.state("busy", "starts next")
    return page.state("ok", "good") if row["good"] else page.state("off", "not found good")


def _trial(found):
    if not found["on_trial"]:
        return None
    return el("p", "This version is on trial: it tests itself, and is kept or gone back from within three minutes.")


def _last(last):
    if last["result"] != "went back":
        return None
    version = last["version"] or "a new version"
    return el("p", page.state("bad", "went back"), " from %s: %s." % (version, last["why"]))


def _under_way(found):
    if found["stage"] == "installing":
        return page.card("Version %s" % found["version_wanted"], page.progress(found["words"], found["percent"], 100))
    if found["stage"] == "installed":
        return page.card(None, el("p", "Version %s is installed; the box restarts into it." % found["version_wanted"]))
    failed = found["stage"] == "failed" and el("p", page.state("bad", "not installed"), " ", _sentence(found["words"]))
    if found["staged"]:
        said = el("p", "Version %s is here, checked." % found["staged"])
        press = page.press("Install, and restart", "/update/install", role="engineer", kind="")
        return page.card("Ready to install", failed or None, said, press)
    room = el("p", "%s may be taken for an update." % words.octets(found["room_bytes"]), class_="soft")
    return page.card(None, failed or None, room)


def _sentence(said):
    return said[:1].upper() + said[1:] + "."


NEEDS = ("versions", "stage-update", "update")
PAGES = (page.Page("/update", "Update", "viewer", render, page.KEEP),)
ACTIONS = (
    page.Action(
        "/update/stage",
        "stage-update",
        page.asked(truths=("allow_older",)),
        lambda form, done: "Version %s is here, and checked." % done["version"],
        lambda form, done: "/update",
        upload="file",
    ),
    page.Action(
        "/update/install",
        "update",
        lambda form: {"background": True},
        lambda form, done: "Version %s is being installed." % done["version"],
        lambda form, done: "/update",
    ),
    page.Action(
        "/update/fetch",
        "update",
        lambda form: {"background": True, **page.asked("url")(form)},
        lambda form, done: "Version %s is being installed." % done["version"],
        lambda form, done: "/update",
    ),
)
LIVE = (page.Live("update", "viewer", live),)
