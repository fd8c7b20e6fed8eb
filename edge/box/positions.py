"""Where each key stands in a TOML text: the line numbers that `tomllib` does not give.

The text has been parsed before, so it is valid TOML, and only as much is understood here as finding keys takes: strings
and comments are passed over, brackets are counted, and what stands in front of an equals sign or in a table's header is
a key. Keys inside an inline table are found under the line of the key that holds it.
"""

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
                parts.append(self.skip_string())
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


def find(text):
    """Return {path: line} of every table and key of the valid TOML in `text`; lines count from 1.

    A path is a tuple of names, with the number of the table (from 0) after the name of each array of tables:
    ("destination", 1, "port").
    """
    lines = {}
    counts = {}
    table = ()
    here = _Text(text)
    here.skip_blank()
    while here.at < len(text):
        line = here.line
        if here.peek() == "[":
            repeated = here.peek(2) == "[["
            here.skip(2 if repeated else 1)
            name = _numbered(here.read_key(), counts, not repeated)
            if repeated:
                counts[name] = counts.get(name, -1) + 1
                name = (*name, counts[name])
            table = name
            here.skip_to_line_end()
            lines.setdefault(table, line)
        else:
            path = (*table, *here.read_key())
            here.skip()  # the equals sign
            here.skip_value()
            for depth in range(len(table) + 1, len(path) + 1):
                lines.setdefault(path[:depth], line)
        here.skip_blank()
    return lines


def _numbered(name, counts, last_too):
    """Return the path of the table `name`, with the number of the newest table after each array of tables in it."""
    path = ()
    for place, part in enumerate(name):
        path = (*path, part)
        if path in counts and (last_too or place < len(name) - 1):
            path = (*path, counts[path])
    return path
