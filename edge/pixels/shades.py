"""From stored samples to shades of eight bits: Modality LUT or rescale, window or VOI LUT, palettes, colour spaces.

Only the values that a picture has are worked out, into a table: an image has far more pixels than values. What an
object says wrongly about itself (a slope that is no number, a window without width) is as if it had not been said.

Source: PS3.3 C.7.6.3.1.2 (YBR), C.7.6.3.1.5 and C.7.9 (palettes), C.11.1, C.11.2.
"""

import math
from collections import namedtuple

from edge.dicom.errors import PeerError
from edge.dicom.octets import get_numbers
from edge.pixels import image, looks

# A window. center, width: float; function: "LINEAR", "LINEAR_EXACT" or "SIGMOID"; name: what the object calls it, or ""
Window = namedtuple("Window", "center width function name", defaults=("LINEAR", ""))

# A table of shades. first: the value that its first entry is for; entries: list of int; top: the most one can be
Lut = namedtuple("Lut", "first entries top")

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_RED, _RED_DATA, _RED_SEGMENTS = 0x00281101, 0x00281201, 0x00281221


def numbers_of(values, tag):
    """Return the decimal strings of `tag` as floats; none of them where one is no number."""
    try:
        found = [float(one) for one in image.text(values, tag).split("\\") if one.strip()]
    except ValueError:
        return []
    return found if all([math.isfinite(one) for one in found]) else []


def windows(found):
    """Return the Windows that an object proposes, those that mean nothing left out."""
    values = found.values
    function = image.text(values, looks.FUNCTION) or "LINEAR"
    if function not in _FUNCTIONS:
        function = "LINEAR"
    names = image.text(values, looks.EXPLANATION).split("\\")
    pairs = zip(numbers_of(values, looks.CENTER), numbers_of(values, looks.WIDTH))
    made = []
    for number, (center, width) in enumerate(pairs):
        if fits(width, function):
            made.append(Window(center, width, function, names[number].strip() if number < len(names) else ""))
    return made


def fits(width, function):
    """Say whether a window can be so wide: LINEAR ones begin at 1."""
    return width >= 1 if function == "LINEAR" else width > 0


def stored_value(pixels):
    """Return a function from a sample as it lies in its cell to its value: bits above and below away, with its sign."""
    given = pixels.image
    shift = pixels.high_bit + 1 - given.bits_stored
    if not 0 <= shift <= given.bits_allocated - given.bits_stored:
        shift = 0
    mask = (1 << given.bits_stored) - 1
    sign = 1 << given.bits_stored - 1 if given.is_signed else 0
    return lambda sample: ((sample >> shift & mask) ^ sign) - sign


def lut(values, is_signed):
    """Return the Lut of a Modality or VOI LUT's item, None where there is none that can be read."""
    descriptor = get_numbers(values.get(looks.LUT_DESCRIPTOR, b""), "US", True)
    data = values.get(looks.LUT_DATA, b"")
    if len(descriptor) < 3 or not data:
        return None
    count, first, bits = descriptor[0] or 1 << 16, descriptor[1], descriptor[2]
    if is_signed and first >= 1 << 15:
        first -= 1 << 16
    if len(data) >= 2 * count:
        entries = list(get_numbers(data[: 2 * count], "US", True))
    elif len(data) >= count:
        entries = list(data[:count])
    else:
        return None
    bits = bits if 1 <= bits <= 16 else 16
    return Lut(first, entries, max((1 << bits) - 1, max(entries)))


def looked_up(table, value):
    """Return what a Lut has for a value: its ends go on."""
    return table.entries[max(0, min(int(value) - table.first, len(table.entries) - 1))]


def modality(found, pixels):
    """Return a function from a stored value to what it measures, by Modality LUT or rescale."""
    table = lut(found.modality_lut, pixels.image.is_signed)
    if table is not None:
        return lambda value: looked_up(table, value)
    slope = (numbers_of(found.values, looks.SLOPE) or [1.0])[0] or 1.0
    intercept = (numbers_of(found.values, looks.INTERCEPT) or [0.0])[0]
    if slope == 1.0 and intercept == 0.0:
        return lambda value: value
    return lambda value: value * slope + intercept


def shade(window):
    """Return a function from a measured value to a shade of 0 to 255."""
    center, width, function, _ = window
    if function == "SIGMOID":
        return lambda value: int(255 / (1 + math.exp(max(-700.0, min(700.0, -4 * (value - center) / width)))) + 0.5)
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    low, high = center - width / 2, center + width / 2

    def linear(value):
        if value <= low:
            return 0
        return 255 if value > high else int((value - low) * 255 / width + 0.5)

    return linear


