"""Find a few top-level values near the beginning of a data set, with the least work per element.

Every received object passes here on its way to the disk, so this is the one place where speed comes before all else.
Most elements are not wanted: they are stepped over by their length, sequences of defined length as a whole. Only what
has no length is walked through, with a list of what is still open. What strays from the standard is read as `reader`
reads it, but nothing is looked up in a dictionary.
"""

from edge.dicom import element
from edge.dicom.errors import LimitError, LocalError, PeerError, TruncatedError, note
from edge.dicom.octets import head_explicit, length_32

_FORMS = element.FORMS
_UNDEFINED = element.UNDEFINED
_INFLATED_AT_ONCE = 16384

# What may be open: an item, a sequence (or fragments), a UN element whose content is implicit VR little endian
_ITEM, _SEQUENCE, _UNKNOWN = "item", "sequence", "unknown"


class Skim:
    """Collect the raw values of the `wanted` tags (a collection of int) that stand at the top level of a data set.

    `feed` it the data set from its beginning, cut anywhere, until it says True: it has every wanted value, or has
    come to where the tag `stop_after` has its place. Then `values` (dict of tag to bytes, padding included) is final,
    whatever else follows. When the data set ends before that, call `finish`. `notices` is a list of Notice.

    `syntax` is a syntax.TransferSyntax; a deflated one needs `inflate` (see `reader`), of whose output no more than
    `inflate_limit` octets are looked at. PeerError when the octets are not a data set; LimitError when a wanted value
    is longer than `value_limit` or sequences without length are nested deeper than `depth_limit`.

    `step` may take over the plain case, explicit VR little endian with lengths, where something faster is at hand: a
    function of (octets, index, values) that steps over whole elements below `stop_after` from the index on, puts wanted
    values that are not there yet into the dict, and returns the index of the first element it left alone.
    """

    def __init__(
        self,
        syntax,
        wanted,
        stop_after,
        inflate=None,
        value_limit=65536,
        depth_limit=64,
        inflate_limit=1 << 22,
        step=None,
    ):
        if syntax.deflated and inflate is None:
            raise LocalError("%s needs an inflate function" % syntax.name)
        self.values = {}
        self.notices = []
        self._little = syntax.little
        self._explicit = syntax.explicit
        self._inflate = inflate if syntax.deflated else None
        self._inflate_left = inflate_limit
        self._wanted = wanted
        self._stop_after = stop_after
        self._value_limit = value_limit
        self._step = step
        self._depth_limit = depth_limit
        self._held = bytearray()  # the beginning of an element that is not all there
        self._need = 8  # how many of its octets have to be there before it is looked at again
        self._offset = 0  # in the data set: where the octets taken so far end
        self._skip = 0  # octets still to come of a value that nobody wants
        self._open = []
        self._outside = None  # byte order and VR form around a UN element that is open
        self._done = False

    def feed(self, view):
        """Take the next octets of the data set; say whether nothing more is needed. The view is not kept."""
        if self._inflate is None or self._done:
            return self._done or self._take(view)
        inflated = self._inflate(view, _INFLATED_AT_ONCE)
        while inflated and not self._take(inflated):
            if self._offset > self._inflate_left:
                raise LimitError("what is looked for is not among the first %d octets inflated" % self._inflate_left)
            inflated = self._inflate(b"", _INFLATED_AT_ONCE)
        return self._done

    def finish(self):
        """Declare the end of the data set. TruncatedError when it ends within an element or an open sequence."""
        if self._done:
            return
        if any(self._held) or self._skip or self._open:
            what = "a value" if self._skip else "the head or value of an element" if self._held else "a sequence"
            raise TruncatedError("the data set ends within %s" % what, self._offset)
        self._done = True

    def _take(self, view):
        at = 0
        while self._held:
            count = min(self._need - len(self._held), len(view) - at)
            self._held.extend(view[at : at + count])
            at += count
            self._offset += count
            if len(self._held) < self._need:
                return False
            piece = bytes(self._held)
            self._held = bytearray()
            self._offset -= len(piece)
            if self._scan(piece, 0):
                return True
        return self._scan(view, at)

    def _scan(self, octets, at):
        """Step through `octets` from index `at`; hold back what is incomplete at their end."""
        base = self._offset - at
        end = len(octets)
        step = min(self._skip, end - at)
        self._skip -= step
        at += step
        need = 8
        if base + at == 0 and end - at >= 8:
            self._look_at_first(octets, at)
        little = self._little
        explicit = self._explicit
        wanted = self._wanted
        stop_after = self._stop_after
        if self._step is not None and little and explicit and not self._open:
            at = self._step(octets, at, self.values)
        while end - at >= 8:
            group, number, code, length = head_explicit(octets, at, little)
            form = _FORMS.get(code)
            if form is not None and explicit and group != 0xFFFE:
                tag = group << 16 | number
                vr, is_long = form
                size = 8
                if is_long:
                    if end - at < 12:
                        need = 12
                        break
                    length = length_32(octets, at + 8, little)
                    size = 12
            else:
                found = element.read(octets, at, end - at, little, explicit)
                if found is None:
                    need = 12
                    break
                tag, vr, length, size = found
                if explicit and group != 0xFFFE:
                    self._note_odd(tag, vr, base + at)
            if self._open or group == 0xFFFE:
                length = self._step_inside(tag, vr, length, base + at)
                little = self._little
                explicit = self._explicit
            elif tag >= stop_after and (tag > stop_after or tag not in wanted):
                self._done = True
                break
            elif length == _UNDEFINED:
                length = self._enter(tag, vr, base + at)
                little = self._little
                explicit = self._explicit
            elif tag in wanted and tag not in self.values:
                if length > self._value_limit:
                    raise LimitError("%s has %d octets" % (element.name(tag), length), base + at)
                if end - at < size + length:
                    need = size + length
                    break
                self.values[tag] = bytes(octets[at + size : at + size + length])
                if tag == stop_after or len(self.values) == len(wanted):
                    self._done = True
                    break
            at += size + length
        if at > end:
            self._skip = at - end
            at = end
        self._offset = base + end
        self._need = need
        if at < end and not self._done:
            self._held.extend(octets[at:])
        return self._done

    def _look_at_first(self, octets, at):
        found = element.layout(bytes(octets[at : at + 8]), self._little)
        if found is not None and found != (self._little, self._explicit):
            note(self.notices, "the data set is laid out otherwise than its transfer syntax says", 0)
            self._little, self._explicit = found

    def _step_inside(self, tag, vr, length, offset):
        """Mind an item, a delimiter, or an element within something open; return how many octets to step over."""
        is_open = self._open
        if tag == element.SEQUENCE_END:
            while is_open and is_open.pop() == _ITEM:
                pass
            self._leave()
            return 0
        if tag == element.ITEM_END:
            if is_open and is_open[-1] == _ITEM:
                is_open.pop()
            return 0
        if not is_open or (tag == element.ITEM) == (is_open[-1] == _ITEM) or 0xFFFE0000 <= tag < element.ITEM:
            raise PeerError("%s stands where it cannot stand" % element.name(tag), offset)
        if tag == element.ITEM:
            if length != _UNDEFINED:
                return length
            is_open.append(_ITEM)
            return 0
        if length == _UNDEFINED:
            return self._enter(tag, vr, offset)
        return length

    def _enter(self, tag, vr, offset):
        if vr in ("UN", "SQ", "OB", "OW", "") or vr not in element.CODES:
            if len(self._open) >= 2 * self._depth_limit:
                raise LimitError("sequences are nested deeper than %d" % self._depth_limit, offset)
            if vr == "UN" or vr and vr not in element.CODES:
                self._open.append(_UNKNOWN)
                if self._outside is None:
                    self._outside = len(self._open), self._little, self._explicit
                    self._little, self._explicit = True, False
            else:
                self._open.append(_SEQUENCE)
            return 0
        raise PeerError("%s of VR %s has no length" % (element.name(tag), vr), offset)

    def _leave(self):
        if self._outside is not None and len(self._open) < self._outside[0]:
            _, self._little, self._explicit = self._outside
            self._outside = None

    def _note_odd(self, tag, vr, offset):
        if tag == 0:
            note(self.notices, "zeros after the data set", offset)
        elif vr == "":
            note(self.notices, "an element without VR amid explicit VR", offset)
        else:
            note(self.notices, "unknown VR %s, taken for UN" % vr, offset)
