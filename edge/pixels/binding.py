"""The C codecs of native/ as Python objects: memory of ours, streams of theirs, results turned into exceptions.

A coder is made for one kind of image, takes its memory once, and codes stream after stream. A call into C lets other
Python threads run; a coder belongs to one thread at a time. What C works on (the state, the octets given, the room for
what comes out) is held by a local name through every call, so that nothing is collected or moved under it.

Input is given in steps of some 64 KB, and between steps `is_stopped` is asked, so that whoever cancels waits for a few
rows and no longer.
"""

from edge.dicom.errors import LocalError, PeerError

try:
    from edge._native import ffi, lib
except ImportError as _missing:
    ffi = lib = None
    MISSING = "the C extension was not built (%s): install gcc and python3-dev, then make clean setup" % _missing
else:
    MISSING = None

_STEP_OCTETS = 1 << 16
_ROOM_OCTETS = 1 << 16
_RLE_IDLE = b"\0\x80"  # padding, and packets that stand for nothing

RLE, JPEG_LOSSLESS, JPEG_LS = "rle", "jpeg-lossless", "jpeg-ls"


class HighBits(LocalError):
    """A sample has bits above Bits Stored that are not its sign: coding it would lose them."""


class Stopped(Exception):
    """Coding was cancelled from another thread."""


def available():
    """Return (whether the codecs are there, the instructions in use or the reason why not)."""
    if lib is None:
        return False, MISSING
    return True, ffi.string(lib.edge_jpeg_ls_way()).decode("ascii")


def _require():
    if lib is None:
        raise LocalError(MISSING)


def _never():
    return False


def _failed(result):
    """Return the exception that an error of the C library stands for."""
    words = ffi.string(lib.edge_result_text(result)).decode("ascii")
    if result == lib.EDGE_BAD_SAMPLE:
        return HighBits(words)
    if lib.EDGE_UNSUPPORTED_SCANS <= result < 0 or result == lib.EDGE_TOO_LARGE:
        return PeerError(words)
    return LocalError(words)


