"""A line of a GPIO chip that is set while something is wrong: a relay, a lamp, a horn.

The line is asked for once, as an output, through the character device, and held while the box runs: a line that nobody
holds may float. The numbers are those of linux/gpio.h (uAPI v2, Linux 5.10 and later).
"""

import fcntl
import os
import struct

from edge.watch.failed import Failed

_LINES, _ATTRIBUTES = 64, 10
# struct gpio_v2_line_request: offsets, consumer, {flags, num_attrs, padding, {id, padding, value, mask} x 10},
# num_lines, event_buffer_size, padding, fd
REQUEST = struct.Struct("=%dI32sQI20x%sII20xi" % (_LINES, "IIQQ" * _ATTRIBUTES))
VALUES = struct.Struct("=QQ")  # struct gpio_v2_line_values: bits, mask
GET_LINE = (3 << 30) | (REQUEST.size << 16) | (0xB4 << 8) | 0x07
SET_VALUES = (3 << 30) | (VALUES.size << 16) | (0xB4 << 8) | 0x0F
ACTIVE_LOW, OUTPUT = 1 << 1, 1 << 3
OUTPUT_VALUES = 2  # the attribute of the first value
_FD_AT = REQUEST.size - 4


class Gpio:
    """One line of one chip. alert: config.Alert of that kind."""

    def __init__(self, alert):
        self._alert = alert
        self._fd = None
        self._is_on = None

    def show(self, is_on):
        """Set the line, unless it is so already. Raises Failed."""
        if is_on == self._is_on:
            return
        try:
            if self._fd is None:
                self._fd = self._held(is_on)
            else:
                fcntl.ioctl(self._fd, SET_VALUES, VALUES.pack(int(is_on), 1))
        except OSError as error:
            self.close()
            words = (
                "line %d of %s cannot be set: %s; check chip and line (`gpioinfo` lists them), and that the box may "
                "write to the chip"
            )
            raise Failed(words % (self._alert.line, self._alert.chip, error.strerror.lower())) from error
        self._is_on = is_on

    def _held(self, is_on):
        """Return the descriptor of the line, which has its first value from the moment on that it is held."""
        chip = os.open(self._alert.chip, os.O_RDWR | os.O_CLOEXEC)
        try:
            asked = bytearray(request(self._alert.line, self._alert.active_low, is_on))
            fcntl.ioctl(chip, GET_LINE, asked)
            return struct.unpack_from("=i", asked, _FD_AT)[0]
        finally:
            os.close(chip)

    def close(self):
        """Let the line go."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd = self._is_on = None


def request(line, is_active_low, is_on):
    """Return the octets of the request for one line as an output with a first value."""
    flags = OUTPUT | (ACTIVE_LOW if is_active_low else 0)
    first = (OUTPUT_VALUES, 0, int(is_on), 1)
    attributes = first + (0, 0, 0, 0) * (_ATTRIBUTES - 1)
    offsets = (line,) + (0,) * (_LINES - 1)
    return REQUEST.pack(*offsets, b"edge", flags, 1, *attributes, 1, 0, 0)
