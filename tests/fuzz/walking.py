"""Walks the state table of the Upper Layer with both roles, and holds each step against what the standard draws.

The model is the table as pynetdicom has it, and EFFECTS below: what each action sends, tells and closes (PS3.8 9.2.1 to
9.2.3). A Walker drives one Association of ours with the events of the table: PDUs as they should be, PDUs that break
the rules in many ways, PDUs of which only half comes, and what our own user asks for, possible or not. After each step
state, octets sent, events told and the end of the transport have to be what the model says.

Two things are our own. A stream that can no longer be cut into PDUs is not read on: after Evt19 only the end of the
transport and ARTIM count. And a malformed A-ASSOCIATE body is seen once its action reads it, so it is Evt19 from where
that action leads.
"""

from collections import namedtuple

from pynetdicom import fsm

from edge.dicom.errors import LocalError
from edge.protocol import association, contexts, echo, pdu, states
from tests.protocol import pair

ROLES = ("acceptor", "requestor")
RQ, AC, RJ, DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)

# sends: type of the PDU, 0 for none; tells: name of the event, "" for none; closes: whether the transport is to close
Effect = namedtuple("Effect", "sends tells closes")

EFFECTS = {
    "AE-1": Effect(0, "", False), "AE-2": Effect(RQ, "", False), "AE-3": Effect(0, "Established", False),
    "AE-4": Effect(0, "Rejected", True), "AE-5": Effect(0, "", False), "AE-6": Effect(0, "Requested", False),
    "AE-7": Effect(AC, "", False), "AE-8": Effect(RJ, "", False), "DT-1": Effect(DATA, "", False),
    "DT-2": Effect(0, "Piece", False), "AR-1": Effect(RELEASE_RQ, "", False), "AR-2": Effect(0, "ReleaseAsked", False),
    "AR-3": Effect(0, "Released", True), "AR-4": Effect(RELEASE_RP, "", False), "AR-5": Effect(0, "", True),
    "AR-6": Effect(0, "Piece", False), "AR-7": Effect(DATA, "", False), "AR-8": Effect(0, "ReleaseAsked", False),
    "AR-9": Effect(RELEASE_RP, "", False), "AR-10": Effect(0, "Released", False), "AA-1": Effect(ABORT, "", False),
    "AA-2": Effect(0, "", True), "AA-3": Effect(0, "Aborted", True), "AA-4": Effect(0, "Lost", True),
    "AA-5": Effect(0, "", True), "AA-6": Effect(0, "", False), "AA-7": Effect(ABORT, "", False),
    "AA-8": Effect(ABORT, "Aborted", False),
}  # fmt: skip

TABLE = {
    (int(event[3:]), int(state[3:])): action.replace("_", "-")
    for (event, state), action in fsm.TRANSITION_TABLE.items()
}

_REQUEST = pdu.associate_request(pair.request())
_ACCEPT = pdu.associate_accept(
    pdu.AssociateAccept(bytes(32), contexts.answer(pair.request().proposals, pair.POLICY), pair.USER)
)


def _framed(kind, body):
    return bytes([kind, 0]) + len(body).to_bytes(4, "big") + body


