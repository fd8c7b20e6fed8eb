"""JPEG-LS against CharLS as imagecodecs binds it.

Both encode each image by their own choices: we with Bits Stored as the data set says, imagecodecs with the depth of the
array's type; both write colour by sample. Each decodes its own stream; `decode theirs` is both on the peer's stream.
"""

import imagecodecs

from edge._native import ffi, lib
from tests.bench.codecs import Row
from tests.bench.native import step

PEER = f"CharLS {dict(each.split('-', 1) for each in imagecodecs.version().split(', ') if '-' in each)['charls']}"


def encoder(image, room):
    """Return a function that encodes the image into `room` and returns its octets, and the size of the state."""
    shape = ffi.new(
        "edge_image *",
        {"columns": image.columns, "rows": image.rows, "components": image.components,
         "bits_allocated": image.bits_allocated, "bits_stored": image.bits_stored, "is_signed": image.is_signed},
    )  # fmt: skip
    options = ffi.new("edge_jpeg_ls_options *")
    size = lib.edge_jpeg_ls_encoder_size(shape, options)
    state = ffi.new("uint64_t[]", size // 8 + 1)

    def encode():
        lib.edge_jpeg_ls_encode_begin(state, size, shape, options)
        return step(lib.edge_jpeg_ls_encode, state, image.pixels, room)

    return encode, size


def decoder(image, stream, room, bits_stored):
    """Return a function that decodes the stream into `room`, and the state's size."""
    bounds = ffi.new(
        "edge_image *",
        {"columns": image.columns, "components": image.components, "bits_allocated": image.bits_allocated,
         "bits_stored": bits_stored, "is_signed": image.is_signed},
    )  # fmt: skip
    size = lib.edge_jpeg_ls_decoder_size(bounds)
    state = ffi.new("uint64_t[]", size // 8 + 1)

    def decode():
        lib.edge_jpeg_ls_decode_begin(state, size, bounds, 0)
        return step(lib.edge_jpeg_ls_decode, state, stream, room)

    return decode, size


def measure(images, timer):
    """Rows of encoding, decoding our own streams, and decoding the peer's."""
    rows = []
    for image in images:
        room, back = bytearray(len(image.pixels) * 2 + 4096), bytearray(len(image.pixels))
        encode, state = encoder(image, room)
        ours = bytes(room[: encode()])
        theirs = imagecodecs.jpegls_encode(image.array)
        decode, decode_state = decoder(image, ours, back, image.bits_stored)
        decode_theirs, _ = decoder(image, theirs, back, image.bits_allocated)
        for function in (decode, decode_theirs):
            if function() != len(back) or back != image.pixels:
                raise RuntimeError(f"{image.name} is not what it was")
        rates = timer.rates(
            image,
            their_encode=lambda: imagecodecs.jpegls_encode(image.array),
            our_encode=encode,
            their_decode=lambda: imagecodecs.jpegls_decode(theirs),
            our_decode=decode,
            our_decode_theirs=decode_theirs,
        )
        sizes = (len(image.pixels) / len(theirs), len(image.pixels) / len(ours))
        rows += [
            Row("jpeg-ls", image.name, "encode", PEER, rates["their_encode"], rates["our_encode"], 1.7, 1.4, *sizes,
                f"state {state:,}"),
            Row("jpeg-ls", image.name, "decode", PEER, rates["their_decode"], rates["our_decode"], 1.4, 1.2, *sizes,
                f"state {decode_state:,}"),
            Row("jpeg-ls", image.name, "decode theirs", PEER, rates["their_decode"], rates["our_decode_theirs"], 1.4,
                1.2, sizes[0], sizes[0]),
        ]  # fmt: skip
    return rows
