"""The codecs of native/, built for the tests in several ways: each a library with the declarations of edge_codec.h."""

import functools
import importlib.util
import shutil
import subprocess
import tempfile
from collections import namedtuple
from pathlib import Path

from cffi import FFI

NATIVE = Path(__file__).resolve().parents[2] / "native"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic", "-Werror")

# ffi: cffi's, with the header's declarations; lib: the functions
Library = namedtuple("Library", "ffi lib")


def sources():
    """Every C file that goes into the extension."""
    return [NATIVE / "src" / name for name in _recipe().SOURCES]


@functools.cache
def _recipe():
    spec = importlib.util.spec_from_file_location("native_build", NATIVE / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def _folder():
    return tempfile.TemporaryDirectory(prefix="edge-native-")


@functools.cache
def library(*flags, compiler="cc"):
    """Build all of native/src with further `flags` and return it as a Library; the same flags are built once."""
    ffi = FFI()
    ffi.cdef(_recipe().declarations())
    target = Path(_folder().name) / f"{compiler}{''.join(flags)}.so".replace("/", "_")
    subprocess.run(
        [compiler, "-std=c11", "-O2", *WARNINGS, *flags, "-shared", "-fPIC", "-I", NATIVE / "include",
         *sources(), "-o", target],
        check=True,
    )  # fmt: skip
    return Library(ffi, ffi.dlopen(str(target)))


def program(main, name, *flags, compiler="cc"):
    """Build a program from the C text `main` and all of native/src; return its path."""
    folder = Path(_folder().name)
    text = folder / f"{name}.c"
    text.write_text(main, encoding="ascii")
    subprocess.run(
        [compiler, "-std=c11", "-g", *WARNINGS, *flags, "-I", NATIVE / "include", text, *sources(),
         "-o", folder / name],
        check=True,
    )  # fmt: skip
    return folder / name


def compilers():
    """The compilers of this machine that the codecs are meant for."""
    return [name for name in ("gcc", "clang") if shutil.which(name)]
