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


def test_a_disk_without_an_octet_has_no_room_whatever_the_reserve_is(tmp_path, monkeypatch):
    spool = open_spool(tmp_path / "state")
    assert spool.limits.reserve_bytes == 0 and spool.quota.has_room()
    monkeypatch.setattr(spool.quota, "free", lambda: (0, None))
    assert not spool.quota.has_room()
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


# High water, low water


def water(spool):
    """The words of the alarm, or None."""
    return {trouble.key: trouble.words for trouble in spool.health.troubles()}.get("high water")


def test_from_high_water_on_delivered_objects_go_until_low_water_and_not_before(tmp_path):
    spool = small_spool(tmp_path, octets=1_000_000, high_percent=80, low_percent=50)
    fill(spool, 7)
    deliver(spool)
    spool.tidy()
    assert len(left(spool)) == 7
    fill(spool, 1, first=7)
    spool.tidy()
    assert left(spool) == ["1.2.4", "1.2.5", "1.2.6", "1.2.7"]
    assert spool.quota.room().level <= 0.5
    assert water(spool) is None
    spool.close()


def test_the_alarm_lasts_from_high_water_until_low_water_is_reached_again(tmp_path):
    spool = small_spool(tmp_path, octets=1_000_000, high_percent=80, low_percent=50)
    fill(spool, 7)
    spool.tidy()
    assert water(spool) is None
    fill(spool, 1, first=7)
    spool.tidy()
    assert "80 %" in water(spool)
    assert "8 not delivered to PACS" in water(spool)
    deliver(spool, limit=2)
    spool.tidy()
    assert len(left(spool)) == 6
    assert spool.quota.room().level < 0.8
    assert "6 not delivered to PACS" in water(spool)
    deliver(spool)
    spool.tidy()
    assert water(spool) is None
    assert len(left(spool)) == 4
    spool.close()


def test_the_alarm_says_what_keeps_the_objects_from_being_removed(tmp_path, clock):
    limits = dict(high_percent=60, low_percent=52, keep_delivered_s=3 * 86400)
    spool = small_spool(tmp_path, octets=1_000_000, clock=clock, **limits)
    fill(spool, 2, to=["ARCHIVE", "PACS"])
    fill(spool, 2, first=2)
    deliver(spool)
    fill(spool, 3, first=4, to=())
    spool.tidy()
    assert "2 not delivered to ARCHIVE" in water(spool)
    assert "PACS" not in water(spool)
    assert "3 held" in water(spool)
    assert "2 delivered within the 3 days of keep_delivered_days" in water(spool)
    assert len(left(spool)) == 7
    clock.now += 3 * 86400
    spool.tidy()
    assert len(left(spool)) == 5
    assert water(spool) is None
    spool.close()


def test_of_what_was_delivered_that_which_was_so_first_goes_first_whenever_it_came(tmp_path, clock):
    spool = small_spool(tmp_path, octets=1_000_000, clock=clock, high_percent=80, low_percent=60)
    fill(spool, 1, to=["ARCHIVE"])
    fill(spool, 7, first=1)
    deliver(spool)
    clock.now += 60
    deliver(spool, "ARCHIVE")
    spool.tidy()
    assert left(spool) == ["1.2.0", "1.2.4", "1.2.5", "1.2.6", "1.2.7"]
    spool.close()


def test_many_objects_delivered_late_do_not_keep_older_ones_from_going(memory_path, clock):
    quota = 310 * len(data_set("1.3.0"))
    limits = data.SMALL._replace(quota_bytes=quota, keep_delivered_s=86400)
    spool = open_spool(memory_path / "state", clock, limits=limits)
    for number in range(300):
        receive(spool, "1.3.%d" % number, to=["ARCHIVE"])
    receive(spool, "1.2.1")
    deliver(spool)
    clock.now += 2 * 86400
    deliver(spool, "ARCHIVE", limit=1000)
    spool.tidy()
    assert len(left(spool)) == 300
    assert "1.2.1" not in left(spool)
    spool.close()


def test_one_tidying_removes_a_bounded_number_and_asks_to_be_called_again(memory_path):
    limits = data.SMALL._replace(quota_bytes=1000 * len(data_set("1.3.100")), low_percent=10)
    spool = open_spool(memory_path / "state", limits=limits)
    for number in range(100, 1050):
        receive(spool, "1.3.%d" % number)
    deliver(spool, limit=2000)
    assert spool.quota.pressed.is_set()
    spool.tidy()
    assert 300 <= spool.index.total()[0] < 900
    assert "are removed" in water(spool)
    while spool.quota.pressed.is_set():
        spool.tidy()
    assert 0 < spool.index.total()[0] <= 100
    assert water(spool) is None
    spool.close()


def test_what_cannot_be_removed_does_not_press_housekeeping_again_and_again(tmp_path):
    spool = small_spool(tmp_path, octets=1_000_000, high_percent=50, low_percent=40)
    fill(spool, 6)
    assert spool.quota.pressed.is_set()
    spool.tidy()
    assert not spool.quota.pressed.is_set()
    fill(spool, 1, first=6)
    assert not spool.quota.pressed.is_set()
    spool.close()


