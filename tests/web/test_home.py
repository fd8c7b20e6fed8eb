"""The one look that says whether all is well."""

import pytest

from edge.web import home, storage

STORAGE = {"read_only": False, "wear_percent": None}
JOBS = {"waiting": 0, "sending": 0, "sent": 0, "held": 0, "delivered": 3}
NONE = dict.fromkeys(JOBS, 0)
ARCHIVE = {"name": "archive", "configured": True, "up": True, "jobs": JOBS}
WELL = {
    "running": True,
    "takes_objects": True,
    "troubles": [],
    "destinations": [ARCHIVE],
    "board": {"storage": STORAGE},
    "kept": {"objects": 3, "bytes": 3000, "held": 0},
}
TROUBLE = {"key": "held unrouted", "since": 1, "error": "no route took it"}


@pytest.mark.parametrize(
    "change, kind, words",
    [
        ({}, "ok", "All is well"),
        ({"running": False}, "bad", "The box does not run"),
        ({"takes_objects": False}, "bad", "The box is full"),
        ({"board": {"storage": {"read_only": True}}}, "bad", "The disk can only be read"),
        ({"troubles": [TROUBLE]}, "warn", "One thing needs attention"),
        ({"troubles": [TROUBLE] * 3}, "warn", "3 things need attention"),
        ({"destinations": [{**ARCHIVE, "up": False}]}, "warn", "archive cannot be reached"),
        ({"destinations": [{**ARCHIVE, "up": False, "configured": False}]}, "ok", "All is well"),
        ({"destinations": [{**ARCHIVE, "routed": False, "jobs": NONE}]}, "warn", "No route leads to archive"),
        ({"destinations": [{**ARCHIVE, "routed": False}]}, "ok", "All is well"),  # what is sent there by hand arrives
    ],
)
def test_the_headline_says_the_gravest_thing(change, kind, words):
    assert home.verdict({**WELL, **change}) == (kind, words)


def test_what_is_on_its_way_is_said_below():
    way = {**ARCHIVE, "jobs": {**JOBS, "waiting": 11, "sending": 1}}
    assert "12 deliveries are on the way" in home.headline({**WELL, "destinations": [way]})


def test_what_was_given_up_is_not_called_delivered_and_an_unused_way_not_up():
    shown = home.headline({**WELL, "kept": {**WELL["kept"], "objects": 3}, "destinations": [ARCHIVE]})
    assert "Nothing waits, and nothing is held." in shown and "delivered" not in shown
    unused = {**ARCHIVE, "up": None, "opens_at": None, "sessions": 0, "since": None}
    assert "not tried yet" in home.link_state(unused, 1)


def test_a_destination_without_a_route_leads_to_one():
    assert "section=route" in home.unrouted({**ARCHIVE, "routed": False})
    assert home.unrouted({**ARCHIVE, "routed": True}) is None


@pytest.mark.parametrize(("free", "words"), [(0, "no: it is full"), (5 << 30, "yes")])
def test_a_disk_without_room_is_not_said_to_be_written(free, words):
    found = {
        **WELL, "free_bytes": free, "reserve_bytes": 0, "usable_bytes": 9, "taken_percent": 100.0, "state_dir": "/v",
        "takes_objects": bool(free), "full_in_s": None,
        "board": {"storage": {**STORAGE, "written_bytes": None, "faults": None, "device": "sda"}},
    }  # fmt: skip
    shown = storage.live(lambda verb: ((), found), {})["storage"]
    assert words in shown and ("it does not fill up" in shown) == bool(free)


def test_a_full_box_says_what_modalities_are_told():
    assert "try again later" in home.headline({**WELL, "takes_objects": False})
