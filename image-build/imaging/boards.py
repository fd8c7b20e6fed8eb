"""What the builder needs of a board's profile (boards/NAME/profile.toml; boards/README.md has its keys)."""

import sys
import tomllib
from collections import namedtuple
from pathlib import Path

from imaging.steps import BuildError

PROJECT = Path(__file__).resolve().parents[2]
BOARDS = PROJECT / "boards"

# name: str; folder: Path; arch: Debian's word; profile: the whole document as a dict
Board = namedtuple("Board", ("name", "folder", "arch", "profile"))
ARCHITECTURES = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


def names():
    """Return the boards that an image can be made for, sorted."""
    return sorted(path.parent.name for path in BOARDS.glob("*/profile.toml") if _is_linux(path))


def _is_linux(path):
    board = tomllib.loads(path.read_text(encoding="utf-8")).get("board", {})
    return board.get("kind", "linux") == "linux" and board.get("arch") in ARCHITECTURES


def load(name):
    """Read the profile of the board `name`; BuildError names what there is instead."""
    path = BOARDS / name / "profile.toml"
    if not path.is_file():
        raise BuildError(f"there is no board {name!r}; there are: {', '.join(names())}")
    sys.path.insert(0, str(PROJECT))
    from edge.board import profile as held
    from edge.toml.reading import ConfigError

    try:
        held.load(str(path))
    except ConfigError as error:
        raise BuildError(f"the profile of {name} has mistakes:\n{error}") from None
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    if document["board"]["arch"] not in ARCHITECTURES:
        raise BuildError(f"{path}: no image is made for the architecture {document['board']['arch']!r}")
    if document["boot"].get("kernel", "debian") != "debian":
        raise BuildError(f"{name} needs a kernel of its vendor's, which Debian does not have: no image is made for it")
    return Board(name, path.parent, document["board"]["arch"], document)


def value(board, path, default=None):
    """Return a value of the profile by its dotted name, or `default` where it is not set."""
    at = board.profile
    for key in path.split("."):
        if not isinstance(at, dict) or key not in at:
            return default
        at = at[key]
    return at


def of_interfaces(board, key):
    """Return all that the network interfaces of a profile have under `key`: words, or lists of them."""
    found = []
    for each in board.profile.get("interface", ()):
        content = each.get(key, ())
        found += [content] if isinstance(content, str) else content
    return list(dict.fromkeys(found))
