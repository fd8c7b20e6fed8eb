"""The same data set in another uncompressed transfer syntax, on its way out: streamed, in the memory of a few values.

Numbers change their byte order, VRs come (from the standard's dictionary) or go, a deflated stream is inflated; no
element is added, and none is left out but group lengths, which would be wrong. Sequences and items are written with
undefined length, since their new one is not known before their end. A sequence that came under the VR UN is written as
the sequence it is. The stored object is not touched.

Source: PS3.5 7.1 (explicit and implicit VR), 7.3 (byte order), 6.2.2 (UN), A.1, A.2, A.5.
"""

from array import array

from edge.dicom import element, reader
from edge.dicom import syntax as syntaxes
from edge.dicom.errors import LimitError, PeerError
from edge.spool.inflate import inflater

# What a data set in each syntax can be turned into, best first
TARGETS = {
    syntaxes.EXPLICIT_LITTLE: (syntaxes.IMPLICIT_LITTLE,),
    syntaxes.IMPLICIT_LITTLE: (syntaxes.EXPLICIT_LITTLE,),
    syntaxes.EXPLICIT_BIG: (syntaxes.EXPLICIT_LITTLE, syntaxes.IMPLICIT_LITTLE),
    syntaxes.DEFLATED_LITTLE: (syntaxes.EXPLICIT_LITTLE, syntaxes.IMPLICIT_LITTLE),
}

OUTPUT_LIMIT_BYTES = 1 << 33  # of what a deflated data set may become

_READ_BYTES = 65536
_SHORT_LIMIT = 0xFFFE  # the longest value of a VR whose length takes 16 bits

_ITEM_BEGIN = element.write(element.ITEM, "", element.UNDEFINED)
_ITEM_END = element.write(element.ITEM_END, "", 0)
_SEQUENCE_END = element.write(element.SEQUENCE_END, "", 0)

_SWAPPED_AS = {2: "H", 4: "I", 8: "Q"}


def reencode(chunks, source, target, output_limit=OUTPUT_LIMIT_BYTES):
    """Yield the data set that `chunks` (an iterator of bytes-like objects) make up, in another transfer syntax.

    source, target: UIDs, the second one of TARGETS of the first. Each part that is yielded is good until the next.
    Raises PeerError when the data set cannot be read, or holds compressed pixels, LimitError when it is nested too deep
    or inflates to more than `output_limit` octets.
    """
    known = syntaxes.lookup(source)
    if known.deflated and target == syntaxes.EXPLICIT_LITTLE:
        return _inflated(chunks, output_limit)
    return _rewritten(chunks, known, syntaxes.lookup(target).explicit, output_limit)


def _inflated(chunks, output_limit):
    """Yield a deflated data set inflated, which is all that explicit little endian asks for."""
    inflate = inflater()
    made = 0
    for chunk in chunks:
        octets = inflate(chunk, _READ_BYTES)
        while octets:
            made += len(octets)
            if made > output_limit:
                raise LimitError("the data set inflates to more than %d octets" % output_limit)
            yield octets
            octets = inflate(b"", _READ_BYTES)
    inflate(None, 0)
    if made & 1:
        yield b"\0"


def _rewritten(chunks, known, explicit, output_limit):
    source = reader.Reader(
        known, inflate=inflater() if known.deflated else None, inflate_limit=output_limit if known.deflated else None
    )
    rewriter = _Rewriter(source, explicit)
    for chunk in chunks:
        source.feed(chunk)
        yield from rewriter.parts()
    source.finish()
    yield rewriter.rest()


class _Rewriter:
    """Writes what a reader reads."""

    def __init__(self, source, explicit):
        self._source = source
        self._explicit = explicit
        self._out = bytearray()
        self._width = 1  # of the numbers in the long value under way, when they are to be swapped
        self._split = b""  # the beginning of a number whose end is in the next chunk
        self._dropping = False
        self._pad = b""

    def parts(self):
        """Yield the octets of all events there are."""
        out = self._out
        next_event = self._source.next_event
        event = next_event()
        while event is not None:
            write = _WRITE.get(type(event))
            if write is None:
                raise PeerError("the pixels are compressed, although the transfer syntax says they are not", event[-1])
            view = write(self, event)
            if view is not None:
                if out:
                    yield bytes(out)
                    out.clear()
                yield view
            elif len(out) >= _READ_BYTES:
                yield bytes(out)
                out.clear()
            event = next_event()

    def rest(self):
        """Return what was not yielded yet."""
        return bytes(self._out)

    def _head(self, tag, vr, length):
        if self._explicit and length > _SHORT_LIMIT and not element.is_long(vr):
            vr = "UN"  # as PS3.5 6.2.2 has it for what is too long for its own
        self._out += element.write(tag, vr, length, self._explicit)

    def _element(self, event):
        tag, vr, value, _ = event
        if tag & 0xFFFF == 0:
            return
        if not self._source.little:
            value = _swapped(value, element.WIDTHS.get(vr, 1))
        odd = len(value) & 1
        self._head(tag, vr, len(value) + odd)
        self._out += value
        if odd:
            self._out += element.filler(vr)

    def _value_began(self, event):
        tag, vr, length, _ = event
        self._dropping = tag & 0xFFFF == 0
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
        return _swapped(octets[:whole], self._width)

    def _value_ended(self, event):
        if not self._dropping:
            self._out += self._split + self._pad
        self._split = b""
        self._dropping = False

    def _sequence_began(self, event):
        self._out += element.write(event.tag, "SQ", element.UNDEFINED, self._explicit)

    def _sequence_ended(self, event):
        self._out += _SEQUENCE_END

    def _item_began(self, event):
        self._out += _ITEM_BEGIN

    def _item_ended(self, event):
        self._out += _ITEM_END


_WRITE = {
    reader.Element: _Rewriter._element,
    reader.ValueBegan: _Rewriter._value_began,
    reader.Chunk: _Rewriter._chunk,
    reader.ValueEnded: _Rewriter._value_ended,
    reader.SequenceBegan: _Rewriter._sequence_began,
    reader.SequenceEnded: _Rewriter._sequence_ended,
    reader.ItemBegan: _Rewriter._item_began,
    reader.ItemEnded: _Rewriter._item_ended,
}


def _swapped(octets, width):
    """Return numbers of `width` octets in the other byte order; a rest that is no whole number stays as it is."""
    if width == 1:
        return octets
    whole = len(octets) - len(octets) % width
    numbers = array(_SWAPPED_AS[width], octets[:whole])
    numbers.byteswap()
    return numbers.tobytes() + octets[whole:]
