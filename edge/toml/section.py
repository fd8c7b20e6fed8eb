"""What a key and a table of a file are."""

from collections import namedtuple

REQUIRED = object()  # in place of a default: the key must be there

# name: the key in the file; field: the attribute in the named tuple; kind: kinds.Kind; default: as the program uses it,
# or REQUIRED; meaning: for the reference; example: what the reference shows where there is no default; only: the names
# of the kinds of the section that the key is for, None for all of them
Key = namedtuple("Key", ("name", "field", "kind", "default", "meaning", "example", "only"))
# name: the table in the file; repeated: whether it is a [[table]]; meaning: for the reference; keys: tuple of Key;
# kinds: tuple of Kind where its key `kind` says which other keys a table may have, otherwise empty
Section = namedtuple("Section", ("name", "repeated", "meaning", "keys", "kinds"), defaults=((),))
# A kind of table. name: what `kind` says; meaning: for the reference; where: format of the table's fields, which says
# to a person where it is; example: name of the reference's example
Kind = namedtuple("Kind", ("name", "meaning", "where", "example"))


def key(name, kind, default, meaning, field=None, example=None, only=None):
    """Return the Key; without `field`, its attribute has its name."""
    return Key(name, field or name, kind, default, meaning, example, only)


def is_for(key, kind):
    """Say whether a Key belongs in a table of the kind called `kind`; where that is None, none is known."""
    return kind is None or key.only is None or kind in key.only


def kind_of(section, values):
    """Return the name of the kind that `values` ({field: value}) of a table say or leave at its default, or None."""
    if not section.kinds:
        return None
    return values.get("kind", section.kinds[0].name)


def filled(section, values):
    """Return the value of each key of a Section, of `values` ({field: value}) or by default.

    What is for other kinds than its own is None.
    """
    kind = kind_of(section, values)
    return [values.get(each.field, each.default) if is_for(each, kind) else None for each in section.keys]


def has_default(key):
    """Say whether a Key has a default that can be shown."""
    return key.default is not REQUIRED and key.default not in (None, ())


def absence(key):
    """Return in a few words what it means that a Key has none."""
    return "must be given" if key.default is REQUIRED else "none"
