"""Records out of a stream of octets, in whatever pieces it comes."""

from edge.tap import framing, rule

STX, ETX = b"\x02", b"\x03"


def ruled(kind, **more):
    """A rule.Rule with what is not given left at its plainest."""
    plain = {
        "begin": b"", "end": b"", "record_octets": 0, "length_octets": 0, "length_form": "big", "length_adds": 0,
        "check": "none", "check_form": "big", "check_place": "before end", "check_begin": False, "check_end": False,
        "trailer": b"", "silence_ms": 100, "limit_octets": 1000, "kept": b"", "refused": b"",
    }  # fmt: skip
    plain.update(more)
    return rule.Rule(kind, *[plain[name] for name in FIELDS])


FIELDS = (
    "begin", "end", "record_octets", "length_octets", "length_form", "length_adds", "check", "check_form",
    "check_place", "check_begin", "check_end", "trailer", "silence_ms", "limit_octets", "kept", "refused",
)  # fmt: skip


def cut(made, stream, size=1, silence=True):
    """Return the records and the words of what was broken, in their order, of a stream in pieces of `size`."""
    cutter = framing.Cutter(made)
    found = []
    current = [b""]

    def take(events):
        for event in events:
            if isinstance(event, framing.Began):
                current[0] = b""
            elif isinstance(event, framing.Piece):
                current[0] += event.octets
            elif isinstance(event, framing.Ended):
                assert event.octets == len(current[0])
                found.append(current[0])
            else:
                found.append(event.words)

    for at in range(0, len(stream), size):
        take(cutter.feed(stream[at : at + size], at))
    if silence:
        take(cutter.tick(len(stream) + 1000))
    return found


def everywhere(made, stream, expected):
    for size in (1, 2, 3, 7, 1000):
        found = cut(made, stream, size)
        assert found == expected, (size, found)


def test_delimiters_cut_and_what_stands_between_is_passed_over():
    everywhere(ruled("delimiter", begin=STX, end=ETX), b"xx\x02one\x03\r\n\x02two\x03y", [b"one", b"two"])
    everywhere(ruled("delimiter", end=b"\r\n"), b"one\r\ntwo\r\n", [b"one", b"two"])
    everywhere(ruled("delimiter", begin=b"BEGIN", end=b"END"), b"BEGBEGINaEENDD", [b"aE"])


def test_a_checksum_behind_the_end_covers_what_it_is_to_cover():
    made = ruled("delimiter", begin=STX, end=ETX, check="sum-8", check_form="hex", check_place="after end",
                 check_end=True, trailer=b"\r\n")  # fmt: skip
    right = b"\x021H|x\x03%02X\r\n" % (sum(b"1H|x\x03") & 0xFF)
    everywhere(made, right + right, [b"1H|x", b"1H|x"])
    everywhere(made, right.replace(b"x", b"y") + right, ["its checksum is wrong", b"1H|x"])


def test_a_checksum_before_the_end_is_no_part_of_the_record():
    made = ruled("delimiter", end=b"\r", check="xor", check_form="hex")
    everywhere(made, b"ab03\rab04\rab03\r", [b"ab", "its checksum is wrong", b"ab"])
    everywhere(made, b"1\rab03\r", ["its end came where its checksum should be", b"ab"])


def test_a_length_field_of_each_form_cuts():
    for form, field in (("big", b"\0\3"), ("little", b"\3\0"), ("decimal", b"03"), ("hex", b"03")):
        made = ruled("length", begin=b"\x7e", length_octets=2, length_form=form)
        everywhere(made, b"zz\x7e" + field + b"abc\x7e" + field + b"def", [b"abc", b"def"])
    everywhere(ruled("length", length_octets=1, length_adds=-1, check="xor"), b"\4abc\x60", [b"abc"])


def test_a_length_that_is_none_or_too_much_is_refused_at_once():
    made = ruled("length", begin=b"\x7e", length_octets=2, length_form="decimal")
    everywhere(made, b"\x7eab\x7e01x", ["its length field holds no number", b"x"])
    made = ruled("length", begin=b"\x7e", length_octets=2, limit_octets=9)
    everywhere(made, b"\x7e\xff\xff\x7e\0\1x", ["by its length field it has 65535 octets", b"x"])


def test_a_fixed_length_with_a_crc_cuts():
    made = ruled("fixed", record_octets=9, check="crc-16/modbus", check_form="little")
    everywhere(made, b"123456789\x37\x4b" * 2, [b"123456789"] * 2)


def test_silence_ends_a_record_or_breaks_one_off():
    everywhere(ruled("silence"), b"all of it", [b"all of it"])
    everywhere(ruled("silence", check="xor"), b"ab\x03", [b"ab"])
    everywhere(ruled("fixed", record_octets=9), b"1234", ["the record stopped in the middle, after 4 octets"])


def test_a_record_that_is_too_long_is_broken_and_the_next_one_is_found():
    made = ruled("delimiter", begin=STX, end=ETX, limit_octets=10)
    everywhere(made, STX + b"x" * 50 + ETX + b"\x02good\x03", ["it has more than 10 octets", b"good"])
    made = ruled("delimiter", end=b"\n", limit_octets=10)
    everywhere(made, b"x" * 50 + b"\ngood\n", ["it has more than 10 octets", b"good"])


def test_noise_costs_no_more_memory_than_it_may():
    made = ruled("delimiter", begin=b"BEGIN", end=b"END", check="crc-16/arc", limit_octets=100)
    cutter = framing.Cutter(made)
    state = 12345
    for round_ in range(400):
        noise = []
        for _ in range(50):
            state = state * 1103515245 + 12345 & 0x7FFFFFFF
            noise.append(b"BEGINDE\x00"[state >> 16 & 7])
        cutter.feed(bytes(noise), round_)
        assert len(cutter._buffer) < 64
