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
JPEG_LS = "1.2.840.10008.1.2.4.80"
NEAR = "1.2.840.10008.1.2.4.81"
MPEG = "1.2.840.10008.1.2.4.102"


@pytest.mark.parametrize(
    "stored, wanted",
    [
        ([EXPLICIT], [(EXPLICIT,), (IMPLICIT,)]),
        ([IMPLICIT], [(IMPLICIT,), (EXPLICIT,)]),
        ([BIG], [(BIG,), (EXPLICIT, IMPLICIT)]),
        ([DEFLATED, EXPLICIT], [(DEFLATED,), (EXPLICIT,), (IMPLICIT,)]),
        ([EXPLICIT, IMPLICIT], [(EXPLICIT,), (IMPLICIT,)]),
        ([JPEG], [(JPEG,), (EXPLICIT, IMPLICIT)]),
        ([JPEG, EXPLICIT], [(JPEG,), (EXPLICIT,), (IMPLICIT,)]),
        ([MPEG], [(MPEG,)]),
        (["1.2.3.4"], [("1.2.3.4",)]),
    ],
)
def test_each_syntax_has_a_context_of_its_own_and_the_class_one_to_fall_back_on(stored, wanted):
    assert offer.plan([(CT, each) for each in stored]).wanted == [(CT, each) for each in wanted]


def first(*question):
    """The first way that an object may go, or None."""
    return next(offer.choices(*question), None)


def test_the_same_pair_is_offered_once():
    made = offer.plan([(CT, EXPLICIT), (MR, EXPLICIT), (CT, EXPLICIT)])
    assert [sop_class for sop_class, _ in made.wanted] == [CT, CT, MR, MR]


def test_pairs_of_before_are_offered_in_the_room_that_is_left():
    before = [(f"1.2.{number}", MPEG) for number in range(200)]
    made = offer.plan([(CT, EXPLICIT)], before)
    assert made.wanted[:2] == [(CT, (EXPLICIT,)), (CT, (IMPLICIT,))]
    assert len(made.wanted) == contexts.MAXIMUM


CLASSES = st.integers(1, 120).map(lambda number: f"1.2.{number}")
SYNTAXES = st.sampled_from([EXPLICIT, IMPLICIT, BIG, DEFLATED, JPEG, JPEG_LS, MPEG])
COMPRESS = st.sampled_from([None, JPEG, JPEG_LS])
PAIRS = st.lists(st.tuples(CLASSES, SYNTAXES), min_size=1, max_size=300)


@given(PAIRS, PAIRS, COMPRESS)
def test_an_offer_fits_and_serves_the_first_objects_without_a_gap(pairs, before, compress):
    made = offer.plan(pairs, before, compress)
    assert len(made.wanted) <= contexts.MAXIMUM
    assert pairs[0] in made.pairs
    contexts.propose(made.wanted)
    for sop_class, own in made.pairs:
        assert (sop_class, (own,)) in made.wanted
    served = 0
    while served < len(pairs) and pairs[served] in made.pairs:
        served += 1
    assert served == len(pairs) or len(made.wanted) >= contexts.MAXIMUM - 2


def test_an_object_goes_in_its_own_syntax_where_it_can():
    accepted = {(CT, EXPLICIT): 1, (CT, IMPLICIT): 3}
    assert first(lambda *pair: accepted.get(pair), CT, IMPLICIT) == (3, IMPLICIT)


def test_an_object_goes_re_encoded_where_it_must_and_not_at_all_where_it_cannot():
    accepted = {(CT, IMPLICIT): 3}
    assert first(lambda *pair: accepted.get(pair), CT, BIG) == (3, IMPLICIT)
    assert first(lambda *pair: accepted.get(pair), CT, JPEG) == (3, IMPLICIT)
    assert first(lambda *pair: accepted.get(pair), CT, MPEG) is None
    assert first(lambda *pair: accepted.get(pair), MR, EXPLICIT) is None


@pytest.mark.parametrize(
    "stored, wanted",
    [
        ([EXPLICIT], [(JPEG_LS,), (EXPLICIT,), (IMPLICIT,)]),
        ([JPEG_LS], [(JPEG_LS,), (EXPLICIT, IMPLICIT)]),
        ([JPEG_LS, EXPLICIT], [(JPEG_LS,), (EXPLICIT,), (IMPLICIT,)]),
        ([NEAR], [(NEAR,), (EXPLICIT, IMPLICIT)]),
        ([MPEG], [(MPEG,)]),
    ],
)
def test_what_is_to_be_compressed_is_proposed_so_before_all_else(stored, wanted):
    assert offer.plan([(CT, each) for each in stored], (), JPEG_LS).wanted == [(CT, each) for each in wanted]


def test_the_order_is_compressed_then_as_received_then_uncompressed():
    assert offer.ways(JPEG, JPEG_LS) == (JPEG_LS, JPEG, EXPLICIT, IMPLICIT)
    assert offer.ways(IMPLICIT, JPEG_LS) == (JPEG_LS, IMPLICIT, EXPLICIT)


def test_what_was_lossy_before_is_not_blown_up_by_a_lossless_codec():
    assert offer.ways(NEAR, JPEG_LS) == (NEAR, EXPLICIT, IMPLICIT)
