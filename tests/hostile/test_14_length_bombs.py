"""Every length that a peer may lie about: PDU, item, sub-item, PDV, command element. The box answers within a second
and holds no more memory for it.
"""

import struct
import time

import pytest

from tests.bench import measure
from tests.hostile import sending
from tests.support import process, rawpeer
from tests.support.rawpeer import (
    COMMAND,
    CT,
    EXPLICIT,
    IMPLICIT,
    LAST,
    VERIFICATION,
    RawPeer,
    associate_rq,
    item,
    p_data,
    pdu,
    pdv,
)
from tests.support.service import Service

ACCEPT, REJECT, ABORT = 2, 3, 7
ANSWER_LIMIT_S = 1.0
GROWTH_BYTES = 1 << 20
MAX_PDU_BYTES = 131072  # the box's default
LENGTHS_32 = [0, 1, MAX_PDU_BYTES + 1, 0x7FFFFFFF, 0xFFFFFFFF]
LENGTHS_16 = [0, 1, 0x7FFF, 0xFFFF]
ECHO = [(1, VERIFICATION, [IMPLICIT])]


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("box"), cold=True) as running:
        for number in range(8):  # what the first associations allocate once is not a bomb's
            uid = b"2.25.1400%d" % number
            assert sending.store(running.port, (uid, sending.ct(uid))) == [0]
        yield running


@pytest.fixture(autouse=True)
def memory_stays_flat(box):
    process.wait_until(lambda: threads(box) <= 8, 10, "earlier associations to end")
    before = measure.memory(box.pid).rss_bytes
    measure.reset_peak(box.pid)
    yield
    assert measure.memory(box.pid).peak_bytes - before <= GROWTH_BYTES
    with RawPeer(box.port) as peer:
        peer.associate(ECHO)
        assert peer.echo(1).status == 0


def threads(box):
    return measure.threads(box.pid)


def answer_to(box, octets, contexts=None):
    """Send octets, on an association if contexts are given; return the kind of the PDU that comes in time."""
    with RawPeer(box.port, timeout_s=ANSWER_LIMIT_S + 1) as peer:
        if contexts:
            peer.associate(contexts)
        begun = time.monotonic()
        peer.write(octets)
        kind = peer.read_pdu().kind
        assert time.monotonic() - begun <= ANSWER_LIMIT_S
    return kind


@pytest.mark.parametrize("length", [0, 1, 131073, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_associate_request_of_any_length_is_aborted(box, length):
    assert answer_to(box, pdu(1, bytes(100), length)) == ABORT


@pytest.mark.parametrize("length", LENGTHS_32)
@pytest.mark.parametrize("kind", [2, 3, 4, 5, 6, 8, 0, 255])
def test_any_other_pdu_of_any_length_instead_of_a_request_is_aborted(box, kind, length):
    assert answer_to(box, pdu(kind, bytes(16), length)) == ABORT


@pytest.mark.parametrize("length", LENGTHS_32)
@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 6, 8, 255])
def test_a_pdu_of_any_length_on_an_association_is_aborted(box, kind, length):
    assert answer_to(box, pdu(kind, bytes(16), length), ECHO) == ABORT


