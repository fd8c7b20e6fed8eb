"""What a key and a table of the configuration are."""

from collections import namedtuple

REQUIRED = object()  # in place of a default: the key must be there

# name: the key in the file; field: the attribute in the named tuple; kind: values.Kind; default: as the box uses it, or
# REQUIRED; meaning: for the reference; example: what the reference shows where there is no default
Key = namedtuple("Key", ("name", "field", "kind", "default", "meaning", "example"))
# name: the table in the file; repeated: whether it is a [[table]]; meaning: for the reference; keys: tuple of Key
Section = namedtuple("Section", ("name", "repeated", "meaning", "keys"))


def key(name, kind, default, meaning, field=None, example=None):
    """Return the Key that is called `name` in the file, and `field` or the same in the named tuple."""
    return Key(name, field or name, kind, default, meaning, example)
