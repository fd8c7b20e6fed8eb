"""python -m tests.torture [--minutes N] [--seed N]: the tests that break things, again and again, each time otherwise.

Every round has a seed of its own, which decides what hypothesis makes up; tests that strike by chance take theirs from
EDGE_TORTURE_SEED. A round that fails is told with its seed, and its output is kept, so that it can be run again alone.

A part of the time goes to libFuzzer on the codecs first: a round of its own, which goes on from what earlier ones
found. Another part, half an hour in the whole one, goes to a
line that breaks in every way, and one to a million C-ECHOs and 20,000 C-STOREs, or as many as the time allows.

At the end stands a table: each fault, how often it was made, and what came of it.
"""

import argparse
import datetime
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.support import tally

ROOMS = (
    "tests/hostile", "tests/crash", "tests/fuzz", "tests/spool", "tests/interop", "tests/forward", "tests/pixels",
    "tests/link",
)  # fmt: skip
FUZZ = ("tests/native/test_fuzz.py", "tests/fuzz/test_targets.py")
FUZZ_TARGETS = len(list(Path(__file__).resolve().parents[1].glob("native/fuzz/*_*.c"))) + 12
FUZZ_PART = 1 / 4  # of all the time
ACCOUNT = ("tests/hostile/test_21_accounting.py",)
ACCOUNT_ECHOES, ACCOUNT_STORES = 1_000_000, 20_000  # in the whole one
WHOLE_MINUTES = 180
STORM = ("tests/link/test_11_bad_link.py",)
STORM_PART = 1 / 2
STORM_MINUTES = 30  # at most
_PROJECT = Path(__file__).resolve().parents[1]
# The faults in words, by the file that makes them; what only runs in a weaker form on this kind of machine says so
FAULTS = {
    "crash/test_01_power_cut": "1 power cut of a running box, four senders",
    "crash/test_spool_power_cut": "1 power cut of the spool: at work, begun, recovering",
    "crash/test_02_simulated": "2 writes dropped, reordered, torn (below the spool's seam; blocks are not replayed)",
    "crash/test_spool_kill": "3 SIGKILL under load and at each kind of system call",
    "crash/test_04_order": "4 order of the system calls of the box",
    "crash/test_spool_order": "4 order of the system calls of the spool",
    "crash/test_spool_faults": "5, 6 syncs and writes that fail or fall short; no space, no names",
    "hostile/test_06_no_space": "6 no space, no names, file too big, at the box",
    "hostile/test_07_same_uid": "7 the same UID again, same and other octets",
    "hostile/test_08_cut_off": "8 a resend that is cut off",
    "hostile/test_09_disagreement": "9 command, data set and context disagree",
    "link/test_10_kill": "10 kill -9 at either end of a delivery",
    "link/test_11_bad_link": "11 a bad link",
    "link/test_12_refusals": "12 a destination that refuses, or says nothing",
    "hostile/test_13_small_memory": "13 an object larger than the memory, in 128 MB",
    "hostile/test_14_length_bombs": "14 length bombs",
    "hostile/test_15_slow_clients": "15 slow clients",
    "hostile/test_16_many_associations": "16 three hundred associations, objects without end",
    "hostile/test_17_garbage": "17 garbage and nesting at the door of the box",
    "fuzz/test_states": "17 every step of the state table, in both roles",
    "fuzz/test_targets": "17 octets that nobody should have sent",
    "native/test_fuzz": "17 the codecs in C, under ASan and UBSan",
    "hostile/test_18_names": "18 names that lead elsewhere",
    "hostile/test_19_access": "19 access: titles, addresses, certificates, console",
    "hostile/test_21_accounting": "many C-ECHOs and C-STOREs in 128 MB",
}


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
    share = min(1.0, asked.minutes / WHOLE_MINUTES)
    account = {
        "EDGE_ACCOUNT_ECHOES": str(int(ACCOUNT_ECHOES * share)),
        "EDGE_ACCOUNT_STORES": str(int(ACCOUNT_STORES * share)),
    }
    first = [("fuzz", FUZZ, fuzzing), ("storm", STORM, storm), ("account", ACCOUNT, account)]
    report = asked.keep / ("report-%d.jsonl" % os.getpid())
    os.environ["EDGE_TORTURE_REPORT"] = str(report)
    passed = failed = 0
    while passed + failed < 4 or (asked.seed is None and time.monotonic() < end):
        seed = asked.seed if asked.seed is not None else int.from_bytes(os.urandom(4), "big")
        kind, tests, environment = first.pop(0) if first else ("round", rooms, {})
        path = asked.keep / ("%s-%d.txt" % (kind, seed))
        is_good, said = run_round(seed, path, tests, **environment)
        passed += is_good
        failed += not is_good
        print("%s %d, seed %d: %s" % (kind, passed + failed, seed, said), flush=True)
        if not is_good:
            print("  see %s" % path, flush=True)
    print("%d passed, %d failed, %s" % (passed, failed, datetime.date.today()))
    print("\n".join(tally.table(report, FAULTS)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
