"""An association that we ask for: the service class user's side, over one blocking socket.

    link = associate("10.0.0.5", 104, calling="EDGE", called="PACS", wanted=[(sop class, (transfer syntaxes,)), ...])
    context_id = link.context_for(sop_class, transfer_syntax)
    reply = link.store(context_id, sop_class, sop_instance, fd, offset, length)
    link.release()

A data set that leaves as it lies on disk is copied by the kernel (sendfile) and never enters this process; small ones,
where system calls cost more than copying, go out together with their command set in one call.
"""

import errno
import os
from collections import namedtuple

from edge.dicom import uid
from edge.dicom.errors import DicomError
from edge.net import channel, reach, transport
from edge.net.tls import Unusable
from edge.protocol import association, command, contexts, dimse, echo, items, pdu, status, store

NAME = "name"
TCP = "tcp"
TLS = "tls"
ASSOCIATION = "association"
DIMSE = "dimse"

CHECK_CALLED = "check the destination's ae_title"  # advice, which is another one where there is no destination

_TOGETHER_BYTES = 262144  # payload read and sent in one go where PDUs are small
_KERNEL_PDU_BYTES = 65536  # PDUs from this size on are left to sendfile
_WINDOW_BYTES = 16384

# code: DIMSE status; comment: the peer's own words, "" for none
Reply = namedtuple("Reply", ("code", "comment"))


class LinkFailure(Exception):
    """The link to a destination failed; nothing is said about any object.

    layer: the first that failed (NAME, TCP, TLS, ASSOCIATION, DIMSE); permanent: whether trying again without a change
    at either end is pointless; reason: what happened and what to do, in words; by_peer: whether the peer aborted in the
    middle of a request, or had all of one and gave no answer to it, so that what was asked may be why; unsaid: whether
    the peer refused the association and did not say why, so that other contexts might suit it.
    """

    def __init__(self, layer, reason, permanent=False, by_peer=False, unsaid=False):
        super().__init__(reason)
        self.layer = layer
        self.reason = reason
        self.permanent = permanent
        self.by_peer = by_peer
        self.unsaid = unsaid


class ShortFile(OSError):
    """A file ended before all of its data set had been sent; the association was aborted."""

    def __init__(self, missing):
        super().__init__("the file ended %d octets early" % missing)


# How to reach and treat a peer. connect_ms, dimse_ms: limits of time for a connection or association, and for an
# answer; max_pdu_bytes: the longest P-DATA-TF body we take, and an upper limit for those we send; pace: the pace.Pace
# that all associations with this peer keep to together, None for as fast as it goes
Terms = namedtuple("Terms", ("connect_ms", "dimse_ms", "max_pdu_bytes", "pace"), defaults=(None,))

DEFAULT_TERMS = Terms(10000, 60000, 131072)


def associate(host, port, calling, called, wanted, terms=DEFAULT_TERMS, tls=None, kind=None, roles=()):
    """Open an association and return its Link, or one of the `kind` (a class) given.

    wanted: list of (abstract syntax, tuple of transfer syntaxes), one presentation context each, at most 128; tls: the
    tls.Client to meet the peer with, None to do it without encryption; roles: of items.Role. Raises LinkFailure.
    """
    me = uid.IMPLEMENTATION_CLASS_UID, uid.IMPLEMENTATION_VERSION_NAME
    user = items.user_information(terms.max_pdu_bytes, *me, roles=roles)
    request = pdu.request(called, calling, contexts.propose(wanted), user)
    wire = _connect(host, port, terms, tls)
    wire = wire if terms.pace is None else transport.Paced(wire, terms.pace)
    link = (kind or Link)(wire, request, terms, "%s:%d" % (host, port))
    try:
        link.open()
    except BaseException:
        link.close()
        raise
    return link


def _connect(host, port, terms, tls):
    try:
        connected = reach.connect(host, port, terms.connect_ms)
    except reach.Unreachable as failed:
        raise LinkFailure(NAME if failed.is_name else TCP, str(failed)) from failed
    if tls is None:
        return transport.Wire(connected, terms.dimse_ms)
    try:
        return channel.Wire(connected, terms.dimse_ms, channel.connect(connected, tls, host, terms.connect_ms))
    except (channel.Failed, Unusable) as failed:
        connected.close()
        words = str(failed) if isinstance(failed, Unusable) else "no TLS with %s port %d: %s" % (host, port, failed)
        raise LinkFailure(TLS, words) from failed


