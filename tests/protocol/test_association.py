from edge.dicom.errors import LocalError
from edge.protocol import association, contexts, echo, items, pdu, states
from edge.protocol.association import Aborted, Data, Established, Lost, Rejected, Released, ReleaseAsked, Requested
from tests.protocol.pair import (
    CT,
    EXPLICIT,
    IMPLICIT,
    LIMITS,
    POLICY,
    USER,
    VERIFICATION,
    acceptor,
    data_pdu,
    established,
    events_of,
    give,
    request,
    requestor,
)

RELEASE_RQ = b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00"
RELEASE_RP = b"\x06\x00\x00\x00\x00\x04\x00\x00\x00\x00"


def abort_pdu(source, reason):
    return b"\x07\x00\x00\x00\x00\x04\x00\x00" + bytes([source, reason])


def kinds(events):
    return [type(event) for event in events]


def test_an_association_is_agreed_byte_by_byte():
    ours, octets = requestor()
    theirs = acceptor()
    events = give(theirs, octets, step=1)
    assert kinds(events) == [Requested]
    asked = events[0].request
    assert (asked.called, asked.calling) == ("EDGE", "PEER")
    assert asked.user == USER
    theirs.accept(contexts.answer(asked.proposals, POLICY), USER)
    assert kinds(give(ours, theirs.outgoing(), step=1)) == [Established]
    assert ours.accepted == theirs.accepted
    assert ours.accepted[1] == contexts.Accepted(1, VERIFICATION, IMPLICIT)
    assert ours.accepted[3] == contexts.Accepted(3, CT, EXPLICIT)
    assert ours.peer_max_pdu_bytes == 16384


def test_a_rejection_says_result_source_and_reason():
    ours, octets = requestor()
    theirs = acceptor()
    give(theirs, octets)
    theirs.reject(pdu.REJECTED_TRANSIENT, pdu.LOCAL_LIMIT_EXCEEDED)
    octets = theirs.outgoing()
    assert octets == b"\x03\x00\x00\x00\x00\x04\x00\x02\x03\x02"
    events = give(ours, octets)
    assert kinds(events) == [Rejected] and ours.finished()
    assert pdu.reject_words(events[0].reject) == "rejected for now: local limit exceeded"
    assert not theirs.finished()
    theirs.lost(1)
    assert theirs.finished()


def test_another_protocol_version_is_rejected_by_the_provider():
    _, octets = requestor()
    theirs = acceptor()
    assert give(theirs, octets[:6] + b"\x00\x02" + octets[8:]) == []
    assert theirs.outgoing() == b"\x03\x00\x00\x00\x00\x04\x00\x01\x02\x02"


def test_data_flows_in_both_directions_within_the_peers_limit():
    ours, theirs = established(user=items.user_information(100, "2.25.7"))
    ours.command(1, bytes(range(250)))
    octets = ours.outgoing()
    assert [octets[at + 5] for at in (0, 106, 212)] == [100, 100, 68]
    events = give(theirs, octets)
    assert kinds(events) == [Data] * len(events)
    assert b"".join([event.views for event in events]) == bytes(range(250))
    assert events[-1].is_last
    theirs.command(1, echo.request(1))
    assert kinds(give(ours, theirs.outgoing())) == [Data]


def test_the_header_of_a_data_set_is_what_the_standard_draws():
    ours, _ = established()
    assert ours.data_header(3, 1000, True) == b"\x04\x00\x00\x00\x03\xee\x00\x00\x03\xea\x03\x02"
    assert ours.data_header(3, 1000, False)[-1] == 0
    assert ours.payload_limit() == 16378


def test_no_limit_of_the_peer_means_our_own():
    ours, _ = established(user=items.user_information(0, "2.25.7"))
    assert ours.payload_limit() == 131072


def test_a_peer_that_takes_next_to_nothing_is_aborted():
    ours, octets = requestor()
    theirs = acceptor()
    asked = give(theirs, octets)[0]
    theirs.accept(contexts.answer(asked.request.proposals, POLICY), items.user_information(8, "2.25.7"))
    assert kinds(give(ours, theirs.outgoing())) == [Aborted]


def test_a_release_is_asked_and_answered():
    ours, theirs = established()
    ours.release()
    assert give(theirs, ours.outgoing()) == [ReleaseAsked(False)]
    theirs.release_answer()
    assert theirs.outgoing() == RELEASE_RP and not theirs.finished()
    assert give(ours, RELEASE_RP) == [Released()]
    assert ours.finished()
    theirs.lost(1)
    assert theirs.finished()


def test_a_release_collision_ends_on_both_sides():
    ours, theirs = established()
    ours.release()
    theirs.release()
    to_theirs, to_ours = ours.outgoing(), theirs.outgoing()
    assert give(theirs, to_theirs) == [ReleaseAsked(True)]
    assert give(ours, to_ours) == [ReleaseAsked(True)]
    ours.release_answer()
    assert give(theirs, ours.outgoing()) == [Released()]
    theirs.release_answer()
    assert give(ours, theirs.outgoing()) == [Released()]
    assert ours.finished()


