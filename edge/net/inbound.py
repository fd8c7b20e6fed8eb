"""One accepted association, from its socket to the spool: the service class provider's side.

A thread runs each. Payload goes from the socket into the association's window, and from there as views into the partial
file of `spool.intake`: no object is ever whole in memory. A C-STORE response is sent when `commit` has returned, which
is when the object would survive a power cut.
"""

import logging
import time
from collections import namedtuple

from edge.dicom.errors import DicomError
from edge.net import transport, witness
from edge.protocol import association, command, commitment, dimse, echo, status, store
from edge.spool.errors import Degraded, Mismatch, NoSpace, Unreadable

WINDOW_BYTES = 262144  # two of the longest PDUs that DCMTK sends: a receive rarely finds less than it has room for

_REFUSALS_TOLD = 3  # of an association and a status that the log tells of: who is refused may send thousands
_REST_MS = 1000  # an association that has sent nothing for so long, between two messages, is at rest

_log = logging.getLogger("edge.net")

# Who is at the other end. calling, called: AE titles, "" for a blank one; address: str; certificate: words for the one
# that was shown, "" for none
Peer = namedtuple("Peer", ("calling", "called", "address", "certificate"), defaults=("",))


class Summary:
    """What one association came to, for the log and the console.

    peer: Peer; began_ms: by the clock that never steps, began: s since 1970; proposals: of contexts, and accepted:
    {id: contexts.Accepted} as they were answered; end: one of witness's words, "" while it is open; ended: in words.
    """

    def __init__(self, peer, began_ms, proposals=(), accepted=None):
        self.peer = peer
        self.began_ms = began_ms
        self.began = time.time()
        self.proposals = proposals
        self.accepted = {} if accepted is None else accepted
        self.stored = 0  # objects answered with success
        self.refused = 0  # objects answered with a failure
        self.echoes = 0
        self.payload_bytes = 0
        self.end = ""
        self.ended = ""

    def end_with(self, end, words):
        """Take note how it ended, unless that is known already."""
        if not self.end:
            self.end, self.ended = end, words

    def words(self, now_ms):
        """Say it in one line."""
        return "association of %s at %s%s with %s: %d stored, %d refused, %d echoes, %d octets in %.1f s; %s" % (
            self.peer.calling or "(no title)",
            self.peer.address,
            self.peer.certificate,
            self.peer.called or "(no title)",
            self.stored,
            self.refused,
            self.echoes,
            self.payload_bytes,
            (now_ms - self.began_ms) / 1000,
            self.ended,
        )


