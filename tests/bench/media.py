"""What a DICOMDIR costs: ten thousand small objects, warm, read from their files, against dcmmkdir and pydicom."""

import os
import shutil
import subprocess
import sys
import time

from tests.bench import material, measure
from tests.bench.table import Row

_SERIES, _EACH, _SIDE = 100, 100, 138
_PYDICOM_SHARE = 10  # of the objects, for a peer that takes more than in proportion to their number

_PYDICOM = """
import sys
from pathlib import Path
from pydicom.fileset import FileSet
made = FileSet()
for path in sorted(Path(sys.argv[1]).rglob("I*")):
    made.add(path)
made.write(sys.argv[2])
"""

# Run a program from a process that is small itself: what a process has when it becomes another counts for that one, too
_MEASURED = """
import os, sys, time
begun = time.perf_counter()
child = os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(child, 0)
print(time.perf_counter() - begun, used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def media(bench):
    """Make the directory of 10,000 CT of 40 KB in 100 series; theirs and ours in turn."""
    series = _SERIES // bench.share
    root = bench.memory / "set"
    for number in range(series):
        folder = root / f"S{number:04d}"
        for at, path in enumerate(material.ct_series(folder, _EACH, _SIDE)):
            os.rename(path, folder / f"I{at:07d}")
    count = series * _EACH
    theirs, ours = measure.interleave(
        bench.rounds, lambda: _dcmmkdir(root, count), lambda: _edge(root, count), costs=(1,)
    )
    slow = bench.memory / "slow"
    for number in range(max(1, series // _PYDICOM_SHARE)):
        shutil.copytree(root / f"S{number:04d}", slow / f"S{number:04d}", copy_function=os.link)
    few = len(list(slow.rglob("I*")))
    begun = time.perf_counter()
    target = bench.memory / "written"
    subprocess.run([sys.executable, "-c", _PYDICOM, str(slow), str(target)], check=True, capture_output=True)
    foreign = few / (time.perf_counter() - begun)
    shutil.rmtree(root)
    shutil.rmtree(slow)
    shutil.rmtree(target)
    what = f"DICOMDIR of {count} CT of 40 KB"
    note = f"it copies the files, too, and made that of {few} objects: its rate falls with their number"
    return [
        Row("media", what, "objects/s", "dcmmkdir", theirs[0], ours[0], 1.5, True, ""),
        Row("media", what + ", memory", "MB", "dcmmkdir", theirs[1], ours[1], 0.75, False, ""),
        Row("media", what, "objects/s", "pydicom", foreign, ours[0], 50, True, note),
    ]


def _dcmmkdir(root, count):
    return _timed(["dcmmkdir", "-q", "+r", "+id", ".", "+D", "DICOMDIR"], root, count)


def _edge(root, count):
    return _timed([sys.executable, "-m", "edge.service", "media", "index", str(root)], root, count)


def _timed(words, root, count):
    """Run a program that makes the directory of `root`; return (objects/s, MB of its resident memory at the most)."""
    (root / "DICOMDIR").unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-S", "-c", _MEASURED, *words], cwd=root, env=_environment(), capture_output=True, text=True
    )
    if done.returncode != 0 or (root / "DICOMDIR").stat().st_size < 200 * count:
        raise RuntimeError(f"{words[0]} did not make the directory of {count} objects: {done.stderr}")
    (root / "DICOMDIR").unlink()
    seconds, kilobytes = done.stdout.split()[-2:]
    return count / float(seconds), int(kilobytes) / 1024


def _environment():
    """What a program needs to find this project from another folder."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path[:1])}
