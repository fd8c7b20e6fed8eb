from edge.dicom.errors import LocalError, PeerError
from edge.protocol import contexts, items, pdu
from tests.protocol.pair import CT, EXPLICIT, IMPLICIT, VERIFICATION

FULL = items.user_information(
    32768,
    "2.25.99",
    "EDGE_TEST",
    asynchronous=items.Asynchronous(3, 0),
    roles=(items.Role(CT, True, False), items.Role(VERIFICATION, False, True)),
    extended=(items.Extended(CT, b"\x01\x00\x02"),),
    common_extended=(items.CommonExtended(CT, "1.2.3", ("1.2.3.4", "1.2.3.5")), items.CommonExtended(CT, "1.2.3", ())),
    identity=items.Identity(2, True, b"user", b"passcode"),
    identity_response=b"ticket",
)


TITLES = b"CALLED          CALLING         "


def body(octets):
    assert int.from_bytes(octets[2:6], "big") == len(octets) - 6
    return octets[6:]


def test_every_user_item_survives_writing_and_reading():
    octets = items.encode(FULL)
    assert items.decode(octets, 0, len(octets)) == FULL


def test_a_request_survives_writing_and_reading():
    proposals = contexts.propose([(CT, (EXPLICIT, IMPLICIT)), (VERIFICATION, (IMPLICIT,))])
    request = pdu.request("CALLED SIXTEEN!!", "A", proposals, FULL)
    assert pdu.read_associate_request(body(pdu.associate_request(request))) == request


def test_an_acceptance_survives_writing_and_reading():
    answers = (pdu.Answer(1, pdu.ACCEPTANCE, EXPLICIT), pdu.Answer(3, pdu.ABSTRACT_SYNTAX_NOT_SUPPORTED, ""))
    accept = pdu.AssociateAccept(TITLES, answers, FULL)
    assert pdu.read_associate_accept(body(pdu.associate_accept(accept))) == accept


def test_128_contexts_are_numbered_with_the_odd_numbers_of_one_octet():
    proposals = contexts.propose([(CT, (IMPLICIT,))] * 128)
    assert [proposal.id for proposal in proposals] == [2 * n + 1 for n in range(128)]
    try:
        contexts.propose([(CT, (IMPLICIT,))] * 129)
        raise AssertionError("129 contexts were proposed")
    except ValueError:
        pass


def test_blank_titles_of_old_senders_are_read_and_echoed():
    request = pdu.request("X", "Y", contexts.propose([(CT, (IMPLICIT,))]), FULL)
    octets = bytearray(body(pdu.associate_request(request)))
    octets[4:36] = b" " * 32
    read = pdu.read_associate_request(bytes(octets))
    assert (read.called, read.calling) == ("", "")
    octets = pdu.associate_accept(pdu.AssociateAccept(b" " * 32, (), FULL))
    assert octets[10:42] == b" " * 32


def test_uids_padded_by_old_senders_are_read_without_their_padding():
    padded = items.item(0x30, CT.encode() + b"\0") + items.item(0x40, IMPLICIT.encode() + b" ")
    octets = bytes([1, 0, 0, 0]) + padded
    whole = b"\0\1\0\0" + b"E" + b" " * 15 + b"P" + b" " * 15 + bytes(32) + items.item(0x20, octets)
    assert pdu.read_associate_request(whole).proposals == (pdu.Proposal(1, CT, (IMPLICIT,)),)


def test_items_nobody_knows_are_passed_over():
    octets = items.item(0x7E, b"whatever") + items.encode(FULL)
    assert items.decode(octets, 0, len(octets)) == FULL


def refused(act, kind):
    try:
        act()
    except kind:
        return True
    return False


def test_titles_and_names_that_do_not_fit_are_errors_of_ours():
    for called in ("SEVENTEEN LETTERS", "", "UML\xc4UT"):
        assert refused(lambda: pdu.request(called, "A", (), FULL), LocalError)
    long_name = items.user_information(0, "2.25.1", "SEVENTEEN LETTERS")
    assert refused(lambda: items.encode(long_name), LocalError)


def test_every_truncation_of_a_request_is_refused_or_read_as_less():
    proposals = contexts.propose([(CT, (EXPLICIT, IMPLICIT))])
    whole = body(pdu.associate_request(pdu.request("C", "A", proposals, FULL)))
    for end in range(len(whole)):
        try:
            pdu.read_associate_request(whole[:end])
        except PeerError:
            pass


def test_every_flipped_octet_of_a_request_gives_a_request_or_a_peer_error():
    proposals = contexts.propose([(CT, (EXPLICIT, IMPLICIT))])
    whole = body(pdu.associate_request(pdu.request("C", "A", proposals, FULL)))
    for at in range(len(whole)):
        for flip in (0x01, 0x80, 0xFF):
            try:
                pdu.read_associate_request(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
            except PeerError:
                pass


def test_a_context_proposed_twice_or_with_an_even_id_is_refused():
    context = items.item(0x30, CT.encode()) + items.item(0x40, IMPLICIT.encode())
    head = b"\0\1\0\0" + b"E" + b" " * 15 + b"P" + b" " * 15 + bytes(32)
    twice = items.item(0x20, b"\1\0\0\0" + context) * 2
    even = items.item(0x20, b"\2\0\0\0" + context)
    for broken in (twice, even):
        assert refused(lambda: pdu.read_associate_request(head + broken), PeerError)


def test_what_a_peer_said_is_put_in_words():
    assert pdu.reject_words(pdu.AssociateReject(1, 1, 7)) == "rejected for good: called AE title not recognized"
    assert pdu.reject_words(pdu.AssociateReject(2, 9, 9)) == "rejected for now: reason 9 of source 9"
    assert pdu.abort_words(pdu.Abort(2, 2)) == "aborted by the service provider: unexpected PDU"
    assert pdu.abort_words(pdu.Abort(0, 0)) == "aborted by the service user"


def test_a_nul_within_an_ae_title_is_shown_as_a_question_mark_and_one_behind_it_is_padding():
    for octets, title in ((b"CT\x001", "CT?1"), (b"\x00CT1", "?CT1"), (b"CT1\0 \0", "CT1"), (b"\0\0 ", "")):
        octets += bytes(16 - len(octets))
        proposals = contexts.propose([(CT, (EXPLICIT,))])
        asked = body(pdu.associate_request(pdu.request("EDGE", "A", proposals, FULL)))
        read = pdu.read_associate_request(asked[:20] + octets + asked[36:])
        assert read.calling == title
        assert read.titles[16:] == octets  # they are given back as they came