class Link:
    """An association as its requestor sees it. Not for use by several threads at once."""

    def __init__(self, wire, request, terms, peer):
        limits = association.Limits(
            _WINDOW_BYTES,
            terms.max_pdu_bytes,
            association.DEFAULT_LIMITS.associate_bytes,
            terms.connect_ms,
            association.DEFAULT_LIMITS.closing_ms,
            terms.dimse_ms,
            terms.dimse_ms,
        )
        self.peer = peer
        self._wire = wire
        self._terms = terms
        self._association = association.Association(limits, transport.now_ms())
        self._association.associate(request)
        self._messages = dimse.Messages()
        self._message_id = 0
        self._by_pair = {}
        self._open = False
        self._peer_had_all = False  # whether all that was sent had reached the peer when the transport was closed

    # Opening and closing

    def open(self):
        """Negotiate; called once, by `associate`."""
        self._association.connected(transport.now_ms())
        self.roles = self._exchange(association.Established).accept.user.roles  # that the peer agreed to
        for context in self._association.accepted.values():
            self._by_pair[(context.abstract_syntax, context.transfer_syntax)] = context.id
        self._open = True

    @property
    def is_open(self):
        """Whether the association stands, as far as this side knows."""
        return self._open

    def is_quiet(self):
        """Say whether the association stands and the peer has sent nothing since the last answer, not even its end."""
        return self._open and self._wire.is_quiet()

    @property
    def encryption(self):
        """How the connection is encrypted and what the peer showed, in words; "" without TLS."""
        return self._wire.encryption()

    @property
    def accepted(self):
        """The contexts agreed on, a list of contexts.Accepted in ascending order of their IDs."""
        agreed = self._association.accepted
        return [agreed[context_id] for context_id in sorted(agreed)]

    def octets_sent(self):
        """Return how many octets of this association the peer has acknowledged, None where that is not known."""
        return transport.acknowledged(self._wire.socket)

    def context_for(self, abstract_syntax, transfer_syntax):
        """Return the ID of the accepted context with both syntaxes, or None."""
        return self._by_pair.get((abstract_syntax, transfer_syntax))

    def release(self):
        """End the association in order; a peer that does not answer is left behind without an error."""
        if self._open:
            try:
                self._association.release()
                self._exchange(association.Released)
            except (LinkFailure, DicomError):
                pass
        self.close()

    def abort(self):
        """Break the association off."""
        if self._open:
            self._association.abort("given up")
        self._hang_up()

    def interrupt(self):
        """Make whatever another thread is doing with this association fail at once."""
        self._wire.cut()

    def close(self):
        """Close the transport, whatever state the association is in."""
        self._open = False
        self._wire.close()

    def _hang_up(self):
        """Close the transport after the association's last word, if it has one and the peer still takes it."""
        self._peer_had_all = not transport.unacknowledged(self._wire.socket)
        octets = self._association.outgoing()
        if octets:
            try:
                self._wire.send(octets)
            except OSError:
                pass
        self.close()

    # Services

    def echo(self):
        """Verify the peer with C-ECHO; return its status code."""
        context_id = self._context_of(echo.SOP_CLASS)
        self._association.command(context_id, echo.request(self._next_message_id()))
        self._flush()
        return self.reply().code

    def store(self, context_id, sop_class, sop_instance, fd, offset, length):
        """Send `length` octets of the file `fd` from `offset` on as the data set of a C-STORE; return its Reply.

        They must be in the transfer syntax of the context. Raises LinkFailure when the link breaks on the way, OSError
        when the file cannot be read.
        """
        self.begin_store(context_id, sop_class, sop_instance, fd, offset, length)
        return self.reply()

    # The same in two steps: what a sender has to do besides, it does while the peer works on what was sent

    def begin_store(self, context_id, sop_class, sop_instance, fd, offset, length):
        """Send a C-STORE as `store` does, without waiting for its reply; `reply` has to be called next."""
        command_octets = self._store_command(context_id, sop_class, sop_instance)
        limit = self._payload_limit()
        if length > _TOGETHER_BYTES and limit >= _KERNEL_PDU_BYTES:
            self._send_file(command_octets, context_id, fd, offset, length, limit)
        else:
            self._send_together(command_octets, context_id, fd, offset, length, limit)

    def begin_store_octets(self, context_id, sop_class, sop_instance, octets):
        """Send a C-STORE whose data set is `octets`, without waiting for its reply."""
        parts = [self._store_command(context_id, sop_class, sop_instance)]
        self._add_payload(parts, context_id, memoryview(octets), self._payload_limit(), True)
        self._send_parts(parts)

    def begin_store_from(self, context_id, sop_class, sop_instance, chunks):
        """Send a C-STORE whose data set `chunks`, an iterator of bytes-like objects, makes up, without its reply.

        Raises LinkFailure when the link breaks. What the iterator raises goes through, after the association has been
        aborted, since a data set cannot be taken back half sent.
        """
        self._begin_from(self._store_command(context_id, sop_class, sop_instance), context_id, chunks)

    def _begin_from(self, command_octets, context_id, chunks):
        """Send a command set and the data set that `chunks` makes up."""
        held = bytearray(command_octets)
        limit = self._payload_limit()
        payload = bytearray()
        try:
            for chunk in chunks:
                payload += chunk
                while len(payload) > limit:
                    held += self._association.data_header(context_id, limit, False)
                    held += payload[:limit]
                    del payload[:limit]
                    if len(held) >= _TOGETHER_BYTES:
                        self._send_parts([held])
                        held = bytearray()
        except LinkFailure:
            raise
        except BaseException:
            self.abort()
            raise
        held += self._association.data_header(context_id, len(payload), True)
        self._send_parts([held, payload])

    def _store_command(self, context_id, sop_class, sop_instance):
        self._association.command(context_id, store.request(self._next_message_id(), sop_class, sop_instance))
        return self._association.outgoing()

    # How octets leave

    def _payload_limit(self):
        limit = min(self._association.payload_limit(), max(2, self._terms.max_pdu_bytes - 6) & ~1)
        return limit if self._terms.pace is None else min(limit, self._terms.pace.pdu_bytes)

    def _send_together(self, command_octets, context_id, fd, offset, length, limit):
        parts = [command_octets]
        left = length
        while True:
            octets = memoryview(self._read(fd, min(left, _TOGETHER_BYTES // limit * limit or limit), offset))
            if not octets and left:
                self.abort()
                raise ShortFile(left)
            left -= len(octets)
            offset += len(octets)
            self._add_payload(parts, context_id, octets, limit, not left)
            self._send_parts(parts)
            if not left:
                return
            parts = []

    def _add_payload(self, parts, context_id, octets, limit, is_last):
        """Add `octets` (a view) to `parts` as PDUs of at most `limit` octets of payload."""
        header = self._association.data_header
        if len(octets) <= limit:
            parts.append(header(context_id, len(octets), is_last))
            parts.append(octets)
            return
        for begin in range(0, len(octets), limit):
            payload = octets[begin : begin + limit]
            parts.append(header(context_id, len(payload), is_last and begin + limit >= len(octets)))
            parts.append(payload)

    def _read(self, fd, count, offset):
        try:
            return os.pread(fd, count, offset)
        except OSError:
            self.abort()
            raise

    def _send_file(self, command_octets, context_id, fd, offset, length, limit):
        head = command_octets
        end = offset + length
        try:
            while offset < end:
                count = min(limit, end - offset)
                head += self._association.data_header(context_id, count, offset + count == end)
                sent = self._wire.send_file(head, fd, offset, count)
                if sent < count:
                    raise ShortFile(end - offset - sent)
                offset += sent
                head = b""
        except OSError as error:
            if isinstance(error, ShortFile) or error.errno == errno.EIO:
                self.close()  # in the middle of a PDU, where an A-ABORT would be taken for payload
                raise
            raise self._broken(error) from error

    def _send_parts(self, parts):
        try:
            for begin in range(0, len(parts), 512):
                self._wire.send_parts(parts[begin : begin + 512])
        except OSError as error:
            raise self._broken(error) from error

    def _broken(self, error):
        """Return the LinkFailure for a send that failed: the peer may have said why before it closed."""
        failure = LinkFailure(DIMSE, "the link to %s broke while sending: %s" % (self.peer, reach.why(error)))
        if not isinstance(error, BlockingIOError):
            try:
                self._wait(association.Released)
            except LinkFailure as said:
                failure = said
        self.close()
        return failure

    # How answers come

    def _next_message_id(self):
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    def _context_of(self, abstract_syntax):
        for context in self.accepted:
            if context.abstract_syntax == abstract_syntax:
                return context.id
        raise LinkFailure(ASSOCIATION, "%s did not accept %s" % (self.peer, uid.name(abstract_syntax)), True)

    def _exchange(self, awaited):
        self._flush()
        return self._wait(awaited)

    def _flush(self):
        octets = self._association.outgoing()
        if octets:
            try:
                self._wire.send(octets)
            except OSError as error:
                raise self._broken(error) from error

    def reply(self):
        """Return the Reply to the request that was sent last; LinkFailure when none comes."""
        while True:
            try:
                response = self._wait(association.Data)
            except LinkFailure as failure:
                failure.by_peer = failure.by_peer or self._peer_had_all  # otherwise it was the line that lost it
                raise
            elements = response.elements
            if elements.get(command.MESSAGE_ID_RESPONDED_TO) != self._message_id:
                raise self._give_up("%s answered a message that was not sent" % self.peer)
            code = elements.get(command.STATUS)
            if code is None:
                raise self._give_up("%s answered without a status" % self.peer)
            if status.judge(code) != status.PENDING:
                return Reply(code, elements.get(command.ERROR_COMMENT, ""))

    def _give_up(self, words):
        self.abort()
        return LinkFailure(DIMSE, words)

    def _wait(self, awaited):
        """Receive until an event of the type `awaited` has come, and return it.

        For Data, that is the dimse.Command made of it. The limit of time begins anew as long as the peer still takes
        what was sent: on a thin line that may lie in the kernel's buffer for minutes.
        """
        engine = self._association
        limit_ms = self._limit_ms()
        deadline_ms = transport.now_ms() + limit_ms
        under_way = transport.unacknowledged(self._wire.socket)
        while True:
            event = engine.next_event()
            if event is None:
                if engine.finished():
                    raise self._failure(association.Lost())
                if not self._receive(deadline_ms):
                    before, under_way = under_way, transport.unacknowledged(self._wire.socket)
                    if under_way >= before:
                        raise self._silent()
                    deadline_ms = transport.now_ms() + limit_ms
            elif isinstance(event, association.Data):
                try:
                    message = self._messages.take(event)
                except DicomError as error:
                    raise self._give_up("%s broke the protocol: %s" % (self.peer, error)) from error
                if awaited is association.Data and isinstance(message, dimse.Command):
                    return message
            elif isinstance(event, awaited):
                return event
            else:
                raise self._failure(event)

    def _receive(self, deadline_ms):
        """Receive what comes by then; say whether it came in time, or there is time left."""
        engine = self._association
        now_ms = transport.now_ms()
        if now_ms >= deadline_ms:
            return False
        count = self._wire.receive_into(engine.window(), deadline_ms - now_ms)
        now_ms = transport.now_ms()
        if count:
            engine.filled(count, now_ms)
        elif count == 0:
            engine.lost(now_ms)
        return count is not None or now_ms < deadline_ms

    def _silent(self):
        """Give the association up, and return the LinkFailure for that."""
        self._association.abort("no answer")
        failure = LinkFailure(self._layer(), "%s did not answer within %d s" % (self.peer, self._limit_ms() // 1000))
        if transport.unacknowledged(self._wire.socket):
            transport.forget(self._wire.socket)
        self._hang_up()
        return failure

    def _limit_ms(self):
        return self._terms.dimse_ms if self._open else self._terms.connect_ms

    def _layer(self):
        return DIMSE if self._open else ASSOCIATION

    def _failure(self, event):
        """Return the LinkFailure that `event`, which ended the association, comes to."""
        layer = self._layer()
        permanent = by_peer = False
        unsaid = not self._open
        if isinstance(event, association.Rejected):
            reject = event.reject
            permanent = reject.result == pdu.REJECTED_PERMANENT
            unsaid = (reject.source, reject.reason) in pdu.NO_REASON_GIVEN
            advice = _REJECT_ADVICE.get((reject.source, reject.reason), "")
            words = "%s: %s%s" % (self.peer, pdu.reject_words(reject), advice)
        elif isinstance(event, association.Aborted):
            words = "%s: %s" % (self.peer, event.words)
            by_peer = event.by_peer and self._open
        elif isinstance(event, association.ReleaseAsked):
            self._association.release_answer()
            words = "%s ended the association" % self.peer
        elif self._wire.failure is not None:
            layer, words = TLS, "%s broke the encryption off: %s" % (self.peer, self._wire.failure)
        elif isinstance(self._wire, channel.Wire) and not self._open:
            layer, words = TLS, "%s %s" % (self.peer, _LEFT)
        else:
            words = "%s closed the connection" % self.peer
        self._hang_up()
        return LinkFailure(layer, words, permanent, by_peer, unsaid)


_LEFT = (
    "closed the connection right after the TLS handshake: it may not take this box's certificate, or have no room for "
    "an association; see its log"
)
_REJECT_ADVICE = {
    pdu.CALLING_NOT_RECOGNIZED: "; the peer must be told of this box's AE title",
    pdu.CALLED_NOT_RECOGNIZED: "; " + CHECK_CALLED,
    pdu.LOCAL_LIMIT_EXCEEDED: "; it has too many associations open",
}
