"""The table of keys for people: as a configuration file to start from, and as tables for the README.

`edge check-config --reference` prints the file; `python -m edge.box.reference README.md` puts the tables into the
README, between the two comments that mark their place.
"""

import sys
import textwrap

from edge.box import config
from edge.box.section import REQUIRED, is_for

BEGIN = "<!-- configuration: written by python -m edge.box.reference README.md -->"
END = "<!-- configuration: end -->"

_WIDTH = 100
_README_WIDTH = 120


def file():
    """Return a TOML file that means what an empty one does: every key in a comment, with its default or an example."""
    parts = ["# Every key there is. A line that is commented out shows the default, or an example where it says so.\n"]
    for section in config.SECTIONS:
        header = ("# [[%s]]" if section.repeated else "[%s]") % section.name
        parts.append("\n\n%s\n" % _comment(section.meaning))
        for kind in section.kinds or (None,):
            parts.append("%s\n" % header)
            for name, value, words in _example(section, kind):
                parts.append("\n%s\n# %s = %s\n" % (_comment(words), name, value))
            parts.append("\n")
        parts.pop()
    return "".join(parts)


def _example(section, kind):
    """Yield (name, value, words) of the keys of one example: all of them, or what is of a Kind after the first."""
    for key in section.keys:
        if kind is None or kind is section.kinds[0] and is_for(key, kind.name):
            yield key.name, _shown(key), _about(key)
        elif key.name == "name":
            yield key.name, '"%s"' % kind.example, "And another, of the kind %s." % kind.name
        elif key.name == "kind":
            yield key.name, '"%s"' % kind.name, "Its kind: %s. What is not shown here is as above." % kind.meaning
        elif key.only and kind.name in key.only:
            yield key.name, _shown(key), _about(key)


def tables():
    """Return the same as Markdown, one table for each section."""
    parts = []
    for section in config.SECTIONS:
        header = ("`[[%s]]`" if section.repeated else "`[%s]`") % section.name
        meaning = "\n".join(textwrap.wrap("%s %s" % (header, section.meaning), _README_WIDTH))
        columns = ("key", "default", "kind", "meaning") if section.kinds else ("key", "default", "meaning")
        parts.append("%s\n\n| %s |\n%s|\n" % (meaning, " | ".join(columns), "|---" * len(columns)))
        for key in section.keys:
            default = "`%s`" % key.kind.show(key.default) if _has_default(key) else _absence(key)
            meaning = "%s (%s)" % (key.meaning, key.kind.brief)
            cells = ["`%s`" % key.name, default, meaning.replace("|", "\\|")]
            if section.kinds:
                cells.insert(2, ", ".join(key.only) if key.only else "any")
            parts.append("| %s |\n" % " | ".join(cells))
        parts.append("\n")
    return "".join(parts)


def inserted(readme):
    """Return the text `readme` with the tables between the two marks; ValueError when they are not there."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the marks are missing: %s and %s" % (BEGIN, END))
    return "%s%s\n\n%s%s%s" % (before, BEGIN, tables(), END, after)


def _has_default(key):
    return key.default is not REQUIRED and key.default not in (None, ())


def _absence(key):
    return "must be given" if key.default is REQUIRED else "none"


def _shown(key):
    return key.kind.show(key.default) if _has_default(key) else key.example


def _about(key):
    standing = "" if _has_default(key) else "; %s" % ("must be given" if _absence(key) != "none" else "an example")
    return "%s (%s%s)" % (key.meaning, key.kind.brief, standing)


def _comment(words):
    return "\n".join(textwrap.wrap(words, _WIDTH, initial_indent="# ", subsequent_indent="# "))


if __name__ == "__main__":
    with open(sys.argv[1], "r+", encoding="utf-8") as _readme:
        _text = inserted(_readme.read())
        _readme.seek(0)
        _readme.truncate()
        _readme.write(_text)
