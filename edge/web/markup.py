"""HTML out of Python: elements are made by a function that escapes whatever is not markup already.

A page is built from `el` and from nothing else, so there is no place where text from a file, a device or a person could
become an element: a plain str is text, always. What is markup already is a Markup, which only this file makes.
"""

_EMPTY = {"area", "br", "hr", "img", "input", "link", "meta", "source", "wbr"}  # elements that have no end tag
_ESCAPES = {ord(one): "\ufffd" for one in map(chr, [*range(32), *range(127, 160)]) if one not in "\t\n\r"}
_ESCAPES.update(dict.fromkeys(range(0x202A, 0x202F), "\ufffd"))  # would turn around what stands behind
_ESCAPES.update(str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}))


class Markup(str):
    """Text that is HTML already, and is not escaped again."""

    __slots__ = ()


def escape(text):
    """Return any value as Markup that shows it as it is."""
    return text if isinstance(text, Markup) else Markup(str(text).translate(_ESCAPES))


def el(name, /, *children, **attributes):
    """Return an element as Markup.

    name: of the element; children: text, numbers, Markup, and lists or tuples of them; None and False are left out.
    attributes: of these None and False are left out, True stands alone; an underscore at the end is dropped (`class_`,
    `for_`), each other one is a hyphen (`aria_label`).
    """
    parts = ["<", name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        parts.append(" " + key if value is True else ' %s="%s"' % (key, escape(value)))
    parts.append(">")
    if name not in _EMPTY:
        _gather(parts, children)
        parts.append("</%s>" % name)
    return Markup("".join(parts))


def join(*children, between=""):
    """Return several children as one Markup, with `between` between them."""
    parts = []
    for each in children:
        if isinstance(each, (list, tuple)):
            each = join(*each, between=between)
        if each is not None and each is not False and each != "":
            parts.append(escape(each))
    return Markup(escape(between).join(parts))


def _gather(parts, children):
    for each in children:
        if isinstance(each, (list, tuple)):
            _gather(parts, each)
        elif each is not None and each is not False:
            parts.append(escape(each))
