"""Memory is that of some frames, however many there are."""

import os

import numpy
import pytest

from edge.pixels import source, transcode
from tests.pixels import objects

FRAME = numpy.cumsum(numpy.random.default_rng(6).integers(-3, 4, (512, 512)), axis=1).astype("u2") & 0xFFF


def grown(folder, name, frames, target, threads):
    """How many KB the peak of a process of its own grows while it transcodes so many frames to `target`."""
    path = folder / f"{frames}-{name}.dcm"
    pid = os.fork()
    if pid == 0:
        path.write_bytes(objects.turned(objects.octets_of(objects.dataset(
            numpy.broadcast_to(FRAME, (frames, 512, 512)), 12, frames=frames)), name))  # fmt: skip
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with open("/proc/self/clear_refs", "w") as marks:
            marks.write("5")
        before = _status("VmRSS")
        file, there = os.open(path, os.O_RDONLY), os.open(folder / "out.dcm", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        found = source.FileSource(file)
        made = transcode.Transcoding(found.chunks, found.syntax, target, threads=threads, is_file=True)
        source.write(there, made)
        os.write(writing, b"%d" % (_status("VmHWM") - before))
        os._exit(0)
    os.close(writing)
    assert os.waitpid(pid, 0)[1] == 0
    with open(reading, "rb") as said:
        return int(said.read())


def _status(name):
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name, target", [("explicit", "jpeg-ls"), ("jpeg-ls", "explicit"), ("rle", "jpeg-lossless")])
def test_memory_does_not_grow_with_the_number_of_frames(tmp_path, name, target, threads):
    assert grown(tmp_path, name, 100, target, threads) < 8192
