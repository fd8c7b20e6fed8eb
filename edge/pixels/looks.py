"""What an object says about how its pixels are to look: where they lie, and what turns samples into shades.

Read in one pass over the head, as far as the pixel data: the Image Pixel module, what is in the sequences of Modality
and VOI LUTs, and, of an enhanced multi-frame object, the functional groups of the frame that is asked for.

Source: PS3.3 C.7.6.3 (image pixel), C.11.1 (Modality LUT), C.11.2 (VOI LUT), C.7.6.16 (functional groups).
"""

from collections import namedtuple

from edge.dicom import element, reader
from edge.dicom.errors import TruncatedError
from edge.dicom.octets import swapped
from edge.pixels import image, plan

CENTER, WIDTH, INTERCEPT, SLOPE, EXPLANATION, FUNCTION = (
    0x00281050, 0x00281051, 0x00281052, 0x00281053, 0x00281055, 0x00281056,
)  # fmt: skip
LUT_DESCRIPTOR, LUT_DATA = 0x00283002, 0x00283006
_MODALITY_LUTS, _VOI_LUTS = 0x00283000, 0x00283010
SHARED, PER_FRAME = 0x52009229, 0x52009230
_VALUE_LIMIT = 1 << 18  # octets of the longest table, and some more
_OFFSETS_LIMIT = 1 << 26

# What `look` finds. values: {tag: octets in little endian}, those of the frame's functional groups included;
# modality_lut, voi_lut: the same of the first item, {} where there is none; kind: of plan; vr; at: where the value of
# the pixel data begins, counted as the source's offsets are; length: of it, element.UNDEFINED for fragments; little;
# value: the octets of a short one, else None; double: whether floating point pixels have eight octets
Looks = namedtuple("Looks", "values modality_lut voi_lut kind vr at length little value double")


class Looker(plan.Looker):
    """Takes the events of a data set up to its pixels; see Looks. What it keeps is for `frame`, counted from 1."""

    def __init__(self, source, known, frame):
        super().__init__(source, known)
        self.more = {}
        self.modality_lut, self.voi_lut = {}, {}
        self.at, self.value, self.double = 0, None, False
        self.path = []  # of each open sequence: [tag, number of its item]
        self._frame = frame

    def take(self, event):
        """Look at an event; say whether all that is wanted is known."""
        kind = type(event)
        if kind is reader.SequenceBegan:
            self.path.append([event.tag, 0])
        elif kind is reader.SequenceEnded:
            self.path.pop()
        elif kind is reader.ItemBegan:
            self.path[-1][1] += 1
        elif kind is reader.Element and event.tag >> 16 == 0x0028:
            self.keep(event)
        elif kind in (reader.Element, reader.ValueBegan, reader.FragmentsBegan) and not self.path:
            self._pixels(event, kind)
        return super().take(event)

    def keep(self, event):
        """Keep an element of group 0028, where it is of use."""
        into = None
        if not self.path:
            into = self.more
        elif self.path == [[_MODALITY_LUTS, 1]]:
            into = self.modality_lut
        elif self.path == [[_VOI_LUTS, 1]]:
            into = self.voi_lut
        elif self.path[0][0] == SHARED or self.path[0] == [PER_FRAME, self._frame]:
            if event.tag in (CENTER, WIDTH, INTERCEPT, SLOPE, EXPLANATION, FUNCTION):
                into = self.more
        if into is not None:
            width = 1 if self._source.little else element.WIDTHS.get(event.vr, 1)
            into[event.tag] = swapped(event.value, width)

    def _pixels(self, event, kind):
        if event.tag in (image.PIXELS, image.FLOAT_PIXELS, image.DOUBLE_PIXELS):
            self.at = event.offset
            self.vr = event.vr
            self.double = event.tag == image.DOUBLE_PIXELS
            if kind is reader.Element:
                self.value, self.length = bytes(event.value), len(event.value)
            elif kind is reader.ValueBegan:
                self.length = event.length


def look(chunks, known, start, frame, inflate=None, inflate_limit=None):
    """Return the Looks of frame number `frame`, from 1, in an iterator of `chunks` of a data set.

    known: its TransferSyntax; start: the offset of its first octet. PeerError, LimitError, TruncatedError where the
    head cannot be read.
    """
    return look_by(lambda source: Looker(source, known, frame), chunks, known, start, inflate, inflate_limit)[0]


def look_by(making, chunks, known, start, inflate=None, inflate_limit=None):
    """Return (Looks, the Looker) as `look` does, by a Looker that `making`, a function of the reader, makes."""
    source = reader.Reader(known, _VALUE_LIMIT, inflate=inflate, inflate_limit=inflate_limit, start=start)
    looker = making(source)
    try:
        for chunk in chunks:
            source.feed(chunk)
            event = source.next_event()
            while event is not None and not looker.take(event):
                event = source.next_event()
            if looker.is_done:
                break
        else:
            source.finish()
    except TruncatedError:
        if looker.kind == plan.NONE:
            raise
    values = dict(looker.more)
    for tag, octets in looker.values.items():
        values.setdefault(tag, octets)
    found = Looks(
        values, looker.modality_lut, looker.voi_lut, looker.kind, looker.vr, looker.at, looker.length, source.little,
        looker.value, looker.double,
    )  # fmt: skip
    return found, looker
