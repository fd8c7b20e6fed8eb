"""Lossless JPEG, predictor 1, against libjpeg-turbo as imagecodecs binds it: in two passes, and in one.

`decode` is each codec with its own stream; `decode theirs` is both on the peer's. One pass is with the statistics of
the same frame, as of a similar one before it, and takes the rows from a stream.
"""

import imagecodecs

from edge._native import ffi, lib
from tests.bench.codecs import Row
from tests.bench.native import step

PEER = imagecodecs.jpeg8_version().split("/")[0].replace("libjpeg_turbo", "libjpeg-turbo")


def encoder(image, shape, room, passes):
    """Return a function that encodes the image into `room`, and the octets of its state."""
    options = ffi.new("edge_jpeg_lossless_options *", {"predictor": 1, "passes": passes, "whole_input": passes == 2})
    size = lib.edge_jpeg_lossless_encoder_size(shape, options)
    state = ffi.new("uint64_t[]", size // 8 + 1)
    statistics = ffi.NULL

    def encode():
        lib.edge_jpeg_lossless_encode_begin(state, size, shape, options, statistics)
        return step(lib.edge_jpeg_lossless_encode, state, image.pixels, room)

    if passes == 1:
        encode()
        found = ffi.new("edge_jpeg_lossless_statistics *")
        lib.edge_jpeg_lossless_encoded_statistics(state, found)
        statistics = found
    return encode, size


def measure(images, timer):
    """Rows of encoding and decoding."""
    rows = []
    for image in images:
        shape = ffi.new(
            "edge_image *",
            {"columns": image.columns, "rows": image.rows, "components": image.components,
             "bits_allocated": image.bits_allocated, "bits_stored": image.bits_stored, "is_signed": image.is_signed},
        )  # fmt: skip
        room, back = bytearray(2 * len(image.pixels) + 65536), bytearray(len(image.pixels))
        two, two_state = encoder(image, shape, room, 2)
        one, one_state = encoder(image, shape, room, 1)
        decode_size = lib.edge_jpeg_lossless_decoder_size(shape, 0)
        decode_state = ffi.new("uint64_t[]", decode_size // 8 + 1)
        depth = image.bits_allocated if image.is_signed else image.bits_stored

        def decode(stream):
            lib.edge_jpeg_lossless_decode_begin(decode_state, decode_size, shape, 0)
            return step(lib.edge_jpeg_lossless_decode, decode_state, stream, back)

        def their_encode():
            return imagecodecs.jpeg8_encode(image.array, lossless=True, predictor=1, bitspersample=depth)

        one_length = one()
        ours, theirs = bytes(room[: two()]), bytes(their_encode())
        for stream in (ours, theirs):
            if decode(stream) != len(back) or back != image.pixels:
                raise RuntimeError(f"{image.name} is not what it was")
        rates = timer.rates(
            image,
            their_encode=their_encode,
            two=two,
            one=one,
            theirs_on_theirs=lambda: imagecodecs.jpeg8_decode(theirs),
            ours_on_ours=lambda: decode(ours),
            ours_on_theirs=lambda: decode(theirs),
        )
        small = len(image.pixels) / len(theirs)
        ours_small = (small, len(image.pixels) / len(ours))
        rows += [
            Row("jpeg-lossless", image.name, "encode", PEER, rates["their_encode"], rates["two"], 8, 6, *ours_small,
                f"state {two_state:,}"),
            Row("jpeg-lossless", image.name, "encode in one pass", PEER, rates["their_encode"], rates["one"], None,
                None, small, len(image.pixels) / one_length, f"state {one_state:,}"),
            Row("jpeg-lossless", image.name, "decode", PEER, rates["theirs_on_theirs"], rates["ours_on_ours"], 1.9, 1.7,
                *ours_small, f"state {decode_size:,}"),
            Row("jpeg-lossless", image.name, "decode theirs", PEER, rates["theirs_on_theirs"], rates["ours_on_theirs"],
                1.9, 1.7, small, small),
        ]  # fmt: skip
    return rows
