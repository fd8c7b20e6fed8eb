"""What would fell a careless reader: depth, lengths and streams that lie, and octets that mean nothing.

MicroPython runs this with a small heap, so what is kept of the megabytes here shows.
"""

from edge.dicom import dump, element, part10, reader, skim, syntax
from edge.dicom.errors import DicomError, LimitError
from tests.dicom.data import EXPLICIT, IMPLICIT, end, error_of, item, one, read, sequence
from tests.support.inflate import inflater

UNDEFINED = element.UNDEFINED
SYNTAXES = (EXPLICIT, IMPLICIT, syntax.lookup(syntax.EXPLICIT_BIG), syntax.lookup("1.2.840.10008.1.2.4.50"))
LENGTHS = (0, 1, 2, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)

def noise(seed, size):
    """Return octets that look random and are the same every time."""
    state = seed * 2654435761 & 0x3FFFFFFF | 1
    made = bytearray(size)
    for at in range(size):
        state = (state * 1103515245 + 12345) & 0x3FFFFFFF
        made[at] = state >> 16 & 0xFF
    return bytes(made)


def survive(octets, transfer_syntax, step=0):
    """Read, skim and dump `octets`: nothing but a DicomError may come of it."""
    for attempt in (
        lambda: read(octets, transfer_syntax, step),
        lambda: skim_all(octets, transfer_syntax, step or max(1, len(octets))),
        lambda: [line for line in dump.lines([part10.head("1.2", "1.2.3", transfer_syntax.uid) + octets], inflater())],
    ):
        try:
            attempt()
        except DicomError:
            pass


def skim_all(octets, transfer_syntax, step):
    found = skim.Skim(transfer_syntax, (0x00080018,), 0xFFFFFFFF)
    for at in range(0, len(octets), step):
        found.feed(octets[at : at + step])
    found.finish()


def test_a_hundred_thousand_nested_sequences_are_refused_at_the_limit():
    for undefined in (False, True):
        head = element.write(0x00081140, "SQ", UNDEFINED if undefined else 0x7FFFFFF0)
        head += element.write(element.ITEM, "", UNDEFINED if undefined else 0x7FFFFFE0)
        source = reader.Reader(EXPLICIT)
        found = skim.Skim(EXPLICIT, (0x00100010,), 0x00100010)
        error = skim_error = None
        for _ in range(100000):
            if error is None:
                error = error_of(feed_all, source, head)
            if undefined and skim_error is None:
                skim_error = error_of(found.feed, head)
        assert isinstance(error, DicomError)
        assert not undefined or isinstance(error, LimitError) and isinstance(skim_error, LimitError)


def feed_all(source, octets):
    source.feed(octets)
    for _ in source.events():
        pass


def test_lengths_that_lie_are_errors_wherever_they_stand():
    for length in LENGTHS:
        for vr in ("OB", "UN", "SQ", "UT", "OW"):
            inner = element.write(0x00091001, vr, length) + b"some octets"
            for octets in (
                inner,
                sequence(0x00081140, [item(inner)]),
                sequence(0x00081140, [item(inner, True)], True),
                element.write(0x00081140, "SQ", length) + item(inner),
                element.write(0x00081140, "SQ", 100) + element.write(element.ITEM, "", length) + inner,
                element.write(0x7FE00010, "OB", UNDEFINED) + element.write(element.ITEM, "", length) + b"xx",
                bytes(128) + b"DICM" + element.write(0x00020010, vr, length) + b"1.2.840.10008.1.2",
            ):
                for transfer_syntax in (EXPLICIT, IMPLICIT):
                    survive(octets, transfer_syntax)


def test_a_length_that_lies_makes_nothing_larger():
    for vr in ("OB", "UN", "UT"):
        source = reader.Reader(EXPLICIT)
        feed_all(source, element.write(0x00091001, vr, 0xFFFFFFFE))
        piece = bytes(4096)
        for _ in range(2000):
            feed_all(source, piece)
        assert isinstance(error_of(source.finish), DicomError)


def test_octets_without_meaning_give_events_or_an_error():
    for seed in range(60):
        octets = noise(seed, 20 + 7 * seed)
        for transfer_syntax in SYNTAXES:
            survive(octets, transfer_syntax, 1 + seed % 50)


def test_a_data_set_with_any_octet_changed_gives_events_or_an_error():
    nested = sequence(0x00082218, [item(one(0x00080100, "SH", b"CODE"), True)], True)
    whole = sequence(0x00081140, [item(nested)]) + one(0x00100010, "PN", b"A^B ")
    whole += element.write(0x7FE00010, "OB", UNDEFINED) + item(b"") + item(b"1234") + end(element.SEQUENCE_END)
    for at in range(len(whole)):
        for value in (0, 1, 0x51, 0x80, 0xFE, 0xFF):
            survive(whole[:at] + bytes([value]) + whole[at + 1 :], EXPLICIT)


def test_a_head_with_any_octet_changed_gives_a_head_or_an_error():
    whole = part10.head("1.2.840.10008.5.1.4.1.1.7", "1.2.3", syntax.EXPLICIT_LITTLE, "EDGE")[120:]
    whole = bytes(120) + whole + one(0x00080060, "CS", b"CT")
    for at in range(120, len(whole)):
        for value in (0, 0x55, 0xFF):
            head = part10.HeadReader()
            octets = whole[:at] + bytes([value]) + whole[at + 1 :]
            try:
                if not head.feed(octets):
                    head.finish()
            except DicomError:
                pass
