"""SIGKILL, at random moments and at each system call that writes: nothing acknowledged is lost or left over."""

import time

import pytest

from tests.crash.oracle import Oracle, dice, rounds
from tests.crash.strace import injecting
from tests.support import faults

# The calls that change what is on the disk, as this box makes them, and how often a small run makes each
CALLS = ("openat", "pwritev2", "pwrite64", "renameat", "fsync", "fdatasync", "unlinkat", "mkdir", "close")


def test_nothing_acknowledged_is_lost_by_a_kill_under_load(tmp_path):
    chance = dice()
    with faults.tmpfs(tmp_path / "disk", 512 << 20):
        oracle = Oracle(tmp_path / "disk" / "state")
        for _ in rounds(quick=6):
            driver = oracle.drive("--deliver", senders=4)
            assert driver.heard.wait(30)
            time.sleep(chance.random() * 0.15)  # no waiting for anything: the moment of the kill
            said = oracle.end(driver)
            assert "Traceback" not in said, said
            oracle.judge()
        assert len(oracle.stored) > 50
        assert oracle.delivered


@pytest.mark.parametrize("call", CALLS)
def test_nothing_acknowledged_is_lost_by_a_kill_at_a_system_call(tmp_path, call):
    chance = dice()
    oracle = Oracle(tmp_path / "state")
    died = 0
    for number in rounds(quick=3):
        when = 1 + number if number < 2 else chance.randrange(3, 40)
        if call in ("openat", "close"):
            when = 100 + 7 * when  # the interpreter makes the first ones
        wrapper = injecting(call, "error=EIO:signal=KILL", when)
        driver = oracle.drive("--deliver", wrapper=wrapper, objects=8)
        driver.ready.wait(30)
        driver.reader.join(30)
        died += not driver.done
        oracle.end(driver, kill=False)
        oracle.judge()
    assert died, f"{call} was never called that often"


def test_a_run_that_nobody_kills_stores_and_delivers_everything(tmp_path):
    oracle = Oracle(tmp_path / "state")
    driver = oracle.drive("--deliver", objects=40, senders=3)
    assert oracle.end(driver, kill=False) == ""
    assert driver.done
    assert len(oracle.stored) == 120
    spool = oracle.judge()
    assert spool.recovered == (0, 0, 0)
