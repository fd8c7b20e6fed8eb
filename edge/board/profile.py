"""A board's profile: the one file of its folder that says what it is, read and held against the table of its keys.

`python -m edge.board.profile boards/README.md` puts that table into the boards' README.
"""

import os
import sys
from collections import namedtuple

from edge.board import keys
from edge.toml import markdown
from edge.toml.reading import ConfigError, Mistake, Reading, header_of, key_in, parsed, text_of
from edge.toml.section import REQUIRED, filled

FILE = "profile.toml"
BEGIN = "<!-- fields: written by python -m edge.board.profile boards/README.md -->"
END = "<!-- fields: end -->"

_REPEATED = {"serial": "serials", "interface": "interfaces", "burner": "burners"}
_SHAPES = {
    section.name: namedtuple(section.name.capitalize(), [each.field for each in section.keys])
    for section in keys.SECTIONS
}
# One named tuple for each table, or a tuple of them for those that may be there more than once
Profile = namedtuple("Profile", [_REPEATED.get(section.name, section.name) for section in keys.SECTIONS])


def load(path):
    """Return the Profile in the file at `path`, or in the folder. Raises ConfigError with every mistake."""
    if os.path.isdir(path):
        path = os.path.join(path, FILE)
    return parse(text_of(path), path)


def parse(text, path):
    """Return the Profile that `text` from the file at `path` is; raises ConfigError with every mistake."""
    document, places = parsed(text, path)
    reading = _Reading(keys.SECTIONS, lambda section, values: _SHAPES[section.name](*filled(section, values)), places)
    found = Profile(*reading.read(document))
    reading.cross_check(found, os.path.basename(os.path.dirname(os.path.abspath(path))))
    if reading.mistakes:
        raise ConfigError(path, reading.mistakes)
    return found


class _Reading(Reading):
    """What a profile says, and what is wrong between its keys."""

    def _say(self, section, name, words, number=None):
        key = key_in(header_of(section, number), name)
        if key not in [each.key for each in self.mistakes]:  # what is wrong by itself cannot fit the others
            self.wrong((section.name, name) if number is None else (section.name, number, name), key, words)

    def cross_check(self, found, folder):
        """Note what is wrong between keys that are right each by itself."""
        if found.board.id not in (REQUIRED, folder):
            words = 'expected the name of its folder, "%s"; rename one of them' % folder
            self._say(keys.BOARD, "id", words)
        self._check_boot(found.boot)
        self._check_gpio(found.gpio)
        for section, rows, names in (
            (keys.SERIAL, found.serials, ("name", "path")),
            (keys.INTERFACE, found.interfaces, ("name",)),
        ):
            self._check_apart(section, rows, names)
        consoles = [number for number, each in enumerate(found.serials) if each.role == "console"]
        for number in consoles[1:]:
            self._say(keys.SERIAL, "role", "one port is the console already; expected another role", number)
        if found.watchdog.driver is not None and found.watchdog.max_s is None:
            self._say(keys.WATCHDOG, "max_s", "it is missing; expected the longest time that the driver can be set to")
        if found.board.tier in keys.TIERS[:2] and found.qemu.machine is None:
            words = "this tier was seen in an emulator; expected [qemu] with a machine, or hardware-unverified"
            self._say(keys.BOARD, "tier", words)
        if not found.board.dt_compatible and not found.board.dmi and found.board.arch == "arm64":
            self._say(keys.BOARD, "dt_compatible", "expected one word at least, or nothing could know this board by it")

    def _check_boot(self, boot):
        for name in ("uboot", "uboot_package"):
            value = getattr(boot, name)
            if boot.method == "uboot" and value is None:
                self._say(keys.BOOT, name, "it is missing; a board that U-Boot starts needs it")
            if boot.method not in ("uboot", REQUIRED) and value is not None:
                self._say(keys.BOOT, name, 'it is of no use: this board starts by "%s"; leave it out' % boot.method)

    def _check_gpio(self, gpio):
        lines = {}
        for name in ["%s_line" % lamp for lamp in keys.LAMPS] + ["button_line"]:
            line = getattr(gpio, name)
            if line is None:
                continue
            if gpio.chip is None:
                self._say(keys.GPIO, name, "it is a line of no chip; expected chip beside it")
            if line in lines:
                self._say(keys.GPIO, name, "line %d is that of %s already; expected another" % (line, lines[line]))
            lines.setdefault(line, name)

    def _check_apart(self, section, rows, names):
        for name in names:
            seen = set()
            for number, each in enumerate(rows):
                value = getattr(each, name)
                if value in seen and value is not REQUIRED:
                    self._say(section, name, '"%s" is there already; expected each once' % value, number)
                seen.add(value)


# Where profiles lie


def folders():
    """Return the folders that may have boards, the nearest first: those of the system, and of a source tree."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return ("/usr/share/edge/boards", os.path.join(here, "boards"))


def names(places=None):
    """Return {name: folder} of every board with Linux in the folders `places`; what stands first counts.

    One whose profile cannot be read is among them, for whoever names it to be told why.
    """
    found = {}
    for place in places or folders():
        try:
            within = sorted(os.listdir(place))
        except OSError:
            continue
        for name in within:
            folder = os.path.join(place, name)
            if os.path.exists(os.path.join(folder, FILE)) and not _is_micropython(folder):
                found.setdefault(name, folder)
    return found


def _is_micropython(folder):
    try:
        return kind_of(folder) == "micropython"
    except ConfigError:
        return False


def kind_of(path):
    """Return the kind of the board in the folder at `path`, "linux" or "micropython". Raises ConfigError."""
    path = os.path.join(path, FILE)
    table = parsed(text_of(path), path)[0].get("board", {})
    kind = table.get("kind", "linux") if isinstance(table, dict) else "linux"
    if kind not in ("linux", "micropython"):
        raise ConfigError(path, [Mistake(None, "[board] kind", 'expected "linux" or "micropython"')])
    return kind


def inserted(page):
    """Return the text `page` with the table of keys between the two marks; ValueError when they are not there."""
    return markdown.inserted(page, BEGIN, END, markdown.tables(keys.SECTIONS))


if __name__ == "__main__":
    markdown.renew(sys.argv[1], inserted)
