"""python -m tests.torture [--minutes N] [--seed N]: the tests that break things, again and again, each time otherwise.

Every round has a seed of its own, which decides what hypothesis makes up; tests that strike by chance take theirs from
EDGE_TORTURE_SEED. A round that fails is told with its seed, and its output is kept, so that it can be run again alone.

A part of the time goes to libFuzzer on the codecs first: a round of its own, which goes on from what earlier ones
found. Another part, half an hour in the whole one, goes to a line that breaks in every way.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOMS = ("tests/hostile", "tests/crash", "tests/spool", "tests/interop", "tests/forward", "tests/pixels", "tests/link")
FUZZ = ("tests/native/test_fuzz.py",)
FUZZ_TARGETS = len(list(Path(__file__).resolve().parents[1].glob("native/fuzz/*_*.c")))
FUZZ_PART = 1 / 4  # of all the time
STORM = ("tests/link/test_11_bad_link.py",)
STORM_PART = 1 / 2
STORM_MINUTES = 30  # at most
_PROJECT = Path(__file__).resolve().parents[1]


def _arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60, help="how long to go on; the round under way is finished")
    parser.add_argument("--seed", type=int, help="run the one round with this seed")
    parser.add_argument("--keep", type=Path, default=_PROJECT / "build" / "torture", help="where to keep the output")
    return parser.parse_args()


def run_round(seed, path, rooms, **environment):
    """Run one round; return whether it passed and its last line. The output of one that failed stays at `path`."""
    with open(path, "wb") as output:
        code = subprocess.run(
            [sys.executable, "-m", "pytest", "--hypothesis-seed=%d" % seed, *rooms],
            cwd=_PROJECT,
            env={**os.environ, "EDGE_TORTURE_SEED": str(seed), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if code == 0:
        path.unlink()
    return code == 0, lines[-1] if lines else "no output"


def main():
    """Go on for as long as was asked; return 0 when every round passed."""
    asked = _arguments()
    asked.keep.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + asked.minutes * 60
    rooms = [room for room in ROOMS if any((_PROJECT / room).glob("test_*.py"))]
    fuzzing = {
        "EDGE_FUZZ_SECONDS": str(asked.minutes * 60 * FUZZ_PART / FUZZ_TARGETS),
        "EDGE_FUZZ_FOUND": str(asked.keep / "fuzz"),
    }
    storm = {"EDGE_BAD_LINK_MINUTES": str(min(STORM_MINUTES, asked.minutes * STORM_PART))}
    first = [("fuzz", FUZZ, fuzzing), ("storm", STORM, storm)]
    passed = failed = 0
    while passed + failed < 3 or (asked.seed is None and time.monotonic() < end):
        seed = asked.seed if asked.seed is not None else int.from_bytes(os.urandom(4), "big")
        kind, tests, environment = first.pop(0) if first else ("round", rooms, {})
        path = asked.keep / ("%s-%d.txt" % (kind, seed))
        is_good, said = run_round(seed, path, tests, **environment)
        passed += is_good
        failed += not is_good
        print("%s %d, seed %d: %s" % (kind, passed + failed, seed, said), flush=True)
        if not is_good:
            print("  see %s" % path, flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
