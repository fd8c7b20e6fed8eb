"""The plug is pulled, and the machine hangs: what was acknowledged is there afterwards, and the box comes back by itself."""

import random
import subprocess
import sys
import time

import pytest

from checks import box as boxes
from checks.guest import IMAGES, PROJECT, Guest, image_with_arguments
from tests.support import process
from tests.support.dcmtk import Storescp

BOARD = "qemu-amd64"
CUTS = 6
# What syncs are for somebody who has switched them off: nothing is written down when it is said to be.
NO_SYNC = """
int fsync(int fd) { (void)fd; return 0; }
int fdatasync(int fd) { (void)fd; return 0; }
int sync_file_range(int fd, long long at, long long count, unsigned flags)
{ (void)fd; (void)at; (void)count; (void)flags; return 0; }
int syncfs(int fd) { (void)fd; return 0; }
void sync(void) {}
"""


def _acknowledged_until_the_cut(guest, objects, least, limit_s):
    """Send until at least `least` were acknowledged and a moment longer; pull the plug; return the acknowledged."""
    with boxes.Load(guest, objects) as load:
        process.wait_until(lambda: len(load.acknowledged) >= least, limit_s, f"{least} acknowledged objects")
        moment = time.monotonic() + random.SystemRandom().uniform(0, 2)
        process.wait_until(lambda: time.monotonic() > moment, 10, "a moment that nobody chose")
        guest.power_cut()
    return load.acknowledged


def test_nothing_acknowledged_is_lost_by_power_cuts(tmp_path, figure):
    acknowledged = set()
    with Storescp() as archive, Guest(BOARD, tmp_path / "guest") as guest:
        guest.await_ready()
        site = boxes.claimed(guest)
        site.configure(boxes.configuration(guest, archive.port))
        for number in range(CUTS):
            objects = boxes.make_objects(tmp_path / f"objects{number}", 60, rows=512)
            acknowledged |= _acknowledged_until_the_cut(guest, objects, least=3, limit_s=120)
            guest.start()
            guest.await_ready()
        figure(f"{BOARD}: acknowledged before {CUTS} power cuts", len(acknowledged), "objects")
        assert not acknowledged - site.objects()


@pytest.fixture
def without_syncs(tmp_path):
    """The image of a box that says it wrote and did not."""
    overlay = tmp_path / "overlay"
    library = overlay / "usr/lib/nosync.so"
    library.parent.mkdir(parents=True)
    (tmp_path / "nosync.c").write_text(NO_SYNC, encoding="ascii")
    _run("gcc", "-shared", "-fPIC", "-O2", "-fno-builtin", tmp_path / "nosync.c", "-o", library)
    (overlay / "etc").mkdir()
    (overlay / "etc/ld.so.preload").write_text("/usr/lib/nosync.so\n", encoding="ascii")
    program = IMAGES / BOARD / "program/edge"
    build = [sys.executable, PROJECT / "image-build/build", BOARD, "--program", program, "--overlay", overlay]
    _run(*build, "--output", tmp_path / "image", "--no-download")
    return tmp_path / "image" / f"edge-{BOARD}.img"


def _run(*command):
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")


def test_a_box_with_its_syncs_off_does_lose_what_it_acknowledged(without_syncs, tmp_path):
    with Guest(BOARD, tmp_path / "guest", image=without_syncs) as guest:
        guest.await_ready()
        site = boxes.claimed(guest)
        objects = boxes.make_objects(tmp_path / "objects", 30, rows=512)
        acknowledged = _acknowledged_until_the_cut(guest, objects, least=8, limit_s=120)
        guest.start()
        guest.await_ready()
        # Whether it has forgotten the objects alone, or even that somebody had claimed it: it lost what it acknowledged.
        site.login()
        rows = site.ask("objects").json.get("rows", [])
        assert acknowledged - {row["sop_instance"] for row in rows}


def test_the_watchdog_resets_a_machine_that_hangs(tmp_path, figure):
    image = tmp_path / "panics.img"
    image_with_arguments(BOARD, image, "sysrq_always_enabled")
    with Guest(BOARD, tmp_path / "guest", image=image) as guest:
        guest.await_ready()
        with boxes.Line(guest) as line:
            line.await_text("First run", typing="")
            hung = time.monotonic()
            guest.qmp("chardev-send-break", id="serial0")
            line.press("c")
            process.wait_until(lambda: "WATCHDOG" in guest.events(), 120, "the watchdog to bite", pause_s=0.5)
        guest.await_ready()
        figure(f"{BOARD}: panic to C-ECHO", time.monotonic() - hung, "s")
