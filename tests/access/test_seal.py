"""What is sealed by a passphrase opens with it alone, and as it was."""

import functools
import hashlib

import pytest

from edge.access import crypto, seal



@functools.cache
def sealed():
    """What most tests look at: sealed once."""
    return seal.seal(b"the password of an archive", "Grüße, sieben Brücken")


def test_the_cipher_is_that_of_the_specification():
    made = crypto.encrypt(bytes(32), bytes(12), bytes(16), b"")  # test case 14 of the GCM specification
    assert made.hex() == "cea7403d4d606b6e074ec5d3baf39d18" + "d0d1c8a799996bf0265b98b5d48ab919"


def test_what_was_sealed_opens_with_the_passphrase_however_it_was_typed():
    assert seal.unseal(sealed(), "Gru\u0308ße, sieben Bru\u0308cken") == b"the password of an archive"
    assert b"password" not in sealed()


def test_two_seals_of_the_same_have_nothing_in_common_behind_their_magic():
    other = seal.seal(b"the password of an archive", "Grüße, sieben Brücken")
    assert other[11:27] != sealed()[11:27] and other[39:] != sealed()[39:]


def test_another_passphrase_is_said_in_words():
    with pytest.raises(seal.CannotOpen, match="the passphrase is another one"):
        seal.unseal(sealed(), "Grüße")


@pytest.mark.parametrize("place", [12, 30, 45, -1], ids=["salt", "nonce", "octets", "tag"])
def test_a_single_changed_bit_is_noticed(place):
    changed = bytearray(sealed())
    changed[place] ^= 1
    with pytest.raises(seal.CannotOpen):
        seal.unseal(bytes(changed), "Grüße, sieben Brücken")


@pytest.mark.parametrize("made_of", [
    lambda whole: b"", lambda whole: whole[:8], lambda whole: whole[:50], lambda whole: b"PK\3\4" + whole,
], ids=["nothing", "magic", "cut", "more"])  # fmt: skip
def test_what_nobody_sealed_is_said_to_be_that(made_of):
    with pytest.raises(seal.CannotOpen, match="nothing that an edge has sealed"):
        seal.unseal(made_of(sealed()), "p")


def test_a_file_cannot_ask_for_all_the_memory_of_the_box(monkeypatch):
    monkeypatch.setattr(hashlib, "scrypt", None)
    with pytest.raises(seal.CannotOpen, match="more work"):
        seal.unseal(sealed()[:8] + bytes((25, 8, 1)) + sealed()[11:], "p")


def test_an_empty_passphrase_seals_nothing():
    with pytest.raises(ValueError, match="passphrase is empty"):
        seal.seal(b"x", "")
