"""When the box's clock is believed, and when not."""

import time

import pytest

from edge.watch import clock, notice
from tests.spool.data import Clock

NOW = 1_800_000_000.0


class Steady(Clock):
    """The clock that never steps."""


class Kept:
    """A Timekeeper whose clocks and kernel are set by hand."""

    def __init__(self, root, newest=0.0, now=NOW, has_rtc=True):
        if has_rtc:
            (root / "sys" / "class" / "rtc" / "rtc0").mkdir(parents=True, exist_ok=True)
        self.clock, self.steady = Clock(now), Steady(100.0)
        self.kernel = (False, None)
        self.keeper = clock.Timekeeper(newest, str(root), self.clock, self.steady, lambda: self.kernel)

    def goes_on(self, seconds, step=0):
        self.clock.now += seconds + step
        self.steady.now += seconds

    def keys(self):
        return [each.key for each in self.keeper.troubles()]


def test_a_clock_that_nothing_sets_is_said_to_be_so_and_is_no_trouble_where_the_machine_keeps_time_itself(tmp_path):
    kept = Kept(tmp_path)
    kept.goes_on(86400)
    assert kept.keeper.state() == (clock.NONE, False, None, None)
    assert kept.keys() == []


def test_a_clock_that_nothing_sets_for_an_hour_and_nothing_keeps_is_a_trouble_and_an_alert_of_its_own(tmp_path):
    kept = Kept(tmp_path, has_rtc=False)
    assert kept.keys() == []
    kept.goes_on(3600)
    (trouble,) = kept.keeper.troubles()
    assert trouble.key == "clock unset" and "nothing sets it" in trouble.words and "chrony" in trouble.words
    assert notice.words_of(trouble) == "nothing sets the clock of the box, so it cannot be believed"
    kept.kernel = (True, 0.0)  # whoever sets it need not be known here
    assert kept.keys() == []
    (tmp_path / "sys" / "class" / "rtc" / "rtc0").mkdir(parents=True)
    kept.kernel = (False, None)
    assert kept.keys() == []


@pytest.mark.parametrize(
    "path, source",
    [
        ("run/chrony/chronyd.pid", clock.CHRONY),
        ("run/systemd/timesync/synchronized", clock.TIMESYNCD),
        ("run/ntpd.pid", clock.NTPD),
    ],
)
def test_what_should_set_the_clock_is_a_trouble_when_it_does_not_in_time(tmp_path, path, source):
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text("1\n")
    kept = Kept(tmp_path)
    assert kept.keeper.state().source == source and kept.keys() == []
    kept.goes_on(1000)
    (trouble,) = kept.keeper.troubles()
    assert "%s runs and has not set it" % source in trouble.words
    kept.kernel = (True, 0.002)
    assert kept.keys() == [] and kept.keeper.state().offset_s == 0.002


def test_a_clock_from_before_this_version_is_not_trusted(tmp_path):
    kept = Kept(tmp_path, now=1_000.0)
    (trouble,) = kept.keeper.troubles()
    assert "1970" in trouble.words and "before this version was made" in trouble.words
    kept.goes_on(1, NOW)
    kept.kernel = (True, 0.0)
    assert kept.keys() == []


def test_a_clock_from_before_what_came_in_is_not_trusted_until_it_has_gone_by(tmp_path):
    kept = Kept(tmp_path, newest=NOW + 7200)
    assert kept.keys() == ["clock"]
    assert "before what came in" in kept.keeper.state().why
    kept.goes_on(7200)
    assert kept.keys() == []


@pytest.mark.parametrize("step, words", [(-3600, "set back by 3600 s"), (120, "set forward by 120 s")])
def test_a_clock_that_jumped_is_not_trusted_for_an_hour_or_until_it_is_set_well(tmp_path, step, words):
    for is_set in (False, True):
        kept = Kept(tmp_path)
        kept.goes_on(10)
        assert kept.keys() == []
        kept.goes_on(10, step)
        assert words in kept.keeper.troubles()[0].words
        if is_set:
            kept.kernel = (True, 0.0)
        else:
            kept.goes_on(3601)
        assert kept.keys() == []


def test_the_kernel_says_whether_the_clock_is_set(tmp_path):
    is_set, offset_s = clock.kernel_state()
    assert is_set in (True, False, None) and (offset_s is None or abs(offset_s) < 1)
    assert clock.Timekeeper(root=str(tmp_path)).state().why is None
    assert time.time() > clock.MADE


def test_where_the_kernel_may_not_be_asked_timesyncd_says_whether_the_clock_is_set(tmp_path):
    assert clock.timesyncd_state(str(tmp_path / "not there")) is None
    assert clock.timesyncd_state(str(tmp_path)) is False
    (tmp_path / "synchronized").touch()
    assert clock.timesyncd_state(str(tmp_path)) is True
