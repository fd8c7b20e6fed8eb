"""A condition holds for an object, or not, and says what it was held against."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.morph import draft as drafts
from edge.morph import match
from edge.morph.path import read
from edge.spool.inflate import inflater
from tests.morph.data import EXPLICIT, IMPLICIT, draft, sample, written

CT = "1.2.840.10008.5.1.4.1.1.2"
NIGHT = time.strptime("2026-11-22 03:10", "%Y-%m-%d %H:%M")  # a Sunday


def scene(values=None, calling="CT1", called="EDGE", address="10.0.0.5", sop_class=CT, little=True, when=NIGHT):
    return match.Scene(calling, called, address, sop_class, values or {}, little, when)


def holds(condition, *args, **named):
    return match.judge(condition, scene(*args, **named)).holds


PATIENT, ROWS, MODALITY = read("PatientID"), read("Rows"), read("Modality")


@pytest.mark.parametrize(
    "pattern, fits",
    [("CT1", True), ("CT*", True), ("*", True), ("C?1", True), ("ct1", False), ("CT", False), ("CT1?", False)],
)
def test_a_pattern_has_a_star_for_anything_and_a_mark_for_one_character(pattern, fits):
    assert holds(match.like("calling AE title", "calling", (pattern,))) is fits


def test_nothing_else_in_a_pattern_is_special():
    assert holds(match.fits(PATIENT, ("[A].x+",)), {0x00100020: b"[A].x+"})
    assert not holds(match.fits(PATIENT, ("[A].x+",)), {0x00100020: b"A.xx"})


def test_one_of_the_patterns_is_enough():
    condition = match.like("calling AE title", "calling", ("MR*", "CT1"))
    assert holds(condition)
    assert not holds(condition, calling="US1")


@pytest.mark.parametrize(
    "network, peer, inside",
    [
        ("10.0.0.0/24", "10.0.0.5", True),
        ("10.0.0.5", "10.0.0.5", True),
        ("10.0.1.0/24", "10.0.0.5", False),
        ("10.0.0.0/24", "::ffff:10.0.0.5", True),
        ("fd00::/8", "fd00::1", True),
        ("fd00::/8", "10.0.0.5", False),
        ("0.0.0.0/0", "by hand", False),
    ],
)
def test_an_address_is_in_a_network_or_not(network, peer, inside):
    assert holds(match.address((match.read_network(network),)), address=peer) is inside


@pytest.mark.parametrize("words", ["CT Image Storage", "ct image", CT])
def test_a_sop_class_is_named_by_uid_or_name(words):
    assert match.read_sop_class(words) == CT
    assert holds(match.sop_class((match.read_sop_class(words),)))


def test_a_name_that_no_sop_class_has_is_refused():
    with pytest.raises(ValueError, match="no storage SOP Class"):
        match.read_sop_class("CTImageStorage")


def test_one_of_several_values_is_enough():
    values = {0x00080008: b"ORIGINAL\\PRIMARY\\AXIAL "}
    assert holds(match.equals(read("ImageType"), ("AXIAL",)), values)
    assert not holds(match.differs(read("ImageType"), ("AXIAL",)), values)
    assert holds(match.unlike(read("ImageType"), ("LOC*",)), values)


def test_numbers_are_compared_as_numbers_however_they_are_written():
    assert holds(match.equals(read("SeriesNumber"), (2,)), {0x00200011: b"02"})
    assert holds(match.within(ROWS, 512, 1024), {0x00280010: b"\x00\x02"})
    assert holds(match.within(ROWS, 512), {0x00280010: b"\x02\x00"}, little=False)
    assert not holds(match.within(ROWS, 513), {0x00280010: b"\x00\x02"})
    assert not holds(match.within(ROWS, highest=10), {})


def test_text_is_compared_in_its_character_set():
    values = {0x00080005: b"ISO_IR 192", 0x00100010: "Müller^Ä".encode()}
    assert holds(match.fits(read("PatientName"), ("Mü*",)), values)


def test_empty_is_as_good_as_absent():
    assert holds(match.present(PATIENT, False), {0x00100020: b"  "})
    assert not holds(match.present(PATIENT), {0x00100020: b""})
    assert holds(match.present(PATIENT), {0x00100020: b"1 "})


def test_what_could_not_be_read_fulfils_nothing():
    unread = {0x00100020: None}
    for condition in (match.present(PATIENT), match.present(PATIENT, False), match.differs(PATIENT, ("1",))):
        finding = match.judge(condition, scene(unread))
        assert not finding.holds and finding.found == "could not be read"


def test_a_private_element_is_asked_for_by_its_creator():
    condition = match.equals(read('(0019,"ACME",10)'), ("ON",))
    assert holds(condition, {0x00190011: b"ACME", 0x00191110: b"ON"})
    assert not holds(condition, {0x00190011: b"OTHER", 0x00191110: b"ON"})
    assert 0x00191110 in condition.tags and 0x00190011 in condition.tags


def sought(octets, words, syntax=EXPLICIT):
    """What a draft's stages are given of a data set for a condition on `words`."""
    asked = draft(octets, syntax)
    return drafts.values(asked, inflater, match.needed([match.present(read(words))]))


