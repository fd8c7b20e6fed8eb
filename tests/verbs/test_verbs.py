"""What an operator's actions do to a spool, and what counts as trouble."""

import os
import time

import pytest

from edge.box import load
from edge.console.boxwork import _destination_words, _status_lines
from edge.spool.intake import Source
from edge.spool.jobs import REFUSED, URGENT
from edge.verbs import table
from edge.verbs.box import Box
from edge.verbs.verb import ENGINEER, Asker, Misused, Refused
from tests.spool.data import Clock, data_set, deliver, open_spool, receive

ANNA = Asker("anna", ENGINEER, "web")
KNOWS_PACS = '[[destination]]\nname = "PACS"\nae_title = "PACS"\nhost = "192.0.2.1"\n'


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def box(tmp_path):
    spool = open_spool(tmp_path / "state")
    yield Box(load.parse(KNOWS_PACS, str(tmp_path / "edge.toml")).config, spool, None)
    spool.close()


def ask(box, verb, **request):
    """Return what a verb comes to; its rows are dropped."""
    rows = table.ask(box, verb, request, ANNA)
    while True:
        try:
            next(rows)
        except StopIteration as end:
            return end.value


def troubles(box):
    return {trouble["key"]: trouble["error"] for trouble in ask(box, "status")["troubles"]}


def test_all_is_well_while_jobs_wait_for_what_is_configured(box):
    receive(box.spool, "1.2.3")
    assert troubles(box) == {}


def test_jobs_for_a_destination_that_is_gone_are_trouble_until_they_are_cancelled(box):
    receive(box.spool, "1.2.3", to=["old"])
    assert "edge cancel --destination old" in troubles(box)["stranded old"]
    with pytest.raises(Refused, match="edge cancel --destination old"):
        ask(box, "release", destination="old")
    assert ask(box, "cancel", destination="old") == {"cancelled": 1, "moved": 0}
    assert troubles(box) == {}
    assert [each["name"] for each in ask(box, "status")["destinations"]] == ["PACS"]
    assert len(box.spool.objects()) == 1


ROUTE = '[[route]]\nfrom = ["CT*"]\nto = ["PACS"]\npriority = "urgent"\n'


def with_route(box):
    return Box(load.parse(KNOWS_PACS + ROUTE, "edge.toml").config, box.spool, None)


def test_what_no_route_took_goes_when_there_is_one_by_now_each_alone_or_all_at_once(box):
    for number in range(4):
        receive(box.spool, "1.2.%d" % number, to="no route", source=Source("MR1" if number == 3 else "CT1", "E", "::1"))
    with pytest.raises(Refused, match="object 1 has no destination, so name one with it: no route is configured"):
        ask(box, "release", object=1)
    assert ask(box, "release") == {"released": 0, "unrouted": 4}
    routed = with_route(box)
    assert ask(routed, "release", object=1) == {"released": 1, "unrouted": None}
    with pytest.raises(Refused, match="object 4 has no destination"):
        ask(routed, "release", object=4)
    assert ask(routed, "release", destination="PACS") == {"released": 2, "unrouted": 1}
    assert {row.priority for number in (1, 2, 3) for row in box.spool.jobs.of_object(number)} == {URGENT}
    assert ask(routed, "release", cause="unrouted") == {"released": 0, "unrouted": 1}
    assert ask(routed, "release", cause="unrouted", destination="PACS") == {"released": 1, "unrouted": 0}
    assert troubles(routed) == {}


def test_what_is_cancelled_can_go_to_another_destination(box):
    receive(box.spool, "1.2.3", to=["old"])
    receive(box.spool, "1.2.4", to=["old"])
    assert ask(box, "cancel", object=1, to="PACS") == {"cancelled": 1, "moved": 1}
    assert ask(box, "cancel", destination="old", to="PACS") == {"cancelled": 1, "moved": 1}
    assert {job.destination for number in (1, 2) for job in box.spool.jobs.of_object(number)} == {"PACS"}
    with pytest.raises(Refused, match="no destination is called nosuch"):
        ask(box, "cancel", destination="old", to="nosuch")


def test_nothing_is_given_up_unless_somebody_says_what(box):
    receive(box.spool, "1.2.3")
    for request in ({}, {"to": "PACS"}):
        with pytest.raises(Misused, match="say which jobs to give up"):
            ask(box, "cancel", **request)
    assert box.spool.jobs.counts()["PACS"]["waiting"][0] == 1