def test_data_that_crosses_our_release_is_still_data():
    ours, theirs = established()
    theirs.command(1, b"late")
    late = theirs.outgoing()
    ours.release()
    assert kinds(give(ours, late)) == [Data]


def test_an_abort_of_the_peer_ends_it_at_once():
    ours, theirs = established()
    ours.abort("enough")
    assert events_of(ours) == [Aborted(pdu.Abort(0, 0), False, "enough")]
    octets = ours.outgoing()
    assert octets == abort_pdu(0, 0)
    events = give(theirs, octets)
    assert events == [Aborted(pdu.Abort(0, 0), True, "aborted by the service user")]
    assert theirs.finished()


def test_unrecognized_unexpected_and_invalid_pdus_are_aborted_with_their_reason():
    for octets, reason in (
        (b"\x47\x45\x54\x20\x2f\x20\x48\x54\x54\x50", 1),
        (RELEASE_RP, 2),
        (b"\x04\x00\xff\xff\xff\xff", 6),
        (data_pdu(1, b"", 2)[:6] + b"\x00\x00\x00\x01\x01\x02", 6),
    ):
        _, theirs = established()
        events = give(theirs, octets)
        assert kinds(events) == [Aborted]
        assert theirs.outgoing() == abort_pdu(2, reason)
        assert not theirs.finished()


def test_after_an_abort_of_ours_the_peers_data_is_ignored_until_it_closes():
    _, theirs = established()
    theirs.abort("enough")
    events_of(theirs)
    assert give(theirs, data_pdu(1, b"still talking", 2) * 3) == []
    theirs.lost(5)
    assert events_of(theirs) == [] and theirs.finished()


def test_a_window_is_never_empty_for_a_peer_that_goes_on_after_garbage():
    _, theirs = established()
    give(theirs, b"\x47" * 100)
    for _ in range(100):
        window = theirs.window()
        assert len(window) == LIMITS.window_bytes
        theirs.filled(len(window), 1)
        assert theirs.next_event() is None


def test_a_malformed_request_is_aborted():
    _, octets = requestor()
    for broken in (octets[:76] + b"\xff\xff" + octets[78:], octets[:2] + b"\x00\x00\x00\x02\x00\x01"):
        theirs = acceptor()
        events = give(theirs, broken)
        assert kinds(events) == [Aborted]
        assert theirs.outgoing()[:1] == b"\x07"


def test_a_malformed_acceptance_is_aborted():
    ours, _ = requestor()
    assert kinds(give(ours, b"\x02\x00\x00\x00\x00\x03abc")) == [Aborted]


def test_a_lost_transport_is_told_once():
    ours, _ = established()
    ours.lost(1)
    assert events_of(ours) == [Lost()] and ours.finished()


def test_artim_closes_a_peer_that_asks_for_nothing():
    theirs = acceptor()
    assert theirs.deadline() == 30000
    theirs.filled(0, 29000)
    theirs.tick(29999)
    assert not theirs.finished()
    theirs.tick(30000)
    assert theirs.finished()


def test_a_request_that_comes_in_drops_does_not_prolong_artim():
    _, octets = requestor()
    theirs = acceptor()
    for second in range(29):
        give(theirs, octets[second : second + 1], now_ms=second * 1000)
    theirs.tick(30000)
    assert theirs.finished()


def test_artim_closes_soon_after_a_rejection_and_after_a_release():
    theirs = acceptor()
    give(theirs, requestor()[1], now_ms=1000)
    theirs.reject(pdu.REJECTED_PERMANENT, pdu.CALLED_NOT_RECOGNIZED)
    theirs.tick(2999)
    assert not theirs.finished()
    theirs.tick(3000)
    assert theirs.finished()
    _, theirs = established()
    give(theirs, RELEASE_RQ, now_ms=5000)
    theirs.release_answer()
    assert theirs.deadline() == 7000


def test_a_silent_association_is_aborted_after_the_idle_time():
    _, theirs = established()
    give(theirs, data_pdu(1, b"x", 0), now_ms=1000)
    assert theirs.deadline() == 61000
    theirs.tick(61000)
    assert kinds(events_of(theirs)) == [Aborted]
    assert theirs.outgoing() == abort_pdu(0, 0)


def test_a_pdu_that_comes_in_drops_is_aborted_although_the_peer_is_not_silent():
    _, theirs = established()
    octets = data_pdu(1, bytes(100), 2)
    for second in range(19):
        give(theirs, octets[second : second + 1], now_ms=second * 1000)
        theirs.tick(second * 1000)
    assert theirs.established()
    assert theirs.deadline() == 20000
    theirs.tick(20000)
    assert kinds(events_of(theirs)) == [Aborted]


