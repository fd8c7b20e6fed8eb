"""After a factory reset nothing of a patient can be read from the device."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.steward import erasing
from edge.steward.errors import Refused

EDGE = str(Path(sys.executable).parent / "edge")
NAMES = [b"MUSTERMANN^ERIKA", b"SATO^HANAKO", b"1.2.276.0.7230010.3.1.4711"]
SIZE = 24 << 20


def run(*words, **more):
    """Run a program that must succeed."""
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, **more).stdout


@pytest.fixture
def data(tmp_path):
    """A file with an ext4 file system, with patients in a file, in a file's name, and in what was removed."""
    path = tmp_path / "data"
    with open(path, "wb") as file:
        file.truncate(SIZE)
    run("mkfs.ext4", "-q", "-F", path)
    (tmp_path / "object").write_bytes(b"\0" * 900 + NAMES[0] + b" " * 200_000 + NAMES[1])
    lines = f"write {tmp_path / 'object'} {NAMES[2].decode()}\nwrite {tmp_path / 'object'} gone\nrm gone\n"
    run("debugfs", "-w", "-f", "-", path, input=lines)
    assert all(name in path.read_bytes() for name in NAMES)
    return path


@pytest.fixture
def bootstate(tmp_path):
    """A partition with what a boot loader keeps there."""
    path = tmp_path / "bootstate"
    path.write_bytes((b"slot A".ljust(4096, b"\0") * 2).ljust(1 << 20, b"\0"))
    return path


def test_no_patient_is_found_on_the_raw_device_after_a_reset(data, bootstate):
    erasing.order(bootstate)
    said = run(EDGE, "reset", "--now", data, "--if-ordered", bootstate)
    found = data.read_bytes()
    assert not [name for name in NAMES if name in found]
    assert "100 %" in said and "octets were overwritten" in said and f"{SIZE} octets read as zero" in said
    run("e2fsck", "-f", "-n", data)
    assert "edge-data" in run("dumpe2fs", "-h", data)
    assert not erasing.is_ordered(bootstate)
    assert bootstate.read_bytes() == (b"slot A".ljust(4096, b"\0") * 2).ljust(1 << 20, b"\0")


def test_nothing_is_erased_without_an_order(data, bootstate):
    before = data.read_bytes()
    assert "no factory reset is ordered" in run(EDGE, "reset", "--now", data, "--if-ordered", bootstate)
    assert data.read_bytes() == before


def test_an_order_that_is_torn_is_none(bootstate):
    erasing.order(bootstate)
    with open(bootstate, "r+b") as file:
        file.seek(erasing.ORDER_AT + 3)
        file.write(b"?")
    assert not erasing.is_ordered(bootstate)


def test_an_order_is_taken_back(bootstate):
    erasing.order(bootstate)
    assert erasing.is_ordered(bootstate)
    erasing.order(bootstate, False)
    assert not erasing.is_ordered(bootstate)


def test_a_partition_too_small_for_an_order_is_refused(tmp_path):
    (tmp_path / "small").write_bytes(bytes(4096))
    with pytest.raises(Refused, match="too small"):
        erasing.order(tmp_path / "small")


def test_a_reset_that_lost_its_power_begins_again(data, bootstate):
    erasing.order(bootstate)
    working = erasing.reset(data, bootstate)
    for _ in range(3):
        next(working)
    working.close()
    assert erasing.is_ordered(bootstate)
    list(erasing.reset(data, bootstate))
    assert not [name for name in NAMES if name in data.read_bytes()]


def test_an_encrypted_partition_loses_its_keys_before_anything_else(tmp_path):
    path = tmp_path / "luks"
    with open(path, "wb") as file:
        file.truncate(40 << 20)
    key = tmp_path / "key"
    key.write_bytes(b"a passphrase")
    quick = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]
    run("cryptsetup", "luksFormat", "--batch-mode", *quick, path, key)
    run("cryptsetup", "open", "--test-passphrase", "--key-file", key, path)
    working = erasing.erase(path)
    next(working)
    working.close()  # the power goes when a tenth is done
    assert subprocess.run(["cryptsetup", "isLuks", path], check=False).returncode != 0
    assert not path.read_bytes()[: 16 << 20].strip(b"\0")
    rest = erasing.erase(path)
    for _ in rest:
        pass


def test_a_real_block_device_is_discarded_and_one_in_use_is_refused(data):
    device = run("losetup", "--find", "--show", data).strip()
    try:
        holder = os.open(device, os.O_RDONLY | os.O_EXCL)
        try:
            with pytest.raises(Refused, match="is in use; a reset is done before it is mounted"):
                next(erasing.erase(device))
        finally:
            os.close(holder)
        working = erasing.erase(device)
        while True:
            try:
                next(working)
            except StopIteration as end:
                said = end.value
                break
        assert said.startswith("all of it was discarded; all of its")
    finally:
        run("losetup", "--detach", device)
    assert not [name for name in NAMES if name in data.read_bytes()]


def test_a_device_that_cannot_be_read_is_said(tmp_path):
    done = subprocess.run([EDGE, "reset", "--now", tmp_path / "none"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "no such file or directory" in done.stderr


def test_nothing_is_erased_that_nobody_confirmed(tmp_path):
    path = tmp_path / "precious"
    path.write_bytes(b"precious")
    words = [EDGE, "reset", "--now", "precious"]
    file = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert file.returncode == 2 and f"{path} is no block device" in file.stderr
    path.write_bytes(b"precious".ljust(64 << 20, b"\0"))
    device = run("losetup", "--find", "--show", path).strip()
    try:
        for given in ("", "yes\n"):  # from a pipe, not from a terminal
            words = [EDGE, "reset", "--now", device]
            asked = subprocess.run(words, input=given, capture_output=True, text=True, check=False)
            assert asked.returncode == 2 and "has to be confirmed" in asked.stderr
        assert path.read_bytes().startswith(b"precious")
        run(EDGE, "reset", "--now", device, "--yes")
    finally:
        run("losetup", "--detach", device)
    assert b"precious" not in path.read_bytes()
