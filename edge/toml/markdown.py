"""Tables of keys as Markdown, put where two comments mark their place."""

import textwrap

from edge.toml.section import absence, has_default

_WIDTH = 120


def tables(sections):
    """Return tables of keys as Markdown, one for each Section."""
    parts = []
    for section in sections:
        header = ("`[[%s]]`" if section.repeated else "`[%s]`") % section.name
        meaning = "\n".join(textwrap.wrap("%s %s" % (header, section.meaning), _WIDTH))
        columns = ("key", "default", "kind", "meaning") if section.kinds else ("key", "default", "meaning")
        parts.append("%s\n\n| %s |\n%s|\n" % (meaning, " | ".join(columns), "|---" * len(columns)))
        for key in section.keys:
            default = "`%s`" % key.kind.show(key.default) if has_default(key) else absence(key)
            meaning = "%s (%s)" % (key.meaning, key.kind.brief)
            cells = ["`%s`" % key.name, default, meaning.replace("|", "\\|")]
            if section.kinds:
                cells.insert(2, ", ".join(key.only) if key.only else "any")
            parts.append("| %s |\n" % " | ".join(cells))
        parts.append("\n")
    return "".join(parts)


def inserted(page, begin, end, tables):
    """Return the text `page` with `tables` between the marks `begin` and `end`; ValueError when they are not there."""
    before, first, rest = page.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise ValueError("the marks are missing: %s and %s" % (begin, end))
    return "%s%s\n\n%s%s%s" % (before, begin, tables, end, after)


def renew(path, change):
    """Write to the file at `path` what the function `change` makes of its text."""
    with open(path, "r+", encoding="utf-8") as file:
        text = change(file.read())
        file.seek(0)
        file.truncate()
        file.write(text)
