"""One association, sans-IO: bytes go in through a window, events come out, and so do the bytes to send.

The owner of the transport runs this circle:

    count = receive_into(association.window())       # 0 octets: association.lost(now_ms)
    association.filled(count, now_ms)
    while True:
        event = association.next_event()             # a namedtuple below, or None
        ...                                          # which may call associate_accept(), data(), release(), ...
        send(association.outgoing())
    if association.finished(): close the transport

and calls `tick(now_ms)` when `deadline()` has come. Payload of P-DATA is never copied here: on the way in it is handed
on as views into the window, on the way out `data_header` gives the octets that go before it. What happens in which
state is `states.TABLE` (PS3.8 9.2); the methods named as its actions are below.

Beside ARTIM there are two deadlines of our own, against peers that stop in the middle: a PDU that has begun must be
complete within `pdu_ms`, and within `idle_ms` something must come. Both end in an A-ABORT.
"""

from collections import namedtuple

from edge.dicom.errors import DicomError, LimitError, LocalError
from edge.protocol import contexts, framing, pdu, states

# The peer asks for an association. request: pdu.AssociateRequest. Answer with accept() or reject().
Requested = namedtuple("Requested", ("request",))
# The association stands. accept: pdu.AssociateAccept
Established = namedtuple("Established", ("accept",))
# The peer refuses. reject: pdu.AssociateReject
Rejected = namedtuple("Rejected", ("reject",))
# A piece of a message. The fields are those of framing.Piece; the views are good until the next window().
Data = framing.Piece
# The peer wants to end. Answer with release_answer().
ReleaseAsked = namedtuple("ReleaseAsked", ("collision",))
# The association ended in order, as we asked.
Released = namedtuple("Released", ())
# The association broke. abort: pdu.Abort; by_peer: bool; words: str, why
Aborted = namedtuple("Aborted", ("abort", "by_peer", "words"))
# The transport was closed under the association.
Lost = namedtuple("Lost", ())

# window_bytes: room to receive into; max_pdu_bytes: longest P-DATA-TF body we take; associate_bytes: longest
# A-ASSOCIATE body we collect; artim_ms: ARTIM while a request is awaited; closing_ms: ARTIM when all has been said and
# the peer is to close; idle_ms, pdu_ms: limits of time while the association stands
Limits = namedtuple(
    "Limits", ("window_bytes", "max_pdu_bytes", "associate_bytes", "artim_ms", "closing_ms", "idle_ms", "pdu_ms")
)

# Room for 128 contexts of a dozen transfer syntaxes each.
DEFAULT_LIMITS = Limits(16384, 131072, 131072, 30000, 2000, 60000, 25000)

_LARGEST_PAYLOAD = 131072  # in one PDU of ours, where the peer sets no limit
_SMALLEST_PDU = 64  # a peer that takes less than this cannot be served in a lifetime

_PDU_EVENTS = {
    framing.ASSOCIATE_RQ: states.EVT_ASSOCIATE_RQ,
    framing.ASSOCIATE_AC: states.EVT_ASSOCIATE_AC,
    framing.ASSOCIATE_RJ: states.EVT_ASSOCIATE_RJ,
    framing.RELEASE_RQ: states.EVT_RELEASE_RQ,
    framing.RELEASE_RP: states.EVT_RELEASE_RP,
    framing.ABORT: states.EVT_ABORT,
}