class _Coder:
    """One codec, one direction, one kind of image. `begin` a stream, then `code` it whole or `put` it in pieces."""

    is_whole = False  # whether every call wants the whole input

    def _prepare(self, size, words):
        if not size:
            raise LocalError(words)
        self.state_octets = size
        self._state = ffi.new("uint64_t[]", (size + 7) // 8)
        self._io = ffi.new("edge_io *")
        self._rest = b""

    def begin(self):
        """Begin a stream; what was under way is dropped."""
        result = self._begin()
        self._rest = b""
        self.is_done = False
        if result < 0:
            raise _failed(result)

    def code(self, octets, is_stopped=_never):
        """Code the whole stream `octets`, which lies in one piece; return the result as a bytearray."""
        given = bytearray()
        for view in self._run(octets, True, is_stopped):
            given += view
        return given

    def put(self, octets, ended=False, is_stopped=_never):
        """Give the next piece of a stream and yield what comes out, in views that are good until the next."""
        if self._rest:
            octets = self._rest + bytes(octets)
        yield from self._run(octets, ended, is_stopped)

    def _run(self, octets, ended, is_stopped):
        room = bytearray(_ROOM_OCTETS)
        view = memoryview(room)
        there = ffi.from_buffer("uint8_t[]", room)
        source = ffi.from_buffer("uint8_t[]", octets)
        state, io, step = self._state, self._io, self._step
        length = len(octets)
        end = length if self.is_whole else min(length, _STEP_OCTETS)
        at = 0
        while True:
            setattr(io, "in", source + at)
            io.in_left, io.in_ended = end - at, ended and end == length
            io.out, io.out_left = there, _ROOM_OCTETS
            result = step(state, io)
            at = end - io.in_left
            if io.out_left < _ROOM_OCTETS:
                yield view[: _ROOM_OCTETS - io.out_left]
            if result < 0:
                raise _failed(result)
            if result == lib.EDGE_DONE:
                self._rest = b""
                self.is_done = True
                return
            if result == lib.EDGE_NEEDS_INPUT:
                if end == length:
                    self._rest = bytes(octets[at:])
                    return
                end = min(end + _STEP_OCTETS, length)
            if is_stopped():
                raise Stopped

    def fill(self, octets, room, is_stopped=_never):
        """Code the whole stream `octets` into the writable `room`, which it has to fill."""
        there = ffi.from_buffer("uint8_t[]", room)
        source = ffi.from_buffer("uint8_t[]", octets)
        state, io, step = self._state, self._io, self._step
        length = len(octets)
        end = length if self.is_whole else min(length, _STEP_OCTETS)
        at = done = 0
        while True:
            setattr(io, "in", source + at)
            io.in_left, io.in_ended = end - at, end == length
            io.out, io.out_left = there + done, len(room) - done
            result = step(state, io)
            at = end - io.in_left
            done = len(room) - io.out_left
            if result < 0:
                raise _failed(result)
            if result == lib.EDGE_DONE:
                break
            if result == lib.EDGE_NEEDS_OUTPUT and done == len(room):
                raise PeerError("the frame decodes to more pixels than the data set says")
            end = min(end + _STEP_OCTETS, length)
            if is_stopped():
                raise Stopped
        if self.is_whole and len(bytes(octets[at:]).strip(_RLE_IDLE)) > 1:
            raise PeerError("the frame has %d octets more than the pixels that the data set says take" % (length - at))
        if done != len(room):
            raise PeerError("the frame decodes to %d octets of pixels, the data set says %d" % (done, len(room)))


def _image(image, drops=0):
    return ffi.new("edge_image *", [*image, drops])


def _no_image(name, image):
    return "%s has no image of %d x %d with %d samples of %d bits, %d of them stored" % (
        name, image.columns, image.rows, image.components, image.bits_allocated, image.bits_stored,
    )  # fmt: skip


def _decoded(question, state, wanted):
    """Return whether what a decoder gave is planar; PeerError where its size is not the wanted one."""
    found = ffi.new("edge_image *")
    if question(state, found) != lib.EDGE_DONE:
        raise PeerError("the frame ends before its size is known")
    size = (found.columns, found.rows, found.components)
    if size != (wanted.columns, wanted.rows, wanted.components):
        raise PeerError("the frame is %d x %d with %d samples a pixel, the data set says %d x %d with %d" % (
            *size, wanted.columns, wanted.rows, wanted.components))  # fmt: skip
    return bool(found.planar)


class RleEncoder(_Coder):
    """Encode frames that lie in memory as a whole (PS3.5 Annex G)."""

    is_whole = True

    def __init__(self, image):
        _require()
        self._given = _image(image)
        self._prepare(lib.edge_rle_encoder_size(self._given, 1), _no_image("RLE", image))
        self._step = lib.edge_rle_encode

    def _begin(self):
        return lib.edge_rle_encode_begin(self._state, self.state_octets, self._given, 1)


class RleDecoder(_Coder):
    """Decode frames that lie in memory as a whole (PS3.5 Annex G)."""

    is_whole = True

    def __init__(self, image):
        _require()
        self._given = _image(image)
        self._prepare(lib.edge_rle_decoder_size(self._given, 1), _no_image("RLE", image))
        self._step = lib.edge_rle_decode

    def _begin(self):
        return lib.edge_rle_decode_begin(self._state, self.state_octets, self._given, 1)

    def decoded(self):
        """Return whether the pixels came out component by component: as was asked for."""
        return bool(self._given.planar)


class JpegLosslessEncoder(_Coder):
    """Encode as JPEG Lossless (T.81 Process 14), with the tables that suit each frame best where it lies in memory.

    By pieces (`whole` False) there is one pass, with the statistics of the frame before.
    """

    def __init__(self, image, predictor=1, whole=True, drops=0):
        _require()
        self._given = _image(image, drops)
        self.is_whole = whole
        self._options = ffi.new("edge_jpeg_lossless_options *", [predictor, 0, 2 if whole else 1, 1 if whole else 0, 0])
        size = lib.edge_jpeg_lossless_encoder_size(self._given, self._options)
        self._prepare(size, _no_image("JPEG Lossless", image))
        self._step = lib.edge_jpeg_lossless_encode
        self._statistics = ffi.NULL

    def _begin(self):
        return lib.edge_jpeg_lossless_encode_begin(
            self._state, self.state_octets, self._given, self._options, self._statistics
        )

    def remember(self):
        """Keep the statistics of the frame that was just finished for the next one."""
        found = ffi.new("edge_jpeg_lossless_statistics *")
        if not self.is_whole and lib.edge_jpeg_lossless_encoded_statistics(self._state, found) == lib.EDGE_DONE:
            self._statistics = found


class JpegLosslessDecoder(_Coder):
    """Decode JPEG Lossless; `holds` for scans in an order that takes a state as large as the frame."""

    def __init__(self, image, holds=False):
        _require()
        self._given = _image(image)
        self._holds = 1 if holds else 0
        size = lib.edge_jpeg_lossless_decoder_size(self._given, self._holds)
        self._prepare(size, _no_image("JPEG Lossless", image))
        self._step = lib.edge_jpeg_lossless_decode

    def _begin(self):
        return lib.edge_jpeg_lossless_decode_begin(self._state, self.state_octets, self._given, self._holds)

    def decoded(self):
        """Return whether the pixels came out component by component; PeerError where they are another image's."""
        return _decoded(lib.edge_jpeg_lossless_decoded_image, self._state, self._given)


class JpegLsEncoder(_Coder):
    """Encode as JPEG-LS (T.87), each sample off by at most `near`."""

    def __init__(self, image, near=0, drops=0):
        _require()
        self._given = _image(image._replace(bits_stored=max(2, image.bits_stored)), drops)
        # Explicit parameters from 13 bits on: some readers take the default ones wrongly there
        self._options = ffi.new("edge_jpeg_ls_options *", {"near": near, "explicit_lse": image.bits_stored > 12})
        words = _no_image("JPEG-LS", image)
        if near:
            words += ", or not with %d as the largest error (signed samples cannot be near-lossless)" % near
        self._prepare(lib.edge_jpeg_ls_encoder_size(self._given, self._options), words)
        self._step = lib.edge_jpeg_ls_encode

    def _begin(self):
        return lib.edge_jpeg_ls_encode_begin(self._state, self.state_octets, self._given, self._options)


class JpegLsDecoder(_Coder):
    """Decode JPEG-LS, lossless or not."""

    def __init__(self, image):
        _require()
        self._given = _image(image)
        self._prepare(lib.edge_jpeg_ls_decoder_size(self._given), _no_image("JPEG-LS", image))
        self._step = lib.edge_jpeg_ls_decode

    def _begin(self):
        return lib.edge_jpeg_ls_decode_begin(self._state, self.state_octets, self._given, 0)

    def decoded(self):
        """Return whether the pixels came out component by component; PeerError where they are another image's."""
        return _decoded(lib.edge_jpeg_ls_decoded_image, self._state, self._given)
