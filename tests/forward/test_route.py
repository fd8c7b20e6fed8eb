"""Routes say where an object goes, and why it goes nowhere."""

from collections import namedtuple

from edge.forward.route import Router
from edge.spool.intake import Source

Facts = namedtuple("Facts", "source")


def facts(calling):
    return Facts(Source(calling, "EDGE", "10.0.0.5"))


def test_a_route_without_a_caller_is_for_everyone():
    assert Router([((), ("archive",))])(facts("CT1")) == ["archive"]


def test_a_route_with_callers_is_for_those_alone():
    router = Router([(("CT1", "CT2"), ("archive",))])
    assert router(facts("CT2")) == ["archive"]
    assert "MR1" in router(facts("MR1"))


def test_all_routes_that_fit_apply_and_each_destination_comes_once():
    router = Router([((), ("archive", "copy")), (("CT1",), ("workstation", "archive"))])
    assert router(facts("CT1")) == ["archive", "copy", "workstation"]
    assert router(facts("MR1")) == ["archive", "copy"]


def test_without_any_route_the_reason_says_what_to_do():
    assert "add a [[route]]" in Router([])(facts("CT1"))


def test_a_caller_without_a_title_is_named_so():
    assert "without an AE title" in Router([(("CT1",), ("archive",))])(facts(""))
