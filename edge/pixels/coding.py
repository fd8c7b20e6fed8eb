"""One frame through one codec: decoded, encoded, or both, on as many threads as there are lanes, in order.

A Lane has a decoder and an encoder of its own and belongs to one thread at a time. What comes out of a lane is always
colour by pixel (Planar Configuration 0), whatever the codestream's order.
"""

from collections import deque

from edge.dicom.errors import DicomError, LocalError, PeerError
from edge.pixels import binding, image, registry


def interleaved(octets, of):
    """Return planar pixels of image.Image `of` colour by pixel; any bytes-like, as a bytearray."""
    width = of.bits_allocated // 8
    plane = of.columns * of.rows * width
    step = of.components * width
    source = memoryview(octets).cast("B")
    given = bytearray(len(source))
    for component in range(of.components):
        for byte in range(width):
            at = component * plane + byte
            given[component * width + byte :: step] = source[at : (component + 1) * plane : width]
    return given


def clear_of(pixels, of, bits):
    """Return native pixels without the `bits` (numbers, above Bits Stored), which somebody has kept elsewhere."""
    width = of.bits_allocated // 8
    given = bytearray(pixels)
    for byte in range(width):
        mask = 0
        for bit in bits:
            mask |= 1 << bit - 8 * byte if 8 * byte <= bit < 8 * byte + 8 else 0
        if mask:
            given[byte::width] = given[byte::width].translate(bytes([value & ~mask for value in range(256)]))
    return given


