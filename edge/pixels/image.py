"""What a data set says about its pixels, read from the few elements that say it (PS3.3 C.7.6.3, PS3.5 8)."""

from collections import namedtuple

from edge.dicom import element
from edge.dicom.errors import PeerError
from edge.dicom.octets import get_numbers

# Native pixels as the codecs take and give them: the fields of edge_image in native/include/edge_codec.h
Image = namedtuple("Image", "columns rows components bits_allocated bits_stored is_signed planar")

# What is around them. image: Image; frames: int; photometric: str; high_bit: int
Pixels = namedtuple("Pixels", "image frames photometric high_bit")

SAMPLES_PER_PIXEL = 0x00280002
PHOTOMETRIC = 0x00280004
PLANAR = 0x00280006
FRAMES = 0x00280008
ROWS = 0x00280010
COLUMNS = 0x00280011
BITS_ALLOCATED = 0x00280100
BITS_STORED = 0x00280101
HIGH_BIT = 0x00280102
SIGNED = 0x00280103
SMALLEST, LARGEST = 0x00280106, 0x00280107
PADDING = 0x00280120
LOSSY, LOSSY_RATIO, LOSSY_METHOD = 0x00282110, 0x00282112, 0x00282114

OFFSETS, LENGTHS = 0x7FE00001, 0x7FE00002  # Extended Offset Table, and its Lengths
FLOAT_PIXELS, DOUBLE_PIXELS, PIXELS = 0x7FE00008, 0x7FE00009, 0x7FE00010

# Subsampled when native too: two octets a pixel (PS3.3 C.7.6.3.1.2)
HALVED = ("YBR_FULL_422", "YBR_PARTIAL_422")


def octets(image):
    """Return how many octets the native pixels of one frame have."""
    return image.columns * image.rows * image.components * image.bits_allocated // 8


def row_octets(image):
    """Return how many octets one row has, all components counted."""
    return image.columns * image.components * image.bits_allocated // 8


def native_octets(pixels):
    """Return how many octets all native frames have, packed bits and subsampled chroma counted as such."""
    image = pixels.image
    components = 2 if pixels.photometric in HALVED and image.components == 3 else image.components
    bits = image.columns * image.rows * components * image.bits_allocated * pixels.frames
    return (bits + 7) // 8


def text(values, tag):
    """Return the text of `tag` in `values` ({tag: octets}) without padding; "" where there is none."""
    return values.get(tag, b"").decode("ascii", "replace").strip("\0 ")


def number(values, tag, default):
    """Return the first number (US) of `tag` in `values` ({tag: octets}, little endian), or `default`."""
    found = get_numbers(values.get(tag, b""), "US", True)
    return found[0] if found else default


def read(values):
    """Return the Pixels that `values` ({tag: octets in little endian}) describe; PeerError where something is missing.

    What old devices leave out is taken as what they meant: one sample, one frame, all bits stored, unsigned.
    """
    for tag in (ROWS, COLUMNS, BITS_ALLOCATED):
        if not number(values, tag, 0):
            raise PeerError("there are pixels, but %s, which says how to read them, is missing" % element.name(tag))
    allocated = number(values, BITS_ALLOCATED, 0)
    stored = number(values, BITS_STORED, allocated)
    components = number(values, SAMPLES_PER_PIXEL, 1)
    if not 1 <= stored <= allocated <= 64 or not 1 <= components <= 4:
        raise PeerError("Bits Stored %d of %d allocated, %d samples a pixel: that is no image" % (
            stored, allocated, components))  # fmt: skip
    image = Image(
        number(values, COLUMNS, 0), number(values, ROWS, 0), components, allocated, stored,
        1 if number(values, SIGNED, 0) == 1 else 0, number(values, PLANAR, 0) if components > 1 else 0,
    )  # fmt: skip
    if image.planar > 1:
        raise PeerError("Planar Configuration is %d; expected 0 or 1" % image.planar)
    return Pixels(image, _frames(values), text(values, PHOTOMETRIC), number(values, HIGH_BIT, stored - 1))


def _frames(values):
    said = text(values, FRAMES).partition("\\")[0].strip()
    if not said:
        return 1
    try:
        frames = int(said)
    except ValueError:
        frames = 0
    if not 0 < frames < 1 << 31:
        raise PeerError("Number of Frames is no whole number above 0")
    return frames
