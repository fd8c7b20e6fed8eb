"""A TOML text as statements, of which some are changed, put in, taken out or moved; all else stays to the octet.

A statement (`positions`) is a key with its value, or a table's header. Whole lines are put in and taken out here;
within one statement it is tomlkit that changes the value, so that spaces, line breaks and comments around it stay.

A comment right above a header belongs to its table, and goes where it goes. Every other comment stays where it is.
"""

import re

from edge.toml import positions

_WIDE = 100
_BARE = re.compile("[A-Za-z0-9_-]+", re.ASCII)


def plain(value):
    """Return a value of JSON or TOML as it stands behind an equals sign, however long; lists over several lines."""
    shown = _plain(value)
    if isinstance(value, (list, tuple)) and len(shown) > _WIDE:
        return "[\n%s]" % "".join(["    %s,\n" % _plain(each) for each in value])
    return shown


def _plain(value):
    import tomlkit

    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join([_plain(each) for each in value])
    if isinstance(value, dict):
        pairs = ["%s = %s" % (_key(name), _plain(each)) for name, each in value.items()]
        return "{ %s }" % ", ".join(pairs) if pairs else "{}"
    if isinstance(value, str) and ('"' in value or "\\" in value) and "'" not in value and value.isprintable():
        return "'%s'" % value
    return tomlkit.item(value).as_string()


def _key(name):
    return name if _BARE.fullmatch(name) else _plain(name)


