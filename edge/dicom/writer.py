"""Make the octets of a data set, piece by piece or as a whole, in explicit or implicit VR little endian.

A Writer returns octets and keeps nothing but what is open, so that a value of any length can be written by whoever
has it: `begin_value`, then that many octets, then the next element. Sequences and items are written with undefined
length, as theirs is not known before they end. `data_set` is for the small ones that are known beforehand.

Source: PS3.5 7.1, 7.5, A.4.
"""

from edge.dicom import element as elements
from edge.dicom import values
from edge.dicom.errors import LocalError

_SHORT_LIMIT = 0xFFFE  # the longest value of a VR whose length takes 16 bits

# What is open
_DATA_SET, _SEQUENCE, _ITEM, _FRAGMENTS = "a data set", "a sequence", "an item", "fragments"


class Writer:
    """Write elements of one data set, in the order they are asked for.

    syntax: syntax.TransferSyntax, of little endian and not deflated. charsets: defined terms for text. LocalError when
    what is asked for would not be a data set: tags that do not ascend, an item outside a sequence, a value its VR
    cannot hold.
    """

    def __init__(self, syntax, charsets=()):
        if not syntax.little or syntax.deflated:
            raise LocalError("%s is not written here" % syntax.name)
        self._explicit = syntax.explicit
        self._charsets = charsets
        self._open = [_DATA_SET]
        self._last = [-1]  # tag of the last element in each of what is open

    def element(self, tag, vr, value):
        """Return a whole element: `value` is what values.encode takes."""
        octets = values.encode(value, vr, self._charsets)
        return self.begin_value(tag, vr, len(octets)) + octets

    def begin_value(self, tag, vr, length):
        """Return the head of an element whose `length` octets, an even number, come next.

        A value too long for the 16-bit length of its VR is given the VR UN (PS3.5 6.2.2).
        """
        self._ascend(tag)
        if length & 1 or not 0 <= length < elements.UNDEFINED:
            raise LocalError("%s cannot have a length of %d" % (elements.name(tag), length))
        if length > _SHORT_LIMIT and self._explicit and vr in elements.CODES and not elements.is_long(vr):
            vr = "UN"
        return elements.write(tag, vr, length, self._explicit)

    def begin_sequence(self, tag):
        """Return the head of a sequence."""
        self._ascend(tag)
        self._begin(_SEQUENCE)
        return elements.write(tag, "SQ", elements.UNDEFINED, self._explicit)

    def begin_item(self):
        """Return the head of an item of the sequence that is open."""
        self._require(_SEQUENCE)
        self._begin(_ITEM)
        return elements.write(elements.ITEM, "", elements.UNDEFINED)

    def end_item(self):
        """Return the end of the item that is open."""
        self._end(_ITEM)
        return elements.write(elements.ITEM_END, "", 0)

    def end_sequence(self):
        """Return the end of the sequence that is open."""
        self._end(_SEQUENCE)
        return elements.write(elements.SEQUENCE_END, "", 0)

    def begin_fragments(self, tag=elements.PIXEL_DATA):
        """Return the head of encapsulated pixel data; the first fragment has to be its Basic Offset Table."""
        self._ascend(tag)
        if not self._explicit:
            raise LocalError("encapsulated pixel data need explicit VR")
        self._begin(_FRAGMENTS)
        return elements.write(tag, "OB", elements.UNDEFINED)

    def fragment(self, length):
        """Return the head of a fragment whose `length` octets, an even number, come next."""
        self._require(_FRAGMENTS)
        if length & 1 or not 0 <= length < elements.UNDEFINED:
            raise LocalError("a fragment cannot have a length of %d" % length)
        return elements.write(elements.ITEM, "", length)

    def end_fragments(self):
        """Return the end of the fragments."""
        self._end(_FRAGMENTS)
        return elements.write(elements.SEQUENCE_END, "", 0)

    def finish(self):
        """Check that nothing is left open."""
        self._require(_DATA_SET)

    def _ascend(self, tag):
        if self._open[-1] not in (_DATA_SET, _ITEM):
            raise LocalError("%s cannot stand in %s" % (elements.name(tag), self._open[-1]))
        if tag <= self._last[-1] or tag >> 16 == 0xFFFE:
            raise LocalError("%s cannot follow %s" % (elements.name(tag), elements.name(self._last[-1])))
        self._last[-1] = tag

    def _require(self, what):
        if self._open[-1] != what:
            raise LocalError("%s is open where %s has to be" % (self._open[-1], what))

    def _begin(self, what):
        self._open.append(what)
        self._last.append(-1)

    def _end(self, what):
        self._require(what)
        self._open.pop()
        self._last.pop()


def data_set(content, syntax, charsets=()):
    """Return the octets of a whole data set.

    content: (tag, VR, value) tuples in any order; the value as values.encode takes it, for SQ a list of items, each
    again such elements. syntax and charsets as for Writer; Specific Character Set has to be in `content`.
    """
    writer = Writer(syntax, charsets)
    pieces = []
    work = _stacked(content)
    while work:
        tag, vr, value = work.pop()
        if vr == "SQ":
            pieces.append(writer.begin_sequence(tag))
            work.append((None, _SEQUENCE, None))
            work += [(None, _ITEM, item) for item in reversed(value or ())]
        elif tag is not None:
            pieces.append(writer.element(tag, vr, value))
        elif vr == _SEQUENCE:
            pieces.append(writer.end_sequence())
        elif value is None:
            pieces.append(writer.end_item())
        else:
            pieces.append(writer.begin_item())
            work.append((None, _ITEM, None))
            work += _stacked(value)
    return b"".join(pieces)


def _stacked(content):
    """Return elements so that the one with the lowest tag is the first to be popped."""
    return sorted(content, key=lambda one: -one[0])
