"""Write what a reader reads as explicit or implicit VR little endian, with some elements changed on the way.

Numbers change their byte order, VRs come (from the standard's dictionary) or go; group lengths are left out, as they
would be wrong. Sequences and items are written with undefined length, since their new one is not known before their
end. A sequence that came under the VR UN is written as the sequence it is. Memory is that of a few values.

Source: PS3.5 7.1 (explicit and implicit VR), 7.3 (byte order), 6.2.2 (UN), A.1, A.2, A.4.
"""

from array import array

from edge.dicom import element, reader
from edge.dicom.errors import PeerError

READ_BYTES = 65536

_ITEM_BEGIN = element.write(element.ITEM, "", element.UNDEFINED)
_ITEM_END = element.write(element.ITEM_END, "", 0)
_SEQUENCE_END = element.write(element.SEQUENCE_END, "", 0)

_SWAPPED_AS = {2: "H", 4: "I", 8: "Q"}

# Values that were compressed pixels once, and are to be something else
_COMPRESSED = "the pixels are compressed, although the transfer syntax says they are not"


class Rewriter:
    """Writes the elements that the reader.Reader `source` gives.

    edits: {tag: (VR, octets in little endian), or None to leave the element out}, for the top level; an element that is
    not there is put where it belongs; its octets may be an iterator of parts behind their length, as in (VR, length,
    function that returns the iterator). stops_at: top-level tags before which `parts` ends, `reached` being the event
    that began the element; whoever takes its events from the reader then goes on with `parts`. keeps_fragments: whether
    encapsulated pixel data are copied, fragment by fragment, instead of being refused.
    """

    def __init__(self, source, explicit, edits=None, items=None, stops_at=(), keeps_fragments=False):
        self.reached = None
        self._source = source
        self._explicit = explicit
        self._edits = dict(edits or {})
        self._items = dict(items or {})
        new = [tag for tag in self._edits if self._edits[tag] is not None]
        self._pending = sorted(new + list(self._items), reverse=True)
        self._stops_at = stops_at
        self._keeps_fragments = keeps_fragments
        self._depth = 0
        self._out = bytearray()
        self._width = 1  # of the numbers in the long value under way, when they are to be swapped
        self._split = b""  # the beginning of a number whose end is in the next chunk
        self._dropping = False
        self._pad = b""

    def parts(self):
        """Yield the octets of all events there are, or of those before a tag of `stops_at`; good until the next."""
        out = self._out
        next_event = self._source.next_event
        self.reached = None
        event = next_event()
        while event is not None:
            if self._depth == 0 and type(event) in _BEGINS:
                tag = event.tag
                if self._pending and self._pending[-1] <= tag:
                    yield from self._insert(tag)
                if tag in self._stops_at:
                    self.reached = event
                    if out:
                        yield bytes(out)
                        out.clear()
                    return
            view = _WRITE[type(event)](self, event)
            if view is not None:
                if out:
                    yield bytes(out)
                    out.clear()
                yield view
            elif len(out) >= READ_BYTES:
                yield bytes(out)
                out.clear()
            event = next_event()

    def rest(self):
        """Return what was not yielded yet, behind the last event."""
        return b"".join([*self._insert(None), bytes(self._out)])

    def _insert(self, limit):
        """Write the edits up to the tag `limit`, or all of them; yield those that come in parts."""
        while self._pending and (limit is None or self._pending[-1] <= limit):
            tag = self._pending.pop()
            if tag in self._items:
                if tag != limit:
                    self._out += element.write(tag, "SQ", element.UNDEFINED, self._explicit)
                    self._out += self._items[tag] + _SEQUENCE_END
                continue
            vr, *rest = self._edits[tag]
            if len(rest) == 1:
                self._head(tag, vr, len(rest[0]))
                self._out += rest[0]
            else:
                length, parts = rest
                self._head(tag, vr, length)
                yield bytes(self._out)
                self._out.clear()
                yield from parts()

    def _head(self, tag, vr, length):
        self._out += element.write_any(tag, vr, length, self._explicit)

    def _element(self, event):
        tag, vr, value, _ = event
        if tag & 0xFFFF == 0 or self._depth == 0 and tag in self._edits:
            return
        if not self._source.little:
            value = swapped(value, element.WIDTHS.get(vr, 1))
        odd = len(value) & 1
        self._head(tag, vr, len(value) + odd)
        self._out += value
        if odd:
            self._out += element.filler(vr)

    def _value_began(self, event):
        tag, vr, length, _ = event
        self._dropping = tag & 0xFFFF == 0 or self._depth == 0 and tag in self._edits
        if self._dropping:
            return
        self._width = 1 if self._source.little else element.WIDTHS.get(vr, 1)
        self._pad = element.filler(vr) if length & 1 else b""
        self._head(tag, vr, length + (length & 1))

    def _chunk(self, event):
        if self._dropping:
            return None
        if self._width == 1:
            return event.view
        octets = self._split + bytes(event.view)
        whole = len(octets) - len(octets) % self._width
        self._split = octets[whole:]
        return swapped(octets[:whole], self._width)

    def _value_ended(self, event):
        if not self._dropping:
            self._out += self._split + self._pad
        self._split = b""
        self._dropping = False

    def _sequence_began(self, event):
        self._depth += 1
        self._out += element.write(event.tag, "SQ", element.UNDEFINED, self._explicit)

    def _sequence_ended(self, event):
        self._depth -= 1
        if self._depth == 0:
            self._out += self._items.get(event.tag, b"")
        self._out += _SEQUENCE_END

    def _item_began(self, event):
        self._out += _ITEM_BEGIN

    def _item_ended(self, event):
        self._out += _ITEM_END

    def _fragments_began(self, event):
        if not self._keeps_fragments:
            raise PeerError(_COMPRESSED, event.offset)
        self._out += element.write(event.tag, event.vr, element.UNDEFINED)

    def _fragment_began(self, event):
        self._dropping = False
        self._width = 1
        self._pad = b"\0" if event.length & 1 else b""
        self._out += element.write(element.ITEM, "", event.length + (event.length & 1))

    def _fragments_ended(self, event):
        self._out += _SEQUENCE_END


_WRITE = {
    reader.Element: Rewriter._element,
    reader.ValueBegan: Rewriter._value_began,
    reader.Chunk: Rewriter._chunk,
    reader.ValueEnded: Rewriter._value_ended,
    reader.SequenceBegan: Rewriter._sequence_began,
    reader.SequenceEnded: Rewriter._sequence_ended,
    reader.ItemBegan: Rewriter._item_began,
    reader.ItemEnded: Rewriter._item_ended,
    reader.FragmentsBegan: Rewriter._fragments_began,
    reader.FragmentBegan: Rewriter._fragment_began,
    reader.FragmentEnded: Rewriter._value_ended,
    reader.FragmentsEnded: Rewriter._fragments_ended,
}
_BEGINS = (reader.Element, reader.ValueBegan, reader.SequenceBegan, reader.FragmentsBegan)


def swapped(octets, width):
    """Return numbers of `width` octets in the other byte order; a rest that is no whole number stays as it is."""
    if width == 1:
        return octets
    whole = len(octets) - len(octets) % width
    numbers = array(_SWAPPED_AS[width], octets[:whole])
    numbers.byteswap()
    return numbers.tobytes() + octets[whole:]
