"""Room: what is refused while it is short, what is removed, and what never is."""

import os

import pytest

from edge.spool import errors
from edge.spool.jobs import REFUSED
from tests.spool import data
from tests.spool.data import data_set, deliver, files_of, open_spool, receive

PIXELS = bytes(100_000)


class SmallDisk(data.FailingDisk):
    """A disk of a given size, on which only the spool's objects take room."""

    def __init__(self, path, octets, names=10**6):
        super().__init__()
        self._path = str(path)
        self._octets = octets
        self._names = names
        self._fstatvfs = self.fstatvfs
        self.fstatvfs = self.measured

    def measured(self, fd):
        files = files_of(self._path)
        used = sum(os.path.getsize(os.path.join(self._path, name)) for name in files)
        free = max(0, self._octets - used)
        return Space(1, self._octets, free, free, 10**6, self._names - len(files))


class Space:
    """What fstatvfs returns, as far as the spool looks."""

    def __init__(self, f_frsize, f_blocks, f_bfree, f_bavail, f_files, f_favail):
        self.f_frsize, self.f_blocks, self.f_bfree, self.f_bavail = f_frsize, f_blocks, f_bfree, f_bavail
        self.f_files, self.f_favail = f_files, f_favail


def small_spool(tmp_path, octets=1_000_000, names=10**6, clock=None, **limits):
    path = tmp_path / "state"
    return open_spool(path, clock, SmallDisk(path, octets, names), data.SMALL._replace(**limits))


def fill(spool, number, first=0, to=("PACS",)):
    for at in range(first, first + number):
        receive(spool, "1.2.%d" % at, data_set("1.2.%d" % at, pixels=PIXELS), to=to)


def left(spool):
    return [stored.uid for stored in spool.objects(limit=1000)]


def test_the_oldest_delivered_objects_make_room_for_new_ones(tmp_path):
    spool = small_spool(tmp_path, reserve_bytes=300_000)
    fill(spool, 7)
    deliver(spool)
    fill(spool, 3, first=7)
    assert left(spool)[-4:] == ["1.2.6", "1.2.7", "1.2.8", "1.2.9"]
    assert "1.2.0" not in left(spool)
    assert len(files_of(spool.path)) == len(left(spool))
    assert not spool.health.degraded
    spool.close()


def test_what_was_not_delivered_is_never_removed(tmp_path):
    spool = small_spool(tmp_path, reserve_bytes=300_000)
    fill(spool, 7)
    with pytest.raises(errors.NoSpace):
        fill(spool, 5, first=7)
    assert left(spool)[:7] == ["1.2.%d" % number for number in range(7)]
    assert not spool.quota.has_room()
    spool.close()


@pytest.mark.parametrize("kind", ["one destination left", "held job", "held object"])
def test_neither_is_what_is_still_wanted_or_held(tmp_path, kind):
    spool = small_spool(tmp_path, reserve_bytes=300_000)
    if kind == "one destination left":
        fill(spool, 7, to=["PACS", "ARCHIVE"])
        deliver(spool)
    elif kind == "held job":
        fill(spool, 7)
        for job in spool.jobs.claim("PACS", spool.now(), 9):
            spool.jobs.settle(job, REFUSED, spool.now(), None, "no", "no")
    else:
        fill(spool, 7, to=())
    with pytest.raises(errors.NoSpace):
        fill(spool, 5, first=20)
    assert len([uid for uid in left(spool) if len(uid) == 5]) == 7
    spool.close()


def test_receiving_goes_on_by_itself_when_there_is_room_again(tmp_path):
    spool = small_spool(tmp_path, reserve_bytes=300_000)
    fill(spool, 7)
    with pytest.raises(errors.NoSpace):
        fill(spool, 5, first=7)
    assert "space" in [trouble.key for trouble in spool.health.troubles()]
    deliver(spool)
    assert spool.quota.has_room()
    fill(spool, 1, first=30)
    assert not spool.health.degraded
    spool.close()


def test_a_quota_holds_for_all_objects_together(tmp_path):
    spool = small_spool(tmp_path, octets=10**9, quota_bytes=500_000)
    fill(spool, 5)
    with pytest.raises(errors.NoSpace, match="quota"):
        fill(spool, 3, first=5)
    deliver(spool)
    fill(spool, 2, first=10)
    assert spool.index.total()[1] <= 600_000
    spool.close()


def test_delivered_objects_are_safe_for_as_long_as_is_set(tmp_path, clock):
    spool = small_spool(tmp_path, clock=clock, reserve_bytes=300_000, keep_delivered_s=86400)
    fill(spool, 7)
    deliver(spool)
    clock.now += 80000
    with pytest.raises(errors.NoSpace):
        fill(spool, 5, first=7)
    assert "1.2.0" in left(spool)
    clock.now += 7000
    fill(spool, 1, first=20)
    assert "1.2.0" not in left(spool)
    spool.close()


def test_a_clock_that_was_set_back_does_not_keep_delivered_objects_for_ever(tmp_path, clock):
    spool = small_spool(tmp_path, clock=clock, reserve_bytes=300_000, keep_delivered_s=86400)
    fill(spool, 7)
    deliver(spool)
    clock.now -= 10 * 365 * 86400
    fill(spool, 2, first=20)
    assert "1.2.0" not in left(spool)
    spool.close()


def test_too_few_file_names_are_too_little_room(tmp_path):
    spool = small_spool(tmp_path, names=20, reserve_files=15)
    fill(spool, 5)
    with pytest.raises(errors.NoSpace, match="files"):
        fill(spool, 3, first=5)
    deliver(spool)
    fill(spool, 1, first=10)
    spool.close()


def test_a_removal_is_in_the_journal_before_the_file_is_gone(tmp_path):
    spool = small_spool(tmp_path, reserve_bytes=300_000)
    fill(spool, 7)
    deliver(spool)
    seen = []
    unlink = spool.disk.unlink

    def watched(name, **more):
        if "/" in name:
            seen.append((spool.journal.latest(1, ("removed",)), spool.journal.synced_sequence))
        unlink(name, **more)

    spool.disk.unlink = watched
    fill(spool, 3, first=7)
    assert seen
    for (line,), synced in seen:
        assert line.sequence <= synced
        assert line.record["cause"] == "space"
    spool.close()


def test_an_object_that_came_again_at_that_moment_is_not_removed(tmp_path):
    spool = small_spool(tmp_path, reserve_bytes=300_000)
    fill(spool, 7)
    deliver(spool)
    spool.turns.enter("1.2.0")
    fill(spool, 2, first=7)
    assert left(spool)[0] == "1.2.0"
    assert "1.2.1" not in left(spool)
    spool.turns.leave("1.2.0")
    spool.close()


def test_folders_that_are_empty_go_too(tmp_path, clock):
    spool = small_spool(tmp_path, clock=clock, reserve_bytes=300_000)
    fill(spool, 3)
    deliver(spool)
    clock.now += 2 * 86400
    for first in (10, 13, 16):
        fill(spool, 3, first)
        deliver(spool)
    assert len(os.listdir(spool.path + "/objects")) == 1
    spool.close()
