"""Kept records to the box by C-STORE: one association for a batch, and a record is gone only when the box has it.

What fails is tried again after a pause that doubles; a record that was sent twice, as the answer was lost, has the
same SOP Instance UID both times. A record that the box will never take as it is goes aside, so that the next one is
tried. The transport is the caller's: `dial()` returns a link (edge/tap/link says what that is) or raises OSError.
"""

from edge.dicom import syntax, uid
from edge.dicom.errors import DicomError
from edge.protocol import association, command, contexts, dimse, items, pdu, status, store
from edge.tap import template

_PIECE_OCTETS = 2048  # of payload in a PDU at most
_WINDOW_OCTETS = 2048
_LARGEST_PDU = 16384
_ASSOCIATE_OCTETS = 8192
_CLOSING_MS = 2000

# What it is doing
IDLE, CONNECTING, ASSOCIATING, SENDING, AWAITING, ENDING = 0, 1, 2, 3, 4, 5


class Sender:
    """Sends what `keep` holds to `box`, the section of that name of the settings."""

    def __init__(self, keep, box, dial, now_ms):
        self._keep = keep
        self._box = box
        self._dial = dial
        self._state = IDLE
        self._due_ms = now_ms
        self._pause_ms = 0
        self._engine = None
        self._link = None
        self._messages = None
        self._sent = 0  # records of this association
        self._number = None  # of the record under way
        self._file = None
        self._parts = None  # [bytes before the payload, octets of it left, bytes behind it]
        self._buffer = memoryview(bytearray(_PIECE_OCTETS))
        self._out = []  # what the link has not taken yet
        self.failure = None  # str: why the last try failed; None when it did not
        self.news = []  # sentences for whoever looks on, without patient data

    def state(self):
        """Return what it is doing."""
        return self._state

    def wait_ms(self, now_ms):
        """Return for how many ms `step` has nothing to do unless the link has something."""
        if self._state == IDLE:
            return max(0, self._due_ms - now_ms) if self._keep.waiting() else 1000
        if self._state == SENDING and not self._out:
            return 0
        return max(0, min(1000, self._engine.deadline() - now_ms))

    def is_blocked(self):
        """Say whether the link has to take something before there is more to do."""
        return self._state == CONNECTING or len(self._out) > 0

    def link(self):
        """Return the link that is open, or None."""
        return self._link

    def step(self, now_ms):
        """Do what can be done without waiting."""
        try:
            if self._state == IDLE:
                if self._keep.waiting() and now_ms >= self._due_ms:
                    self._begin(now_ms)
                return
            if self._state == CONNECTING and self._link.is_open():
                self._state = ASSOCIATING
                self._engine.connected(now_ms)
            if self._state != CONNECTING:
                self._write()
                self._read(now_ms)
                self._write()
            self._engine.tick(now_ms)
            self._events()
            if self._engine.finished() and not self._out:
                self._close(now_ms)
        except OSError as error:
            self._fail("the connection failed: %s" % error)
            self._close(now_ms)
        except DicomError as error:
            self._fail("the box is not understood: %s" % error)
            self._close(now_ms)

    def _begin(self, now_ms):
        self.failure = None
        self._sent = 0
        self._messages = dimse.Messages()
        answer_ms = self._box["answer_s"] * 1000
        limits = association.Limits(
            _WINDOW_OCTETS, _LARGEST_PDU, _ASSOCIATE_OCTETS, answer_ms, _CLOSING_MS, answer_ms, answer_ms
        )
        self._engine = association.Association(limits, now_ms)
        user = items.user_information(_LARGEST_PDU, uid.IMPLEMENTATION_CLASS_UID, uid.IMPLEMENTATION_VERSION_NAME)
        wanted = [(template.SOP_CLASSES[kind], (syntax.EXPLICIT_LITTLE,)) for kind in template.KINDS]
        self._engine.associate(pdu.request(self._box["called"], self._box["calling"], contexts.propose(wanted), user))
        self._state = CONNECTING
        self._link = self._dial()

    def _close(self, now_ms):
        """End this try; the next one comes after a pause where it failed."""
        self._forget()
        if self._link is not None:
            self._link.close()
            self._link = None
        self._engine = None
        self._out = []
        self._state = IDLE
        if self.failure is None:
            self._pause_ms = 0
        else:
            most_ms = self._box["retry_most_s"] * 1000
            self._pause_ms = min(self._pause_ms * 2 or self._box["retry_s"] * 1000, most_ms)
            self.news.append("not sent: %s; next try in %d s" % (self.failure, self._pause_ms // 1000))
        self._due_ms = now_ms + self._pause_ms

    def _fail(self, words):
        if self.failure is None:
            self.failure = words

    def _forget(self):
        if self._file is not None:
            self._file.close()
            self._file = None
        self._parts = None
        self._number = None

    def _write(self):
        """Give the link what it takes."""
        while True:
            octets = self._engine.outgoing()
            if octets:
                self._out.append(octets)
            if not self._out:
                if self._state != SENDING:
                    return
                self._next_piece()
            count = self._link.write(self._out[0])
            if not count:
                return
            if count < len(self._out[0]):
                self._out[0] = memoryview(self._out[0])[count:]
                return
            self._out.pop(0)
            if self._state == SENDING and not self._out:
                return  # a piece at a time: the serial line is not to wait

    def _read(self, now_ms):
        while not self._engine.finished():
            count = self._link.read(self._engine.window())
            if count is None:
                return
            if count == 0:
                self._engine.lost(now_ms)
            else:
                self._engine.filled(count, now_ms)
            self._events()

    def _events(self):
        while True:
            event = self._engine.next_event()
            if event is None:
                return
            if isinstance(event, association.Established):
                self._send_next()
            elif isinstance(event, association.Data):
                message = self._messages.take(event)
                if isinstance(message, dimse.Command):
                    self._answered(message.elements)
            elif isinstance(event, association.Rejected):
                self._fail(pdu.reject_words(event.reject))
            elif isinstance(event, association.ReleaseAsked):
                self._engine.release_answer()
                self._state = ENDING
            elif isinstance(event, association.Aborted):
                self._fail(event.words)
            elif isinstance(event, association.Lost):
                self._fail("the box closed the connection")

    def _send_next(self):
        """Begin with the oldest record, or end the association where there is none or enough were sent."""
        while self._sent < self._box["batch"]:
            number = self._keep.oldest()
            if number is None:
                break
            if self._open(number):
                return
        self._state = ENDING
        if self._engine.established():
            self._engine.release()

    def _open(self, number):
        """Begin a record; False when it cannot be sent and was set aside."""
        try:
            self._file, kept = self._keep.read(number)
        except DicomError as error:
            self._set_aside(number, str(error))
            return False
        self._number = number
        context_id = 0
        for accepted in self._engine.accepted.values():
            if accepted.abstract_syntax == kept.sop_class:
                context_id = accepted.id
        if not context_id:
            self._forget()
            self._set_aside(number, "the box takes no objects of its SOP class")
            return False
        self._context_id = context_id
        self._sent += 1
        self._engine.command(context_id, store.request(self._sent, kept.sop_class, kept.sop_instance))
        self._parts = [kept.head[kept.meta_octets :], kept.octets, kept.tail]
        self._state = SENDING
        return True

    def _set_aside(self, number, words):
        self._keep.set_aside(number)
        self.news.append("record %d was set aside: %s" % (number, words))

    def _next_piece(self):
        """Put the next PDU of the data set into what is to be written."""
        limit = min(self._engine.payload_limit(), _PIECE_OCTETS)
        before, left, behind = self._parts
        filled = 0
        if before:
            filled = min(limit, len(before))
            self._buffer[:filled] = before[:filled]
            before = before[filled:]
        while left and filled < limit:
            count = self._file.readinto(self._buffer[filled : min(limit, filled + left)])
            if not count:
                raise OSError("the flash gave less than was kept")
            filled += count
            left -= count
        if not before and not left and filled < limit:
            count = min(limit - filled, len(behind))
            self._buffer[filled : filled + count] = behind[:count]
            behind = behind[count:]
            filled += count
        self._parts = [before, left, behind]
        is_last = not before and not left and not behind
        self._out.append(self._engine.data_header(self._context_id, filled, is_last))
        self._out.append(self._buffer[:filled])
        if is_last:
            self._state = AWAITING

    def _answered(self, elements):
        """Judge the answer to the record under way."""
        is_ours = elements.get(command.MESSAGE_ID_RESPONDED_TO) == self._sent and self._state == AWAITING
        if not is_ours or elements[command.COMMAND_FIELD] != command.C_STORE_RQ | command.RESPONSE:
            self._engine.abort("an answer to what was not asked")
            return
        code = elements.get(command.STATUS, status.PROCESSING_FAILURE)
        number = self._number
        self._forget()
        verdict = status.judge(code)
        if verdict == status.DONE:
            self._pause_ms = 0
            self._keep.done(number)
            self.news.append("record %d sent: %s" % (number, status.words(code)))
        elif verdict == status.NEVER:
            self._set_aside(number, status.words(code))
        else:
            self._fail(status.words(code))
            self._state = ENDING
            self._engine.release()
            return
        self._send_next()
