"""Read a configuration file: a Config, or every mistake in it, each with its line, its key and what was expected."""

import os
from collections import namedtuple

from edge.box import admission, alerting, commitment, config, console_keys, encryption, media_keys, relaying, rules
from edge.box import setups
from edge.box.section import REQUIRED, is_for, kind_of
from edge.box.values import ItemError, SecretError, toml
from edge.morph.match import WEEKDAYS
from edge.pixels import registry

# line: int, counted from 1, or None; key: where in the file, in words; words: what is wrong, and what was expected
Mistake = namedtuple("Mistake", ("line", "key", "words"))
# config: config.Config; warnings: tuple of Mistake, what works but is hardly meant; path: str, or None without a file;
# text: what the file says, or None
Loaded = namedtuple("Loaded", ("config", "warnings", "path", "text"))


class ConfigError(Exception):
    """The configuration cannot be used; `lines()` says why, one line for each mistake."""

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


def load(path=None):
    """Return the Loaded configuration of the file at `path`; without one, that of an empty file. Raises ConfigError."""
    if path is None:
        found = config.defaults()
        return Loaded(_anchored(found, os.getcwd()), tuple(_warnings(found, _Places({}))), None, None)
    try:
        with open(path, encoding="utf-8", newline="") as file:  # as it is, for whoever edits it
            text = file.read()
    except OSError as error:
        raise ConfigError(path, [Mistake(None, "", "it cannot be read: %s" % error.strerror)]) from None
    except UnicodeDecodeError as error:
        raise ConfigError(path, [Mistake(None, "", "it is not text in UTF-8, see octet %d" % error.start)]) from None
    return parse(text, path)


def parse(text, path):
    """Return the Loaded configuration of `text`, which came from the file at `path`. Raises ConfigError."""
    import tomllib  # costs a start without a file nothing

    from edge.box import positions

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, [_syntax_mistake(text, str(error))]) from None
    reading = _Reading(_Places(positions.find(text)))
    found = reading.read(document)
    reading.cross_check(found)
    if reading.mistakes:
        raise ConfigError(path, reading.mistakes)
    anchored = _anchored(found, os.path.dirname(os.path.abspath(path)))
    return Loaded(anchored, tuple(_warnings(found, reading.places)), path, text)


def _syntax_mistake(text, words):
    """Return the Mistake that tomllib's message stands for: it names a line and column, or the end of the document."""
    cause, _, place = words.rpartition(" (at ")
    cause = cause[:1].lower() + cause[1:]
    lines = text.split("\n")
    if not place.startswith("line "):
        return Mistake(len(lines), "", "this is not TOML: %s at the end of the file" % cause)
    line, column = [int(each.split()[-1]) for each in place.rstrip(")").split(",")]
    pointer = "\n    %s\n    %s^" % (lines[line - 1].rstrip("\r").replace("\t", " "), " " * (column - 1))
    return Mistake(line, "", "this is not TOML: %s, at column %d%s" % (cause, column, pointer))


def _anchored(found, folder):
    """Return the Config with every path in it absolute, those that were relative from `folder` on."""

    def anchor(path):
        return os.path.normpath(os.path.join(folder, os.path.expanduser(path)))

    for room in (encryption, alerting, console_keys, setups, media_keys):
        found = room.anchored(found, anchor)
    return found._replace(
        box=found.box._replace(state_dir=anchor(found.box.state_dir)),
        serial=found.serial._replace(port=found.serial.port and anchor(found.serial.port)),
        destinations=tuple([_anchored_files(each, anchor) for each in found.destinations]),
        identities=tuple([each._replace(key_file=anchor(each.key_file)) for each in found.identities]),
    )


def _anchored_files(destination, anchor):
    paths = {field: getattr(destination, field) for field in ("path", "token_file", "password_file")}
    return destination._replace(**{field: path and anchor(path) for field, path in paths.items()})


class _Places:
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


def _header(section, number=None, name=""):
    if not section.repeated:
        return "[%s]" % section.name
    return "[[%s]] %s" % (section.name, toml(name) if name else number + 1)


def _key(header, name):
    return "%s%s %s" % (header, "," if header.startswith("[[") else "", name)


def _key_at(found, place):
    """Return the words for the key at `place`, a path as `positions` has it."""
    tables = {"destination": (config.DESTINATION, found.destinations), "alert": (alerting.ALERT, found.alerts)}
    if place[0] not in tables:
        return "[%s] %s" % place
    section, rows = tables[place[0]]
    name = rows[place[1]].name
    return _key(_header(section, place[1], name if isinstance(name, str) else ""), place[-1])


def _suggestion(word, words):
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


