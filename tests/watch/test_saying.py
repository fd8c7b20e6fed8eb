"""What the box writes down of itself: the last of the log, events in words, devices that are silent."""

import logging
from collections import namedtuple

import pytest

from edge.box import load
from edge.spool import retry
from edge.verbs.verb import ENGINEER, Asker, Verb, ask
from edge.watch import silence
from edge.net.witness import Ended
from edge.watch.doings import Doings
from edge.watch.events import KEPT, Events
from edge.watch.ring import Ring
from tests.spool.data import Clock

HOUR_S = 3600


@pytest.fixture
def ring():
    made = Ring(limit_bytes=20000)
    logger = logging.getLogger("edge.test_saying")
    logger.setLevel("DEBUG")
    logger.addHandler(made)
    yield made, logger
    logger.removeHandler(made)


def test_the_log_is_found_by_level_words_and_what_came_after(ring):
    made, logger = ring
    logger.info("it %s", "begins")
    first = made.entries()[-1].id
    logger.warning("Archive is late")
    try:
        raise RuntimeError("inside")
    except RuntimeError:
        logger.exception("it failed")
    assert [each.level for each in made.entries()] == ["info", "warning", "error"]
    assert [each.words for each in made.entries(level="warning")][0] == "Archive is late"
    assert "RuntimeError: inside" in made.entries(text="runtimeerror")[0].words
    assert len(made.entries(after=first)) == 2
    assert [each.words for each in made.entries(limit=1, text="archive")] == ["Archive is late"]
    assert made.entries()[0].room == "test_saying"


def test_the_log_takes_no_more_room_than_it_may(ring):
    made, logger = ring
    for number in range(1000):
        logger.info("line %d %s", number, "x" * 100)
    found = made.entries()
    assert found[-1].words.startswith("line 999 ")
    assert 20 < len(found) < 80


def test_a_box_that_was_started_anew_counts_its_log_on():
    assert Ring(now=lambda: 1001.0)._last > Ring(now=lambda: 1000.0)._last + 100000


def test_events_survive_a_restart_and_are_counted_on(tmp_path):
    clock = Clock()
    events = Events(str(tmp_path), clock)
    events.note("CT1 sent 3 objects in 2 s")
    clock.now += 10
    events.note("archive is down: refused", "error")
    last = events.rows()[-1]["id"]
    again = Events(str(tmp_path), clock)
    assert [each["words"] for each in again.rows()] == ["CT1 sent 3 objects in 2 s", "archive is down: refused"]
    again.note("archive is up again; 3 waiting")
    assert [each["words"] for each in again.rows(after=last)] == ["archive is up again; 3 waiting"]
    assert [each["level"] for each in again.rows(level="warning")] == ["error"]


def test_what_repeats_is_one_event_with_a_count(tmp_path):
    clock = Clock()
    events = Events(str(tmp_path), clock)
    for _ in range(5):
        clock.now += 60
        events.note("CT9 was refused", "warning")
        events.note("CT1 asked whether the box answers")
    assert [(each["words"], each["times"]) for each in Events(str(tmp_path), clock).rows()] == [
        ("CT9 was refused", 5),
        ("CT1 asked whether the box answers", 5),
    ]
    clock.now += 2 * HOUR_S
    events.note("CT9 was refused", "warning")
    assert [each["times"] for each in events.rows()] == [5, 5, 1]


def test_a_flood_of_events_writes_little_and_keeps_the_latest(tmp_path):
    clock = Clock()
    events = Events(str(tmp_path), clock)
    for number in range(3 * KEPT):
        events.note("event %d" % number)
    assert (tmp_path / "watch" / "events").stat().st_size < 20000
    events.close()
    found = Events(str(tmp_path), clock).rows()
    assert len(found) == KEPT and found[-1]["words"] == "event %d" % (3 * KEPT - 1)


def test_a_torn_file_of_events_keeps_the_whole_ones(tmp_path):
    events = Events(str(tmp_path), Clock())
    events.note("one")
    events.note("two")
    path = tmp_path / "watch" / "events"
    path.write_bytes(path.read_bytes()[:-20])
    torn = Events(str(tmp_path), Clock())
    assert [each["words"] for each in torn.rows()] == ["one"]
    torn.note("three")
    assert [each["words"] for each in Events(str(tmp_path), Clock()).rows()] == ["one", "three"]


