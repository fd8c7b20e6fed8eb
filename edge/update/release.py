"""What runs here, and which of two versions is the newer one."""

import re
from collections import namedtuple

from edge import VERSION

PLACE = "/etc/edge/release"
_LIMIT = 4096
_PARTS = re.compile(r"(\d+)|([A-Za-z]+)|(~)")

# version: as 1.2.3; board: the id of the board's profile, "" where this is no appliance; build: what the image was made
# of, "" as well
Release = namedtuple("Release", ("version", "board", "build"))


def here(path=PLACE):
    """Return the Release that runs; without the file, it is the program's own version."""
    found = {}
    try:
        with open(path, encoding="utf-8") as file:
            for line in file.read(_LIMIT).splitlines():
                name, equals, value = line.partition("=")
                if equals:
                    found[name.strip()] = value.strip().strip('"')
    except (OSError, UnicodeDecodeError):
        pass
    return Release(found.get("version") or VERSION, found.get("board", ""), found.get("build", ""))


def is_older(version, other):
    """Say whether `version` comes before `other`: 1.9 before 1.10, and 2.0~rc1 before 2.0 before 2.0-1."""
    return _key(version) < _key(other)


def _key(version):
    """Return what versions are put in order by: a list that ends with what stands between `~` and anything more."""
    found = []
    for number, word, _ in _PARTS.findall(version):
        found.append((3, int(number), "") if number else (2, 0, word) if word else (0, 0, ""))
    return [*found, (1, 0, "")]
