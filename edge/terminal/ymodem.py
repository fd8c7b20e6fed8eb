"""YMODEM, both ways: files over a line that loses and garbles octets, in blocks with a CRC, each acknowledged.

The receiver asks for a block with "C". Block 0 carries the name and length of a file, the blocks after it 128 or 1024
octets of it each, EOT its end; then the next block 0 follows, without a name when there are no more files. What is not
acknowledged is sent again; two CAN in a row end everything. There is no I/O and no clock in here:
octets and times are handed in.
"""

import binascii

SOH, STX, EOT, ACK, NAK, CAN, ASK = 0x01, 0x02, 0x04, 0x06, 0x15, 0x18, 0x43

LIMIT_BYTES = 1 << 20  # of all files of one transfer together
_FILES = 8
_SHORT, _LONG = 128, 1024
_FILL = 0x1A
_BEGIN_S = 3.0  # between two requests to begin
_BEGIN_TRIES = 30
_BLOCK_S = 8.0  # for the next block, or the rest of one
_CLOSE_S = 3.0  # for the acknowledgement of the end of a batch, which some receivers leave out
_QUIET_S = 0.3  # so long nothing may come before a block is asked for again
_TRIES = 10
_LAST_TRIES = 3
_STOP = bytes((CAN,)) * 8 + b"\b" * 8


class Failed(Exception):
    """The transfer did not come to its end; str() says why and what to do."""


def block(number, payload, fill=_FILL):
    """Return one block of 128 or 1024 octets, with its number and CRC."""
    filled = payload + bytes((fill,)) * ((_SHORT if len(payload) <= _SHORT else _LONG) - len(payload))
    head = bytes((SOH if len(filled) == _SHORT else STX, number & 255, 255 - (number & 255)))
    return head + filled + binascii.crc_hqx(filled, 0).to_bytes(2, "big")


def header(name, length):
    """Return the block that announces a file; without a name the one that ends the batch."""
    return block(0, b"" if name is None else name.encode("ascii") + b"\0%d 0 100600" % length, 0)


class _Transfer:
    """What both ends have in common. `done`: it is over; `error`: str why it failed, or None."""

    def __init__(self, now):
        self.done = False
        self.error = None
        self._tries = 0
        self._until = now
        self._cans = 0

    def deadline(self):
        """Return when `tick` has something to do."""
        return self._until

    def stop(self, words):
        """End it from this side; return what tells the other end."""
        self.done = True
        self.error = words
        return _STOP

    def _is_cancelled(self, octet):
        self._cans = self._cans + 1 if octet == CAN else 0
        if self._cans >= 2:
            self.stop("the other end stopped the transfer")
        return self.done


