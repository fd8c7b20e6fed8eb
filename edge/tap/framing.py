"""Cut what a legacy device sends into records: by delimiters, a length field, a fixed length, or silence.

    cutter = Cutter(rule)
    for event in cutter.feed(octets, now_ms): ...       # when something came
    for event in cutter.tick(now_ms): ...               # when nothing came

A record is handed on as it comes (Began, then Piece after Piece, then Ended), so that it may be longer than the
memory; only what may still turn out to be a checksum or an end delimiter is held back. Ended means that the checksum
was right. Broken takes back a record that has Began, or says what came in place of one. After it the next begin
delimiter is looked for; where there is none, all is passed over up to the next end or silence. What stands between
records is passed over and counted. Times are handed in.
"""

from collections import namedtuple

from edge.tap import checks
from edge.tap.rule import AFTER_END, BIG, DELIMITER, HEX, LENGTH, LITTLE, SILENCE

Began = namedtuple("Began", ("octets",))  # its length, None where that is not known yet
Piece = namedtuple("Piece", ("octets",))
Ended = namedtuple("Ended", ("octets",))  # octets: int, the length of the record
Broken = namedtuple("Broken", ("words",))

# Where in the stream the cutter is
_HUNT, _LENGTH, _BODY, _CHECK, _TRAILER, _LOST = 0, 1, 2, 3, 4, 5