class Inbound:
    """An association that was accepted, and the thread's work on it.

    wire: transport.Wire; engine: association.Association, established or about to be; intake: the spool's, of which
    `begin(sop_class, sop_instance, transfer_syntax, source)` and `keep_up()` are called; source: what the spool keeps
    of where objects came from; routes: function that returns what `Arrival.commit` asks where an object goes, called
    when it begins; object_limit: octets of the longest data set taken; reports: report.Reports, or None where nobody
    commits to anything; tell: function of an event of `witness`; proposals: the contexts that were asked for; awaited:
    awaited.Awaited, or None.
    """

    def __init__(
        self, wire, engine, peer, intake, source, routes, object_limit, reports=None, tell=witness.nobody, proposals=(),
        awaited=None,
    ):  # fmt: skip
        self._wire = wire
        self._engine = engine
        self._intake = intake
        self._source = source
        self._routes = routes
        self._route = None  # of the object under way
        self._object_limit = object_limit
        self._reports = reports
        self._awaited = awaited
        self._report = None  # the one under way
        self._messages = dimse.Messages()
        self._asked = None  # the request whose data set is coming
        self._arrival = None  # where it goes; None when it has been refused
        self._status = status.SUCCESS  # of the request under way, once it is refused
        self._comment = ""
        self._refusals = {}  # status -> objects refused with it
        self._received = 0  # octets of the data set under way
        self._leaving = False
        self._tell = tell
        self._began_s = self._whole_s = 0.0  # when the request under way came, and the last of its data set
        self.summary = Summary(peer, transport.now_ms(), proposals)

    def run(self):
        """Serve the association until it has ended; the socket is closed afterwards."""
        try:
            self._serve()
        except Exception:
            _log.exception("association of %s failed inside this box", self.summary.peer.calling)
            self.summary.end_with(witness.FAILED, "failed inside this box")
        finally:
            self._drop_arrival()
            self._wire.close()
            now_ms = transport.now_ms()
            self.summary.end_with(witness.LOST, "connection lost")
            self._tell(witness.Ended(self.summary, (now_ms - self.summary.began_ms) / 1000))
            _log.info("%s", self.summary.words(now_ms))

    def leave(self, now):
        """End it from another thread: at once when `now`, otherwise if it has come to rest."""
        at_rest = self._asked is None and self._engine.quiet_ms(transport.now_ms()) >= _REST_MS
        if now or at_rest:
            self._leaving = True
            self._wire.interrupt()

    def _serve(self):
        engine = self._engine
        wire = self._wire
        clock = transport.now_ms
        self.summary.accepted = engine.accepted
        now_ms = clock()
        self._drain_events()
        while self._flush() and not engine.finished():
            count = wire.receive_into(engine.window(), max(1, engine.deadline() - now_ms))
            now_ms = clock()
            if count:
                engine.filled(count, now_ms)
                self._drain_events()
                if now_ms >= engine.deadline():
                    engine.tick(now_ms)
                    self._drain_events()
            elif count is None:
                engine.tick(now_ms)
                self._drain_events()
            elif self._leaving and engine.established():
                engine.abort("this box is shutting down")
                self._drain_events()
                self._flush()
                return
            else:
                engine.lost(now_ms)
                self._drain_events()

    def _flush(self):
        octets = self._engine.outgoing()
        if octets:
            try:
                self._wire.send(octets)
            except OSError:
                self._engine.lost(transport.now_ms())
                self._drain_events()
                return False
            self._intake.keep_up()
        return True

    def _drain_events(self):
        engine = self._engine
        while True:
            event = engine.next_event()
            if event is None:
                return
            try:
                if isinstance(event, association.Data):
                    self._take(event)
                else:
                    self._steer(event)
            except DicomError as error:
                engine.abort(str(error))

    def _steer(self, event):
        if isinstance(event, association.ReleaseAsked):
            self._drop_arrival()
            self._engine.release_answer()
            self.summary.end_with(witness.RELEASED, "released")
        elif isinstance(event, association.Aborted):
            self._drop_arrival()
            who = "by the peer" if event.by_peer else "by this box"
            self.summary.end_with(witness.ABORTED, "aborted %s: %s" % (who, event.words))
        elif isinstance(event, association.Lost):
            self._drop_arrival()
            self.summary.end_with(witness.LOST, "connection lost")

    # Messages

    def _take(self, data):
        message = self._messages.take(data)
        if message is data:
            self._payload(data)
        elif message is not None:
            self._command(message)

    def _command(self, message):
        context = self._engine.accepted.get(message.context_id)
        if context is None:
            self._engine.abort("a message in context %d, which was not accepted" % message.context_id)
            return
        field = message.elements[command.COMMAND_FIELD]
        self._status = status.SUCCESS
        self._comment = ""
        self._received = 0
        self._began_s = self._whole_s = time.monotonic()
        self._asked = message
        if field == command.C_STORE_RQ:
            self._open_store(context, store.asked(message))
        elif field == command.N_EVENT_REPORT_RQ and context.abstract_syntax == commitment.SOP_CLASS:
            self._report = self._reports.begin(self.summary.peer.calling, message.elements, context.transfer_syntax)
            if not command.has_data_set(message.elements):
                self._end_report()
        elif field == command.C_ECHO_RQ and context.abstract_syntax == echo.SOP_CLASS:
            self.summary.echoes += 1
        elif field & command.RESPONSE:
            self._engine.abort("a response to a request that was never made")
            return
        elif field == command.C_CANCEL_RQ:
            self._asked = None  # of what has been answered already
        else:
            name = command.NAMES.get(field, "command %04X" % field)
            self._refuse(status.UNRECOGNIZED_OPERATION, "%s is not a service of this context" % name)
        if self._asked is not None and not command.has_data_set(message.elements):
            self._answer()

    def _payload(self, payload):
        for view in payload.views:
            self._received += len(view)
        if self._received > self._object_limit:
            self._drop_arrival()
            self._engine.abort("a data set of more than %d octets, the limit in [limits]" % self._object_limit)
            return
        if self._arrival is not None:
            try:
                self._arrival.write_all(payload.views)
            except (DicomError, OSError) as error:
                self._refuse_for(error)
        if self._report is not None:
            self._report.feed(payload.views)
        if payload.is_last:
            self._whole_s = time.monotonic()
            if self._arrival is not None:
                self._commit()
            if self._report is not None:
                self._end_report()
            self._answer()

    def _end_report(self):
        self._status, self._comment = self._report.finish()
        self._report = None

    def _open_store(self, context, asked):
        if asked.sop_class != context.abstract_syntax:
            self._refuse(status.DATA_SET_MISMATCH, "SOP class of the command is not that of the context")
            return
        try:
            syntax = context.transfer_syntax
            self._route = self._routes()
            if self._awaited is not None:
                self._route = self._awaited.route(asked.elements, self._route)
            self._arrival = self._intake.begin(asked.sop_class, asked.sop_instance, syntax, self._source)
        except (DicomError, OSError) as error:
            self._refuse_for(error)

    def _commit(self):
        arrival = self._arrival
        try:
            arrival.commit(self._route)
            self._arrival = None
        except (DicomError, OSError) as error:
            self._refuse_for(error)

    def _answer(self):
        """Send the response to the request under way."""
        asked = self._asked
        self._asked = None
        if command.C_STORE_RQ == asked.elements[command.COMMAND_FIELD]:
            self._count(self._status == status.SUCCESS)
        response = dimse.answer_to(asked.elements, self._status, self._comment)
        if self._engine.can_send():
            self._engine.command(asked.context_id, command.encode(response))
            self._engine.refresh(transport.now_ms())

    def _count(self, is_stored):
        """Count an object, before the peer hears what became of it."""
        if is_stored:
            self.summary.stored += 1
            self.summary.payload_bytes += self._received
        else:
            self.summary.refused += 1
        received_s, settled_s = self._whole_s - self._began_s, time.monotonic() - self._whole_s
        self._tell(witness.Received(self._received, received_s, settled_s, is_stored))

    def _refuse(self, code, comment):
        self._drop_arrival()
        self._status = code
        self._comment = comment
        count = self._refusals[code] = self._refusals.get(code, 0) + 1
        level = logging.WARNING if count <= _REFUSALS_TOLD else logging.DEBUG
        more = "; further ones of this association are only counted" if count == _REFUSALS_TOLD else ""
        words = "refused an object of %s: %s: %s%s"
        _log.log(level, words, self.summary.peer.calling, status.words(code), comment, more)

    def _refuse_for(self, error):
        self._refuse(status_of(error), str(error))

    def _drop_arrival(self):
        if self._arrival is not None:
            self._arrival.abandon()
            self._arrival = None


# Which failure of the intake is which status (PS3.4 B.2.3), the first that fits
_STATUS_OF = (
    (NoSpace, status.OUT_OF_RESOURCES),
    (Degraded, status.OUT_OF_RESOURCES),
    (Mismatch, status.DATA_SET_MISMATCH),
    (Unreadable, status.CANNOT_UNDERSTAND),
    (DicomError, status.CANNOT_UNDERSTAND),
    (OSError, status.OUT_OF_RESOURCES),
)


def status_of(error):
    """Return the status that an error of the intake, or of its disk, is answered with."""
    for kind, code in _STATUS_OF:
        if isinstance(error, kind):
            return code
    return status.PROCESSING_FAILURE
