"""The shims build clean with both compilers, and the build tells in words what is missing."""

import importlib.util
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.house import source

BOUND = source.PROJECT / "native" / "bound"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Werror", "-O2")


def recipe():
    """native/bound/build.py as a module."""
    spec = importlib.util.spec_from_file_location("bound_build", BOUND / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("compilers", [("gcc", "g++"), ("clang", "clang++")], ids=["gcc", "clang"])
@pytest.mark.parametrize("name", ["openjpeg.c", "openjph.cpp", "jpeg.c", "confine.c"])
def test_a_shim_builds_without_a_warning(name, compilers):
    folders = {recipe().header_folder(each) for each in recipe().BOUND}
    with tempfile.TemporaryDirectory() as folder:
        command = [compilers[name.endswith(".cpp")], *WARNINGS, "-c", BOUND / name, "-o", Path(folder, "out.o")]
        command += [f"-isystem{each}" for each in folders if each not in (None, "/usr/include")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compiler", ["aarch64-linux-gnu-gcc", "arm-linux-gnueabihf-gcc"])
def test_the_confinement_builds_for_arm(compiler):
    with tempfile.TemporaryDirectory() as folder:
        command = [compiler, *WARNINGS, "-c", BOUND / "confine.c", "-o", Path(folder, "out.o")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_results_on_the_wire_are_those_of_the_header():
    from edge.pixels import wire

    header = (BOUND / "edge_bound.h").read_text(encoding="ascii")
    found = {name: int(number) for name, number in re.findall(r"EDGE_BOUND_(\w+) = (\d+)", header)}
    assert len(found) == 9 and all(getattr(wire, name) == number for name, number in found.items())


def test_a_library_that_is_missing_is_reported_with_its_remedy_and_the_others_stay(monkeypatch):
    build = recipe()
    absent = build.BOUND[1]._replace(extension="edge._absent", header="absent/absent.h")
    monkeypatch.setattr(build, "BOUND", (build.BOUND[0], absent, build.BOUND[2]))
    assert build.report().splitlines() == [
        "native: built, JPEG 2000, lossy JPEG by the libraries of this machine",
        "native: no HTJ2K: edge._absent is not built; apt-get install libopenjph-dev g++, then make clean setup",
    ]
    assert build.packages() == ["HTJ2K libopenjph-dev g++"]
