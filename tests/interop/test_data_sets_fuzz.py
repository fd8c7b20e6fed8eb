"""Any octets, cut anywhere: events or a DicomError, in bounded memory and time, and nothing else."""

import tracemalloc
import zlib

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edge.dicom import dump, element, part10, reader, skim, syntax, text, values, writer
from edge.dicom.errors import DicomError
from tests.interop.pydicom_samples import Collector
from tests.support.inflate import inflater

EXPLICIT = syntax.lookup(syntax.EXPLICIT_LITTLE)
IMPLICIT = syntax.lookup(syntax.IMPLICIT_LITTLE)
DEFLATED = syntax.lookup(syntax.DEFLATED_LITTLE)
SYNTAXES = [EXPLICIT, IMPLICIT, DEFLATED, syntax.lookup(syntax.EXPLICIT_BIG), syntax.lookup("1.2.840.10008.1.2.4.70")]
ANY_SYNTAX = st.sampled_from(SYNTAXES)
NOT_DEFLATED = st.sampled_from([each for each in SYNTAXES if not each.deflated])
CHARSETS = ["", "ISO_IR 100", "ISO_IR 192", "GB18030", "ISO 2022 IR 87", "ISO 2022 IR 159", "ISO 2022 IR 149",
            "ISO 2022 IR 58", "ISO 2022 IR 13", "ISO_IR 166", "ISO 2022 IR 144", "NONSENSE"]  # fmt: skip

# Octets that look like a data set here and there: heads, delimiters, lengths that lie, and noise between them
TAGS = st.sampled_from([0x00080005, 0x00080018, 0x00081140, 0x00100010, 0x00280103, 0x00280106, 0x00091001, 0x7FE00010])
LENGTHS = st.sampled_from([0, 1, 2, 7, 8, 20, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
HEADS = st.builds(
    lambda tag, vr, length, explicit: element.write(
        tag, vr, length if element.is_long(vr) or not explicit else length & 0xFFFF, explicit
    ),
    TAGS,
    st.sampled_from(sorted(element.CODES)),
    LENGTHS,
    st.booleans(),
)
DELIMITERS = st.builds(
    lambda tag, length: element.write(tag, "", length),
    st.sampled_from([element.ITEM, element.ITEM_END, element.SEQUENCE_END]),
    LENGTHS,
)
PIECES = st.one_of(HEADS, DELIMITERS, st.binary(max_size=12), st.just(b"\0" * 8))
LOOKALIKES = st.lists(PIECES, max_size=30).map(b"".join)
OCTETS = st.one_of(st.binary(max_size=300), LOOKALIKES)
CUTS = st.lists(st.integers(1, 40), max_size=20)

FUZZ = settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.too_slow])


def chunks_of(octets, cuts):
    """Yield `octets` in chunks of the sizes `cuts`, over and over; whole when there are none."""
    at = 0
    while at < len(octets):
        for size in cuts or [len(octets)]:
            if at < len(octets):
                yield octets[at : at + size]
                at += size


def read(octets, transfer_syntax, cuts=(), **limits):
    """Return (elements, notices, error's type and text)."""
    limits = {"value_limit": 16, "depth_limit": 8, "inflate_limit": 20000} | limits
    source = reader.Reader(transfer_syntax, inflate=inflater(), **limits)
    collector = Collector()
    error = None
    try:
        for chunk in chunks_of(octets, cuts):
            source.feed(chunk)
            for event in source.events():
                collector.take(event)
        source.finish()
    except DicomError as found:
        error = type(found).__name__, str(found)
    return collector.elements, source.notices, error


@FUZZ
@given(OCTETS, NOT_DEFLATED, CUTS)
def test_any_octets_give_the_same_events_or_error_however_they_are_cut(octets, transfer_syntax, cuts):
    whole = read(octets, transfer_syntax)
    assert read(octets, transfer_syntax, cuts) == whole
    assert read(octets, transfer_syntax, [1]) == whole


@FUZZ
@given(OCTETS, CUTS)
def test_any_octets_taken_for_deflated_give_events_or_an_error(octets, cuts):
    read(octets, DEFLATED, cuts)  # which ones depends on the cuts: zlib gives nothing of a piece that is damaged


