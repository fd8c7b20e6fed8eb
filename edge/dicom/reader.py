"""Turn a data set, fed in chunks cut anywhere, into events, without ever holding more of it than one short value.

A value of at most `value_limit` octets comes whole, as an Element. A longer one is announced, handed on in views of
what was fed, and closed. Sequences, items and encapsulated fragments are opened and closed the same way; what is open
is a list, so that depth costs no recursion and has a limit. What strays from the standard without making the rest
ambiguous is read, and kept in `notices`.

Deflated data sets are inflated by a function that the caller hands in, as CPython and MicroPython have different ones:

    inflate(octets, limit) -> octets

takes the next deflated octets, or b"" for more of what it was given before, and returns at most `limit` octets, none
when it needs more input. It is called with None for `octets` at the end of input, when it has nothing more to return.
It raises PeerError when the stream is damaged, or ends before it should.

Source: PS3.5 7 (encoding), 6.2.2 (UN), A.4 (encapsulation), A.5 (deflated).
"""

from collections import namedtuple

from edge.dicom import element, tags
from edge.dicom.errors import LimitError, LocalError, PeerError, TruncatedError, note

# Events. `offset` is where the element, item or delimiter begins; lengths are as declared, UNDEFINED included; a view
# is good until the next event is asked for. Numbers in a value have the byte order that `little` of the reader says.
Element = namedtuple("Element", ("tag", "vr", "value", "offset"))
ValueBegan = namedtuple("ValueBegan", ("tag", "vr", "length", "offset"))
ValueEnded = namedtuple("ValueEnded", ("tag",))
Chunk = namedtuple("Chunk", ("view",))
SequenceBegan = namedtuple("SequenceBegan", ("tag", "vr", "length", "offset"))
SequenceEnded = namedtuple("SequenceEnded", ("tag", "offset"))
ItemBegan = namedtuple("ItemBegan", ("length", "offset"))
ItemEnded = namedtuple("ItemEnded", ("offset",))
FragmentsBegan = namedtuple("FragmentsBegan", ("tag", "vr", "offset"))
FragmentsEnded = namedtuple("FragmentsEnded", ("tag", "offset"))
FragmentBegan = namedtuple("FragmentBegan", ("length", "offset"))
FragmentEnded = namedtuple("FragmentEnded", ())

_UNDEFINED = element.UNDEFINED
_INFLATED_AT_ONCE = 16384
_PADDING_AT_ONCE = 4096

# What is open. kind; tag of the element; end: the offset where it ends, or None when a delimiter ends it; limit: the
# end of the innermost thing around it that has one; little and explicit: what they return to when it is closed
_Frame = namedtuple("_Frame", ("kind", "tag", "end", "limit", "little", "explicit"))
_ITEM, _SEQUENCE, _FRAGMENTS = "item", "sequence", "fragments"

# What the next octets are
_HEAD, _VALUE, _LONG_VALUE, _FRAGMENT, _PADDING = range(5)

# What a step returns, beside events and None for lack of octets: it got on, and there is nothing to tell
_GOT_ON = "got on"


