"""RLE against pylibjpeg-rle.

`encode` and `decode` are each codec with its own stream, as a user of it has them; `decode ours` and `decode theirs`
are both on the same stream. Ours has fewer packets, which makes it faster for either. A state is made once and used for
all frames, and so is the room for output; the peer makes its output anew in each call, as its interface is.
"""

from importlib.metadata import version

import rle.rle as peer

from edge._native import ffi, lib
from tests.bench.codecs import Row
from tests.bench.native import step

PEER = f"pylibjpeg-rle {version('pylibjpeg-rle')}"


def measure(images, timer):
    """Rows of encoding and decoding."""
    rows = []
    for image in images:
        shape = ffi.new(
            "edge_image *",
            {"columns": image.columns, "rows": image.rows, "components": image.components,
             "bits_allocated": image.bits_allocated, "bits_stored": image.bits_stored},
        )  # fmt: skip
        room, back = bytearray(lib.edge_rle_encoded_limit(shape)), bytearray(len(image.pixels))
        sizes = lib.edge_rle_encoder_size(shape, 1), lib.edge_rle_decoder_size(shape, 1)
        state = ffi.new("uint64_t[]", max(sizes) // 8 + 1)

        def encode():
            lib.edge_rle_encode_begin(state, sizes[0], shape, 1)
            return step(lib.edge_rle_encode, state, image.pixels, room)

        def decode(stream):
            lib.edge_rle_decode_begin(state, sizes[1], shape, 1)
            return step(lib.edge_rle_decode, state, stream, back)

        def their_encode():
            return peer.encode_frame(
                image.pixels, image.rows, image.columns, image.components, image.bits_allocated, "<"
            )

        def their_decode(stream):
            return peer.decode_frame(stream, image.rows * image.columns, image.bits_allocated, "<")

        ours, theirs = bytes(room[: encode()]), bytes(their_encode())
        for stream in (ours, theirs):
            if decode(stream) != len(back) or back != image.pixels:
                raise RuntimeError(f"{image.name} is not what it was")
        rates = timer.rates(
            image,
            their_encode=their_encode,
            encode=encode,
            theirs_on_theirs=lambda: their_decode(theirs),
            ours_on_ours=lambda: decode(ours),
            theirs_on_ours=lambda: their_decode(ours),
            ours_on_theirs=lambda: decode(theirs),
        )
        small = (len(image.pixels) / len(theirs), len(image.pixels) / len(ours))
        rows += [
            Row("rle", image.name, "encode", PEER, rates["their_encode"], rates["encode"], 30, 10, *small,
                f"state {sizes[0]:,}"),
            Row("rle", image.name, "decode", PEER, rates["theirs_on_theirs"], rates["ours_on_ours"], 9, 6, *small,
                f"state {sizes[1]:,}"),
            Row("rle", image.name, "decode ours", PEER, rates["theirs_on_ours"], rates["ours_on_ours"], None, None,
                small[1], small[1]),
            Row("rle", image.name, "decode theirs", PEER, rates["theirs_on_theirs"], rates["ours_on_theirs"], None,
                None, small[0], small[0]),
        ]  # fmt: skip
    return rows
