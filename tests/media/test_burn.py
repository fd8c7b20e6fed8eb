"""Burning on a drive that is a file: what is read back must be the image; every failure is told apart in words."""

import os

import pytest

from edge.media import burn, image
from edge.media.errors import MediaError
from tests.support import faults, process, volume
from tests.support.volume import MIB


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The path of an image of 24 MiB."""
    folder = tmp_path_factory.mktemp("image")
    leaves = volume.leaves(folder / "files", [9000, 24 * MIB])
    _, result = volume.drained(image.write(leaves, folder / "volume.iso", "EDGE"))
    return result.path


def flip(path, at):
    """Flip one bit of a file."""
    with open(path, "r+b") as file:
        file.seek(at)
        octet = file.read(1)[0]
        file.seek(at)
        file.write(bytes([octet ^ 1]))


def burnt_half(writer):
    """Advance a writer until all is burnt and nothing read back."""
    for written in writer:
        if 2 * written.done == written.total:
            return
    raise AssertionError("it was never half done")


def test_a_disc_holds_the_image_and_xorriso_reads_it(made, tmp_path):
    drive = f"stdio:{tmp_path}/disc"
    seen, result = volume.drained(burn.write(made, drive))
    octets = os.path.getsize(made)
    assert result == (drive, octets, volume.digest(made))
    assert seen[-1] == (2 * octets, 2 * octets)
    assert [each.done for each in seen] == sorted(each.done for each in seen)
    with open(made, "rb") as ours, open(tmp_path / "disc", "rb") as theirs:
        assert theirs.read(octets) == ours.read()
    assert "Volume id    : 'EDGE'" in volume.said("xorriso", "-no_rc", "-indev", drive, "-check_media")
    assert volume.children() == []


@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_single_flipped_bit_means_failed_and_the_next_disc_may_do(made, tmp_path, where):
    octets = os.path.getsize(made)
    writer = burn.write(made, f"stdio:{tmp_path}/disc")
    burnt_half(writer)
    flip(tmp_path / "disc", {"first": 0, "middle": octets // 2, "last": octets - 1}[where])
    with pytest.raises(MediaError, match="FAILED: the disc .* does not hold what was written, do not hand it out"):
        volume.drained(writer)
    volume.drained(burn.write(made, f"stdio:{tmp_path}/next"))


def test_a_disc_that_can_be_read_only_in_part_means_failed(made, tmp_path):
    writer = burn.write(made, f"stdio:{tmp_path}/disc")
    burnt_half(writer)
    os.truncate(tmp_path / "disc", MIB)
    with pytest.raises(MediaError, match="FAILED: .*do not hand it out"):
        volume.drained(writer)


def test_a_disc_that_cannot_be_written_means_failed(made):
    with pytest.raises(MediaError, match="FAILED: .* could not be written .*No space left.* do not hand it out: dest"):
        volume.drained(burn.write(made, "stdio:/dev/full"))


def test_a_disc_that_is_not_blank_is_left_as_it_is(made, tmp_path):
    drive = f"stdio:{tmp_path}/disc"
    volume.drained(burn.write(made, drive))
    before = volume.digest(tmp_path / "disc")
    with pytest.raises(MediaError, match=r"is not blank \(stdio file, overwriteable\): put in a blank one"):
        next(burn.write(made, drive))
    assert volume.digest(tmp_path / "disc") == before


def test_a_disc_that_is_too_small_is_found_before_it_is_spoilt(made, tmp_path):
    with faults.tmpfs(tmp_path / "disk", 20 * MIB) as disk:
        with pytest.raises(MediaError, match=r"too small: it takes 2\d,\d+,\d+ octets and the image needs 25,\d+,\d+"):
            next(burn.write(made, f"stdio:{disk}/disc"))
        assert volume.left(disk) == []


def test_a_drive_that_is_not_there_or_no_drive_is_told_apart(made):
    with pytest.raises(MediaError, match=r"there is no burner at /dev/sr97 \(No such file or directory\): connect it"):
        next(burn.write(made, "/dev/sr97"))
    with pytest.raises(MediaError, match="/dev/null is no burner .*such as /dev/sr0"):
        next(burn.write(made, "/dev/null"))
    for drive in ("-outdev", "sr0", "stdio:relative", "stdio:"):
        with pytest.raises(MediaError, match="is no burner: name its device"):
            next(burn.write(made, drive))


@pytest.mark.parametrize(
    "line, words",
    [
        ("libburn : FATAL : Cannot open busy device '/dev/sr0'", "busy: another program"),
        ("libburn : FAILURE : Device busy. Failed to fcntl-lock '/dev/sr0'", "busy: another program"),
        ("libburn : FAILURE : File object '/dev/sr0' not found", "there is no burner at"),
        ("xorriso : FAILURE : Image size 14816s exceeds free space on media 10240s", "too small: put in a larger"),
        ("libburn : SORRY : No suitable media detected", "there is no disc in"),
    ],
)
def test_what_libburn_says_is_turned_into_a_cause_and_a_next_step(line, words):
    assert words in burn._meaning(["xorriso 1.5.4", line], "/dev/sr0")


def test_burning_that_is_cancelled_ends_the_burner(made, tmp_path):
    writer = burn.write(made, f"stdio:{tmp_path}/disc", speed="2d")
    assert any(written.done for written in writer)
    assert len(volume.children()) == 1
    writer.close()
    assert volume.children() == []
    assert 0 < os.path.getsize(tmp_path / "disc") < os.path.getsize(made)


def test_a_box_that_is_killed_leaves_no_burner_at_work(made, tmp_path):
    setup = f"from edge.media import burn\nwriter = burn.write({made!r}, 'stdio:{tmp_path}/disc', '2d')"
    held = volume.Held(tmp_path, setup, until="written.done")
    assert len(held.children) == 1
    held.kill()
    before = os.path.getsize(tmp_path / "disc")
    process.wait_until(lambda: os.path.getsize(tmp_path / "disc") == before, 1, "the disc to stay as it is")


@pytest.mark.parametrize("speed", ["fast", "-1", "8 blank=all", "1e3"])
def test_a_speed_that_is_none_is_refused(made, tmp_path, speed):
    with pytest.raises(MediaError, match="is no speed: give a number"):
        next(burn.write(made, f"stdio:{tmp_path}/disc", speed))