class Association:
    """The Upper Layer of one association, of either role."""

    def __init__(self, limits, now_ms):
        self._limits = limits
        self._framing = framing.Framing(limits.window_bytes, limits.max_pdu_bytes, limits.associate_bytes)
        self._state = states.IDLE
        self._now_ms = now_ms
        self._heard_ms = now_ms  # when the last octet came
        self._pdu_began_ms = None  # when the PDU now arriving began
        self._arriving = 0  # its ordinal, as the framing counts, 0 when there is none
        self._artim_ms = None  # when ARTIM expires
        self._outgoing = []
        self._pending = []  # events that did not come from the window
        self._request = None
        self._is_requestor = False
        self._deaf = False  # the stream can no longer be cut into PDUs
        self._close = False
        self.accepted = {}  # context id -> contexts.Accepted
        self.peer_max_pdu_bytes = 0

    # The transport

    def listen(self):
        """Say that a peer has connected to us: its request is awaited."""
        self._happen(states.EVT_TRANSPORT_INDICATION)

    def associate(self, request):
        """Ask for an association with `request`, a pdu.AssociateRequest, as soon as `connected` is called."""
        self._happen(states.EVT_ASSOCIATE_REQUEST)
        self._request = request
        self._is_requestor = True

    def connected(self, now_ms):
        """Say that the transport we opened stands."""
        self._now_ms = now_ms
        self._heard_ms = now_ms
        self._happen(states.EVT_TRANSPORT_CONFIRM)

    def window(self):
        """Return a view to receive octets into; every Data view handed out before dies."""
        if self._deaf:
            self._framing.discard()
        return self._framing.window()

    def filled(self, count, now_ms):
        """Say that `count` octets came into the window at `now_ms`."""
        self._now_ms = now_ms
        if self._deaf:
            return
        self._heard_ms = now_ms
        self._framing.filled(count)

    def lost(self, now_ms):
        """Say that the transport was closed or broke."""
        self._now_ms = now_ms
        if self._state != states.IDLE:
            self._happen(states.EVT_TRANSPORT_CLOSED)
        self._close = True

    def widen(self, window_bytes):
        """Go on with a larger window: a connection that has not been accepted yet should cost little."""
        self._framing.widen(window_bytes)

    def outgoing(self):
        """Return the octets to send now, b"" for none, and forget them."""
        if not self._outgoing:
            return b""
        octets = b"".join(self._outgoing)
        self._outgoing = []
        return octets

    def finished(self):
        """Say whether the transport is to be closed, once `outgoing` has been sent."""
        return self._close

    def deadline(self):
        """Return the time in ms at which `tick` has something to do."""
        if self._artim_ms is not None:
            return self._artim_ms
        due = self._heard_ms + self._limits.idle_ms
        if self._pdu_began_ms is not None and self._pdu_began_ms + self._limits.pdu_ms < due:
            due = self._pdu_began_ms + self._limits.pdu_ms
        return due

    def tick(self, now_ms):
        """Do what is due at `now_ms`: close when ARTIM has expired, abort when the peer has stopped."""
        self._now_ms = now_ms
        if self._close or now_ms < self.deadline():
            return
        if self._artim_ms is not None:
            self._happen(states.EVT_ARTIM_EXPIRED)
        elif self._state == states.AWAIT_TRANSPORT:
            self.abort("no connection in time")
        elif self._state != states.IDLE:
            if self._pdu_began_ms is not None:
                self.abort("a PDU was not completed within %d s" % (self._limits.pdu_ms // 1000))
            else:
                self.abort("nothing came for %d s" % (self._limits.idle_ms // 1000))

    def quiet_ms(self, now_ms):
        """Return for how many ms nothing has come."""
        return now_ms - self._heard_ms

    def refresh(self, now_ms):
        """Count the idle time from `now_ms`: for when we kept the peer waiting."""
        self._now_ms = now_ms
        self._heard_ms = now_ms
        if self._pdu_began_ms is not None:
            self._pdu_began_ms = now_ms

    # What came

    def next_event(self):
        """Return the next event, or None when more octets are needed.

        Octets that break the standard do not raise: they end the association, which is the event Aborted.
        """
        while True:
            if self._pending:
                return self._pending.pop(0)
            if self._deaf:
                return None
            try:
                got = self._framing.next()
                if got is None:
                    self._watch_pdu()
                    return None
                if isinstance(got, framing.Piece):
                    if self._state == states.DATA_TRANSFER:  # DT-2, by far the most frequent
                        return got
                    self._happen(states.EVT_P_DATA_TF, got)
                else:
                    self._happen(_PDU_EVENTS[got.kind], got.body)
            except DicomError as error:
                self._invalid(error)

    def state(self):
        """Return the state, one of those of `states`."""
        return self._state

    def established(self):
        """Say whether the association stands and nobody has asked to end it."""
        return self._state == states.DATA_TRANSFER

    def can_send(self):
        """Say whether messages can be sent; they still can while a release of the peer awaits our answer."""
        return self._state in (states.DATA_TRANSFER, states.AWAIT_LOCAL_RELEASE)

    # What we say

    def accept(self, answers, user):
        """Accept the association: `answers` from contexts.answer, `user` our items.UserInformation."""
        self._step(states.EVT_ASSOCIATE_ACCEPT)
        request = self._request
        self.accepted = contexts.agreed(request.proposals, answers)
        accept = pdu.AssociateAccept(request.titles, answers, user)
        self._happen(states.EVT_ASSOCIATE_ACCEPT, pdu.associate_accept(accept))

    def reject(self, result, source_and_reason):
        """Refuse the association: result and (source, reason) as pdu names them; return the pdu.AssociateReject."""
        reject = pdu.AssociateReject(result, source_and_reason[0], source_and_reason[1])
        self._happen(states.EVT_ASSOCIATE_REJECT, pdu.associate_reject(reject))
        return reject

    def release(self):
        """Ask for the end of the association."""
        self._happen(states.EVT_RELEASE_REQUEST)

    def release_answer(self):
        """Agree to the end of the association that the peer asked for."""
        self._happen(states.EVT_RELEASE_RESPONSE)

    def abort(self, words):
        """Break the association off as its user; `words` say why, for our own side."""
        if self._state in (states.IDLE, states.AWAIT_ASSOCIATE_RQ):
            self._close = True
            self._deaf = True
            self._state = states.IDLE
        elif self._state != states.AWAIT_CLOSE:
            self._happen(states.EVT_ABORT_REQUEST)
        self._pending = [Aborted(pdu.Abort(pdu.ABORT_BY_USER, 0), False, words)]

    def payload_limit(self):
        """Return how many octets of payload one of our PDUs may carry: even, as fragments are to be (PS3.8 E.1)."""
        limit = self.peer_max_pdu_bytes
        if limit == 0 or limit > _LARGEST_PAYLOAD + 6:
            return _LARGEST_PAYLOAD
        return (limit - 6) & ~1

    def data_header(self, context_id, length, is_last):
        """Return the octets that go before `length` octets of a data set, which the caller sends itself."""
        self._happen(states.EVT_DATA_REQUEST)
        return pdu.data_header(context_id, length, False, is_last)

    def command(self, context_id, octets):
        """Send a whole command set, in as many PDUs as the peer's limit asks for."""
        self._happen(states.EVT_DATA_REQUEST)
        limit = self.payload_limit()
        begin = 0
        while True:
            rest = len(octets) - begin
            is_last = rest <= limit
            count = rest if is_last else limit
            self._outgoing.append(pdu.data_header(context_id, count, True, is_last))
            self._outgoing.append(octets[begin : begin + count])
            begin += count
            if is_last:
                return

    # The table and its actions

    def _step(self, event):
        """Return (action, next state) of the table; LocalError when the event cannot happen now."""
        step = states.TABLE.get((event, self._state))
        if step is None:
            raise LocalError("event %d cannot happen in state %d of the association" % (event, self._state))
        return step

    def _happen(self, event, detail=None):
        action, self._state = self._step(event)
        ACTIONS[action](self, detail)

    def _watch_pdu(self):
        """Note since when the PDU that is only partly here has been arriving."""
        arriving = self._framing.arriving()
        if arriving != self._arriving:
            self._arriving = arriving
            self._pdu_began_ms = self._now_ms if arriving else None

    def _invalid(self, error):
        """Answer octets that cannot be read on: Evt19, and no more is read."""
        self._deaf = True
        reason = pdu.UNRECOGNIZED_PDU if isinstance(error, framing.UnrecognizedPdu) else pdu.INVALID_PARAMETER
        self._happen(states.EVT_INVALID_PDU, (reason, str(error)))

    def _start_artim(self):
        """Let ARTIM run until the peer has closed the transport, as it is to do now."""
        self._artim_ms = self._now_ms + self._limits.closing_ms

    def _end(self, event):
        """Let the transport be closed, and tell `event` unless it is None."""
        self._artim_ms = None
        self._close = True
        self._deaf = True
        if event is not None:
            self._pending.append(event)

    def _ae_1(self, _):
        """Issue the transport connect request: the owner does, and calls connected()."""

    def _ae_2(self, _):
        self._outgoing.append(pdu.associate_request(self._request))

    def _ae_3(self, body):
        accept = pdu.read_associate_accept(body)
        self.accepted = contexts.agreed(self._request.proposals, accept.answers)
        self._set_peer_limit(accept.user.max_pdu_bytes)
        self._pending.append(Established(accept))

    def _ae_4(self, body):
        self._end(Rejected(pdu.read_associate_reject(body)))

    def _ae_5(self, _):
        self._artim_ms = self._now_ms + self._limits.artim_ms

    def _ae_6(self, body):
        self._artim_ms = None
        request = pdu.read_associate_request(body)
        self._request = request
        if request.version_1:
            self._set_peer_limit(request.user.max_pdu_bytes)
            self._pending.append(Requested(request))
        else:
            self.reject(pdu.REJECTED_PERMANENT, pdu.PROTOCOL_VERSION_NOT_SUPPORTED)

    def _ae_7(self, octets):
        self._outgoing.append(octets)

    def _ae_8(self, octets):
        self._outgoing.append(octets)
        self._start_artim()

    def _dt_1(self, _):
        """The P-DATA-TF PDU is made by the method that raised the event."""

    def _dt_2(self, piece):
        self._pending.append(piece)

    def _ar_1(self, _):
        self._outgoing.append(pdu.RELEASE_RQ)

    def _ar_2(self, _):
        self._pending.append(ReleaseAsked(False))

    def _ar_3(self, _):
        self._end(Released())

    def _ar_4(self, _):
        self._outgoing.append(pdu.RELEASE_RP)
        self._start_artim()

    def _ar_5(self, _):
        self._end(None)

    def _ar_8(self, _):
        if not self._is_requestor:
            self._state = states.COLLISION_ACCEPTOR
        self._pending.append(ReleaseAsked(True))

    def _ar_9(self, _):
        self._outgoing.append(pdu.RELEASE_RP)

    def _ar_10(self, _):
        self._pending.append(Released())

    def _aa_1(self, detail):
        """Abort as the service user, or as the provider where octets could not be understood."""
        if _is_reason(detail):
            self._outgoing.append(pdu.abort(pdu.ABORT_BY_PROVIDER, detail[0]))
            self._pending.append(Aborted(pdu.Abort(pdu.ABORT_BY_PROVIDER, detail[0]), False, detail[1]))
        else:
            self._outgoing.append(pdu.abort(pdu.ABORT_BY_USER, 0))
        self._start_artim()

    def _aa_2(self, _):
        self._end(None)

    def _aa_3(self, body):
        abort = pdu.read_abort(body)
        self._end(Aborted(abort, True, pdu.abort_words(abort)))

    def _aa_4(self, _):
        self._end(Lost())

    def _aa_5(self, _):
        self._end(None)

    def _aa_6(self, _):
        """Ignore a PDU that comes while the transport is closing."""

    def _aa_7(self, _):
        self._outgoing.append(pdu.abort(pdu.ABORT_BY_PROVIDER, pdu.UNEXPECTED_PDU))

    def _aa_8(self, detail):
        reason, words = pdu.UNEXPECTED_PDU, "the peer sent a PDU that has no place in this state"
        if _is_reason(detail):
            reason, words = detail
        self._outgoing.append(pdu.abort(pdu.ABORT_BY_PROVIDER, reason))
        self._pending.append(Aborted(pdu.Abort(pdu.ABORT_BY_PROVIDER, reason), False, words))
        self._start_artim()

    def _set_peer_limit(self, max_pdu_bytes):
        if 0 < max_pdu_bytes < _SMALLEST_PDU:
            raise LimitError("the peer takes PDUs of at most %d octets, too few to send anything" % max_pdu_bytes)
        self.peer_max_pdu_bytes = max_pdu_bytes


def _is_reason(detail):
    """Say whether the detail of an event is (reason, words) of `_invalid`, and not what the peer sent."""
    return isinstance(detail, tuple) and not isinstance(detail, framing.Piece)


ACTIONS = {
    "AE-1": Association._ae_1,
    "AE-2": Association._ae_2,
    "AE-3": Association._ae_3,
    "AE-4": Association._ae_4,
    "AE-5": Association._ae_5,
    "AE-6": Association._ae_6,
    "AE-7": Association._ae_7,
    "AE-8": Association._ae_8,
    "DT-1": Association._dt_1,
    "DT-2": Association._dt_2,
    "AR-1": Association._ar_1,
    "AR-2": Association._ar_2,
    "AR-3": Association._ar_3,
    "AR-4": Association._ar_4,
    "AR-5": Association._ar_5,
    "AR-6": Association._dt_2,  # P-DATA that crosses our release is still data
    "AR-7": Association._dt_1,
    "AR-8": Association._ar_8,
    "AR-9": Association._ar_9,
    "AR-10": Association._ar_10,
    "AA-1": Association._aa_1,
    "AA-2": Association._aa_2,
    "AA-3": Association._aa_3,
    "AA-4": Association._aa_4,
    "AA-5": Association._aa_5,
    "AA-6": Association._aa_6,
    "AA-7": Association._aa_7,
    "AA-8": Association._aa_8,
}
