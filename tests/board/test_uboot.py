"""The boot script in a real U-Boot: it boots what edge/board/bootstate says is next, and counts what is on trial."""

import itertools
import os
import select
import subprocess
import time
from pathlib import Path

import pytest

from edge.board import bootstate

PROJECT = Path(__file__).resolve().parents[2]
FIRMWARE = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")
SECTOR = 512
COPY = bootstate.COPY_BYTES
LIMIT_S = 60


class UBoot:
    """U-Boot on an emulated arm64 machine, at its prompt; the disk has a firmware partition and a boot state."""

    def __init__(self, folder):
        self.disk = folder / "disk.img"
        script, volume = folder / "boot.scr", folder / "firmware.img"
        _run("mkimage", "-A", "arm64", "-T", "script", "-d", PROJECT / "image-build/uboot/boot.cmd", script)
        volume.write_bytes(bytes(4 << 20))
        _run("/sbin/mkfs.vfat", volume)
        _run("mcopy", "-i", volume, script, "::/")
        self.disk.write_bytes(bytes(16 << 20))
        plan = "label: gpt\nstart=2048, size=4MiB, name=firmware\nstart=12288, size=1MiB, name=bootstate\n"
        _run("/sbin/sfdisk", "-q", self.disk, input=plan.encode())
        self._put(volume.read_bytes(), 2048)
        self._process = subprocess.Popen(
            ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-m", "128", "-nographic", "-net", "none"]
            + ["-bios", str(FIRMWARE), "-device", "virtio-blk-device,drive=disk"]
            + ["-drive", f"file={self.disk},format=raw,if=none,id=disk,cache=writethrough"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._until(b"Hit any key")
        self.say("")
        for line in ("setenv edge_stay 1", "blkcache configure 0 0", "setenv devtype virtio", "setenv devnum 0"):
            self.say(line)
        self.say("setenv distro_bootpart 1")
        self.say("virtio scan")

    def _put(self, octets, sector):
        with self.disk.open("r+b") as file:
            file.seek(sector * SECTOR)
            file.write(octets)

    def _until(self, mark):
        got, end = b"", time.monotonic() + LIMIT_S
        while mark not in got:
            ready = select.select([self._process.stdout], [], [], max(0, end - time.monotonic()))[0]
            octets = os.read(self._process.stdout.fileno(), 65536) if ready else b""
            assert octets, f"U-Boot said only {got!r}"
            got += octets
        return got.decode("ascii", "replace")

    def say(self, line):
        """Type a line at the prompt; return what came until the next one."""
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        return self._until(b"\n=> ")

    def boot(self, copies):
        """Run the boot script upon two copies; return (slots in the order tried, the copies then, what it said)."""
        self._put(copies, 12288)
        said = self.say("load virtio 0:1 ${scriptaddr} boot.scr; source ${scriptaddr}").replace("\r", "")
        order = [line.rpartition(" ")[2] for line in said.splitlines() if line.startswith("edge: booting slot ")]
        with self.disk.open("rb") as file:
            file.seek(12288 * SECTOR)
            return order, file.read(2 * COPY), said

    def end(self):
        """Switch the machine off."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


def _run(*command, input=None):
    subprocess.run([str(each) for each in command], input=input, check=True, capture_output=True)


@pytest.fixture(scope="module")
def uboot(tmp_path_factory):
    """One U-Boot for the tests of this file."""
    machine = UBoot(tmp_path_factory.mktemp("uboot"))
    yield machine
    machine.end()


def states():
    """Every state that differs for the boot."""
    truths = (False, True)
    for first, on_trial, tries, a, b in itertools.product(bootstate.SLOTS, truths, (0, 1, 2), truths, truths):
        yield bootstate.State(7, first, on_trial, tries, (a, b))


def test_the_script_boots_the_slot_that_the_rule_says_and_counts_only_on_trial(uboot):
    for state in states():
        order, after, said = uboot.boot(bootstate.pack(state) * 2)
        first = bootstate.next_slot(state)
        assert order == [first, bootstate.other(first)], (state, said)
        counted = state.on_trial and state.tries and not bootstate.is_good(state, state.first)
        want = state._replace(sequence=8, tries=state.tries - 1) if counted else state
        assert after == bootstate.pack(want) * 2, (state, said)
        assert ("is on trial" in said) == bool(counted)


def test_the_script_takes_the_newest_copy_that_is_whole(uboot):
    older = bootstate.State(7, "A", False, 0, (True, True))
    newer = older._replace(sequence=8, first="B")
    old, new = bootstate.pack(older), bootstate.pack(newer)
    for copies, first in ((old + new, "B"), (new + old, "B"), (old + old, "A")):
        assert uboot.boot(copies)[0][0] == first
    for cut in (0, 1, 9, 13, COPY - 4, COPY - 1):
        assert uboot.boot(new[:cut] + bytes([255]) + new[cut + 1 :] + old)[0][0] == "A"
        assert uboot.boot(old + new[:cut] + bytes([255]) + new[cut + 1 :])[0][0] == "A"


def test_the_script_heals_the_copy_that_is_torn_before_it_touches_the_other(uboot):
    state = bootstate.State(7, "B", True, 2, (True, False))
    whole, torn = bootstate.pack(state), bytes(COPY)
    for copies, expected in ((torn + whole, (12288, 12296)), (whole + torn, (12296, 12288))):
        _, after, said = uboot.boot(copies)
        places = [int(line.split("#")[1].split(",")[0]) for line in said.splitlines() if "write: device" in line]
        assert after == bootstate.pack(state._replace(sequence=8, tries=1)) * 2
        assert tuple(places) == expected


def test_the_script_tries_a_then_b_where_no_copy_is_whole(uboot):
    order, after, said = uboot.boot(b"\xa5" * 2 * COPY)
    assert order == ["A", "B"] and "the boot state cannot be read" in said
    assert after == b"\xa5" * 2 * COPY
