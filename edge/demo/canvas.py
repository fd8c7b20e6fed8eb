"""Grey pictures computed quickly in plain Python: ellipses as runs, and sums, averages and noise on whole images.

A picture is `bytes` of unsigned 16-bit little endian samples, row after row. Nothing here looks at a single sample:
ellipses become runs of equal values, a row at a time; and a whole picture becomes one long integer whose 16-bit lanes
are added, averaged or masked in one go, which the interpreter does at memory speed. The one rule is that no lane may
overflow into its neighbour, so values stay below 32768 until the last step.
"""

from collections import namedtuple
from math import ceil, cos, floor, sin, sqrt

# An ellipse adds `value` inside itself. The centre (x, y) and the half axes (a, b) are in units of half the picture's
# height, (0, 0) is the middle and y points down; `angle` turns it, in radians.
Ellipse = namedtuple("Ellipse", ("value", "x", "y", "a", "b", "angle"))

_TOP = 0x7FFF


def ellipses(columns, rows, base, shapes):
    """Draw the sum of `shapes` over the value `base`, with soft edges; values are cut to 0..32767."""
    unit = rows / 2
    steps = [{} for _ in range(rows)]
    for shape in shapes:
        _edges(steps, columns, rows, unit, shape)
    samples = {}
    picture = []
    for row in steps:
        level, at = base, 0
        for column in sorted(row):
            picture.append(_sample(samples, level) * (column - at))
            level += row[column]
            at = column
        picture.append(_sample(samples, level) * (columns - at))
    return b"".join(picture)


def _sample(samples, level):
    value = int(level + 0.5)
    found = samples.get(value)
    if found is None:
        found = samples[value] = min(max(value, 0), _TOP).to_bytes(2, "little")
    return found


def _edges(steps, columns, rows, unit, shape):
    """Note, for each row the ellipse touches, where it begins and ends, as steps of the value between two samples."""
    value, x, y, a, b, angle = shape
    if a <= 0 or b <= 0:
        return
    c, s = cos(angle), sin(angle)
    square = c * c / (a * a) + s * s / (b * b)
    mixed = c * s * (1 / (a * a) - 1 / (b * b))
    determinant = 1 / (a * a * b * b)
    reach = sqrt(square) * a * b
    for row in range(max(0, ceil((y - reach + 1) * unit - 0.5)), min(rows, floor((y + reach + 1) * unit + 0.5))):
        dy = (row + 0.5) / unit - 1 - y
        under = square - dy * dy * determinant
        if under <= 0:
            continue
        half = sqrt(under) / square
        middle = x - mixed * dy / square
        edges = steps[row]
        for edge, change in ((middle - half, value), (middle + half, -value)):
            at = columns / 2 + edge * unit
            if at < columns:
                column = int(at) if at > 0 else 0
                share = change * (at - column) if at > 0 else 0
                edges[column] = edges.get(column, 0) + change - share
                if share and column + 1 < columns:
                    edges[column + 1] = edges.get(column + 1, 0) + share


def dome(shape, levels):
    """Return `levels` nested ellipses whose sum is round like the shadow of a ball; `shape.value` is its height."""
    value, x, y, a, b, angle = shape
    nested = []
    for level in range(levels):
        size = sqrt(1 - ((level + 0.5) / levels) ** 2)
        nested.append(Ellipse(value / levels, x, y, a * size, b * size, angle))
    return nested


def add(first, second):
    """Add two pictures of one size, sample by sample; no sum may exceed 65535."""
    total = int.from_bytes(first, "little") + int.from_bytes(second, "little")
    return total.to_bytes(len(first), "little")


def soften(picture, columns, across, down):
    """Average each sample with its 2^across - 1 neighbours to the right and its 2^down - 1 neighbours below."""
    bits = 8 * len(picture)
    halves = int.from_bytes(b"\xfe\xff" * (len(picture) // 2), "little")
    lanes = int.from_bytes(picture, "little")
    for shift in [16 << step for step in range(across)] + [16 * columns << step for step in range(down)]:
        other = (lanes >> shift) | (lanes >> (bits - shift) << (bits - shift))
        lanes = (lanes & other) + (((lanes ^ other) & halves) >> 1)
    return lanes.to_bytes(len(picture), "little")


def noise(random, count, bits):
    """Return `count` samples of noise, the sum of four even ones: 0 to 4 * (2^bits - 1), near its middle mostly."""
    mask = int.from_bytes(((1 << bits) - 1).to_bytes(2, "little") * count, "little")
    lanes = int.from_bytes(random.randbytes(2 * count), "little")
    return sum((lanes >> turn) & mask for turn in (0, 4, 8, 12)).to_bytes(2 * count, "little")
