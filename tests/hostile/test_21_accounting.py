"""Nothing is used up: open files, threads, memory and disk are after many objects what they were after a few.

The box runs in a control group of 128 MB all the while. EDGE_ACCOUNT_ECHOES and EDGE_ACCOUNT_STORES say how many there
are; `make torture` asks for as many as its time has room for, 1,000,000 and 20,000 in the whole one.
"""

import os
import threading

from tests.bench import measure
from tests.hostile import sending
from tests.support import faults, process, tally
from tests.support.archive import Archive
from tests.support.rawpeer import CT, EXPLICIT, IMPLICIT, VERIFICATION, RawPeer
from tests.support.service import Service, destination, route

ECHOES = int(os.environ.get("EDGE_ACCOUNT_ECHOES", "2000"))
STORES = int(os.environ.get("EDGE_ACCOUNT_STORES", "200"))
WARM_ECHOES, WARM_STORES = 200, 160
PER_ASSOCIATION = 100
SENDERS = 2
MEMORY_BYTES = 128 << 20
GROWTH_BYTES = 2 << 20
QUOTA_BYTES = 1 << 20  # a few objects: what was delivered makes room for what comes
DISK_GROWTH_BYTES = 2 << 20  # two segments of the journal
PIXELS = bytes(8_000)


def in_turns(port, count, begin, work):
    """Have SENDERS share `count` of something, so many on each association; errors are raised here."""
    errors = []

    def send(first):
        try:
            for start in range(first, count, SENDERS * PER_ASSOCIATION):
                with RawPeer(port) as peer:
                    peer.associate(begin)
                    for number in range(start, min(start + PER_ASSOCIATION, count)):
                        work(peer, number)
                    peer.release()
        except Exception as error:
            errors.append(error)

    senders = [threading.Thread(target=send, args=(number * PER_ASSOCIATION,)) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if errors:
        raise errors[0]


def echo(port, count):
    """Ask for so many C-ECHOs."""

    def one(peer, number):
        assert peer.echo(1, 1 + number % 65535).status == 0

    in_turns(port, count, [(1, VERIFICATION, [IMPLICIT])], one)


def store(box, count, prefix):
    """Store so many objects, and have all of them delivered."""

    def one(peer, number):
        uid = b"2.25.%d.%d" % (prefix, number)
        assert peer.store(1, CT, uid, sending.ct(uid, PIXELS), 1 + number % 65535).status == 0

    in_turns(box.port, count, [(1, CT, [EXPLICIT])], one)
    process.wait_until(lambda: waiting(box) == 0, 120, "everything to be delivered")


def waiting(box):
    return sum(1 for job in box.queue() if job["state"] not in ("delivered",))


def opened(box):
    """(descriptors, threads) of a box."""
    return len(os.listdir(f"/proc/{box.pid}/fd")), measure.threads(box.pid)


def used(box):
    """(descriptors, threads, octets of memory, octets on the disk but for the objects) of a box that rests."""
    process.wait_until(lambda: box.status()["associations"] == [], 20, "the associations to end")
    memory = measure.settled_memory(box.pid).rss_bytes
    octets = sum(
        os.stat(os.path.join(folder, name)).st_size
        for folder, _, names in os.walk(box.state_dir)
        for name in names
        if not name.endswith(".dcm")
    )
    return *opened(box), memory, octets


def test_many_echoes_and_many_objects_leave_no_trace(tmp_path):
    with faults.memory_limit(MEMORY_BYTES) as wrap, Archive() as archive:
        limits = {"quota_bytes": QUOTA_BYTES}
        place = [destination("archive", archive.port)], [route("archive")]
        with Service(tmp_path / "box", *place, limits=limits, wrap=wrap) as box:
            echo(box.port, WARM_ECHOES)
            store(box, WARM_STORES, 1)
            before = used(box)
            echo(box.port, ECHOES)
            store(box, STORES, 2)
            process.wait_until(lambda: max(map(int.__sub__, opened(box), before)) <= 0, 30, "files and threads to go")
            after = used(box)
            print("descriptors, threads, memory, disk: %s before, %s after" % (before, after))
            tally.note(
                times=ECHOES + STORES, acknowledged=STORES + WARM_STORES, partial=len(box.partial()),
                lost=STORES + WARM_STORES - len({each.sop_instance for each in archive.received}),
                memory_mb=(after[2] - before[2]) / 1e6,
            )  # fmt: skip
            assert after[2] - before[2] < GROWTH_BYTES
            assert after[3] - before[3] < DISK_GROWTH_BYTES
            assert box.partial() == []
            assert sum(path.stat().st_size for path in box.stored()) < 4 * QUOTA_BYTES
        assert len({each.sop_instance for each in archive.received}) == STORES + WARM_STORES
