"""XMODEM and YMODEM, receiving: files over a line that loses and garbles octets, in blocks, each acknowledged.

The receiver asks for a block with "C" (with a CRC) or, for senders of XMODEM that know no CRC, with NAK (with a sum).
In YMODEM block 0 carries the name and length of a file, the blocks after it 128 or 1024 octets of it each, EOT its
end; then the next block 0 follows, without a name when there are no more files. XMODEM sends one file, without name
and length. What is not acknowledged is sent again; two CAN in a row end everything.

    receiver = Receiver(now_ms, limit_octets)
    for event in receiver.feed(octets, now_ms): ...     # or of tick(now_ms), when deadline() has come
    write(receiver.outgoing())

Events are Began, Piece after Piece and Ended. After Ended the file is to be made durable: then accept() tells the
sender that it has arrived, or stop() that it has not. There is no I/O and no clock in here.
"""

from collections import namedtuple

from edge.tap import checks

SOH, STX, EOT, ACK, NAK, CAN, ASK = 0x01, 0x02, 0x04, 0x06, 0x15, 0x18, 0x43

Began = namedtuple("Began", ("name", "octets"))  # name: str, "" in XMODEM; octets: int, None where it is not known
Piece = namedtuple("Piece", ("octets",))
Ended = namedtuple("Ended", ("octets",))  # octets: int, the length of the file

SHORT, LONG = 128, 1024  # octets of a block
FILL = 0x1A
STOP = bytes((CAN,)) * 8 + b"\b" * 8
TOO_LONG = "it is longer than the %d KiB that are taken"

_FILES = 8
_BEGIN_MS = 3000  # between two requests to begin
_BEGIN_TRIES = 30
_SUM_AFTER = 3  # requests with "C", before one with NAK
_BLOCK_MS = 8000  # for the next block, or the rest of one
_QUIET_MS = 300  # so long nothing may come before a block is asked for again
_TRIES = 10
_LAST_TRIES = 3


def crc(octets):
    """Return the CRC of a block."""
    check = checks.Check("crc-16/xmodem")
    check.update(octets)
    return check.value()