class Reader:
    """Read one data set incrementally: `feed`, take `events()` until there are none, and so on; `finish` at its end.

    syntax: syntax.TransferSyntax. value_limit: octets of the longest value that comes whole. depth_limit: how many
    sequences may be open at once. inflate, inflate_limit: for a deflated syntax both have to be given, the function
    (see above) and how many octets it may make of the data set. start: what to call the offset of the first octet.

    All methods raise PeerError for what is no data set, LimitError for one that is nested too deep or inflates to too
    much, TruncatedError when it ends too soon; the reader is of no use afterwards.
    """

    def __init__(self, syntax, value_limit=65536, depth_limit=64, inflate=None, inflate_limit=None, start=0):
        if syntax.deflated and (inflate is None or inflate_limit is None):
            raise LocalError("%s needs an inflate function and a limit for its output" % syntax.name)
        self.notices = []
        self.little = syntax.little
        self._explicit = syntax.explicit
        self._value_limit = value_limit
        self._depth_limit = depth_limit
        self._inflate = inflate if syntax.deflated else None
        self._inflate_limit = inflate_limit
        self._deflated = None  # input of the inflate function that it has not seen
        self._inflating = False
        self._start = start
        self._offset = start
        self._view = memoryview(b"")
        self._at = 0
        self._held = bytearray()  # the beginning of a head or short value that is not all there
        self._frames = []
        self._depth = 0
        self._end = None  # of the innermost frame
        self._limit = None
        self._expect = _HEAD
        self._head = None
        self._left = 0  # octets still to come of a long value or fragment
        self._last = -1  # tag of the last element at the top level
        self._signed = False

    def feed(self, octets):
        """Take the next octets; they must stay as they are until next_event() has returned None, and no longer."""
        if self._at < len(self._view) or self._inflating:
            raise LocalError("the reader was fed before all events of what it had were taken")
        if self._inflate is None:
            self._view = memoryview(octets)
            self._at = 0
        else:
            self._deflated = octets
            self._inflating = True

    def events(self):
        """Yield the events that what was fed so far gives."""
        event = self.next_event()
        while event is not None:
            yield event
            event = self.next_event()

    def next_event(self):
        """Return the next event, or None when more octets have to be fed for it."""
        while True:
            expect = self._expect
            if expect == _HEAD:
                if self._frames and self._offset == self._end:
                    return self._close(self._offset)
                event = self._read_head()
            elif expect == _VALUE:
                event = self._read_value()
            elif expect == _PADDING:
                event = self._read_padding()
            else:
                event = self._read_chunk()
            if event is None:
                if not self._refill():
                    return None
            elif event is not _GOT_ON:
                return event

    def finish(self):
        """Declare the end of the data set, after its last event was taken."""
        if self._inflate is not None:
            self._inflate(None, _INFLATED_AT_ONCE)
        where = self._offset + len(self._held)
        if self._expect == _HEAD and not self._frames:
            if any(self._held):
                raise TruncatedError("the data set ends within the head of an element", where)
            if self._held:
                note(self.notices, "zeros after the data set", self._offset)
        elif self._expect == _HEAD:
            tag = self._frames[-1].tag
            raise TruncatedError("the data set ends within %s, which is not closed" % element.name(tag), where)
        elif self._expect != _PADDING:
            tag, _, length, _ = self._head
            raise TruncatedError(
                "the data set ends within the %d octets of %s" % (length, element.name(tag)), where
            )

    # Input: a unit (a head, a short value) is read where it lies when all of it is there, else gathered in _held

    def _refill(self):
        """Say whether inflating gave more octets, none being left unread."""
        self._view = memoryview(b"")
        self._at = 0
        if not self._inflating:
            return False
        inflated = self._inflate(self._deflated, _INFLATED_AT_ONCE)
        self._deflated = b""
        self._inflating = len(inflated) > 0
        self._inflate_limit -= len(inflated)
        if self._inflate_limit < 0:
            raise LimitError("the data set inflates to more than was agreed to", self._offset)
        self._view = memoryview(inflated)
        return self._inflating

    def _gather(self, count):
        """Return (octets, index) of `count` octets that stand together, or None when they are not all there."""
        held = self._held
        at = self._at
        view = self._view
        if not held and len(view) - at >= count:
            return view, at
        missing = min(max(0, count - len(held)), len(view) - at)
        held.extend(view[at : at + missing])
        self._at = at + missing
        return (held, 0) if len(held) >= count else None

    def _consume(self, count):
        """Step over `count` octets just gathered."""
        if self._held:
            self._held = bytearray()
        else:
            self._at += count
        self._offset += count

    # The steps

    def _read_head(self):
        octets = self._view
        at = self._at
        left = len(octets) - at
        offset = self._offset
        if left < 12 or self._held:
            gathered = self._gather_head()
            if gathered is None:
                return None
            octets, at = gathered
        elif offset == self._start:
            self._look_at_first(octets, at)
        tag, vr, length, size = element.read(octets, at, 12, self.little, self._explicit)
        if self._limit is not None and offset + size > self._limit:
            raise PeerError("%s begins before what is around it ends, and ends after that" % element.name(tag), offset)
        if 0xFFFE0000 <= tag <= 0xFFFEFFFF:
            return self._read_delimiter(tag, length, offset)
        if self._frames:
            if self._frames[-1].kind != _ITEM:
                raise PeerError("%s stands in a sequence, but in no item of it" % element.name(tag), offset)
        elif tag > self._last:
            self._last = tag
        elif tag == 0:
            note(self.notices, "zeros after the data set", offset)
            self._expect = _PADDING
            return _GOT_ON
        else:
            note(self.notices, "%s is not in ascending order of tags" % element.name(tag), offset)
        if vr not in element.CODES:
            vr = self._vr_of_odd(tag, vr, length, offset)
        self._consume(size)
        if length == _UNDEFINED:
            return self._open_undefined(tag, vr, offset)
        self._check_room(tag, length, offset)
        if vr == "SQ":
            return self._open_sequence(tag, vr, length, offset)
        if length & 1:
            note(self.notices, "%s has an odd length" % element.name(tag), offset)
        self._head = (tag, vr, length, offset)
        if length > self._value_limit:
            self._expect = _LONG_VALUE
            self._left = length
            return ValueBegan(tag, vr, length, offset)
        self._expect = _VALUE
        return self._read_value()

    def _gather_head(self):
        """Return (octets, index) of a head, of which no more than its own octets were taken, or None."""
        gathered = self._gather(8)
        if gathered is None:
            return None
        if self._offset == self._start:
            self._look_at_first(gathered[0], gathered[1])
        if element.read(gathered[0], gathered[1], 8, self.little, self._explicit) is None:
            return self._gather(12)
        return gathered

    def _check_room(self, tag, length, offset):
        """Refuse a length, its head being consumed, that runs out of what is around it."""
        if self._limit is not None and self._offset + length > self._limit:
            raise PeerError(
                "%s has %d octets, but there are %d left around it"
                % (element.name(tag), length, self._limit - self._offset),
                offset,
            )

    def _look_at_first(self, octets, at):
        found = element.layout(bytes(octets[at : at + 8]), self.little)
        if found is not None and found != (self.little, self._explicit):
            note(self.notices, "the data set is laid out otherwise than its transfer syntax says", self._offset)
            self.little, self._explicit = found

    def _vr_of_odd(self, tag, vr, length, offset):
        """Return the VR of an element that shows none, or one that PS3.5 does not know."""
        if vr:
            note(self.notices, "unknown VR %s, taken for UN" % vr, offset)
            return "UN"
        if self._explicit:
            note(self.notices, "an element without VR amid explicit VR", offset)
        vr = tags.vr(tag, self._signed)
        return "SQ" if vr == "UN" and length == _UNDEFINED else vr

    def _read_value(self):
        tag, vr, length, offset = self._head
        at = self._at
        end = at + length
        if end <= len(self._view) and not self._held:
            value = bytes(self._view[at:end])
            self._at = end
        elif self._gather(length) is None:
            return None
        else:
            value = bytes(self._held)
            self._held = bytearray()
        self._offset += length
        self._expect = _HEAD
        if tag == element.PIXEL_REPRESENTATION and not self._frames:
            self._signed = 1 in value
        return Element(tag, vr, value, offset)

    def _read_chunk(self):
        if self._left == 0:
            expect = self._expect
            self._expect = _HEAD
            return FragmentEnded() if expect == _FRAGMENT else ValueEnded(self._head[0])
        at = self._at
        count = min(self._left, len(self._view) - at)
        if count == 0:
            return None
        self._consume(count)
        self._left -= count
        return Chunk(self._view[at : at + count])

    def _read_padding(self):
        end = min(self._at + _PADDING_AT_ONCE, len(self._view))
        padding = bytes(self._held) + bytes(self._view[self._at : end])
        self._held = bytearray()
        self._at = end
        self._offset += len(padding)
        rest = len(padding.lstrip(b"\0"))
        if rest:
            raise PeerError("octets that are no element follow the data set", self._offset - rest)
        return _GOT_ON if padding else None

    def _read_delimiter(self, tag, length, offset):
        kind = self._frames[-1].kind if self._frames else None
        if tag == element.ITEM:
            if kind == _SEQUENCE:
                self._consume(8)
                return self._open_item(length, offset)
            if kind == _FRAGMENTS and length != _UNDEFINED:
                self._consume(8)
                self._check_room(tag, length, offset)
                self._head = (self._frames[-1].tag, "", length, offset)
                self._expect = _FRAGMENT
                self._left = length
                return FragmentBegan(length, offset)
            raise PeerError("an item begins outside a sequence, or in a fragment without length", offset)
        if tag == element.SEQUENCE_END and kind == _ITEM and self._end is None:
            note(self.notices, "an item is not closed before its sequence is", offset)
            return self._close(offset)
        if tag != element.SEQUENCE_END and tag != element.ITEM_END:
            raise PeerError("%s is no delimiter" % element.name(tag), offset)
        self._consume(8)
        if length:
            note(self.notices, "a delimiter has a length", offset)
        if self._end is None and kind is not None and (kind == _ITEM) == (tag == element.ITEM_END):
            return self._close(offset)
        note(self.notices, "a delimiter that closes nothing", offset)
        return _GOT_ON

    # Frames

    def _open_undefined(self, tag, vr, offset):
        if vr == "SQ":
            return self._open_sequence(tag, vr, _UNDEFINED, offset)
        if vr == "UN":
            # Its content is implicit VR little endian whatever is around it (PS3.5 6.2.2, note 3)
            event = self._open_sequence(tag, vr, _UNDEFINED, offset)
            self.little, self._explicit = True, False
            return event
        if vr == "OB" or vr == "OW":
            self._push(_FRAGMENTS, tag, None)
            return FragmentsBegan(tag, vr, offset)
        raise PeerError("%s of VR %s has no length" % (element.name(tag), vr), offset)

    def _open_sequence(self, tag, vr, length, offset):
        self._depth += 1
        if self._depth > self._depth_limit:
            raise LimitError("sequences are nested deeper than %d" % self._depth_limit, offset)
        self._push(_SEQUENCE, tag, None if length == _UNDEFINED else self._offset + length)
        return SequenceBegan(tag, vr, length, offset)

    def _open_item(self, length, offset):
        if length == _UNDEFINED:
            self._push(_ITEM, self._frames[-1].tag, None)
        else:
            if self._end is not None and self._offset + length > self._end:
                self._lengthen(self._offset + length, offset)
            self._check_room(element.ITEM, length, offset)
            self._push(_ITEM, self._frames[-1].tag, self._offset + length)
        return ItemBegan(length, offset)

    def _lengthen(self, end, offset):
        """Take a sequence for as long as its last item needs, where there is room: some writers add up wrongly."""
        frame = self._frames[-1]
        if frame.limit is None or end <= frame.limit:
            note(self.notices, "an item is longer than its sequence", offset)
            self._frames.pop()
            self._limit = frame.limit
            self._push(_SEQUENCE, frame.tag, end)

    def _push(self, kind, tag, end):
        self._frames.append(_Frame(kind, tag, end, self._limit, self.little, self._explicit))
        self._end = end
        if end is not None:
            self._limit = end

    def _close(self, offset):
        """Close the innermost frame; return the event that says so."""
        kind, tag, _, self._limit, self.little, self._explicit = self._frames.pop()
        self._end = self._frames[-1].end if self._frames else None
        if kind == _ITEM:
            return ItemEnded(offset)
        if kind == _FRAGMENTS:
            return FragmentsEnded(tag, offset)
        self._depth -= 1
        return SequenceEnded(tag, offset)
