from edge.dicom import element, reader, rewriter
from edge.dicom.errors import PeerError
from tests.dicom.data import (
    BIG, DEFLATED, DEFLATED_OCTETS, EXPLICIT, IMPLICIT, end, error_of, item, octets, one, sequence,
)  # fmt: skip
from tests.support.inflate import inflater

GROUP_LENGTH = one(0x00080000, "UL", b"\x10\0\0\0")
MODALITY = one(0x00080060, "CS", b"CT")
FRAGMENTS = element.write(element.PIXEL_DATA, "OB", element.UNDEFINED) + item(b"") + item(b"\1\2\3")
FRAGMENTS += end(element.SEQUENCE_END)


def rewritten(data_set, source, explicit, step=0, value_limit=65536, **options):
    """Return the parts that a whole data set becomes, read in chunks of `step` octets (0: one)."""
    inflate = inflater() if source.deflated else None
    made = rewriter.Rewriter(reader.Reader(source, value_limit, 64, inflate, 100000), explicit, **options)
    step = step or len(data_set)
    return [bytes(part) for part in made.rewrite([data_set[at : at + step] for at in range(0, len(data_set), step)])]


def joined(*arguments, **options):
    return b"".join(rewritten(*arguments, **options))


def nested(explicit, undefined):
    inner = sequence(0x00082218, [item(one(0x00080100, "SH", b"CODE", explicit), undefined)], undefined, explicit)
    data_set = one(0x00080060, "CS", b"CT", explicit)
    return data_set + sequence(0x00081140, [item(inner, undefined), item(b"", undefined)], undefined, explicit)


def test_explicit_and_implicit_vr_become_each_other_with_sequences_of_undefined_length():
    for explicit, source in ((False, EXPLICIT), (True, IMPLICIT), (True, EXPLICIT), (False, IMPLICIT)):
        for undefined in (False, True):
            data_set = nested(source.explicit, undefined)
            for step in (0, 1, 7):
                assert joined(data_set, source, explicit, step) == nested(explicit, True)


def test_group_lengths_are_left_out_short_and_long():
    long = one(0x00100000, "UL", bytes(100))
    assert joined(GROUP_LENGTH + MODALITY + long, EXPLICIT, True, 5, 50) == MODALITY


def test_odd_values_become_even_short_and_long():
    for limit in (65536, 2):
        for vr, filler in (("LO", b" "), ("UI", b"\0"), ("OB", b"\0")):
            data_set = one(0x00091001, vr, b"abc")
            assert joined(data_set, EXPLICIT, True, 3, limit) == one(0x00091001, vr, b"abc" + filler)


def test_numbers_of_big_endian_are_swapped_short_and_long_and_wherever_they_are_cut():
    for vr, code, width in (("US", "5553", 2), ("UL", "554c", 4), ("FD", "4644", 8)):
        numbers = b"".join([number.to_bytes(width, "big") for number in range(1, 13)])
        swapped = b"".join([number.to_bytes(width, "little") for number in range(1, 13)])
        data_set = octets("00091001" + code) + len(numbers).to_bytes(2, "big") + numbers
        for limit in (65536, 2):
            for step in (0, 1, 3, 17):
                assert joined(data_set, BIG, True, step, limit) == one(0x00091001, vr, swapped)


def test_a_deflated_data_set_comes_out_inflated():
    expected = one(0x00080060, "CS", b"CT") + one(0x00100020, "LO", b"4711") + one(0x00280010, "US", b"\2\0")
    assert joined(DEFLATED_OCTETS, DEFLATED, True) == expected


def test_a_text_too_long_for_its_explicit_length_becomes_un():
    events = reader.Reader(IMPLICIT)
    events.feed(element.write(0x00080070, "LO", 0x10002, False) + b"x")
    parts = [bytes(part) for part in rewriter.Rewriter(events, True).parts()]
    assert parts == [octets("08007000 554e0000 02000100"), b"x"]


def test_a_sequence_of_vr_un_is_written_as_the_sequence_it_is():
    code = item(one(0x00080100, "SH", b"A ", False), True)
    data_set = element.write(0x00091001, "UN", element.UNDEFINED) + code + end(element.SEQUENCE_END)
    expected = sequence(0x00091001, [item(one(0x00080100, "SH", b"A "), True)], True)
    assert joined(data_set, EXPLICIT, True) == expected


def test_fragments_are_kept_and_padded_or_refused_as_asked():
    expected = FRAGMENTS.replace(item(b"\1\2\3"), item(b"\1\2\3\0"))
    for step in (0, 1, 9):
        assert joined(FRAGMENTS, EXPLICIT, True, step) == expected
    error = error_of(joined, MODALITY + FRAGMENTS, EXPLICIT, True, keeps_fragments=False)
    assert isinstance(error, PeerError) and "compressed" in str(error) and error.offset == len(MODALITY)


def test_a_long_value_goes_out_piece_by_piece_behind_its_head():
    parts = rewritten(MODALITY + one(0x00091001, "OB", bytes(6000)), EXPLICIT, True, 1000, 100)
    assert max([len(part) for part in parts]) <= 1000
    assert parts[0] == MODALITY + element.write(0x00091001, "OB", 6000)


def test_small_elements_are_gathered_but_never_many():
    usual, rewriter.FLUSH_BYTES = rewriter.FLUSH_BYTES, 8192  # what a small heap has room for
    try:
        data_set = b"".join([one(0x00091000 + place, "OB", bytes(1012)) for place in range(20)])
        parts = rewritten(data_set, EXPLICIT, True)
        assert [len(part) for part in parts] == [8192, 8192, 4096]
    finally:
        rewriter.FLUSH_BYTES = usual
