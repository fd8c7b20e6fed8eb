"""A configuration edited in place: what an edit does not name stays as it was, to the octet, comments above all.

Whatever `lines` has done to the text is read back by tomllib, and has to mean exactly what was asked for: where a file
is written in so odd a way that it would not, nothing is done, and it is said.

An edit is a dict, so that it comes as JSON from every skin:

    {"section": "dicom", "key": "port", "value": 104}               a key set; with "text": "104", as a person types it
    {"section": "destination", "name": "archive", "key": "host"}    a key taken out, and back to its default
    {"section": "route", "number": 2, "key": "final", ...}          tables without a name are numbered, from 1
    {"section": "destination", "add": {"name": "new", ...}}         a table more, the last; with "number", that one
    {"section": "destination", "name": "new", "remove": true}       a table less, with the comment right above it
    {"section": "route", "number": 3, "move": 1}                    a table moved: it is the first one then

Edits are made one after the other: one may name the table that another has added.
"""

import json

from edge.box import config
from edge.settings import catalogue, lines
from edge.toml.kinds import toml

_FIELDS = ("section", "number", "name", "key", "value", "text", "add", "remove", "move")
_EDITS_LIMIT = 1000


class Unfit(Exception):
    """An edit cannot be made; str() says why and what to do."""


def edited(text, edits):
    """Return the TOML `text` after a list of edits; Unfit when one of them cannot be made.

    text: valid TOML. What comes out is valid TOML too; whether it is a good configuration, `load.parse` says.
    """
    if not isinstance(edits, list) or len(edits) > _EDITS_LIMIT:
        raise Unfit("expected a list of edits, %d at most" % _EDITS_LIMIT)
    for edit in edits:
        text = _edited(text, edit)
    return text


def mistake(edit):
    """Return in words what is wrong with the value of one edit, by itself; None when it is right. Unfit for no edit."""
    section = _section_of(edit)
    if "key" not in edit:
        return None
    name, arguments = _of_key(section, (), edit)
    key = arguments[0][-1]
    if catalogue.key(section, key) is None:
        raise Unfit("%s has no key %s" % (_header(section), toml(key)))
    return catalogue.mistake(section, key, arguments[1]) if name == "set" else None


def _edited(text, edit):
    import tomllib

    meaning = tomllib.loads(text)
    section = _section_of(edit)
    name, arguments = _action(meaning, section, edit)
    getattr(_Meaning(meaning), name)(*arguments)
    try:
        changed = lines.Lines(text)
        getattr(changed, name)(*arguments)
        found = tomllib.loads(changed.text)
    except Exception as error:  # tomlkit and tomllib have many, and a person can do nothing with any of them
        raise Unfit(_ODD % _header(section)) from error
    if _comparable(found) != _comparable(meaning):
        raise Unfit(_ODD % _header(section))
    return changed.text


_ODD = "%s is written in a way that cannot be edited in place; edit the text of the file instead"


def _comparable(meaning):
    """Return what tells whether two documents mean the same; a table without a key is one that is not there."""
    there = {name: each for name, each in meaning.items() if each not in ({}, [])}
    return json.dumps(there, sort_keys=True, default=repr)


def _header(section):
    return ("[[%s]]" if section.repeated else "[%s]") % section.name


def _section_of(edit):
    if not isinstance(edit, dict):
        raise Unfit("an edit is an object with a section and what is to become of it, found %s" % toml(edit))
    for field in edit:
        if field not in _FIELDS:
            raise Unfit("an edit has no %s; it may have %s" % (toml(field), ", ".join(_FIELDS)))
    found = catalogue.section(edit.get("section"))
    if found is None:
        names = ", ".join([each.name for each in config.SECTIONS])
        raise Unfit("no such section: %s; there are: %s" % (toml(edit.get("section")), names))
    return found


