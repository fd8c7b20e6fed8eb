"""Pixel data on their way through the codecs: the reader's events in, the octets of the new pixel data out.

Two ways, chosen by size. Frame by frame: a frame is gathered, goes through a line of lanes (see coding), and comes out
in order; memory is that of the frames in flight. By rows, where a codec streams and a frame is large: pieces of the
value go through decoder and encoder as they come, and nothing is gathered but what has become of a frame when that has
to be written behind its length.
"""

from collections import deque

from edge.dicom import element, reader, syntax
from edge.dicom.errors import LimitError, PeerError, TruncatedError, note
from edge.dicom.octets import swapped
from edge.pixels import binding, coding, frames, image, plan, registry

ROWS_ABOVE_OCTETS = 1 << 20  # single frames above this go by rows where that costs nothing
GATHERED_OCTETS = 32 << 20  # no frame above this is gathered where its codec streams by rows
FRAME_LIMIT_OCTETS = 1 << 30  # the largest frame that is gathered
_CODED_SLACK = 1 << 20


class Flow:
    """The pixel data of one object. made: plan.Plan; subject: plan.Subject; notices: list that Notices go to.

    threads: how many frames may be coded at a time; near: for near-lossless; is_stopped: function, whether to end;
    is_file: whether offset tables can be filled in afterwards.
    """

    def __init__(self, made, subject, threads, near, is_stopped, is_file, notices):
        self.is_over = False
        self.frames_done = 0
        self.encapsulation = None
        self.coded_octets = 0  # of the frames that came compressed
        self._plan = made
        self._pixels = made.pixels
        self._size = image.octets(made.pixels.image)
        self._is_stopped = is_stopped
        self._notices = notices
        self._near = near
        self._source_is_coded = subject.kind == plan.ENCAPSULATED
        self._swap = 1 if subject.little else element.WIDTHS.get(subject.vr, 1)
        if made.target.encapsulated:
            extended = is_file and needs_extended(made.pixels)
            self.encapsulation = frames.Encapsulation(made.pixels.frames, extended, is_file)
        self._splitter = self._joined = self._cutter = None
        if self._source_is_coded:
            codec = made.source_codec
            offsets = frames.offsets_of(subject.values.get(image.OFFSETS, b""), 8)
            engine = None if codec.engine == registry.NATIVE else _signature(codec)
            self._splitter = frames.Splitter(engine, made.pixels.frames, offsets, notices)
            self._joined = frames.Joined(4 * self._size + _CODED_SLACK)
        self._rows = self._by_rows()
        self._line = None
        if self._rows is None:
            if self._size > FRAME_LIMIT_OCTETS:
                words = "a frame of %d octets is larger than the %d that are taken at a time"
                raise LimitError(words % (self._size, FRAME_LIMIT_OCTETS))
            bits = tuple([each.bit for each in made.overlays])
            codecs = coding.Codecs(
                made.source_codec, made.target_codec, made.pixels, near, made.colour, bits, is_stopped
            )
            self._line = coding.Line(codecs, max(1, min(threads, made.pixels.frames)))
        self._split = b""  # the beginning of a word whose end is in the next octets
        self._frame = None  # the native frame that is being gathered
        self._filled = 0
        self._given = deque()  # native frames that the line has
        self._spare = []
        self._began = 0  # native frames begun
        self._behind = 0  # octets behind the last native frame

    def _by_rows(self):
        """Return a Rows where the frames are to go through by rows, otherwise None."""
        made, given = self._plan, self._pixels.image
        limit = ROWS_ABOVE_OCTETS if self._pixels.frames == 1 else GATHERED_OCTETS
        if self._size <= limit or made.overlays or given.planar:
            return None
        if self._source_is_coded and (self._pixels.frames > 1 or given.components > 1):
            return None
        if self._source_is_coded and made.source_codec.engine == registry.NATIVE:
            return None  # its length has to be looked at
        if given.is_signed and given.bits_stored < given.bits_allocated and made.target_codec.engine != registry.NATIVE:
            return None  # a missing sign would be found too late to begin anew
        source, target = _engine(made.source_codec, self._source_is_coded), _engine(made.target_codec, True)
        streams = (binding.JPEG_LS, binding.JPEG_LOSSLESS, registry.NATIVE)
        if source not in streams or target not in streams or source == target == registry.NATIVE:
            return None
        if target == binding.JPEG_LOSSLESS and self._size <= GATHERED_OCTETS:
            return None  # two passes over the frame find better tables
        return Rows(made, self._near, self._is_stopped)

    def begin(self, event):
        """Yield the octets up to the first frame; `event` is the one that began Pixel Data."""
        target = self._plan.target
        if self.encapsulation is not None:
            yield element.write(image.PIXELS, "OB", element.UNDEFINED)
            yield self.encapsulation.begin()
        else:
            length = self._size * self._pixels.frames
            vr = "OB" if self._pixels.image.bits_allocated <= 8 else "OW"
            yield element.write(image.PIXELS, vr, length + (length & 1), target.explicit)
        if type(event) is reader.FragmentsBegan:
            return
        if self._source_is_coded:
            self._cutter = frames.Cutter()
        if type(event) is reader.Element:
            yield from self._value(memoryview(event.value))
            yield from self._end()

    def take(self, event):
        """Yield what comes out by the next event of Pixel Data; `is_over` says when it was the last."""
        kind = type(event)
        if kind is reader.Chunk and (self._cutter is not None or not self._source_is_coded):
            yield from self._value(event.view)
        elif kind is reader.ValueEnded or kind is reader.FragmentsEnded:
            yield from self._end()
        else:
            yield from self._fragment(event)

    def _value(self, view):
        if self._cutter is not None:
            for event in self._cutter.take(view):
                yield from self._fragment(event)
        else:
            yield from self._native(view)

    # Compressed

    def _fragment(self, event):
        for piece in self._splitter.take(event):
            self.coded_octets += len(piece.octets)
            if self._rows is not None:
                yield from self._rows.put(piece.octets, False)
                continue
            frame = self._joined.take(piece)
            if frame is not None:
                yield from self._through(self._bare(frame))

    def _bare(self, frame):
        """Return a coded frame without the padding that an uncompressed one of odd length has (PS3.5 A.4.11)."""
        if frame is None or self._plan.source_codec.engine != registry.NATIVE:
            return frame
        if len(frame) != self._size + (self._size & 1):
            raise PeerError("a frame has %d octets, the data set says %d" % (len(frame), self._size))
        return memoryview(frame)[: self._size]

    # Native

    def _native(self, view):
        at = 0
        if self._swap != 1:  # words may belong to two frames, so it has to be done before they are cut
            octets = self._split + bytes(view)
            whole = len(octets) - len(octets) % self._swap
            self._split = octets[whole:]
            view = memoryview(swapped(octets[:whole], self._swap))
        if self._rows is not None:
            yield from self._native_rows(view)
            return
        while at < len(view) and self._began <= self._pixels.frames:
            if self._frame is None:
                if self._began == self._pixels.frames:
                    self._behind += len(view) - at
                    return
                self._frame = self._spare.pop() if self._spare else bytearray(self._size)
                self._filled = 0
                self._began += 1
            count = min(self._size - self._filled, len(view) - at)
            self._frame[self._filled : self._filled + count] = view[at : at + count]
            self._filled += count
            at += count
            if self._filled == self._size:
                frame, self._frame = self._frame, None
                self._given.append(frame)
                yield from self._through(frame)

    def _native_rows(self, view):
        while len(view):
            if self._filled == 0:
                if self._began == self._pixels.frames:
                    self._behind += len(view)
                    return
                self._began += 1
            count = min(self._size - self._filled, len(view))
            self._filled += count
            is_last = self._filled == self._size
            yield from self._rows.put(view[:count], is_last)
            view = view[count:]
            if is_last:
                self._filled = 0
                yield from self._finished(self._rows.frame())

    # Out

    def _through(self, frame):
        for done in self._line.put(frame):
            yield from self._out(done)

    def _out(self, done):
        yield from self._finished(done)
        if self._given:
            self._spare.append(self._given.popleft())

    def _finished(self, done):
        """Write a frame that came out; None where its octets have been written already."""
        self.frames_done += 1
        if done is None:
            return
        if self.encapsulation is None:
            yield done
            return
        head, padding = self.encapsulation.head(len(done))
        yield head
        yield done
        if padding:
            yield padding

    def _end(self):
        if self._cutter is not None:
            for event in self._cutter.finish():
                yield from self._fragment(event)
        wanted = self._pixels.frames
        if self._source_is_coded:
            self._splitter.finish()
            if self._rows is not None:
                yield from self._rows.put(b"", True)
                yield from self._finished(self._rows.frame())
            else:
                yield from self._through(self._bare(self._joined.last()))
        elif self._frame is not None or self._began < wanted or self._rows is not None and self._filled:
            raise TruncatedError("the pixel data end within frame %d of %d; have the object sent again" % (
                max(1, self._began), wanted))  # fmt: skip
        elif not self._source_is_coded:
            self._look_behind(self._behind - (self._size * wanted & 1))
        if self._line is not None:
            for done in self._line.rest():
                yield from self._out(done)
        if self.encapsulation is not None:
            yield self.encapsulation.end()
        elif self._size * wanted & 1:
            yield b"\0"
        self.is_over = True

    def _look_behind(self, octets):
        """Judge `octets` behind the last native frame and its padding: frames must not get lost."""
        wanted = self._pixels.frames
        if octets >= self._size:
            words = "there are pixels for %d frames, Number of Frames says %d"
            raise PeerError(words % (wanted + octets // self._size, wanted))
        if octets > 0:
            note(self._notices, "%d octets behind the last frame are left out" % octets, None)

    def close(self):
        """End threads and children, whatever happened."""
        if self._line is not None:
            self._line.close()


class Rows:
    """Pieces of a frame through a decoder, an encoder, or both, as they come."""

    def __init__(self, made, near, is_stopped):
        given = made.pixels.image
        self._given = given
        self._is_stopped = is_stopped
        self._decoder = None if made.source_codec is None else coding.decoder(made.source_codec, given)
        self._encoder = coding.encoder(made.target_codec, given, near, whole=False)
        self._coded = None
        self._is_fresh = True
        self._left = 0

    def put(self, view, is_last):
        """Take the next piece of a frame; yield native pixels where nothing encodes them."""
        if self._is_fresh:
            self._begin()
        if self._decoder is None:
            self._encode(view, is_last)
            return
        if self._decoder.is_done:
            return  # octets behind the end of the codestream
        for pixels in self._decoder.put(view, is_last, self._is_stopped):
            self._left -= len(pixels)
            if self._left < 0:
                raise PeerError("the frame decodes to more pixels than the data set says")
            if self._encoder is None:
                yield pixels
            else:
                self._encode(pixels, self._left == 0)
        if self._decoder.is_done and self._left:
            raise PeerError("the frame decodes to %d octets less than the data set says" % self._left)

    def _begin(self):
        self._is_fresh = False
        self._left = image.octets(self._given)
        if self._decoder is not None:
            self._decoder.begin()
        if self._encoder is not None:
            self._encoder.begin()
            self._coded = bytearray()

    def _encode(self, view, is_last):
        for coded in self._encoder.put(view, is_last, self._is_stopped):
            self._coded += coded

    def frame(self):
        """Return the coded frame that is complete, or None where its pixels were yielded."""
        if self._is_fresh:
            raise TruncatedError("there is no frame")
        if self._decoder is not None:
            self._decoder.decoded()
        self._is_fresh = True
        coded, self._coded = self._coded, None
        if self._encoder is not None and hasattr(self._encoder, "remember"):
            self._encoder.remember()
        return coded


def _engine(codec, is_coded):
    return registry.NATIVE if codec is None or not is_coded else codec.engine


def _signature(codec):
    """Return what frames.Splitter calls the codec of a transfer syntax."""
    return syntax.lookup(codec.uid).codec


def needs_extended(pixels):
    """Say whether coded frames may come to lie beyond the 32 bits of a Basic Offset Table."""
    size = image.octets(pixels.image)
    return pixels.frames * (size + size // 8 + 1024) > 0xFFFFFFFF
