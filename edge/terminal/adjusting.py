"""Settings on pages: list, change, apply on trial; then confirm, or see them go back by themselves."""

from edge.console.text import count
from edge.terminal import applying, page, shapes, tables
from edge.terminal.effects import Ask, Show
from edge.terminal.plain import columns, plain, wrapped
from edge.toml.meaning import meaning

_DEFAULT = "-"  # typed for a value: what it is without being set


class _Draft:
    """Changes that were typed and are not applied yet: [(edit as the verbs take it, what it says)]."""

    def __init__(self):
        self.edits = {}

    def put(self, row, value, words):
        """Note a new value for the key of a row of `settings`; None: back to its default."""
        place = {name: row[name] for name in ("number", "name") if row.get(name) is not None}
        edit = {"section": row["section"], **place, "key": row["key"], "value": value}
        self.edits[row["section"], row.get("number"), row["key"]] = (edit, "%s = %s" % (_label(row), words))

    def lines(self):
        """Return a line for each."""
        return ["* %s" % words for _, words in self.edits.values()]


def _label(row):
    return "%s %s" % (_section(row), row["key"])


def _section(row):
    which = row.get("name") or row.get("number")
    return "[%s]" % row["section"] if which is None else "[[%s]] %s" % (row["section"], which)


def settings(talk):
    """List the sections of the configuration; from there its keys, what was changed, and the history."""
    draft = _Draft()
    while True:
        rows, summary = talk.told("settings")
        sections = {}
        for row in rows:
            sections.setdefault((row["section"], row.get("number")), []).append(row)
        found = list(sections.values())
        head = ["File: %s" % (summary.get("path") or "none yet; the first change makes one"), ""]
        trial = summary.get("trial")
        keys = []
        if draft.edits:
            head = [*wrapped("Not applied yet: %s" % count(len(draft.edits), "change")), *draft.lines()[:5], ""]
            keys += [("a", "apply", lambda: _apply(talk, draft)), ("d", "drop changes", lambda: _drop(draft))]
        if trial:
            head = ["! A change is on trial: t to confirm it or let it go back.", ""]
            keys.append(("t", "trial", lambda: applying.on_trial(talk)))
        elif talk.knows("change") and not draft.edits:
            keys.append(("+", "add", lambda: tables.some(talk)))
        keys.append(("h", "history", lambda: _history(talk)))

        def line(section, number):
            is_set = len([row for row in section if row["is_set"]])
            return ["%4d  %-34s %s" % (number, plain(_section(section[0]))[:34], "%d set" % is_set if is_set else "-")]

        def pick(section):
            return _keys(talk, draft, section)

        if (yield from page.turn("Settings", head, found, line, pick, keys)) is None:
            if not draft.edits or (yield from page.sure("What you changed is not applied, and is lost.")):
                return


def _drop(draft):
    draft.edits.clear()
    return page.AGAIN
    yield  # a screen is a generator, this one without a page


def _keys(talk, draft, section):
    """List the keys of a section with their values."""
    first, gone = section[0], []

    def away():
        gone.append((yield from tables.take_out(talk, first["section"], first["number"], _section(first))))
        return page.AGAIN

    while True:

        def line(row, number):
            changed = draft.edits.get((row["section"], row.get("number"), row["key"]))
            mark = "*" if changed else " " if row["is_set"] else "."
            shown = changed[1].partition(" = ")[2] if changed else row["text"]
            return [columns((-4, 1, 24, 0), (str(number), mark, row["key"], applying.value(shown)))]

        head = ["     * changed, not applied   . at its default", ""]
        can_go = first["repeated"] and talk.knows("change") and not draft.edits
        keys = [("-", "take it out", away)] if can_go else []
        title = "Settings " + _section(first)
        turned = yield from page.turn(title, head, section, line, lambda row: _key(talk, draft, row), keys)
        if turned is None or gone:
            return page.AGAIN


def _key(talk, draft, row):
    """Show a key, and take a new value for it."""
    found = [
        ("Means", row["meaning"]),
        ("Expected", row["expected"]),
        ("Default", "it has to be set" if row["required"] else applying.value(row["default"])),
        ("Now", applying.value(row["text"])),
    ]
    yield from page.above(_label(row), page.pairs(found))
    if not talk.knows("change"):
        yield Ask("Enter: back ")
        return None
    yield Show(["New value; Enter alone leaves it, %s puts it back to its default." % _DEFAULT])
    while True:
        typed = (yield Ask("%s = " % row["key"])).strip()
        if not typed:
            return None
        value = None if typed == _DEFAULT else read_value(typed, row.get("value"))
        probe = _Draft()
        probe.edits.update(draft.edits)
        probe.put(row, value, typed if value is not None else "(default)")
        mistakes, _ = talk.told("check", edits=[edit for edit, _ in probe.edits.values()])
        wrong = [each for each in mistakes if each.get("level") != "warning"]
        if not wrong:
            draft.edits = probe.edits
            return page.AGAIN
        for each in wrong[:5]:
            yield Show(wrapped("! %s: %s" % (each["key"], each["words"])))


def read_value(typed, now):
    """Return what was typed as TOML would have it; words need no quotes. now: the old value."""
    try:
        value = meaning("value = " + typed)["value"]
    except ValueError:
        value = typed
    if isinstance(now, str) and not isinstance(value, str):
        return typed
    if isinstance(now, (list, tuple)) and not isinstance(value, list):
        return [each.strip().strip('"') for each in typed.split(",") if each.strip()]
    return value


def _apply(talk, draft):
    """Show what the changes come to, and apply them on trial."""
    edits = [edit for edit, _ in draft.edits.values()]
    done = yield from applying.checked(talk, {"edits": edits})
    if done:
        draft.edits.clear()
    return page.AGAIN


def _history(talk):
    """List the versions; show one's difference, restore it."""
    rows, _ = talk.told("history")

    def line(row, number):
        words = "%s  %-16s %s" % (shapes.moment(row["at"]), plain(row["who"] or "")[:16], row["words"])
        return [columns((-4, 0), (str(number), words))]

    def pick(row):
        _, summary = talk.told("difference", id=row["id"])
        lines = []
        for each in (summary.get("diff") or "no difference").splitlines():
            lines += wrapped(each, indent="    ")
        keys = [("r", "restore", lambda: _restore(talk, row))] if talk.knows("restore") else []
        title = "Version of %s" % shapes.moment(row["at"])
        return (yield from page.turn(title, (), lines, lambda one: [one], keys=keys))

    return (yield from page.turn("History", (), rows, line, pick, empty="Nothing was changed yet."))


def _restore(talk, row):
    if not (yield from page.sure("The settings of %s come back, on trial." % shapes.moment(row["at"]))):
        return None
    return (yield from applying.tried(talk, "restore", id=row["id"]))
