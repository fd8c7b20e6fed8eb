"""edge_step against the reader of edge.dicom, which knows nothing of it."""

from hypothesis import given, settings
from hypothesis import strategies as some

from edge.dicom import skim, syntax
from edge.dicom.errors import DicomError
from edge.spool.intake import LAST_WANTED, WANTED
from edge.spool.stepper import stepper

STEP = stepper(WANTED, LAST_WANTED)


def skimmed(octets, uid, step, chunk=None):
    """Return (values, whether it was done) of a data set, or the error it was refused with."""
    seeker = skim.Skim(syntax.lookup(uid), WANTED, LAST_WANTED, step=step)
    chunk = chunk or max(1, len(octets))
    try:
        done = any(seeker.feed(memoryview(octets)[at : at + chunk]) for at in range(0, len(octets), chunk))
        if not done:
            seeker.finish()
    except DicomError as error:
        return type(error), str(error)
    return seeker.values, done


def head(tag, vr, length):
    short = tag.to_bytes(4, "little")[2:] + tag.to_bytes(4, "little")[:2] + vr
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC", b"UR", b"OV", b"SV", b"UV"):
        return short + b"\0\0" + length.to_bytes(4, "little")
    return short + length.to_bytes(2, "little")


TAGS = some.sampled_from(sorted(WANTED) + [0x00080001, 0x00091010, 0x00280010, 0x7FE00010, 0xFFFEE000, 0xFFFEE00D])
VRS = some.sampled_from([b"UI", b"LO", b"PN", b"US", b"OB", b"UN", b"SQ", b"UT", b"ZZ", b"??", b"OV"])
ELEMENTS = some.tuples(TAGS, VRS, some.binary(max_size=9), some.sampled_from([0, 0, 0, 0, 1, 0xFFFF]))


def test_the_extension_is_built_here():
    assert STEP is not None


@settings(max_examples=500, deadline=None)
@given(some.lists(ELEMENTS, max_size=12), some.booleans(), some.integers(1, 40))
def test_any_elements_are_skimmed_alike_with_and_without_it(elements, in_order, chunk):
    if in_order:
        elements.sort()
    octets = b"".join(head(tag, vr, min(0xFFFF, len(value) + more)) + value for tag, vr, value, more in elements)
    expected = skimmed(octets, syntax.EXPLICIT_LITTLE, None)
    assert skimmed(octets, syntax.EXPLICIT_LITTLE, STEP) == expected
    in_pieces = [skimmed(octets, syntax.EXPLICIT_LITTLE, step, chunk)[0] for step in (STEP, None)]
    assert in_pieces[0] == in_pieces[1]


@settings(max_examples=300, deadline=None)
@given(some.binary(max_size=300))
def test_any_octets_are_skimmed_alike_with_and_without_it(octets):
    assert skimmed(octets, syntax.EXPLICIT_LITTLE, STEP) == skimmed(octets, syntax.EXPLICIT_LITTLE, None)


def test_a_wanted_value_beyond_the_limit_is_refused_with_it_too():
    octets = head(0x00100010, b"UN", 70000) + bytes(70000)
    assert skimmed(octets, syntax.EXPLICIT_LITTLE, STEP) == skimmed(octets, syntax.EXPLICIT_LITTLE, None)