# Event of the table -> PDUs that are it
PDUS = {
    states.EVT_ASSOCIATE_AC: (_ACCEPT,),
    states.EVT_ASSOCIATE_RJ: (pdu.associate_reject(pdu.AssociateReject(1, 1, 1)), _framed(RJ, b"\0\xff\xff\xff")),
    states.EVT_ASSOCIATE_RQ: (_REQUEST,),
    states.EVT_P_DATA_TF: (
        pair.data_pdu(1, b"12345678", 3), pair.data_pdu(1, b"", 2), pair.data_pdu(255, b"1", 0xFF),
        pair.data_pdu(3, bytes(3000), 0),
    ),
    states.EVT_RELEASE_RQ: (pdu.RELEASE_RQ, _framed(RELEASE_RQ, b"\xff" * 4)),
    states.EVT_RELEASE_RP: (pdu.RELEASE_RP,),
    states.EVT_ABORT: (pdu.abort(0, 0), pdu.abort(2, 6), _framed(ABORT, b"\xff" * 4)),
}  # fmt: skip
# Evt19: PDUs that nobody can read, whatever the state
INVALID = (
    b"\0" * 6, b"\x08\0\0\0\0\4abcd", b"\xff" * 6, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\0\x01",
    b"\1\0\xff\xff\xff\xff", b"\2\0\x7f\xff\xff\xff", b"\4\0\xff\xff\xff\xff", b"\4\0\0\0\x40\1", b"\4\0\0\0\0\0",
    b"\4\0\0\0\0\5abcde", b"\4\0\0\0\0\6\0\0\0\0\1\3", b"\4\0\0\0\0\6\0\0\0\1\1\3", b"\4\0\0\0\0\6\0\0\0\3\1\3",
    b"\4\0\0\0\0\6\xff\xff\xff\xff\1\3", b"\3\0\0\0\0\0", b"\3\0\0\0\0\5abcde",
    b"\5\0\0\0\0\3abc", b"\6\0\xff\xff\xff\xff", b"\7\0\0\0\0\0", b"\7\0\x80\0\0\0",
)  # fmt: skip
# A-ASSOCIATE bodies that cannot be read: event -> PDUs
MALFORMED = {
    event: tuple(_framed(kind, body) for body in (
        b"", whole[6:73], whole[6:] + b"\x20\0\0", whole[6:] + b"\x50\0\xff\xff", whole[6:] + b"\x50\0\0\4\x51\0\0\5",
        whole[6:74] + (b"\x20" if kind == RQ else b"\x21") + b"\0\0\2\1\0",
    ))
    for event, kind, whole in ((states.EVT_ASSOCIATE_RQ, RQ, _REQUEST), (states.EVT_ASSOCIATE_AC, AC, _ACCEPT))
}  # fmt: skip
OTHER_VERSION = _framed(RQ, b"\0\2" + _REQUEST[8:])  # a request that is not acceptable

# How each role comes to each of its states: steps as `Walker.step` takes them
_ACCEPTED = [("own", states.EVT_TRANSPORT_INDICATION), ("pdu", states.EVT_ASSOCIATE_RQ, 0)]
_STANDS = {
    "acceptor": [*_ACCEPTED, ("own", states.EVT_ASSOCIATE_ACCEPT)],
    "requestor": [
        ("own", states.EVT_ASSOCIATE_REQUEST), ("own", states.EVT_TRANSPORT_CONFIRM),
        ("pdu", states.EVT_ASSOCIATE_AC, 0),
    ],
}  # fmt: skip
_RELEASING, _COLLISION = ("own", states.EVT_RELEASE_REQUEST), ("pdu", states.EVT_RELEASE_RQ, 0)
_ANSWER, _ANSWERED = ("own", states.EVT_RELEASE_RESPONSE), ("pdu", states.EVT_RELEASE_RP, 0)
WAYS = {
    role: {
        6: stands, 7: [*stands, _RELEASING], 8: [*stands, _COLLISION], 1: [],
        13: [*stands, ("own", states.EVT_ABORT_REQUEST)],
    }
    for role, stands in _STANDS.items()
}  # fmt: skip
WAYS["acceptor"] |= {
    2: _ACCEPTED[:1], 3: _ACCEPTED, 10: [*_STANDS["acceptor"], _RELEASING, _COLLISION],
    12: [*_STANDS["acceptor"], _RELEASING, _COLLISION, _ANSWERED],
}  # fmt: skip
WAYS["requestor"] |= {
    4: _STANDS["requestor"][:1], 5: _STANDS["requestor"][:2], 9: [*_STANDS["requestor"], _RELEASING, _COLLISION],
    11: [*_STANDS["requestor"], _RELEASING, _COLLISION, _ANSWER],
}  # fmt: skip

OWN = (
    states.EVT_ASSOCIATE_REQUEST, states.EVT_TRANSPORT_CONFIRM, states.EVT_TRANSPORT_INDICATION,
    states.EVT_ASSOCIATE_ACCEPT, states.EVT_ASSOCIATE_REJECT, states.EVT_DATA_REQUEST, states.EVT_RELEASE_REQUEST,
    states.EVT_RELEASE_RESPONSE, states.EVT_ABORT_REQUEST, states.EVT_TRANSPORT_CLOSED, states.EVT_ARTIM_EXPIRED,
)  # fmt: skip
# Asked of the owner's side without regard to the state: they have their own answer where the table has none
_ALWAYS = (states.EVT_ABORT_REQUEST, states.EVT_TRANSPORT_CLOSED, states.EVT_ARTIM_EXPIRED)


def steps():
    """Return every step there is: PDUs whole and in halves, broken ones, and what the user and the transport do."""
    found = [("own", event) for event in OWN]
    for event, octets in PDUS.items():
        found += [(how, event, number) for number in range(len(octets)) for how in ("pdu", "halves", "half")]
    found += [("invalid", number) for number in range(len(INVALID))]
    found += [("malformed", event, number) for event, every in MALFORMED.items() for number in range(len(every))]
    return [*found, ("version",)]


