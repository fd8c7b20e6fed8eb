"""Tables of the configuration on pages, such as a destination or a route: one is added key by key, one is taken out."""

from edge.terminal import applying, page
from edge.terminal.effects import Ask, Show
from edge.terminal.plain import cut, wrapped


def some(talk):
    """Choose what is to be added, and add it; return AGAIN, None for back."""
    talk.needs("change")
    names = {row["section"]: None for row in talk.told("settings", blank=True)[0] if row["repeated"]}
    options = [(str(number), name) for number, name in enumerate(names, 1)]
    chosen = yield from page.menu("Add to the settings", (), options)
    return None if chosen is None else (yield from add(talk, dict(options)[chosen]))


def add(talk, section):
    """Ask for the keys of one more table of a section, and apply it on trial; return AGAIN, None for back."""
    talk.needs("change")
    rows = talk.told("settings", section=section, blank=True)[0]
    number = 1 + len({row["number"] for row in rows} - {None})
    rows = [row for row in rows if row["number"] is None]
    first = {"section": section, "add": {}}
    kinds = [row["choices"] for row in rows if row["key"] == "kind"]
    if kinds:
        options = [(str(each), kind) for each, kind in enumerate(kinds[0], 1)]
        chosen = yield from page.menu("New [[%s]]: of what kind?" % section, (), options)
        if chosen is None:
            return None
        kind = first["add"]["kind"] = dict(options)[chosen]
        rows = [row for row in rows if row["key"] != "kind" and (not row["kinds"] or kind in row["kinds"])]
    found = {}
    for row in rows:
        if row["required"] and not (yield from _taken(talk, row, found)):
            yield page.said("Nothing was added: %s has to be given." % row["key"])
            return None
    yield from _others(talk, {row["key"]: row for row in rows if not row["required"]}, found)
    typed = [{"section": section, "number": number, "key": key, "text": text} for key, text in found.items()]
    yield from applying.checked(talk, {"edits": [first, *typed]})
    return page.AGAIN


def _others(talk, rows, found):
    """Ask for keys that may be given, by their names, until there are no more."""
    while True:
        left = [key for key in rows if key not in found]
        if not left:
            return
        yield Show(["", *wrapped("At their defaults: %s." % ", ".join(left))])
        name = (yield Ask("Enter: go on. KEY: set it > ")).strip()
        if not name:
            return
        if name in rows:
            yield from _taken(talk, rows[name], found)
        else:
            yield Show(["%s is none of these." % cut(name, 40)])


def _taken(talk, row, found):
    """Ask for the value of a key until it is one; put it into `found` and return whether it was given."""
    example = [("Example", row["example"])] if row["example"] else []
    about = [("Means", row["meaning"]), ("Expected", row["expected"]), *example]
    yield from page.above("New [[%s]] %s" % (row["section"], row["key"]), page.pairs(about))
    while True:
        typed = (yield Ask("%s = " % row["key"])).strip()
        if not typed:
            return False
        edit = {"section": row["section"], "key": row["key"], "text": typed}
        wrong = talk.told("check", edits=[edit], alone=True)[0]
        if not wrong:
            found[row["key"]] = typed
            return True
        for each in wrong:
            yield Show(wrapped("! %s" % each["words"]))


def take_out(talk, section, number, called):
    """Take a table out of the configuration, on trial; called: what it is called. Return AGAIN."""
    talk.needs("change")
    yield Show(["", *wrapped("%s is taken out. What it has done so far stays as it is." % called)])
    yield from applying.checked(talk, {"edits": [{"section": section, "number": number, "remove": True}]})
    return page.AGAIN
