"""Lines of a GPIO chip: lamps and contacts that are set, a button that is heard, through the character device.

Lines are asked for once and held: a line that nobody holds may float. Levels are logical here; what is active low is
turned by the kernel. The numbers are those of linux/gpio.h (uAPI v2, Linux 5.10 and later).
"""

import fcntl
import os
import struct

from edge.board import kernel

_LINES, _ATTRIBUTES = 64, 10
# struct gpio_v2_line_request: offsets, consumer, {flags, num_attrs, padding, {id, padding, value, mask} x 10},
# num_lines, event_buffer_size, padding, fd
REQUEST = struct.Struct("=%dI32sQI20x%sII20xi" % (_LINES, "IIQQ" * _ATTRIBUTES))
VALUES = struct.Struct("=QQ")  # struct gpio_v2_line_values: bits, mask
EVENT = struct.Struct("=QIIII24x")  # struct gpio_v2_line_event: timestamp_ns, id, offset, seqno, line_seqno
CHIP = struct.Struct("=32s32sI")  # struct gpiochip_info: name, label, lines


def _number(direction, size, number):
    return (direction << 30) | (size << 16) | (0xB4 << 8) | number


GET_CHIP = _number(2, CHIP.size, 0x01)
GET_LINE = _number(3, REQUEST.size, 0x07)
GET_VALUES = _number(3, VALUES.size, 0x0E)
SET_VALUES = _number(3, VALUES.size, 0x0F)
ACTIVE_LOW, INPUT, OUTPUT, RISING, FALLING, PULL_UP, PULL_DOWN = 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 8, 1 << 9
OUTPUT_VALUES, DEBOUNCE = 2, 3  # attributes: of the first values, and of how long a contact bounces
ROSE = 1  # id of an event
_FD_AT = REQUEST.size - 4
_BOUNCE_US = 20_000


def request(lines, flags, attributes=()):
    """Return the octets of the request for lines (numbers), with pairs of an attribute's number and its value."""
    everything = (1 << len(lines)) - 1
    filled = [word for number, value in attributes for word in (number, 0, value, everything)]
    filled += [0] * (4 * _ATTRIBUTES - len(filled))
    offsets = (*lines, *[0] * (_LINES - len(lines)))
    return REQUEST.pack(*offsets, b"edge", flags, len(attributes), *filled, len(lines), 0, 0)


def outputs(lines, is_active_low, levels):
    """Return the request for lines as outputs that are `levels` (bits, the first line lowest) from the first moment."""
    return request(lines, OUTPUT | (ACTIVE_LOW if is_active_low else 0), ((OUTPUT_VALUES, levels),))


def button(line, is_active_low):
    """Return the request for a line as an input whose changes are told, pulled to where nobody presses."""
    flags = INPUT | RISING | FALLING | (ACTIVE_LOW | PULL_UP if is_active_low else PULL_DOWN)
    return request((line,), flags, ((DEBOUNCE, _BOUNCE_US),))


def held(chip, asked):
    """Return the descriptor of the lines that a request asks the chip at the path `chip` for; raises OSError."""
    opened = os.open(chip, os.O_RDWR | os.O_CLOEXEC)
    try:
        octets = bytearray(asked)
        fcntl.ioctl(opened, GET_LINE, octets)
        return struct.unpack_from("=i", octets, _FD_AT)[0]
    finally:
        os.close(opened)


class Outputs:
    """Lines of one chip that are set together. chip: its path; lines: their numbers."""

    def __init__(self, chip, lines, is_active_low):
        self._chip = chip
        self._lines = tuple(lines)
        self._is_active_low = is_active_low
        self._fd = None
        self._levels = None

    def set(self, levels):
        """Have the lines be `levels` (bits, the first line lowest), unless they are. OSError where that fails."""
        if levels == self._levels:
            return
        try:
            if self._fd is None:
                self._fd = held(self._chip, outputs(self._lines, self._is_active_low, levels))
            else:
                fcntl.ioctl(self._fd, SET_VALUES, VALUES.pack(levels, (1 << len(self._lines)) - 1))
        except OSError:
            self.close()
            raise
        self._levels = levels

    def close(self):
        """Let the lines go."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd = self._levels = None


class Button:
    """A line that is heard: `fileno` becomes readable when it is pressed or let go. Raises OSError without it."""

    def __init__(self, chip, line, is_active_low):
        self._fd = held(chip, button(line, is_active_low))
        os.set_blocking(self._fd, False)

    def fileno(self):
        """Return its descriptor, to wait at."""
        return self._fd

    def changes(self):
        """Return what it was changed to since, True for pressed, in order."""
        return read_changes(self._fd)

    def close(self):
        """Let it go."""
        os.close(self._fd)


def read_changes(fd):
    """Return True for each press and False for each release that is to be read from a line's descriptor."""
    found = []
    try:
        while True:
            octets = os.read(fd, EVENT.size * 16)
            if not octets:
                break
            found += [EVENT.unpack_from(octets, at)[1] == ROSE for at in range(0, len(octets), EVENT.size)]
    except BlockingIOError:
        pass
    return found


# Chips


def are_there(root="/"):
    """Say whether the machine has any GPIO chip."""
    return any([name.startswith("gpiochip") for name in kernel.names(os.path.join(root, "dev"))])


def chips(root="/"):
    """Return {label, and device: path} of the GPIO chips that this process may ask."""
    found = {}
    for name in sorted(kernel.names(os.path.join(root, "dev"))):
        if not name.startswith("gpiochip"):
            continue
        path = os.path.join(root, "dev", name)
        try:
            opened = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            octets = bytearray(CHIP.size)
            fcntl.ioctl(opened, GET_CHIP, octets)
            found["/dev/" + name] = path
            found.setdefault(CHIP.unpack(octets)[1].split(b"\0")[0].decode("ascii", "replace"), path)
        except OSError:
            continue
        finally:
            os.close(opened)
    return found
