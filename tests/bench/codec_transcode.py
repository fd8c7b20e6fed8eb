"""A whole object to JPEG-LS, file to file, against dcmcjpls: a multi-frame CT of 500 MB, on one core and on two.

Each run is a process of its own, its start included, and the three take turns. The growth of memory is that of the
process while it transcodes, measured from behind a transcoding of one frame, when everything is loaded: the highest
that its resident memory stood above that.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import data_store
import pydicom

from tests.bench.codecs import Row

FRAMES = 954  # of 512 x 512 x 2 octets: 500 MB
ROUNDS = 5
GROWTH_LIMIT_MB = 8
PEER = "dcmcjpls"

# What our process runs: argument 1 is a small object, 2 the large one, 3 the output, 4 how many threads
_OURS = """
import os, sys
from edge.pixels import source, transcode

def run(given, wanted, threads):
    file = os.open(given, os.O_RDONLY)
    target = os.open(wanted, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    found = source.FileSource(file)
    source.write(target, transcode.Transcoding(found.chunks, found.syntax, "jpeg-ls", threads=threads, is_file=True))
    os.close(target)
    os.close(file)

def memory(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name))

run(sys.argv[1], sys.argv[3], 1)
with open("/proc/self/clear_refs", "w") as marks:
    marks.write("5")
before = memory("VmRSS")
run(sys.argv[2], sys.argv[3], int(sys.argv[4]))
print(memory("VmHWM") - before)
"""


def _timed(command, cores):
    began = time.perf_counter()
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores)
    )
    return time.perf_counter() - began, done.stdout


def _material(folder):
    """Write the small and the large object; return their paths."""
    small = Path(data_store.__file__).parent / "data" / "693_UNCR.dcm"
    made = pydicom.dcmread(small)
    frame = made.PixelData
    made.NumberOfFrames = FRAMES
    made.PixelData = frame * FRAMES
    large = Path(folder, "ct.dcm")
    made.save_as(large)
    return small, large


def measure(images, timer):
    """Rows of one core against the peer, two cores against one, and of the growth of memory; `images` are not used."""
    cores = os.sched_getaffinity(1)
    one = {max(cores)}
    best = dict.fromkeys(("peer", "one", "two"), float("inf"))
    growth = 0.0
    with tempfile.TemporaryDirectory() as folder:
        small, large = _material(folder)
        outputs = {name: Path(folder, name) for name in best}
        for _ in range(ROUNDS):
            seconds, _ = _timed([PEER, large, outputs["peer"]], one)
            best["peer"] = min(best["peer"], seconds)
            for name, threads, where in (("one", 1, one), ("two", 2, cores)):
                seconds, said = _timed([sys.executable, "-c", _OURS, small, large, outputs[name], str(threads)], where)
                best[name] = min(best[name], seconds)
                growth = max(growth, int(said) / 1000)
        megabytes = large.stat().st_size / 1e6
        ratios = {name: large.stat().st_size / path.stat().st_size for name, path in outputs.items()}
        if outputs["one"].read_bytes() != outputs["two"].read_bytes():
            raise RuntimeError("two threads wrote another file than one")
    rate = {name: megabytes / seconds for name, seconds in best.items()}
    label = f"{megabytes:.0f} MB CT"
    return [
        Row("transcode", label, "to JPEG-LS", PEER, rate["peer"], rate["one"], 3, None, ratios["peer"], ratios["one"],
            "file to file, one core"),
        Row("transcode", label, "two cores", "one core", rate["one"], rate["two"], 1.7, None, ratios["one"],
            ratios["two"], f"{len(cores)} cores there"),
        Row("transcode", label, "memory", "growth", growth, GROWTH_LIMIT_MB, 1, None, ratios["one"], ratios["two"],
            "MB grown, and MB allowed"),
    ]  # fmt: skip
