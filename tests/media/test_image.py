"""Images of discs are read by xorriso, isoinfo, 7z, bsdtar and udfinfo; what fails, or is cancelled, leaves nothing."""

import errno
import os
import shutil
import signal
import threading

import pytest

from edge.media import beside, child, image
from edge.media.errors import MediaError
from edge.media.written import Written
from tests.support import faults, process, volume
from tests.support.volume import MIB

SIZES = [1, 2048, 2049, 70_000] * 10
ROOT = ["DICOMDIR", "README.TXT", "INDEX.HTM"]


@pytest.fixture
def watched(monkeypatch):
    """Writing is looked at a thousand times in a second."""
    monkeypatch.setattr(image, "_LOOK_S", 0.001)


@pytest.fixture(scope="module", params=[False, True], ids=["iso", "udf"])
def written(request, tmp_path_factory):
    """An image, the leaves it was made of, and whether it has UDF."""
    folder = tmp_path_factory.mktemp("image")
    made = volume.leaves(folder / "files", SIZES, [*ROOT, *volume.names(len(SIZES) - len(ROOT))])
    volume.drained(image.write(made, folder / "volume.iso", "EDGE_0001", request.param))
    return folder / "volume.iso", made, request.param


def test_xorriso_reads_back_every_octet(written, tmp_path):
    target, made, _ = written
    volume.said("xorriso", "-no_rc", "-osirrox", "on", "-indev", target, "-extract", "/", tmp_path / "out")
    assert volume.unpacked(tmp_path / "out") == volume.digests(made)


def test_xorriso_finds_the_volume_identifier_and_no_bad_block(written):
    target, _, _ = written
    found = volume.said("xorriso", "-no_rc", "-indev", target, "-check_media")
    assert "Volume id    : 'EDGE_0001'" in found
    regions = [line.split(",")[-1].strip() for line in found.split("\n") if line.startswith("Media region")]
    assert regions == ["+ good"]


def test_7z_reads_the_file_system_that_it_prefers_whole(written, tmp_path):
    target, made, udf = written
    found = volume.said("7z", "x", f"-o{tmp_path}", target)
    assert ("Type = Udf" if udf else "Type = Iso") in found
    assert volume.unpacked(tmp_path) == volume.digests(made)


def test_bsdtar_reads_the_same_names(written):
    target, made, _ = written
    found = [name for name in volume.said("bsdtar", "-tf", target).split("\n") if name and name != "."]
    assert {name for name in found if not os.path.dirname(name) or "IMG" in name} >= {leaf.name for leaf in made}


def test_isoinfo_finds_level_1_names_without_rock_ridge_and_joliet(written):
    target, made, _ = written
    shown = volume.said("isoinfo", "-d", "-i", target)
    assert "NO Joliet present" in shown and "NO Rock Ridge present" in shown
    assert "Volume id: EDGE_0001" in shown
    found = volume.said("isoinfo", "-f", "-i", target).split("\n")
    assert {"/" + leaf.name + (";1" if "." in leaf.name else ".;1") for leaf in made} <= set(found)


def test_udfinfo_finds_udf_102_with_every_file(written):
    target, made, udf = written
    shown = volume.said("udfinfo", target, check=udf)
    assert ("udfrev=1.02" in shown) is udf
    assert not udf or {f"numfiles={len(made)}", "lvid=EDGE_0001", "vid=EDGE_0001", "integrity=closed"} <= set(
        shown.split("\n")
    )


def test_progress_rises_to_the_size_that_was_known(tmp_path, watched):
    made = volume.leaves(tmp_path / "files", [64 * MIB])
    seen, result = volume.drained(image.write(made, tmp_path / "volume.iso", "EDGE"))
    octets = (tmp_path / "volume.iso").stat().st_size
    assert result == (str(tmp_path / "volume.iso"), octets, "")
    assert len(seen) >= 3 and [each.done for each in seen] == sorted(each.done for each in seen)
    assert seen[-1] == Written(octets, octets)
    assert {each.total for each in seen} == {octets}


def test_a_path_with_every_odd_character_is_taken(tmp_path):
    made = volume.leaves(tmp_path / "a=b\\=c\\\\ 'd\" ä\t#;", [10, 20])
    volume.drained(image.write(made, tmp_path / "volume.iso", "EDGE"))
    volume.said("7z", "x", f"-o{tmp_path / 'out'}", tmp_path / "volume.iso")
    assert volume.unpacked(tmp_path / "out") == volume.digests(made)


def test_an_image_that_is_cancelled_leaves_no_file_and_no_child(tmp_path, watched):
    made = volume.leaves(tmp_path / "files", [64 * MIB])
    writer = image.write(made, tmp_path / "volume.iso", "EDGE")
    assert next(writer).done < 64 * MIB
    assert len(volume.children()) == 1
    writer.close()
    assert volume.children() == [] and volume.left(tmp_path) == ["files"]


def test_a_box_that_is_killed_leaves_no_child_and_what_it_left_goes_with_the_next_start(tmp_path):
    held = volume.Held(
        tmp_path,
        f"from edge.media import image\n"
        f"image._LOOK_S = 0.001\n"
        f"writer = image.write([leaf('A', {1000 * MIB})], {str(tmp_path / 'volume.iso')!r}, 'EDGE')",
    )
    assert len(held.children) == 1
    assert beside.sweep(tmp_path) == 0, "what is worked on was swept away"
    held.kill()
    assert [name[:12] for name in volume.left(tmp_path)] == [".edge-media-", "A"]
    assert beside.sweep(tmp_path) == 1
    assert volume.left(tmp_path) == ["A"]


