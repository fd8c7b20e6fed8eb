"""Leaves for volumes, what foreign programs find on them, and writers that are cancelled or killed on their way."""

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

from edge.media.leaf import Leaf
from tests.support import process, warm

MIB = 1 << 20


def names(count, per_series=7):
    """File IDs as a DICOMDIR has them: patients, studies, series of a few images."""
    for number in range(count):
        series = number // per_series
        yield f"DICOM/PAT{series // 6:05d}/STU{series // 2:05d}/SER{series:05d}/IMG{number:05d}"


def leaves(folder, sizes, among=None, seed=1):
    """Leaves with files of these sizes and random octets, in a new folder; among: their names."""
    folder = Path(folder)
    folder.mkdir()
    generator = random.Random(seed)
    made = []
    for number, (name, size) in enumerate(zip(among or names(len(sizes)), sizes)):
        path = folder / f"{number}.dcm"
        piece = generator.randbytes(min(size, 1 << 16))
        with open(path, "wb") as file:
            for at in range(0, size, 1 << 16):
                file.write(piece[: size - at])
        made.append(Leaf(name, str(path), size))
    return made


def drained(writer):
    """Run a writer to its end: (what it yielded, what it returned)."""
    seen = []
    while True:
        try:
            seen.append(next(writer))
        except StopIteration as end:
            return seen, end.value


def digests(made):
    """The SHA-256 of every leaf's file, by its name."""
    return {leaf.name: digest(leaf.path) for leaf in made}


def digest(path):
    """The SHA-256 of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def unpacked(folder):
    """The SHA-256 of every file in a folder, by its name in there."""
    folder = Path(folder)
    return {str(path.relative_to(folder)): digest(path) for path in folder.rglob("*") if path.is_file()}


def said(*command, check=True, **more):
    """Run a program; return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    assert not check or done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout + done.stderr


class Held:
    """A process that runs a writer as far as its first words, and is then killed by the test.

    setup: Python that ends with `writer = ...`; it may use `leaf(name, octets)`, which makes a leaf of zeros.
    """

    def __init__(self, folder, setup, until="True"):
        script = f"""
import os, sys
from edge.media.leaf import Leaf
def leaf(name, octets):
    path = os.path.join({str(folder)!r}, name.replace("/", "-"))
    with open(path, "wb") as file:
        file.truncate(octets)
    return Leaf(name, path, octets)
{setup}
for written in writer:
    if {until}:
        break
print("under way", flush=True)
sys.stdin.read()
"""
        self.process = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout.readline() == "under way\n"
        self.children = children(self.process.pid)

    def kill(self):
        """Kill it, and wait until its children are gone, too."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        for pid in self.children:
            process.wait_until(lambda: state(pid) == "Z", 10, f"the child {pid} to end")


def children(pid="self"):
    """The ids of a process's children, but for the one that begins boxes for tests."""
    tasks = Path(f"/proc/{pid}/task")
    found = [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
    return [child for child in found if child != warm.nursery_pid()]


def state(pid):
    """The letter by which the kernel tells what a process does; "Z" when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def left(folder):
    """The names in a folder, hidden ones too."""
    return sorted(os.listdir(folder))
