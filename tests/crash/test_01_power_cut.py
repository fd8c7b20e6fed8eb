"""A power cut at any instant loses nothing that was acknowledged, and leaves nothing half there.

Four senders store objects on a box whose state lies on a disk of its own, and note an object only when its status
0x0000 has come. At a random instant the disk loses its power. After the restart every noted object is there, octet by
octet, listed once and queued once, and nothing is there that is not whole. `make torture` does it for minutes.
"""

import os
import random
import shutil
import subprocess
import threading
import time

from tests.crash.ext4 import Ext4
from tests.crash.oracle import rounds
from tests.hostile import sending
from tests.support import faults, process, samples, tally
from tests.support.rawpeer import CT, EXPLICIT, RawPeer
from tests.support.service import Service, destination, route

QUICK_CUTS = 5
SENDERS = 4
DISK_MEBIBYTES = 256
LONGEST_RUN_S = 0.6


class Sender(threading.Thread):
    """Stores objects of random sizes one after another until the box is gone; `acknowledged` holds {UID: data set}."""

    def __init__(self, port, first, seed):
        super().__init__()
        self._port = port
        self._next = first
        self._random = random.Random(seed)
        self.acknowledged = {}

    def run(self):
        try:
            with RawPeer(self._port) as peer:
                peer.associate([(1, CT, [EXPLICIT])])
                while True:
                    uid = b"2.25.%d" % self._next
                    data_set = sending.ct(uid, self._random.randbytes(2 * self._random.randrange(1, 60_000)))
                    if peer.store(1, CT, uid, data_set, self._next & 0xFFFF).status == 0:
                        self.acknowledged[uid.decode()] = data_set
                    self._next += 1
        except OSError:
            pass


def run_until_cut(box, disk, first, seed):
    """Let the senders work until the power is cut; return what was acknowledged."""
    senders = [Sender(box.port, first + number * 1_000_000, seed + number) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    time.sleep(random.uniform(0.05, LONGEST_RUN_S))  # the fault's own instant, not a wait for anything
    disk.cut()
    box.kill()
    for sender in senders:
        sender.join()
    return {uid: data_set for sender in senders for uid, data_set in sender.acknowledged.items()}


def restore(disk):
    """Give the disk its power back."""
    command = ["umount", disk.path]
    process.wait_until(lambda: subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0, 10, "umount")
    disk.mount()


def make_box(folder, disk):
    """A box that keeps its state on `disk` and forwards to a destination that is never there."""
    return Service(
        folder,
        state_dir=os.path.join(disk.path, "state"),
        destinations=[destination("archive", 1)],
        routes=[route("archive")],
        limits={"reserve_bytes": 1 << 20},
    )


def lost(box, acknowledged):
    """The UIDs of `acknowledged` that the box does not have as they were sent."""
    kept = sending.kept(box)
    return [uid for uid, data_set in acknowledged.items() if kept.get(uid) != data_set]


def test_nothing_acknowledged_is_lost_when_the_power_is_cut(tmp_path):
    acknowledged, told = {}, 0
    noticed = 0
    with Ext4(tmp_path / "disk", DISK_MEBIBYTES) as disk:
        box = make_box(tmp_path / "box", disk)
        for number in rounds(quick=QUICK_CUTS):
            with box:
                acknowledged.update(run_until_cut(box, disk, (number + 1) * 10_000_000, 1000 + number))
            restore(disk)
            begun = time.monotonic()
            with box:
                took_s = time.monotonic() - begun
                tally.note(
                    times=1, acknowledged=len(acknowledged) - told, lost=len(lost(box, acknowledged)),
                    partial=len(box.partial()), duplicates=len(box.objects()) - len(set(sending.kept(box))),
                    recovery_s=took_s,
                )  # fmt: skip
                told = len(acknowledged)
                assert lost(box, acknowledged) == []
                listed = [row["sop_instance"] for row in box.objects()]
                assert sorted(listed) == sorted(set(listed)), "an object is listed twice"
                assert set(acknowledged) <= set(listed)
                queued = [row["object"] for row in box.queue()]
                assert len(queued) == len(set(queued)) == len(listed)
                assert box.partial() == []
                for path in box.stored():
                    octets = path.read_bytes()
                    assert path.stem in listed and octets[samples.data_set_offset(octets) :][:2] == b"\x08\x00"
                if number % 20 == 19:  # the disk of this test is small
                    assert box.stop() == 0
                    shutil.rmtree(box.state_dir)
                    acknowledged, told = {}, 0
            noticed += len(acknowledged)
        disk.check()
    assert noticed, "nothing was ever acknowledged: this run showed nothing"


def test_the_same_box_without_its_syncs_does_lose_objects(tmp_path):
    """The test of the test: what is shown above would be noticed if it were not so."""
    with Ext4(tmp_path / "disk", DISK_MEBIBYTES) as disk:
        box = make_box(tmp_path / "box", disk)
        with box, faults.without_syncs(box.pid):
            acknowledged = run_until_cut(box, disk, 1, 7)
        restore(disk)
        with box:
            assert acknowledged and lost(box, acknowledged)
