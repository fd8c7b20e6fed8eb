"""A button of a board, whose presses come as the kernel tells them."""

import os
import time

from edge.board import lines


class Pressed:
    """A line at the end of a pipe, in place of lines.Button; `happen` has it pressed (True) and let go (False)."""

    def __init__(self):
        self._out, self._in = os.pipe()
        os.set_blocking(self._out, False)
        self._number = 0

    def fileno(self):
        return self._out

    def changes(self):
        return lines.read_changes(self._out)

    def happen(self, *presses):
        for pressed in presses:
            self._number += 1
            os.write(self._in, lines.EVENT.pack(time.monotonic_ns(), lines.ROSE if pressed else 2, 26, self._number, 1))

    def close(self):
        os.close(self._out)
        os.close(self._in)
