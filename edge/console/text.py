"""Words and columns for a person: sizes, times, counts, aligned tables; and how they reach his terminal.

A device, a file or a destination may put anything into its values, also what moves the cursor, clears the screen or
turns the line around. `shown` is the one rule on what a terminal is given: `say`, `warn`, `complain` and `table` go by
it, and the `Screen` that stands before stdout sees to it that nothing gets past them.
"""

import io
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
    lines = [tuple(header), *[tuple(map(shown, row)) for row in rows]]
    widths = [max([len(line[column]) for line in lines]) for column in range(len(header) - 1)]
    form = "".join(["%%-%ds  " % width for width in widths]) + "%s"
    return [(form % line).rstrip() for line in lines]


def shortened(word, width):
    """Return `word` in at most `width` characters, its middle left out when it is longer."""
    if len(word) <= width:
        return word
    head = (width - 3) // 2
    return "%s...%s" % (word[:head], word[len(word) - (width - 3 - head) :])


def shown(words):
    """Return a name or any value as a terminal may show it on one line: whatever is no plain character as an escape."""
    if words.isprintable():
        return words
    return "".join([one if _is_plain(one) else ascii(one)[1:-1] for one in words])


def _is_plain(one):
    return one.isprintable() or one in _PLAIN


_PLAIN = "\xa0\u3000\u200c\u200d"  # spaces and joiners that names are written with


def _lines(words):
    """Return words of several lines as a terminal may show them."""
    return "\n".join(map(shown, words.split("\n")))


class Screen(io.TextIOWrapper):
    """A stream of text to a terminal that lets nothing through but lines of what can be shown."""

    def write(self, words):
        """Write `words`, in which line breaks count, and all else that is no plain character is shown as an escape."""
        return super().write(_lines(words))


def say(*lines):
    """Print each of `lines` as one line, whatever is in it; nothing for none."""
    for line in lines:
        print(shown(line))


def warn(*lines):
    """Print each of `lines` as one line on stderr, after all that was printed before."""
    sys.stdout.flush()
    for line in lines:
        print(shown(line), file=sys.stderr)


def complain(words, code):
    """Say on stderr what went wrong, after all that was printed before; return `code`, an exit code."""
    warn(*("edge: " + words).split("\n"))
    return code


def json_words(value, indent=None):
    """Return `value` as JSON in which whatever is no plain character is escaped."""
    import json  # not before it is needed: `serve` is not to carry it

    words = json.dumps(value, indent=indent, ensure_ascii=False)
    if words.isprintable():
        return words
    return "".join([one if one == "\n" or _is_plain(one) else json.dumps(one)[1:-1] for one in words])


def print_json(value):
    """Print one JSON value."""
    print(json_words(value, 2))
