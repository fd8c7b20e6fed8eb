"""Secure DICOM Files: openssl opens ours, we open openssl's, and nothing that was changed comes out whole."""

import random
import subprocess
import tracemalloc

import pytest

from edge.media import envelope, opened
from edge.media.errors import MediaError
from edge.media.leaf import Leaf
from tests.support import volume
from tests.support.volume import MIB

WORDS = "ward 7, bed 12 -- key"


@pytest.fixture(scope="module")
def locks():
    """A password as a writer and as a reader has it; each derives its key once."""
    return envelope.Password(WORDS), opened.Password(WORDS)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory):
    """The paths of an RSA key and a certificate for it."""
    folder = tmp_path_factory.mktemp("receiver")
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Ward", "-days", "9",
        "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
    )  # fmt: skip
    return folder / "key.pem", folder / "cert.pem"


def openssl(*words, code=0):
    """Run openssl; return what it says."""
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True)
    assert (done.returncode == 0) == (code == 0), done.stderr
    return done.stdout + done.stderr


def dicom(folder, name="A", octets=5000):
    """A leaf with the head of a DICOM file and random octets behind."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(128) + b"DICM" + random.Random(octets).randbytes(octets - 132))
    return Leaf(name, str(path), octets)


def sealed(leaf, folder, *recipients):
    """The leaf that a leaf becomes."""
    return volume.drained(envelope.seal(leaf, str(folder / "sealed"), *recipients))[1]


def unsealed(leaf, folder, key):
    """The octets in a Secure DICOM File."""
    target = folder / "opened"
    try:
        volume.drained(opened.unseal(leaf, str(target), key))
        return target.read_bytes()
    finally:
        target.unlink(missing_ok=True)


def as_leaf(path):
    return Leaf("A", str(path), path.stat().st_size)


def data(leaf):
    with open(leaf.path, "rb") as file:
        return file.read()


@pytest.mark.parametrize("octets", [132, 4096, 70_001])
def test_openssl_opens_a_file_with_its_password_and_finds_its_digest_right(tmp_path, locks, octets):
    leaf = dicom(tmp_path, octets=octets)
    made = sealed(leaf, tmp_path, locks[0])
    assert made.size == (tmp_path / "sealed").stat().st_size == envelope.size(octets, locks[0])
    assert opened.is_sealed(data(made)[:16]) and not opened.is_sealed(data(leaf)[:16])
    decrypt = ("cms", "-decrypt", "-inform", "DER", "-in", made.path, "-out", tmp_path / "inner", "-pwri_password")
    openssl(*decrypt, WORDS)
    said = openssl("cms", "-digest_verify", "-inform", "DER", "-in", tmp_path / "inner", "-out", tmp_path / "out")
    assert "Verification successful" in said and (tmp_path / "out").read_bytes() == data(leaf)
    if octets == 4096:
        openssl(*decrypt, WORDS + "x", code=1)


def test_the_password_costs_600_000_rounds_of_hmac_sha256(tmp_path, locks):
    made = sealed(dicom(tmp_path), tmp_path, locks[0])
    said = openssl("cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in", made.path)
    assert f"INTEGER           :{600_000:06X}" in said and "hmacWithSHA256" in said and said.count("aes-256-cbc") == 2
    with pytest.raises(MediaError, match="too few"):
        envelope.Password(WORDS, rounds=599_999)


def test_we_open_our_own_and_another_password_is_told_from_damage(tmp_path, locks):
    leaf = dicom(tmp_path, octets=3 * MIB + 5)
    made = sealed(leaf, tmp_path, locks[0])
    assert unsealed(made, tmp_path, locks[1]) == data(leaf)
    with pytest.raises(MediaError, match="the password is another one"):
        unsealed(made, tmp_path, opened.Password(WORDS.upper()))


def test_a_receiver_opens_it_with_a_private_key_and_nobody_else(tmp_path, locks, receiver):
    key, certificate = receiver
    leaf = dicom(tmp_path)
    made = sealed(leaf, tmp_path, envelope.Receiver(certificate.read_bytes()))
    openssl("cms", "-decrypt", "-inform", "DER", "-in", made.path, "-inkey", key, "-out", tmp_path / "inner")
    openssl("cms", "-digest_verify", "-inform", "DER", "-in", tmp_path / "inner", "-out", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data(leaf)
    own = opened.Key(key.read_bytes(), certificate.read_bytes())
    assert unsealed(made, tmp_path, own) == data(leaf)
    with pytest.raises(MediaError, match="private key and not with a password"):
        unsealed(made, tmp_path, locks[1])


def test_password_and_receiver_open_the_same_file(tmp_path, locks, receiver):
    key, certificate = (path.read_bytes() for path in receiver)
    leaf = dicom(tmp_path)
    made = sealed(leaf, tmp_path, envelope.Receiver(certificate), locks[0])
    assert unsealed(made, tmp_path, locks[1]) == unsealed(made, tmp_path, opened.Key(key, certificate)) == data(leaf)
    openssl("cms", "-decrypt", "-inform", "DER", "-in", made.path, "-out", tmp_path / "i", "-pwri_password", WORDS)


@pytest.mark.parametrize("how", [("-aes128",), ("-aes192", "-stream"), ("-des3",), ("-aes256", "-stream")])
def test_we_open_what_openssl_sealed_in_every_cipher_of_the_profile(tmp_path, how):
    leaf = dicom(tmp_path, octets=200_003)
    der = ("-binary", "-outform", "DER")
    openssl("cms", "-digest_create", "-md", "sha512", *der, "-in", leaf.path, "-out", tmp_path / "d")
    openssl(
        "cms", "-encrypt", *how, *der, "-in", tmp_path / "d", "-out", tmp_path / "e", "-pwri_password", WORDS
    )
    assert unsealed(as_leaf(tmp_path / "e"), tmp_path, opened.Password(WORDS)) == data(leaf)


@pytest.mark.parametrize("how", [(), ("-stream",)])
def test_we_open_what_openssl_signed_and_find_what_was_changed_inside(tmp_path, receiver, how):
    key, certificate = receiver
    leaf = dicom(tmp_path, octets=9000)
    openssl(
        "cms", "-sign", *how, "-nodetach", "-binary", "-md", "sha384", "-signer", certificate, "-inkey", key,
        "-outform", "DER", "-in", leaf.path, "-out", tmp_path / "signed",
    )  # fmt: skip
    own = opened.Key(key.read_bytes(), certificate.read_bytes())

    def enveloped(octets):
        (tmp_path / "in").write_bytes(octets)
        (tmp_path / "e").unlink(missing_ok=True)
        openssl(
            "cms", "-encrypt", "-aes256", "-binary", "-outform", "DER", "-in", tmp_path / "in", "-out", tmp_path / "e",
            certificate,
        )  # fmt: skip
        return as_leaf(tmp_path / "e")

    signed = (tmp_path / "signed").read_bytes()
    assert unsealed(enveloped(signed), tmp_path, own) == data(leaf)
    at = signed.index(b"DICM") + 50
    changed = signed[:at] + bytes((signed[at] ^ 1,)) + signed[at + 1 :]
    with pytest.raises(MediaError, match="digest"):
        unsealed(enveloped(changed), tmp_path, own)
    with pytest.raises(MediaError, match="neither digested nor signed|tag"):
        unsealed(enveloped(data(leaf)), tmp_path, own)


def test_what_was_changed_or_cut_short_never_comes_out_as_something_else(tmp_path, receiver):
    key, certificate = (path.read_bytes() for path in receiver)
    own = opened.Key(key, certificate)
    leaf = dicom(tmp_path, octets=300)
    octets = data(sealed(leaf, tmp_path, envelope.Receiver(certificate)))
    places = random.Random(4).sample(range(len(octets)), 250)
    refused = [
        what_comes_out(tmp_path, own, octets[:at] + bytes((octets[at] ^ 1 << at % 8,)) + octets[at + 1 :], data(leaf))
        for at in places
    ]
    assert refused.count(True) > 200, "hardly anything is looked at"
    assert all(what_comes_out(tmp_path, own, octets[:at], None) for at in [*places[:80], len(octets) - 1])


def what_comes_out(folder, key, octets, wanted):
    """Say whether these octets are refused; else they must hold what was sealed."""
    path = folder / "changed"
    path.write_bytes(octets)
    try:
        found = unsealed(as_leaf(path), folder, key)
    except MediaError:
        return True
    assert found == wanted, "something else than was sealed came out"
    return False


def test_hostile_counts_and_depths_do_not_keep_the_box_busy(tmp_path, locks):
    octets = data(sealed(dicom(tmp_path), tmp_path, locks[0]))
    many = octets.replace(b"\x02\x03" + (600_000).to_bytes(3, "big"), b"\x02\x03\x7f\xff\xff", 1)
    for changed, why in ((many, "8,388,607 rounds"), (octets[:19] + b"\x30\x80" * 5000, "pieces within pieces")):
        (tmp_path / "changed").write_bytes(changed)
        with pytest.raises(MediaError, match=why):
            unsealed(as_leaf(tmp_path / "changed"), tmp_path, locks[1])


@pytest.mark.parametrize("words", ["short", "Schlüssel lang", "病院の鍵は長い", "with\ttab inside"])
def test_a_password_that_others_would_read_as_other_octets_is_refused(words):
    with pytest.raises(MediaError, match="longer one|English keyboard"):
        envelope.Password(words)


def test_a_whole_set_is_sealed_with_its_directory_under_the_same_names(tmp_path, receiver):
    key, certificate = (path.read_bytes() for path in receiver)
    leaves = [dicom(tmp_path / "in", name, 1000 + at) for at, name in enumerate(["DICOMDIR", "DICOM/A/B", "DICOM/A/C"])]
    (tmp_path / "staging").mkdir()
    seen, made = volume.drained(envelope.seal_all(leaves, str(tmp_path / "staging"), envelope.Receiver(certificate)))
    assert seen[-1].done == seen[-1].total == sum(leaf.size for leaf in leaves)
    made = list(made)
    assert [leaf.name for leaf in made] == [leaf.name for leaf in leaves]
    own = opened.Key(key, certificate)
    for leaf, plain in zip(made, leaves, strict=True):
        assert data(plain)[132:] not in data(leaf) and unsealed(leaf, tmp_path, own) == data(plain)


def test_a_page_beside_secure_files_is_refused_and_a_failure_leaves_nothing(tmp_path, receiver):
    lock = envelope.Receiver(receiver[1].read_bytes())
    (tmp_path / "staging").mkdir()
    leaves = [dicom(tmp_path / "in", "DICOMDIR"), dicom(tmp_path / "in", "DICOM/A")]
    (tmp_path / "page").write_text("<p>Doe^Jane")
    page = Leaf("INDEX.HTM", str(tmp_path / "page"), 11)
    with pytest.raises(MediaError, match="INDEX.HTM is no DICOM file"):
        volume.drained(envelope.seal_all([*leaves, page], str(tmp_path / "staging"), lock))
    grown = leaves[1]._replace(size=leaves[1].size + 1)
    with pytest.raises(MediaError, match="start again"):
        volume.drained(envelope.seal_all([leaves[0], grown], str(tmp_path / "staging"), lock))
    writer = envelope.seal(dicom(tmp_path, "B", 12 * MIB), str(tmp_path / "staging" / "b"), lock)
    assert 0 < next(writer).done < 12 * MIB
    writer.close()
    assert list((tmp_path / "staging").iterdir()) == []


def test_memory_does_not_grow_with_the_file(tmp_path, receiver):
    key, certificate = (path.read_bytes() for path in receiver)
    lock, own = envelope.Receiver(certificate), opened.Key(key, certificate)
    leaf = dicom(tmp_path, octets=32 * MIB)
    tracemalloc.start()
    try:
        made = sealed(leaf, tmp_path, lock)
        volume.drained(opened.unseal(made, str(tmp_path / "out"), own))
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()
    assert volume.digest(tmp_path / "out") == volume.digest(leaf.path)
