"""What a disk may hold after a power cut: every write since the last flush is there, or torn, or is not.

The emulator writes down each write and flush of a guest's disk (QEMU's blklogwrites, in the format of Linux's
dm-log-writes). A power cut is replayed from that: what was written before a flush is there; of what came after it, chance
takes its share. The file system has to be mended by its journal alone, and the objects in it are read.
"""

import struct
import subprocess
from collections import namedtuple
from pathlib import Path

_SECTOR = 512
_MAGIC = 0x6A736677736872
_HEAD = struct.Struct("<4Q")
_FLUSH, _DISCARD = 1, 4
_MENDED = (0, 1)  # of e2fsck: nothing was wrong, or what a journal and its like mend by themselves

# at: where it was written on the disk, in bytes; size: of it; data: where the octets stand in the log, None for a discard;
# is_flush: bool; end: where it ends in the log
Entry = namedtuple("Entry", ("at", "size", "data", "is_flush", "end"))


def entries(path):
    """Yield the Entry of all that a log holds whole."""
    path = Path(path)
    size = path.stat().st_size
    with path.open("rb") as log:
        magic, _, __, sector = struct.unpack("<QQQI", log.read(28))
        if magic != _MAGIC:
            raise ValueError(f"{path} is no log of writes")
        place = sector
        while place + sector <= size:
            log.seek(place)
            at, count, flags, _ = _HEAD.unpack(log.read(_HEAD.size))
            place += sector
            is_discard = bool(flags & _DISCARD)
            data = None if is_discard else place
            place += 0 if is_discard else count * sector
            if place > size or (not count and not flags):
                return
            yield Entry(at * sector, count * sector, data, bool(flags & _FLUSH), place)


class Replay:
    """The data partition of a disk as it may be after a power cut at any entry of a log, one later than the other.

    image: the raw disk that the log began with; (start, size): of the partition in bytes; folder: to work in.
    """

    def __init__(self, image, log, start, size, folder):
        self.entries = list(entries(log))
        self._log, self._start, self._size = log, start, size
        self._folder = Path(folder)
        self._sure, self._done = self._folder / "sure.img", 0
        with open(image, "rb") as disk, open(self._sure, "wb") as part:
            part.truncate(size)
            disk.seek(start)
            at = 0
            while at < size and (block := disk.read(min(1 << 20, size - at))):
                if block.strip(b"\0"):
                    part.seek(at)
                    part.write(block)
                at += len(block)

    def cut(self, count, chance=None):
        """Return the path of the partition when the power was cut after `count` entries.

        chance: a random.Random, which drops and tears what was not flushed; None: all was written.
        """
        flushed = max((number + 1 for number in range(self._done, count) if self.entries[number].is_flush), default=self._done)
        with open(self._log, "rb") as log, open(self._sure, "r+b") as part:
            for each in self.entries[self._done : flushed]:
                self._apply(log, part, each)
        self._done = max(self._done, flushed)
        out = self._folder / "cut.img"
        subprocess.run(["cp", "--sparse=always", self._sure, out], check=True)
        with open(self._log, "rb") as log, open(out, "r+b") as part:
            for each in self.entries[flushed:count]:
                share = 1 if chance is None else chance.choice((0, 0, 1, 1, chance.random()))
                self._apply(log, part, each, share)
        return out

    def _apply(self, log, part, entry, share=1):
        """Write the first `share` of an entry, in whole sectors, as far as it lies in the partition."""
        size = int(entry.size * share) // _SECTOR * _SECTOR
        begin, end = max(entry.at, self._start), min(entry.at + size, self._start + self._size)
        if begin >= end:
            return
        part.seek(begin - self._start)
        if entry.data is None:
            part.write(bytes(end - begin))
        else:
            log.seek(entry.data + begin - entry.at)
            part.write(log.read(end - begin))


def pixels_in(image, folder):
    """Mend the file system in `image` as a start does, and return the last octets of each object that a box keeps there.

    Raises RuntimeError where its journal does not suffice.
    """
    done = subprocess.run(["e2fsck", "-f", "-p", str(image)], capture_output=True, text=True)
    if done.returncode not in _MENDED:
        raise RuntimeError(f"e2fsck ended with {done.returncode}: {done.stdout}{done.stderr}")
    Path(folder).mkdir(parents=True)
    subprocess.run(["debugfs", "-R", f"rdump /edge/objects {folder}", str(image)], check=True, capture_output=True)
    return {path.read_bytes()[-TAIL_BYTES:] for path in Path(folder).rglob("*") if path.is_file()}


TAIL_BYTES = 16384
