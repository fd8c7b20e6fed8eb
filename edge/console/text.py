"""Words and columns for a person: sizes, times, counts, aligned tables; and how to complain."""

import sys

_SIZES = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("KB", 10**3))
_TIMES = (("day", 86400), ("h", 3600), ("min", 60), ("s", 1))


def size(octets):
    """Return a number of octets in the unit that leaves one to three digits: "40 KB", "1.1 GB"."""
    for unit, factor in _SIZES:
        if octets >= factor * 0.9995:
            value = octets / factor
            return "%.*f %s" % (1 if value < 9.95 else 0, value, unit)
    return "%d B" % octets


def span(seconds):
    """Return a length of time in its largest unit: "12 s", "3 min", "2 days"."""
    for unit, factor in _TIMES:
        if seconds >= factor or unit == "s":
            number = int(seconds // factor)
            return count(number, unit) if unit == "day" else "%d %s" % (number, unit)


def ago(then, now):
    """Return how long before `now` the time `then` is: "3 min ago"."""
    return "now" if now - then < 1 else span(now - then) + " ago"


def ahead(then, now):
    """Return how long after `now` the time `then` is: "in 3 min"; "now" when it has come."""
    return "now" if then - now < 1 else "in " + span(then - now)


def count(number, noun, plural=None):
    """Return "1 object", "3 objects"."""
    return "%d %s" % (number, noun if number == 1 else plural or noun + "s")


def about(seconds):
    """Return a length of time that is known roughly, as a person would round it: "31 hours", "3 days"."""
    for unit, factor, upto in (("minute", 60, 90), ("hour", 3600, 48)):
        if seconds < factor * upto:
            return count(max(1, round(seconds / factor)), unit)
    return count(round(seconds / 86400), "day")


def listing(words, last="and"):
    """Return "a", "a and b", "a, b and c"."""
    words = list(words)
    return (", ".join(words[:-1]) + " %s " % last if words[1:] else "") + words[-1] if words else ""


def table(header, rows):
    """Return lines with `rows` (tuples of str) under `header`, columns as wide as their widest cell, the last free."""
    lines = [tuple(header), *rows]
    widths = [max([len(line[column]) for line in lines]) for column in range(len(header) - 1)]
    form = "".join(["%%-%ds  " % width for width in widths]) + "%s"
    return [(form % line).rstrip() for line in lines]


def shortened(word, width):
    """Return `word` in at most `width` characters, its middle left out when it is longer."""
    if len(word) <= width:
        return word
    head = (width - 3) // 2
    return "%s...%s" % (word[:head], word[len(word) - (width - 3 - head) :])


def shown(path):
    """Return a file name as a terminal may show it: control characters, and octets that are no UTF-8, as escapes."""
    return "".join([one if one.isprintable() else ascii(one)[1:-1] for one in path])


def complain(words, code):
    """Say on stderr what went wrong, after all that was printed before; return `code`, an exit code."""
    sys.stdout.flush()
    print("edge: " + words, file=sys.stderr)
    return code


def print_json(value):
    """Print one JSON value."""
    import json  # not before it is needed: `serve` is not to carry it

    print(json.dumps(value, indent=2, ensure_ascii=False))