def shade_by(table):
    """Return a function from a measured value to a shade of 0 to 255, by a VOI Lut."""
    return lambda value: (looked_up(table, value) * 510 + table.top) // (2 * table.top)


def scaled(bits):
    """Return a function that brings samples of `bits` to eight."""
    top = (1 << bits) - 1
    return lambda value: (value * 510 + top) // (2 * top)


# Palettes


def palette(values, is_signed):
    """Return [(first value, red), (first value, green), ...] of a palette, shades as bytes; PeerError without one."""
    found = []
    for number in range(3):
        descriptor = get_numbers(values.get(_RED + number, b""), "US", True)
        data = values.get(_RED_DATA + number, b"")
        segments = values.get(_RED_SEGMENTS + number, b"")
        if len(descriptor) < 3 or not data and not segments:
            raise PeerError("the pixels are palette indices, and there is no palette: have the object sent again")
        count, first, bits = descriptor[0] or 1 << 16, descriptor[1], descriptor[2]
        if is_signed and first >= 1 << 15:
            first -= 1 << 16
        wide = bits > 8
        if data:
            wide = wide or len(data) >= 2 * count > 2
            entries = get_numbers(data[: 2 * count], "US", True) if len(data) >= 2 * count else data[:count]
        else:
            entries = _segmented(get_numbers(segments, "US", True) if wide else segments, count)
        if not entries:
            raise PeerError("a palette has no entries: have the object sent again")
        if bits > 8 and max(entries) > 255:
            entries = [entry >> 8 for entry in entries]
        found.append((first, bytes([entry & 255 for entry in entries])))
    return found


def _segmented(octets, count):
    """Return the entries of a segmented palette (PS3.3 C.7.9.2), at most `count`."""
    made, starts = [], []
    at = 0
    while at + 1 < len(octets) and len(made) < count:
        kind, length = octets[at], octets[at + 1]
        starts.append(at)
        if kind == 2 and at + 3 < len(octets):
            low, high = octets[at + 2], octets[at + 3]
            back = low | high << (8 if isinstance(octets, bytes) else 16)
            at += 4
            again = next((number for number, start in enumerate(starts) if start == back), None)
            for start in starts[again : again + length] if again is not None else ():
                _segment(octets, start, made)
        elif kind in (0, 1):
            _segment(octets, at, made)
            at += 2 + (length if kind == 0 else 1)
        else:
            raise PeerError("a segmented palette has a segment of kind %d: there are 0, 1 and 2" % kind)
    return made[:count]


def _segment(octets, at, made):
    kind, length = octets[at], octets[at + 1]
    if kind == 0:
        made += octets[at + 2 : at + 2 + length]
    elif kind == 1 and made and at + 2 < len(octets):
        last, end = made[-1], octets[at + 2]
        made += [last + (end - last) * step // length for step in range(1, length + 1)]


# Colour


def _clipped(value):
    return max(0, min(255, int(math.floor(value + 0.5))))


_CLIP = bytes([_clipped(value) for value in range(-512, 768)])
_SHIFT = 16
_RED_OF = [round(1.402 * (value - 128) * (1 << _SHIFT)) for value in range(256)]
_GREEN_CB = [round(-0.344136 * (value - 128) * (1 << _SHIFT)) for value in range(256)]
_GREEN_CR = [round(-0.714136 * (value - 128) * (1 << _SHIFT)) for value in range(256)]
_BLUE_OF = [round(1.772 * (value - 128) * (1 << _SHIFT)) for value in range(256)]
_HALF = (512 << _SHIFT) + (1 << _SHIFT - 1)


def rgb_of_ybr(luma, blue, red):
    """Return the rows (R, G, B) of rows (Y, CB, CR), all bytes."""
    clip, shift, half = _CLIP, _SHIFT, _HALF
    red_of = [(value + half) >> shift for value in _RED_OF]
    blue_of = [(value + half) >> shift for value in _BLUE_OF]
    return (
        bytes([clip[y + red_of[cr]] for y, cr in zip(luma, red)]),
        bytes([clip[y + ((_GREEN_CB[cb] + _GREEN_CR[cr] + half) >> shift)] for y, cb, cr in zip(luma, blue, red)]),
        bytes([clip[y + blue_of[cb]] for y, cb in zip(luma, blue)]),
    )
