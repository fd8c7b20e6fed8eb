"""Read a configuration file: a Config, or every mistake in it, each with its line, its key and what was expected."""

import os
from collections import namedtuple

from edge.box import admission, alerting, commitment, config, console_keys, encryption, media_keys, relaying, rules
from edge.box import setups
from edge.morph.match import WEEKDAYS
from edge.pixels import registry
from edge.toml.reading import ConfigError, Mistake, Places, Reading, header_of, key_in, parsed, suggestion, text_of
from edge.toml.section import REQUIRED

# config: config.Config; warnings: tuple of Mistake, what works but is hardly meant; path: str, or None without a file;
# text: what the file says, or None
Loaded = namedtuple("Loaded", ("config", "warnings", "path", "text"))


def load(path=None):
    """Return the Loaded configuration of the file at `path`; without one, that of an empty file. Raises ConfigError."""
    if path is None:
        found = config.defaults()
        return Loaded(_anchored(found, os.getcwd()), tuple(_warnings(found, Places({}))), None, None)
    return parse(text_of(path), path)


def parse(text, path):
    """Return the Loaded configuration of `text`, which came from the file at `path`. Raises ConfigError."""
    document, places = parsed(text, path)
    reading = _Reading(config.SECTIONS, config.build, places)
    found = config.Config(*reading.read(document))
    reading.cross_check(found)
    if reading.mistakes:
        raise ConfigError(path, reading.mistakes)
    anchored = _anchored(found, os.path.dirname(os.path.abspath(path)))
    return Loaded(anchored, tuple(_warnings(found, reading.places)), path, text)


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


def _key_at(found, place):
    """Return the words for the key at `place`, a path as `positions` has it."""
    tables = {"destination": (config.DESTINATION, found.destinations), "alert": (alerting.ALERT, found.alerts)}
    if place[0] not in tables:
        return "[%s] %s" % place
    section, rows = tables[place[0]]
    name = rows[place[1]].name
    return key_in(header_of(section, place[1], name if isinstance(name, str) else ""), place[-1])


