"""Every key for a person: what it means, what it may be, what it is; and what a person types, read as a value.

All of it comes from the one table in `edge.box.config`.
"""

from edge.box import config
from edge.settings import mask
from edge.toml import reading
from edge.toml.section import REQUIRED, is_for, kind_of


def section(name):
    """Return the Section called `name`, or None."""
    return next((each for each in config.SECTIONS if each.name == name), None)


def key(section, name):
    """Return the Key of a Section called `name`, or None."""
    return next((each for each in section.keys if each.name == name), None)


def typed(key, text):
    """Return the value that a person means who types `text` for a Key; where none would be right, the text itself.

    It may be typed as it stands in the file ("CT1", ["CT1", "MR1"]), or without quotes and brackets: CT1, MR1.
    """
    text = text.strip()
    meant = _readings(text)
    for each in meant:
        if not reading.misfits(key.kind, each):
            return each
    is_text = not reading.misfits(key.kind, "a") or len(meant) == 1
    return text if is_text else meant[0]


def _readings(text):
    """Return what `text` may stand for, what is likelier first."""
    import tomllib

    found = []
    try:
        document = tomllib.loads("it = %s\n" % text)
        if set(document) == {"it"}:
            found.append(document["it"])
    except (tomllib.TOMLDecodeError, RecursionError):
        pass
    if "," in text:
        found.append([each.strip() for each in text.split(",") if each.strip()])
    return [*found, text]


def shown(key, value):
    """Return a value as a person types it, on one line; text without its quotes."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all([isinstance(each, str) and _is_simple(each) for each in value]):
        return ", ".join(value)
    from edge.settings import lines

    return lines.plain(value).replace("\n    ", " ").replace("[ ", "[").replace(",\n]", "]")


def _is_simple(word):
    return word == word.strip() and word and "," not in word and word.isprintable()


def rows(meaning, see_all, blank=False):
    """Yield a row for each key of each table, as the verb `settings` answers it.

    meaning: the document as tomllib has it; see_all: whether secrets are shown; blank: also the keys of one table that
    is not there yet, for each section with [[tables]]; its number is None.
    """
    for each in config.SECTIONS:
        tables = meaning.get(each.name, [] if each.repeated else {})
        if not each.repeated:
            yield from _table(each, tables, None, see_all)
            continue
        for number, table in enumerate(tables, 1):
            yield from _table(each, table, number, see_all)
        if blank:
            yield from _table(each, {}, None, see_all, blank)


def _table(section, table, number, see_all, blank=False):
    kind = None if blank else kind_of(section, table)
    for each in section.keys:
        if not is_for(each, kind):
            continue
        has_default = each.default not in (REQUIRED, None, ())
        default = _as_typed(each) if has_default else None
        is_set = each.name in table
        value = table.get(each.name, default)
        yield {
            "section": section.name,
            "repeated": section.repeated,
            "number": number,
            "name": table.get("name"),
            "key": each.name,
            "value": value if see_all else mask.value(value),
            "text": "" if value is None else shown(each, value if see_all else mask.value(value)),
            "default": None if default is None else shown(each, default),
            "meaning": each.meaning,
            "expected": each.kind.expected,
            "range": each.kind.brief,
            "example": each.example,
            "choices": list(each.kind.choices),
            "several": each.kind.brief.startswith("list: "),
            "kinds": list(each.only or ()),
            "is_set": is_set,
            "required": each.default is REQUIRED,
        }


def _as_typed(key):
    """Return the default of a Key as TOML would give it."""
    import tomllib

    return tomllib.loads("it = %s" % key.kind.show(key.default))["it"]


def mistake(section, name, value):
    """Return in words what is wrong with one value of one key, each by itself; None when it is right."""
    found = key(section, name)
    if found is None:
        return None
    return "; ".join(reading.misfits(found.kind, value)) or None


def changes(before, after):
    """Return [{"key", "before", "after"}] of two documents as tomllib has them: what a person reads of a change.

    before and after are TOML on one line, secrets masked; None where there is nothing.
    """
    found = []
    for each in config.SECTIONS:
        tables = [document.get(each.name, [] if each.repeated else {}) for document in (before, after)]
        if not each.repeated:
            found += _of_table("[%s]" % each.name, *tables)
        elif key(each, "name"):
            found += _of_named(each.name, *tables)
        else:
            found += _of_numbered(each.name, *tables)
    return found


def _of_table(where, before, after):
    names = [*before, *[name for name in after if name not in before]]
    return [
        {"key": "%s %s" % (where, name), "before": _brief(before.get(name)), "after": _brief(after.get(name))}
        for name in names
        if before.get(name) != after.get(name)
    ]


def _of_named(section, before, after):
    found = []
    known = [{each.get("name"): each for each in tables} for tables in (before, after)]
    for name in [*known[0], *[name for name in known[1] if name not in known[0]]]:
        where = '[[%s]] "%s"' % (section, name)
        old, new = known[0].get(name), known[1].get(name)
        found += _of_table(where + ",", old, new) if old and new else _whole(where, old, new)
    names = [[name for name in each if name in known[0] and name in known[1]] for each in known]
    if names[0] != names[1]:
        found.append({"key": "[[%s]], their order" % section, "before": _brief(names[0]), "after": _brief(names[1])})
    return found


def _of_numbered(section, before, after):
    import difflib

    found = []
    same = difflib.SequenceMatcher(None, *[[repr(each) for each in tables] for tables in (before, after)])
    for what, low, high, first, last in same.get_opcodes():
        if what == "equal":
            continue
        for place in range(max(high - low, last - first)):
            old = before[low + place] if low + place < high else None
            new = after[first + place] if first + place < last else None
            where = "[[%s]] %d" % (section, (first if new is not None else low) + place + 1)
            found += _of_table(where + ",", old, new) if old and new else _whole(where, old, new)
    return found


def _whole(where, old, new):
    return [{"key": where, "before": _brief(old), "after": _brief(new)}]


def _brief(value):
    from edge.toml.kinds import toml

    return None if value is None else toml(mask.value(value))
