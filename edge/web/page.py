"""What every page consists of: the frame around it, and the parts that pages are put together from.

A page file says what it has in three tuples, which the server reads:

    PAGES    rows of Page: what is answered to GET, or to POST where looking does something
    ACTIONS  rows of Action: what is done on POST, each by asking one verb
    LIVE     rows of Live: parts of pages that are sent again, as long as somebody looks, when they have changed

A render is given `ask` and `request` and returns the Markup of <main>; the frame is put around it by the server.

    ask(verb, **arguments) -> (list of rows, summary); raises verb.Refused
    ask.each(verb, **arguments) -> generator of rows as they come, which returns the summary; for pages that stream
    request: .path, .args and .form (dicts of str), .who (Asker, None before login), .csrf (text), .refused (what the
    verb said when an action was refused, else None)

What is live is rendered once for all who look at it. So it knows of nobody, and its buttons belong to forms that stand
outside of it: `presses` puts those forms on the page, and a `press` names its own and what it is to be asked with.
Buttons for a higher role are in the page and not shown; it is the verb that says who may.

A table becomes cards on a narrow screen, states are said in a colour and in words, and nothing here needs a script.
"""

import os
import zlib
from collections import namedtuple
from urllib.parse import parse_qsl, urlencode

from edge.verbs.verb import Misused
from edge.web.markup import Markup, el, join

# path: "/queue"; title: a word or two; role: the least that may see it; render: function of (ask, request) that returns
# Markup, or that yields it where `streams` is true, so that each part is seen as soon as it is there; menu: the group
# of the menu it stands in, None for none; posted: whether it is asked for with POST, and the token of a form, because
# it does something in the world
Page = namedtuple(
    "Page", ("path", "title", "role", "render", "menu", "streams", "posted"), defaults=(None, False, False)
)
# path: "/queue/release"; verb: its name; arguments: function of the form (dict of str) that returns what to ask the
# verb with, and may raise verb.Misused; said: function of (form, summary) that returns the words of the flash; back:
# function of (form, summary) that returns the path to go to, with None for the summary when the verb refused;
# again: a render as of Page, which answers in place of going back when the verb refused, so that what was typed stays;
# download: name of the file that is answered, where the verb writes one; upload: name of the field with the file that
# the verb reads
Action = namedtuple(
    "Action", ("path", "verb", "arguments", "said", "back", "again", "download", "upload"), defaults=(None, None, None)
)
# name: what /live/NAME is called; role: the least that may; render: function of (ask, args) that returns {id: Markup},
# each an element that has this id; args: dict of str, what stood behind the "?"; lists: as render, of the parts that
# may be long, which may be a few seconds behind
Live = namedtuple("Live", ("name", "role", "render", "lists"), defaults=(None,))

BOX, WORK, KEEP = "Box", "Work", "Care"  # the groups of the menu, in this order
MENU = (BOX, WORK, KEEP)

_STATIC = os.path.join(os.path.dirname(__file__), "static")
_GLYPHS = {"ok": "●", "warn": "▲", "bad": "■", "off": "○", "busy": "◐"}


# --- the frame --------------------------------------------------------------------------------------------------------


def frame(request, title, body, pages=(), flashes=(), name="edge", live=False):
    """Return a whole document as text.

    request: see above; title: of the page; body: Markup of <main>; pages: the Pages of the menu, in order; flashes:
    (kind, words) of what was just done; name: of the box; live: whether the page updates itself.
    """
    head, tail = around(request, title, pages, flashes, name, live)
    return head + body + tail


