"""Text for a terminal of which nothing is known: 7-bit ASCII without control characters, cut and wrapped to a width.

What else there is in a name is written in letters near to it, or as a question mark.
"""

WIDTH = 79  # of 80: a terminal that wraps by itself would put an empty line behind a full one

_NEAR = {
    "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "Ae",
    "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th",
    "Þ": "Th", "ı": "i", "–": "-", "—": "-", "−": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...",
    "°": "deg", "µ": "u", "μ": "u", "×": "x", "→": "->", "≤": "<=", "≥": ">=", "·": ".", "•": "*", "€": "EUR",
}  # fmt: skip


def plain(text):
    """Return `text` on one line, in printable ASCII."""
    text = str(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join([_near(one) for one in text])


def _near(one):
    if " " <= one <= "~":
        return one
    if one.isspace():
        return " "
    if one in _NEAR:
        return _NEAR[one]
    from unicodedata import normalize  # only a name that needs it pays for it

    letters = [each for each in normalize("NFKD", one) if " " <= each <= "~"]
    return "".join(letters) or "?"


def cut(text, width):
    """Return `text`, plain, in at most `width` characters; a "~" at its end stands for what was left out."""
    text = plain(text)
    return text if len(text) <= width else text[: max(0, width - 1)] + "~"[:width]


def wrapped(text, width=WIDTH, indent=""):
    """Return `text`, plain, as lines of at most `width`; those after the first begin with `indent`.

    A line break in the text is one here too; the space that a line begins with stays.
    """
    lines = []
    for paragraph in str(text).split("\n"):
        paragraph = plain(paragraph).rstrip()
        lead = ""
        while len(lead + paragraph) > width:
            room = width - len(lead)
            end = paragraph.rfind(" ", len(paragraph) - len(paragraph.lstrip()) + 1, room + 1)
            cut_at = end if end > 0 else room
            lines.append((lead + paragraph[:cut_at]).rstrip())
            paragraph = paragraph[cut_at:].lstrip()
            lead = indent
        lines.append(lead + paragraph)
    return lines


def columns(widths, cells):
    """Return one line with `cells` in columns of `widths`, the last as wide as the rest of the line allows.

    A negative width puts the cell to the right of its column; a column that is 0 wide is left out.
    """
    line = ""
    for width, cell in zip(widths[:-1], cells):
        if width:
            line += (cut(cell, width).ljust(width) if width > 0 else cut(cell, -width).rjust(-width)) + " "
    return cut(line + plain(cells[len(widths) - 1]), WIDTH).rstrip()
