"""The table of keys for people: as a configuration file to start from, and as tables for the README.

`edge check-config --reference` prints the file; `python -m edge.box.reference README.md` puts the tables into the
README, between the two comments that mark their place.
"""

import sys
import textwrap

from edge.box import config
from edge.toml import markdown
from edge.toml.section import absence, has_default, is_for

BEGIN = "<!-- configuration: written by python -m edge.box.reference README.md -->"
END = "<!-- configuration: end -->"

_WIDTH = 100


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


def inserted(readme):
    """Return the text `readme` with the tables between the two marks; ValueError when they are not there."""
    return markdown.inserted(readme, BEGIN, END, markdown.tables(config.SECTIONS))


def _shown(key):
    return key.kind.show(key.default) if has_default(key) else key.example


def _about(key):
    standing = "" if has_default(key) else "; %s" % ("must be given" if absence(key) != "none" else "an example")
    return "%s (%s%s)" % (key.meaning, key.kind.brief, standing)


def _comment(words):
    return "\n".join(textwrap.wrap(words, _WIDTH, initial_indent="# ", subsequent_indent="# "))


if __name__ == "__main__":
    markdown.renew(sys.argv[1], inserted)
