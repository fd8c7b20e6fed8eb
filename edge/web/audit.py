"""Audit: who did what, from where, and what came of it; the newest first."""

import json
import time

from edge.web import page, words
from edge.web.markup import el

_LINES = 100


def render(ask, request):
    """Return the page."""
    upto = request.args.get("upto", "")
    asked = {"limit": _LINES}
    if upto.isascii() and upto.isdigit() and len(upto) < 12:
        asked["after"] = max(0, int(upto) - _LINES - 1)
        asked["limit"] = max(1, min(_LINES, int(upto) - asked["after"] - 1))
    rows, done = ask("audit", **asked)
    now = time.time()
    cells = [
        (
            words.when(each["at"], now),
            each["who"],
            each["verb"],
            _pairs(each["request"]),
            _outcome(each),
        )
        for each in reversed(rows)
    ]
    older = rows and rows[0]["id"] > 1 and el("p", page.link("Older ones", "/audit", upto=rows[0]["id"]))
    return el("div", _whole(done), page.table("Audit", ("When", "Who", "What", "Asked", "Came of it"), cells), older)


def _whole(done):
    if done["fault"]:
        return page.flash("bad", done["fault"])
    if done["broken_at"] is not None:
        said = "Line %d is not what the box wrote, or missing: somebody has changed the file." % done["broken_at"]
        return page.flash("bad", said)
    return el("p", page.state("ok", "Every line is as it was written."))


def _outcome(each):
    if each["failure"]:
        return page.state("bad", each["failure"])
    outcome = each["outcome"] if isinstance(each["outcome"], dict) else {}
    if "changes" in outcome:
        return el("ul", [el("li", _change(one)) for one in outcome["changes"]]) or page.state("ok", "done")
    return _pairs({key: one for key, one in outcome.items() if one is not None}) or page.state("ok", "done")


def _change(one):
    """Return in words a key of the configuration that was changed."""
    if one["after"] is None:
        return "%s taken out" % one["key"]
    if one["before"] is None:
        return "%s = %s" % (one["key"], one["after"])
    return "%s = %s, was %s" % (one["key"], one["after"], one["before"])


def _pairs(found):
    """Return what was asked or answered in a few words."""
    if not found:
        return ""
    if not isinstance(found, dict):
        return str(found)
    said = ["%s: %s" % (key, value if isinstance(value, str) else json.dumps(value)) for key, value in found.items()]
    text = ", ".join(said)
    return text if len(text) <= 300 else el("details", el("summary", text[:120] + "…", class_="long"), text)


PAGES = (page.Page("/audit", "Audit", "engineer", render, page.KEEP),)
