"""A volume on a stick or in a folder is compared with what was written; whatever goes wrong, nothing of it is left."""

import os

import pytest

from edge.media import beside, copies, manifest, stick
from edge.media.errors import MediaError
from edge.media.inventory import Inventory
from tests.support import faults, volume
from tests.support.volume import MIB

NAMES = ["DICOMDIR", "README.TXT", *volume.names(12)]
SIZES = [3000, 10, *range(0, 12_000, 1000)]


@pytest.fixture
def made(tmp_path):
    """Leaves of a small volume."""
    return volume.leaves(tmp_path / "files", SIZES, NAMES)


@pytest.fixture
def own(tmp_path):
    """A folder of the box."""
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


def kernel(tmp_path, mount, kind="vfat", options="rw"):
    """The list of mounts of a machine with this one."""
    (tmp_path / "root/proc/self").mkdir(parents=True)
    line = f"30 22 8:17 / {mount} {options},nosuid - {kind} /dev/sdb1 {options}\n"
    (tmp_path / "root/proc/self/mountinfo").write_text(line)
    return str(tmp_path / "root")


def test_a_stick_gets_the_volume_beside_what_it_had_with_a_manifest_that_sha256sum_believes(tmp_path, made, own):
    with faults.tmpfs(tmp_path / "stick", 8 * MIB) as mount:
        (mount / "HOLIDAY.JPG").write_text("mine")
        root = kernel(tmp_path, mount)
        seen, result = volume.drained(stick.write(made, mount, own, own / "SHA256SUMS", root))
        assert result == (str(mount), sum(SIZES), "")
        assert seen[-1] == (2 * sum(SIZES), 2 * sum(SIZES))
        assert volume.left(mount) == ["DICOM", "DICOMDIR", "HOLIDAY.JPG", "README.TXT"]
        (mount / "HOLIDAY.JPG").unlink()
        assert volume.unpacked(mount) == volume.digests(made)
        checked = volume.said("sha256sum", "--check", "--strict", own / "SHA256SUMS", cwd=mount)
        assert checked.count(": OK\n") == len(made)


@pytest.mark.parametrize(
    "kind, options, words",
    [("ext4", "rw", "has the file system ext4, and readers of DICOM media want FAT32"), ("vfat", "ro", "reading only")],
)
def test_a_stick_of_another_file_system_or_for_reading_only_is_refused(tmp_path, made, own, kind, options, words):
    (tmp_path / "stick").mkdir()
    root = kernel(tmp_path, tmp_path / "stick", kind, options)
    with pytest.raises(MediaError, match=words):
        next(stick.write(made, tmp_path / "stick", own, root=root))
    with pytest.raises(MediaError, match="no stick is mounted at .*own: put it in, mount it"):
        next(stick.write(made, own, own, root=root))


def test_a_stick_that_has_a_volume_already_keeps_it(tmp_path, made, own):
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "DICOMDIR").write_text("theirs")
    with pytest.raises(MediaError, match="DICOMDIR is there already in .*: remove it, or take an empty stick"):
        next(stick.into_root(made, tmp_path / "stick", own))
    assert volume.left(tmp_path / "stick") == ["DICOMDIR"]


def test_a_stick_without_room_is_refused_before_it_is_written_to(tmp_path, own):
    made = volume.leaves(tmp_path / "files", [5 * MIB], ["DICOMDIR"])
    with faults.tmpfs(tmp_path / "stick", 4 * MIB) as mount:
        with pytest.raises(MediaError, match=r"needs 5,\d+,\d+ octets, and 4,\d+,\d+ are free there"):
            next(stick.into_root(made, mount, own))
        assert volume.left(mount) == []


def test_a_stick_that_fills_up_meanwhile_is_as_it_was(tmp_path, own):
    made = volume.leaves(tmp_path / "files", [24 * MIB], ["DICOMDIR"])
    with faults.tmpfs(tmp_path / "stick", 32 * MIB) as mount:
        writer = stick.into_root(made, mount, own)
        next(writer)
        (mount / "other").write_bytes(bytes(12 * MIB))
        with pytest.raises(MediaError, match="no room is left for .*: free some"):
            volume.drained(writer)
        assert volume.left(mount) == ["other"] and volume.left(own) == []


