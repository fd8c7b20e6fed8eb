from edge.dicom.errors import LimitError, PeerError
from edge.protocol import framing
from tests.protocol.pair import data_pdu


def pieces(octets, step, window=64, pdu_limit=100000, whole_limit=1000):
    cutter = framing.Framing(window, pdu_limit, whole_limit)
    found = []
    at = 0
    while at < len(octets):
        free = cutter.window()
        assert len(free) > 0
        count = min(step, len(free), len(octets) - at)
        free[:count] = octets[at : at + count]
        cutter.filled(count)
        at += count
        while True:
            got = cutter.next()
            if got is None:
                break
            if isinstance(got, framing.Piece):
                got = (got.context_id, got.is_command, got.is_last, b"".join([bytes(view) for view in got.views]))
            found.append(got)
    return found


def joined(found):
    """Return [(context, is_command, payload)] with the pieces of each message put together."""
    messages = []
    payload = b""
    for context_id, is_command, is_last, part in found:
        payload += part
        if is_last:
            messages.append((context_id, is_command, payload))
            payload = b""
    assert payload == b""
    return messages


def refusal(octets, **limits):
    try:
        pieces(octets, len(octets), **limits)
    except (PeerError, LimitError) as error:
        return error
    return None


def test_any_chunking_gives_the_same_messages():
    octets = data_pdu(1, b"command!", 3) + data_pdu(3, bytes(range(200)), 0) + data_pdu(3, b"end", 2)
    expected = [(1, True, b"command!"), (3, False, bytes(range(200)) + b"end")]
    for step in (1, 2, 3, 5, 7, 11, 12, 13, 50, 64):
        assert joined(pieces(octets, step)) == expected


def test_pdus_of_one_message_that_the_window_holds_come_as_one_piece():
    octets = b"".join([data_pdu(3, bytes([n] * n), 0) for n in range(40)])
    octets += data_pdu(3, b"end", 2) + data_pdu(1, b"", 3)
    found = pieces(octets, len(octets), window=4096)
    assert found == [(3, False, True, b"".join([bytes([n] * n) for n in range(40)]) + b"end"), (1, True, True, b"")]


def test_a_flood_of_tiny_pdvs_comes_in_pieces_of_a_bounded_number_of_views():
    octets = data_pdu(3, b"x", 0) * 2000
    cutter = framing.Framing(len(octets), 1000, 1000)
    window = cutter.window()
    window[:] = octets
    cutter.filled(len(octets))
    total = 0
    while True:
        piece = cutter.next()
        if piece is None:
            break
        assert len(piece.views) <= 256
        total += len(piece.views)
    assert total == 2000


def test_several_pdvs_in_one_pdu_are_told_apart():
    first = (6).to_bytes(4, "big") + bytes([5, 1]) + b"abcd"
    second = (3).to_bytes(4, "big") + bytes([5, 3]) + b"e"
    third = (4).to_bytes(4, "big") + bytes([7, 2]) + b"xy"
    body = first + second + third
    octets = b"\x04\x00" + len(body).to_bytes(4, "big") + body
    for step in (1, 4, 60):
        assert joined(pieces(octets, step)) == [(5, True, b"abcde"), (7, False, b"xy")]


def test_a_pdv_without_payload_still_ends_its_message():
    assert pieces(data_pdu(1, b"", 2), 100) == [(1, False, True, b"")]


def test_payload_is_a_view_into_the_window():
    cutter = framing.Framing(64, 1000, 1000)
    octets = data_pdu(1, b"payload", 2)
    window = cutter.window()
    window[: len(octets)] = octets
    cutter.filled(len(octets))
    piece = cutter.next()
    window[12:13] = b"P"
    assert bytes(piece.views[0]) == b"Payload"


def test_pdu_longer_than_agreed_is_refused_before_it_is_buffered():
    for length in (100001, 0x7FFFFFFF, 0xFFFFFFFF):
        error = refusal(b"\x04\x00" + length.to_bytes(4, "big"))
        assert isinstance(error, LimitError) and "100000 were agreed" in str(error)


def test_associate_pdu_beyond_the_limit_is_refused_before_it_is_buffered():
    for length in (1001, 0xFFFFFFFF):
        assert isinstance(refusal(b"\x01\x00" + length.to_bytes(4, "big")), LimitError)


def test_short_pdus_of_another_length_than_four_are_refused():
    for kind in (3, 5, 6, 7):
        for length in (0, 3, 5, 0xFFFFFFFF):
            assert isinstance(refusal(bytes([kind, 0]) + length.to_bytes(4, "big")), PeerError)


def test_unknown_pdu_types_are_told_apart_by_their_class():
    for kind in (0, 8, 0x47, 255):
        assert isinstance(refusal(bytes([kind, 0, 0, 0, 0, 4, 0, 0, 0, 0])), framing.UnrecognizedPdu)


def test_pdv_lengths_that_cannot_be_are_refused_with_their_offset():
    for length in (0, 1, 8, 0x7FFFFFFF, 0xFFFFFFFF):
        octets = b"\x04\x00" + (10).to_bytes(4, "big") + length.to_bytes(4, "big") + b"\x01\x02abcd"
        error = refusal(octets)
        assert isinstance(error, PeerError) and error.offset == 6


def test_octets_at_the_end_of_a_pdu_that_hold_no_pdv_are_refused():
    body = (2).to_bytes(4, "big") + b"\x01\x02" + b"abc"
    assert isinstance(refusal(b"\x04\x00" + len(body).to_bytes(4, "big") + body), PeerError)


def test_a_pdu_that_is_collected_comes_whole_from_any_chunking():
    octets = b"\x07\x00\x00\x00\x00\x04\x00\x00\x02\x06"
    for step in (1, 3, 10):
        assert pieces(octets, step) == [framing.Pdu(framing.ABORT, b"\x00\x00\x02\x06")]


def test_widening_keeps_what_was_received():
    cutter = framing.Framing(32, 1000, 1000)
    octets = data_pdu(1, b"0123456789", 2)
    window = cutter.window()
    window[:15] = octets[:15]
    cutter.filled(15)
    got = bytes(cutter.next().views[0])
    cutter.widen(500)
    window = cutter.window()
    assert len(window) == 500
    window[: len(octets) - 15] = octets[15:]
    cutter.filled(len(octets) - 15)
    assert got + bytes(cutter.next().views[0]) == b"0123456789"