def test_a_destination_to_which_no_route_leads_says_so(box):
    without, routed = ask(box, "status"), ask(with_route(box), "status")
    assert [each["routed"] for found in (without, routed) for each in found["destinations"]] == [False, True]
    assert "no route leads there" in "\n".join(_status_lines(without, ()))
    assert "no route leads there" not in "\n".join(_status_lines(routed, ()))


def test_an_object_is_removed_only_when_its_loss_is_agreed_to(box):
    receive(box.spool, "1.2.3")
    path = box.spool.path_of(box.spool.index.get(1))
    with pytest.raises(Refused, match="delivered nowhere, and is not delivered to PACS yet; .* say yes"):
        ask(box, "remove", object=1)
    assert os.path.exists(path)
    assert ask(box, "remove", object=1, yes=True) == {"removed": 1}
    assert not os.path.exists(path) and box.spool.objects() == []


@pytest.mark.parametrize("verb", ["release", "cancel", "remove"])
def test_a_number_that_no_object_has_is_refused_in_words(box, verb):
    with pytest.raises(Refused, match="no object 99999999999999999999999 is in the spool"):
        ask(box, verb, object=99999999999999999999999)


def test_conflicts_are_trouble_until_the_last_is_released(box):
    receive(box.spool, "1.2.3")
    for number in (1, 2):
        receive(box.spool, "1.2.3", data_set("1.2.3", pixels=bytes([number]) * 64))
    assert troubles(box)["held conflict"].startswith("2 objects are held, the first is 2: other octets")
    ask(box, "release", object=2)
    ask(box, "release")
    assert troubles(box)["held conflict"].startswith("1 object is held, the first is 3: ")
    ask(box, "release", object=3)
    assert troubles(box) == {}


def test_held_jobs_are_trouble_with_the_next_step(box):
    receive(box.spool, "1.2.3")
    box.spool.jobs.hold(box.spool.now(), 1, "PACS", "refused", "it will not have it")
    assert "edge release --destination PACS" in troubles(box)["held for PACS"]
    ask(box, "release", destination="PACS")
    assert troubles(box) == {}


def test_the_queue_of_a_destination_that_nobody_knows_is_refused(box):
    with pytest.raises(Refused, match="no destination is called nosuch"):
        ask(box, "queue", destination="nosuch")


def test_a_link_that_failed_is_spoken_of_only_while_something_waits(box):
    receive(box.spool, "1.2.3")
    box.spool.jobs.link_failed("PACS", box.spool.now(), "nobody answers")
    (waits,) = ask(box, "status")["destinations"]
    assert "nobody answers" in _destination_words(waits, box.spool.now())
    ask(box, "cancel", destination="PACS")
    (idle,) = ask(box, "status")["destinations"]
    assert "nobody answers" not in _destination_words(idle, box.spool.now())


def destination_with(box, **changes):
    """The box with other settings of its destination."""
    (known,) = box.config.destinations
    return Box(box.config._replace(destinations=(known._replace(**changes),)), box.spool)


def test_jobs_that_wait_for_too_long_are_trouble_and_stay(tmp_path):
    clock = Clock()
    spool = open_spool(tmp_path / "state", clock)
    settings = load.parse(KNOWS_PACS + "max_age_h = 24\n", str(tmp_path / "edge.toml")).config
    box = Box(settings, spool, None)
    receive(spool, "1.2.3")
    clock.now += 23 * 3600
    receive(spool, "1.2.4")
    assert troubles(box) == {}
    clock.now += 2 * 3600
    words = troubles(box)["old for PACS"]
    assert words.startswith("1 job has waited for PACS for more than 24 h, the first since ")
    clock.now += 48 * 3600
    assert troubles(box)["old for PACS"].startswith("2 jobs have waited")
    assert spool.jobs.counts()["PACS"]["waiting"][0] == 2
    spool.close()


def test_a_destination_that_refuses_the_box_for_good_is_trouble_until_it_takes_something(box):
    receive(box.spool, "1.2.3")
    box.spool.jobs.link_failed("PACS", box.spool.now(), "called AE title not recognized", lasting=True)
    assert "called AE title not recognized" in troubles(box)["refused by PACS"]
    box.spool.jobs.hold(box.spool.now(), 1, "PACS", "refused", "it will not have this box")
    assert "refused by PACS" in troubles(box)
    ask(box, "cancel", destination="PACS")
    assert troubles(box) == {}, "nobody asks again, so nothing would end it"
    receive(box.spool, "1.2.4")
    assert "refused by PACS" in troubles(box)
    box.spool.jobs.link_works("PACS", box.spool.now())
    assert troubles(box) == {}


