"""Objects that an archive was asked to send: which they are, and for how long."""

from types import SimpleNamespace

from edge.net.awaited import Awaited
from edge.protocol import command
from tests.spool.data import Clock

BY_US = {command.MOVE_ORIGINATOR: "EDGE"}


def place(awaited, elements, study="1.2.3", calling="PACS"):
    facts = SimpleNamespace(study=study, source=SimpleNamespace(calling=calling))
    return awaited.route(elements, lambda facts: "as routed")(facts)


def expecting(clock):
    awaited = Awaited(clock)
    return awaited, awaited.expect("1.2.3", "EDGE", "PACS", lambda facts, route: "fetched")


def test_what_was_asked_for_is_known_by_who_asked_and_otherwise_by_who_sends():
    awaited, expected = expecting(Clock())
    assert place(awaited, BY_US, calling="MOVER") == "fetched"
    assert place(awaited, {}) == "fetched"
    assert expected.came == 2
    assert place(awaited, {command.MOVE_ORIGINATOR: "WORKSTATION"}) == "as routed"
    assert place(awaited, {}, calling="CT1") == "as routed"
    assert place(awaited, BY_US, study="1.2.4") == "as routed"


def test_what_comes_after_the_fetch_was_given_up_is_not_sent_back_for_some_minutes():
    clock = Clock()
    awaited, expected = expecting(clock)
    awaited.forget(expected)
    clock.now += 299
    assert place(awaited, BY_US) == "fetched"
    clock.now += 2
    assert place(awaited, BY_US) == "as routed"


def test_the_newest_fetch_of_a_study_says_where_it_goes():
    awaited, expected = expecting(Clock())
    awaited.forget(expected)
    awaited.expect("1.2.3", "EDGE", "PACS", lambda facts, route: "by the routes")
    assert place(awaited, BY_US) == "by the routes"