@pytest.mark.parametrize("length", [0, 1, MAX_PDU_BYTES + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_pdv_of_a_length_that_its_pdu_does_not_have_is_aborted(box, length):
    assert answer_to(box, p_data([pdv(1, COMMAND | LAST, bytes(16), length)]), ECHO) == ABORT


@pytest.mark.parametrize("length", [1, 5])
def test_a_pdu_too_short_for_a_pdv_is_aborted(box, length):
    assert answer_to(box, pdu(4, bytes(length)), ECHO) == ABORT


def request_with(name, length):
    """An A-ASSOCIATE-RQ in which the item `name` has a wrong length, all around it being right."""

    def lie(kind, body, which):
        return item(kind, body, length if which == name else None)

    context = struct.pack(">BBBB", 1, 0, 0, 0)
    context += lie(0x30, VERIFICATION, "abstract syntax") + lie(0x40, IMPLICIT, "transfer syntax")
    user = lie(0x51, struct.pack(">I", 16384), "maximum length") + lie(0x52, b"1.2.3", "implementation class")
    user += lie(0x53, b"\0\1\0\1", "asynchronous operations") + lie(0x55, b"VERSION", "implementation version")
    user += lie(0x54, struct.pack(">H", len(VERIFICATION)) + VERIFICATION + b"\1\0", "role selection")
    user += lie(0x56, struct.pack(">H", len(VERIFICATION)) + VERIFICATION + b"\1", "extended negotiation")
    user += lie(0x58, b"\1\0\0\4user\0\0", "user identity")
    body = struct.pack(">HH", 1, 0) + b"EDGE".ljust(16) + b"RAW".ljust(16) + bytes(32)
    body += lie(0x10, b"1.2.840.10008.3.1.1.1", "application context")
    body += lie(0x20, context, "presentation context") + lie(0x50, user, "user information")
    return pdu(1, body)


ITEMS = [
    "abstract syntax",
    "transfer syntax",
    "presentation context",
    "application context",
    "maximum length",
    "implementation class",
    "asynchronous operations",
    "implementation version",
    "role selection",
    "extended negotiation",
    "user identity",
    "user information",
]


@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("length", [0x7FFF, 0xFFFF])
def test_an_item_that_runs_over_its_container_is_aborted(box, name, length):
    assert answer_to(box, request_with(name, length)) == ABORT


@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("length", [0, 1])
def test_an_item_that_is_too_short_is_answered(box, name, length):
    assert answer_to(box, request_with(name, length)) in (ACCEPT, REJECT, ABORT)


@pytest.mark.parametrize("field", ["role selection", "extended negotiation", "user identity"])
def test_a_length_inside_an_item_that_runs_over_it_is_aborted(box, field):
    inside = {
        "role selection": item(0x54, b"\xff\xff1.2\1\1"),
        "extended negotiation": item(0x56, b"\xff\xff1.2\1"),
        "user identity": item(0x58, b"\2\0\xff\xffuser\xff\xff"),
    }[field]
    user = item(0x50, item(0x51, b"\0\0\x40\0") + item(0x52, b"1.2.3") + inside)
    assert answer_to(box, associate_rq(ECHO, user=user)) == ABORT


@pytest.mark.parametrize("length", LENGTHS_32)
@pytest.mark.parametrize("number", [0x0000, 0x0002, 0x0100, 0x0800])
def test_an_element_of_a_command_set_of_any_length_is_answered_or_aborted(box, number, length):
    octets = rawpeer.echo_rq(1)
    at = octets.index(struct.pack("<HH", 0, number))
    octets = octets[: at + 4] + struct.pack("<I", length) + octets[at + 8 :]
    kind = answer_to(box, p_data([pdv(1, COMMAND | LAST, octets)]), ECHO)
    # the group length of a command set is passed over: old senders write it wrong
    assert kind == ABORT or number == 0x0000


def test_a_command_set_without_end_is_aborted(box):
    assert answer_to(box, p_data([pdv(1, COMMAND, bytes(1000))]) * 100, ECHO) == ABORT


@pytest.mark.parametrize("length", [1, 0x7FFFFFFE, 0xFFFFFFFE, 0xFFFFFFFF])
@pytest.mark.parametrize("vr", [b"OW", b"UN", b"SQ", b"UT", b"LO"])
def test_an_element_of_a_data_set_of_any_length_costs_no_memory(box, vr, length):
    uid = b"2.25.14001"
    data_set = sending.ct(uid)[:60] + struct.pack("<HH2sHI", 0x0008, 0x1030, vr, 0, length) + bytes(20_000)
    with RawPeer(box.port, timeout_s=ANSWER_LIMIT_S + 1) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        assert peer.store(1, CT, uid, data_set).status in (0x0000, 0xA900, 0xC000)


def test_ten_thousand_nested_sequences_cost_no_memory(box):
    uid = b"2.25.14002"
    nested = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        assert peer.store(1, CT, uid, sending.ct(uid)[:60] + nested * 10_000).status in (0x0000, 0xC000)
