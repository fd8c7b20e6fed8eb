"""Whether two data sets are the same object, with constant memory however large they are.

Same octets in the same transfer syntax are. So are the same elements with the same values in two syntaxes that are not
compressed: both are read side by side, each value in little endian, sequences by their structure and not by how their
lengths were written, group lengths and padding left out. Checksums alone never decide it.

Where either is compressed, only its decoded pixels can tell. Decoding belongs to a room of its own, which the spool
must not know: whoever has it hands a function to `Spool.open` (see `Comparison`). Without it, or where it cannot decode
one of them, such objects are taken for different, and held: that costs a person a look, never an object.
"""

from array import array

from edge.dicom import element, syntax
from edge.dicom.errors import DicomError
from edge.dicom.octets import put_u32_le
from edge.dicom.reader import (
    Chunk, Element, ItemBegan, ItemEnded, Reader, SequenceBegan, SequenceEnded, ValueBegan, ValueEnded,
)  # fmt: skip
from edge.spool.inflate import inflater

CHUNK_BYTES = 256 << 10

UNCOMPRESSED = (syntax.IMPLICIT_LITTLE, syntax.EXPLICIT_LITTLE, syntax.DEFLATED_LITTLE, syntax.EXPLICIT_BIG)

_INFLATE_LIMIT = 1 << 40
_PADDING = 0xFFFCFFFC
_ITEM = b"\xfe\xff\x00\xe0"
_ANY_SEQUENCE = 0x00081110
_VALUE_LIMIT = 1 << 20  # longer values are compared piece by piece; a private sequence in implicit VR, as octets
_DEPTH_LIMIT = 16
# VR -> typecode of what has to be turned around in big endian; all others are octets
_NUMBERS = {
    "US": "H", "SS": "H", "OW": "H", "AT": "H", "UL": "I", "SL": "I", "FL": "I", "OF": "I", "OL": "I",
    "FD": "Q", "OD": "Q", "OV": "Q", "SV": "Q", "UV": "Q",
}  # fmt: skip
_STRUCTURE = {ItemBegan: b"I", ItemEnded: b"i", SequenceEnded: b"s"}


class Comparison:
    """Compares data sets in open files.

    `same_decoded(one, other)`: says whether two objects, at least one of them compressed, have the same elements and
    decoded pixels; each is (descriptor, offset, size, transfer syntax UID). None where nothing can decode.
    """

    def __init__(self, disk, same_decoded=None):
        self._disk = disk
        self._same_decoded = same_decoded

    def same(self, one, other):
        """Say whether two data sets, each (descriptor, offset, size, transfer syntax UID), are the same object."""
        try:
            if one[3] == other[3]:
                return one[2] == other[2] and _same_streams(self._octets(one), self._octets(other))
            if one[3] in UNCOMPRESSED and other[3] in UNCOMPRESSED:
                return _same_streams(self._canonical(one), self._canonical(other))
            return self._same_decoded is not None and self._same_decoded(one, other)
        except DicomError:
            return False  # at least one of them is no whole data set
        except OSError:
            return False  # the stored one cannot be read: the new one is kept beside it

    def _octets(self, side):
        """Yield the octets of a data set in pieces, each good until the next."""
        fd, offset, size, _ = side
        buffer = memoryview(bytearray(min(size, CHUNK_BYTES)))
        end = offset + size
        while offset < end:
            count = self._disk.preadv(fd, (buffer[: min(len(buffer), end - offset)],), offset)
            if count == 0:
                return
            yield buffer[:count]
            offset += count

    def _canonical(self, side):
        """Yield the elements of a data set as every uncompressed transfer syntax of it gives them; never empty."""
        return _canonical(self._octets(side), side[3])


def same_elements(ones, others):
    """Say whether two data sets in explicit VR little endian, given as iterators of octets, have the same elements.

    For whoever decodes (see Comparison). DicomError where one of them is no whole data set.
    """
    return _same_streams(_canonical(ones), _canonical(others))


def _same_streams(ones, others):
    """Say whether two iterators of octets, cut anywhere, come to the same."""
    mine = theirs = memoryview(b"")
    while True:
        if not mine:
            mine = memoryview(next(ones, b""))
        if not theirs:
            theirs = memoryview(next(others, b""))
        count = min(len(mine), len(theirs))
        if count == 0:
            return len(mine) == len(theirs)
        if mine[:count] != theirs[:count]:
            return False
        mine, theirs = mine[count:], theirs[count:]


def _canonical(pieces, uid=syntax.EXPLICIT_LITTLE):
    """Yield the elements of a data set, as every uncompressed transfer syntax of it gives them; never empty."""
    known = syntax.lookup(uid)
    inflate = inflater() if known.deflated else None
    reader = Reader(known, _VALUE_LIMIT, inflate=inflate, inflate_limit=_INFLATE_LIMIT)
    return (piece for piece in _elements(reader, pieces, 0) if piece)


def _elements(reader, pieces, depth):
    """Yield the elements that a reader finds in `pieces`, each as octets that say all that is to be compared of it."""
    turn = None
    for piece in pieces:
        reader.feed(piece)
        while True:
            event = reader.next_event()
            if event is None:
                break
            kind = type(event)
            if kind is Element or kind is ValueBegan:
                turn = _Turn(None if reader.little else _NUMBERS.get(event.vr))
                if event.tag & 0xFFFF == 0 or event.tag == _PADDING:
                    turn.skip = True
                elif kind is ValueBegan:
                    yield b"E" + put_u32_le(event.tag) + put_u32_le(event.length)
                elif event.vr == "UN" and event.value.startswith(_ITEM) and depth < _DEPTH_LIMIT:
                    yield from _unknown(event.tag, event.value, depth + 1)
                else:
                    yield b"E" + put_u32_le(event.tag) + put_u32_le(len(event.value)) + turn.feed(event.value)
            elif kind is Chunk:
                yield turn.feed(event.view)
            elif kind is SequenceBegan:
                yield b"S" + put_u32_le(event.tag)
            elif kind is not ValueEnded:
                yield _STRUCTURE.get(kind, b"?")
    reader.finish()


def _unknown(tag, value, depth):
    """Yield a value of unknown VR that begins like a sequence: as one, if it is one (PS3.5 6.2.2), otherwise as octets.

    A private sequence has its VR in explicit syntaxes only; in implicit VR nothing but its content tells what it is.
    """
    inside = (element.write(_ANY_SEQUENCE, "SQ", len(value), False) + value,)
    try:
        reader = Reader(syntax.lookup(syntax.IMPLICIT_LITTLE), _VALUE_LIMIT)
        pieces = list(_elements(reader, inside, depth))
    except DicomError:
        pieces = [b"", b"E" + put_u32_le(tag) + put_u32_le(len(value)) + value]
    else:
        pieces[0] = b"S" + put_u32_le(tag)
    yield from pieces


class _Turn:
    """Turns the numbers of one value into little endian, however it is cut."""

    __slots__ = ("_typecode", "_width", "_rest", "skip")

    def __init__(self, typecode):
        self._typecode = typecode
        self._width = array(typecode).itemsize if typecode else 1
        self._rest = b""
        self.skip = False

    def feed(self, view):
        """Return as much of the value as can be told by now; nothing of one that is skipped."""
        if self.skip:
            return b""
        if self._typecode is None:
            return bytes(view)
        octets = self._rest + bytes(view)
        whole = len(octets) - len(octets) % self._width
        self._rest = octets[whole:]
        numbers = array(self._typecode, octets[:whole])
        numbers.byteswap()
        return numbers.tobytes()
