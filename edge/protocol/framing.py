"""Cut a byte stream into PDUs without copying payload.

A PDU opens with one octet of type, one reserved, and a length of four (PS3.8 9.3.1). The six PDUs that steer an
association are short and are collected whole, each up to a limit. A P-DATA-TF PDU is never collected: its Presentation
Data Values (PS3.8 9.3.5.1: length, context, control header, payload) are passed on as views into the window, in pieces
as they arrive, so that memory does not grow with what a peer sends. Every length is held against what is left of its
container, and against what was agreed, before one octet is stored for it.

The window is allocated once. A view is good until the next call of `window()`.
"""

from collections import namedtuple

from edge.dicom.errors import LimitError, PeerError
from edge.dicom.octets import get_data_header, get_u32_be

ASSOCIATE_RQ = 0x01
ASSOCIATE_AC = 0x02
ASSOCIATE_RJ = 0x03
P_DATA_TF = 0x04
RELEASE_RQ = 0x05
RELEASE_RP = 0x06
ABORT = 0x07

_HEADER_BYTES = 6
_PDV_HEADER_BYTES = 6
_DATA_HEADER_BYTES = _HEADER_BYTES + _PDV_HEADER_BYTES
_RUN_VIEWS = 256  # in one Piece at most: fewer than the parts that one system call takes
_FIXED_BYTES = 4  # body of every PDU but A-ASSOCIATE-RQ, A-ASSOCIATE-AC and P-DATA-TF

# kind: the PDU type; body: bytes after the six of the header
Pdu = namedtuple("Pdu", ("kind", "body"))
# What the window holds of one message, of one PDV or of several that follow each other. context_id: int; is_command:
# bit 0 of the control header; is_last: whether this is the end of the message's command set or data set; views: list of
# the payload's views, in order
Piece = namedtuple("Piece", ("context_id", "is_command", "is_last", "views"))


class UnrecognizedPdu(PeerError):
    """The type of a PDU is none of those of PS3.8 9.3.1."""


