"""Read a file by its table of keys: what it says, or every mistake in it, each with line, key and what was expected."""

from collections import namedtuple

from edge.toml.kinds import ItemError, SecretError, toml
from edge.toml.meaning import meaning
from edge.toml.section import REQUIRED, is_for, kind_of

# line: int, counted from 1, or None; key: where in the file, in words; words: what is wrong, and what was expected
Mistake = namedtuple("Mistake", ("line", "key", "words"))


class ConfigError(Exception):
    """The file cannot be used; `lines()` says why, one line for each mistake."""

    def __init__(self, path, mistakes):
        self.path = path
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: mistake.line or 0))
        super().__init__("\n".join(self.lines()))

    def lines(self):
        """Return the mistakes as lines of text, in the order of the file."""
        return [say(self.path, mistake) for mistake in self.mistakes]


def say(path, mistake):
    """Return one line of text for a Mistake in the file at `path`."""
    line = "" if mistake.line is None else ", line %d" % mistake.line
    key = mistake.key and mistake.key + ": "
    return "%s%s: %s%s" % (path or "the built-in defaults", line, key, mistake.words)


def text_of(path):
    """Return the text of the file at `path`. Raises ConfigError."""
    try:
        with open(path, encoding="utf-8", newline="") as file:  # as it is, for whoever edits it
            return file.read()
    except OSError as error:
        raise ConfigError(path, [Mistake(None, "", "it cannot be read: %s" % error.strerror)]) from None
    except UnicodeDecodeError as error:
        raise ConfigError(path, [Mistake(None, "", "it is not text in UTF-8, see octet %d" % error.start)]) from None


def parsed(text, path):
    """Return what `text`, which came from the file at `path`, says, as dicts, and its Places. Raises ConfigError."""
    import tomllib  # costs a start without a file nothing

    from edge.toml import positions

    try:
        return meaning(text), Places(positions.find(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, [_syntax_mistake(text, str(error))]) from None


def _syntax_mistake(text, words):
    """Return the Mistake that tomllib's message stands for: it names a line and column, or the end of the document."""
    if " (at " not in words:
        return Mistake(None, "", "this cannot be read: %s" % words)
    cause, _, place = words.rpartition(" (at ")
    cause = cause[:1].lower() + cause[1:]
    lines = text.split("\n")
    if not place.startswith("line "):
        return Mistake(len(lines), "", "this is not TOML: %s at the end of the file" % cause)
    line, column = [int(each.split()[-1]) for each in place.rstrip(")").split(",")]
    pointer = "\n    %s\n    %s^" % (lines[line - 1].rstrip("\r").replace("\t", " "), " " * (column - 1))
    return Mistake(line, "", "this is not TOML: %s, at column %d%s" % (cause, column, pointer))



class Places:
    """Lines and names of keys, for messages."""

    def __init__(self, lines):
        self._lines = lines

    def line(self, *path):
        """Return the line of the key at `path`, or of the nearest that holds it; None when the file has neither."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None


def header_of(section, number=None, name=""):
    """Return how a table of a Section stands in the file, with its name, or its number from 1 on."""
    if not section.repeated:
        return "[%s]" % section.name
    return "[[%s]] %s" % (section.name, toml(name) if name else number + 1)


def key_in(place, name):
    """Return the words for the key called `name` in the table that `header` gave `place` for."""
    return "%s%s %s" % (place, "," if place.startswith("[[") else "", name)



def suggestion(word, words):
    """Return words that a message ends with: which of `words` was meant, or all there are."""
    import difflib

    near = difflib.get_close_matches(str(word).lower(), words, 1)
    return '; did you mean "%s"?' % near[0] if near else "; there are: " + ", ".join(words)


def misfits(kind, value):
    """Return in words what is wrong with one value, as TOML gives it, for a values.Kind; nothing when it is right."""
    try:
        kind.read(value)
        return []
    except ValueError as unfit:
        return _misfits(kind, value, unfit)


def _misfits(kind, value, unfit):
    if isinstance(unfit, ItemError):
        found = [(toml(item) + " among them", reason) for item, reason in unfit.items]
    else:
        found = [(toml(unfit.shown if isinstance(unfit, SecretError) else value), str(unfit))]
    return ["expected %s, found %s%s" % (kind.expected, each, reason and ": " + reason) for each, reason in found]



class Reading:
    """One pass over a parsed document, collecting mistakes.

    sections: of the table of keys; build: function of a Section and {field: value}, returns what stands for the table.
    """

    def __init__(self, sections, build, places):
        self._sections = sections
        self._build = build
        self.places = places
        self.mistakes = []

    def wrong(self, path, key, words):
        """Note a mistake at `path`, see Places; key: where it is, in words."""
        self.mistakes.append(Mistake(self.places.line(*path), key, words))

    def read(self, document):
        """Return what stands for each section of `document`; for what is wrong, its default, and a mistake is noted."""
        sections = {section.name: section for section in self._sections}
        for name in document:
            if name not in sections:
                what = "table" if isinstance(document[name], (dict, list)) else "key"
                self.wrong((name,), "", 'no such %s: "%s"%s' % (what, name, suggestion(name, list(sections))))
        return [self._section(section, document) for section in self._sections]

    def _section(self, section, document):
        if section.repeated:
            return self._tables(section, document.get(section.name, []))
        table = document.get(section.name, {})
        if not isinstance(table, dict):
            self.wrong((section.name,), section.name, "expected a table, [%s], found %s" % (section.name, toml(table)))
            table = {}
        return self._table(section, table, (section.name,), header_of(section))

    def _tables(self, section, tables):
        if not isinstance(tables, list) or not all([isinstance(table, dict) for table in tables]):
            expected = "expected tables, each under [[%s]], found " % section.name
            single = "one under [%s]" % section.name if isinstance(tables, dict) else toml(tables)
            self.wrong((section.name,), section.name, expected + single)
            return ()
        found = []
        for number, table in enumerate(tables):
            name = table.get("name", "")
            header = header_of(section, number, name if isinstance(name, str) else "")
            found.append(self._table(section, table, (section.name, number), header))
        return tuple(found)

    def _table(self, section, table, path, header):
        kind = self._kind(section, table)
        known = {key.name: key for key in section.keys if is_for(key, kind)}
        values = {}
        for name, value in table.items():
            key = known.get(name)
            if key is None:
                self._unknown(section, kind, name, (*path, name), header, known)
                continue
            try:
                values[key.field] = key.kind.read(value)
            except ValueError as unfit:
                for words in _misfits(key.kind, value, unfit):
                    self.wrong((*path, name), key_in(header, name), words)
        for key in known.values():
            if key.default is REQUIRED and key.name not in table and (kind or key.only is None):
                self.wrong(path, key_in(header, key.name), "it is missing; expected " + key.kind.expected)
        return self._build(section, values)

    def _kind(self, section, table):
        """Return the name of the kind of a table; None where the section has none, or that is itself a mistake."""
        kind = kind_of(section, table)
        return kind if kind in [each.name for each in section.kinds] else None

    def _unknown(self, section, kind, name, path, header, known):
        """Note a key that does not belong where it is: one of another kind, or one that there is not."""
        for key in section.keys:
            if key.name == name:
                kinds = " or ".join([toml(each) for each in key.only])
                words = 'a %s of the kind "%s" has no %s, only those of the kind %s have; there are: %s'
                self.wrong(path, key_in(header, name), words % (section.name, kind, name, kinds, ", ".join(known)))
                return
        self.wrong(path, header, 'no such key: "%s"%s' % (name, suggestion(name, list(known))))