class Receiver:
    """Takes one transfer. has_names: whether it is YMODEM; is_patient: whether it asks for ever to begin.

    `done`: it is over; `error`: str why it failed, or None.
    """

    def __init__(self, now_ms, limit_octets, has_names=True, is_patient=False):
        self.done = False
        self.error = None
        self._limit = limit_octets
        self._has_names = has_names
        self._is_patient = is_patient
        self._check = checks.Check("crc-16/xmodem")
        self._tries = 0
        self._until_ms = now_ms
        self._cans = 0
        self._out = b""
        self._buffer = b""
        self._is_open = False  # a file is under way
        self._length = None  # of it, where it is known
        self._taken = 0  # octets of it
        self._held = b""  # its last block: it may have filling at its end
        self._files = 0  # that were accepted
        self._expected = 0 if has_names else 1  # the number of the next block
        self._purging = False
        self._asks = True  # for the first block, with "C" or NAK
        self._has_crc = True
        self._ends = 0  # how often EOT was heard
        self._is_judged = True  # the last file that Ended was accepted

    def deadline(self):
        """Return the time in ms at which `tick` has something to do."""
        return self._until_ms

    def begun(self):
        """Say whether a sender was heard."""
        return self._is_open or self._files > 0

    def outgoing(self):
        """Return what is to be sent now, and forget it."""
        out = self._out
        self._out = b""
        return out

    def stop(self, words):
        """End it from this side; `words` say why."""
        self.done = True
        self.error = words
        self._out += STOP

    def accept(self, now_ms):
        """Say that the file that Ended is durable."""
        self._files += 1
        self._is_open = False
        self._is_judged = True
        if self._has_names:
            self._asks = True
            self._go_on(now_ms, bytes((ACK, ASK)))
        else:
            self.done = True
            self._out += bytes((ACK,))

    def tick(self, now_ms):
        """Ask for what did not come; return events (none)."""
        if self.done or now_ms < self._until_ms:
            return []
        self._tries += 1
        self._purging = False
        self._buffer = b""
        if self._files and not self._is_open and self._tries > _LAST_TRIES:
            self.done = True  # all that came was accepted; that nothing more comes was not said
        elif self._asks and self._tries > _BEGIN_TRIES and not self._is_patient:
            self.stop("nothing came that is a %s transfer" % ("YMODEM" if self._has_names else "XMODEM"))
        elif not self._asks and self._tries > _TRIES:
            self.stop("the line went silent")
        else:
            if self._asks and not self._has_names:
                self._has_crc = (self._tries - 1) // _SUM_AFTER % 2 == 0
            self._until_ms = now_ms + (_BEGIN_MS if self._asks else _BLOCK_MS)
            self._out += bytes((ASK if self._asks and self._has_crc else NAK,))
        return []

    def feed(self, octets, now_ms):
        """Take what came; return the events it brings."""
        if self._purging:
            self._until_ms = now_ms + _QUIET_MS
            for octet in octets:
                if self._is_cancelled(octet):
                    break
            return []
        events = []
        self._buffer += bytes(octets)
        while self._buffer and not self.done and not self._purging:
            first = self._buffer[0]
            if first == SOH or first == STX:
                size = (SHORT if first == SOH else LONG) + (5 if self._has_crc else 4)
                if len(self._buffer) < size:
                    self._until_ms = now_ms + _BLOCK_MS
                    break
                whole = self._buffer[:size]
                self._buffer = self._buffer[size:]
                self._block(whole, now_ms, events)
            else:
                self._buffer = self._buffer[1:]
                if first == EOT:
                    self._end(now_ms, events)
                elif not self._is_cancelled(first) and first != CAN:
                    self._purge(now_ms)
        return events

    def _is_cancelled(self, octet):
        self._cans = self._cans + 1 if octet == CAN else 0
        if self._cans >= 2:
            self.stop("the other end stopped the transfer")
        return self.done

    def _purge(self, now_ms):
        """Wait until the line is silent; then the block is asked for again."""
        self._purging = True
        self._buffer = b""
        self._until_ms = now_ms + _QUIET_MS

    def _is_whole(self, whole):
        if whole[1] != 255 - whole[2]:
            return False
        if not self._has_crc:
            return sum(whole[3:-1]) & 0xFF == whole[-1]
        self._check.restart()
        self._check.update(memoryview(whole)[3:-2])
        return self._check.value() == int.from_bytes(whole[-2:], "big")

    def _block(self, whole, now_ms, events):
        if not self._is_whole(whole):
            self._purge(now_ms)
            return
        number, payload = whole[1], whole[3:-2] if self._has_crc else whole[3:-1]
        self._cans = 0
        if not self._is_open and self._has_names:
            self._header(number, payload, now_ms, events)
            return
        if number == (self._expected - 1) & 255 and (self._is_open or self._files):  # our answer to it was lost
            self._until_ms = now_ms + _BLOCK_MS
            self._out += bytes((ACK, ASK)) if self._has_names and self._taken == 0 else bytes((ACK,))
            return
        if number != self._expected & 255:
            self.stop("a block is missing; send the file again")
            return
        if not self._is_open:
            self._open("", None, events)
        self._give(events)
        self._held = payload
        self._taken += len(payload)
        self._ends = 0
        if self._taken > self._limit + LONG:
            self.stop(TOO_LONG % (self._limit >> 10))
            return
        self._expected += 1
        self._asks = False
        self._go_on(now_ms, bytes((ACK,)))

    def _give(self, events):
        """Hand on the block that was held back: no more of it than the length of the file leaves."""
        begin = self._taken - len(self._held)
        octets = self._held
        if self._length is not None and begin + len(octets) > self._length:
            octets = octets[: max(0, self._length - begin)]
        if octets:
            events.append(Piece(octets))
        self._held = b""

    def _open(self, name, length, events):
        self._is_open = True
        self._length = length
        self._taken = 0
        self._held = b""
        self._expected = 1
        self._ends = 0
        events.append(Began(name, length))

    def _go_on(self, now_ms, answer):
        self._tries = 0
        self._until_ms = now_ms + (_BEGIN_MS if self._asks else _BLOCK_MS)
        self._out += answer

    def _header(self, number, payload, now_ms, events):
        if number == self._expected - 1 & 255 and self._files and number:  # the last block of the file before, again
            self._out += bytes((ACK,))
            return
        if number:
            self.stop("the transfer did not begin with the name of a file: send by YMODEM, not XMODEM")
            return
        name, _, rest = payload.partition(b"\0")
        if not name:
            self.done = True
            if not self._files:
                self.error = "the other end had no file to send"
            self._out += bytes((ACK,))
            return
        if self._files == _FILES:
            self.stop("more than %d files in one transfer" % _FILES)
            return
        digits = rest.partition(b"\0")[0].partition(b" ")[0]
        length = int(digits) if digits.isdigit() and len(digits) < 16 else None
        if length is not None and length > self._limit:
            self.stop(TOO_LONG % (self._limit >> 10))
            return
        plain = bytes([octet if octet < 0x80 else 0x3F for octet in name]).decode()
        self._open(plain.replace("\\", "/").rpartition("/")[2], length, events)
        self._go_on(now_ms, bytes((ACK, ASK)))

    def _end(self, now_ms, events):
        if not self._is_open:  # our acknowledgement of it was lost
            self._out += bytes((ACK, ASK)) if self._files else b""
            return
        if not self._is_judged:
            return
        self._ends += 1
        if self._ends == 1:  # it may be noise: the other end says it again
            self._until_ms = now_ms + _BLOCK_MS
            self._out += bytes((NAK,))
            return
        if self._length is None:
            before = len(self._held)
            self._held = self._held.rstrip(bytes((FILL,)))
            self._taken -= before - len(self._held)
            length = self._taken
        elif self._taken < self._length:
            self.stop("the file ended %d octets before its length" % (self._length - self._taken))
            return
        else:
            length = self._length
        self._give(events)
        self._is_judged = False
        events.append(Ended(length))