def bit_plane(pixels, of, bit):
    """Return one bit of each sample as text of 0 and 1, a character each."""
    byte = bit // 8
    table = bytes([0x31 if value >> bit % 8 & 1 else 0x30 for value in range(256)])
    return bytes(memoryview(pixels).cast("B")[byte :: of.bits_allocated // 8]).translate(table)


class Codecs:
    """Makes lanes. source, target: registry.Codec, or None where pixels come or go native; pixels: image.Pixels.

    near: for near-lossless JPEG-LS; colour: whether a codec that can is to transform RGB; overlays: bits above Bits
    Stored that are kept elsewhere; is_stopped: function, whether coding is to end.
    """

    def __init__(self, source, target, pixels, near=0, colour=False, overlays=(), is_stopped=lambda: False):
        self.source = None if source is None or source.engine == registry.NATIVE else source
        self.target = None if target is None or target.engine == registry.NATIVE else target
        self.pixels = pixels
        self.near = near
        self.colour = colour
        self.overlays = overlays
        self.is_stopped = is_stopped


class Lane:
    """A decoder and an encoder. children: limited.Decoders to use, which stay open; None for its own."""

    def __init__(self, codecs, children=None):
        self._codecs = codecs
        given = codecs.pixels.image
        self._flat = given._replace(planar=0)
        self._size = image.octets(given)
        self._children = children
        self._is_lent = children is not None
        self._decoder = self._encoder = self._holding = None
        source, target = codecs.source, codecs.target
        if source is not None:
            self._decoder = decoder(source, self._flat)
        if target is not None:
            self._encoder = encoder(target, self._flat, codecs.near)
        self._dropping = None

    def close(self):
        """End what runs beside this process."""
        if self._children is not None and not self._is_lent:
            self._children.close()
            self._children = None

    def work(self, octets):
        """Return a frame, decoded and encoded as far as this lane does: bytes-like."""
        if self._codecs.source is not None:
            octets = self._decode(octets)
        elif self._codecs.pixels.image.planar:
            octets = interleaved(octets, self._codecs.pixels.image)
        if self._codecs.target is not None:
            octets = self._encode(octets)
        return octets

    def _decode(self, coded):
        if self._decoder is None:
            name = registry.name_in_limited(self._codecs.source.engine)
            pixels = bytes(self._limited().decode(name, coded, self._flat))  # good only until the next call
            if len(pixels) != self._size:
                raise PeerError("a frame decodes to %d octets, the data set says %d" % (len(pixels), self._size))
            return pixels
        room = bytearray(self._size)
        try:
            planar = self._fill(self._decoder, coded, room)
        except PeerError:
            # Scans in an order of their own take a state that holds the frame
            if self._codecs.source.engine != binding.JPEG_LOSSLESS or self._flat.components == 1:
                raise
            self._holding = self._holding or binding.JpegLosslessDecoder(self._flat, holds=True)
            planar = self._fill(self._holding, coded, room)
        return interleaved(room, self._flat) if planar else room

    def _fill(self, coder, coded, room):
        coder.begin()
        coder.fill(coded, room, self._codecs.is_stopped)
        return coder.decoded() and self._flat.components > 1

    def _encode(self, pixels):
        target = self._codecs.target
        if self._codecs.overlays:
            pixels = clear_of(pixels, self._flat, self._codecs.overlays)
        if self._encoder is None:
            check_high_bits(pixels, self._flat)
            codec, colour = registry.name_in_limited(target.engine), self._codecs.colour
            return bytes(self._limited().encode(codec, pixels, self._flat, target.uid, colour))
        try:
            self._encoder.begin()
            return self._encoder.code(pixels, self._codecs.is_stopped)
        except binding.HighBits as error:
            if not may_drop(pixels, self._flat):
                raise LocalError(str(error) + WHAT_HIGH_BITS) from None
        self._dropping = self._dropping or encoder(target, self._flat, self._codecs.near, drops=1)
        self._dropping.begin()
        return self._dropping.code(pixels, self._codecs.is_stopped)

    def _limited(self):
        if self._children is None:
            from edge.pixels import limited  # only where a bound library is needed

            self._children = limited.Decoders()
        return self._children


WHAT_HIGH_BITS = (
    "; no element says what they are, and compressing would lose them: keep the object uncompressed, or use rle, which "
    "keeps every bit"
)


def _octets_with(pixels, of, is_fine):
    """Say whether any octet with bits above Bits Stored is not fine: function of (those bits, their mask)."""
    width = of.bits_allocated // 8
    octets = bytes(pixels)  # of which every second octet is taken ten times as fast as of a view
    for byte in range(width):
        low = max(0, of.bits_stored - 8 * byte)
        if low < 8:
            mask = 0xFF & ~((1 << low) - 1)
            fine = bytes([value for value in range(256) if is_fine(value & mask, mask)])
            if octets[byte::width].translate(None, fine):
                return True
    return False


def may_drop(pixels, of):
    """Say whether nothing but signs, there or missing, stands above Bits Stored."""
    return bool(of.is_signed) and not _octets_with(pixels, of, lambda bits, mask: bits in (0, mask))


def check_high_bits(pixels, of):
    """Raise LocalError where bits above Bits Stored would be lost by a codec that does not look at them itself."""
    if of.bits_stored < of.bits_allocated and not may_drop(pixels, of):
        if of.is_signed or _octets_with(pixels, of, lambda bits, mask: not bits):
            raise LocalError("a sample has bits above Bits Stored" + WHAT_HIGH_BITS)


def decoder(codec, of):
    """Return the decoder of a registry.Codec in C for image.Image `of`, or None where a bound library has it."""
    if codec.engine == binding.RLE:
        return binding.RleDecoder(of)
    if codec.engine == binding.JPEG_LOSSLESS:
        return binding.JpegLosslessDecoder(of)
    if codec.engine == binding.JPEG_LS:
        return binding.JpegLsDecoder(of)
    return None


def encoder(codec, of, near=0, whole=True, drops=0):
    """Return the encoder of a registry.Codec in C for image.Image `of`, or None where a bound library has it.

    near: the largest error of near-lossless JPEG-LS. LocalError where this codec has no such image. Samples of up to 8
    bits in 16 are written as ones of 9: most readers take the precision of a stream for its Bits Allocated, and fail.
    """
    if codec.engine == binding.RLE:
        return binding.RleEncoder(of)
    if of.bits_allocated == 16 and of.bits_stored <= 8:
        of = of._replace(bits_stored=9)
    if codec.engine == binding.JPEG_LOSSLESS:
        return binding.JpegLosslessEncoder(of, 1, whole, drops)
    if codec.engine == binding.JPEG_LS:
        return binding.JpegLsEncoder(of, near, drops)
    return None


class Line:
    """Frames in, frames out in the same order, `threads` at a time; with 1 everything happens in the caller's thread.

    At most one frame more than there are threads is in flight. `close` it, whatever happened.
    """

    def __init__(self, codecs, threads):
        self._codecs = codecs
        self._threads = threads
        self._lanes = [Lane(codecs)]
        self._free = list(self._lanes)
        self._pool = None
        self._waiting = deque()
        self._number = 0

    def put(self, octets):
        """Give a frame, which has to stay as it is until it came out; yield those that are ready."""
        self._number += 1
        if self._threads == 1:
            yield self._work(octets, self._number)
            return
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor  # only where there is more than one frame

            self._pool = ThreadPoolExecutor(self._threads, "pixels")
            self._lanes += [Lane(self._codecs) for _ in range(self._threads - 1)]
            self._free = list(self._lanes)
        self._waiting.append(self._pool.submit(self._work, octets, self._number))
        while self._waiting and (len(self._waiting) > self._threads or self._waiting[0].done()):
            yield self._waiting.popleft().result()

    def rest(self):
        """Yield the frames that are still in flight."""
        while self._waiting:
            yield self._waiting.popleft().result()

    def close(self):
        """End the threads, and what the lanes have running."""
        for lane in self._lanes:
            lane.close()  # what is at work there for another thread ends at once
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _work(self, octets, number):
        lane = self._free.pop()
        try:
            return lane.work(octets)
        except DicomError as error:
            error.message = "frame %d: %s" % (number, error.message)
            raise
        finally:
            self._free.append(lane)
