"""The project's Python files, parsed: what each imports and calls."""

import ast
import functools
from collections import namedtuple
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
EDGE = PROJECT / "edge"

# path: relative to the project; room: the folder below edge/, "" for edge itself; name: the file's, without .py;
# tree: ast; lines: how many
Source = namedtuple("Source", "path room name tree lines")
# target: dotted name of what is imported; line: where
Import = namedtuple("Import", "target line")


def read(path):
    """Parse one file."""
    text = path.read_text(encoding="utf-8")
    inside = path.relative_to(EDGE).parts if path.is_relative_to(EDGE) else ()
    room = inside[0] if len(inside) > 1 else ""
    return Source(path.relative_to(PROJECT), room, path.stem, ast.parse(text, str(path)), text.count("\n"))


@functools.cache
def all_sources():
    """Every Python file of the project: edge/, tests/, native/ and what lies at the top."""
    found = list(PROJECT.glob("*.py"))
    for folder in ("edge", "tests", "native"):
        found += (PROJECT / folder).rglob("*.py")
    return [read(path) for path in sorted(found)]


def edge_sources():
    """Every Python file below edge/."""
    return [each for each in all_sources() if each.path.parts[0] == "edge"]


def none(faults):
    """Assert that a rule found no fault, and show every one that it found."""
    found = list(faults)
    assert not found, "\n".join(["", *found])


@functools.cache
def imports(source):
    """Every import in a file, at the top or inside a function, as the dotted names of modules."""
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.path}:{node.lineno}: imports are absolute here"
            found += [Import(_module(node.module, alias.name), node.lineno) for alias in node.names]
    return found


def _module(module, name):
    """The module that `from module import name` loads: the name itself when it is a file or a room, else `module`."""
    inside = PROJECT.joinpath(*module.split("."), name)
    return f"{module}.{name}" if inside.with_suffix(".py").exists() or inside.is_dir() else module


@functools.cache
def calls(source):
    """Every call in a file as (dotted name or "", the ast.Call)."""
    return [(_dotted(node.func), node) for node in ast.walk(source.tree) if isinstance(node, ast.Call)]


def _dotted(node):
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return ""
