"""The codecs of native/, built for the tests in several ways: each a library with the declarations of edge_codec.h.

What the box itself uses, the extension, needs no building. Every other way is compiled once, both processors at work,
and kept in build/ under a name made of the compiler, the flags and every source: it is there again until one changes.
"""

import fcntl
import functools
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cffi import FFI

from edge import _native

PROJECT = Path(__file__).resolve().parents[2]
NATIVE = PROJECT / "native"
KEPT = PROJECT / "build" / "native-tests"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic", "-Werror")
# EDGE_COMPACT: what is otherwise copied into many places takes a sanitizer half a minute.
SANITIZED = ("-O1", "-g1", "-DEDGE_COMPACT", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# The same with what libFuzzer wants to know: one build for it and for all that replays files.
FUZZED = (*SANITIZED, "-fsanitize=fuzzer-no-link")
# What must give the same bits as the extension, as (compiler, flags).
OTHERS = [
    ("gcc", ("-O2", "-DEDGE_SCALAR")),
    ("gcc", ("-O3",)),
    ("clang", ("-O2",)),
]
# Other processors, as (compiler, emulator, the vectors it has).
PROCESSORS = [
    ("aarch64-linux-gnu-gcc", "qemu-aarch64", b"neon"),
    ("arm-linux-gnueabihf-gcc", "qemu-arm", b"scalar"),
]

# ffi: cffi's, with the header's declarations; lib: the functions
Library = namedtuple("Library", "ffi lib")


def identity(way):
    """A test's name for one of OTHERS or PROCESSORS."""
    return way[0] + "".join(way[1]) if isinstance(way[1], tuple) else way[0]


@functools.cache
def recipe():
    """native/build.py as a module."""
    spec = importlib.util.spec_from_file_location("native_build", NATIVE / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*words, **options):
    """Run a program; what it says on standard output. RuntimeError with all it says where it fails or is not there."""
    try:
        done = subprocess.run([*map(str, words)], capture_output=True, check=False, **options)
    except FileNotFoundError as missing:
        raise RuntimeError(f"{words[0]} is not here: .ci/debian-packages names what brings it") from missing
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        raise RuntimeError(f"{words[0]} ended with {done.returncode}:\n{said[:2000]}\n...\n{said[-2000:]}")
    return done.stdout


@functools.cache
def _folder():
    return tempfile.TemporaryDirectory(prefix="edge-native-")


def scratch():
    """A folder for what is built for this run only."""
    return Path(_folder().name)


@functools.cache
def _sources_digest():
    digest = hashlib.sha256()
    for path in sorted([*NATIVE.glob("src/*.[ch]"), *NATIVE.glob("include/*.h")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@functools.cache
def _kept(compiler, flags):
    said = run(compiler, "--version")
    return KEPT / hashlib.sha256(repr((said, flags, WARNINGS, _sources_digest())).encode()).hexdigest()[:24]


def _stems():
    return [Path(source).stem for source in recipe().SOURCES]


def prepare(ways):
    """Compile every C file of the extension in all these ways, as (compiler, flags), that are not there yet."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at a time would each compile everything
        _compile(ways)


def _compile(ways):
    missing = [(way, Path(tempfile.mkdtemp(dir=KEPT))) for way in ways if not _kept(*way).exists()]

    def compiled(stem, way, folder):
        run(way[0], "-std=c11", "-fPIC", *WARNINGS, *way[1], "-I", NATIVE / "include",
            "-c", NATIVE / "src" / f"{stem}.c", "-o", folder / f"{stem}.o")  # fmt: skip

    try:
        # The lines of JPEG-LS take longer than all others together: first.
        jobs = [(stem, *each) for stem in sorted(_stems(), key=lambda stem: stem != "jpeg_ls_ways") for each in missing]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda job: compiled(*job), jobs))
        for way, folder in missing:
            folder.rename(_kept(*way))
    finally:
        for _, folder in missing:
            shutil.rmtree(folder, ignore_errors=True)


def prepare_all():
    """Compile all that the tests of this room ask for, so that both processors are busy all the while."""
    ways = [*OTHERS, ("gcc", SANITIZED), ("clang", FUZZED), ("clang", (*FUZZED, "-DEDGE_SCALAR"))]
    prepare(ways + [(compiler, ("-O2", "-static")) for compiler, _, _ in PROCESSORS])


def objects(compiler, *flags):
    """The object files of the extension, compiled this way."""
    prepare([(compiler, flags)])
    return [_kept(compiler, flags) / f"{stem}.o" for stem in _stems()]


@functools.cache
def library(compiler=None, *flags):
    """The extension as the box has it; or all of native/src, built by `compiler` with `flags`."""
    if compiler is None:
        return Library(_native.ffi, _native.lib)
    ffi = FFI()
    ffi.cdef(recipe().declarations())
    target = scratch() / f"{compiler}{''.join(flags)}.so".replace("/", "_")
    run(compiler, "-shared", *objects(compiler, *flags), "-o", target)
    return Library(ffi, ffi.dlopen(str(target)))


@functools.cache
def program(text, compiler, *flags, links=()):
    """Build a program from C text or C files and all of native/src; return its path."""
    target = Path(tempfile.mkdtemp(dir=scratch())) / "program"
    files = text if isinstance(text, tuple) else (target.with_suffix(".c"),)
    if not isinstance(text, tuple):
        files[0].write_text(text + "\n", encoding="ascii")
    run(compiler, "-std=c11", *WARNINGS, *flags, *links, "-I", NATIVE / "include", "-I", NATIVE / "fuzz", *files,
        *objects(compiler, *flags), "-o", target)  # fmt: skip
    return target


def replay(target, *more):
    """The fuzz target that runs over files, under ASan and UBSan; return its path."""
    return program((NATIVE / "fuzz" / f"{target}.c", NATIVE / "fuzz" / "replay.c"), "clang", *FUZZED, *more)


def fuzzer(target):
    """The fuzz target with libFuzzer, under ASan and UBSan; return its path."""
    return program((NATIVE / "fuzz" / f"{target}.c",), "clang", *FUZZED, links=("-fsanitize=fuzzer",))


@functools.cache
def sanitized_extension():
    """Build edge._native as `make setup` does, but by gcc under ASan and UBSan; return (its path, what to preload)."""
    folder = scratch() / "sanitized"
    folder.mkdir()
    code = folder / "_native.c"
    recipe().extension().emit_c_code(str(code))
    target = folder / "_native.so"
    run("gcc", "-shared", "-fPIC", "-I", sysconfig.get_paths()["include"], "-I", NATIVE / "include", *SANITIZED, code,
        *objects("gcc", *SANITIZED), "-o", target)  # fmt: skip
    return target, run("gcc", "-print-file-name=libasan.so").decode().strip()