def test_what_somebody_changed_is_an_event_that_says_who(tmp_path):
    def turn(box, request, who):
        return {}
        yield

    verbs = {"turn": Verb("turn", "turn the box", turn, ENGINEER, changes=True)}
    box = namedtuple("Box", "audit events")(None, Events(str(tmp_path)))
    list(ask(verbs, box, "turn", {}, Asker("anna", ENGINEER, "web", "10.0.0.7")))
    assert [each["words"] for each in box.events.rows()] == ["done by anna (web at 10.0.0.7): turn the box"]


# What the box does


class Jobs:
    def __init__(self):
        self.waiting = self.delivered = 0
        self.way = retry.LINK_UP

    def counts(self):
        return {"archive": {"waiting": (self.waiting, 0), "delivered": (self.delivered, 0)}}

    def link(self, name):
        return self.way


@pytest.fixture
def doing():
    said, clock, jobs = [], Clock(), Jobs()
    doings = Doings(lambda words, level="info": said.append((level, words)), lambda: ["archive"], jobs, clock)
    return doings, jobs, clock, said


def test_a_destination_that_is_down_and_up_again_is_told_once_each(doing):
    doings, jobs, clock, said = doing
    doings.step()
    jobs.way, jobs.waiting = retry.Link(1, 0.0, clock(), "connection refused", False), 300
    for _ in range(3):
        doings.step()
    jobs.way = retry.LINK_UP
    for _ in range(3):
        doings.step()
    assert said == [
        ("error", "archive is down: connection refused"),
        ("info", "archive is up again; 300 waiting"),
    ]


def test_deliveries_are_told_together_when_nothing_more_waits(doing):
    doings, jobs, clock, said = doing
    jobs.delivered = 1000
    doings.step()
    for number in range(10):
        jobs.delivered, jobs.waiting = 1000 + number * 12, 108 - number * 12
        clock.now += 2
        doings.step()
    assert said == [("info", "108 objects delivered to archive; 0 waiting")]


Peer = namedtuple("Peer", "calling address")
Summary = namedtuple("Summary", "peer stored refused echoes ended")
CT1 = Peer("CT1", "10.0.0.5")


@pytest.mark.parametrize(
    ("stored", "refused", "echoes", "ended", "seconds", "level", "words"),
    [
        (120, 0, 0, "released", 41.2, "info", "CT1 sent 120 objects in 41 s"),
        (1, 2, 0, "released", 0.4, "warning", "CT1 sent 1 object in less than a second; 2 more were refused"),
        (3, 0, 0, "connection lost", 300, "warning", "CT1 sent 3 objects in 5 min; connection lost"),
        (0, 0, 1, "released", 0.1, "info", "CT1 asked whether the box answers"),
    ],
)
def test_an_association_is_told_of_in_one_line(doing, stored, refused, echoes, ended, seconds, level, words):
    doings, _, _, said = doing
    doings.witness(Ended(Summary(CT1, stored, refused, echoes, ended), seconds))
    assert said == [(level, words)]


# Devices that are silent


def silent(text, seen, now, began=0.0):
    settings = load.parse("[[modality]]\n" + text, "edge.toml").config
    return [each.key for each in silence.troubles(settings, seen, began, now)]


def test_a_device_is_silent_after_its_hours_and_not_before():
    text = 'from = ["CT*"]\nsilent_h = 4\n'
    seen = {("CT1", "10.0.0.5"): 100000.0, ("MR1", "10.0.0.6"): 110000.0}
    assert silent(text, seen, 100000.0 + 4 * HOUR_S - 1) == []
    assert silent(text, seen, 100000.0 + 4 * HOUR_S) == ["silent CT*"]


def test_a_device_that_was_never_heard_of_is_silent_from_the_start_of_the_box_on():
    text = 'address = ["10.0.2.0/24"]\nsilent_h = 1\n'
    assert silent(text, {("X", "10.0.3.1"): 9e9}, 1000.0 + HOUR_S, began=1000.0) == ["silent 10.0.2.0/24"]
    assert silent(text, {("X", "10.0.2.9"): 4000.0}, 1000.0 + HOUR_S, began=1000.0) == []


def test_only_the_hours_in_which_a_device_works_count(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        friday = time.mktime((2026, 11, 20, 17, 0, 0, 0, 0, -1))
        text = 'from = ["CT1"]\nsilent_h = 3\nhours = ["08:00-18:00"]\nweekdays = ["mon-fri"]\n'
        seen = {("CT1", "10.0.0.5"): friday}
        monday = friday + 2 * 86400 + 15 * HOUR_S  # 08:00
        assert silent(text, seen, monday) == []
        assert silent(text, seen, monday + 1.9 * HOUR_S) == []
        assert silent(text, seen, monday + 2.1 * HOUR_S) == ["silent CT1"]
    finally:
        monkeypatch.undo()
        time.tzset()
