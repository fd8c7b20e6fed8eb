"""The tap: records from the line to the flash, answers to the device, objects to the box. One step at a time.

    tap = Tap(record, shape, front_octets, sender, keep, board_id, line, clock, now_ms)
    while True: tap.step(now_ms); wait for line or link, tap.wait_ms(now_ms) at most

line: read(view) -> octets that came, 0 or None for none; write(octets). clock(): local time as (year, month, day, hour,
minute, second), None where it is not certain. record: the rule.Rule; shape: the template.Template. The device
is told that a record is kept when it would survive a power cut, and not before.
"""

from edge.dicom.errors import DicomError
from edge.tap import rule, send, template
from edge.tap.keep import NotKept

_READ_OCTETS = 256
_READS = 16  # in one step at most, so that sending goes on
_RECEIVING_MS = 300  # the sign of receiving stays so long
_NEWS = 32  # sentences kept until somebody takes them


class Tap:
    """One serial line, one flash folder, one box."""

    def __init__(self, record, shape, front_octets, sender, keep, board_id, line, clock, now_ms):
        self._record = record
        self._template = shape
        self._sender = sender
        self._keep = keep
        self._identity = template.Identity(board_id, keep.epoch)
        self._line = line
        self._clock = clock
        self._buffer = memoryview(bytearray(_READ_OCTETS))
        self._is_modem = record.kind in (rule.XMODEM, rule.YMODEM)
        if self._is_modem:  # a microcontroller has no room for what it does not use
            from edge.tap import xmodem as cutting

            self._cutter = self._new_modem(cutting, now_ms)
        else:
            from edge.tap import framing as cutting

            self._cutter = cutting.Cutter(record)
        self._cutting = cutting
        self._front_octets = max(front_octets, shape.payload_at + 5)
        self._front = b""
        self._number = 0  # of the record under way, 0 where none is or it is not kept
        self._refusal = None  # str: why the record under way is not kept
        self._heard_ms = None
        self._is_full = False
        self.kept = 0  # records since the start
        self.refused = 0
        self.news = []

    def step(self, now_ms):
        """Do what can be done without waiting."""
        for _ in range(_READS):
            count = self._line.read(self._buffer)
            if not count:
                break
            self._heard_ms = now_ms
            self._take(self._buffer[:count], now_ms)
        else:
            count = 1
        if not count:
            self._tick(now_ms)
        self._sender.step(now_ms)
        self.news += self._sender.news
        self._sender.news = []
        while len(self.news) > _NEWS:
            self.news.pop(0)

    def wait_ms(self, now_ms):
        """Return for how many ms `step` has nothing to do unless the line or the link has something."""
        wait_ms = self._sender.wait_ms(now_ms)
        due_ms = self._cutter.deadline()
        return wait_ms if due_ms is None else max(0, min(wait_ms, due_ms - now_ms))

    def link(self):
        """Return the link that is open, or None."""
        return self._sender.link()

    def is_blocked(self):
        """Say whether the link has to take something before there is more to do."""
        return self._sender.is_blocked()

    def is_quiet(self, now_ms):
        """Say whether no record is under way and nothing has come for a while: the time for what takes long."""
        is_long_ago = self._heard_ms is None or now_ms - self._heard_ms > 1000
        return is_long_ago and not self._number and self._sender.state() == send.IDLE

    def sign(self, now_ms, is_online):
        """Return what there is to say, one of lamp.SIGNS."""
        if self._is_full:
            return "full"
        if self._keep.aside():
            return "aside"
        if self._heard_ms is not None and now_ms - self._heard_ms < _RECEIVING_MS:
            return "receiving"
        if not is_online:
            return "offline"
        if self._keep.waiting():
            return "away" if self._sender.failure else "sending"
        return "ready"

    def _take(self, octets, now_ms):
        self._handle(self._cutter.feed(octets, now_ms), now_ms)

    def _tick(self, now_ms):
        self._handle(self._cutter.tick(now_ms), now_ms)

    def _handle(self, events, now_ms):
        for event in events:
            if isinstance(event, self._cutting.Began):
                self._begin(self._record.limit_octets if event.octets is None else event.octets)
            elif isinstance(event, self._cutting.Piece):
                self._write(event.octets)
            elif isinstance(event, self._cutting.Ended):
                self._answer(self._end(event.octets), now_ms)
            else:
                self._refuse(event.words)
                self._drop()
                self._line.write(self._record.refused)
            if self._is_modem and self._refusal is not None and not self._cutter.done:
                self._cutter.stop(self._refusal)
        if self._is_modem:
            self._go_on(now_ms)

    def _answer(self, refusal, now_ms):
        """Tell the device what came of its record."""
        if not self._is_modem:
            self._line.write(self._record.kept if refusal is None else self._record.refused)
        elif refusal is None:
            self._cutter.accept(now_ms)
        elif not self._cutter.done:
            self._cutter.stop(refusal)

    def _go_on(self, now_ms):
        """Say what the transfer says; where it is over, wait for the next one."""
        modem = self._cutter
        if modem.done and modem.error is not None and modem.begun():
            self._refuse(modem.error)
            self._drop()
        answer = modem.outgoing()
        if answer:
            self._line.write(answer)
        if modem.done:
            self._cutter = self._new_modem(self._cutting, now_ms + self._record.silence_ms)

    def _new_modem(self, cutting, begin_ms):
        return cutting.Receiver(begin_ms, self._record.limit_octets, self._record.kind == rule.YMODEM, True)

    def _begin(self, octets):
        self._drop()
        self._front = b""
        try:
            self._number = self._keep.begin(octets)
            self._is_full = False
        except NotKept as error:
            self._is_full = True
            self._refuse(str(error))

    def _write(self, octets):
        if not self._number:
            return
        if len(self._front) < self._front_octets:
            self._front += bytes(octets[: self._front_octets - len(self._front)])
        try:
            self._keep.write(octets)
        except NotKept as error:
            self._is_full = True
            self._number = 0
            self._refuse(str(error))

    def _end(self, octets):
        """Make the record durable; return None, or why it is not kept."""
        if self._number:
            now = self._clock()
            if now is not None:
                self._keep.remember(now)
            try:
                self._keep.commit(
                    template.wrap(
                        self._template, self._front, octets, self._identity, self._number, now, self._keep.earliest
                    )
                )
                self.kept += 1
                self.news.append("record %d kept: %d octets" % (self._number, octets))
            except NotKept as error:
                self._is_full = True
                self._refuse(str(error))
            except DicomError as error:
                self._refuse(str(error))
                self._keep.drop()
        refusal = self._refusal
        self._number = 0
        self._refusal = None
        self._front = b""
        return refusal

    def _refuse(self, words):
        """Note why the record under way is not taken: once, by the first of its reasons."""
        if self._refusal is None:
            self._refusal = words
            self.refused += 1
            self.news.append("a record was refused: %s" % words)

    def _drop(self):
        """Forget the record under way."""
        if self._number:
            self._keep.drop()
        self._number = 0
        self._refusal = None
        self._front = b""
