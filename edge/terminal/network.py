"""The network of the box on pages: what it is, settings typed one by one, tried, and kept or put back."""

from edge.board import network
from edge.terminal import page
from edge.terminal.effects import Ask, Show
from edge.terminal.plain import columns, cut, wrapped
from edge.verbs.verb import Refused

_DEFAULT = "-"  # typed for a value: none
_SHAPE = (-4, 22, 14, 0)


def network_of(talk):
    """Show the interfaces and what is set; from there a change, and its trial."""
    try:
        rows, found = talk.told("network")
    except Refused as refused:
        yield from page.note("Network", str(refused))
        return None
    body = ["%s.local" % found["name"], ""]
    for each in rows:
        state = "connected" if each["is_up"] else "no connection"
        body += wrapped("%s, %s: %s" % (each["device"], state, ", ".join(each["addresses"]) or "no address"))
    options = [("1", "Settings, and a change of them")] if talk.knows("change-network") else []
    if found["trial"]:
        body += ["", "! A change is on trial and goes back by itself in %d s." % found["left_s"]]
        options = [("2", "Keep it"), ("3", "Let it go back now")] if talk.knows("confirm-network") else []
    elif found["went_back"]:
        body += ["", *wrapped("The last change went back: %s." % found["went_back"])]
    chosen = yield from page.menu("Network", body, options)
    if chosen == "1":
        yield from _settings(talk, found["settings"])
    elif chosen == "2":
        talk.told("confirm-network", trial=found["trial"])
        yield page.said("It stays.")
    elif chosen == "3":
        yield from talk.done("revert-network", trial=found["trial"])
        yield page.said("It went back to what it was.")
    return None if chosen is None else page.AGAIN


def _settings(talk, settings):
    """List every key of the box and of each interface, and one more interface; take new values; apply them."""
    draft = {**settings, "interface": [dict(each) for each in settings["interface"]]}
    while True:
        places = [("the box", draft, network.KEYS)]
        for number, each in enumerate([*draft["interface"], {}], 1):
            name = each.get("device") or "one more"
            places.append(("%d: %s" % (number, name), each, network.INTERFACE_KEYS))
        rows = [(where, table, key) for where, table, keys in places for key in keys]

        def line(row, number):
            where, table, key = row
            return [columns(_SHAPE, (str(number), cut(where, 21), key.name, _shown(key, table.get(key.name))))]

        keys = [("a", "apply, on trial", lambda: _apply(talk, draft))]
        turned = yield from page.turn("Network settings", (), rows, line, lambda row: _key(draft, *row), keys)
        if turned is None:
            return page.AGAIN
        draft["interface"] = [each for each in draft["interface"] if each.get("device")]


def _shown(key, value):
    if key.kind == "secret":
        return "(set)" if value else "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else "-" if value is None else str(value)


def _key(draft, where, table, key):
    """Take a new value for a key."""
    found = [("Of", where), ("Means", key.meaning), ("Now", _shown(key, table.get(key.name)))]
    yield from page.above(key.name, page.pairs(found))
    yield Show(["New value; Enter alone leaves it, %s takes it out." % _DEFAULT])
    while True:
        typed = (yield Ask("%s = " % key.name, key.kind == "secret")).strip()
        if not typed:
            return None
        value = None if typed == _DEFAULT else _read(key, typed)
        if value is not None or typed == _DEFAULT:
            break
        yield Show(["Expected: %s." % ("yes or no" if key.kind == "truth" else "a whole number")])
    if value is None:
        table.pop(key.name, None)
    else:
        table[key.name] = value
    if key.kind == "secret" and value is None:
        table[key.name] = False
    if table is not draft and not any([table is each for each in draft["interface"]]):
        draft["interface"].append(table)
    return page.AGAIN


def _read(key, typed):
    """Return the value of what was typed, None where it is none."""
    if key.kind == "list":
        return [each.strip() for each in typed.split(",") if each.strip()]
    if key.kind == "truth":
        return {"yes": True, "no": False}.get(typed.lower())
    if key.kind == "number":
        return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None
    return typed


def _apply(talk, draft):
    """Say what is wrong, or what may cut somebody off; then try it."""
    rows, found = talk.told("check-network", settings=draft)
    lines = []
    for each in rows:
        words = (each["where"] and each["where"] + ": ") + each["words"]
        lines += wrapped("! " + words, indent="  ")
    if not found["good"]:
        yield from page.note("It cannot be used, and nothing has changed", lines)
        return None
    yield Show(lines)
    words = "It is applied at once, on trial: unless you keep it within 120 s, all goes back to what it was."
    if not (yield from page.sure(words)):
        return None
    _, done = yield from talk.done("change-network", settings=draft)
    if done is None:
        return None
    return (yield from network_of(talk)) or page.AGAIN