class _Reading:
    """One pass over a parsed document, collecting mistakes."""

    def __init__(self, places):
        self.places = places
        self.mistakes = []

    def _wrong(self, path, key, words):
        self.mistakes.append(Mistake(self.places.line(*path), key, words))

    def read(self, document):
        """Return the Config of `document`; where something is wrong, the default stands in and a mistake is noted."""
        sections = {section.name: section for section in config.SECTIONS}
        for name in document:
            if name not in sections:
                what = "table" if isinstance(document[name], (dict, list)) else "key"
                self._wrong((name,), "", 'no such %s: "%s"%s' % (what, name, _suggestion(name, list(sections))))
        found = {section.name: self._section(section, document) for section in config.SECTIONS}
        return config.Config(*[found[section.name] for section in config.SECTIONS])

    def _section(self, section, document):
        if section.repeated:
            return self._tables(section, document.get(section.name, []))
        table = document.get(section.name, {})
        if not isinstance(table, dict):
            self._wrong((section.name,), section.name, "expected a table, [%s], found %s" % (section.name, toml(table)))
            table = {}
        return self._table(section, table, (section.name,), _header(section))

    def _tables(self, section, tables):
        if not isinstance(tables, list) or not all([isinstance(table, dict) for table in tables]):
            expected = "expected tables, each under [[%s]], found " % section.name
            single = "one under [%s]" % section.name if isinstance(tables, dict) else toml(tables)
            self._wrong((section.name,), section.name, expected + single)
            return ()
        found = []
        for number, table in enumerate(tables):
            name = table.get("name", "")
            header = _header(section, number, name if isinstance(name, str) else "")
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
                    self._wrong((*path, name), _key(header, name), words)
        for key in known.values():
            if key.default is REQUIRED and key.name not in table and (kind or key.only is None):
                self._wrong(path, _key(header, key.name), "it is missing; expected " + key.kind.expected)
        return config.build(section, values)

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
                self._wrong(path, _key(header, name), words % (section.name, kind, name, kinds, ", ".join(known)))
                return
        self._wrong(path, header, 'no such key: "%s"%s' % (name, _suggestion(name, list(known))))

    def cross_check(self, found):
        """Note what is wrong between keys that are right each by itself."""
        self._check_limits(found.limits)
        names = {}
        for number, each in enumerate(found.destinations):
            header = _header(config.DESTINATION, number, each.name if isinstance(each.name, str) else "")
            if each.name in names and each.name is not REQUIRED:
                words = "the name is taken by the one on line %s; expected a name of its own" % names[each.name]
                self._wrong(("destination", number, "name"), header, words)
            names.setdefault(each.name, self.places.line("destination", number))
            if each.retry_first_s > each.retry_cap_s:
                words = "expected at most retry_cap_s (%g), found %g" % (each.retry_cap_s, each.retry_first_s)
                self._wrong(("destination", number, "retry_first_s"), _key(header, "retry_first_s"), words)
            if (each.user is None) != (each.password_file is None):
                words = "user and password_file go together; expected both, or neither"
                self._wrong(("destination", number), header, words)
        rooms = (encryption, relaying, alerting, console_keys, media_keys)
        for place, words in [each for room in rooms for each in room.mistakes(found)]:
            self._wrong(place, _key_at(found, place), words)
        known = [name for name in names if name is not REQUIRED]
        for section, tables, key in (
            (config.ROUTE, found.routes, "to"),
            (config.CHANGE, found.changes, "for"),
            (config.DEIDENTIFY, found.identities, "for"),
        ):
            for number, each in enumerate(tables):
                for name in () if each.to is REQUIRED else each.to:
                    if name not in names:
                        hint = _suggestion(name, known) if known else "; there is no [[destination]] yet"
                        words = 'no such destination: "%s"%s' % (name, hint)
                        self._wrong((section.name, number, key), _key(_header(section, number), key), words)
        for number, each in enumerate(found.changes):
            if REQUIRED not in each:
                self._check_change(number, each)

        for number, each in enumerate(found.modalities):
            header = _header(config.MODALITY, number)
            if not each.calling and not each.address:
                words = "expected from or address, to know the device by; found neither"
                self._wrong(("modality", number), header, words)
            if each.character_set is not None:
                try:
                    rules.character_set(each)
                except rules.Unfit as unfit:
                    self._wrong(("modality", number, unfit.key), _key(header, unfit.key), str(unfit))
        seen = set()
        for number, each in enumerate(found.identities):
            header = _header(config.DEIDENTIFY, number)
            if each.to is not REQUIRED:
                for name in seen.intersection(each.to):
                    words = "%s has a [[deidentify]] already; expected one for each destination" % name
                    self._wrong(("deidentify", number, "for"), _key(header, "for"), words)
                seen.update(each.to)
            if {"full-dates", "shifted-dates"}.issubset(each.options):
                words = "expected full-dates or shifted-dates, found both"
                self._wrong(("deidentify", number, "options"), _key(header, "options"), words)

    def _check_limits(self, limits):
        if 0 < limits.remove_delivered_days < limits.keep_delivered_days:
            words = "expected 0, or at least keep_delivered_days (%d): until then they are safe; found %d"
            words %= (limits.keep_delivered_days, limits.remove_delivered_days)
            self._wrong(("limits", "remove_delivered_days"), "[limits] remove_delivered_days", words)
        if limits.low_water_percent >= limits.high_water_percent:
            words = "expected less than high_water_percent (%d), found %d"
            words %= (limits.high_water_percent, limits.low_water_percent)
            self._wrong(("limits", "low_water_percent"), "[limits] low_water_percent", words)

    def _check_change(self, number, change):
        try:
            rules.change(change)
        except rules.Unfit as unfit:
            self._wrong(("change", number, unfit.key), _key(_header(config.CHANGE, number), unfit.key), str(unfit))


