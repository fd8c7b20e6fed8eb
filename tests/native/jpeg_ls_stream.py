"""JPEG-LS through the C functions: a stream at a time, in pieces of any size."""

from collections import namedtuple

from tests.native import built

FIT, LINE, SAMPLE, NONE = range(4)

# pixels: bytes; image: dict of edge_image's fields; left: octets of the stream that were not taken; near: int
Decoded = namedtuple("Decoded", "pixels image left near")


class CodecError(Exception):
    """A codec answered an error; `name` is that of the result, `given` what it had produced."""

    def __init__(self, library, result, given=b""):
        self.name = library.ffi.typeof("edge_result").elements[result]
        self.given = given
        text = library.ffi.string(library.lib.edge_result_text(result)).decode("ascii")
        super().__init__(f"{self.name}: {text}")


def native():
    """The codecs as the box has them."""
    return built.library()


def _run(library, step, state, data, piece, room):
    ffi = library.ffi
    source, target = ffi.new("uint8_t[]", bytes(data)), bytearray(room)
    there = ffi.from_buffer("uint8_t[]", target)
    io = ffi.new("edge_io *")
    given, at, end = [], 0, min(piece or len(data), len(data))
    while True:
        setattr(io, "in", source + at)
        io.in_left, io.in_ended = end - at, end == len(data)
        io.out, io.out_left = there, room
        result = step(state, io)
        at = end - io.in_left
        given.append(bytes(target[: room - io.out_left]))
        if result < 0:
            raise CodecError(library, result, b"".join(given))
        if result == library.lib.EDGE_DONE:
            return b"".join(given), len(data) - at
        if result == library.lib.EDGE_NEEDS_INPUT:
            if end == len(data):
                raise AssertionError("more input is asked for than there is")
            end = min(end + (piece or len(data)), len(data))
        elif io.out_left == room and room > 0:
            raise AssertionError("room is asked for and not used")


def _state(library, size):
    return library.ffi.new("uint64_t[]", size // 8 + 1)


def encode(pixels, columns, rows, components=1, allocated=8, stored=None, signed=0, planar=0, drops=0, piece=None,
           room=1 << 16, library=None, **options):  # fmt: skip
    """Return the stream of `pixels`; raise CodecError."""
    library = library or native()
    stored = stored or allocated
    image = library.ffi.new("edge_image *", [columns, rows, components, allocated, stored, signed, planar, drops])
    options = library.ffi.new("edge_jpeg_ls_options *", options)
    size = library.lib.edge_jpeg_ls_encoder_size(image, options)
    state = _state(library, size)
    result = library.lib.edge_jpeg_ls_encode_begin(state, size, image, options)
    if result < 0:
        raise CodecError(library, result)
    return _run(library, library.lib.edge_jpeg_ls_encode, state, pixels, piece, room)[0]


def decode(stream, columns=65535, components=4, allocated=0, stored=0, signed=0, takes_sampling=0, piece=None,
           room=1 << 16, library=None):  # fmt: skip
    """Return the Decoded of `stream`; raise CodecError."""
    library = library or native()
    image = library.ffi.new("edge_image *", [columns, 0, components, allocated, stored, signed])
    size = library.lib.edge_jpeg_ls_decoder_size(image)
    state = _state(library, size)
    result = library.lib.edge_jpeg_ls_decode_begin(state, size, image, takes_sampling)
    if result < 0:
        raise CodecError(library, result)
    pixels, left = _run(library, library.lib.edge_jpeg_ls_decode, state, stream, piece, room)
    near = library.ffi.new("int *")
    assert library.lib.edge_jpeg_ls_decoded_image(state, image) == library.lib.EDGE_DONE
    assert library.lib.edge_jpeg_ls_decoded_near(state, near) == library.lib.EDGE_DONE
    fields = {name: getattr(image, name) for name, _ in library.ffi.typeof("edge_image").fields}
    return Decoded(pixels, fields, left, near[0])


def segment(marker, body):
    """A marker segment."""
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + bytes(body)


def split(stream):
    """Cut a stream of one scan behind the header of its scan: (markers before SOS, SOS segment, the rest)."""
    at = stream.index(b"\xff\xda")
    end = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return stream[:at], stream[at:end], stream[end:]
