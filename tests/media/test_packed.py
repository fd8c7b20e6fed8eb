"""Objects taken in straight from images and archives: ours, foreign ones, and such as were made to do harm."""

import shutil
import subprocess
import zipfile
from struct import pack_into

import pytest

from edge.media import examine, inside, opened, take
from edge.media.errors import MediaError
from tests.media import sets
from tests.support import mediafiles


@pytest.fixture(scope="module")
def disc(tmp_path_factory):
    """A folder with a file-set of four, a folder whose listing takes more than one sector, and a file beside it."""
    root = tmp_path_factory.mktemp("packed") / "disc"
    for number in range(4):
        mediafiles.write(root / "A" / ("I%d" % number), InstanceNumber=str(number))
    sets.make(root)
    (root / "MANY").mkdir()
    for number in range(120):
        (root / "MANY" / ("F%07d" % number)).write_bytes(b"no object")
    (root / "README.TXT").write_bytes(b"read me")
    return root


def taken(path, folder, key=None, ask=inside.nothing_asked):
    """Return (the octets of what was taken, by name; why others were not)."""
    found, words = {}, {}
    for each in take.take(str(path), lambda fd: open(fd, "rb", closefd=False).read(), key, str(folder), ask):
        if each.stored is not None:
            found[each.path] = each.stored
        elif not each.passed:
            words[each.path] = each.words
    return found, words


def wanted(disc):
    return {"A/%s" % path.name: path.read_bytes() for path in (disc / "A").iterdir()}


@pytest.mark.parametrize(
    "command",
    [
        ("genisoimage", "-quiet", "-iso-level", "1", "-o"),
        ("genisoimage", "-quiet", "-r", "-J", "-udf", "-o"),
        ("xorriso", "-as", "mkisofs", "-quiet", "-r", "-J", "-o"),
    ],
)
def test_an_image_of_a_foreign_program_is_taken_in_without_a_mount(disc, tmp_path, command):
    subprocess.run([*command, tmp_path / "disc.iso", disc], check=True, capture_output=True)
    assert taken(tmp_path / "disc.iso", tmp_path) == (wanted(disc), {})
    assert [path.name for path in tmp_path.iterdir()] == ["disc.iso"]


LOCKED = "-psecret words"


@pytest.mark.parametrize(
    "options",
    [("-mx=5",), ("-mx=0",), ("-mem=AES256", LOCKED), ("-mem=AES128", LOCKED), ("-mem=ZipCrypto", LOCKED)],
)
def test_an_archive_of_a_foreign_program_is_taken_in_also_under_a_password(disc, tmp_path, options):
    command = ["7z", "a", "-tzip", *options, tmp_path / "disc.zip", "."]
    subprocess.run(command, cwd=disc, check=True, capture_output=True)
    key = opened.Password("secret words")
    assert taken(tmp_path / "disc.zip", tmp_path, key) == (wanted(disc), {})
    if LOCKED in options:
        found, words = taken(tmp_path / "disc.zip", tmp_path, opened.Password("other words"))
        assert not found and "password" in words["A/I0"].lower()
        found, words = taken(tmp_path / "disc.zip", tmp_path)
        assert not found and "--passphrase-file" in words["A/I0"]


@pytest.mark.parametrize(
    "name, command",
    [
        ("disc.iso", ("genisoimage", "-quiet", "-iso-level", "1", "-o")),
        ("disc.zip", ("7z", "a", "-tzip")),
        ("locked.zip", ("7z", "a", "-tzip", "-mem=AES256", LOCKED)),
    ],
)
def test_an_image_and_an_archive_are_held_against_the_standard_as_their_folder_is(disc, tmp_path, name, command):
    def found(changed):
        (tmp_path / name).unlink(missing_ok=True)
        subprocess.run([*command, tmp_path / name, "."], cwd=changed, check=True, capture_output=True)
        codes = [each.code for each in examine.examine(str(tmp_path / name), folder=str(tmp_path))]
        assert [path.name for path in tmp_path.glob("*.*") if path.name != name] == []
        return codes

    assert found(disc) == ([] if name != "locked.zip" else ["protected"])
    changed = tmp_path / "changed"
    shutil.copytree(disc, changed)
    (changed / "A" / "I3").rename(changed / "A" / "I4")
    (changed / "AUTORUN.INF").touch()
    as_folder = [each.code for each in examine.examine(str(changed))]
    assert sorted(as_folder) == ["autorun", "missing-file", "unreferenced"]
    assert sorted(found(changed)) == (sorted(as_folder) if name != "locked.zip" else ["protected"])


def test_an_octet_that_was_changed_in_an_archive_is_noticed(disc, tmp_path):
    for number, options in enumerate((("-mx=0",), ("-mx=0", "-mem=AES256", LOCKED))):
        path = tmp_path / ("%d.zip" % number)
        subprocess.run(["7z", "a", "-tzip", *options, path, "A/I2"], cwd=disc, check=True, capture_output=True)
        octets = bytearray(path.read_bytes())
        octets[len(octets) // 2] ^= 1
        path.write_bytes(octets)
        found, words = taken(path, tmp_path, opened.Password("secret words"))
        assert not found and list(words) == ["A/I2"]


def test_a_folder_that_leads_into_itself_and_one_that_ends_early_are_refused(disc, tmp_path):
    path = tmp_path / "disc.iso"
    subprocess.run(["genisoimage", "-quiet", "-o", path, disc], check=True)
    whole = path.read_bytes()
    root = int.from_bytes(whole[0x8000 + 158 : 0x8000 + 162], "little")
    at = whole.index(b"\x01A", root * 2048) - 32  # the record of the folder A
    octets = bytearray(whole)
    pack_into("<I", octets, at + 2, root)
    path.write_bytes(octets)
    with pytest.raises(MediaError, match="circle"):
        taken(path, tmp_path)
    path.write_bytes(whole[: len(whole) // 4])
    with pytest.raises(MediaError, match="ends"):
        taken(path, tmp_path)


def test_an_image_without_iso_9660_is_said_to_be_mounted(tmp_path):
    (tmp_path / "disc.iso").write_bytes(bytes(1 << 17))
    with pytest.raises(MediaError, match="mount -o loop,ro"):
        taken(tmp_path / "disc.iso", tmp_path)


def test_a_name_that_leads_out_of_an_archive_and_a_file_without_room_are_left_out(disc, tmp_path):
    with zipfile.ZipFile(tmp_path / "disc.zip", "w") as archive:
        archive.write(disc / "A" / "I0", "../I0")
        archive.write(disc / "A" / "I1", "A/I1")

    def ask(octets):
        raise MediaError("no room for %d" % octets)

    found, words = taken(tmp_path / "disc.zip", tmp_path, ask=ask)
    size = (disc / "A" / "I1").stat().st_size
    assert not found and words == {"../I0": "its File ID leads out of the file-set", "A/I1": "no room for %d" % size}


def test_an_archive_that_is_cut_off_is_told(disc, tmp_path):
    with zipfile.ZipFile(tmp_path / "disc.zip", "w") as archive:
        archive.write(disc / "A" / "I0", "I0")
    octets = (tmp_path / "disc.zip").read_bytes()
    (tmp_path / "disc.zip").write_bytes(octets[:-30])
    with pytest.raises(MediaError, match="no whole ZIP archive"):
        taken(tmp_path / "disc.zip", tmp_path)
