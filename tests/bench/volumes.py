"""What volumes cost: an image against xorriso on the same tree, and the memory of box and child; alone, and as exports.

An export goes through all of it in the running service: objects chosen and compared with what was received, directory,
pages, image, and the image read back from its disk.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time

import edge
from edge.media import image
from edge.media.leaf import Leaf
from tests.bench import material, measure
from tests.bench.table import Row
from tests.support import dcmtk
from tests.support.service import Service

CD_OCTETS, CD_FILES = 700_000_000, 3000
DVD_FILES, DVD_SIDE = 9400, 512  # CT of 0.5 MB: 4.9 GB
EXPORT_FILES = 1330  # CT of 0.5 MB: a CD
_BATCH = 500
_LOOK_S = 0.02
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


class _Exporter:
    """A running box with so many CT of 0.5 MB in one series, which makes exports of all of them."""

    def __init__(self, bench, count, where):
        self.count = count
        self.folder = bench.fresh(where)
        self.box = Service(self.folder, env=bench.installed)
        compiled = [sys.executable, "-m", "compileall", "-q", os.path.dirname(edge.__file__)]
        subprocess.run(compiled, check=True, env=self.box.env)
        self.box.start()
        first = material.ct_series(bench.fresh(bench.memory), min(count, _BATCH), DVD_SIDE)
        left = count
        while left:
            batch = bench.fresh(bench.memory)
            material.ct_fresh(first[:left], batch)
            dcmtk.finish(dcmtk.start_sender(dcmtk.STORESCU, self.box.port, [batch]))
            shutil.rmtree(batch)
            left -= min(left, _BATCH)
        shutil.rmtree(first[0].parent)
        self.box.stop()
        self.box.restart()  # what it took to receive them is not there any more

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.box.kill()
        shutil.rmtree(self.folder)

    def image(self, **more):
        """Have an image made; return (its path, the seconds from the order to its end)."""
        path = self.folder / "volume.iso"
        path.unlink(missing_ok=True)
        begun = time.perf_counter()
        order = {"to": f"iso:{path}", "patient": "BENCH-1", "viewer": False, **more}
        number = self.box.ask("export", **order)[1]["export"]
        row = self.box.ask("follow-export", export=number)[1]
        seconds = time.perf_counter() - begun
        if row["state"] != "done" or row["objects"] != self.count:
            raise RuntimeError(f"the export of {self.count} objects: {row['words']}, of {row['objects']}")
        return path, seconds


def _exported(bench):
    """The same disc twice: as an export of a box, and by xorriso alone of the tree that came of it."""
    with _Exporter(bench, EXPORT_FILES // bench.share, bench.memory) as exporter:
        tree, target = bench.fresh(bench.memory), bench.fresh(bench.memory)
        path, _ = exporter.image()
        subprocess.run(["7z", "x", "-y", f"-o{tree}", path], check=True, capture_output=True)
        octets = sum(each.stat().st_size for each in tree.rglob("*") if each.is_file())
        files = sum(each.is_file() for each in tree.rglob("*"))
        made = ["-as", "mkisofs", "-quiet", "-iso-level", "1", "-V", "EDGE", "-o", str(target), str(tree)]

        def xorriso():
            target.unlink(missing_ok=True)
            took = _seconds(lambda: subprocess.run(["xorriso", "-no_rc", *made], check=True, capture_output=True))
            return octets / 1e6 / took

        theirs, ours = measure.interleave(bench.rounds, xorriso, lambda: octets / 1e6 / exporter.image()[1])
    shutil.rmtree(tree)
    target.unlink()
    what = f"an export of {octets / 1e6:,.0f} MB in {files:,} files with DICOMDIR and pages, order to end"
    return Row("media", what, "MB/s", "xorriso", theirs, ours, 0.8, True, "xorriso makes the image alone")


def _export_grown(bench):
    """The memory that an export of thousands of instances adds to the running box, and what its child takes."""
    with _Exporter(bench, DVD_FILES // bench.share, bench.disk) as exporter:
        idle = measure.settled_memory(exporter.box.pid)
        measure.reset_peak(exporter.box.pid)
        child = 0

        def look():
            nonlocal child
            while not over.wait(_LOOK_S):
                for each in measure.descendants(exporter.box.pid)[1:]:
                    try:
                        child = max(child, measure.memory(each).peak_bytes)
                    except (OSError, KeyError):
                        continue  # it has ended meanwhile

        over, watching = threading.Event(), threading.Thread(target=look)
        watching.start()
        try:
            path, _ = exporter.image(profile="STD-GEN-DVD-JPEG", medium="dvd-dl")
        finally:
            over.set()
            watching.join()
        grown = measure.memory(exporter.box.pid).peak_bytes - idle.rss_bytes
        octets = path.stat().st_size
    what = f"while it exports {octets / 1e9:.1f} GB in {exporter.count:,} instances of one series to an image"
    return [
        Row("media", f"memory, growth of the running box {what}", "MB", "", None, grown / 1e6, 4, False, ""),
        Row("media", f"memory of the largest child {what}", "MB", "", None, child / 1e6, 64, False, ""),
    ]


def volumes(bench):
    """Write volumes: an image against xorriso, memory for thousands of instances; both as exports, too."""
    return [_against_xorriso(bench), *_grown(bench), _exported(bench), *_export_grown(bench)]
