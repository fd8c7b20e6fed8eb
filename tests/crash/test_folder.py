"""A box that is killed, or loses its power, while it writes into a folder leaves no half of a file under its name."""

import subprocess
import sys
import time

import pytest

from edge.demo import phantom
from edge.forward.folder import PARTIAL
from tests.crash.ext4 import Ext4
from tests.crash.oracle import dice, rounds
from tests.crash.strace import injecting
from tests.support import samples

# The calls that change what is in the folder. Which of them, counted from the first, is the last thing the process does
CALLS = {
    "openat": range(-24, 0),
    "write": range(1, 13),
    "copy_file_range": range(1, 3),
    "fsync": range(1, 13),
    "link,linkat": range(1, 6),
    "unlink,unlinkat": range(1, 6),
    "mkdir,mkdirat": range(1, 4),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder of objects, one of them so long that the kernel copies it."""
    folder = tmp_path_factory.mktemp("files")
    head = phantom.study("CT", 1)
    for number in range(1, 4):
        phantom.save(phantom.ct(head, number, 3, size=32), folder)
    phantom.save(phantom.cr(phantom.study("CR", 2), size=1024), folder)
    return folder


def deliver(files, folder, wrapper=()):
    """Run the driver; return (the UIDs that it said were delivered, whether it came to its end)."""
    command = [*wrapper, sys.executable, "-m", "tests.crash.folder_driver", files, folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return {line.split()[1] for line in done.stdout.splitlines()}, done.returncode == 0


def judge(files, folder, delivered, is_over=False):
    """Hold what is in the folder against what was delivered: each file is whole, and each delivered one is there."""
    sent = {path.stem: path.read_bytes() for path in files.iterdir()}
    found = {path.stem: path.read_bytes() for path in folder.rglob("*.dcm")}
    for stem, octets in found.items():
        assert stem in sent, f"a file more: {stem}"
        wanted = sent[stem]
        assert octets[samples.data_set_offset(octets) :] == wanted[samples.data_set_offset(wanted) :], f"half of {stem}"
    assert delivered <= set(found)
    if is_over:
        assert set(found) == set(sent) == delivered
        assert list((folder / PARTIAL).iterdir()) == []


def opens_made(files, folder, tmp_path):
    """How many files a whole run opens, the interpreter's own among them."""
    log = tmp_path / "log"
    deliver(files, folder, ["strace", "-f", "-I2", "-qq", "-o", str(log), "-e", "trace=openat"])
    return len(log.read_text(encoding="utf-8", errors="replace").splitlines())


@pytest.mark.parametrize("calls", CALLS)
def test_no_half_file_has_a_name_after_a_kill_at_a_system_call(tmp_path, files, calls):
    (tmp_path / "count").mkdir()
    whole = opens_made(files, tmp_path / "count", tmp_path) if calls == "openat" else 0
    moments = [whole + when if when < 0 else when for when in CALLS[calls]]
    died = 0
    for _, when in zip(rounds(quick=3), dice().sample(moments, len(moments))):
        folder = tmp_path / f"share{when}"
        folder.mkdir()
        delivered, is_over = deliver(files, folder, injecting(calls, "error=EIO:signal=KILL", when))
        died += not is_over
        judge(files, folder, delivered)
        judge(files, folder, deliver(files, folder)[0], is_over=True)
    assert died, f"{calls} was never called that often"


def test_where_there_are_no_links_files_are_renamed_and_none_is_half(tmp_path, files):
    none = injecting("linkat", "error=EOPNOTSUPP", "1+")
    (tmp_path / "share").mkdir()
    judge(files, tmp_path / "share", deliver(files, tmp_path / "share", none)[0], is_over=True)
    judge(files, tmp_path / "share", deliver(files, tmp_path / "share", none)[0], is_over=True)


def test_what_was_delivered_survives_a_power_cut(tmp_path, files):
    chance = dice()
    seen = 0
    with Ext4(tmp_path / "disk", 64) as disk:
        for number in rounds(quick=3):
            folder = tmp_path / "disk" / f"share{number}"
            folder.mkdir()
            subprocess.run(["sync", "-f", folder], check=True)
            command = [sys.executable, "-m", "tests.crash.folder_driver", files, folder]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as driver:
                first = driver.stdout.readline()
                time.sleep(chance.random() * 0.02)  # no waiting for anything: the moment of the cut
                disk.cut()
                said = first + driver.stdout.read()
            disk.unmount()
            disk.mount()
            delivered = {line.split()[1] for line in said.splitlines()}
            judge(files, folder, delivered)
            seen += len(delivered)
        assert seen
        disk.check()
