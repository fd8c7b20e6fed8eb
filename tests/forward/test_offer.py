"""Contexts are offered so that nothing is converted that need not be, and nothing is left without a way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.dicom import syntax
from edge.forward import offer
from edge.protocol import contexts

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT, IMPLICIT = syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE
BIG, DEFLATED = syntax.EXPLICIT_BIG, syntax.DEFLATED_LITTLE
JPEG = "1.2.840.10008.1.2.4.70"


@pytest.mark.parametrize(
    "stored, wanted",
    [
        ([EXPLICIT], [(EXPLICIT,), (IMPLICIT,)]),
        ([IMPLICIT], [(IMPLICIT,), (EXPLICIT,)]),
        ([BIG], [(BIG,), (EXPLICIT, IMPLICIT)]),
        ([DEFLATED, EXPLICIT], [(DEFLATED,), (EXPLICIT,), (IMPLICIT,)]),
        ([EXPLICIT, IMPLICIT], [(EXPLICIT,), (IMPLICIT,)]),
        ([JPEG], [(JPEG,)]),
        ([JPEG, EXPLICIT], [(JPEG,), (EXPLICIT,), (IMPLICIT,)]),
        (["1.2.3.4"], [("1.2.3.4",)]),
    ],
)
def test_each_syntax_has_a_context_of_its_own_and_the_class_one_to_fall_back_on(stored, wanted):
    assert offer.plan([(CT, each) for each in stored]).wanted == [(CT, each) for each in wanted]


def test_the_same_pair_is_offered_once():
    made = offer.plan([(CT, EXPLICIT), (MR, EXPLICIT), (CT, EXPLICIT)])
    assert [sop_class for sop_class, _ in made.wanted] == [CT, CT, MR, MR]


def test_pairs_of_before_are_offered_in_the_room_that_is_left():
    before = [(f"1.2.{number}", JPEG) for number in range(200)]
    made = offer.plan([(CT, EXPLICIT)], before)
    assert made.wanted[:2] == [(CT, (EXPLICIT,)), (CT, (IMPLICIT,))]
    assert len(made.wanted) == contexts.MAXIMUM


CLASSES = st.integers(1, 120).map(lambda number: f"1.2.{number}")
SYNTAXES = st.sampled_from([EXPLICIT, IMPLICIT, BIG, DEFLATED, JPEG])
PAIRS = st.lists(st.tuples(CLASSES, SYNTAXES), min_size=1, max_size=300)


@given(PAIRS, PAIRS)
def test_an_offer_fits_and_serves_the_first_objects_without_a_gap(pairs, before):
    made = offer.plan(pairs, before)
    assert len(made.wanted) <= contexts.MAXIMUM
    assert pairs[0] in made.pairs
    contexts.propose(made.wanted)
    for sop_class, own in made.pairs:
        assert (sop_class, (own,)) in made.wanted
    served = 0
    while served < len(pairs) and pairs[served] in made.pairs:
        served += 1
    assert served == len(pairs) or len(made.wanted) >= contexts.MAXIMUM - 1


def test_an_object_goes_in_its_own_syntax_where_it_can():
    accepted = {(CT, EXPLICIT): 1, (CT, IMPLICIT): 3}
    assert offer.choose(lambda *pair: accepted.get(pair), CT, IMPLICIT) == (3, IMPLICIT)


def test_an_object_goes_re_encoded_where_it_must_and_not_at_all_where_it_cannot():
    accepted = {(CT, IMPLICIT): 3}
    assert offer.choose(lambda *pair: accepted.get(pair), CT, BIG) == (3, IMPLICIT)
    assert offer.choose(lambda *pair: accepted.get(pair), CT, JPEG) is None
    assert offer.choose(lambda *pair: accepted.get(pair), MR, EXPLICIT) is None
