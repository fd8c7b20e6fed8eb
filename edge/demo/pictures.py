"""What the phantoms show: a head in CT and MR, a chest film, a carotid under ultrasound; each drawn in milliseconds.

The head is a set of ellipsoids after Shepp and Logan, cut at any height, so that a series is a real volume. Ultrasound
is made the way a scanner makes it, as echoes along lines from the probe in decibels, and then laid out as a fan.
"""

from collections import namedtuple
from math import atan2, cos, hypot, pi, sin, sqrt
from operator import itemgetter
from random import Random

from edge.demo.canvas import Ellipse, add, dome, ellipses, noise, soften

# An ellipsoid of the head. ct, t1, t2: what its inside adds, in HU and in signal of either weighting; x, y, z, a, b, c:
# centre and half axes in units of half the field of view (x to the patient's left, y to the back, z to the feet).
Ellipsoid = namedtuple("Ellipsoid", ("ct", "t1", "t2", "x", "y", "z", "a", "b", "c", "angle"))

_HEAD = (
    Ellipsoid(1064, 820, 500, 0, 0, 0, 0.690, 0.860, 1.00, 0),          # scalp, fat bright in T1
    Ellipsoid(860, -760, -470, 0, 0, 0, 0.655, 0.825, 0.960, 0),        # skull, dark in MR
    Ellipsoid(-900, 90, 850, 0, 0, 0, 0.598, 0.768, 0.900, 0),          # fluid about the brain
    Ellipsoid(16, 270, -420, 0, 0.005, 0, 0.570, 0.740, 0.870, 0),      # cortex
    Ellipsoid(-8, 170, -140, -0.265, 0.005, -0.02, 0.245, 0.620, 0.720, 0.06),   # white matter, right
    Ellipsoid(-8, 170, -140, 0.265, 0.005, -0.02, 0.245, 0.620, 0.720, -0.06),   # white matter, left
    Ellipsoid(10, -140, 60, -0.205, 0.020, 0.05, 0.085, 0.130, 0.160, 0.35),      # basal ganglia
    Ellipsoid(10, -140, 60, 0.205, 0.020, 0.05, 0.085, 0.130, 0.160, -0.35),
    Ellipsoid(-24, -420, 560, -0.090, -0.080, -0.05, 0.046, 0.215, 0.230, -0.30),   # lateral ventricles
    Ellipsoid(-24, -420, 560, 0.090, -0.080, -0.05, 0.046, 0.215, 0.230, 0.30),
    Ellipsoid(-24, -420, 560, -0.150, 0.200, -0.02, 0.040, 0.150, 0.170, 0.25),
    Ellipsoid(-24, -420, 560, 0.150, 0.200, -0.02, 0.040, 0.150, 0.170, -0.25),
    Ellipsoid(-20, -300, 480, 0, 0.080, 0.20, 0.018, 0.085, 0.100, 0),              # third ventricle
    Ellipsoid(34, -110, 260, -0.300, -0.330, -0.18, 0.090, 0.075, 0.110, 0.5),       # the finding
    Ellipsoid(-18, -160, 280, -0.305, -0.335, -0.18, 0.048, 0.040, 0.060, 0.5),
    Ellipsoid(190, -60, -200, 0, 0.240, 0.10, 0.014, 0.016, 0.030, 0),                # a calcified gland
)

CT_BASE = 24        # stored value 0 is -1024 HU; the air of the picture lies at -1000 with its noise about it


_BRAIN = _HEAD[3]


def _plane(field, z, seed, fluid):
    """Cut the head at height z: ellipses of the value in `field`, and the brain's furrows as wedges of `fluid`."""
    cut = []
    for shape in _HEAD:
        left = 1 - ((z - shape.z) / shape.c) ** 2
        if left > 0:
            size = sqrt(left)
            cut.append(Ellipse(shape[field], shape.x, shape.y, shape.a * size, shape.b * size, shape.angle))
    left = 1 - ((z - _BRAIN.z) / _BRAIN.c) ** 2
    if left > 0.02:
        cut += _furrows(sqrt(left), z, seed, fluid)
    return cut


def _furrows(size, z, seed, fluid):
    """The wedges of a brain cut `size` large, and the cleft between its halves; each grows and fades with height."""
    random = Random(seed)
    front, back = (-0.40, 0.30), (0.50, 0.22)
    found = [Ellipse(fluid, 0, y * size, 0.009, length * size, 0) for y, length in (front, back)]
    for step in range(38):
        turn = 2 * pi * (step + 0.5 * random.random()) / 38
        phase, bend, depth = 2 * pi * random.random(), random.random() - 0.5, 0.075 + 0.065 * random.random()
        if abs(sin(turn)) < 0.14:
            continue
        length = size * depth * (0.55 + 0.45 * sin(phase + 6 * z))
        far = size * 0.985
        x, y = (_BRAIN.a * far - length) * sin(turn), (_BRAIN.b * far - length) * cos(turn)
        found.append(Ellipse(fluid, x, y + _BRAIN.y, 0.010, length, 0.5 * bend - atan2(x, y)))
    return found


