"""Where each key stands in a TOML text: the line numbers that `tomllib` does not give.

The text has been parsed before, so it is valid TOML, and only as much is understood here as finding keys takes: strings
and comments are passed over, brackets are counted, and what stands in front of an equals sign or in a table's header is
a key. Keys inside an inline table are found under the line of the key that holds it.
"""

from collections import namedtuple

# A key with its value, or a table's header, with all of its lines. line: of its first, from 1; start, end: where it
# begins and ends in the text, its comment included and its line end not; header: "[", "[[" or "" of a key; key: what is
# written there, a tuple of parts; table: path of the table that it stands in; path: its own. A path is a tuple of
# names, with the number of the table (from 0) after the name of each array of tables: ("destination", 1, "port")
Statement = namedtuple("Statement", ("line", "start", "end", "header", "key", "table", "path"))

_BLANK = " \t\r\n"
_BARE_END = " \t\r\n=.]#"


class _Text:
    def __init__(self, text):
        self.text = text
        self.at = 0
        self.line = 1

    def peek(self, count=1):
        return self.text[self.at : self.at + count]

    def skip(self, count=1):
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def skip_blank(self):
        """Pass over white space, line ends and comments."""
        while self.at < len(self.text):
            if self.peek() == "#":
                self.skip_to_line_end()
            elif self.peek() in _BLANK:
                self.skip()
            else:
                return

    def skip_to_line_end(self):
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end

    def skip_string(self):
        """Pass over a string of any of the four kinds and return what stands between its quotes, as written."""
        quote = self.peek()
        triple = self.peek(3) == quote * 3
        mark = quote * 3 if triple else quote
        self.skip(len(mark))
        began = self.at
        while self.peek(len(mark)) != mark:
            self.skip(2 if quote == '"' and self.peek() == "\\" else 1)
        inside = self.text[began : self.at]
        self.skip(len(mark))
        while triple and self.peek() == quote:  # quotes may stand at the end of a long string
            self.skip()
        return inside

    def skip_value(self):
        """Pass over a value up to the end of its line, whatever brackets and strings it has."""
        depth = 0
        while self.at < len(self.text):
            here = self.peek()
            if here in "\"'":
                self.skip_string()
            elif here == "#":
                self.skip_to_line_end()
            elif here == "\n" and depth == 0:
                return
            else:
                depth += (here in "[{") - (here in "]}")
                self.skip()

    def read_key(self):
        """Return a dotted key as a tuple of its parts."""
        parts = []
        while True:
            while self.peek() in (" ", "\t"):
                self.skip()
            if self.peek() in ('"', "'"):
                quote = self.peek()
                parts.append(_plain(quote, self.skip_string()))
            else:
                began = self.at
                while self.at < len(self.text) and self.peek() not in _BARE_END:
                    self.skip()
                parts.append(self.text[began : self.at])
            while self.peek() in (" ", "\t"):
                self.skip()
            if self.peek() != ".":
                return tuple(parts)
            self.skip()


def _plain(quote, inside):
    """Return what a quoted key stands for, of what is between its quotes."""
    if quote == "'" or "\\" not in inside:
        return inside
    import tomllib  # only a key with an escape pays for it

    return next(iter(tomllib.loads('"%s" = 0' % inside)))


def statements(text):
    """Yield each Statement of the valid TOML in `text`."""
    counts = {}
    table = ()
    here = _Text(text)
    here.skip_blank()
    while here.at < len(text):
        line, start = here.line, here.at
        if here.peek() == "[":
            header = "[[" if here.peek(2) == "[[" else "["
            here.skip(len(header))
            key = here.read_key()
            path = _numbered(key, counts, header == "[")
            if header == "[[":
                counts[path] = counts.get(path, -1) + 1
                path = (*path, counts[path])
            table = path
            here.skip_to_line_end()
        else:
            header = ""
            key = here.read_key()
            path = (*table, *key)
            here.skip()  # the equals sign
            here.skip_value()
        yield Statement(line, start, here.at, header, key, table, path)
        here.skip_blank()


def find(text):
    """Return {path: line} of every table and key of the valid TOML in `text`; lines count from 1. Paths: Statement."""
    lines = {}
    for each in statements(text):
        if each.header:
            lines.setdefault(each.path, each.line)
        for depth in range(len(each.table) + 1, len(each.path) + 1):
            lines.setdefault(each.path[:depth], each.line)
    return lines


def _numbered(name, counts, last_too):
    """Return the path of the table `name`, with the number of the newest table after each array of tables in it."""
    path = ()
    for place, part in enumerate(name):
        path = (*path, part)
        if path in counts and (last_too or place < len(name) - 1):
            path = (*path, counts[path])
    return path
