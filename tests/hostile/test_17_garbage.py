"""Garbage of every kind at the door: each connection ends, nothing crashes, and nothing of it is left.

`tests/fuzz` does the same in process, with every reader by itself; here it is the running box.
"""

import os

import pytest

from tests.bench import measure
from tests.crash.oracle import dice, rounds
from tests.fuzz import killers, mutator
from tests.fuzz.targets import TARGETS
from tests.hostile import sending
from tests.support import process, tally
from tests.support.rawpeer import CT, EXPLICIT, IMPLICIT, RawPeer, associate_rq
from tests.support.service import Service

QUICK = 150
GROWTH_BYTES = 8 << 20
UID = b"2.25.1700"


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    limits = {"per_address": 1000, "object_bytes": 64 << 20}
    with Service(tmp_path_factory.mktemp("box"), dicom={"pdu_s": 2, "idle_timeout_s": 2}, limits=limits) as running:
        assert sending.store(running.port, (UID, sending.ct(UID))) == [0]
        yield running


def state(box):
    """(descriptors, threads) of a box."""
    return len(os.listdir(f"/proc/{box.pid}/fd")), measure.threads(box.pid)


def is_well(box):
    """Say that the box serves, lost nothing, and put nothing down that nobody meant to happen."""
    assert sending.store(box.port, (UID, sending.ct(UID))) == [0]
    assert sending.kept(box)[UID.decode()] == sending.ct(UID)
    assert "Traceback" not in box.log()


def throw(port, octets, established):
    """Send octets and no more, on a fresh connection or within an association; return once the box has closed it."""
    with RawPeer(port, timeout_s=30) as peer:
        try:
            if established:
                peer.associate([(1, CT, [EXPLICIT]), (3, CT, [IMPLICIT])])
            peer.write(octets)
            peer.socket.shutdown(1)
            while peer.socket.recv(65536):
                pass
        except ConnectionError:
            pass


def test_garbage_is_answered_by_an_end_of_the_connection_and_leaves_nothing(box):
    chance = dice()
    seed = chance.getrandbits(32)
    chance.seed(seed)
    before, memory = state(box), measure.memory(box.pid).rss_bytes
    seeds = TARGETS["association"].seeds() + [associate_rq([(1, CT, [EXPLICIT])])]
    count = len(rounds(QUICK))
    for number, octets in enumerate(mutator.mutants(seeds, TARGETS["association"].words, chance, count)):
        throw(box.port, octets, established=number % 2)
    process.wait_until(lambda: max(map(int.__sub__, state(box), before)) <= 0, 20, "seed %d: all to be closed" % seed)
    grown = measure.memory(box.pid).rss_bytes - memory
    tally.note(times=count, memory_mb=grown / 1e6)
    assert grown < GROWTH_BYTES, "seed %d: %d octets more" % (seed, grown)
    is_well(box)
    assert box.partial() == []


@pytest.mark.parametrize(
    "octets",
    [
        killers.sequence(100_000), killers.implicit_sequence(100_000), killers.sequence(100_000, undefined=False),
        sending.ct(b"2.25.1701") + killers.sequence(100_000), killers.LONG_ELEMENTS[0], killers.LONG_ELEMENTS[1],
    ],
    ids=["nested", "nested implicit", "nested with lengths", "nested behind a head", "endless", "too long"],
)  # fmt: skip
def test_a_data_set_that_has_killed_others_is_answered(box, octets):
    memory = measure.memory(box.pid).rss_bytes
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        answer = peer.store(1, CT, b"2.25.1701", octets)
        assert answer.status in (0x0000, 0xC000, 0xA900)
        peer.release()
    assert measure.memory(box.pid).rss_bytes - memory < GROWTH_BYTES
    is_well(box)
