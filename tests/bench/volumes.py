"""What volumes cost: an image of a CD against xorriso on the same tree, and the memory of box and child for a DVD."""

import json
import os
import shutil
import subprocess
import sys
import time

from edge.media import image
from edge.media.leaf import Leaf
from tests.bench import material, measure
from tests.bench.table import Row

CD_OCTETS, CD_FILES = 700_000_000, 3000
DVD_FILES, DVD_SIDE = 9400, 512  # CT of 0.5 MB: 4.9 GB
_WORST = 1 << 20

# A process with all that a running box has loaded. It writes an image, says what that added, and what the child took.
_GROWTH = """
import json, sys
import edge.service.wiring
from edge.media import image
from edge.media.leaf import Leaf

def memory(pid, key):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key)) * 1024

def leaves(path, octets, count):
    for number in range(count):
        series = number // 100
        yield Leaf(f"DICOM/PAT{series // 8:05d}/STU{series // 4:05d}/SER{series:05d}/IMG{number:05d}", path, octets)

def child():
    with open("/proc/thread-self/children") as file:
        return file.read().split()

path, octets, count, target = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before, most = memory("self", "VmRSS"), 0
for written in image.write(leaves(path, octets, count), target, "EDGE", udf=True):
    for pid in child():
        most = max(most, memory(pid, "VmHWM"))
print(json.dumps([memory("self", "VmHWM") - before, most]))
"""


def _tree(folder, octets, count):
    """Make a tree of files as a DICOM volume has them, with a DICOMDIR and pages; return their leaves."""
    made = []

    def put(name, size):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(piece[:size])
        made.append(Leaf(name, str(path), size))

    each = octets // count
    piece = os.urandom(max(each, _WORST))
    put("DICOMDIR", min(count * 600, len(piece)))
    for page in ("INDEX.HTM", "README.TXT", "IHE_PDI/STYLE.CSS"):
        put(page, 4000)
    for number in range(count):
        series = number // 50
        put(f"DICOM/PAT{series // 8:05d}/STU{series // 4:05d}/SER{series:05d}/IMG{number:05d}", each)
        if number % 10 == 0:
            put(f"IHE_PDI/JPEG/P{number:07d}.JPG", 2000)
    return made


def _seconds(run):
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def _against_xorriso(bench):
    """The same tree in one image: by xorriso alone, and by the box, which syncs it too."""
    tree = bench.memory / "volume"
    leaves = _tree(tree, CD_OCTETS // bench.share, CD_FILES // bench.share)
    octets = sum(leaf.size for leaf in leaves)
    target = bench.memory / "volume.iso"
    made = ["-as", "mkisofs", "-quiet", "-iso-level", "1", "-V", "EDGE", "-o", str(target), str(tree)]

    def xorriso():
        subprocess.run(["xorriso", "-no_rc", *made], check=True, capture_output=True)

    def ours():
        for _ in image.write(leaves, target, "EDGE"):
            pass

    def timed(run):
        def once():
            target.unlink(missing_ok=True)
            return octets / 1e6 / _seconds(run)

        return once

    theirs, mine = measure.interleave(bench.rounds, timed(xorriso), timed(ours))
    target.unlink()
    shutil.rmtree(tree)
    what = f"an image of {octets / 1e6:,.0f} MB in {len(leaves):,} files"
    return Row("media", what, "MB/s", "xorriso", theirs, mine, 0.8, True, "")


def _grown(bench):
    """The memory that an image of thousands of instances adds to the box, and what its child takes."""
    source = material.ct_series(bench.memory / "instance", 1, DVD_SIDE)[0]
    count = DVD_FILES // bench.share
    target = bench.disk / "volume.iso"
    try:
        done = subprocess.run(
            [sys.executable, "-c", _GROWTH, source, str(os.path.getsize(source)), str(count), target],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        octets = target.stat().st_size
    finally:
        target.unlink(missing_ok=True)
    grown, child = json.loads(done.stdout)
    what = f"while an image of {octets / 1e9:.1f} GB in {count:,} instances is written, ISO 9660 and UDF"
    return [
        Row("media", f"memory, growth {what}", "MB", "", None, grown / 1e6, 4, False, ""),
        Row("media", f"memory of the child {what}", "MB", "", None, child / 1e6, 64, False, ""),
    ]


def volumes(bench):
    """Write volumes: an image against xorriso, memory for thousands of instances."""
    return [_against_xorriso(bench), *_grown(bench)]