@pytest.mark.parametrize(
    "words, found",
    [
        ("RequestAttributesSequence.ScheduledProcedureStepID", ["S1", "S2"]),
        ("RequestAttributesSequence[2].ScheduledProcedureStepID", ["S2"]),
        ("RequestAttributesSequence.ScheduledProtocolCodeSequence.CodeMeaning", ["Müll"]),
        ("**.CodeMeaning", ["Müll"]),
        ("**.PatientID", ["4711"]),
        ("ReferencedImageSequence.ReferencedSOPInstanceUID", []),
        ("ReferencedImageSequence", []),
        ("RequestAttributesSequence", [b""]),
    ],
)
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_what_stands_in_sequences_can_be_asked_for(words, found, syntax):
    values = sought(written(sample(), syntax), words, syntax)
    assert match.look_up(read(words), scene(values)) == found
    assert holds(match.present(read(words)), values) is bool(found)
    if found and found != [b""]:
        assert holds(match.equals(read(words), [found[-1]]), values)
        assert not holds(match.differs(read(words), [found[-1]]), values)


def test_a_sequence_that_is_cut_short_fulfils_nothing():
    octets = written(sample())
    values = sought(octets[: octets.index(b"S2")], "RequestAttributesSequence.ScheduledProcedureStepID")
    for condition in (match.present, lambda path: match.present(path, False), lambda path: match.differs(path, ["x"])):
        found = match.judge(condition(read("RequestAttributesSequence.ScheduledProcedureStepID")), scene(values))
        assert not found.holds and found.found == "could not be read"



@pytest.mark.parametrize(
    "span, inside", [("00:00-24:00", True), ("22:00-06:00", True), ("03:10-03:11", True), ("07:00-18:30", False)]
)
def test_times_of_the_day_may_cross_midnight(span, inside):
    assert holds(match.hours((match.read_hours(span),))) is inside


@pytest.mark.parametrize("words", ["", "7", "25:00-26:00", "07:00-07:00", "00:00-24:01", None])
def test_what_is_no_span_of_time_is_refused(words):
    with pytest.raises(ValueError):
        match.read_hours(words)


@pytest.mark.parametrize("words, days", [("sun", (6,)), ("mon-fri", (0, 1, 2, 3, 4)), ("sat-mon", (5, 6, 0))])
def test_weekdays_may_cross_the_weekend(words, days):
    assert match.read_weekdays(words) == days
    assert holds(match.weekdays(match.read_weekdays(words))) is (6 in days)


def test_what_was_found_is_told():
    finding = match.judge(match.fits(MODALITY, ("MR", "P*")), scene({0x00080060: b"CT"}))
    assert finding == ('Modality is like "MR" or "P*"', False, '"CT"')
    assert match.judge(match.present(PATIENT), scene()).found == "nothing"


@given(octets=st.binary(max_size=80), charset=st.binary(max_size=20), little=st.booleans())
def test_whatever_octets_there_are_judging_never_fails(octets, charset, little):
    values = {0x00080005: charset, 0x00100020: octets, 0x00280010: octets, 0x00190010: octets, 0x00191010: octets}
    here = scene(values, little=little)
    for condition in (
        match.fits(PATIENT, ("*1*", "?")), match.equals(ROWS, (3, "x")), match.within(PATIENT, 1, 2),
        match.present(read('(0019,"A",10)')),
    ):  # fmt: skip
        assert match.judge(condition, here).holds is match.holds((condition,), here)


def test_octets_that_are_no_text_are_told_by_their_number():
    found = match.judge(match.present(read("EncapsulatedDocument")), scene({0x00420011: b"%PDF"}))
    assert found.holds and found.found == "4 octets"
