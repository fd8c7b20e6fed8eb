"""Alerts: told once when it begins and once when it is over, by every channel, over restarts and dead channels."""

import json

import pytest

from edge.box import load
from edge.spool.health import Health, Trouble
from edge.watch.alerts import Alerts, rows
from tests.spool.data import Clock
from tests.support import process
from tests.support.hookserver import HookServer
from tests.support.service import toml

HOUR_S = 3600


class Box:
    """Alerts with a clock that the test moves, and troubles that it makes."""

    def __init__(self, folder, *alerts, **quiet):
        self.clock = Clock()
        self.troubles = {}
        self.events = []
        self.health = Health(self.clock)
        self.folder = folder
        self.tables = list(alerts)
        self.quiet = {"quiet_s": 0, "settle_s": 60, "start_grace_s": 300, **quiet}
        self.start()

    def settings(self):
        document = {"box": {"state_dir": "state"}, "alert": self.tables}
        return load.parse(toml(document), str(self.folder / "edge.toml")).config

    def start(self):
        """Begin, as after a restart."""
        look = lambda: [*self.troubles.values(), *self.health.troubles()]  # noqa: E731
        note = lambda words, level="info": self.events.append((level, words))  # noqa: E731
        self.alerts = Alerts(self.settings(), look, self.health, note, self.clock, self.clock, **self.quiet)

    def wrong(self, key, words="1 thing is wrong"):
        self.troubles.setdefault(key, Trouble(key, self.clock(), words))

    def right(self, key):
        self.troubles.pop(key)

    def pass_by(self, seconds):
        """Let time pass, with a look every 10 s; each delivery is waited for."""
        end = self.clock() + seconds
        while True:
            self.alerts.step()
            for way in self.alerts._ways.values():
                if way.thread is not None:
                    way.thread.join(20)
            if self.clock() >= end:
                return
            self.clock.now = min(end, self.clock() + 10)

    def standing(self):
        return [each["key"] for each in self.alerts.rows() if each["until"] is None]


def hook(server, **more):
    return {"name": "hook", "kind": "webhook", "url": f"http://127.0.0.1:{server.port}", "timeout_s": 5, **more}


@pytest.fixture
def server():
    with HookServer() as running:
        yield running


@pytest.fixture
def box(tmp_path, server):
    return Box(tmp_path, hook(server))


def test_a_trouble_is_told_once_when_it_has_lasted_and_once_when_it_is_over(box, server):
    box.wrong("space")
    box.pass_by(50)
    assert server.alerts() == []
    box.pass_by(600)
    assert server.alerts() == [("space", "begin")]
    box.right("space")
    box.pass_by(50)
    assert server.alerts() == [("space", "begin")]
    box.pass_by(600)
    assert server.alerts() == [("space", "begin"), ("space", "over")]
    (row,) = box.alerts.rows()
    assert row["key"] == "space" and row["kind"] == "space" and row["until"] is not None
    assert [(each["channel"], each["what"], each["failure"]) for each in row["sent"]] == [("hook", "over", None)]
    assert box.events == [
        ("error", "trouble: there is no room for new objects: they are refused"),
        ("info", "no trouble any more: there is no room for new objects: they are refused"),
    ]


def test_what_passes_quickly_is_not_told(box, server):
    box.wrong("space")
    box.pass_by(30)
    box.right("space")
    box.pass_by(600)
    assert server.alerts() == []


def test_a_restart_tells_nothing_twice_and_forgets_nothing(box, server):
    box.wrong("space")
    box.wrong("sync")
    box.pass_by(100)
    assert server.alerts() == [("space", "begin"), ("sync", "begin")]
    box.alerts.stop()
    box.right("sync")
    box.start()
    box.pass_by(200)
    assert len(server.alerts()) == 2
    assert sorted(box.standing()) == ["space", "sync"]  # which may only not be known of yet
    box.pass_by(300)
    assert server.alerts()[2:] == [("sync", "over")]
    assert box.standing() == ["space"]
    assert [each["key"] for each in rows(str(box.folder / "state"))] == ["space", "sync"]


def test_a_destination_that_was_down_before_a_restart_is_waited_for_as_long_as_it_may_be_down(tmp_path, server):
    box = Box(tmp_path, hook(server))
    archive = {"name": "archive", "kind": "dicom", "ae_title": "A", "host": "h", "down_min": 15}
    settings = box.settings
    box.settings = lambda: load.parse(
        toml({"box": {"state_dir": "state"}, "alert": box.tables, "destination": [archive]}), str(tmp_path / "e.toml")
    ).config
    assert settings().destinations == ()
    box.start()
    box.wrong("down archive")
    box.pass_by(100)
    box.alerts.stop()
    box.right("down archive")
    box.start()
    box.pass_by(15 * 60 + 200)
    box.wrong("down archive")
    box.pass_by(600)
    assert server.alerts() == [("down archive", "begin")]


def test_what_was_written_down_and_cannot_be_read_is_told_anew(box, server, caplog):
    box.wrong("space")
    box.pass_by(100)
    (box.folder / "state" / "watch" / "alerts.json").write_text('{"alerts": [{"key": 1')
    box.start()
    assert "what was told before cannot be read" in caplog.text
    box.pass_by(100)
    assert server.alerts() == [("space", "begin")] * 2


def test_it_is_told_again_that_something_is_still_wrong(tmp_path, server):
    box = Box(tmp_path, hook(server, repeat_h=2))
    box.wrong("space")
    box.pass_by(5 * HOUR_S)
    assert server.alerts() == [("space", "begin"), ("space", "still"), ("space", "still")]