class Framing:
    """A window of `window_bytes` octets, and where in the stream of PDUs it stands."""

    def __init__(self, window_bytes, pdu_limit, whole_limit):
        """Allocate the window.

        pdu_limit: the longest P-DATA-TF body accepted, in octets (our maximum length, PS3.8 D.1).
        whole_limit: the longest body of a PDU that is collected, in octets.
        """
        self._octets = bytearray(window_bytes)
        self._view = memoryview(self._octets)
        self._begin = 0
        self._end = 0
        self._pdu_limit = pdu_limit
        self._whole_limit = whole_limit
        self._whole = None  # bytearray of the PDU being collected
        self._kind = 0
        self._left = 0  # octets of the present PDU's body still to come
        self._pdv_left = 0  # octets of the present PDV's payload still to come
        self._context_id = 0
        self._is_command = False
        self._ends_message = False
        self._consumed = 0  # octets of the stream before the window
        self._opened = 0  # PDUs whose header has been read

    def window(self):
        """Return the free part of the window, to receive into; views handed out before are no longer good."""
        rest = self._end - self._begin
        if self._begin:
            if rest:
                self._view[:rest] = bytes(self._view[self._begin : self._end])
            self._consumed += self._begin
            self._begin = 0
            self._end = rest
        return self._view[rest:]

    def filled(self, count):
        """Say that `count` octets were received into what `window()` returned."""
        if not 0 <= count <= len(self._octets) - self._end:
            raise ValueError("filled(%d) goes beyond the window" % count)
        self._end += count

    def discard(self):
        """Forget what was received and not yet read."""
        self._consumed += self._end
        self._begin = 0
        self._end = 0

    def widen(self, window_bytes):
        """Go on with a window of `window_bytes` octets; what was received and not yet read moves there."""
        rest = bytes(self._view[self._begin : self._end])
        if window_bytes <= len(rest):
            raise ValueError("a window of %d octets cannot hold the %d received" % (window_bytes, len(rest)))
        self._consumed += self._begin
        self._octets = bytearray(window_bytes)
        self._view = memoryview(self._octets)
        self._view[: len(rest)] = rest
        self._begin = 0
        self._end = len(rest)

    def arriving(self):
        """Return the ordinal of the PDU that has begun to arrive and is not complete, 0 when there is none."""
        if self._left or self._pdv_left or self._whole is not None:
            return self._opened
        if self._end > self._begin:
            return self._opened + 1
        return 0

    def next(self):
        """Return the next Pdu or Piece, or None when more octets are needed.

        Raises PeerError for a structure that breaks PS3.8 9.3, LimitError for one longer than agreed; the stream
        cannot be read on after either.
        """
        while True:
            have = self._end - self._begin
            if self._pdv_left:
                if not have:
                    return None
                return self._piece(have)
            if self._whole is not None:
                return self._collect(have)
            if self._left:
                if have < _PDV_HEADER_BYTES:
                    if self._left < _PDV_HEADER_BYTES:
                        raise PeerError("%d octets at the end of a P-DATA-TF PDU hold no PDV" % self._left, self._at())
                    return None
                if self._open_pdv():
                    return self._piece(0)
                continue
            if have < _HEADER_BYTES:
                return None
            self._open_pdu()

    def _at(self):
        return self._consumed + self._begin

    def _open_pdu(self):
        view = self._view
        begin = self._begin
        kind = view[begin]
        length = get_u32_be(view, begin + 2)
        if kind == P_DATA_TF:
            if length > self._pdu_limit:
                message = "P-DATA-TF PDU of %d octets, at most %d were agreed" % (length, self._pdu_limit)
                raise LimitError(message, self._at())
            if length < _PDV_HEADER_BYTES:
                raise PeerError("P-DATA-TF PDU of %d octets holds no PDV" % length, self._at())
            self._left = length
        elif kind == ASSOCIATE_RQ or kind == ASSOCIATE_AC:
            if length > self._whole_limit:
                message = "A-ASSOCIATE PDU of %d octets, the limit is %d" % (length, self._whole_limit)
                raise LimitError(message, self._at())
            self._left = length
            self._whole = bytearray()
        elif ASSOCIATE_RJ <= kind <= ABORT:
            if length != _FIXED_BYTES:
                raise PeerError("PDU of type %02XH has a length of %d, not 4" % (kind, length), self._at())
            self._left = length
            self._whole = bytearray()
        else:
            raise UnrecognizedPdu("unrecognized PDU type %02XH" % kind, self._at())
        self._kind = kind
        self._begin = begin + _HEADER_BYTES
        self._opened += 1

    def _open_pdv(self):
        """Read a PDV's header; return True when the PDV has no payload."""
        view = self._view
        begin = self._begin
        length = get_u32_be(view, begin)
        if length < 2:
            raise PeerError("PDV length %d has no room for context and control header" % length, self._at())
        if length + 4 > self._left:
            raise PeerError("PDV length %d exceeds the %d left in its PDU" % (length, self._left - 4), self._at())
        control = view[begin + 5]
        self._context_id = view[begin + 4]
        self._is_command = bool(control & 1)
        self._ends_message = bool(control & 2)
        self._left -= 4 + length
        self._pdv_left = length - 2
        self._begin = begin + _PDV_HEADER_BYTES
        return length == 2

    def _piece(self, have):
        """Return what the window holds of the message whose PDV is open: of that PDV, and of more like it behind."""
        views = []
        while True:
            count = self._pdv_left
            if have < count:
                count = have
            begin = self._begin
            self._begin = begin + count
            self._pdv_left -= count
            views.append(self._view[begin : begin + count])
            if self._pdv_left or self._ends_message or self._left or len(views) == _RUN_VIEWS:
                break
            if not self._open_like():
                break
            have = self._end - self._begin
        is_last = self._ends_message and not self._pdv_left
        return Piece(self._context_id, self._is_command, is_last, views)

    def _open_like(self):
        """Open the next PDU when it is a plain continuation, one PDV of the same message; say whether it was.

        Whatever else stands there is left for `next`, which knows what to say of it.
        """
        begin = self._begin
        if self._end - begin < _DATA_HEADER_BYTES:
            return False
        kind, length, pdv_length, context_id, control = get_data_header(self._octets, begin)
        if kind != P_DATA_TF or length > self._pdu_limit or length != pdv_length + 4 or pdv_length < 2:
            return False
        if context_id != self._context_id or bool(control & 1) != self._is_command:
            return False
        self._ends_message = bool(control & 2)
        self._pdv_left = pdv_length - 2
        self._begin = begin + _DATA_HEADER_BYTES
        self._opened += 1
        return True

    def _collect(self, have):
        count = self._left
        if have < count:
            count = have
        self._whole.extend(self._view[self._begin : self._begin + count])
        self._begin += count
        self._left -= count
        if self._left:
            return None
        pdu = Pdu(self._kind, bytes(self._whole))
        self._whole = None
        return pdu
