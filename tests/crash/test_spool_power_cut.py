"""Power cuts, at random moments, with four senders: what was acknowledged is there, whole, and queued or delivered."""

import shutil
import time

import pytest

from tests.crash.ext4 import Ext4
from tests.crash.oracle import Oracle, dice, rounds

CUTS_PER_SPOOL = 6


@pytest.mark.parametrize("how", [("--deliver",), ("--deliver", "--commit")], ids=["delivered", "committed"])
def test_nothing_acknowledged_is_lost_by_a_power_cut(tmp_path, how):
    chance = dice()
    with Ext4(tmp_path / "disk", 256) as disk:
        for number in rounds(quick=6):
            if number % CUTS_PER_SPOOL == 0:
                shutil.rmtree(tmp_path / "disk" / "state", ignore_errors=True)
                oracle = Oracle(tmp_path / "disk" / "state")
            driver = oracle.drive(*how, senders=4)
            assert driver.heard.wait(30)
            time.sleep(chance.random() * 0.4)  # no waiting for anything: the moment of the cut
            disk.cut()
            said = oracle.end(driver)
            assert "Traceback" not in said, said
            disk.unmount()
            disk.mount()
            oracle.judge()
        assert len(oracle.stored) > 20
        disk.check()


def test_a_power_cut_while_a_spool_is_made_leaves_one_that_can_be_opened(tmp_path):
    chance = dice()
    with Ext4(tmp_path / "disk", 128) as disk:
        for number in rounds(quick=3):
            oracle = Oracle(tmp_path / "disk" / ("state%d" % number))
            driver = oracle.drive(senders=2)
            time.sleep(0.1 + chance.random() * 0.3)  # no waiting for anything: the moment of the cut
            disk.cut()
            oracle.end(driver)
            disk.unmount()
            disk.mount()
            oracle.judge()


def test_a_power_cut_in_the_middle_of_a_recovery_costs_nothing(tmp_path):
    chance = dice()
    with Ext4(tmp_path / "disk", 128) as disk:
        oracle = Oracle(tmp_path / "disk" / "state")
        driver = oracle.drive(senders=4)
        assert driver.heard.wait(30)
        time.sleep(0.3)  # some objects
        for _ in rounds(quick=3):
            disk.cut()
            oracle.end(driver)
            disk.unmount()
            disk.mount()
            driver = oracle.drive(senders=1, objects=1)
            time.sleep(0.1 + chance.random() * 0.2)  # no waiting for anything: the moment of the cut
        oracle.end(driver)
        oracle.judge()
