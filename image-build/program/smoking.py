"""See that a packaged program works where nothing else is installed, and print its figures."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import making
import roots

TRIES = 5
# what: (unit, target)
TARGETS = {"folder": ("MB", 25), "edge --version": ("s", 0.25), "ready": ("s", 0.6)}
_MACHINES = {62: "amd64", 183: "arm64"}  # e_machine of ELF


def main(arguments):
    """Try the program in the folder that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(prog="image-build/program/smoke", description=__doc__)
    parser.add_argument("folder", type=Path, help="what image-build/program/build has made")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="edge-smoke-") as work:
            return _try(options.folder.resolve(), Path(work))
    except (roots.Failed, OSError) as failure:
        print(f"the program could not be tried: {failure}", file=sys.stderr)
        return 1


def processor_of(program):
    """Return the Processor that a program is for, by its ELF header."""
    with open(program, "rb") as file:
        head = file.read(20)
    name = _MACHINES.get(int.from_bytes(head[18:20], "little")) if head[:4] == b"\x7fELF" else None
    if name is None:
        raise roots.Failed(f"{program} is no program for {' or '.join(_MACHINES.values())}")
    return roots.PROCESSORS[name]


def _try(folder, work):
    processor = processor_of(folder / "edge" / "edge")
    roots.make(work / "root", making.RELEASE, processor, making.NEEDED)
    command = work / "edge"
    shown = [making.PROJECT, Path(tempfile.gettempdir()), folder]
    roots.write_entry(command, work / "root", processor, folder / "edge" / "edge", shown)
    size = sum(path.stat().st_size for path in (folder / "edge").rglob("*") if path.is_file())
    for what, value in {
        "folder": size / 1e6,
        "edge --version": statistics.median(_version_s(command) for _ in range(TRIES)),
        "ready": statistics.median(_ready_s(command, work / f"box-{each}") for each in range(TRIES)),
    }.items():
        unit, target = TARGETS[what]
        print(f"{processor.debian}: {what} {value:.3g} {unit} (target {target} {unit})", flush=True)
    tried = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/program/test_smoke.py"],
        cwd=making.PROJECT,
        env={**os.environ, "EDGE_PROGRAM": str(command), **roots.EMULATED},
    )
    return tried.returncode


def _version_s(command):
    began = time.monotonic()
    subprocess.run([command, "--version"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def _ready_s(command, folder):
    """Return how long the box takes until it is ready, with nothing kept yet and its console on."""
    folder.mkdir()
    settings = folder / "edge.toml"
    settings.write_text(f'[box]\nstate_dir = "{folder}/state"\n[dicom]\nbind = "127.0.0.1"\nport = 28104\n'
                        '[console]\nbind = "127.0.0.1"\nport = 28443\n', encoding="ascii")
    began = time.monotonic()
    box = subprocess.Popen(
        [command, "serve", "--config", settings], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in box.stdout:
            if line.startswith("ready"):
                return time.monotonic() - began
    finally:
        box.terminate()
        words = box.communicate(timeout=60)[1]
    raise roots.Failed(f"the box was not ready: {words}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
