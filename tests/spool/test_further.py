"""What routes ask for is looked up as the object comes in; what cannot be read is no reason to refuse it."""

import pydicom
import pytest

from edge.demo import phantom
from edge.dicom import syntax, writer
from edge.spool.intake import WANTED, Source
from tests.spool.data import CT, EXPLICIT

ROWS, CREATOR, PRIVATE = 0x00280010, 0x00290010, 0x00291001
ASKED = {ROWS, CREATOR, PRIVATE}


def made(*more):
    content = [
        (0x00080016, "UI", CT), (0x00080018, "UI", "1.2.3"), (0x0020000D, "UI", "1.2"), (0x00200013, "IS", "1"),
        (0x00400275, "SQ", [[(ROWS, "US", 7)]]), *more,
    ]  # fmt: skip
    return writer.data_set(content, syntax.lookup(EXPLICIT))


FULL = ((ROWS, "US", 512), (CREATOR, "LO", "ACME"), (PRIVATE, "LO", "ON"), (0x7FE00010, "OW", bytes(200_000)))


def take(spool, octets, step=None):
    """The Facts that the route is asked with."""
    asked = []
    arrival = spool.intake.begin(CT, "1.2.3", EXPLICIT, Source("CT1", "EDGE", "10.0.0.5"))
    for at in range(0, len(octets), step or len(octets)):
        arrival.write(octets[at : at + (step or len(octets))])
    arrival.commit(lambda facts: asked.append(facts) or ["archive"])
    return asked[0]


@pytest.mark.parametrize("step", [None, 1, 7, 4096])
def test_what_a_route_asks_for_is_among_the_values(spool, step):
    spool.intake.look_for(ASKED)
    values = take(spool, made(*FULL[:3]), step).values
    assert values[ROWS] == b"\0\2" and values[PRIVATE] == b"ON" and values[0x00080018] == b"1.2.3\0"


def test_nothing_more_is_looked_up_when_no_route_asks(spool):
    spool.intake.look_for(WANTED)
    assert spool.intake.looking(syntax.lookup(EXPLICIT)) is None
    assert ROWS not in take(spool, made(*FULL)).values


def test_what_is_absent_is_absent(spool):
    spool.intake.look_for(ASKED)
    values = take(spool, made(FULL[0])).values
    assert ROWS in values and PRIVATE not in values


def test_an_object_that_is_cut_short_is_taken_and_what_was_not_reached_is_unread(spool):
    spool.intake.look_for(ASKED)
    octets = made(*FULL[:2])
    values = take(spool, octets[: octets.index(b"ACME") + 2]).values
    assert values[ROWS] == b"\0\2" and values[CREATOR] is None and values[PRIVATE] is None


def test_a_value_that_is_too_long_for_a_route_is_unread(spool):
    spool.intake.look_for({0x00324000})
    assert take(spool, made((0x00324000, "LT", "x" * 5000))).values[0x00324000] is None


def test_deflated_objects_are_looked_into_as_well(spool):
    import zlib

    spool.intake.look_for(ASKED)
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    octets = packer.compress(made(*FULL)) + packer.flush()
    asked = []
    arrival = spool.intake.begin(CT, "1.2.3", syntax.DEFLATED_LITTLE, Source("CT1", "EDGE", "10.0.0.5"))
    arrival.write(octets)
    arrival.commit(lambda facts: asked.append(facts) or ["archive"])
    assert asked[0].values[PRIVATE] == b"ON"


def test_a_phantom_says_what_pydicom_reads(spool, tmp_path):
    spool.intake.look_for({ROWS})
    image = phantom.ct(phantom.study("CT", 1), 1, 1, size=32)
    asked = []
    arrival = spool.intake.begin(image.sop_class, image.sop_instance, image.transfer_syntax, Source("A", "B", "C"))
    arrival.write(image.data_set)
    number = arrival.commit(lambda facts: asked.append(facts) or ["archive"]).object_id
    read = pydicom.dcmread(spool.path_of(spool.index.get(number)))
    assert int.from_bytes(asked[0].values[ROWS], "little") == read.Rows


@pytest.mark.parametrize("step", [None, 1, 4096])
def test_what_a_route_asks_for_in_a_sequence_is_among_the_values(spool, step):
    place = (((0x00400275, None, 0), (ROWS, None, 0)), False)
    spool.intake.look_for(ASKED | {place})
    values = take(spool, made(*FULL), step).values
    assert values[place] == [("US", b"\7\0", True, ())] and values[ROWS] == b"\0\2"


def test_a_sequence_that_is_cut_short_is_no_reason_to_refuse_an_object(spool):
    place = (((0x00409096, None, 0), (ROWS, None, 0)), False)
    spool.intake.look_for({place})
    octets = made((0x00409096, "SQ", [[(ROWS, "US", 7)]]))
    assert take(spool, octets[:-20]).values[place] is None
