"""ASN.1 in BER, as far as CMS needs it: short values in memory, contents of any length as they pass.

What is written is DER, each length known before. What is read may be of indefinite length and in pieces.

Source: ITU-T X.690 8.1, 8.7, 10.1
"""

from edge.media.errors import MediaError

INTEGER, OCTETS, NULL, OBJECT, SEQUENCE, SET = 0x02, 0x04, 0x05, 0x06, 0x30, 0x31
CONSTRUCTED = 0x20
_DEEP = 16  # pieces within pieces


def length_octets(length):
    """Return a length in DER."""
    if length < 128:
        return bytes((length,))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def head(tag, length):
    """Return what stands before a value of so many octets."""
    return bytes((tag,)) + length_octets(length)


def value(tag, *parts):
    """Return a value in DER, of parts one behind the other."""
    body = b"".join(parts)
    return head(tag, len(body)) + body


def integer(number):
    """Return an INTEGER that is not negative."""
    return value(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def identifier(dotted):
    """Return an OBJECT IDENTIFIER."""
    first, second, *rest = [int(arc) for arc in dotted.split(".")]
    body = bytearray()
    for arc in [40 * first + second, *rest]:
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7F)
        body += bytes(reversed(septets))
    return value(OBJECT, bytes(body))


class Broken(MediaError):
    """What is read is no BER, or other than it should be."""

    def __init__(self, what):
        super().__init__(f"the protected file is damaged or of a kind that is not read here ({what}): ask for it again")


class Flow:
    """Octets that come in pieces, from an iterable of bytes or views that are good until the next one."""

    def __init__(self, pieces):
        self._pieces = iter(pieces)
        self._piece = memoryview(b"")

    def _next(self):
        """Return the rest of the current piece, or the next; empty at the end."""
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return self._piece
            self._piece = memoryview(piece)
        return self._piece

    def take(self, count):
        """Return so many octets."""
        made = bytearray()
        while len(made) < count:
            piece = self._next()[: count - len(made)]
            if not piece:
                raise Broken("it ends early")
            made += piece
            self._piece = self._piece[len(piece) :]
        return bytes(made)

    def pass_on(self, count):
        """Yield so many octets in pieces."""
        while count:
            piece = self._next()[:count]
            if not piece:
                raise Broken("it ends early")
            self._piece = self._piece[len(piece) :]
            count -= len(piece)
            yield piece

    def is_at_end(self):
        """Say whether nothing follows."""
        return not self._next()

    def head(self):
        """Return (tag, length) of the value that begins here; length: None where it is indefinite."""
        tag, length = self.take(2)
        if tag & 0x1F == 0x1F:
            raise Broken("a tag of several octets")
        if length == 0x80:
            if not tag & CONSTRUCTED:
                raise Broken("a value without an end")
            return tag, None
        if length > 0x80:
            if length > 0x88:
                raise Broken("a length of many octets")
            length = int.from_bytes(self.take(length & 0x7F), "big")
        return tag, length

    def open(self, tag):
        """Return the length of a value that must have this tag, None where it is indefinite."""
        found, length = self.head()
        if found != tag:
            raise Broken(f"tag {found:02X} where {tag:02X} should be")
        return length

    def whole(self, most, tag=None, deep=0):
        """Return (tag, contents) of a short value; a constructed one has its parts, each of definite length, in it."""
        found, length = self.head()
        if tag is not None and found != tag:
            raise Broken(f"tag {found:02X} where {tag:02X} should be")
        if length is None:
            parts, size = [], 0
            while (part := self.whole(most - size, None, self._deeper(deep)))[0]:
                parts.append(value(*part))
                size += len(parts[-1])
                if size > most:
                    raise Broken("a value that is too long")
            return found, b"".join(parts)
        if length > most:
            raise Broken("a value that is too long")
        return found, self.take(length)

    @staticmethod
    def _deeper(deep):
        if deep == _DEEP:
            raise Broken("pieces within pieces")
        return deep + 1

    def contents(self, tag, deep=0):
        """Yield the contents of a string of octets, in one or in pieces; tag: its tag when it is in one."""
        found, length = self.head()
        if found == tag:
            yield from self.pass_on(length)
        elif found != tag | CONSTRUCTED:
            raise Broken(f"tag {found:02X} where octets should be")
        elif length is None:
            while self._peek() != b"\0":
                yield from self.contents(OCTETS, self._deeper(deep))
            self.end(None)
        else:
            yield from Flow(self.pass_on(length)).all_contents(self._deeper(deep))

    def all_contents(self, deep):
        """Yield the contents of all the strings of octets that there are."""
        while not self.is_at_end():
            yield from self.contents(OCTETS, deep)

    def _peek(self):
        return bytes(self._next()[:1])

    def end(self, *lengths):
        """Pass the ends of values whose lengths, as `open` gave them, are indefinite."""
        for length in lengths:
            if length is None and self.take(2) != b"\0\0":
                raise Broken("a value without an end")


def parts(octets):
    """Return [(tag, contents)] of values one behind the other."""
    flow, made = Flow([octets]), []
    while not flow.is_at_end():
        made.append(flow.whole(len(octets)))
    return made


def number(contents):
    """Return an INTEGER from its contents."""
    return int.from_bytes(contents, "big", signed=True)
