"""A picture of one frame: what a browser shows, in eight bits, so that a person sees that an image is an image.

Not for diagnosis: it is made smaller by leaving rows and columns out, which is what keeps it quick and its memory that
of the picture, however large the frame. Rows that are left out are not even read where the pixels are not compressed.
"""

from array import array
from collections import namedtuple
from operator import itemgetter

from edge.dicom.errors import LimitError, LocalError, PeerError
from edge.pixels import fetch, image, looks, plan, png, shades, source

COMMENT = "not for diagnosis"
SMALLEST, LARGEST, USUAL = 16, 2048, 1024  # how long the longer side of a picture may be made, in pixels
_INFLATE_LIMIT = 1 << 36
_NUMBERS = {8: "B", 16: "H", 32: "I"}

# What was made. frames: how many the object has; frame: which this is, from 1; columns, rows: of the frame;
# shown_columns, shown_rows: of the picture; center, width: of the window in use, None where there is none; function: of
# it, or "LUT"; windows: list of shades.Window that the object proposes; photometric; is_colour; octets: of the
# file, 0 before there is one
Picture = namedtuple(
    "Picture", "frames frame columns rows shown_columns shown_rows center width function windows photometric is_colour"
    " octets"
)  # fmt: skip


class NoPicture(LocalError):
    """There is nothing in the object of which a picture could be made."""


def write(fd, file, frame=1, size=USUAL, center=None, width=None, inflater=None):
    """Write a PNG of one frame of the Part 10 file under `fd` into `file`; return the Picture. As `draw` says."""
    drawn, lines = draw(fd, frame, size, center, width, inflater)
    colour = png.RGB if drawn.is_colour else png.GREY
    octets = png.write(file, drawn.shown_columns, drawn.shown_rows, colour, lines, COMMENT)
    return drawn._replace(octets=octets)


def draw(fd, frame=1, size=USUAL, center=None, width=None, inflater=None, children=None):
    """Return (Picture, its rows: an iterator of bytes, grey or RGB) of one frame of the Part 10 file under `fd`.

    frame: from 1; size: the longest that the picture's longer side may be, never more than the frame's; center, width:
    of a window in place of the object's own, both or none, for shades of grey; inflater: as transcode has it; children:
    as fetch.Frame has it. DicomError in words where there is no such frame, it is damaged, or its codec is missing,
    some of it only while the rows are taken.
    """
    opened = source.FileSource(fd)
    known = opened.syntax
    inflate = inflater() if known.deflated and inflater is not None else None
    limit = _INFLATE_LIMIT if inflate is not None else None
    found = looks.look(opened.chunks(), known, opened.offset, frame, inflate, limit)
    if found.kind == plan.NONE:
        raise NoPicture("there are no pixels in it")
    pixels = described(found)
    if not 1 <= frame <= pixels.frames:
        raise LocalError("there is no frame %d: the object has %d" % (frame, pixels.frames))
    fetched = fetch.Frame(fd, found, pixels, frame, known, opened.offset, inflater, children)
    scale = _Scale(pixels.image, size)
    if pixels.image.components == 1:
        made = _Grey(found, pixels, fetched, scale, center, width)
    else:
        made = _Colour(pixels, fetched, scale)
    used = made.window
    drawn = Picture(
        pixels.frames, frame, pixels.image.columns, pixels.image.rows, len(scale.columns), len(scale.rows),
        used and used.center, used and used.width, made.function, shades.windows(found), pixels.photometric,
        made.is_colour, 0,
    )  # fmt: skip
    return drawn, made.lines()


def described(found):
    """Return the image.Pixels of looks.Looks; floating point samples have all their bits. PeerError as image.read."""
    pixels = image.read(found.values)
    if found.kind == plan.FLOAT:
        wide = 64 if found.double else 32
        pixels = pixels._replace(image=pixels.image._replace(bits_allocated=wide, bits_stored=wide))
    return pixels