class Lines:
    """A TOML text that is changed; `text` is what it has become. A path is that of positions.Statement."""

    def __init__(self, text):
        self.eol = "\r\n" if "\r\n" in text else "\n"
        self._take(text)

    def _take(self, text):
        self.text = text
        self._all = list(positions.statements(text))

    # Keys

    def set(self, path, value):
        """Give the key at `path` a value, where it stands, or at the end of its table."""
        holder = self._holder(path)
        if holder is not None:
            self._within(holder, path[len(holder.path) :], lambda table, name: _assign(table, name, value))
            return
        self._drop_tables(path)
        self._insert(path[:-1], path[-1], value)

    def unset(self, path):
        """Take the key at `path` out, with its line."""
        holder = self._holder(path)
        if holder is None:
            self._drop_tables(path)
        elif holder.path == path:
            self._cut([self._lines_of(holder, holder)], False)
        else:
            self._within(holder, path[len(holder.path) :], _discard)

    def _holder(self, path):
        """Return the statement that has the value at `path`, or a value that it is a part of; None without one."""
        return next((each for each in self._all if not each.header and each.path == path[: len(each.path)]), None)

    def _within(self, statement, rest, action):
        """Change a value within one statement; `action` gets what holds it, and its name or number there."""
        import tomlkit

        end = statement.end - (self.text[statement.end - 1] == "\r")
        snippet = tomlkit.parse(self.text[statement.start : end])
        *way, name = (*statement.key, *rest)
        holder = snippet
        for part in way:
            holder = holder[part]
        action(holder, name)
        self._take(self.text[: statement.start] + snippet.as_string().rstrip("\r\n") + self.text[end:])

    def _insert(self, table, name, value):
        header = next((each for each in self._all if each.header and each.path == table), None)
        siblings = [
            each for each in self._all if not each.header and each.table != table and each.path[: len(table)] == table
        ]
        line = "%s = %s" % (_key(name), plain(value))
        if header is not None:
            own = [each for each in self._all if each.table == table and not each.header]
            self._put_below(self._example(header, name) or (own or [header])[-1].end, line)
        elif siblings:  # the table has no header, but keys like `dicom.port`
            near = siblings[-1]
            depth = len(near.key) - (len(near.path) - len(table))
            self._put_below(near.end, "".join([_key(part) + "." for part in near.key[:depth]]) + line)
        else:
            tables = [each for each in self._all if each.header == "[["]
            place = self._top(tables[0]) if tables else len(self.text)
            self._paste(place, "[%s]\n%s\n" % (_key(table[0]), line))

    def _example(self, header, name):
        """Return where, under a header, a comment shows the key `name`, as those of the reference do; None without."""
        later = [each.start for each in self._all if each.header and each.start > header.start]
        at = self._line_end(header.end)
        end = later[0] if later else len(self.text)
        values = [(each.start, each.end) for each in self._all if not each.header]
        while at < end:
            line = self.text[at : self._line_end(at)]
            if re.match(r"#\s*\[", line):  # a whole table that is commented out begins
                return None
            if re.match(r"#\s*%s\s*=" % re.escape(name), line) and not any([low <= at < high for low, high in values]):
                return at + len(line.rstrip("\r\n"))
            at += len(line)
        return None

    # Tables

    def add(self, section, number, count, values):
        """Put a [[table]] in as the one with this number, from 0, of the `count` that there are then."""
        holder = self._holder((section,))
        if holder is not None:
            self._within(holder, (), lambda table, name: table[name].insert(number, _inline(values)))
            return
        keys = ["%s = %s\n" % (_key(name), plain(value)) for name, value in values.items()]
        self._paste(self._place(section, number), "[[%s]]\n%s" % (_key(section), "".join(keys)))

    def remove(self, section, number):
        """Take the [[table]] with this number out, with all that belongs to it."""
        holder = self._holder((section,))
        if holder is not None:
            self._within(holder, (number,), _discard)
        else:
            self._cut(self._spans((section, number)))

    def move(self, section, number, to):
        """Let the [[table]] with this number be the one with the number `to`."""
        holder = self._holder((section,))
        if holder is not None:
            self._within(holder, (), lambda table, name: table[name].insert(to, table[name].pop(number)))
            return
        spans = self._spans((section, number))
        block = "".join([self.text[start:end] for start, end in spans]).replace("\r\n", "\n")
        if not block.endswith("\n"):
            block += "\n"
        self._cut(spans)
        self._paste(self._place(section, to), block)

    def _drop_tables(self, path):
        spans = self._spans(path)
        if spans:
            self._cut(spans)

    def _place(self, section, number):
        """Return where in the text a [[table]] goes that is to have this number."""
        headers = [each for each in self._all if each.header == "[[" and each.path[:-1] == (section,)]
        if number < len(headers):
            return self._top(headers[number])
        if headers:
            last = [each for each in self._all if each.path[:2] == headers[-1].path][-1]
            following = [each for each in self._all if each.header and each.start > last.start]
            if following:
                return self._top(following[0])
        return len(self.text)

    def _spans(self, path):
        """Return (start, end) of the lines of every table at `path` and below, in stretches that hang together."""
        found = []
        runs = []
        for each in self._all:
            if each.table[: len(path)] != path:
                runs = []
            elif runs:
                found[-1] = (found[-1][0], self._line_end(each.end))
            else:
                runs = [each]
                found.append((self._top(each), self._line_end(each.end)))
        return found

    # Lines

    def _top(self, header):
        """Return where a header begins, with the comment right above it."""
        before = [each.end for each in self._all if each.start < header.start]
        limit = self._line_end(before[-1]) if before else 0
        top = self._line_start(header.start)
        while top > limit:
            above = self._line_start(top - 1)
            if not self.text[above:top].lstrip().startswith("#"):
                break
            top = above
        return top

    def _line_start(self, at):
        return self.text.rfind("\n", 0, at) + 1

    def _line_end(self, at):
        """Return where the line after the one that `at` is in begins."""
        return self.text.find("\n", at) + 1 or len(self.text)

    def _lines_of(self, first, last):
        return self._line_start(first.start), self._line_end(last.end)

    def _cut(self, spans, tidily=True):
        """Take stretches of lines out; with them, tidily, the empty lines that would be one too many."""
        text = self.text
        for start, end in reversed(spans):
            while tidily and self._is_open(text[:start]) and (blank := re.match("[ \t]*\r?\n", text[end:])):
                end += blank.end()
            text = text[:start] + text[end:]
        self._take(text)

    @staticmethod
    def _is_open(before):
        """Say whether what comes next stands at the top, or behind an empty line."""
        lines = before.split("\n")
        return not before or len(lines) > 1 and not lines[-2].strip()

    def _put_below(self, end, line):
        """Put a line in below the one that ends at `end`."""
        end -= self.text[end - 1] == "\r"
        self._take(self.text[:end] + self.eol + line.replace("\n", self.eol) + self.text[end:])

    def _paste(self, at, block):
        """Put lines in at `at`, where a line begins, or at the end, with an empty line before and after them."""
        before, after = self.text[:at], self.text[at:]
        if before and not before.endswith("\n"):
            before += self.eol
        if not self._is_open(before):
            before += self.eol
        if after and not re.match("[ \t]*\r?\n", after):
            block += "\n"
        self._take(before + block.replace("\n", self.eol) + after)


def _assign(table, name, value):
    """Set a value of a tomlkit container; of a list that is one already, only what is other than before."""
    if isinstance(value, (list, tuple)) and name in table and isinstance(table[name], list):
        import difflib

        array = table[name]
        same = difflib.SequenceMatcher(None, *[[_plain(each) for each in items] for items in (array.unwrap(), value)])
        for what, low, high, first, last in reversed(same.get_opcodes()):
            if what == "equal":
                continue
            for number in range(high - 1, low - 1, -1):
                del array[number]
            for number, each in enumerate(value[first:last]):
                array.insert(low + number, _item(each))
    else:
        table[name] = _item(value)


def _discard(table, name):
    if isinstance(table, list) or name in table:
        del table[name]


def _item(value):
    import tomlkit

    return tomlkit.value(_plain(value))


def _inline(values):
    return _item(values)