def test_a_bit_that_flips_on_the_stick_means_failed_and_nothing_is_left(tmp_path, made, own):
    (tmp_path / "stick").mkdir()
    writer = stick.into_root(made, tmp_path / "stick", own)
    assert next(writer).done == sum(SIZES), "not all is written"
    (harmed,) = (tmp_path / "stick").glob(".edge-media-*/NEW/README.TXT")
    octets = bytearray(harmed.read_bytes())
    octets[5] ^= 1
    harmed.write_bytes(octets)
    with pytest.raises(MediaError, match="FAILED: README.TXT does not read as it was written, do not hand it out"):
        volume.drained(writer)
    assert volume.left(tmp_path / "stick") == [] and volume.left(own) == []


def test_what_is_read_back_does_not_come_from_memory(tmp_path, own):
    made = volume.leaves(tmp_path / "files", [20 * MIB, 5])
    target = own / "new"
    target.mkdir()
    with Inventory(made, own) as inventory:
        writer = copies.write(inventory, target, own)
        for written in writer:
            if written.done > inventory.sizes.octets:
                break
        last = target / made[1].name
        assert volume.said("fincore", "--noheadings", "--output", "PAGES", last).strip() == "0"
        writer.close()


def test_a_stick_that_is_cancelled_is_as_it_was(tmp_path, own):
    made = volume.leaves(tmp_path / "files", [20 * MIB], ["DICOMDIR"])
    (tmp_path / "stick").mkdir()
    writer = stick.into_root(made, tmp_path / "stick", own)
    assert 0 < next(writer).done < 20 * MIB
    writer.close()
    assert volume.left(tmp_path / "stick") == [] and volume.left(own) == []


def test_a_box_that_is_killed_while_entries_take_their_places_leaves_none_after_the_next_start(tmp_path):
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "HOLIDAY.JPG").write_text("mine")
    held = volume.Held(
        tmp_path,
        f"""
from edge.media import beside, stick
rename = os.rename
def stops(here, there):
    if there.endswith("DICOMDIR"):
        print("under way", flush=True)
        sys.stdin.read()
    rename(here, there)
os.rename = stops
made = [leaf(name, 100) for name in ("DICOMDIR", "DICOM/A", "README.TXT")]
writer = stick.into_root(made, {str(tmp_path / 'stick')!r}, {str(tmp_path)!r})
""",
        until="False",
    )
    found = volume.left(tmp_path / "stick")
    assert found[1:] == ["DICOM", "HOLIDAY.JPG", "README.TXT"] and found[0].startswith(beside.MARK)
    held.kill()
    assert beside.sweep(tmp_path / "stick") == 1
    assert volume.left(tmp_path / "stick") == ["HOLIDAY.JPG"]


def test_a_journal_on_a_hostile_stick_removes_nothing_elsewhere(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    left = tmp_path / "stick" / ".edge-media-00000000"
    left.mkdir(parents=True)
    (left / "PLACED").write_text(f"../victim\n{victim}\n..\n.\n\n")
    (tmp_path / "stick" / ".edge-media-11111111").symlink_to(victim)
    beside.sweep(tmp_path / "stick")
    assert victim.read_text() == "mine" and not left.exists()


def test_a_folder_appears_whole_and_at_once(tmp_path, made, own):
    target = tmp_path / "volume"
    writer = stick.write_folder(made, target, own)
    next(writer)
    assert not target.exists()
    volume.drained(writer)
    assert volume.unpacked(target) == volume.digests(made)
    assert volume.left(tmp_path) == ["files", "own", "volume"]
    with pytest.raises(MediaError, match="volume is there already"):
        next(stick.write_folder(made, target, own))
    with pytest.raises(MediaError, match="there is no folder .*nowhere: make it"):
        next(stick.write_folder(made, tmp_path / "nowhere" / "volume", own))


def test_a_manifest_of_thousands_comes_back_in_its_order(tmp_path):
    with manifest.Manifest(os.open(tmp_path / "list", os.O_RDWR | os.O_CREAT)) as digests:
        for number in range(3000):
            digests.add(f"A/{number}", f"{number:064x}")
        assert list(digests) == [(f"A/{number}", f"{number:064x}") for number in range(3000)]
