"""Rows and summaries of any verb as text, by the shapes that its row in the table has: for verbs without a page."""

import time

from edge.console.text import size, span
from edge.terminal.plain import WIDTH, columns, plain, wrapped


def moment(seconds):
    """Return a time as it stands on the page."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def brief(value, shape, name=""):
    """Return a value of a shape in a few words."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    kind = shape.rstrip("?") if isinstance(shape, str) else None
    if kind == "time" and isinstance(value, (int, float)):
        return moment(value)
    if isinstance(value, (int, float)):
        if name == "bytes" or name.endswith("_bytes"):
            return size(value)
        if name.endswith("_s") and not name.endswith("_per_s"):
            return span(value)
        return "%g" % value if isinstance(value, float) else str(value)
    if isinstance(value, dict):
        inner = shape if isinstance(shape, dict) else {}
        return ", ".join(["%s %s" % (_label(key), brief(each, _inner(inner, key), key)) for key, each in value.items()])
    if isinstance(value, (list, tuple)):
        one = shape[0] if isinstance(shape, list) and shape else "any"
        return ", ".join([brief(each, one) for each in value]) or "none"
    return str(value)


def _inner(shape, key):
    return shape.get(key, shape.get("*", "any")) if isinstance(shape, dict) else "any"


def _label(name):
    return str(name).replace("_", " ")


def detail(value, shape, indent=""):
    """Return a dict as lines "name  value", what is within it further in."""
    lines = []
    width = max([len(_label(name)) for name in value] or [0])
    for name, each in value.items():
        inner = _inner(shape, name)
        if each and (isinstance(each, dict) or isinstance(each, (list, tuple)) and isinstance(each[0], dict)):
            lines.append("%s%s:" % (indent, plain(_label(name))))
            one = inner[0] if isinstance(inner, list) and inner else inner
            for item in [each] if isinstance(each, dict) else each:
                lines += detail(item, one, indent + "  ")
                if not isinstance(each, dict):
                    lines.append("")
            continue
        lead = "%s%s  " % (indent, plain(_label(name)).ljust(width))
        shown = wrapped(brief(each, inner, name), max(20, WIDTH - len(lead)))
        lines.append(lead + shown[0])
        lines += [" " * len(lead) + line for line in shown[1:]]
    return lines


class Columns:
    """Columns for the rows of a verb, as wide as its first rows need; the columns that do not fit are left out."""

    def __init__(self, shape, sample, room=WIDTH - 5):
        self._shape = shape
        names = [name for name, kind in shape.items() if isinstance(kind, str) and kind.rstrip("?") != "any"]
        self._names, self._widths = [], []
        for name in names or list(shape):
            widest = max([len(self._cell(row, name)) for row in sample] + [len(_label(name))])
            width = min(widest, 28)
            if sum(self._widths) + len(self._widths) + min(width, 12) > room:
                continue
            self._names.append(name)
            self._widths.append(width)

    def _cell(self, row, name):
        return brief(row.get(name), self._shape.get(name, "any"), name)

    def head(self):
        """Return the line above the rows."""
        return columns([4, *self._widths], ["", *[_label(name) for name in self._names]])

    def line(self, row, number):
        """Return the line of a row."""
        return columns([-4, *self._widths], [str(number), *[self._cell(row, name) for name in self._names]])