class Cutter:
    """Cut one stream of octets by a rule.Rule."""

    def __init__(self, rule):
        self._rule = rule
        self._check = checks.Check(rule.check)
        width = checks.KINDS[rule.check].octets
        self._check_octets = width * 2 if rule.check_form == HEX else width
        self._check_after = rule.kind == DELIMITER and rule.check_place == AFTER_END
        self._buffer = b""  # what is not yet judged
        self._state = _HUNT
        self._left = 0  # of a body whose length is known
        self._length = 0  # of the record so far
        self._heard_ms = None  # when the last octet of what is under way came
        self.passed_over = 0  # octets that belonged to no record

    def deadline(self):
        """Return the time in ms at which `tick` has something to do, or None."""
        return None if self._heard_ms is None else self._heard_ms + self._rule.silence_ms

    def tick(self, now_ms):
        """Return the events that silence brings; to be called only when all that came has been fed."""
        if self._heard_ms is None or now_ms < self._heard_ms + self._rule.silence_ms:
            return []
        events = []
        if self._rule.kind == SILENCE and self._state == _BODY:
            self._finish_silent(events)
        elif self._state in (_LENGTH, _BODY, _CHECK):
            self._break("the record stopped in the middle, after %d octets" % self._length, events)
        self._state = _HUNT
        self.passed_over += len(self._buffer)
        self._buffer = b""
        self._heard_ms = None
        return events

    def feed(self, octets, now_ms):
        """Take what came; return the events it brings. `octets` may be used again afterwards."""
        events = []
        if len(octets):
            self._heard_ms = now_ms
            self._buffer += bytes(octets)
            while _STEPS[self._state](self, events):
                pass
            if self._state == _HUNT and not self._buffer:
                self._heard_ms = None
        return events

    def _take(self, count):
        """Return `count` octets from the front of the buffer, which loses them."""
        taken = self._buffer[:count]
        self._buffer = self._buffer[count:]
        return taken

    def _hunt(self, events):
        begin = self._rule.begin
        if not self._buffer:
            return False
        if begin:
            at = self._buffer.find(begin)
            if at < 0:
                at = len(self._buffer) - _overlap(self._buffer, begin)
                self.passed_over += at
                self._take(at)
                return False
            self.passed_over += at
            self._take(at + len(begin))
        self._check.restart()
        if self._rule.check_begin:
            self._check.update(begin)
        self._length = 0
        if self._rule.kind == LENGTH:
            self._state = _LENGTH
            return True
        self._left = self._rule.record_octets
        self._state = _BODY
        events.append(Began(self._left or None))
        return True

    def _read_length(self, events):
        rule = self._rule
        if len(self._buffer) < rule.length_octets:
            return False
        field = self._take(rule.length_octets)
        number = _number(field, rule.length_form)
        if number is None:
            return self._break("its length field holds no number", events)
        self._left = number + rule.length_adds
        if not 0 <= self._left <= rule.limit_octets:
            return self._break("by its length field it has %d octets" % self._left, events)
        if rule.check_begin:
            self._check.update(field)
        self._state = _BODY
        events.append(Began(self._left))
        return True

    def _read_body(self, events):
        kind = self._rule.kind
        if kind == DELIMITER:
            return self._read_delimited(events)
        if kind == SILENCE:
            return not self._give(len(self._buffer) - self._check_octets, events)
        count = min(self._left, len(self._buffer))
        self._left -= count
        if not self._give(count, events):
            return True
        if self._left:
            return False
        self._state = _CHECK
        return True

    def _read_delimited(self, events):
        end = self._rule.end
        held = 0 if self._check_after else self._check_octets
        at = self._buffer.find(end)
        if at < 0:
            return not self._give(len(self._buffer) - held - len(end) + 1, events)
        if at < held:
            self._take(at + len(end))
            return self._break("its end came where its checksum should be", events, True)
        if not self._give(at - held, events):
            return True
        given = self._take(held)
        if self._rule.check_end:
            self._check.update(end)
        self._take(len(end))
        if self._check_after:
            self._state = _CHECK
            return True
        return self._judge(given, events)

    def _give(self, count, events):
        """Hand `count` octets on; False when that is more than a record may have, which breaks it."""
        if count > 0:
            if self._length + count > self._rule.limit_octets:
                self._break("it has more than %d octets" % self._rule.limit_octets, events)
                return False
            octets = self._take(count)
            self._length += count
            self._check.update(octets)
            events.append(Piece(octets))
        return True

    def _read_check(self, events):
        if len(self._buffer) < self._check_octets:
            return False
        return self._judge(self._take(self._check_octets), events)

    def _judge(self, given, events):
        """End the record, or break it where the checksum `given` is not the one of its octets."""
        if given and _number(given, self._rule.check_form) != self._check.value():
            return self._break("its checksum is wrong", events, self._rule.kind == DELIMITER)
        events.append(Ended(self._length))
        self._left = len(self._rule.trailer)
        self._state = _TRAILER
        return True

    def _pass_trailer(self, events):
        """Pass over what may stand behind a record, as far as it does."""
        trailer = self._rule.trailer
        while self._left and self._buffer:
            if self._buffer[0] != trailer[len(trailer) - self._left]:
                break
            self._take(1)
            self._left -= 1
        if self._left and not self._buffer:
            return False
        self._state = _HUNT
        return True

    def _pass_lost(self, events):
        """Pass over what cannot be cut: up to an end where there is one, otherwise until the line is silent."""
        end = self._rule.end
        at = self._buffer.find(end) if self._rule.kind == DELIMITER else -1
        if at < 0:
            count = len(self._buffer) - (_overlap(self._buffer, end) if self._rule.kind == DELIMITER else 0)
            self.passed_over += count
            self._take(count)
            return False
        self.passed_over += at
        self._take(at + len(end))
        self._state = _HUNT
        return True

    def _finish_silent(self, events):
        given = self._take(len(self._buffer))
        if len(given) < self._check_octets:
            self._break("it is shorter than its checksum", events)
        else:
            self._judge(given, events)

    def _break(self, words, events, at_end=False):
        """Break the record off. at_end: whether the next one may begin right here."""
        self._state = _HUNT if at_end or self._rule.begin else _LOST
        events.append(Broken(words))
        return True


_STEPS = {
    _HUNT: Cutter._hunt,
    _LENGTH: Cutter._read_length,
    _BODY: Cutter._read_body,
    _CHECK: Cutter._read_check,
    _TRAILER: Cutter._pass_trailer,
    _LOST: Cutter._pass_lost,
}


def _overlap(octets, begin):
    """Return how many octets at the end of `octets` may be the front of `begin`."""
    for count in range(min(len(begin) - 1, len(octets)), 0, -1):
        if octets[len(octets) - count :] == begin[:count]:
            return count
    return 0


def _number(octets, form):
    """Return the number that octets hold, None where they hold none."""
    if form == BIG or form == LITTLE:
        return int.from_bytes(octets, form)
    for octet in octets:
        if not (0x30 <= octet <= 0x39 or form == HEX and (0x41 <= octet <= 0x46 or 0x61 <= octet <= 0x66)):
            return None
    return int(octets.decode(), 16 if form == HEX else 10)