def head_ct(z, size=512, seed=0):
    """Draw the head at height z (-1 crown, 1 base): `size` x `size` samples, HU + 1024."""
    shapes = _plane(0, z, seed, -26)
    shapes.append(Ellipse(560, 0, 0.935, 0.34, 0.030, 0))       # the head rest
    shapes.append(Ellipse(-480, 0, 0.927, 0.315, 0.020, 0))
    picture = ellipses(size, size, CT_BASE, shapes)
    grain = soften(noise(Random(seed * 1000 + round(z * 400)), size * size, 3), size, 1, 1)
    return add(soften(picture, size, 1, 1), grain)


def head_mr(z, weighting="t1", size=256, seed=0):
    """Draw the head at height z as MR sees it, `weighting` t1 or t2: `size` x `size` samples, 0 to about 1500."""
    field, fluid = (1, -380) if weighting == "t1" else (2, 560)
    shapes = _plane(field, z, seed, fluid)
    # The coil nearest the back of the head receives more: broad rings, faint, as in every real picture.
    shapes += dome(Ellipse(90, 0, 0.45, 1.1, 0.9, 0), 12)
    return add(ellipses(size, size, 8, shapes), noise(Random(seed * 1000 + round(z * 400)), size * size, 4))


def chest(columns=1024, rows=1216, seed=0):
    """Draw a chest film, front view: `columns` x `rows` samples, 0 to 4095, bone bright."""
    sway = Random(seed)
    body = []
    for shape in (
        Ellipse(900, 0, 0.75, 0.80, 1.42, 0), Ellipse(420, 0, -0.95, 0.19, 0.55, 0),          # trunk and neck
        Ellipse(640, -0.64, -0.02, 0.24, 0.58, 0.30), Ellipse(640, 0.64, -0.02, 0.24, 0.58, -0.30),   # shoulders, arms
        Ellipse(360, -0.42, -0.62, 0.36, 0.12, -0.28), Ellipse(360, 0.42, -0.62, 0.36, 0.12, 0.28),
        Ellipse(200, -0.57, -0.28, 0.15, 0.30, 0.35), Ellipse(200, 0.57, -0.28, 0.15, 0.30, -0.35),   # shoulder blades
        Ellipse(-900, -0.345, 0.02, 0.270, 0.640, 0.10), Ellipse(-900, 0.345, 0.02, 0.265, 0.640, -0.10),   # lungs
        Ellipse(560, 0.125 + 0.01 * sway.random(), 0.33, 0.27, 0.24, 0.55),                     # heart
        Ellipse(420, 0.03, -0.20, 0.105, 0.20, 0), Ellipse(300, 0.085, -0.22, 0.08, 0.08, 0),   # great vessels
        Ellipse(900, -0.36, 0.86, 0.34, 0.32, 0), Ellipse(700, 0.36, 0.93, 0.34, 0.32, 0),      # liver, stomach
        Ellipse(260, -0.19, 0.13, 0.075, 0.16, 0.3), Ellipse(260, 0.20, 0.08, 0.07, 0.14, -0.3),   # hila
        Ellipse(-240, 0, -0.55, 0.030, 0.40, 0),                                                # airway
    ):
        body += dome(shape, 14)
    bones = []
    for vertebra in range(17):
        bones.append(Ellipse(230, 0, -0.92 + 0.118 * vertebra, 0.062, 0.046, 0))
        bones.append(Ellipse(110, 0, -0.90 + 0.118 * vertebra, 0.100, 0.016, 0))
    for rib in range(10):
        y = -0.60 + 0.135 * rib
        reach = 0.30 + 0.022 * min(rib, 6)
        for side in (-1, 1):
            bones += _bow(150, side, side * 0.34, y, reach, 0.25, 0.017, 0.30)      # from the spine outwards
            bones += _bow(80, side, side * 0.34, y + 0.30, reach, -0.20, 0.014, -0.42)     # the front ends
    for side in (-1, 1):
        bones += _bow(230, side, side * 0.33, -0.66, 0.27, 0.06, 0.024, -0.16)     # collar bones
    picture = add(soften(ellipses(columns, rows, 380, body), columns, 4, 4), ellipses(columns, rows, 0, bones))
    vessels = []
    for side in (-1, 1):
        for _ in range(46):
            turn = (sway.random() - 0.5) * 2.4
            far = 0.05 + 0.36 * sway.random()
            x, y = side * (0.13 + far * cos(turn)), 0.10 + 1.15 * far * sin(turn)
            vessels.append(Ellipse(70, x, y, 0.085, 0.007 + 0.010 * (0.4 - far), side * turn))
    picture = add(picture, ellipses(columns, rows, 0, vessels))
    return add(soften(picture, columns, 2, 2), noise(sway, columns * rows, 4))