class _Reading(Reading):
    """What a configuration says, and what is wrong between its keys."""

    def cross_check(self, found):
        """Note what is wrong between keys that are right each by itself."""
        self._check_limits(found.limits)
        names = {}
        for number, each in enumerate(found.destinations):
            header = header_of(config.DESTINATION, number, each.name if isinstance(each.name, str) else "")
            if each.name in names and each.name is not REQUIRED:
                words = "the name is taken by the one on line %s; expected a name of its own" % names[each.name]
                self.wrong(("destination", number, "name"), header, words)
            names.setdefault(each.name, self.places.line("destination", number))
            if each.retry_first_s > each.retry_cap_s:
                words = "expected at most retry_cap_s (%g), found %g" % (each.retry_cap_s, each.retry_first_s)
                self.wrong(("destination", number, "retry_first_s"), key_in(header, "retry_first_s"), words)
            if (each.user is None) != (each.password_file is None):
                words = "user and password_file go together; expected both, or neither"
                self.wrong(("destination", number), header, words)
        rooms = (encryption, relaying, alerting, console_keys, media_keys)
        for place, words in [each for room in rooms for each in room.mistakes(found)]:
            self.wrong(place, _key_at(found, place), words)
        known = [name for name in names if name is not REQUIRED]
        for section, tables, key in (
            (config.ROUTE, found.routes, "to"),
            (config.CHANGE, found.changes, "for"),
            (config.DEIDENTIFY, found.identities, "for"),
        ):
            for number, each in enumerate(tables):
                for name in () if each.to is REQUIRED else each.to:
                    if name not in names:
                        hint = suggestion(name, known) if known else "; there is no [[destination]] yet"
                        words = 'no such destination: "%s"%s' % (name, hint)
                        self.wrong((section.name, number, key), key_in(header_of(section, number), key), words)
        for number, each in enumerate(found.changes):
            if REQUIRED not in each:
                self._check_change(number, each)

        for number, each in enumerate(found.modalities):
            header = header_of(config.MODALITY, number)
            if not each.calling and not each.address:
                words = "expected from or address, to know the device by; found neither"
                self.wrong(("modality", number), header, words)
            if each.character_set is not None:
                try:
                    rules.character_set(each)
                except rules.Unfit as unfit:
                    self.wrong(("modality", number, unfit.key), key_in(header, unfit.key), str(unfit))
        seen = set()
        for number, each in enumerate(found.identities):
            header = header_of(config.DEIDENTIFY, number)
            if each.to is not REQUIRED:
                for name in seen.intersection(each.to):
                    words = "%s has a [[deidentify]] already; expected one for each destination" % name
                    self.wrong(("deidentify", number, "for"), key_in(header, "for"), words)
                seen.update(each.to)
            if {"full-dates", "shifted-dates"}.issubset(each.options):
                words = "expected full-dates or shifted-dates, found both"
                self.wrong(("deidentify", number, "options"), key_in(header, "options"), words)

    def _check_limits(self, limits):
        if 0 < limits.remove_delivered_days < limits.keep_delivered_days:
            words = "expected 0, or at least keep_delivered_days (%d): until then they are safe; found %d"
            words %= (limits.keep_delivered_days, limits.remove_delivered_days)
            self.wrong(("limits", "remove_delivered_days"), "[limits] remove_delivered_days", words)
        if limits.low_water_percent >= limits.high_water_percent:
            words = "expected less than high_water_percent (%d), found %d"
            words %= (limits.high_water_percent, limits.low_water_percent)
            self.wrong(("limits", "low_water_percent"), "[limits] low_water_percent", words)

    def _check_change(self, number, change):
        try:
            rules.change(change)
        except rules.Unfit as unfit:
            self.wrong(("change", number, unfit.key), key_in(header_of(config.CHANGE, number), unfit.key), str(unfit))


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
            yield Mistake(places.line("destination", number), header_of(config.DESTINATION, number, each.name), words)
        if each.compress and not registry.encodes(registry.named(each.compress).uid):
            reason = registry.state(registry.named(each.compress)).reason
            words = "this cannot be written here, so objects go as they were received: %s" % reason
            header = header_of(config.DESTINATION, number, each.name)
            yield Mistake(places.line("destination", number, "compress"), key_in(header, "compress"), words)
        if each.token_file is not None and each.user is not None:
            header = header_of(config.DESTINATION, number, each.name)
            words = "the token is shown, and user and password_file are of no effect"
            yield Mistake(places.line("destination", number, "user"), key_in(header, "user"), words)
        if each.url and not each.url.is_encrypted and (each.token_file or each.user):
            words = "the credentials go there for everybody on the way to read, and the objects too; use https"
            header = header_of(config.DESTINATION, number, each.name)
            yield Mistake(places.line("destination", number, "url"), key_in(header, "url"), words)
        ports = (found.dicom.port, found.dicom.tls_port)
        if each.host and each.port in ports and _is_here(each.host, found.dicom.bind):
            words = "this is the address and port of the box itself: what it forwards there it sends to itself"
            header = header_of(config.DESTINATION, number, each.name)
            yield Mistake(places.line("destination", number, "host"), key_in(header, "host"), words)
    yield from _nights(found, places)
    for number, each in enumerate(found.identities):
        header = header_of(config.DEIDENTIFY, number)
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
            yield Mistake(line, header_of(config.ROUTE, number), "it says the same as the one on line %d" % seen[each])
        seen.setdefault(each, line)


def _nights(found, places):
    """Yield a Mistake for hours that cross midnight into a day that is not among the weekdays beside them."""
    tables = ((config.DESTINATION, found.destinations), (config.ROUTE, found.routes), (config.CHANGE, found.changes))
    for section, rows in tables:
        for number, each in enumerate(rows):
            days = {day for group in each.weekdays for day in group}
            cut = [WEEKDAYS[day] for day in sorted(days) if (day + 1) % 7 not in days]
            if cut and any([first > last > 0 for first, last in each.hours]):
                header = header_of(section, number, getattr(each, "name", ""))
                words = "what begins on %s ends at midnight, as the day after is not among them; add it for its morning"
                line = places.line(section.name, number, "weekdays")
                yield Mistake(line, key_in(header, "weekdays"), words % " and ".join(cut))


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
