"""RLE and lossless JPEG through the C functions: a stream at a time, in pieces of any size."""

from collections import namedtuple

import numpy

from tests.native import built

# columns, rows, components, allocated, stored, signed, planar, drops: as edge_image has them
Shape = namedtuple(
    "Shape", "columns rows components allocated stored signed planar drops", defaults=(1, 8, None, 0, 0, 0)
)

# pixels: bytes; image: the edge_image that the stream says, or None; left: octets of the stream not taken
Decoded = namedtuple("Decoded", "pixels image left")


class CodecError(Exception):
    """A codec answered an error; `name` is that of the result, `given` what it had produced."""

    def __init__(self, library, result, given=b""):
        self.name = library.ffi.typeof("edge_result").elements[result]
        self.given = given
        super().__init__(f"{self.name}: {library.ffi.string(library.lib.edge_result_text(result)).decode('ascii')}")


def native():
    """The codecs as the box has them."""
    return built.library()


def image(library, shape):
    """An edge_image."""
    shape = shape._replace(stored=shape.allocated if shape.stored is None else shape.stored)
    return library.ffi.new("edge_image *", list(shape))


def octets(shape):
    """The octets of all pixels."""
    return shape.columns * shape.rows * shape.components * shape.allocated // 8


def run(library, step, state, data, piece=None, room=1 << 20, whole=False):
    """Call `step` over `data` until it is done, in pieces: (what it gave, octets not taken)."""
    ffi, given, at = library.ffi, [], 0
    end = len(data) if whole else min(piece or len(data), len(data))
    target = bytearray(room)
    there = ffi.from_buffer("uint8_t[]", target)
    source = ffi.new("uint8_t[]", bytes(data)) if data else ffi.NULL
    io = ffi.new("edge_io *")
    while True:
        setattr(io, "in", source + at if data else ffi.NULL)
        io.in_left, io.in_ended = end - at, end == len(data)
        io.out, io.out_left = there, room
        result = step(state, io)
        at = end - io.in_left
        given.append(bytes(target[: room - io.out_left]))
        if result < 0:
            assert step(state, io) == result, "an error is kept"
            raise CodecError(library, result, b"".join(given))
        if result == library.lib.EDGE_DONE:
            return b"".join(given), len(data) - at
        if result == library.lib.EDGE_NEEDS_INPUT:
            assert end < len(data), "more input is asked for than there is"
            end = min(end + (piece or len(data)), len(data))
        else:
            assert io.out_left < room or room == 0, "room is asked for and not used"


def begun(library, begin, size, *arguments):
    """Memory for a state, begun."""
    if size == 0:
        raise CodecError(library, library.lib.EDGE_BAD_IMAGE)
    state = library.ffi.new("uint64_t[]", size // 8 + 1)
    library.ffi.memmove(state, b"\xa5" * size, size)
    result = begin(state, size, *arguments)
    if result < 0:
        raise CodecError(library, result)
    return state


def rle_encode(pixels, shape, whole=1, piece=None, room=1 << 20, library=None):
    """Return the RLE stream of `pixels`."""
    library = library or native()
    wanted = image(library, shape)
    size = library.lib.edge_rle_encoder_size(wanted, whole)
    state = begun(library, library.lib.edge_rle_encode_begin, size, wanted, whole)
    return run(library, library.lib.edge_rle_encode, state, pixels, piece, room, whole)[0]


def rle_decode(stream, shape, whole=1, piece=None, room=1 << 20, library=None):
    """Return the Decoded of an RLE stream."""
    library = library or native()
    wanted = image(library, shape)
    size = library.lib.edge_rle_decoder_size(wanted, whole)
    state = begun(library, library.lib.edge_rle_decode_begin, size, wanted, whole)
    pixels, left = run(library, library.lib.edge_rle_decode, state, stream, piece, room, whole)
    return Decoded(pixels, None, left)


def jpeg_encode(pixels, shape, predictor=1, shift=0, passes=2, whole=1, restart=0, statistics=None, piece=None,
                room=1 << 20, library=None, size=None, gives_statistics=False):  # fmt: skip
    """Return the lossless JPEG stream of `pixels`, and its statistics where these are asked for."""
    library = library or native()
    wanted = image(library, shape)
    options = library.ffi.new("edge_jpeg_lossless_options *", [predictor, shift, passes, whole, restart])
    size = size or library.lib.edge_jpeg_lossless_encoder_size(wanted, options)
    begin = library.lib.edge_jpeg_lossless_encode_begin
    state = begun(library, begin, size, wanted, options, statistics or library.ffi.NULL)
    stream = run(library, library.lib.edge_jpeg_lossless_encode, state, pixels, piece, room, whole)[0]
    if not gives_statistics:
        return stream
    found = library.ffi.new("edge_jpeg_lossless_statistics *")
    assert library.lib.edge_jpeg_lossless_encoded_statistics(state, found) == library.lib.EDGE_DONE
    return stream, found


def jpeg_decode(stream, shape=None, holds=0, piece=None, room=1 << 20, library=None):
    """Return the Decoded of a lossless JPEG stream; without a shape, of one with up to 2048 columns."""
    library = library or native()
    wanted = image(library, shape or Shape(2048, 64, 4, 0, 0))
    size = library.lib.edge_jpeg_lossless_decoder_size(wanted, holds)
    state = begun(library, library.lib.edge_jpeg_lossless_decode_begin, size, wanted, holds)
    pixels, left = run(library, library.lib.edge_jpeg_lossless_decode, state, stream, piece, room)
    assert library.lib.edge_jpeg_lossless_decoded_image(state, wanted) == library.lib.EDGE_DONE
    return Decoded(pixels, {name: getattr(wanted, name) for name, _ in library.ffi.typeof("edge_image").fields}, left)


def picture(shape, kind="smooth", seed=1):
    """Pixels of a kind, as a numpy array (rows, columns, components), or components first where planar."""
    generator = numpy.random.default_rng(seed)
    stored = shape.stored or shape.allocated
    size = (shape.rows, shape.columns, shape.components)
    most = (1 << stored) - 1
    if kind == "noise":
        values = generator.integers(0, most, size, endpoint=True)
    elif kind == "flat":
        values = numpy.full(size, most // 3)
    elif kind == "extremes":
        values = generator.integers(0, 1, size, endpoint=True) * most
    elif kind == "steps":
        levels = generator.integers(0, most, (shape.rows, shape.columns // 7 + 1, shape.components), endpoint=True)
        values = numpy.repeat(levels, 7, axis=1)[:, : shape.columns] ^ (generator.random(size) < 0.05)
    else:
        y, x = numpy.mgrid[: shape.rows, : shape.columns]
        slope = (y * 3 + x * 2)[..., None] * (most / (3 * shape.rows + 2 * shape.columns))
        values = numpy.clip(slope + generator.normal(0, 1 + most / 300, size), 0, most)
    values = values.astype("i8")
    if shape.signed:
        values -= (values >> (stored - 1)) << stored
    values = values.astype(f"<{'iu'[not shape.signed]}{shape.allocated // 8}")
    return numpy.ascontiguousarray(numpy.moveaxis(values, 2, 0)) if shape.planar else values
