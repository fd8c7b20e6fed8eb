"""Elements on their way into another transfer syntax, with those changed that describe the pixels.

Source: PS3.5 A.4 (encapsulation).
"""

from edge.dicom import element, reader, rewriter
from edge.dicom.rewriter import HALT

_VALUES = (reader.Element, reader.ValueBegan)
_BEGINS = (*_VALUES, reader.SequenceBegan, reader.FragmentsBegan)


class Rewriter(rewriter.Rewriter):
    """Writes the elements that the reader.Reader `source` gives.

    edits: {tag: (VR, octets in little endian), or None to leave the element out}, for the top level; an element that is
    not there is put where it belongs; its octets may be an iterator of parts behind their length, as in (VR, length,
    function that returns the iterator). items: {tag: items that a sequence of the top level ends with}. stops_at:
    top-level tags before which `parts` ends, `reached` being the event that began the element; whoever takes its events
    from the reader then goes on with `parts`. keeps_fragments: as of edge.dicom.rewriter.
    """

    def __init__(self, source, explicit, edits, items, stops_at=(), keeps_fragments=False):
        super().__init__(source, explicit, keeps_fragments)
        self.reached = None
        self._edits = edits
        self._items = items
        new = [tag for tag in edits if edits[tag] is not None]
        self._pending = sorted(new + list(items), reverse=True)
        self._stops_at = stops_at
        self._depth = 0
        self._held = None  # the event that waits for what goes before it

    def parts(self):
        """Yield the octets of all events there are, or of those before a tag of `stops_at`; good until the next."""
        self.reached = None
        yield from super().parts()
        while self._held is not None:
            event, self._held = self._held, None
            yield from self._made(event.tag)
            if event.tag in self._stops_at:
                yield from self._flushed()
                self.reached = event
                return
            self._steps()[type(event)](event)
            yield from super().parts()

    def finish(self):
        """Return what was not yielded yet, behind the last event."""
        return b"".join([*self._made(1 << 32), super().finish()])

    def _made(self, limit):
        """Write the edits up to the tag `limit`; yield those that come in parts."""
        while self._pending and self._pending[-1] <= limit:
            tag = self._pending.pop()
            if tag in self._items:
                if tag != limit:
                    self._write(element.write(tag, "SQ", element.UNDEFINED, self._explicit))
                    self._write(self._items[tag] + rewriter.SEQUENCE_END)
                continue
            vr, *rest = self._edits[tag]
            if len(rest) == 1:
                self._write(element.write_any(tag, vr, len(rest[0]), self._explicit) + rest[0])
            else:
                length, parts = rest
                self._write(element.write_any(tag, vr, length, self._explicit))
                yield from self._flushed()
                yield from parts()

    # The steps

    def _steps(self):
        steps = super()._steps()
        for kind in _BEGINS:
            steps[kind] = self._at_top(steps[kind], kind in _VALUES)
        return steps

    def _at_top(self, step, is_value):
        """Return `step` for what begins an element, with what becomes of it at the top level."""
        edits, pending, stops_at = self._edits, self._pending, self._stops_at

        def taken(event):
            if self._depth == 0:
                tag = event.tag
                if tag in stops_at or pending and pending[-1] <= tag:
                    self._held = event
                    return HALT
                if is_value and tag in edits:
                    self._dropping = True
                    return None
            return step(event)

        return taken

    def _sequence_began(self, event):
        self._depth += 1
        super()._sequence_began(event)

    def _sequence_ended(self, event):
        self._depth -= 1
        if self._depth == 0 and event.tag in self._items:
            self._write(self._items[event.tag])
        super()._sequence_ended(event)