def test_pdus_that_follow_each_other_each_have_their_own_time():
    _, theirs = established()
    octets = data_pdu(1, bytes(10), 0)
    stream = octets * 50
    for second in range(len(stream) // 11):
        give(theirs, stream[second * 11 : second * 11 + 11], now_ms=second * 1000)
        theirs.tick(second * 1000)
    assert theirs.established()


def test_time_that_we_took_does_not_count_against_the_peer():
    _, theirs = established()
    theirs.refresh(90000)
    theirs.tick(90001)
    assert theirs.established()


def test_what_cannot_happen_in_a_state_is_an_error_of_ours():
    ours, _ = requestor()
    for act in (
        ours.release, ours.release_answer, lambda: ours.command(1, b"x"), lambda: ours.associate(request()),
        lambda: ours.accept((), USER), lambda: acceptor().accept((), USER),
    ):  # fmt: skip
        try:
            act()
            raise AssertionError("that should not have been possible")
        except LocalError:
            pass


def test_data_before_any_request_is_aborted_as_every_other_pdu_is():
    for octets in (data_pdu(7, b"x", 3), pdu.RELEASE_RQ, pdu.RELEASE_RP):
        theirs = acceptor()
        assert give(theirs, octets) == []
        assert theirs.outgoing() == pdu.abort(pdu.ABORT_BY_USER, 0)
        assert theirs.state() == states.AWAIT_CLOSE


def test_asking_for_an_association_on_one_that_stands_does_not_change_its_role():
    ours, theirs = established()
    try:
        theirs.associate(request())
        raise AssertionError("that should not have been possible")
    except LocalError:
        pass
    theirs.release()
    give(theirs, pdu.RELEASE_RQ)
    assert theirs.state() == states.COLLISION_ACCEPTOR


def test_every_row_of_the_table_has_an_action_that_exists():
    for event, state in states.TABLE:
        action, following = states.TABLE[(event, state)]
        assert action in association.ACTIONS
        assert 1 <= event <= 19 and 1 <= state <= 13 and 1 <= following <= 13


def test_every_pdu_is_answered_by_the_table_in_every_state_of_an_established_association():
    good = {
        states.EVT_ASSOCIATE_AC: b"\x02",
        states.EVT_ASSOCIATE_RJ: b"\x03\x00\x00\x00\x00\x04\x00\x01\x01\x01",
        states.EVT_ASSOCIATE_RQ: requestor()[1],
        states.EVT_P_DATA_TF: data_pdu(1, b"xy", 2),
        states.EVT_RELEASE_RQ: RELEASE_RQ,
        states.EVT_RELEASE_RP: RELEASE_RP,
        states.EVT_ABORT: abort_pdu(0, 0),
        states.EVT_INVALID_PDU: b"\x63\x00\x00\x00\x00\x00",
    }
    helper = acceptor()
    asked = give(helper, requestor()[1])[0]
    helper.accept(contexts.answer(asked.request.proposals, POLICY), USER)
    good[states.EVT_ASSOCIATE_AC] = helper.outgoing()
    for state, reach in _STATES.items():
        for event, octets in good.items():
            engine = reach()
            engine.outgoing()
            events_of(engine)
            assert engine.state() == state
            action, following = states.TABLE[(event, state)]
            give(engine, octets, now_ms=1)
            if action == "AR-8" and state == states.AWAIT_RELEASE_RP:
                following = states.COLLISION_REQUESTOR
            assert engine.state() == following, (event, state)
            if action in ("AA-1", "AA-7", "AA-8"):
                assert engine.outgoing()[:1] == b"\x07"


def _awaiting_answer():
    engine = acceptor()
    give(engine, requestor()[1])
    return engine


def _releasing():
    engine = established()[0]
    engine.release()
    return engine


def _asked_to_release():
    engine = established()[1]
    give(engine, RELEASE_RQ)
    return engine


def _collided(index):
    engine = established()[index]
    engine.release()
    give(engine, RELEASE_RQ)
    return engine


def _collided_and_answered(index):
    engine = _collided(index)
    if index == 0:
        engine.release_answer()
    else:
        give(engine, RELEASE_RP)
    return engine


def _closing():
    engine = established()[1]
    engine.abort("enough")
    return engine


_STATES = {
    states.AWAIT_ASSOCIATE_RQ: acceptor,
    states.AWAIT_LOCAL_ASSOCIATE: _awaiting_answer,
    states.AWAIT_ASSOCIATE_AC: lambda: requestor()[0],
    states.DATA_TRANSFER: lambda: established()[0],
    states.AWAIT_RELEASE_RP: _releasing,
    states.AWAIT_LOCAL_RELEASE: _asked_to_release,
    states.COLLISION_REQUESTOR: lambda: _collided(0),
    states.COLLISION_ACCEPTOR: lambda: _collided(1),
    states.COLLISION_REQUESTOR_RP: lambda: _collided_and_answered(0),
    states.COLLISION_ACCEPTOR_LOCAL: lambda: _collided_and_answered(1),
    states.AWAIT_CLOSE: _closing,
}