def around(request, title, pages=(), flashes=(), name="edge", live=False):
    """Return what stands before and behind the body, for a page that is sent in parts."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", "%s – %s" % (title, name)),
        el("link", rel="icon", href=static("icon.svg"), type="image/svg+xml"),
        el("link", rel="stylesheet", href=static("style.css")),
        el("script", src=static("script.js"), defer=True),
    )
    who = request.who
    body = join(
        el("a", "Skip to the page", href="#main", class_="skip"),
        _banner(request, pages, name, live) if who is not None else _bare_banner(name),
        Markup('<main id="main" tabindex="-1">'),
        [flash(kind, words) for kind, words in flashes],
        el("h1", title),
    )
    begin = '<!doctype html>\n<html lang="en">%s<body data-role="%s" data-csrf="%s">' % (
        head,
        who.role if who is not None else "",
        join(request.csrf or ""),
    )
    return Markup(begin + body), Markup("</main></body></html>\n")


def _brand(name):
    icon = el("img", src=static("icon.svg"), alt="", width=28, height=28)
    return el("a", icon, el("b", name), href="/", class_="brand")


def _bare_banner(name):
    return el("header", _brand(name), class_="top bare")


def _banner(request, pages, name, live):
    groups = []
    for group in MENU:
        links = [_menu_link(each, request.path) for each in pages if each.menu == group]
        groups.append(links and [el("h2", group), el("ul", links)])
    who = request.who
    leave = form(request, "/logout", el("span", el("b", who.name), " ", who.role), button("Log out", "quiet"))
    return el(
        "header",
        _brand(name),
        live and el("span", id="live", class_="live", role="status"),
        el("button", "Menu", type="button", popovertarget="menu", class_="menu"),
        el("nav", groups, leave, id="menu", popover=True, aria_label="Menu"),
        class_="top",
    )


def _menu_link(page, path):
    here = path == page.path or (page.path != "/" and path.startswith(page.path + "/"))
    return el("li", el("a", page.title, href=page.path, aria_current="page" if here else None))


def flash(kind, words):
    """Return what has just been done, or why not."""
    return el("p", words, class_="flash " + kind, role="alert" if kind == "bad" else "status")


_tags = {}


def static(name):
    """Return the path of a file of `static/`, which changes with the file, so that it may be kept for ever."""
    if name not in _tags:
        with open(os.path.join(_STATIC, name), "rb") as file:
            _tags[name] = "/static/%s?%08x" % (name, zlib.crc32(file.read()))
    return _tags[name]


# --- what is said -----------------------------------------------------------------------------------------------------


def state(kind, words):
    """Return a state in a colour, a shape and words; kind: "ok", "warn", "bad", "off" or "busy"."""
    return el("span", el("i", _GLYPHS[kind], aria_hidden="true"), el("span", words), class_="state " + kind)


def card(title, *children, id=None, class_="", level="h2"):
    """Return a part of a page with a heading; with an id, one that may be sent again."""
    return el("section", title and el(level, title), children, id=id, class_=("card " + class_).strip())


def facts(*pairs):
    """Return terms with what there is to say of each; a pair whose second is None is left out."""
    return el("dl", [el("div", el("dt", term), el("dd", value)) for term, value in pairs if value is not None])


def table(caption, heads, rows, otherwise="There are none.", id=None):
    """Return a table, of which each row is a card on a narrow screen.

    caption: what it shows; heads: of the columns, "" for one with buttons; rows: tuples of cells, the first of which
    names its row; otherwise: said instead when there are no rows.
    """
    if not rows:
        return el("div", el("p", otherwise, class_="none"), id=id)
    # The roles are said again, as a table whose parts are laid out as blocks is no table to a screen reader.
    head = el("tr", [el("th", each or el("span", "Do", class_="unseen"), scope="col") for each in heads], role="row")
    lines = []
    for row in rows:
        number = heads[0] if isinstance(row[0], int) else None  # which alone would say nothing on a card
        first = el("th", row[0], scope="row", role="rowheader", data_head=number)
        rest = [
            el("td", each, role="cell", data_head=name or None, class_=None if name else "do")
            for name, each in zip(heads[1:], row[1:], strict=True)
        ]
        lines.append(el("tr", first, rest, role="row"))
    return el(
        "div",
        el(
            "table",
            el("caption", caption, class_="unseen"),
            el("thead", head, role="rowgroup"),
            el("tbody", lines, role="rowgroup"),
            role="table",
        ),
        id=id,
        class_="table",
    )


def meter(words, value, most=100, low=None, high=None):
    """Return how much of something there is or is done, as a bar with words."""
    return el(
        "span",
        el("meter", value=value, max=most, low=low, high=high, optimum=0 if high else None, aria_label=words),
        el("span", words, aria_hidden="true"),
        class_="meter",
    )


def progress(words, value, most):
    """Return how far something has come, as a bar with words."""
    bar = el("progress", value=value, max=most or 1, aria_label=words)
    return el("span", bar, el("span", words, aria_hidden="true"), class_="meter")


def link(words, path, **args):
    """Return a link to a page; `args` stand behind the "?"."""
    return el("a", words, href=at(path, **args))


def at(path, **args):
    """Return a path with arguments, of which those that are None or "" are left out."""
    given = {name: value for name, value in args.items() if value not in (None, "")}
    return path + "?" + urlencode(given) if given else path


# --- what is asked for ------------------------------------------------------------------------------------------------


def form(request, path, *children, class_=None, id=None, upload=False, **data):
    """Return a form that posts to an action."""
    return el(
        "form",
        el("input", type="hidden", name="csrf", value=request.csrf),
        children,
        method="post",
        action=path,
        class_=class_,
        id=id,
        enctype="multipart/form-data" if upload else None,
        **data,
    )


def search(path, *children):
    """Return a form that asks for a page with other arguments."""
    return el("form", children, method="get", action=path, class_="search", role="search")


def button(words, kind="", role=None, **attributes):
    """Return the button of a form; kind: "", "quiet" or "danger"; role: shown only to those who may."""
    classes = " ".join(each for each in (kind, role and "for-" + role) if each)
    return el("button", words, class_=classes or None, **attributes)


def presses(request, *paths):
    """Return the forms of `press`, one for each path; they stand outside of everything that is live."""
    return [form(request, path, id=_form_id(path), class_="presses") for path in paths]


def press(words, path, kind="quiet", role="operator", about="", **arguments):
    """Return a button that posts `arguments` to an action, wherever it stands; about: its row, for the ear."""
    given = {name: value for name, value in arguments.items() if value is not None}
    said = el("span", " ", about, class_="unseen") if about else None
    return button(join(words, said), kind, role, form=_form_id(path), name="with", value=urlencode(given))


def given(form):
    """Return a form as it was meant: with what its press was to be asked with."""
    found = dict(form)
    found.update(parse_qsl(found.pop("with", ""), keep_blank_values=True))
    return found


def asked(*texts, numbers=(), truths=()):
    """Return the function that makes a form into arguments of a verb; what is empty is left out."""

    def arguments(form):
        found = {name: form[name] for name in texts if form.get(name)}
        for name in numbers:
            value = form.get(name, "").strip()
            if value:
                if not value.isascii() or not value.lstrip("-").isdigit() or len(value) > 18:
                    raise Misused("%s: expected a whole number, found %s" % (name, value[:40]))
                found[name] = int(value)
        found.update({name: True for name in truths if form.get(name)})
        return found

    return arguments


def sure(words, *children, about=""):
    """Return what is done only after a second thought: `words`, and behind them what there is to say and to press."""
    said = el("span", " ", about, class_="unseen") if about else None
    return el("details", el("summary", words, said), el("div", children), class_="sure")


def field(label, name, value="", hint=None, wrong=None, of="", **attributes):
    """Return a line to type in, with its label, its hint and what is wrong with what it has.

    of: what tells it from others of its name on the page.
    """

    def control(told):
        return el("input", name=name, value=value, **told, **attributes)

    return _labelled(label, name + of, hint, wrong, control)


def text(label, name, value="", hint=None, wrong=None, **attributes):
    """Return lines to type in."""

    def control(told):
        # The first newline behind the tag would not count as one of the text
        return el("textarea", "\n", value, name=name, **told, **attributes)

    return _labelled(label, name, hint, wrong, control)


def choose(label, name, choices, value="", hint=None, wrong=None, of="", **attributes):
    """Return a choice of one; choices: (value, words), or the values alone."""
    pairs = [each if isinstance(each, tuple) else (each, each) for each in choices]
    options = [el("option", words, value=key, selected=key == value) for key, words in pairs]

    def control(told):
        return el("select", options, name=name, **told, **attributes)

    return _labelled(label, name + of, hint, wrong, control)


def _labelled(label, name, hint, wrong, control):
    key = "f-" + name.replace(" ", "-")
    told = {"id": key, "aria_describedby": key + "-hint", "aria_invalid": "true" if wrong else None}
    return el(
        "div",
        el("label", label, for_=key),
        control(told),
        el("p", hint, id=key + "-hint", class_="hint"),
        el("p", wrong, id=key + "-wrong", class_="wrong", aria_live="polite"),
        class_="field",
    )


def _form_id(path):
    return "do" + path.replace("/", "-")
