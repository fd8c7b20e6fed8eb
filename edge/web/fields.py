"""Forms over the keys of the configuration: one field a key, with its meaning, its range and its default."""

import json

from edge.web import page, said
from edge.web.markup import el, join

_USUAL = {("destination", "port")}  # keys that are usually given, though they need not be
_LONG = 60  # a value of more characters is typed in lines


def typed_in(request, rows, keys, first=()):
    """Return the fields of a form.

    rows: of the verb `settings`, of one table; keys: what says which table it is ({"section", "number" or "name"});
    first: edits to be made before those of the fields, for a table that is to be added.
    """
    mine = request.form if request.refused else {}
    near = [each for each in rows if each["required"] or each["is_set"] or (each["section"], each["key"]) in _USUAL]
    if not near:
        near = rows
    rest = [each for each in rows if not any([each is one for one in near])]
    hidden = {"keys": json.dumps(keys), "first": json.dumps(list(first))}
    return join(
        [el("input", type="hidden", name=name, value=value) for name, value in hidden.items()],
        el("div", [_field(each, mine) for each in near], class_="keys"),
        rest
        and el(
            "details",
            el("summary", "%d more settings, at their defaults" % len(rest)),
            el("div", [_field(each, mine) for each in rest], class_="keys"),
            open=any([_was(each) != mine.get("is " + each["key"], _was(each)) for each in rest]),
        ),
        el("p", class_="found", role="status"),
    )


def checked_by(keys, first=()):
    """Return what lets a form be checked as one types; to be given to page.form."""
    return {"data_check": json.dumps({"keys": keys, "first": list(first)})}


def _was(each):
    return each["text"]


def _field(each, mine):
    key = each["key"]
    was = _was(each)
    value = mine.get("is " + key, was)
    default = "Default: %s." % each["default"] if each["default"] is not None else ""
    example = "For example: %s." % each["example"] if not default and each["example"] else ""
    hint = join(said.words(each["meaning"]), el("br"), "Expected: ", each["expected"], ". ", default or example)
    told = {"data_key": key, "data_was": was}
    name = "is " + key
    must = each["required"] or None
    label = join(key, must and " (must be given)")
    if each["choices"] and not each["several"]:
        choices = [str(one).lower() if isinstance(one, bool) else str(one) for one in each["choices"]]
        if was not in choices:
            choices.insert(0, ("", "(default)"))
        made = page.choose(label, name, choices, value, hint, **told)
    elif len(value) > _LONG or "\n" in value:
        made = page.text(label, name, value, hint, spellcheck="false", **told)
    else:
        made = page.field(label, name, value, hint, autocomplete="off", spellcheck="false", required=must, **told)
    return join(made, el("input", type="hidden", name="was " + key, value=was))


def edits(form):
    """Return the edits that a form of `typed_in` asks for."""
    keys, found = json.loads(form.get("keys", "{}")), json.loads(form.get("first", "[]"))
    for name, value in form.items():
        if not name.startswith("is "):
            continue
        key = name[3:]
        value = value.replace("\r\n", "\n").strip()
        if value == form.get("was " + key, "").strip():
            continue
        found.append(dict(keys, key=key, text=value) if value else dict(keys, key=key))
    return found
