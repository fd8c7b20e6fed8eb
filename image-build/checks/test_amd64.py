"""The image of the emulated amd64 board; then the plug is pulled, and the machine hangs: the box comes back by itself.

What was acknowledged is there afterwards, whatever the disk had written by then, and in whatever order.
"""

import time

import pytest

from checks import box as boxes
from checks import cuts
from checks.behaviours import *  # noqa: F403 - each of them is a test
from tests.support import process

BOARD = "qemu-amd64"
ARGUMENTS = "sysrq_always_enabled"
LOG_WRITES = True
CUTS, POINTS = 6, 40


@pytest.fixture(scope="module")
def first_cut(box, tmp_path_factory):
    """The plug was pulled while objects came, and the box is off: (objects, the Load)."""
    objects = boxes.make_objects(tmp_path_factory.mktemp("objects"), 120)
    load = cuts.pull_the_plug(box.guest, objects, least=16)
    return objects, load


def test_nothing_acknowledged_is_lost_whatever_of_the_last_writes_the_disk_had(first_cut, box, tmp_path, figure):
    objects, load = first_cut
    at_points, in_the_end = cuts.lost(box.guest, objects, load, tmp_path, POINTS)
    figure(f"{BOARD}: acknowledged before the cut, replayed at {POINTS} points", len(load.acknowledged), "objects")
    assert at_points == [0] * POINTS and in_the_end == 0


def test_nothing_acknowledged_is_lost_by_power_cuts(first_cut, box, tmp_path, figure):
    acknowledged = set(first_cut[1].acknowledged)
    for number in range(CUTS - 1):
        box.guest.start()
        box.guest.await_ready()
        objects = boxes.make_objects(tmp_path / f"objects{number}", 120)
        acknowledged |= set(cuts.pull_the_plug(box.guest, objects, least=8).acknowledged)
    box.guest.start()
    box.guest.await_ready()
    figure(f"{BOARD}: acknowledged before {CUTS} power cuts", len(acknowledged), "objects")
    assert not acknowledged - box.site.objects()


def test_the_watchdog_resets_a_machine_that_hangs(box, figure):
    if not box.guest.is_on:
        box.guest.start()
        box.guest.await_ready()
    with boxes.Line(box.guest) as line:
        line.await_text("login:", typing="")
        hung = time.monotonic()
        box.guest.qmp("chardev-send-break", id="serial0")
        line.press("c")
        process.wait_until(lambda: "WATCHDOG" in box.guest.events(), 120, "the watchdog to bite", pause_s=0.5)
    box.guest.await_ready()
    figure(f"{BOARD}: panic to C-ECHO (target 60)", time.monotonic() - hung, "s")