class Receiver(_Transfer):
    """Takes files. `keep(name, octets)` makes one durable before its end is acknowledged; OSError and ValueError stop.

    files: [(name, octets)] of what was kept.
    """

    def __init__(self, keep, now, limit_bytes=LIMIT_BYTES):
        super().__init__(now)
        self.files = []
        self._keep = keep
        self._limit = limit_bytes
        self._buffer = bytearray()
        self._name = None
        self._length = None
        self._content = bytearray()
        self._expected = 0  # the number of the next block
        self._purging = False
        self._asks = True  # for a block 0, with "C"
        self._ends = 0  # how often EOT was heard

    def tick(self, now):
        """Ask for what did not come; return the octets."""
        if self.done or now < self._until:
            return b""
        self._tries += 1
        self._purging = False
        self._buffer.clear()
        if self.files and self._name is None and self._tries > _LAST_TRIES:
            self.done = True  # all that came was kept; that nothing more comes was not said
            return b""
        if self._tries > (_BEGIN_TRIES if self._asks else _TRIES):
            return self.stop("nothing came that is a YMODEM transfer" if self._asks else "the line went silent")
        self._until = now + (_BEGIN_S if self._asks else _BLOCK_S)
        return bytes((ASK if self._asks else NAK,))

    def feed(self, octets, now):
        """Take what came; return what is to be answered."""
        answer = b""
        if self._purging:
            self._until = now + _QUIET_S
            for octet in octets:
                if self._is_cancelled(octet):
                    break
            return b""
        self._buffer += octets
        while self._buffer and not self.done and not self._purging:
            first = self._buffer[0]
            if first in (SOH, STX):
                size = _SHORT if first == SOH else _LONG
                if len(self._buffer) < size + 5:
                    self._until = now + _BLOCK_S
                    break
                whole = bytes(self._buffer[: size + 5])
                del self._buffer[: size + 5]
                answer += self._block(whole, now)
            else:
                del self._buffer[0]
                if first == EOT:
                    answer += self._end(now)
                elif not self._is_cancelled(first) and first != CAN:
                    self._purge(now)
        return answer

    def _purge(self, now):
        """Wait until the line is silent; then the block is asked for again."""
        self._purging = True
        self._buffer.clear()
        self._until = now + _QUIET_S

    def _block(self, whole, now):
        number, payload = whole[1], whole[3:-2]
        if number != 255 - whole[2] or binascii.crc_hqx(payload, 0) != int.from_bytes(whole[-2:], "big"):
            self._purge(now)
            return b""
        self._cans = 0
        if self._name is None:
            return self._header(number, payload, now)
        if number == (self._expected - 1) & 255:  # our answer to it was lost
            self._until = now + _BLOCK_S
            return bytes((ACK, ASK)) if self._expected == 1 and not self._content else bytes((ACK,))
        if number != self._expected & 255:
            return self.stop("a block is missing; send the file again")
        self._content += payload
        self._ends = 0
        if self._total() > self._limit + _LONG:
            return self.stop(_TOO_LONG % (self._limit >> 10))
        self._expected += 1
        self._asks = False
        return self._go_on(now, ACK)

    def _total(self):
        return len(self._content) + sum([len(octets) for _, octets in self.files])

    def _go_on(self, now, *answer):
        self._tries = 0
        self._until = now + (_BEGIN_S if self._asks else _BLOCK_S)
        return bytes(answer)

    def _header(self, number, payload, now):
        if number == self._expected - 1 & 255 and self.files and number:  # the last block of the file before, again
            return bytes((ACK,))
        if number:
            return self.stop("the transfer did not begin with the name of a file: send by YMODEM, not XMODEM")
        name, _, rest = payload.partition(b"\0")
        if not name:
            self.done = True
            if not self.files:
                self.error = "the other end had no file to send"
            return bytes((ACK,))
        if len(self.files) == _FILES:
            return self.stop("more than %d files in one transfer" % _FILES)
        self._name = name.decode("ascii", "replace").replace("\\", "/").rpartition("/")[2]
        digits = rest.partition(b"\0")[0].partition(b" ")[0]
        self._length = int(digits) if digits.isdigit() and len(digits) < 16 else None
        if self._length is not None and self._length + self._total() > self._limit:
            return self.stop(_TOO_LONG % (self._limit >> 10))
        self._content.clear()
        self._expected = 1
        self._ends = 0
        return self._go_on(now, ACK, ASK)

    def _end(self, now):
        if self._name is None:  # our acknowledgement of it was lost
            return bytes((ACK, ASK)) if self.files else b""
        self._ends += 1
        if self._ends == 1:  # it may be noise: the other end says it again
            self._until = now + _BLOCK_S
            return bytes((NAK,))
        octets = bytes(self._content)
        if self._length is None:
            octets = octets.rstrip(bytes((_FILL,)))
        elif len(octets) < self._length:
            return self.stop("%s ended %d octets before its length" % (self._name, self._length - len(octets)))
        else:
            octets = octets[: self._length]
        try:
            self._keep(self._name, octets)
        except (OSError, ValueError) as error:
            return self.stop("it cannot be kept: %s" % (getattr(error, "strerror", None) or error))
        self.files.append((self._name, octets))
        self._name = None
        self._asks = True
        return self._go_on(now, ACK, ASK)


_TOO_LONG = "it is longer than the %d KiB that are taken"


class Sender(_Transfer):
    """Sends one file. file: a binary file, read from where it stands; name: plain ASCII; length: its octets."""

    def __init__(self, name, file, length, now):
        super().__init__(now)
        self._file = file
        self._left = length
        self._number = 0
        self._last = header(name, length)
        self._stage = "header"  # then "begin", "content", "end", "closing", "close"
        self._until = now + _BEGIN_S * _BEGIN_TRIES

    def feed(self, octets, now):
        """Take what came; return what is to be sent."""
        answer = b""
        for octet in octets:
            if self.done or self._is_cancelled(octet):
                break
            answer += self._heard(octet, now)
        return answer

    def tick(self, now):
        """Give up when nothing is heard; return the octets that say so."""
        if self.done or now < self._until:
            return b""
        if self._stage == "close":
            self.done = True  # all was acknowledged but the end of the batch
            return b""
        return self.stop("nothing at the other end takes a YMODEM transfer")

    def _heard(self, octet, now):
        stage = self._stage
        if stage == "header" and octet == ASK:
            self._stage = "begin"
        elif stage == "begin" and octet == ACK:
            self._stage = "ready"
            return b""
        elif stage == "ready" and octet == ASK or stage == "content" and octet == ACK:
            self._next()
        elif stage == "end" and octet == ACK:
            self._stage = "closing"
            return b""
        elif stage == "closing" and octet == ASK:
            self._last = header(None, 0)
            self._stage = "close"
        elif stage == "close" and octet == ACK:
            self.done = True
            return b""
        elif octet == NAK or octet == ASK and stage == "begin":
            self._tries += 1
            if self._tries > _TRIES:
                return self.stop("the line garbles too much; check the rate")
            self._until = now + _BLOCK_S * 4
            return self._last
        else:
            return b""
        self._tries = 0
        self._until = now + (_CLOSE_S if self._stage == "close" else _BLOCK_S * 4)
        return self._last

    def _next(self):
        payload = self._file.read(min(_LONG, self._left)) if self._left else b""
        if not payload:
            self._stage = "end"
            self._last = bytes((EOT,))
            return
        self._left -= len(payload)
        self._number += 1
        self._stage = "content"
        self._last = block(self._number, payload)
