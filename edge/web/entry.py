"""The pages of somebody whom the box does not know yet: to claim it, to log in, and what is said when that fails."""

from edge.web import page
from edge.web.markup import el, join


def claim(request, tls, wrong=None):
    """Return the page that a new box shows."""
    form = request.form
    return join(
        el("p", "Nobody has claimed this box yet. Whoever has its code becomes its first engineer."),
        wrong and page.flash("bad", wrong),
        page.form(
            request,
            "/claim",
            page.field(
                "Code of the box",
                "code",
                form.get("code", ""),
                "The serial line shows it, and the terminal on which the box was started. Letters of either size.",
                required=True,
                autocomplete="off",
                autocapitalize="characters",
                spellcheck="false",
                maxlength=40,
            ),
            page.field("Your name here", "name", form.get("name", ""), "A word: letters, digits and - _ . @",
                       required=True, autocomplete="username", autocapitalize="none", maxlength=32),
            page.field("Password", "password", "", "10 characters or more; a few words do well.",
                       type="password", required=True, autocomplete="new-password", minlength=10, maxlength=256),
            page.field("Password, once more", "again", "", None,
                       type="password", required=True, autocomplete="new-password", minlength=10, maxlength=256),
            page.button("Claim this box"),
            class_="narrow",
        ),
        None if tls else _unprotected(),
    )  # fmt: skip


def login(request, next_path, tls, wrong=None):
    """Return the page to log in at."""
    return join(
        wrong and page.flash("bad", wrong),
        page.form(
            request,
            "/login",
            el("input", type="hidden", name="next", value=next_path),
            page.field("Name", "name", request.form.get("name", ""), None, required=True, autocomplete="username",
                       autocapitalize="none", spellcheck="false", maxlength=32),
            page.field("Password", "password", "", None, type="password", required=True,
                       autocomplete="current-password", maxlength=256),
            page.button("Log in"),
            class_="narrow",
        ),
        None if tls else _unprotected(),
    )  # fmt: skip


def refusal(words, how, is_claimed, who, leads=True):
    """Return what is shown in place of a page; who: Asker, or None; leads: whether a link is there to go on by."""
    if not leads:
        way = None
    elif not is_claimed:
        way = el("p", page.link("Claim this box", "/claim"))
    elif who is None:
        way = el("p", page.link("Log in", "/login"))
    else:
        way = el("p", page.link("Home", "/"))
    return join(el("p", words, class_="refusal"), how and el("p", how), way)


def _unprotected():
    return page.flash("warn", "This page is not encrypted ([console] tls = false): a password typed here can be read.")
