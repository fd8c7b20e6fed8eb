"""Routes say where an object goes, and why it goes nowhere."""

import time

from edge.forward.route import Router, Rule
from edge.morph import match
from edge.morph.path import read
from edge.spool.intake import Source
from edge.spool.intake import facts as make_facts

CT = "1.2.840.10008.5.1.4.1.1.2"


def facts(calling, **values):
    found = {int(tag[1:], 16): value for tag, value in values.items()}
    return make_facts(CT, "1.2.3", "1.2.840.10008.1.2.1", Source(calling, "EDGE", "10.0.0.5"), found)


def rule(to, *conditions, calling=(), priority=None, final=False):
    if calling:
        conditions += (match.like("calling AE title", "calling", calling),)
    return Rule(conditions, to, priority, final)


def test_a_route_without_conditions_is_for_everything():
    assert Router([rule(("archive",))])(facts("CT1")) == ["archive"]


def test_a_route_with_callers_is_for_those_alone():
    router = Router([rule(("archive",), calling=("CT1", "CT2"))])
    assert router(facts("CT2")) == ["archive"]
    assert "MR1" in router(facts("MR1"))


def test_all_routes_that_apply_count_and_each_destination_comes_once():
    router = Router([rule(("archive", "copy")), rule(("workstation", "archive"), calling=("CT1",))])
    assert router(facts("CT1")) == ["archive", "copy", "workstation"]
    assert router(facts("MR1")) == ["archive", "copy"]


def test_after_a_final_route_that_applies_no_other_is_asked():
    router = Router([rule(("first",), calling=("CT1",), final=True), rule(("rest",))])
    assert router(facts("CT1")) == ["first"]
    assert router(facts("MR1")) == ["rest"]
    verdicts = router.explain(facts("CT1"))
    assert [(each.applies, each.asked) for each in verdicts] == [(True, True), (False, False)]


def test_all_conditions_of_a_route_have_to_hold():
    router = Router(
        [rule(("archive",), match.fits(read("Modality"), ("CT",)), match.within(read("Rows"), 512), calling=("CT*",))]
    )
    assert router.wanted == {0x00080060, 0x00280010}
    assert router(facts("CT1", x00080060=b"CT", x00280010=b"\0\2")) == ["archive"]
    assert isinstance(router(facts("CT1", x00080060=b"CT", x00280010=b"\0\1")), str)
    verdict = router.explain(facts("CT1", x00080060=b"CT", x00280010=b"\0\1"))[0]
    assert [each.holds for each in verdict.findings] == [True, False, True]


def test_a_route_says_how_urgent_its_objects_are():
    assert Router([rule(("archive",), priority=0), rule(("archive", "copy"))])(facts("CT1")) == [("archive", 0), "copy"]


def test_a_route_may_be_for_some_times_of_the_day():
    night = time.mktime(time.strptime("2026-11-22 03:00", "%Y-%m-%d %H:%M"))
    rules = [rule(("archive",), match.hours((match.read_hours("22:00-06:00"),)))]
    assert Router(rules, lambda: night)(facts("CT1")) == ["archive"]
    assert isinstance(Router(rules, lambda: night + 12 * 3600)(facts("CT1")), str)


def test_without_any_route_the_reason_says_what_to_do():
    assert "add a [[route]]" in Router([])(facts("CT1"))


def test_the_reason_names_the_caller_and_no_patient():
    found = Router([rule(("archive",), calling=("CT1",))])(facts("MR1", x00100020=b"SECRET"))
    assert "MR1" in found and "SECRET" not in found


def test_a_caller_without_a_title_is_named_so():
    assert "without an AE title" in Router([rule(("archive",), calling=("CT1",))])(facts(""))
