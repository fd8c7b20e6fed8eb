"""People: who may come in, with which role; tokens for programs; who is logged in."""

import time

from edge.access.users import PASSWORD_LEAST
from edge.verbs.verb import ENGINEER, ROLES, Misused
from edge.web import page, words
from edge.web.markup import el, join

_MEANINGS = {
    "viewer": "sees everything",
    "operator": "releases, cancels, sends again",
    "engineer": "changes settings, users and what is kept",
}
_ROLES = tuple([(role, "%s: %s" % (role, _MEANINGS[role])) for role in ROLES])
_HINT = "%d characters or more; a few words do well." % PASSWORD_LEAST


def render(ask, request):
    """Return the page: for everybody his own password, for an engineer everybody."""
    if not request.who.may(ENGINEER):
        return el("div", _own(request), class_="stack")
    cards = _users(ask, request), _tokens(ask, request), _sessions(ask, request), _own(request)
    return el("div", cards, class_="stack")


def _users(ask, request):
    rows, _ = ask("users")
    now = time.time()
    cells = []
    for each in rows:
        name = each["name"]
        change = page.form(
            request,
            "/people/user",
            el("input", type="hidden", name="name", value=name),
            page.choose("Role", "role", _ROLES, each["role"], of="-" + name),
            page.field("New password", "password", "", "Empty: it stays.", type="password", autocomplete="new-password",
                       of="-" + name, maxlength=256),
            page.button("Change"),
        )  # fmt: skip
        leave = page.form(
            request,
            "/people/user",
            el("input", type="hidden", name="name", value=name),
            el("input", type="hidden", name="remove", value="yes"),
            page.button("Remove %s" % name, "danger"),
        )
        last = words.when(each["last"], now, "never") if each["last"] else "never"
        cells.append((name, each["role"], last, page.sure("Change", change, leave)))
    new = page.form(
        request,
        "/people/user",
        el("input", type="hidden", name="new", value="yes"),
        page.field("Name", "name", _typed(request, "/people/user", "name"), "A word: letters, digits and - _ . @",
                   required=True, autocapitalize="none", autocomplete="off", maxlength=32),
        page.choose("Role", "role", _ROLES, "viewer"),
        page.field("Password", "password", "", _HINT, type="password", autocomplete="new-password", required=True,
                   maxlength=256),
        page.button("Add this user"),
    )  # fmt: skip
    table = page.table("Users", ("Name", "Role", "Last login", ""), cells)
    refused = request.path == "/people/user" and request.refused
    return page.card("Users", refused and page.flash("bad", refused), table, page.sure("Add a user", new))


def _tokens(ask, request):
    rows, _ = ask("tokens")
    now = time.time()
    cells = []
    for each in rows:
        leave = page.form(
            request,
            "/people/token/remove",
            el("input", type="hidden", name="name", value=each["name"]),
            page.button("Remove", "danger"),
        )
        ends = page.state("bad", "ended") if each["expires"] <= now else words.when(each["expires"], now)
        cells.append((each["name"], each["role"], ends, each["by"], leave))
    new = page.form(
        request,
        "/people/token",
        page.field("What it is for", "name", "", "A name, such as prometheus.", required=True, of="-token",
                   maxlength=64),
        page.choose("Role", "role", _ROLES, "viewer", of="-token"),
        page.field("Good for so many days", "expires", "365", None, type="number", min=1, max=3650, required=True),
        page.button("Make a token"),
    )  # fmt: skip
    table = page.table("Tokens", ("Name", "Role", "Ends", "Made by", ""), cells)
    about = el("p", "A program shows a token as Authorization: Bearer, and may then ask ",
               page.link("the API", "/api/v1/openapi.json"), " what its role may.")  # fmt: skip
    return page.card("Tokens for programs", about, table, page.sure("Make a token", new))


def _sessions(ask, request):
    rows, _ = ask("sessions")
    now = time.time()
    cells = []
    for each in rows:
        end = page.form(
            request,
            "/people/session",
            el("input", type="hidden", name="number", value=each["number"]),
            page.button("Log out", "quiet"),
        )
        began, seen = words.when(each["began"], now), words.when(each["seen"], now)
        cells.append((each["name"], each["address"], began, seen, end))
    return page.card("Logged in", page.table("Logged in", ("Name", "From", "Since", "Last seen", ""), cells))


def _own(request):
    form = page.form(
        request,
        "/people/password",
        el("input", type="hidden", name="username", value=request.who.name, autocomplete="username"),
        page.field("Password until now", "old", "", None, type="password", autocomplete="current-password",
                   required=True, maxlength=256),
        page.field("New password", "new", "", _HINT, type="password", autocomplete="new-password", required=True,
                   maxlength=256),
        page.button("Change it, and log in again"),
    )  # fmt: skip
    refused = request.path == "/people/password" and request.refused
    return page.card("My password", refused and page.flash("bad", refused), form)


def made(ask, request):
    """Make a token; return the page that shows its secret: once."""
    _, done = ask("token", **_token_arguments(request.form))
    return join(
        el("p", "This is the token %s. It is shown this once; the box keeps only a digest of it." % done["name"]),
        el("pre", el("code", done["secret"])),
        el("p", page.link("Back to people", "/people")),
    )


def _typed(request, path, name):
    return request.form.get(name, "") if request.path == path else ""


def _user_arguments(form):
    asked = {"name": form.get("name", "").strip()}
    if form.get("remove"):
        return {**asked, "remove": True}
    made = {"new": True} if form.get("new") else {}
    return {**asked, **made, "role": form.get("role") or None, "password": form.get("password") or None}


def _token_arguments(form):
    days = form.get("expires", "")
    if not (days.isascii() and days.isdigit()):
        raise Misused("the number of days is no number")
    return {"name": form.get("name", "").strip(), "role": form.get("role"), "expires": int(days)}


def _user_said(form, done):
    if done["after"] is None:
        return "%s is removed." % done["name"]
    if done["before"] is None:
        return "%s may log in, as %s." % (done["name"], done["after"])
    return "%s is changed: %s." % (done["name"], done["after"])


def _back(form, done):
    return "/people"


PAGES = (
    page.Page("/people", "People", "viewer", render, page.KEEP),
    page.Page("/people/token", "A new token", "engineer", made, posted=True),
)
ACTIONS = (
    page.Action("/people/user", "user", _user_arguments, _user_said, _back, render),
    page.Action(
        "/people/token/remove",
        "token",
        lambda form: {"name": form.get("name", ""), "remove": True},
        lambda form, done: "The token %s is good no more." % done["name"],
        _back,
    ),
    page.Action(
        "/people/session",
        "end-session",
        page.asked(numbers=("number",)),
        lambda form, done: "That session is ended.",
        _back,
    ),
    page.Action(
        "/people/password",
        "password",
        lambda form: {"old": form.get("old", ""), "new": form.get("new", "")},
        lambda form, done: "Your password is changed.",
        lambda form, done: "/people" if done is None else "/login",
        render,
    ),
)