# Age


def ages_of_removal(spool):
    return [(len(line.record["ids"]), line.record["cause"]) for line in spool.journal.latest(100, ("removed",))]


def test_delivered_objects_go_at_their_age_even_when_there_is_room(tmp_path, clock):
    spool = open_spool(tmp_path / "state", clock, limits=data.SMALL._replace(remove_delivered_s=7 * 86400))
    fill(spool, 3)
    deliver(spool)
    clock.now += 86400
    fill(spool, 2, first=3)
    deliver(spool)
    fill(spool, 2, first=5, to=["ARCHIVE"])
    fill(spool, 1, first=7, to=())
    clock.now += 6 * 86400 - 1
    spool.tidy()
    assert len(left(spool)) == 8
    clock.now += 1
    spool.tidy()
    assert left(spool) == ["1.2.3", "1.2.4", "1.2.5", "1.2.6", "1.2.7"]
    assert ages_of_removal(spool) == [(3, "age")]
    clock.now += 1000 * 86400
    spool.tidy()
    assert left(spool) == ["1.2.5", "1.2.6", "1.2.7"]
    assert len(files_of(spool.path)) == 3
    spool.close()


def test_without_an_age_nothing_goes_while_there_is_room(tmp_path, clock):
    spool = open_spool(tmp_path / "state", clock)
    fill(spool, 3)
    deliver(spool)
    clock.now += 1000 * 86400
    spool.tidy()
    assert len(left(spool)) == 3
    spool.close()


def test_a_clock_that_is_set_back_lets_nothing_go_by_age(tmp_path, clock):
    spool = open_spool(tmp_path / "state", clock, limits=data.SMALL._replace(remove_delivered_s=86400))
    fill(spool, 3)
    deliver(spool)
    clock.now -= 400 * 86400
    spool.tidy()
    assert len(left(spool)) == 3
    spool.close()


def test_a_rebuilt_index_knows_when_objects_were_delivered(tmp_path, clock):
    spool = open_spool(tmp_path / "state", clock, limits=data.SMALL._replace(remove_delivered_s=86400))
    fill(spool, 2, to=["ARCHIVE", "PACS"])
    deliver(spool)
    clock.now += 1000
    deliver(spool, "ARCHIVE")
    before = spool.index.done((0, 0), 9)
    assert [row[3] for row in before] == [clock.now] * 2
    spool.index.rebuild()
    assert spool.index.done((0, 0), 9) == before
    spool.compaction.everything(0, str(tmp_path))
    spool.index.rebuild()
    assert spool.index.done((0, 0), 9) == before
    spool.close()


# Forecast


def hours_pass(spool, clock, hours, per_hour, first, to=("PACS",), delivers=True):
    for hour in range(hours):
        for part in range(12):
            for number in range(per_hour // 12):
                receive(spool, "1.4.%d.%d.%d.%d" % (first, hour, part, number), to=to)
            if delivers:
                deliver(spool)
            clock.now += 300
            spool.tidy()


def test_what_comes_and_does_not_leave_is_foretold_to_fill_the_box_and_what_leaves_is_not(memory_path, clock):
    one = len(data_set("1.4.1.00.0.0"))
    limits = data.SMALL._replace(quota_bytes=500 * one)
    spool = open_spool(memory_path / "state", clock, limits=limits)
    hours_pass(spool, clock, 3, 12, 1)
    assert spool.quota.full_in_s() is None
    hours_pass(spool, clock, 25, 12, 2, delivers=False)
    assert spool.quota.full_in_s() / 3600 == pytest.approx((500 - 25 * 12) / 12, rel=0.1)
    assert "forecast" not in [trouble.key for trouble in spool.health.troubles()]
    hours_pass(spool, clock, 6, 12, 3, delivers=False)
    (words,) = [trouble.words for trouble in spool.health.troubles() if trouble.key == "forecast"]
    assert "less than 11 h" in words
    assert "%d not delivered to PACS" % (31 * 12) in words
    while deliver(spool):
        pass
    spool.tidy()
    assert "forecast" not in [trouble.key for trouble in spool.health.troubles()]
    spool.close()


def test_what_is_safe_only_for_a_while_does_not_fill_a_box_that_it_leaves_in_time(memory_path, clock):
    limits = data.SMALL._replace(quota_bytes=500 * len(data_set("1.4.1.0.0.0")), keep_delivered_s=20 * 3600)
    spool = open_spool(memory_path / "state", clock, limits=limits)
    hours_pass(spool, clock, 10, 12, 1)
    assert spool.quota.full_in_s() is None
    spool.close()
    spool = open_spool(spool.path, clock, limits=limits._replace(keep_delivered_s=100 * 3600))
    hours_pass(spool, clock, 3, 12, 2)
    assert spool.quota.full_in_s() / 3600 == pytest.approx((500 - 13 * 12) / 12, rel=0.1)
    spool.close()
