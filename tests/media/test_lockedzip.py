"""A ZIP archive under a password: 7-Zip and pyzipper open it, and nobody without the password does."""

import subprocess
import tracemalloc
import zipfile

import pytest
import pyzipper

from edge.media import archive, cipher, lockedzip, zipped
from edge.media.errors import MediaError
from tests.support import volume
from tests.support.volume import MIB

AT = 1_800_000_000
WORDS = "correct horse 12"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An archive, and the leaves that it was made of."""
    folder = tmp_path_factory.mktemp("locked")
    leaves = volume.leaves(folder / "files", [0, 1, 15, 16, 17, 2 * MIB + 3])
    _, result = volume.drained(archive.write(leaves, folder / "volume.zip", AT, WORDS))
    assert result.octets == (folder / "volume.zip").stat().st_size == archive.size(leaves, True)
    return folder / "volume.zip", leaves


def seven(path, words, *more):
    """What 7-Zip makes of an archive: (code, what it says)."""
    done = subprocess.run(["7z", "t", f"-p{words}", *more, path], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_7_zip_opens_it_with_its_password_and_not_with_another(made, tmp_path):
    path, leaves = made
    code, said = seven(path, WORDS)
    assert code == 0 and "Everything is Ok" in said
    code, said = seven(path, WORDS + "!")
    assert code != 0 and "Wrong password" in said
    subprocess.run(["7z", "x", f"-p{WORDS}", f"-o{tmp_path / 'out'}", path], capture_output=True, check=True)
    assert volume.unpacked(tmp_path / "out") == volume.digests(leaves)


def test_pyzipper_finds_aes_256_as_ae_2_and_every_octet(made):
    path, leaves = made
    with pyzipper.AESZipFile(path) as read:
        infos = read.infolist()
        assert {(each.wz_aes_version, each.wz_aes_strength, each.CRC) for each in infos} == {(2, 3, 0)}
        read.setpassword(WORDS.encode())
        for leaf in leaves:
            with open(leaf.path, "rb") as file:
                assert read.read(leaf.name) == file.read()
        read.setpassword(b"another password")
        with pytest.raises(RuntimeError, match="Bad password"):
            read.read(leaves[-1].name)


def test_an_octet_that_was_changed_is_found(made, tmp_path):
    path, _ = made
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    (tmp_path / "changed.zip").write_bytes(octets)
    assert seven(tmp_path / "changed.zip", WORDS)[0] != 0


def test_nothing_of_the_files_shows_and_names_are_those_of_the_volume(made):
    path, leaves = made
    octets = path.read_bytes()
    with open(leaves[-1].path, "rb") as file:
        plain = file.read()
    assert plain[100:132] not in octets and plain[-32:] not in octets
    with zipfile.ZipFile(path) as read:
        assert [(each.filename, each.comment) for each in read.infolist()] == [(leaf.name, b"") for leaf in leaves]
        assert read.comment == b""
        with pytest.raises(RuntimeError, match="encrypted"):
            read.read(leaves[-1].name)


def test_the_same_octets_never_look_alike_twice():
    first, second = lockedzip.Entry(WORDS.encode()), lockedzip.Entry(WORDS.encode())
    assert first.head != second.head and first.update(bytes(64)) != second.update(bytes(64))
    assert first.update(bytes(64)) != first.update(bytes(64))


def test_octets_may_come_in_pieces_of_any_length(tmp_path):
    pieces = [bytes((at,)) * at for at in (1, 15, 16, 2, 33, 0, 7, 100, 14)]
    with open(tmp_path / "volume.zip", "wb") as file:
        written, entry = zipped.Archive(file, lockedzip.KIND), lockedzip.Entry(WORDS.encode())
        written.begin("A", sum(map(len, pieces)), AT)
        for octets in (entry.head, *map(entry.update, pieces)):
            written.put(octets)
        written.put(entry.tag())
        written.close()
        written.end()
    with pyzipper.AESZipFile(tmp_path / "volume.zip") as read:
        assert read.read("A", pwd=WORDS.encode()) == b"".join(pieces)


def test_the_size_of_a_locked_archive_beyond_4_gb_is_known():
    class Counted:
        """A file that keeps only its length, and the directory behind the last entry."""

        def __init__(self):
            self.octets = 0

        def write(self, octets):
            self.octets += len(octets)

    entries = [("A", (1 << 32) - 20), ("B", 5 << 30), ("C/D", 7)]  # the first needs ZIP64 only with its 28 octets more
    counted = Counted()
    written = zipped.Archive(counted, lockedzip.KIND)
    piece = bytes(16 * MIB)
    for name, length in entries:
        written.begin(name, length, AT)
        for at in range(0, length + lockedzip.KIND.octets, len(piece)):
            written.put(memoryview(piece)[: length + lockedzip.KIND.octets - at])
        written.close()
    assert written.end() == counted.octets == zipped.size(entries, lockedzip.KIND)


@pytest.mark.parametrize("words", ["eleven-char", "Grüße aus Wien 12", "患者様のパスワードは長い"])
def test_a_password_that_is_short_or_means_other_octets_elsewhere_is_refused(tmp_path, words):
    leaves = volume.leaves(tmp_path / "files", [10])
    with pytest.raises(MediaError, match="12 characters or more|English keyboard"):
        volume.drained(archive.write(leaves, tmp_path / "volume.zip", AT, words))
    assert volume.left(tmp_path) == ["files"]


def test_a_new_password_is_long_random_and_taken_everywhere():
    made = {cipher.new_password() for _ in range(50)}
    assert len(made) == 50 and {len(each) for each in made} == {23}
    assert all(lockedzip.password(each) for each in made)


def test_memory_does_not_grow_with_the_file_and_cancelling_leaves_nothing(tmp_path):
    leaves = volume.leaves(tmp_path / "files", [24 * MIB])
    tracemalloc.start()
    try:
        writer = archive.write(leaves, tmp_path / "volume.zip", AT, WORDS)
        for written in writer:
            if written.done > 16 * MIB:
                break
        assert tracemalloc.get_traced_memory()[1] < 12 * MIB
    finally:
        tracemalloc.stop()
    writer.close()
    assert volume.left(tmp_path) == ["files"]
