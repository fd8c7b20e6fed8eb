"""A volume as a ZIP archive: its size is known before, and unzip and Python read it."""

import subprocess
import zipfile

import pytest

from edge.media import archive, zipped
from edge.media.errors import MediaError
from tests.support import faults, volume
from tests.support.volume import MIB

AT = 1_800_000_000


def test_unzip_and_python_find_every_octet_and_nothing_is_deflated(tmp_path):
    made = volume.leaves(tmp_path / "files", [0, 1, 3 * MIB, 500])
    _, result = volume.drained(archive.write(made, tmp_path / "volume.zip", AT))
    assert result.octets == (tmp_path / "volume.zip").stat().st_size == archive.size(made)
    assert "No errors detected" in volume.said("unzip", "-t", tmp_path / "volume.zip")
    with zipfile.ZipFile(tmp_path / "volume.zip") as read:
        assert {each.compress_type for each in read.infolist()} == {zipfile.ZIP_STORED}
        read.extractall(tmp_path / "out")
    assert volume.unpacked(tmp_path / "out") == volume.digests(made)


def test_the_size_of_an_archive_of_4_gb_and_of_70_000_files_is_known(tmp_path):
    class Counted:
        """A file that keeps only its length."""

        def __init__(self):
            self.octets = 0

        def write(self, octets):
            self.octets += len(octets)

    for entries in ([("A", 3 << 30), ("B", (1 << 32) + 5), ("C/D", 7)], [(f"A/{n}", 1) for n in range(70_000)]):
        made, counted = None, Counted()
        made = zipped.Archive(counted)
        piece = bytes(MIB)
        for name, length in entries:
            made.begin(name, length, AT)
            for at in range(0, length, MIB):
                made.put(piece[: min(MIB, length - at)])
            made.close()
        assert made.end() == counted.octets == zipped.size(entries)


def test_an_archive_that_is_cancelled_or_finds_no_room_leaves_nothing(tmp_path):
    made = volume.leaves(tmp_path / "files", [24 * MIB])
    with faults.tmpfs(tmp_path / "disk", 32 * MIB) as disk:
        writer = archive.write(made, disk / "volume.zip", AT)
        assert 0 < next(writer).done < 24 * MIB, "a large file gives no sign on its way"
        writer.close()
        assert volume.left(disk) == []
        writer = archive.write(made, disk / "volume.zip", AT)
        next(writer)
        (disk / "other").write_bytes(bytes(12 * MIB))
        with pytest.raises(MediaError, match="no room is left for .*volume.zip"):
            volume.drained(writer)
        assert volume.left(disk) == ["other"]


def test_funzip_reads_it_from_a_pipe(tmp_path):
    made = volume.leaves(tmp_path / "files", [5000])
    volume.drained(archive.write(made, tmp_path / "volume.zip", AT))
    with open(tmp_path / "volume.zip", "rb") as file:
        read = subprocess.run(["funzip"], stdin=file, capture_output=True, check=True).stdout
    with open(made[0].path, "rb") as file:
        assert read == file.read()
