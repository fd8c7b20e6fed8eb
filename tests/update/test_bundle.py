"""Updates that the real rauc made, and what is wrong with others, in words."""

import os
import random

import pytest

from edge.update import bundle, release
from edge.update.errors import Unfit
from tests.update.rauc import BOARD, Signer

HERE = release.Release("0.1.0", BOARD, "")


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    """Who may sign updates for this box."""
    return Signer(tmp_path_factory.mktemp("signer"), "updates")


@pytest.fixture(scope="module")
def made(signer, tmp_path_factory):
    """The octets of an update to 0.2.0; what is in it does not compress."""
    path = tmp_path_factory.mktemp("made") / "edge-0.2.0.raucb"
    signer.bundle(path, root=random.Random(7).randbytes(1_200_000))
    return path.read_bytes()


def taken(octets, folder, certificate):
    """Return the Bundle of these octets after all of it was checked."""
    path = folder / "update.raucb"
    path.write_bytes(octets)
    fd = os.open(path, os.O_RDONLY)
    try:
        source = bundle.File(fd)
        found = bundle.read(source, certificate)
        steps = list(bundle.verify(source, found))
        assert steps[-1] == (found.payload_bytes, found.payload_bytes)
        return found
    finally:
        os.close(fd)


def test_an_update_is_known_by_its_signed_manifest(made, signer, tmp_path):
    found = taken(made, tmp_path, signer.certificate)
    assert (found.version, found.compatible) == ("0.2.0", BOARD)
    assert found.images == {"root": 1_200_000, "boot": 400_000}
    bundle.fits(found, HERE)


def test_an_update_of_one_block_of_hashes_or_of_two_levels_is_verified(signer, tmp_path):
    for count, size in enumerate((4096, 128 * 4096 * 3)):
        path = signer.bundle(tmp_path / f"{count}.raucb", root=random.Random(count).randbytes(size))
        assert taken(path.read_bytes(), tmp_path, signer.certificate).images["root"] == size


def test_one_octet_that_was_changed_anywhere_is_found(made, signer, tmp_path):
    length = int.from_bytes(made[-8:], "big")
    message = len(made) - 8 - length
    found = taken(made, tmp_path, signer.certificate)
    places = [100, 5000, found.payload_bytes // 2, found.payload_bytes - 1, *range(message, message + length, 37)]
    for at in places:
        wrong = made[:at] + bytes([made[at] ^ 1]) + made[at + 1 :]
        with pytest.raises(Unfit):
            taken(wrong, tmp_path, signer.certificate)
    payload = made[:5000] + bytes([made[5000] ^ 1]) + made[5001:]
    with pytest.raises(Unfit, match="tampered with or damaged: its content is not what was signed"):
        taken(payload, tmp_path, signer.certificate)
    manifest = made.replace(b"version=0.2.0", b"version=9.2.0")
    with pytest.raises(Unfit, match="tampered with or damaged: its signature does not fit it"):
        taken(manifest, tmp_path, signer.certificate)


def test_an_update_that_somebody_else_signed_is_refused(made, tmp_path):
    other = Signer(tmp_path, "somebody")
    with pytest.raises(Unfit, match="signed by somebody whom this box does not believe"):
        taken(made, tmp_path, other.certificate)


def test_what_is_no_update_not_signed_or_cut_short_is_refused_in_words(made, signer, tmp_path):
    length = int.from_bytes(made[-8:], "big")
    unsigned = made[: len(made) - 8 - length]
    for octets, words in (
        (b"", "no update"),
        (b"PK\3\4" + bytes(5000), "no update"),
        (made[: len(made) // 2], "cut short"),
        (unsigned, "not signed"),
        (unsigned + bytes(length) + made[-8:], "not signed"),
        (made[:-8] + (1 << 40).to_bytes(8, "big"), "not signed"),
    ):
        with pytest.raises(Unfit, match=words):
            taken(octets, tmp_path, signer.certificate)


def test_an_update_for_another_board_or_an_older_one_is_refused_unless_that_is_asked_for(made, signer, tmp_path):
    found = taken(made, tmp_path, signer.certificate)
    with pytest.raises(Unfit, match="for the board qemu-arm64, and this box is pi4"):
        bundle.fits(found, HERE._replace(board="pi4"))
    with pytest.raises(Unfit, match="version 0.2.0, older than 0.10.0, which runs"):
        bundle.fits(found, HERE._replace(version="0.10.0"))
    bundle.fits(found, HERE._replace(version="0.10.0"), allow_older=True)


def test_versions_are_put_in_order_as_people_do():
    order = ["0.9", "0.10~rc1", "0.10~rc2", "0.10", "0.10-1", "0.11", "1.0"]
    for number, version in enumerate(order):
        assert [release.is_older(version, each) for each in order] == [number < other for other in range(len(order))]


def test_what_runs_is_read_from_the_file_of_the_image(tmp_path):
    (tmp_path / "release").write_text('version=1.2.3\nboard="pi4"\nbuild=2026-11-24\n')
    assert release.here(tmp_path / "release") == ("1.2.3", "pi4", "2026-11-24")
    assert release.here(tmp_path / "none").board == ""
