"""What a chip has and the Unix port has not: the UART is a pseudoterminal, the LED a file.

The flash is a file of BLOCKS blocks with a littlefs, mounted at /flash, so that killing the process is a power cut.
"""

import io
import os
import select

import vfs

BLOCK_OCTETS = 4096
_ERASED = b"\xff" * 256


class Flash:
    """A block device in a file, which is erased to ones before it is written, as flash is."""

    def __init__(self, path, blocks):
        self._blocks = blocks
        try:
            os.stat(path)
        except OSError:
            with open(path, "wb") as file:
                for _ in range(blocks * BLOCK_OCTETS // len(_ERASED)):
                    file.write(_ERASED)
        self._file = open(path, "r+b")

    def readblocks(self, number, buffer, offset=0):
        self._file.seek(number * BLOCK_OCTETS + offset)
        self._file.readinto(buffer)

    def writeblocks(self, number, buffer, offset=0):
        self._file.seek(number * BLOCK_OCTETS + offset)
        self._file.write(buffer)

    def ioctl(self, what, argument):
        if what == 4:
            return self._blocks
        if what == 5:
            return BLOCK_OCTETS
        if what == 6:
            self._file.seek(argument * BLOCK_OCTETS)
            for _ in range(BLOCK_OCTETS // len(_ERASED)):
                self._file.write(_ERASED)
        return 0


class UART(io.IOBase):
    """The pseudoterminal. Whoever made it has set VMIN and VTIME to 0, so that reading does not wait."""

    RTS, CTS = 1, 2

    def __init__(self, number, **more):
        self._file = open(os.getenv("TAP_LINE"), "r+b")
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)

    def ioctl(self, what, argument):
        return self._file.fileno() if what == 10 else -1

    def readinto(self, view):
        return self._file.readinto(view) if self._poll.poll(0) else None

    def write(self, octets):
        self._file.write(octets)


class Pin:
    """The LED: each change of it is a line of a file, the time in ms and 0 or 1."""

    OUT = 1

    def __init__(self, *way):
        self._lit = None

    def value(self, lit):
        if lit != self._lit:
            self._lit = lit
            with open(os.getenv("TAP_LAMP"), "w") as file:
                file.write("1" if lit else "0")


class WDT:
    def __init__(self, timeout):
        pass

    def feed(self):
        pass


def unique_id():
    return b"\x01\x02\x03\x04\x05\x06\x07\x08"


_flash = Flash(os.getenv("TAP_FLASH"), int(os.getenv("TAP_BLOCKS")))
try:
    vfs.mount(_flash, "/flash")
except OSError:
    vfs.VfsLfs2.mkfs(_flash)
    vfs.mount(_flash, "/flash")