def _action(meaning, section, edit):
    """Return (name of a method of Lines and _Meaning, its arguments) for an edit."""
    is_of_table = [field for field in ("add", "remove", "move") if edit.get(field) not in (None, False)]
    if len(is_of_table) + ("key" in edit) != 1:
        raise Unfit("an edit has one of key, add, remove, move; of %s it has %s" % (_header(section), _listed(edit)))
    if not section.repeated:
        if is_of_table or edit.get("number") is not None or edit.get("name") is not None:
            raise Unfit("there is one %s; only its keys can be changed" % _header(section))
        return _of_key(section, (section.name,), edit)
    tables = meaning.get(section.name, [])
    if not isinstance(tables, list):
        raise Unfit("expected tables, each under %s" % _header(section))
    if "add" in is_of_table:
        values = edit["add"]
        if not isinstance(values, dict):
            raise Unfit("what is added to %s is an object of keys and values" % _header(section))
        _must_be_toml(values, _header(section))
        number = _number(section, edit.get("number", len(tables) + 1), len(tables) + 1)
        return "add", (section.name, number, len(tables), values)
    number = _place(section, tables, edit)
    if "remove" in is_of_table:
        return "remove", (section.name, number)
    if "move" in is_of_table:
        return "move", (section.name, number, _number(section, edit["move"], len(tables)))
    return _of_key(section, (section.name, number), edit)


def _listed(edit):
    return ", ".join([field for field in edit if field != "section"]) or "none"


def _of_key(section, table, edit):
    name = edit["key"]
    if not isinstance(name, str) or not name:
        raise Unfit("the key of an edit of %s is a word" % _header(section))
    if edit.get("text") is not None:
        if not isinstance(edit["text"], str):
            raise Unfit("the text of an edit of %s is what a person types" % _header(section))
        key = catalogue.key(section, name)
        return "set", ((*table, name), edit["text"] if key is None else catalogue.typed(key, edit["text"]))
    if edit.get("value") is None:
        return "unset", ((*table, name),)
    _must_be_toml(edit["value"], name)
    return "set", ((*table, name), edit["value"])


def _must_be_toml(value, what):
    """Raise Unfit for a value of JSON that no TOML file can have."""
    inside = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else None
    if inside is None and not isinstance(value, (str, int, float)):
        raise Unfit("%s has a value that no configuration can have: %s" % (what, toml(value)))
    for each in inside or ():
        _must_be_toml(each, what)


def _place(section, tables, edit):
    """Return the number, from 0, of the table that an edit means."""
    name = edit.get("name")
    if name is None:
        if edit.get("number") is None:
            raise Unfit("say which %s, by its number%s" % (_header(section), _or_name(section)))
        return _number(section, edit["number"], len(tables))
    found = [number for number, each in enumerate(tables) if isinstance(each, dict) and each.get("name") == name]
    if not found:
        names = ", ".join([str(each["name"]) for each in tables if isinstance(each, dict) and "name" in each])
        raise Unfit("no %s is called %s; %s" % (_header(section), toml(name), "there are: " + names if names else
                    "there is none with a name"))  # fmt: skip
    return found[0]


def _or_name(section):
    return " or its name" if catalogue.key(section, "name") else ""


def _number(section, number, most):
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= most:
        count = "there is none" if most < 1 else "they are numbered from 1 to %d" % most
        raise Unfit("no %s has the number %s; %s" % (_header(section), toml(number), count))
    return number - 1


class _Meaning:
    """What a document means, as tomllib has it, with the same changes as Lines."""

    def __init__(self, meaning):
        self._meaning = meaning

    def set(self, path, value):
        *way, name = path
        table = self._meaning
        for part in way:
            table = table.setdefault(part, {}) if isinstance(table, dict) else table[part]
        table[name] = value

    def unset(self, path):
        *way, name = path
        table = self._meaning
        for part in way:
            table = table.get(part, {}) if isinstance(table, dict) else table[part]
        table.pop(name, None)

    def add(self, section, number, count, values):
        self._meaning.setdefault(section, []).insert(number, values)

    def remove(self, section, number):
        del self._meaning[section][number]

    def move(self, section, number, to):
        tables = self._meaning[section]
        tables.insert(to, tables.pop(number))