class _Scale:
    """Which rows and columns are shown: those in the middle of what each stands for."""

    def __init__(self, given, size):
        longer = max(given.columns, given.rows)
        shown = min(longer, max(SMALLEST, min(size, LARGEST)))
        self.columns = _chosen(given.columns, max(1, given.columns * shown // longer))
        self.rows = _chosen(given.rows, max(1, given.rows * shown // longer))
        if len(self.columns) == given.columns:
            self.pick = lambda row: row
        elif len(self.columns) == 1:
            self.pick = lambda row, at=self.columns[0]: row[at : at + 1]
        else:
            self.pick = itemgetter(*self.columns)


def _chosen(count, shown):
    return [(2 * number + 1) * count // (2 * shown) for number in range(shown)]


class _Grey:
    """Rows of one sample a pixel: grey, or by a palette."""

    def __init__(self, found, pixels, fetched, scale, center, width):
        given = pixels.image
        self._pixels = pixels
        self._scale = scale
        self.is_colour = pixels.photometric == "PALETTE COLOR"
        self.window, self.function = None, None
        self._letter = "d" if found.double else "f" if found.kind == plan.FLOAT else _NUMBERS.get(given.bits_allocated)
        if given.bits_allocated == 1:
            self._letter = "B"
        if self._letter is None:
            raise LocalError("there are %d bits allocated: no picture is made of those" % given.bits_allocated)
        self._rows = [self._picked(octets) for octets in fetched.rows(scale.rows)]
        samples = set()
        samples.update(*self._rows)
        self._whole = found.kind != plan.FLOAT
        stored = shades.stored_value(pixels) if self._whole else float
        if self.is_colour:
            self._tables = self._by_palette(found, stored, samples)
            return
        measured = shades.modality(found, pixels)
        values = {sample: measured(stored(sample)) for sample in samples}
        if not self._whole:
            values = {sample: value if value - value == 0 else 0.0 for sample, value in values.items()}
        shaded = self._choose(found, values, stored, center, width)
        turned = 255 if pixels.photometric == "MONOCHROME1" else 0
        self._tables = [{sample: shaded(value) ^ turned for sample, value in values.items()}]

    def _picked(self, octets):
        row = array(self._letter)
        octets = bytes(octets)
        wanted = self._pixels.image.columns * row.itemsize
        if len(octets) < wanted:
            raise PeerError("a row ends after %d of %d octets" % (len(octets), wanted))
        row.frombytes(octets[:wanted])
        return array(self._letter, self._scale.pick(row))

    def _choose(self, found, values, stored, center, width):
        """Return the function from measured values to shades, and note what it is."""
        proposed = shades.windows(found)
        if center is not None and width is not None:
            function = proposed[0].function if proposed else "LINEAR" if self._whole else "LINEAR_EXACT"
            if not shades.fits(width, function):
                raise LocalError("a window of width %g shows nothing: give one of at least 1" % width)
            self.window = shades.Window(center, width, function)
        else:
            table = shades.lut(found.voi_lut, self._pixels.image.is_signed)
            if table is not None:
                self.function = "LUT"
                return shades.shade_by(table)
            self.window = proposed[0] if proposed else self._widest(found, values, stored)
        self.function = self.window.function
        return shades.shade(self.window)

    def _widest(self, found, values, stored):
        """Return the window that shows all values there are, but for those that stand for no pixel."""
        padding = image.number(found.values, image.PADDING, None)
        counted = [
            value for sample, value in values.items() if padding is None or stored(sample) != stored(padding)
        ] or list(values.values())  # fmt: skip
        low, high = min(counted), max(counted)
        if self._whole and high - low >= 1:
            return shades.Window((low + high + 1) / 2, high - low + 1)
        return shades.Window((low + high) / 2, (high - low) or 1.0, "LINEAR_EXACT")

    def _by_palette(self, found, stored, samples):
        tables = []
        for first, entries in shades.palette(found.values, self._pixels.image.is_signed):
            last = len(entries) - 1
            tables.append({sample: entries[max(0, min(stored(sample) - first, last))] for sample in samples})
        return tables

    def lines(self):
        """Yield the rows of the picture."""
        through = [_mapper(table, self._letter) for table in self._tables]
        for row in self._rows:
            yield _side_by_side([each(row) for each in through]) if self.is_colour else through[0](row)


def _mapper(shades_of, letter):
    """Return a function from a row of samples (an array of this kind) to bytes, by {sample: shade}: the quickest."""
    if letter not in "BH":
        return lambda row: bytes(map(shades_of.__getitem__, row))
    table = bytearray(256 if letter == "B" else 65536)
    for sample, value in shades_of.items():
        table[sample] = value
    if letter == "B":
        return lambda row: row.tobytes().translate(table)
    return lambda row: bytes(itemgetter(*row)(table)) if len(row) > 1 else bytes([table[row[0]]])


class _Colour:
    """Rows of three samples a pixel."""

    is_colour, window, function = True, None, None

    def __init__(self, pixels, fetched, scale):
        given = pixels.image
        if given.components != 3 or given.bits_allocated not in (8, 16):
            words = "there are %d samples of %d bits a pixel: no picture is made of those"
            raise LocalError(words % (given.components, given.bits_allocated))
        self._photometric = fetched.photometric
        if self._photometric not in _SPACES:
            raise LocalError("the pixels are %s: no picture is made of those" % (self._photometric or "of no kind"))
        self._given = given
        self._fetched = fetched
        self._scale = scale
        self._is_halved = self._photometric in image.HALVED
        self._table = None
        if given.bits_stored != 8 or given.bits_allocated != 8:
            if given.bits_stored > 16:
                raise LimitError("there are %d bits stored a sample" % given.bits_stored)
            narrow, stored = shades.scaled(given.bits_stored), shades.stored_value(pixels)
            self._table = bytes([narrow(stored(sample) & 0xFFFF) & 255 for sample in range(1 << given.bits_allocated)])

    def lines(self):
        """Yield the rows of the picture."""
        pick = self._scale.pick
        for octets in self._fetched.rows(self._scale.rows):
            planes = [self._narrowed(bytes(pick(plane)) if self._table is None else pick(plane))
                      for plane in self._planes(bytes(octets))]  # fmt: skip
            if self._photometric != "RGB":
                planes = shades.rgb_of_ybr(*planes)
            yield _side_by_side(planes)

    def _planes(self, octets):
        """Return the three components of a row."""
        given = self._given
        if self._is_halved:
            if given.bits_allocated != 8:
                raise PeerError("subsampled colour has samples of eight bits")
            luma = bytearray(given.columns + (given.columns & 1))
            luma[0::2], luma[1::2] = octets[0::4], octets[1::4]
            twice = [octets[at::4] for at in (2, 3)]
            wide = [bytearray(len(luma)) for _ in twice]
            for made, half in zip(wide, twice):
                made[0::2] = made[1::2] = half
            return [plane[: given.columns] for plane in (bytes(luma), *map(bytes, wide))]
        row = octets
        if given.bits_allocated == 16:
            row = array("H")
            row.frombytes(octets)
        if len(row) != 3 * given.columns:
            raise PeerError("a row has %d samples, and %d columns take %d" % (
                len(row), given.columns, 3 * given.columns))  # fmt: skip
        if self._fetched.is_planar:
            return [row[number * given.columns : (number + 1) * given.columns] for number in range(3)]
        return [row[number::3] for number in range(3)]

    def _narrowed(self, plane):
        return plane if self._table is None else bytes(map(self._table.__getitem__, plane))


_SPACES = ("RGB", "YBR_FULL", "YBR_FULL_422")


def _side_by_side(planes):
    line = bytearray(3 * len(planes[0]))
    line[0::3], line[1::3], line[2::3] = planes
    return line