def _warnings(found, places):
    """Yield a Mistake for what can be meant, but is dangerous or of no effect."""
    if not found.dicom.accept_calling and not encryption.is_closed(found):
        words = "it is empty, so anyone who reaches the port may send; name those who should"
        yield Mistake(places.line("dicom", "accept_calling"), "[dicom] accept_calling", words)
    for room in (admission, encryption, commitment, relaying, alerting, console_keys, setups):
        for place, words in room.warnings(found):
            yield Mistake(places.line(*place), _key_at(found, place), words)
    if not found.destinations:
        yield Mistake(None, "[[destination]]", "there is none, so all that is received is kept here and held")
    routed = {name for route in found.routes for name in route.to}
    for number, each in enumerate(found.destinations):
        if each.name not in routed:
            words = "no [[route]] leads there; it gets only what `edge send %s` sends" % each.name
            yield Mistake(places.line("destination", number), _header(config.DESTINATION, number, each.name), words)
        if each.compress and not registry.encodes(registry.named(each.compress).uid):
            reason = registry.state(registry.named(each.compress)).reason
            words = "this cannot be written here, so objects go as they were received: %s" % reason
            header = _header(config.DESTINATION, number, each.name)
            yield Mistake(places.line("destination", number, "compress"), _key(header, "compress"), words)
        if each.token_file is not None and each.user is not None:
            header = _header(config.DESTINATION, number, each.name)
            words = "the token is shown, and user and password_file are of no effect"
            yield Mistake(places.line("destination", number, "user"), _key(header, "user"), words)
        if each.url and not each.url.is_encrypted and (each.token_file or each.user):
            words = "the credentials go there for everybody on the way to read, and the objects too; use https"
            header = _header(config.DESTINATION, number, each.name)
            yield Mistake(places.line("destination", number, "url"), _key(header, "url"), words)
        ports = (found.dicom.port, found.dicom.tls_port)
        if each.host and each.port in ports and _is_here(each.host, found.dicom.bind):
            words = "this is the address and port of the box itself: what it forwards there it sends to itself"
            header = _header(config.DESTINATION, number, each.name)
            yield Mistake(places.line("destination", number, "host"), _key(header, "host"), words)
    yield from _nights(found, places)
    for number, each in enumerate(found.identities):
        header = _header(config.DEIDENTIFY, number)
        if bool(each.safe_private) != ("safe-private" in each.options):
            words = "the option safe-private and the list safe_private are of no effect without each other"
            yield Mistake(places.line("deidentify", number), header, words)
    if not found.limits.reserve_bytes:
        words = "it is 0, so objects are taken until the disk is full, whatever else lies on it; keep some free"
        yield Mistake(places.line("limits", "reserve_bytes"), "[limits] reserve_bytes", words)
    seen = {}
    for number, each in enumerate(found.routes):
        line = places.line("route", number)
        if each in seen:
            yield Mistake(line, _header(config.ROUTE, number), "it says the same as the one on line %d" % seen[each])
        seen.setdefault(each, line)


def _nights(found, places):
    """Yield a Mistake for hours that cross midnight into a day that is not among the weekdays beside them."""
    tables = ((config.DESTINATION, found.destinations), (config.ROUTE, found.routes), (config.CHANGE, found.changes))
    for section, rows in tables:
        for number, each in enumerate(rows):
            days = {day for group in each.weekdays for day in group}
            cut = [WEEKDAYS[day] for day in sorted(days) if (day + 1) % 7 not in days]
            if cut and any([first > last > 0 for first, last in each.hours]):
                header = _header(section, number, getattr(each, "name", ""))
                words = "what begins on %s ends at midnight, as the day after is not among them; add it for its morning"
                line = places.line(section.name, number, "weekdays")
                yield Mistake(line, _key(header, "weekdays"), words % " and ".join(cut))


def _is_here(host, bind):
    """Say whether a box that listens on the address `bind` is reached by `host`; nothing is asked of the network."""
    import socket  # only a file with a destination on the box's own port pays for it

    if host in ("localhost", socket.gethostname()):
        host = "127.0.0.1"
    if bind not in ("0.0.0.0", "::"):
        return host == bind
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host)  # refuses a name: finding its address is not worth waiting for
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))  # only an address of this machine can be bound
    except OSError:
        return False
    return True