class Walker:
    """One Association, the state that the model says it is in, and what of the table was seen."""

    def __init__(self, role, seen):
        """`seen`: a dict to count in: (role, event, state) -> how often."""
        self.engine = association.Association(pair.LIMITS, 0)
        self.role = role
        self.state = 1
        self.is_over = self.is_deaf = False
        self._seen = seen
        self._now_ms = 0
        self._half = b""

    def step(self, step):
        """Take one step; AssertionError where it comes to something else than what the model says."""
        kind, *rest = step
        if kind == "own":
            self._own(*rest)
        elif kind in ("pdu", "halves"):
            octets = PDUS[rest[0]][rest[1]]
            cut = len(octets) // 2 if kind == "halves" else 0
            self._come(octets, rest[0], cut)
        elif kind == "half":
            self._stall(PDUS[rest[0]][rest[1]])
        elif kind == "invalid":
            self._come(INVALID[rest[0]], states.EVT_INVALID_PDU, 0)
        elif kind == "malformed":
            self._malformed(rest[0], MALFORMED[rest[0]][rest[1]])
        else:
            self._version()

    def _seen_to(self, event):
        key = (self.role, event, self.state)
        self._seen[key] = self._seen.get(key, 0) + 1

    def _expect(self, event, told, context):
        """Hold what happened against the action of the model, and go on in the state that it leads to."""
        action = TABLE[event, self.state]
        self._seen_to(event)
        effect = EFFECTS[action]
        following = fsm.ACTIONS[action][2]
        if isinstance(following, tuple):
            following = following[self.role == "acceptor"] if action == "AR-8" else following[0]
        self.state = int(following[3:])
        sent = self.engine.outgoing()
        assert self.engine.state() == self.state, (context, self.engine.state(), self.state)
        assert (sent[0] if sent else 0) == effect.sends, (context, sent[:10])
        tells = effect.tells
        if event in (states.EVT_INVALID_PDU, states.EVT_ABORT_REQUEST) and action != "AA-7":
            tells = "Aborted"  # the reason in words, for our own side
        assert {type(each).__name__ for each in told} == ({tells} if tells else set()), (context, told)
        assert self.engine.finished() == effect.closes, context
        self.is_over = effect.closes
        if event == states.EVT_INVALID_PDU:
            self.is_deaf = True

    def _give(self, octets):
        return pair.give(self.engine, octets, self._now_ms)

    def _come(self, octets, event, cut):
        context = (self.role, self.state, event, octets[:20])
        if (event, self.state) not in TABLE or self.is_deaf:
            return self._ignored(octets, context)
        if cut:
            first = self._give(octets[:cut])
            is_data = event == states.EVT_P_DATA_TF
            assert is_data or first == [], (context, first)
            if not is_data:
                assert (self.engine.state(), self.engine.outgoing()) == (self.state, b""), context
            told = first + self._give(octets[cut:])
        else:
            told = self._give(octets)
        return self._expect(event, told, context)

    def _ignored(self, octets, context):
        """Octets that nobody listens to: before there is a transport, or when the stream cannot be read any more."""
        if self.is_deaf:
            assert self._give(octets) == [] and self.engine.outgoing() == b"", context
            assert self.engine.state() == self.state, context

    def _malformed(self, event, octets):
        context = (self.role, self.state, "malformed", event, octets[:20])
        action = TABLE.get((event, self.state))
        if action in ("AE-3", "AE-6") and not self.is_deaf:
            told = self._give(octets)
            self._seen_to(event)
            self.state = int(fsm.ACTIONS[action][2][0][3:]) if action == "AE-6" else 6
            self._expect(states.EVT_INVALID_PDU, told, context)
        else:
            self._come(octets, event, 0)

    def _version(self):
        if self.state != states.AWAIT_ASSOCIATE_RQ:
            return self._come(OTHER_VERSION, states.EVT_ASSOCIATE_RQ, 0)
        self._seen_to(states.EVT_ASSOCIATE_RQ)
        assert self._give(OTHER_VERSION) == []
        self.state = states.AWAIT_CLOSE
        assert self.engine.outgoing()[0] == RJ and self.engine.state() == self.state
        return None

    def _stall(self, octets):
        """Half a PDU, and then nothing: no step of the table, until a deadline aborts."""
        if self.state in (1, 4, 13) or self.is_deaf:
            return
        context = (self.role, self.state, "half", octets[:10])
        is_request = self.state == states.AWAIT_ASSOCIATE_RQ
        told = self._give(octets[: max(1, min(9, len(octets) // 2))])
        assert told == [] and self.engine.outgoing() == b"" and self.engine.state() == self.state, context
        self._now_ms = self.engine.deadline()
        self.engine.tick(self._now_ms)
        event = states.EVT_ARTIM_EXPIRED if is_request else states.EVT_ABORT_REQUEST
        self._expect(event, pair.events_of(self.engine), context)
        self.is_over = True  # what comes now completes the half

    def _own(self, event):
        context = (self.role, self.state, event)
        is_known = (event, self.state) in TABLE
        if event == states.EVT_ARTIM_EXPIRED and not is_known:
            self.engine.tick(self._now_ms)  # nothing is due
            assert self.engine.outgoing() == b"" and self.engine.state() == self.state, context
            return
        if not is_known and event in _ALWAYS:
            return self._always(event, context)
        if not is_known:
            return self._refused(event, context)
        self._do(event)
        return self._expect(event, pair.events_of(self.engine), context)

    def _always(self, event, context):
        """Abort where no association is, or close where nothing was open: it ends, and nothing is sent."""
        if self.state == states.AWAIT_CLOSE:
            self._do(event)
            assert (self.engine.outgoing(), self.engine.state()) == (b"", self.state), context
            assert not self.engine.finished(), context
            pair.events_of(self.engine)
        elif event == states.EVT_ABORT_REQUEST or self.state == states.IDLE:
            self._do(event)
            assert self.engine.finished() and self.engine.outgoing() == b"", context
            self.is_over = True

    def _refused(self, event, context):
        """Ask for what cannot happen in this state: an error of ours that changes nothing."""
        if event in (states.EVT_ASSOCIATE_ACCEPT, states.EVT_ASSOCIATE_REQUEST) and self.state == states.IDLE:
            return  # accept needs a request; of the other role
        try:
            self._do(event)
        except LocalError:
            pass
        else:
            raise AssertionError("%s was let happen" % (context,))
        assert self.engine.state() == self.state and self.engine.outgoing() == b"", context

    def _do(self, event):
        """Call what stands for an event of our own user, or of the transport."""
        engine = self.engine
        if event == states.EVT_ASSOCIATE_REQUEST:
            engine.associate(pair.request())
        elif event == states.EVT_TRANSPORT_CONFIRM:
            engine.connected(self._now_ms)
        elif event == states.EVT_TRANSPORT_INDICATION:
            engine.listen()
        elif event == states.EVT_ASSOCIATE_ACCEPT:
            engine.accept(contexts.answer(pair.request().proposals, pair.POLICY), pair.USER)
        elif event == states.EVT_ASSOCIATE_REJECT:
            engine.reject(pdu.REJECTED_PERMANENT, pdu.CALLING_NOT_RECOGNIZED)
        elif event == states.EVT_DATA_REQUEST:
            engine.command(1, echo.request(1))
        elif event == states.EVT_RELEASE_REQUEST:
            engine.release()
        elif event == states.EVT_RELEASE_RESPONSE:
            engine.release_answer()
        elif event == states.EVT_ABORT_REQUEST:
            engine.abort("the test says so")
        elif event == states.EVT_TRANSPORT_CLOSED:
            engine.lost(self._now_ms)
        else:
            self._now_ms = engine.deadline()
            engine.tick(self._now_ms)


def coverage(seen):
    """Return the table as text: who was seen to take each of its steps. A: acceptor, R: requestor, ?: nobody."""
    lines = ["event  " + "".join("Sta%-3d" % state for state in range(1, 14))]
    for event in range(1, 20):
        cells = []
        for state in range(1, 14):
            who = "".join(role[0].upper() for role in ROLES if (role, event, state) in seen)
            cells.append("%-6s" % (who or ("?" if (event, state) in TABLE else ".")))
        lines.append("Evt%-3d %s" % (event, "".join(cells).rstrip()))
    return "\n".join(lines)


def expected():
    """Return every (role, event, state) that has to be seen: each step of the table in each state a role can be in."""
    started = {"acceptor": states.EVT_TRANSPORT_INDICATION, "requestor": states.EVT_ASSOCIATE_REQUEST}
    return {
        (role, event, state)
        for role in ROLES
        for event, state in TABLE
        if state in WAYS[role] and (state != states.IDLE or event == started[role])
    }
