"""Two associations joined back to back, and what a test asks of them."""

from edge.protocol import contexts, items, pdu
from edge.protocol.association import Association, Limits

LIMITS = Limits(4096, 16384, 8192, 30000, 2000, 60000, 20000)
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
USER = items.user_information(16384, "2.25.7", "TEST_1")


def takes_all(_):
    return True


POLICY = contexts.Policy(takes_all, contexts.PREFERENCE, True)


def request(wanted=((VERIFICATION, (IMPLICIT,)), (CT, (IMPLICIT, EXPLICIT))), user=USER):
    """Return an AssociateRequest from PEER to EDGE that proposes `wanted`."""
    return pdu.request("EDGE", "PEER", contexts.propose(list(wanted)), user)


def give(engine, octets, now_ms=0, step=None):
    """Feed `octets` to `engine`, `step` at a time; return the events, payload copied out of its views."""
    events = []
    at = 0
    while at < len(octets):
        window = engine.window()
        count = min(len(window), len(octets) - at, step or len(octets))
        window[:count] = octets[at : at + count]
        engine.filled(count, now_ms)
        at += count
        while True:
            event = engine.next_event()
            if event is None:
                break
            if len(event) == 4:
                event = type(event)(event[0], event[1], event[2], b"".join([bytes(view) for view in event[3]]))
            events.append(event)
        if engine.finished():
            break
    return events


def events_of(engine):
    """Return the events that wait in `engine`."""
    events = []
    while True:
        event = engine.next_event()
        if event is None:
            return events
        events.append(event)


def acceptor(limits=LIMITS):
    """Return an Association whose transport is open and that awaits a request."""
    engine = Association(limits, 0)
    engine.listen()
    return engine


def requestor(wanted=None, limits=LIMITS):
    """Return an Association that has sent its request, which is taken from its outgoing octets, and those octets."""
    engine = Association(limits, 0)
    engine.associate(request() if wanted is None else request(wanted))
    engine.connected(0)
    return engine, engine.outgoing()


def established(limits=LIMITS, user=USER):
    """Return (requestor, acceptor), an association that stands between them."""
    ours, octets = requestor(None, limits)
    theirs = acceptor(limits)
    asked = give(theirs, octets)[0]
    theirs.accept(contexts.answer(asked.request.proposals, POLICY), user)
    give(ours, theirs.outgoing())
    return ours, theirs


def data_pdu(context_id, payload, control):
    """Return a P-DATA-TF PDU with one PDV, octet by octet as PS3.8 9.3.5 has it."""
    pdv = len(payload) + 2
    return (
        b"\x04\x00"
        + (pdv + 4).to_bytes(4, "big")
        + pdv.to_bytes(4, "big")
        + bytes([context_id, control])
        + payload
    )