def test_a_disk_that_has_too_little_room_is_found_before_anything_is_written(tmp_path):
    made = volume.leaves(tmp_path / "files", [5 * MIB])
    with faults.tmpfs(tmp_path / "disk", 4 * MIB) as disk:
        with pytest.raises(MediaError, match=r"needs 5,\d+,\d+ octets, and 4,\d+,\d+ are free there: free some"):
            next(image.write(made, disk / "volume.iso", "EDGE"))
        assert volume.left(disk) == []


def test_a_disk_that_fills_up_meanwhile_is_said_and_nothing_is_left(tmp_path, watched):
    made = volume.leaves(tmp_path / "files", [128 * MIB])
    with faults.tmpfs(tmp_path / "disk", 160 * MIB) as disk:
        writer = image.write(made, disk / "volume.iso", "EDGE")
        next(writer)
        (pid,) = volume.children()
        os.kill(pid, signal.SIGSTOP)
        process.wait_until(lambda: volume.state(pid) == "T", 10, "the child to stand still")
        faults.fill_space(disk, 0)
        os.kill(pid, signal.SIGCONT)
        with pytest.raises(MediaError, match="no room is left for .*volume.iso; .* needs 134,.* octets: free some"):
            volume.drained(writer)
        assert [name for name in volume.left(disk) if "edge-media" in name or "volume" in name] == []


def test_a_target_that_is_there_is_never_written_over(tmp_path):
    made = volume.leaves(tmp_path / "files", [1])
    (tmp_path / "volume.iso").write_text("mine")
    with pytest.raises(MediaError, match="volume.iso is there already: remove it, or choose another name"):
        next(image.write(made, tmp_path / "volume.iso", "EDGE"))
    assert (tmp_path / "volume.iso").read_text() == "mine"


@pytest.mark.parametrize("harm", [lambda path: os.unlink(path), lambda path: os.truncate(path, 3)])
def test_a_file_that_is_gone_or_changed_is_named(tmp_path, harm):
    made = volume.leaves(tmp_path / "files", [10, 20])
    harm(made[1].path)
    with pytest.raises(MediaError, match=f"the file for {made[1].name} .*start again"):
        next(image.write(made, tmp_path / "volume.iso", "EDGE"))
    assert volume.left(tmp_path) == ["files"]


def test_a_file_that_grows_while_the_image_is_made_spoils_it_with_words(tmp_path):
    made = volume.leaves(tmp_path / "files", [20 * MIB, 100])

    def leaves():
        yield made[0]
        yield made[1]
        os.truncate(made[0].path, 21 * MIB)

    with pytest.raises(MediaError, match="its files changed; start again"):
        volume.drained(image.write(leaves(), tmp_path / "volume.iso", "EDGE"))
    assert volume.left(tmp_path) == ["files"]


def test_a_program_that_is_missing_is_named_with_its_package(tmp_path, monkeypatch):
    setpriv = tmp_path / "bin" / "setpriv"
    setpriv.parent.mkdir()
    setpriv.symlink_to(shutil.which("setpriv"))
    monkeypatch.setenv("PATH", str(setpriv.parent))
    monkeypatch.setattr(child, "_BESIDE_PATH", ())
    made = volume.leaves(tmp_path / "files", [1])
    with pytest.raises(MediaError, match="genisoimage is not installed here: apt-get install genisoimage"):
        next(image.write(made, tmp_path / "volume.iso", "EDGE"))
    assert volume.left(tmp_path) == ["bin", "files"]


def test_no_leaves_make_no_image(tmp_path):
    with pytest.raises(MediaError, match="there is nothing to write"):
        next(image.write([], tmp_path / "volume.iso", "EDGE"))


@pytest.mark.parametrize("place", [40_000, -1])
def test_an_image_that_reads_otherwise_than_it_was_written_is_none(tmp_path, monkeypatch, place):
    made = volume.leaves(tmp_path / "files", [8 * MIB])
    sync = os.fsync

    def keeps_another(fd):
        sync(fd)
        with open(f"/proc/self/fd/{fd}", "r+b") as file:
            file.seek(place, os.SEEK_SET if place >= 0 else os.SEEK_END)
            file.write(b"\xff")

    monkeypatch.setattr(os, "fsync", keeps_another)
    with pytest.raises(MediaError, match="FAILED: .* does not read as it was written"):
        volume.drained(image.write(made, tmp_path / "volume.iso", "EDGE", compare=True))
    assert os.listdir(tmp_path) == ["files"]


def test_a_disk_that_fails_when_an_image_is_synced_is_named(tmp_path, monkeypatch):
    made = volume.leaves(tmp_path / "files", [8 * MIB])

    def fails(fd):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(MediaError, match="the device of .*volume.iso fails .*do not hand it out"):
        volume.drained(image.write(made, tmp_path / "volume.iso", "EDGE", compare=True))
    assert os.listdir(tmp_path) == ["files"]


def test_an_image_that_is_given_up_while_it_is_compared_leaves_nothing_behind(tmp_path, monkeypatch):
    made = volume.leaves(tmp_path / "files", [64 * MIB])
    under_way = image.write(made, tmp_path / "volume.iso", "EDGE", compare=True)
    while not any(each.name == "read-back" for each in threading.enumerate()):
        next(under_way)
    under_way.close()
    assert not any(each.name == "read-back" for each in threading.enumerate())
    assert os.listdir(tmp_path) == ["files"]
