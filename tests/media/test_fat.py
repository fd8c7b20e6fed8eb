"""A whole stick formatted as FAT32: fsck.vfat, mtools and 7z agree with it; it is empty until it is right."""

import mmap
import os

import pytest

from edge.media import fat
from edge.media.errors import MediaError
from tests.support import volume
from tests.support.volume import MIB

NAMES = ["DICOMDIR", "README.TXT", *volume.names(150)]
SIZES = [3 * MIB, 10, *range(0, 15_000, 100)]


@pytest.fixture
def stick(tmp_path):
    """A file in the place of a stick of 100 MiB, which bears another partition table."""
    path = tmp_path / "stick"
    with open(path, "wb") as file:
        file.truncate(100 * MIB)
        file.seek(446)
        file.write(b"\x80" * 64 + b"\x55\xaa")
    (tmp_path / "own").mkdir()
    return path


def test_a_stick_is_one_partition_of_fat32_with_every_file_right(tmp_path, stick):
    made = volume.leaves(tmp_path / "files", SIZES, NAMES)
    seen, result = volume.drained(fat.write(made, str(stick), "HOSPITAL_000_1_2", tmp_path / "own", tmp_path / "SUMS"))
    assert result == (str(stick), sum(SIZES), "") and seen[-1] == (2 * sum(SIZES), 2 * sum(SIZES))
    assert [each.done for each in seen] == sorted(each.done for each in seen)
    found = volume.said("7z", "x", f"-o{tmp_path}", "-tmbr", stick)
    assert "Type = MBR" in found and volume.left(tmp_path) == ["0.fat", "SUMS", "files", "own", "stick"]
    part = tmp_path / "0.fat"
    assert part.stat().st_size == 99 * MIB
    assert " files, " in volume.said("fsck.vfat", "-n", part)
    assert "File System = FAT32" in volume.said("7z", "x", f"-o{tmp_path / 'out'}", part)
    assert volume.unpacked(tmp_path / "out") == volume.digests(made)
    assert "HOSPITAL_00" in volume.said("mdir", "-i", f"{stick}@@1M", "::")
    assert volume.said("sha256sum", "--check", tmp_path / "SUMS", cwd=tmp_path / "out").count(": OK\n") == len(made)
    assert volume.left(tmp_path / "own") == [] and volume.children() == []


def test_an_empty_stick_takes_files_of_others(tmp_path, stick):
    fat.empty(str(stick), "WARD_7")
    assert volume.said("mdir", "-i", f"{stick}@@1M", "-b", "::") == ""
    (tmp_path / "A").write_bytes(b"a file")
    volume.said("mcopy", "-i", f"{stick}@@1M", tmp_path / "A", "::/A")
    assert volume.said("mtype", "-i", f"{stick}@@1M", "::/A") == "a file"
    volume.said("7z", "x", f"-o{tmp_path}", "-tmbr", stick)
    assert " files, " in volume.said("fsck.vfat", "-n", tmp_path / "0.fat")


def test_a_bit_that_flips_on_the_stick_means_failed_and_the_stick_stays_empty(tmp_path, stick, monkeypatch):
    made = volume.leaves(tmp_path / "files", [3 * MIB], ["DICOMDIR"])
    with open(made[0].path, "rb") as file:
        begins = file.read(64)
    settle, flipped = fat._settle, []

    def flip(device):
        settle(device)
        with open(device, "r+b") as file, mmap.mmap(file.fileno(), 0) as octets:
            at = octets.find(begins, MIB) + 2 * MIB
            octets[at] ^= 1
            flipped.append(at)

    monkeypatch.setattr(fat, "_settle", flip)
    with pytest.raises(MediaError, match="FAILED: DICOMDIR does not read from .* do not hand it out: take another"):
        volume.drained(fat.write(made, str(stick), "EDGE", tmp_path / "own"))
    assert flipped[0] > 3 * MIB
    with open(stick, "rb") as file:
        assert not any(file.read(512))


def test_a_stick_that_is_cancelled_is_empty(tmp_path, stick):
    made = volume.leaves(tmp_path / "files", [3 * MIB], ["DICOMDIR"])
    writer = fat.write(made, str(stick), "EDGE", tmp_path / "own")
    next(writer)
    writer.close()
    with open(stick, "rb") as file:
        assert not any(file.read(MIB))
    assert volume.left(tmp_path / "own") == []


def test_a_stick_that_is_mounted_too_small_or_none_is_left_as_it_is(tmp_path, stick):
    (tmp_path / "root/proc/self").mkdir(parents=True)
    (tmp_path / "root/proc/self/mountinfo").write_text(f"30 22 8:17 / /mnt rw - vfat {stick}1 rw\n")
    made = volume.leaves(tmp_path / "files", [100], ["DICOMDIR"])
    before = volume.said("sha256sum", stick)
    with pytest.raises(MediaError, match="is mounted at /mnt: unmount it before it is formatted"):
        next(fat.write(made, str(stick), "EDGE", tmp_path / "own", root=tmp_path / "root"))
    huge = [made[0]._replace(name=f"A{number}") for number in range(6)]
    with open(made[0].path, "r+b") as file:
        file.truncate(20 * MIB)
    huge = [leaf._replace(size=20 * MIB) for leaf in huge]
    with pytest.raises(MediaError, match=r"too small: it has 104,857,600 octets and 12\d,\d+,\d+ are needed"):
        next(fat.write(huge, str(stick), "EDGE", tmp_path / "own"))
    assert volume.said("sha256sum", stick) == before
    os.truncate(stick, MIB)
    with pytest.raises(MediaError, match="FAT32 wants 67,108,864 to"):
        next(fat.write(made, str(stick), "EDGE", tmp_path / "own"))
    with pytest.raises(MediaError, match="/dev/null is no stick: name the device of the whole stick"):
        next(fat.write(made, "/dev/null", "EDGE", tmp_path / "own"))
    with pytest.raises(MediaError, match="cannot be used: No such file or directory; put the stick in"):
        next(fat.write(made, "/dev/sdzz", "EDGE", tmp_path / "own"))
