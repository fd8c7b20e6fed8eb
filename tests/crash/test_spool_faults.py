"""A disk that fails, is full, or has no names left: refused in time, nothing torn, and it goes on by itself."""

import os

import pytest

from tests.crash.ext4 import Ext4
from tests.crash.oracle import Oracle
from tests.crash.strace import injecting
from tests.support import faults

MIB = 1 << 20


def fill(folder, leave):
    """Use up the room of a file system but for about `leave` octets; return the file that does it."""
    ballast, space = folder / "ballast", os.statvfs(folder)
    size = space.f_bavail * space.f_frsize - leave
    with open(ballast, "wb") as file:
        while True:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
                return ballast
            except OSError:
                size -= 64 << 10  # ext4 needs some for itself


# Each thread counts by itself, and the first one makes up to a dozen syncs before the spool is open
@pytest.mark.parametrize("when", ["15", "16", "15+3"])
def test_a_file_whose_fsync_fails_is_refused_and_never_acknowledged(tmp_path, when):
    oracle = Oracle(tmp_path / "state")
    driver = oracle.drive(wrapper=injecting("fsync", "error=EIO", when), objects=12)
    said = oracle.end(driver, kill=False)
    assert "Traceback" not in said, said
    assert driver.done
    assert {reason for _, reason in oracle.refused} == {"Degraded"}
    assert oracle.stored
    assert not {uid for uid, _ in oracle.refused} & set(oracle.stored)
    oracle.judge()


@pytest.mark.parametrize("when", ["9", "9+3", "9+2"])
def test_a_journal_whose_sync_fails_refuses_the_object_and_goes_on_elsewhere(tmp_path, when):
    oracle = Oracle(tmp_path / "state")
    driver = oracle.drive(wrapper=injecting("fdatasync", "error=EIO", when), objects=12)
    said = oracle.end(driver, kill=False)
    assert "Traceback" not in said, said
    assert {reason for _, reason in oracle.refused} == {"Degraded"}
    assert len(oracle.stored) > 4
    oracle.judge()


@pytest.mark.parametrize("call", ["renameat", "pwritev2", "pwrite64", "openat"])
@pytest.mark.parametrize("error, reason", [("EIO", "Degraded"), ("ENOSPC", "NoSpace")])
def test_a_call_that_fails_refuses_its_object_only(tmp_path, call, error, reason):
    oracle = Oracle(tmp_path / "state")
    first = oracle.drive(objects=2)
    oracle.end(first, kill=False)
    when = {"openat": "150+5", "pwrite64": "30+7"}.get(call, "3+4")
    driver = oracle.drive(wrapper=injecting(call, "error=" + error, when), objects=16)
    said = oracle.end(driver, kill=False)
    if driver.done:
        assert {reason for _, reason in oracle.refused} <= {"NoSpace", "Degraded"}
    else:
        assert "edge.spool.errors" in said or "OSError" in said, said
    oracle.judge()


def test_a_short_write_is_completed(tmp_path):
    oracle = Oracle(tmp_path / "state")
    driver = oracle.drive(wrapper=injecting("pwritev2", "retval=7", "1+2"), objects=6)
    assert oracle.end(driver, kill=False) == ""
    assert len(oracle.stored) == 6


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_a_full_disk_refuses_leaves_nothing_torn_and_goes_on_when_there_is_room(tmp_path, kind):
    with faults.tmpfs(tmp_path / "disk", 24 * MIB) if kind == "tmpfs" else Ext4(tmp_path / "disk", 32):
        oracle = Oracle(tmp_path / "disk" / "state")
        ballast = fill(tmp_path / "disk", 3 * MIB)
        driver = oracle.drive(objects=40, senders=4)
        said = oracle.end(driver, kill=False)
        assert "Traceback" not in said, said
        assert driver.done
        assert {reason for _, reason in oracle.refused} == {"NoSpace"}
        assert len(oracle.stored) > 5
        oracle.judge(is_full=True)
        ballast.unlink()
        oracle.judge()
        refused = len(oracle.refused)
        driver = oracle.drive(objects=10, senders=4)
        assert oracle.end(driver, kill=False) == ""
        assert len(oracle.refused) == refused
        oracle.judge()


def test_a_spool_on_a_full_disk_can_be_opened_and_emptied(tmp_path):
    with faults.tmpfs(tmp_path / "disk", 24 * MIB):
        oracle = Oracle(tmp_path / "disk" / "state")
        driver = oracle.drive(objects=20, senders=4)
        oracle.end(driver, kill=False)
        for name in ("index.db", "index.db-wal", "index.db-shm"):
            (tmp_path / "disk" / "state" / name).unlink(missing_ok=True)
        faults.fill_space(tmp_path / "disk", 0)
        driver = oracle.drive("--deliver", objects=1)
        said = oracle.end(driver, kill=False)
        assert "Traceback" not in said, said
        assert len(oracle.delivered) > 20
        oracle.judge(is_full=True)


def test_an_ext4_without_names_refuses_and_leaves_nothing_torn(tmp_path):
    with Ext4(tmp_path / "disk", 16, "-N", "32"):
        oracle = Oracle(tmp_path / "disk" / "state")
        driver = oracle.drive(objects=40, senders=2)
        said = oracle.end(driver, kill=False)
        assert "Traceback" not in said, said
        assert {reason for _, reason in oracle.refused} == {"NoSpace"}
        assert oracle.stored
        oracle.judge()


def test_a_file_size_limit_refuses_large_objects_only(tmp_path):
    oracle = Oracle(tmp_path / "state")
    wrapper = ["prlimit", "--fsize=%d" % (300 << 10)]
    driver = oracle.drive("--longest", str(900 << 10), wrapper=wrapper, objects=20)
    said = oracle.end(driver, kill=False)
    assert "Traceback" not in said
    assert {reason for _, reason in oracle.refused} == {"NoSpace"}
    assert oracle.stored
    oracle.judge()
