"""YMODEM, both ways, as the terminal wants it: files in memory, times in seconds. Receiving is edge/tap/xmodem's.

Block 0 carries the name and length of a file, the blocks after it 128 or 1024 octets of it each, EOT its end; then the
next block 0 follows, without a name when there are no more files. The receiver asks with "C" and acknowledges each;
what is not acknowledged is sent again. There is no I/O and no clock in here: octets and times are handed in.
"""

import binascii

from edge.tap import xmodem
from edge.tap.xmodem import ACK, ASK, CAN, EOT, FILL, LONG, NAK, SHORT, SOH, STX

LIMIT_BYTES = 1 << 20  # of all files of one transfer together
_BEGIN_S = 3.0  # between two requests to begin
_BEGIN_TRIES = 30
_BLOCK_S = 8.0  # for the next block, or the rest of one
_CLOSE_S = 3.0  # for the acknowledgement of the end of a batch, which some receivers leave out
_TRIES = 10


def block(number, payload, fill=FILL):
    """Return one block of 128 or 1024 octets, with its number and CRC."""
    filled = payload + bytes((fill,)) * ((SHORT if len(payload) <= SHORT else LONG) - len(payload))
    head = bytes((SOH if len(filled) == SHORT else STX, number & 255, 255 - (number & 255)))
    return head + filled + binascii.crc_hqx(filled, 0).to_bytes(2, "big")


def header(name, length):
    """Return the block that announces a file; without a name the one that ends the batch."""
    return block(0, b"" if name is None else name.encode("ascii") + b"\0%d 0 100600" % length, 0)


class Receiver:
    """Takes files. `keep(name, octets)` makes one durable before its end is acknowledged; OSError and ValueError stop.

    files: [(name, octets)] of what was kept; `done`: it is over; `error`: str why it failed, or None.
    """

    def __init__(self, keep, now, limit_bytes=LIMIT_BYTES):
        self.files = []
        self._keep = keep
        self._limit = limit_bytes
        self._core = xmodem.Receiver(_ms(now), limit_bytes)
        self._name = None
        self._content = bytearray()

    @property
    def done(self):
        """Say whether it is over."""
        return self._core.done

    @property
    def error(self):
        """Return why it failed, or None."""
        return self._core.error

    def deadline(self):
        """Return when `tick` has something to do."""
        return self._core.deadline() / 1000

    def stop(self, words):
        """End it from this side; return what tells the other end."""
        self._core.stop(words)
        return self._core.outgoing()

    def tick(self, now):
        """Ask for what did not come; return the octets."""
        self._core.tick(_ms(now))
        return self._core.outgoing()

    def feed(self, octets, now):
        """Take what came; return what is to be answered."""
        for event in self._core.feed(octets, _ms(now)):
            if isinstance(event, xmodem.Began):
                self._name = event.name
                self._content.clear()
                self._limit_to(event.octets or 0)
            elif isinstance(event, xmodem.Piece):
                self._content += event.octets
                self._limit_to(len(self._content))
            elif self.error is None:
                self._end(_ms(now))
        return self._core.outgoing()

    def _limit_to(self, octets):
        if self.error is None and octets + sum([len(each) for _, each in self.files]) > self._limit:
            self._core.stop(xmodem.TOO_LONG % (self._limit >> 10))

    def _end(self, now_ms):
        octets = bytes(self._content)
        try:
            self._keep(self._name, octets)
        except (OSError, ValueError) as error:
            self._core.stop("it cannot be kept: %s" % (getattr(error, "strerror", None) or error))
            return
        self.files.append((self._name, octets))
        self._core.accept(now_ms)


def _ms(seconds):
    return round(seconds * 1000)


class Sender:
    """Sends one file. file: a binary file, read from where it stands; name: plain ASCII; length: its octets.

    `done`: it is over; `error`: str why it failed, or None.
    """

    def __init__(self, name, file, length, now):
        self.done = False
        self.error = None
        self._file = file
        self._left = length
        self._number = 0
        self._last = header(name, length)
        self._stage = "header"  # then "begin", "content", "end", "closing", "close"
        self._tries = 0
        self._cans = 0
        self._until = now + _BEGIN_S * _BEGIN_TRIES

    def deadline(self):
        """Return when `tick` has something to do."""
        return self._until

    def stop(self, words):
        """End it from this side; return what tells the other end."""
        self.done = True
        self.error = words
        return xmodem.STOP

    def _is_cancelled(self, octet):
        self._cans = self._cans + 1 if octet == CAN else 0
        if self._cans >= 2:
            self.stop("the other end stopped the transfer")
        return self.done

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
        payload = self._file.read(min(LONG, self._left)) if self._left else b""
        if not payload:
            self._stage = "end"
            self._last = bytes((EOT,))
            return
        self._left -= len(payload)
        self._number += 1
        self._stage = "content"
        self._last = block(self._number, payload)