def test_what_comes_and_goes_is_told_less_and_less(box, server):
    for _ in range(200):  # for more than eleven hours
        box.wrong("space")
        box.pass_by(100)
        box.right("space")
        box.pass_by(100)
    assert 2 <= len(server.alerts()) <= 12
    box.pass_by(2 * HOUR_S)
    assert server.alerts()[-1] == ("space", "over")


def test_nothing_is_told_while_the_box_starts(tmp_path, server):
    box = Box(tmp_path, hook(server, after_s=0), quiet_s=30)
    box.wrong("space")
    box.pass_by(20)
    box.right("space")
    box.pass_by(300)
    assert server.alerts() == []


def test_a_channel_is_told_only_what_it_is_for(tmp_path, server):
    box = Box(tmp_path, hook(server, about=["held *", "space"]))
    for key in ("held conflict", "down archive", "space"):
        box.wrong(key)
    box.pass_by(200)
    assert sorted(server.alerts()) == [("held conflict", "begin"), ("space", "begin")]


def test_many_alerts_go_in_one_message(box, server):
    for number in range(30):
        box.wrong("down d%d" % number)
    box.pass_by(100)
    assert len(server.requests) == 1
    assert len(server.alerts()) == 30


def test_a_dead_channel_is_a_trouble_holds_up_no_other_and_catches_up(tmp_path, server):
    dead = {**hook(server), "name": "dead", "url": f"http://127.0.0.1:{process.free_port()}"}
    box = Box(tmp_path, dead, hook(server))
    box.wrong("space")
    box.wrong("sync")
    box.pass_by(200)
    assert ("space", "begin") in server.alerts()
    (trouble,) = box.health.troubles()
    assert trouble.key == "alert dead" and "refused, so nothing listens there" in trouble.words
    box.pass_by(100)
    assert ("alert dead", "begin") in server.alerts()  # by the one that works
    box.right("sync")
    box.pass_by(1200)
    rows_of = {each["key"]: {sent["channel"]: sent for sent in each["sent"]} for each in box.alerts.rows()}
    assert "nothing listens there" in rows_of["space"]["dead"]["failure"]
    assert rows_of["space"]["dead"]["what"] is None
    with HookServer() as risen:
        box.tables[0]["url"] = f"http://127.0.0.1:{risen.port}"
        box.alerts.apply(box.settings())
        box.pass_by(200)
        assert sorted(risen.alerts()) == [("space", "begin"), ("sync", "passed")]
        assert box.health.troubles() == []
        box.pass_by(1000)
    assert ("alert dead", "over") in server.alerts()
    assert server.alerts().count(("space", "begin")) == 1


def test_a_channel_that_fails_is_tried_later_and_later(tmp_path):
    with HookServer(status=500) as server:
        box = Box(tmp_path, hook(server))
        box.wrong("space")
        box.pass_by(2 * HOUR_S)
        assert 8 <= len(server.requests) <= 25
        server.status = 204
        box.pass_by(600)
        assert server.alerts()[-1] == ("space", "begin")
        before = len(server.requests)
        box.pass_by(600)
        assert len(server.requests) == before


def test_a_line_that_cannot_be_set_is_a_trouble_that_is_told_of(tmp_path, server):
    lamp = {"name": "lamp", "kind": "gpio", "chip": "/dev/null", "line": 3, "after_s": 0}
    box = Box(tmp_path, lamp, hook(server))
    box.pass_by(300)
    assert ("alert lamp", "begin") in server.alerts()
    assert "line 3 of /dev/null cannot be set" in box.health.troubles()[0].words


def test_a_disk_that_takes_nothing_keeps_no_alert_from_being_told(tmp_path, server):
    (tmp_path / "state").write_text("a file where the folder should be")
    box = Box(tmp_path, hook(server))
    box.wrong("space")
    box.pass_by(300)
    assert server.alerts() == [("space", "begin")]


MARK = "ZWINGLI"


@pytest.mark.parametrize(
    "key",
    [
        *("held conflict", "held unrouted", "held found", "held rotten", "held for A", "refused by A", "old for A"),
        *("uncommitted A", "stranded A", "down A", "silent A", "alert A", "space", "high water", "forecast", "sync"),
        *("journal", "index", "house", "TLS to A"),
    ],
)
def test_no_alert_has_what_somebody_else_said(tmp_path, server, key):
    box = Box(tmp_path, hook(server, after_s=0))
    uid = "1.2.276.0.7230010.3.1.4.8323329"
    box.wrong(key, f"3 objects are wrong: {MARK} said {MARK}^JOHN at /var/{MARK}/{uid}.dcm")
    box.pass_by(20)
    box.right(key)
    box.pass_by(200)
    box.alerts.stop()
    said = b"".join(octets for _, _, octets, _ in server.requests).decode() + repr(box.events)
    said += json.dumps(box.alerts.rows()) + (tmp_path / "state" / "watch" / "alerts.json").read_text()
    assert len(server.alerts()) == 2
    assert MARK not in said and uid not in said


def test_a_trouble_of_a_kind_that_is_not_known_is_told_without_uids_and_paths(tmp_path, server):
    box = Box(tmp_path, hook(server, after_s=0))
    uid = "1.2.276.0.7230010.3.1.4.8323329"
    box.wrong("novelty", f"object {uid} in /var/lib/edge/objects/{uid}.dcm is odd; see Implicit VR 1.2.840.10008.1.2")
    box.pass_by(20)
    (told,) = [each for *_, said in server.requests for each in said["alerts"]]
    assert told["words"] == "object (UID) in (path) is odd; see Implicit VR 1.2.840.10008.1.2"