@FUZZ
@given(OCTETS, CUTS)
def test_any_octets_deflated_give_the_same_events_or_error(octets, cuts):
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = deflate.compress(octets) + deflate.flush()
    plain = read(octets, EXPLICIT)
    assert read(deflated, DEFLATED) == plain
    assert read(deflated, DEFLATED, cuts) == plain


@FUZZ
@given(OCTETS, NOT_DEFLATED, CUTS, st.sets(TAGS, min_size=1))
def test_any_octets_are_skimmed_alike_however_they_are_cut(octets, transfer_syntax, cuts, wanted):
    def look(sizes):
        found = skim.Skim(transfer_syntax, wanted, max(wanted), inflater(), 16, 8, 20000)
        try:
            for chunk in chunks_of(octets, sizes):
                if found.feed(chunk):
                    break
            else:
                found.finish()
        except DicomError as error:
            return found.values, found.notices, type(error).__name__, str(error)
        return found.values, found.notices

    assert look([1]) == look(cuts)


@FUZZ
@given(LOOKALIKES, st.sampled_from([EXPLICIT, IMPLICIT]), st.sets(TAGS, min_size=1))
def test_what_is_skimmed_is_what_is_read(octets, transfer_syntax, wanted):
    elements, _, error = read(octets, transfer_syntax)
    if error is not None:
        return
    found = skim.Skim(transfer_syntax, wanted, 0xFFFFFFFF)
    found.feed(octets) or found.finish()
    expected, nested = {}, set()
    for each in elements:
        if each.octets is None or each.vr in ("OB", "OW"):
            nested.add(each.where[0])  # to a skim, a sequence that has a length is a value
        elif len(each.where) == 1 and each.where[0] in wanted:
            expected.setdefault(each.where[0], each.octets)
    for tag in wanted - nested:
        assert found.values.get(tag) == expected.get(tag)


@FUZZ
@given(st.one_of(OCTETS, st.builds(lambda tail: bytes(128) + b"DICM" + tail, OCTETS)), CUTS)
@example(b"", [])
def test_any_octets_give_the_same_head_or_error_however_they_are_cut(octets, cuts):
    def look(sizes):
        head = part10.HeadReader(limit=100)
        try:
            for chunk in chunks_of(octets, sizes):
                if head.feed(chunk):
                    break
            else:
                head.finish()
        except DicomError as error:
            return head.notices, type(error).__name__, str(error)
        return head.notices, head.meta, head.transfer_syntax, head.data_set_offset, head.preamble

    assert look([1]) == look(cuts)


@FUZZ
@given(OCTETS, ANY_SYNTAX, CUTS)
def test_any_octets_can_be_dumped_to_a_terminal(octets, transfer_syntax, cuts):
    file = part10.head("1.2", "1.2.3", transfer_syntax.uid) + octets
    lines = []
    try:
        for line in dump.lines(chunks_of(file, cuts), inflater(), 20000):
            lines.append(line)
    except DicomError:
        pass
    assert any("TransferSyntaxUID" in line for line in lines)  # what could be read is shown, whatever follows
    assert all(text.printable(line) == line for line in lines)


@FUZZ
@given(st.binary(max_size=100), st.lists(st.sampled_from(CHARSETS), max_size=3), st.booleans())
def test_any_octets_are_text_in_any_character_set(octets, charsets, person_name):
    decoded = text.decode(octets, charsets, person_name)
    decoded.encode()  # no halves of surrogate pairs are left
    assert all(isinstance(value, str) for value in text.split(octets, charsets, person_name))
    assert text.terms(octets)


@FUZZ
@given(st.text(max_size=40), st.lists(st.sampled_from(CHARSETS), max_size=3), st.booleans())
def test_text_comes_back_as_it_was_encoded_or_is_refused(given_text, charsets, person_name):
    if "\x1b" in given_text:
        return  # that is what switches sets
    try:
        octets = text.encode(given_text, charsets, person_name)
    except DicomError:
        return
    assert text.decode(octets, charsets, person_name) == given_text


@FUZZ
@given(st.binary(max_size=100), st.sampled_from(sorted(element.CODES)), st.booleans())
def test_any_octets_are_values_of_any_vr(octets, vr, little):
    assert isinstance(values.decode(octets, vr, little), list)


