"""A data set written again as it is read: event by event, as explicit or implicit VR little endian, never held.

Numbers change their byte order, VRs come (from the standard's dictionary) or go, odd values become even; group lengths,
which would be wrong, are left out. Sequences and items are written with undefined length, as theirs is not known before
their end, and a sequence that came under the VR UN as the sequence it is. Fragments and long values pass through in
views of what came in, so that memory is that of a few values.

A Rewriter changes nothing else. Whoever does is one, with steps of their own around the steps here: a step takes an
event and writes what becomes of it by `_write`, or returns a view that goes out as it is.

Source: PS3.5 7.1 (explicit and implicit VR), 7.3 (byte order), 6.2.2 (UN), A.1, A.2, A.4.
"""

from edge.dicom import element, reader
from edge.dicom.errors import PeerError
from edge.dicom.octets import swapped

ITEM_BEGIN = element.write(element.ITEM, "", element.UNDEFINED)
ITEM_END = element.write(element.ITEM_END, "", 0)
SEQUENCE_END = element.write(element.SEQUENCE_END, "", 0)

FLUSH_BYTES = 65536  # of small elements that are gathered before they go out

HALT = object()  # what a step returns when nothing more is to be read for now


class Rewriter:
    """Writes what the reader.Reader `source` reads.

    explicit: whether the output has VRs. keeps_fragments: whether encapsulated pixel data are copied, fragment by
    fragment, instead of being refused.
    """

    def __init__(self, source, explicit, keeps_fragments=True):
        self._source = source
        self._explicit = explicit
        self._keeps_fragments = keeps_fragments
        self._out = bytearray()
        self._dropping = False  # the long value under way
        self._width = 1  # of the numbers in it, when they are to be swapped
        self._split = b""  # the beginning of a number whose end is in the next chunk
        self._pad = b""

    def rewrite(self, chunks):
        """Yield what the data set that `chunks` make up becomes; each part is good until the next."""
        for chunk in chunks:
            self._source.feed(chunk)
            yield from self.parts()
        self._source.finish()
        yield self.finish()

    def parts(self):
        """Yield the octets of all events there are, or of those before a HALT; each part is good until the next."""
        out = self._out
        steps = self._steps()
        next_event = self._source.next_event
        event = next_event()
        while event is not None:
            view = steps[type(event)](event)
            if view is not None:
                if view is HALT:
                    return
                yield from self._flushed()
                yield view
            elif len(out) >= FLUSH_BYTES:
                yield from self._flushed()
            event = next_event()

    def finish(self):
        """Return what was not yielded yet, the data set having ended."""
        return bytes(self._out)

    def _flushed(self):
        """Yield what is gathered, if there is any."""
        if self._out:
            yield bytes(self._out)
            self._out[:] = b""

    def _write(self, octets):
        """Write what became of an event."""
        self._out += octets

    # The steps

    def _steps(self):
        return {
            reader.Element: self._element,
            reader.ValueBegan: self._value_began,
            reader.Chunk: self._chunk,
            reader.ValueEnded: self._value_ended,
            reader.SequenceBegan: self._sequence_began,
            reader.SequenceEnded: self._sequence_ended,
            reader.ItemBegan: self._item_began,
            reader.ItemEnded: self._item_ended,
            reader.FragmentsBegan: self._fragments_began,
            reader.FragmentBegan: self._fragment_began,
            reader.FragmentEnded: self._value_ended,
            reader.FragmentsEnded: self._fragments_ended,
        }

    def _element(self, event):
        tag, vr, value, _ = event
        if tag & 0xFFFF:
            if len(value) & 1 or not self._source.little:
                value = self._even(vr, value)
            self._out += element.write_any(tag, vr, len(value), self._explicit) + value

    def _even(self, vr, value):
        """Return a value as it is to be written: in little endian, of even length."""
        if not self._source.little:
            value = swapped(value, element.WIDTHS.get(vr, 1))
        return value + element.filler(vr) if len(value) & 1 else value

    def _value_began(self, event):
        tag, vr, length, _ = event
        self._dropping = tag & 0xFFFF == 0
        if not self._dropping:
            self._width = 1 if self._source.little else element.WIDTHS.get(vr, 1)
            self._pad = element.filler(vr) if length & 1 else b""
            self._write(element.write_any(tag, vr, length + (length & 1), self._explicit))

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
            self._write(self._split + self._pad)
        self._split = b""
        self._dropping = False

    def _sequence_began(self, event):
        self._write(element.write(event.tag, "SQ", element.UNDEFINED, self._explicit))

    def _sequence_ended(self, event):
        self._write(SEQUENCE_END)

    def _item_began(self, event):
        self._write(ITEM_BEGIN)

    def _item_ended(self, event):
        self._write(ITEM_END)

    def _fragments_began(self, event):
        if not self._keeps_fragments:
            raise PeerError("the pixels are compressed, although the transfer syntax says they are not", event.offset)
        self._write(element.write(event.tag, event.vr, element.UNDEFINED, self._explicit))

    def _fragment_began(self, event):
        self._dropping = False
        self._width = 1
        self._pad = b"\0" if event.length & 1 else b""
        self._write(element.write(element.ITEM, "", event.length + (event.length & 1)))

    def _fragments_ended(self, event):
        self._write(SEQUENCE_END)
