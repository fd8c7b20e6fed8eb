"""The power goes at each write of the flash."""

import os
import subprocess
from pathlib import Path

from tests.tap.onboard import rig


def cut(*arguments):
    return subprocess.run(
        [rig.BIN / "micropython", Path(__file__).with_name("cuts.py"), *arguments],
        env={**os.environ, "MICROPYPATH": f"{rig.PROJECT}:.frozen"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_no_record_that_the_device_was_told_of_is_lost_wherever_the_power_is_cut():
    done = cut()
    assert done.returncode == 0, done.stdout + done.stderr
    counts = [int(line.split()[0]) for line in done.stdout.splitlines() if line.endswith("cuts, none lost")]
    assert len(counts) == 2 and min(counts) > 30


def test_a_flash_that_lies_about_what_it_wrote_does_lose_so_that_this_would_be_seen():
    done = cut("8")
    assert done.returncode != 0 and "AssertionError: change" in done.stdout + done.stderr
