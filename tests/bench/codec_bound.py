"""JPEG 2000, HTJ2K and JPEG through the child process, against the same library called in this one.

The peer calls the extension as a program would that trusts it: the same shim, on rooms that are made once. Ours goes
the whole way of edge.pixels.limited: into the shared memory, over the socket, through the confined process, and back.
Both read their input from a file in the kernel's cache, as the box does, each to where it needs it (JPEG: both have it
in memory, and ours copies it); and both take their turns on one processor.
"""

import os

import imagecodecs

from edge.pixels.image import Image
from edge.pixels.limited import Decoders
from tests.bench.codecs import Row

J2K, HTJ2K = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201"


def native(module, image, colour):
    """Return (encode, decode) of the library behind an extension, called in this process."""
    ffi, lib = module.ffi, module.lib
    shape = ffi.new("edge_bound_image *", tuple(image))
    wish = ffi.new("edge_bound_wish *", (colour, 0, 0, 0.0))
    size = image.columns * image.rows * image.components * image.bits_allocated // 8
    room, back, words, made = bytearray(2 * size + 65536), bytearray(size), ffi.new("char[]", 400), ffi.new("size_t *")

    def encode(pixels):
        result = lib.edge_bound_encode(shape, wish, ffi.from_buffer("uint8_t[]", pixels), len(pixels),
                                       ffi.from_buffer("uint8_t[]", room), len(room), made, words, 400)  # fmt: skip
        if result:
            raise RuntimeError(ffi.string(words).decode("ascii"))
        return memoryview(room)[: made[0]]

    def decode(stream):
        result = lib.edge_bound_decode(shape, wish, ffi.from_buffer("uint8_t[]", stream), len(stream),
                                       ffi.from_buffer("uint8_t[]", back), len(back), words, 400)  # fmt: skip
        if result:
            raise RuntimeError(ffi.string(words).decode("ascii"))
        return back

    return encode, decode


def _file(octets):
    descriptor = os.memfd_create("input")
    os.write(descriptor, octets)
    return descriptor


def _lossless(images, timer, decoders, codec, uid, module, peer):
    rows = []
    for each in images:
        image = Image(
            each.columns, each.rows, each.components, each.bits_allocated, each.bits_stored, each.is_signed, 0
        )
        encode, decode = native(module, image, True)
        stream = bytes(encode(each.pixels))
        for pixels in (decode(stream), decoders.decode(codec, stream, image)):
            if pixels != each.pixels:
                raise RuntimeError(f"{each.name} is not what it was")
        native_pixels, coded_pixels = _file(each.pixels), _file(stream)
        their_pixels, their_stream = bytearray(each.pixels), bytearray(stream)

        def their_encode():
            os.preadv(native_pixels, [their_pixels], 0)
            encode(their_pixels)

        def our_encode():
            room = decoders.room(len(each.pixels), image)
            os.preadv(native_pixels, [room], 0)
            return decoders.encode(codec, room, image, uid, True)

        def their_decode():
            os.preadv(coded_pixels, [their_stream], 0)
            decode(their_stream)

        def our_decode():
            room = decoders.room(len(stream), image)
            os.preadv(coded_pixels, [room], 0)
            return decoders.decode(codec, room, image)

        if decode(our_encode()) != each.pixels or our_decode() != each.pixels:
            raise RuntimeError(f"{each.name} is not what it was")
        rates = timer.rates(
            each, their_encode=their_encode, our_encode=our_encode, their_decode=their_decode, our_decode=our_decode
        )
        os.close(native_pixels)
        os.close(coded_pixels)
        small = len(each.pixels) / len(stream)
        rows += [
            Row(codec, each.name, "encode", peer, rates["their_encode"], rates["our_encode"], 0.95, None, small, small),
            Row(codec, each.name, "decode", peer, rates["their_decode"], rates["our_decode"], 0.95, None, small, small),
        ]
    return rows


def _jpeg(images, timer, decoders, module, peer):
    rows = []
    for each in images:
        if each.bits_allocated != 8:
            continue
        image = Image(each.columns, each.rows, each.components, 8, 8, 0, 0)
        stream = imagecodecs.jpeg8_encode(each.array, level=90)
        _, decode = native(module, image, False)
        if decode(stream) != decoders.decode("jpeg", stream, image):
            raise RuntimeError(f"{each.name} differs")
        rates = timer.rates(each, theirs=lambda: decode(stream), ours=lambda: decoders.decode("jpeg", stream, image))
        small = len(each.pixels) / len(stream)
        rows.append(Row("jpeg", each.name, "decode", peer, rates["theirs"], rates["ours"], None, None, small, small))
    return rows


def measure(images, timer):
    """Rows of encoding and decoding."""
    from edge import _jpeg as jpeg
    from edge import _openjpeg as openjpeg
    from edge import _openjph as openjph

    versions = [each.ffi.string(each.lib.edge_bound_version()).decode() for each in (openjpeg, openjph, jpeg)]
    names = [f"{version} natively" for version in versions]
    with Decoders() as decoders:
        return [
            *_lossless(images, timer, decoders, "j2k", J2K, openjpeg, names[0]),
            *_lossless(images, timer, decoders, "htj2k", HTJ2K, openjph, names[1]),
            *_jpeg(images, timer, decoders, jpeg, names[2]),
        ]
