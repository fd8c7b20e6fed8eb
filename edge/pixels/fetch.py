"""The rows of one frame, wherever it lies in an object, read without the frames around it.

Native pixels are read row by row from their place in the file. Of compressed ones the fragments are stepped over by
their lengths, or an offset table is followed where it points to what begins a frame, and only the frame that is asked
for is decoded: by pieces where its codec streams, so that a large one is never in memory as a whole.
"""

import os

from edge.dicom import element, reader, syntax
from edge.dicom.errors import LimitError, LocalError, PeerError, TruncatedError
from edge.dicom.octets import get_u32_le, swapped
from edge.pixels import binding, coding, frames, image, plan, registry, source

WHOLE_LIMIT_OCTETS = 1 << 28  # the largest frame that is held decoded
_CODED_SLACK = 1 << 20
_FRAGMENTS_LIMIT = 1 << 20
_TABLE_LIMIT = 1 << 26
_INFLATED_LIMIT = 1 << 36
_LOOKED_AT = 64
_UNPACKED = [bytes([octet >> bit & 1 for bit in range(8)]) for octet in range(256)]


class Frame:
    """Frame number `frame`, from 1, of the object in the file `fd`. found: looks.Looks; pixels: image.Pixels of them.

    known: its TransferSyntax; start: where its data set begins; inflater: as transcode.Transcoding has it; children:
    limited.Decoders that serve many frames, None for its own. PeerError where it is not there or damaged, LimitError
    where it is too large, LocalError where the codec is missing.
    """

    def __init__(self, fd, found, pixels, frame, known, start, inflater=None, children=None):
        self._fd = fd
        self._found = found
        self._pixels = pixels
        self._number = frame - 1
        self._known = known
        self._start = start
        self._inflater = inflater
        self._children = children
        self.is_planar = bool(pixels.image.planar)
        if found.kind == plan.ENCAPSULATED:
            lacking = registry.missing(known.uid)
            if lacking:
                raise LocalError(lacking)
            self._codec = registry.of(known.uid)
            self.is_planar = self.is_planar and self._codec.engine == registry.NATIVE
        self._octets = None  # of the whole native frame, where it has to be held
        if found.kind != plan.ENCAPSULATED:
            self._place()

    @property
    def photometric(self):
        """The Photometric Interpretation of what `rows` gives."""
        if self._found.kind != plan.ENCAPSULATED or self._pixels.image.components == 1:
            return self._pixels.photometric
        return plan.DECODED_AS.get(self._codec.engine, {}).get(self._pixels.photometric, self._pixels.photometric)

    @property
    def is_halved(self):
        """Whether `rows` gives two pixels of colour in four samples: Y Y CB CR."""
        return self._pixels.image.components == 3 and self.photometric in image.HALVED

    def rows(self, numbers):
        """Yield the octets of these rows (numbers from 0, rising), little endian; of planar ones all planes in turn."""
        if self._found.kind != plan.ENCAPSULATED:
            for number in numbers:
                yield self._native_row(number)
            return
        coded = self._coded()
        if self._codec.engine == registry.NATIVE:
            if len(coded) < image.octets(self._pixels.image):
                raise PeerError("a frame has %d octets, and its pixels take %d" % (
                    len(coded), image.octets(self._pixels.image)))  # fmt: skip
            self._octets = coded
            for number in numbers:
                yield self._held_row(number)
        else:
            yield from self._decoded(coded, numbers)

    # Native

    def _place(self):
        """Find out where the frame is, and that it is there."""
        pixels, found = self._pixels, self._found
        whole = image.native_octets(pixels._replace(frames=1))
        bits = image.native_octets(pixels._replace(frames=8))  # eight frames are whole octets whatever one is
        self._bit = bits * self._number
        self._size = whole
        end = (self._bit + bits + 7) // 8
        if found.length < end:
            words = "there are %d octets of pixels, and frame %d ends behind %d: have the object sent again"
            raise TruncatedError(words % (found.length, self._number + 1, end))
        self._width = 1 if found.little else element.WIDTHS.get(found.vr, 1)
        self._base = None
        if found.value is not None:
            self._octets = swapped(found.value, self._width)[self._bit // 8 : end]
        elif self._known.deflated:
            self._octets = self._inflated(self._bit // 8, end)
        else:
            head = os.pread(self._fd, 12, found.at)
            code = bytes(head[4:6])
            explicit = code in element.FORMS and element.FORMS[code][0] == found.vr
            self._base = found.at + (12 if explicit and element.FORMS[code][1] else 8)
            if os.fstat(self._fd).st_size < self._base + end:
                raise TruncatedError("the file ends before its pixels do: have the object sent again")

    def _inflated(self, begin, end):
        """Return octets `begin` to `end` of the pixels of a deflated object, which has to be inflated up to there."""
        if end - begin > WHOLE_LIMIT_OCTETS:
            raise LimitError(_too_large(end - begin))
        events = reader.Reader(self._known, inflate=self._inflater(), inflate_limit=_INFLATED_LIMIT)
        kept, at, is_within = bytearray(), 0, False
        for chunk in source.octets_of(self._fd, self._start, os.fstat(self._fd).st_size - self._start):
            events.feed(chunk)
            for event in events.events():
                if type(event) is reader.ValueBegan:
                    is_within = event.tag in (image.PIXELS, image.FLOAT_PIXELS, image.DOUBLE_PIXELS)
                elif type(event) is reader.Chunk and is_within:
                    kept += event.view[max(0, begin - at) : max(0, end - at)]
                    at += len(event.view)
                    if at >= end:
                        return kept
        raise TruncatedError("the file ends before its pixels do: have the object sent again")

    def _read(self, at, length):
        """Return octets of the frame's pixel data, counted from the octet in which it begins."""
        if self._octets is not None:
            return self._octets[at : at + length]
        at += self._bit // 8
        before = at % self._width
        wanted = length + before
        wanted += -wanted % self._width
        octets = os.pread(self._fd, wanted, self._base + at - before)
        return swapped(octets, self._width)[before : before + length]

    def _native_row(self, number):
        given = self._pixels.image
        if given.bits_allocated == 1:
            first = self._bit % 8 + number * given.columns
            packed = self._read(first // 8, (first % 8 + given.columns + 7) // 8)
            return b"".join([_UNPACKED[octet] for octet in packed])[first % 8 : first % 8 + given.columns]
        if self._pixels.photometric in image.HALVED and given.components == 3:
            row = given.columns * 2 * given.bits_allocated // 8
            return self._read(number * row, row)
        row = image.row_octets(given)
        if not given.planar:
            return self._read(number * row, row)
        part = row // given.components
        return b"".join(
            [bytes(self._read((plane * given.rows + number) * part, part)) for plane in range(given.components)]
        )

    def _held_row(self, number):
        """Return a row of a frame that lies in `_octets`."""
        given = self._pixels.image
        row = image.row_octets(given)
        if not given.planar:
            return self._octets[number * row : (number + 1) * row]
        part = row // given.components
        starts = [(plane * given.rows + number) * part for plane in range(given.components)]
        return b"".join([bytes(self._octets[at : at + part]) for at in starts])

    # Compressed

    def _coded(self):
        """Return the octets of the coded frame."""
        at, end = self._found.at, os.fstat(self._fd).st_size
        if self._found.length != element.UNDEFINED:  # against the standard: items in a length, or a bare codestream
            if self._found.value is None:
                at += 12 if self._known.explicit else 8
            else:
                at += 8 if not self._known.explicit or not element.is_long(self._found.vr or "OB") else 12
            end = min(end, at + self._found.length)
            if os.pread(self._fd, 4, at) != frames.ITEM:
                if self._pixels.frames > 1:
                    raise PeerError("the frames lie in no fragments, so that none can be told from the next")
                return self._joined([(at, end - at)])
        else:
            at += 12 if self._known.explicit else 8
        length = self._item(at, end)
        if length is None:
            self._cut_off()
        if length > _TABLE_LIMIT:
            raise LimitError("a Basic Offset Table of %d octets is longer than is taken" % length)
        table = os.pread(self._fd, length, at + 8)
        first = at + 8 + length
        found = self._by_table(first, end, table) or self._by_looking(first, end, table)
        return self._joined(found)

    def _item(self, at, end):
        """Return the length of the item at `at`, or None behind the last."""
        if at == end:
            return None
        head = os.pread(self._fd, 8, at) if at + 8 <= end else b""
        if head[:4] == frames.END:
            return None
        if len(head) < 8:
            self._cut_off()
        length = get_u32_le(head, 4)
        if head[:4] != frames.ITEM or at + 8 + length > end:
            self._cut_off()
        return length

    def _cut_off(self):
        raise TruncatedError("the pixel data end within a fragment; have the object sent again")

    def _by_table(self, first, end, table):
        """Return the (offset, length) of the frame's fragments where an offset table leads to them; None otherwise."""
        offsets = frames.offsets_of(self._found.values.get(image.OFFSETS, b""), 8) or frames.offsets_of(table)
        if len(offsets) != self._pixels.frames or offsets[0] != 0:
            return None
        at = first + offsets[self._number]
        is_last = self._number + 1 == self._pixels.frames
        stop = end if is_last else first + offsets[self._number + 1]
        found = []
        try:
            while at < stop and len(found) < _FRAGMENTS_LIMIT:
                length = self._item(at, end)
                if length is None:
                    break
                found.append((at + 8, length))
                at += 8 + length
        except TruncatedError:
            return None
        if not found or not is_last and at != stop:
            return None
        head = os.pread(self._fd, min(_LOOKED_AT, found[0][1]), found[0][0])
        return None if frames.begins(self._signature(), head) is False else found

    def _signature(self):
        return None if self._codec.engine == registry.NATIVE else syntax.lookup(self._codec.uid).codec

    def _by_looking(self, at, end, table):
        """Return the (offset, length) of the frame's fragments, found by looking at the beginning of each before it."""
        offsets = frames.offsets_of(self._found.values.get(image.OFFSETS, b""), 8)
        splitter = frames.Splitter(self._signature(), self._pixels.frames, offsets)
        for event in (reader.FragmentBegan(len(table), None), reader.Chunk(table), reader.FragmentEnded()):
            splitter.take(event)
        found = []
        for _ in range(_FRAGMENTS_LIMIT):
            length = self._item(at, end)
            if length is None:
                break
            head = os.pread(self._fd, min(_LOOKED_AT, length), at + 8)
            splitter.take(reader.FragmentBegan(length, None))
            if head:
                splitter.take(reader.Chunk(memoryview(head)))
            splitter.take(reader.FragmentEnded())
            if splitter.found > self._number + 1:
                break
            if splitter.found == self._number + 1:
                found.append((at + 8, length))
            at += 8 + length
        else:
            raise LimitError("the pixel data have more than %d fragments" % _FRAGMENTS_LIMIT)
        if not found:
            words = "there are %d of %d frames; have the object sent again"
            raise TruncatedError(words % (splitter.found, self._pixels.frames))
        return found

    def _joined(self, places):
        limit = 4 * image.octets(self._pixels.image) + _CODED_SLACK
        if sum([length for _, length in places]) > min(limit, WHOLE_LIMIT_OCTETS):
            raise LimitError("a coded frame is longer than %d octets, several times its pixels" % limit)
        octets = bytearray()
        for at, length in places:
            octets += os.pread(self._fd, length, at)
        return octets

    def _decoded(self, coded, numbers):
        given = self._pixels.image._replace(planar=0)
        if given.bits_allocated not in self._codec.allocated:
            raise PeerError("%s has no pixels of %d bits allocated" % (self._known.name, given.bits_allocated))
        streams = given.components == 1 and self._codec.engine in (binding.JPEG_LS, binding.JPEG_LOSSLESS)
        if streams:
            yield from self._streamed(coded, given, numbers)
            return
        if image.octets(given) > WHOLE_LIMIT_OCTETS:
            raise LimitError(_too_large(image.octets(given)))
        lane = coding.Lane(coding.Codecs(self._codec, None, self._pixels._replace(image=given)), self._children)
        try:
            pixels = memoryview(lane.work(coded)).cast("B")
        finally:
            lane.close()
        row = image.row_octets(given)
        for number in numbers:
            yield pixels[number * row : (number + 1) * row]

    def _streamed(self, coded, given, numbers):
        """Yield rows as the decoder comes to them; nothing else of the frame is kept."""
        decoder = coding.decoder(self._codec, given)
        decoder.begin()
        row = image.row_octets(given)
        held, at, left = bytearray(), 0, image.octets(given)  # at: the row that `held` begins with
        wanted = iter(numbers)
        number = next(wanted, None)
        for piece in decoder.put(coded, True):
            left -= len(piece)
            if left < 0:
                raise PeerError("the frame decodes to more pixels than the data set says")
            held += piece
            whole = len(held) // row
            while number is not None and number < at + whole:
                yield held[(number - at) * row : (number - at + 1) * row]
                number = next(wanted, None)
            del held[: whole * row]
            at += whole
        decoder.decoded()
        if left:
            raise PeerError("the frame decodes to %d octets less than the data set says" % left)


def _too_large(octets):
    return "a frame of %d octets is larger than the %d that a picture is made of" % (octets, WHOLE_LIMIT_OCTETS)