SHORT_TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\"), max_size=12)
PLAIN_ELEMENTS = st.one_of(
    st.tuples(st.sampled_from([0x00080060, 0x00080064]), st.just("CS"), SHORT_TEXT),
    st.tuples(st.sampled_from([0x00100020, 0x00102160]), st.just("LO"), SHORT_TEXT),
    st.tuples(st.just(0x00280010), st.just("US"), st.lists(st.integers(0, 65535), max_size=3)),
    st.tuples(st.just(0x00720074), st.just("FD"), st.floats(allow_nan=False)),
    st.tuples(st.just(0x7FE00010), st.just("OW"), st.binary(max_size=64).map(lambda octets: octets[len(octets) % 2 :])),
)
CONTENT = st.recursive(
    st.lists(PLAIN_ELEMENTS, max_size=5, unique_by=lambda each: each[0]),
    lambda items: st.builds(
        lambda plain, inner: [each for each in plain if each[0] != 0x00081140] + [(0x00081140, "SQ", inner)],
        st.lists(PLAIN_ELEMENTS, max_size=3, unique_by=lambda each: each[0]),
        st.lists(items, max_size=3),
    ),
    max_leaves=10,
)


def flat(content, where=()):
    """Return the elements of (tag, VR, value) content the way the Collector does."""
    found = []
    for tag, vr, value in sorted(content, key=lambda each: each[0]):
        if vr == "SQ":
            found.append((where + (tag,), None))
            for number, item in enumerate(value):
                found += flat(item, where + (tag, number))
        else:
            found.append((where + (tag,), values.encode(value, vr)))
    return found


@FUZZ
@given(CONTENT, st.sampled_from([EXPLICIT, IMPLICIT]), CUTS)
def test_any_data_set_is_read_as_it_was_written(content, transfer_syntax, cuts):
    octets = writer.data_set(content, transfer_syntax)
    elements, notices, error = read(octets, transfer_syntax, cuts, depth_limit=64)
    assert error is None and notices == []
    assert [(each.where, each.octets) for each in elements] == flat(content)


def test_octets_of_any_kind_take_little_memory():
    """Many times what may be held, of what asks for the most: deep, long, many, and never closed."""
    undefined = element.write(0x00081140, "SQ", 0xFFFFFFFF) + element.write(element.ITEM, "", 0xFFFFFFFF)
    closed = element.write(element.ITEM_END, "", 0) + element.write(element.SEQUENCE_END, "", 0)
    for piece in (
        undefined + closed,
        element.write(0x00100010, "PN", 4) + b"A^B ",
        element.write(0x00091001, "LO", 0xFFFE) + bytes(0xFFFE),
        element.write(0x00091001, "OB", 0xFFFF0000),
        element.write(0x00091010, "UN", 0xFFFFFFFF) + element.write(element.ITEM, "", 0xFFFFFFFF),
        bytes(8),
        b"\xff" * 8,
        b"\x5a" * 64,
    ):
        block = piece * (65536 // len(piece) + 1)
        for transfer_syntax in (EXPLICIT, IMPLICIT):
            assert peak_while(block, 3, transfer_syntax) < 65536


def peak_while(block, count, transfer_syntax):
    """Return how many octets of memory reading and skimming `block`, `count` times, takes at most."""
    source = reader.Reader(transfer_syntax, value_limit=4096)
    found = skim.Skim(transfer_syntax, (0x00091001, 0x7FE00010), 0xFFFFFFFF, value_limit=4096)
    tracemalloc.start()
    try:
        for take in (found.feed, lambda octets: drain(source, octets)):
            try:
                for _ in range(count):
                    take(block)
            except DicomError:
                pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def drain(source, octets):
    source.feed(octets)
    for _ in source.events():
        pass


def test_a_deflate_bomb_takes_little_memory():
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = element.write(0x7FE00010, "OB", 0xFFFFFFFE)
    bomb = deflate.compress(start) + deflate.compress(bytes(64 << 20)) + deflate.flush()
    source = reader.Reader(DEFLATED, inflate=inflater(), inflate_limit=256 << 20)
    tracemalloc.start()
    try:
        drain(source, bomb)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