def test_what_waits_for_its_window_says_until_when(box):
    receive(box.spool, "1.2.3")
    now = time.localtime(box.spool.now())
    shut = destination_with(box, weekdays=(((now.tm_wday + 2) % 7,),), rate_bytes_per_s=1_000_000)
    (row,) = list(table.ask(shut, "queue", {}, ANNA))
    assert row["next_try"] > box.spool.now() + 86400 and "hours" in row["error"]
    (each,) = ask(shut, "status")["destinations"]
    shown = _destination_words(each, box.spool.now())
    assert "waits for its window until" in shown and "at most 1.0 MB/s" in shown and "the oldest came" in shown
    (each,) = ask(box, "status")["destinations"]
    assert each["opens_at"] is None and "window" not in _destination_words(each, box.spool.now())


def test_all_of_a_cause_are_released_at_once_and_no_others(box):
    spool = box.spool
    for number, cause in enumerate(["no-context", "C000", "C000"]):
        receive(spool, "1.2.%d" % number)
        (job,) = spool.jobs.claim("PACS", spool.now(), 1)
        spool.jobs.settle(job, REFUSED, spool.now(), None, cause, "it would not")
    assert ask(box, "release", cause="C000") == {"released": 2, "unrouted": None}
    assert [row.cause for row in spool.jobs.listing("held")[0]] == ["no-context"]
def test_status_says_how_full_the_box_is_and_when_it_will_be_full(box, clock):
    spool = box.spool
    spool.quota._limits = spool.limits._replace(quota_bytes=100 * len(data_set("1.2.100")))
    spool.quota._now = clock
    for number in range(100, 113):
        receive(spool, "1.2.%d" % number)
        clock.now += 300
        spool.tidy()
    found = ask(box, "status")
    assert found["usable_bytes"] == spool.quota._limits.quota_bytes
    assert found["taken_percent"] == 13
    assert found["full_in_s"] == pytest.approx(87 * 300, rel=0.02)
    (room,) = [line for line in _status_lines(found, []) if line.startswith("room ")]
    assert room.endswith("; 13 % taken, full in about 7 hours at the present rates")
    assert "used up in less than 8 h" in troubles(box)["forecast"]


def test_status_foretells_nothing_while_nothing_comes(box):
    receive(box.spool, "1.2.3")
    found = ask(box, "status")
    assert found["full_in_s"] is None
    (room,) = [line for line in _status_lines(found, []) if line.startswith("room ")]
    assert room.endswith(" % taken")


def test_the_queue_of_what_is_open_has_nothing_that_was_delivered(box):
    for uid in ("1.2.3", "1.2.4", "1.2.5"):
        receive(box.spool, uid)
    deliver(box.spool, limit=1)
    box.spool.jobs.hold(box.spool.now(), 2, "PACS", "refused", "it will not have it")
    assert [(row["object"], row["state"]) for row in table.ask(box, "queue", {"state": "open"}, ANNA)] == [
        (3, "waiting"),
        (2, "held"),
    ]
    assert len(list(table.ask(box, "queue", {}, ANNA))) == 3


def test_jobs_are_let_before_others_all_at_once_or_one(box):
    for uid in ("1.2.3", "1.2.4"):
        receive(box.spool, uid)
    assert ask(box, "prioritise", priority="urgent", object=2) == {"changed": 1}
    assert [row.object_id for row in box.spool.jobs.listing("waiting")[0]] == [2, 1]
    assert ask(box, "prioritise", priority="urgent", destination="PACS") == {"changed": 1}
    assert ask(box, "prioritise", priority="urgent", destination="PACS") == {"changed": 0}
    with pytest.raises(Refused, match="object 9 has no jobs"):
        ask(box, "prioritise", priority="low", object=9)
    deliver(box.spool)
    with pytest.raises(Refused, match="object 2 was delivered already, to PACS"):
        ask(box, "prioritise", priority="low", object=2)
    with pytest.raises(Refused, match="say whose jobs"):
        ask(box, "prioritise", priority="low")
