"""Find the values that stand at some places of a data set, in its sequences too, while it passes by.

A place is a tuple (steps, anywhere). A step is (tag, creator, item): of a private element the creator's name, and the
tag with its group and last two digits; else None; item: that of a sequence, counted from 1, 0 for any; the last step is
the element itself. anywhere: whether the steps may begin in an item at any depth. This is the reader's work, element by
element, so it is for those who ask for such places; `skim` is for everybody.
"""

from edge.dicom import element, reader, tags, text
from edge.dicom.errors import DicomError

_PIXELS = 0x7FE00000  # the group before which everything is looked for
_VALUES = 256  # different values of one place that are kept; more are as if they could not be read

# What a sequence that is sought is found as, once for each item: a value without octets
SEQUENCE = "SQ"


def is_place(wanted):
    """Say whether something that is looked for is a place, and no tag."""
    return not isinstance(wanted, int)


class Seek:
    """Collects what stands at `places` of one data set in the TransferSyntax `known`.

    `feed` it the data set until it says True, or `finish` it; then `values` has for each place that there is a list of
    (vr, octets, whether they are little endian, defined terms of the character set), each different one once; None for
    a place of which something could not be read: too long, too many, or in a data set that is none. inflate,
    inflate_limit: as reader.Reader has them. Nothing is raised.
    """

    def __init__(self, known, places, value_limit=4096, inflate=None, inflate_limit=None):
        self.values = {}
        self._places = places
        self._reader = reader.Reader(known, value_limit, inflate=inflate, inflate_limit=inflate_limit)
        self._anywhere = [(place, 0) for place in places if place[1]]
        self._last = _PIXELS if self._anywhere else max([_end(place[0][0]) for place in places])
        self._levels = [([(place, 0) for place in places], (), {})]  # (what is live, character sets, creators)
        self._open = []  # of each open sequence: [places below, places that are the sequence, number of its item]
        self._done = False

    def feed(self, view):
        """Take the next octets; say whether nothing more is needed."""
        if self._done:
            return True
        try:
            self._reader.feed(view)
            event = self._reader.next_event()
            while event is not None and not self._done:
                self._take(event)
                event = None if self._done else self._reader.next_event()
        except DicomError:
            self._fail()
        return self._done

    def finish(self):
        """Declare the end of the data set."""
        try:
            if not self._done:
                self._reader.finish()
        except DicomError:
            self._fail()
        self._done = True

    def _fail(self):
        self._done = True
        for place in self._places:
            self.values[place] = None

    def _take(self, event):
        kind = type(event)
        if kind is reader.Element:
            self._element(event)
        elif kind is reader.SequenceBegan:
            self._sequence(event.tag)
        elif kind is reader.ItemBegan:
            below, itself, number = self._open[-1]
            self._open[-1][2] = number + 1
            for place in itself:
                self._add(place, (SEQUENCE, b"", True, ()))
            live = [(place, at) for place, at in below if place[0][at - 1][2] in (0, number + 1)]
            self._levels.append((self._anywhere + live, self._levels[-1][1], {}))
        elif kind is reader.ItemEnded:
            self._levels.pop()
        elif kind is reader.SequenceEnded:
            self._open.pop()
        elif kind is reader.ValueBegan or kind is reader.FragmentsBegan:
            if not self._is_over(event.tag):
                for place, at in self._fitting(event.tag):
                    if at == len(place[0]) - 1:
                        self.values[place] = None

    def _is_over(self, tag):
        if len(self._levels) == 1 and tag > self._last:
            self._done = True
        return self._done

    def _fitting(self, tag):
        """Return the (place, number of its step) that are live and whose step `tag` is."""
        live, _, creators = self._levels[-1]
        creator = None
        bare = tag
        if tag & 0x10000 and tag & 0xFFFF >= 0x1000:
            creator = creators.get((tag >> 16, tag >> 8 & 0xFF), "")
            bare = tag & 0xFFFF0000 | tag & 0xFF
        found = []
        for place, at in live:
            wanted, name, _ = place[0][at]
            if wanted == tag if name is None else wanted == bare and name == creator:
                found.append((place, at))
        return found

    def _element(self, event):
        tag, vr, value, _ = event
        if self._is_over(tag):
            return
        live, charsets, creators = self._levels[-1]
        if tag == element.SPECIFIC_CHARACTER_SET:
            charsets = text.terms(value)
            self._levels[-1] = live, charsets, creators
        elif tag & 0x10000 and 0x10 <= tag & 0xFFFF <= 0xFF:
            creators[tag >> 16, tag & 0xFF] = text.decode(value).strip("\0 ")
        for place, at in self._fitting(tag):
            if at < len(place[0]) - 1:
                self.values[place] = None  # a sequence under VR UN, or what should be one
            elif len(value):
                known = tags.vr(tag) if vr == "UN" else vr
                self._add(place, (known, bytes(value), self._reader.little, charsets))

    def _sequence(self, tag):
        below = []
        itself = []
        if not self._is_over(tag):
            for place, at in self._fitting(tag):
                if at == len(place[0]) - 1:
                    itself.append(place)
                else:
                    below.append((place, at + 1))
        self._open.append([below, itself, 0])

    def _add(self, place, value):
        found = self.values.get(place, [])
        if found is None or value in found:
            return
        if len(found) >= _VALUES:
            self.values[place] = None
            return
        found.append(value)
        self.values[place] = found


def _end(step):
    """Return the highest tag that an element may have for which a step stands."""
    tag, creator, _ = step
    return tag if creator is None else tag | 0xFFFF