def _bow(value, side, x, y, reach, sag, thick, slope):
    """A bone bent like a bow: a chain of short ellipses that overlap."""
    links = []
    for step in range(15):
        along = (step - 7) / 7
        at_y = y - 0.5 * sag * (along * along - 0.4) + 0.35 * slope * along
        tilt = -sag * along + slope * 0.35
        links.append(Ellipse(value / 2.2, x + side * along * reach, at_y, reach / 6.5, thick, side * tilt / reach))
    return links


class Fan:
    """A sector of ultrasound lines laid out as a picture of `columns` x `rows`; made once, used for every frame."""

    LINES = 192
    DEPTHS = 320
    OPENING = 1.15      # radians
    RADIUS = 44         # rows from the centre of the circle to the probe's face
    TOP = 6             # rows above the face

    def __init__(self, columns=320, rows=240):
        self.columns, self.rows = columns, rows
        at = []
        for row in range(rows):
            y = row - self.TOP + self.RADIUS
            for column in range(columns):
                x = column - columns / 2 + 0.5
                angle, depth = atan2(x, y), (hypot(x, y) - self.RADIUS) / (rows - self.TOP - 4)
                if abs(angle) * 2 >= self.OPENING or not 0 <= depth < 1:
                    at.append(self.LINES * self.DEPTHS)         # the one sample that stays black
                else:
                    line = int((angle / self.OPENING + 0.5) * self.LINES)
                    at.append(line * self.DEPTHS + int(depth * self.DEPTHS))
        self._gather = itemgetter(*at)

    def lay_out(self, echoes):
        """Return `echoes` (LINES x DEPTHS octets, line after line) as columns x rows octets, row after row."""
        return bytes(self._gather(echoes + b"\0"))


# The neck under the probe: x across the lines (-1 to 1), y along them (-1.67 at the face to 1.67); echoes add up as
# decibels do.
_NECK = (
    Ellipse(60, 0.0, -1.65, 2.0, 0.12, 0.02), Ellipse(26, 0.1, -1.34, 2.0, 0.035, 0.03),     # skin, fascia
    Ellipse(-24, -0.1, -1.08, 1.6, 0.22, 0.05), Ellipse(30, 0.0, -0.78, 1.8, 0.030, 0.03),    # muscle
    Ellipse(22, -0.62, -0.20, 0.42, 0.38, 0.1), Ellipse(-16, -0.72, -0.1, 0.10, 0.14, 0),      # thyroid with a nodule
    Ellipse(34, 0.15, 0.95, 2.2, 0.20, -0.04), Ellipse(-30, 0.0, 1.55, 2.4, 0.50, 0),          # spine and its shadow
)


def neck(fan, phase, seed=0):
    """Draw one frame of a carotid under colour Doppler at `phase` (0 to 1) of the heart's beat, as RGB octets."""
    push = 2 * pi * phase
    beat = max(0.0, sin(push)) ** 0.7 + 0.25 * max(0.0, sin(push - 2.4))
    artery, vein = 0.270 + 0.022 * beat, 0.20 - 0.04 * beat
    vessels = (
        Ellipse(46, 0.15, 0.05, artery + 0.045, artery + 0.055, 0), Ellipse(-150, 0.15, 0.05, artery, artery, 0),
        Ellipse(24, 0.64, -0.36, 0.30, vein + 0.04, 0.3), Ellipse(-140, 0.64, -0.36, 0.27, vein, 0.3),
    )
    echoes = add(_beams(fan, 60, _NECK + vessels), _speckle(fan, seed))
    grey = _octets(fan, echoes, 40)
    red = _octets(fan, _beams(fan, 0, dome(Ellipse(110 + 145 * beat, 0.15, 0.05, artery * 0.9, artery * 0.9, 0), 9)), 0)
    blue = _octets(fan, _beams(fan, 0, dome(Ellipse(190 - 60 * beat, 0.64, -0.36, 0.23, vein * 0.85, 0.3), 9)), 0)
    picture = bytearray(3 * len(grey))
    picture[0::3] = bytes(map(max, grey, red, blue.translate(_THIRD)))
    picture[1::3] = bytes(map(max, grey, red.translate(_THIRD), blue.translate(_THIRD)))
    picture[2::3] = bytes(map(max, grey, blue))
    return bytes(picture)


_THIRD = bytes(value // 3 for value in range(256))


def _beams(fan, base, shapes):
    """Draw `shapes` along the fan's lines: a line is a row of the drawing, so x and y change places."""
    turned = [Ellipse(value, y, x, b, a, -angle) for value, x, y, a, b, angle in shapes]
    return ellipses(fan.DEPTHS, fan.LINES, base, turned)


def _speckle(fan, seed):
    return soften(noise(Random(seed), fan.LINES * fan.DEPTHS, 4), fan.DEPTHS, 2, 1)


def _octets(fan, echoes, floor):
    """Cut `echoes` minus `floor` to 0..255 and lay them out."""
    cut = bytes(max(0, min(255, value - floor)) for value in range(1024))
    return fan.lay_out(bytes(map(cut.__getitem__, memoryview(echoes).cast("H"))))
