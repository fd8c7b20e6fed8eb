"""The control of what is shown of power cuts: a box whose syncs do nothing does lose what it acknowledged."""

import subprocess
import sys

import pytest

from checks import box as boxes
from checks import cuts
from checks.guest import IMAGES, PROJECT, Guest

BOARD = "qemu-amd64"
POINTS = 20
# What syncs are for somebody who has switched them off: nothing is written down when it is said to be.
NO_SYNC = """
int fsync(int fd) { (void)fd; return 0; }
int fdatasync(int fd) { (void)fd; return 0; }
int sync_file_range(int fd, long long at, long long count, unsigned flags)
{ (void)fd; (void)at; (void)count; (void)flags; return 0; }
int syncfs(int fd) { (void)fd; return 0; }
void sync(void) {}
"""


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


def test_a_box_with_its_syncs_off_does_lose_what_it_acknowledged(without_syncs, tmp_path, figure):
    with Guest(BOARD, tmp_path / "guest", image=without_syncs, disk_gib=1, log_writes=True) as guest:
        guest.await_ready()
        objects = boxes.make_objects(tmp_path / "objects", 120)
        load = cuts.pull_the_plug(guest, objects, least=16)
        at_points, in_the_end = cuts.lost(guest, objects, load, tmp_path, POINTS)
    figure(f"{BOARD} without syncs: lost of {len(load.acknowledged)} acknowledged objects", in_the_end, "objects")
    figure(f"{BOARD} without syncs: replays that lose some, of {POINTS}", sum(map(bool, at_points)), "")
    assert in_the_end and all(at_points)
