"""Setup files on sticks: which one a box believes, and that everything else is refused in words and changes nothing."""

import json
import os
import re
import subprocess

import pytest

from edge.access import seal
from edge.box import load
from edge.settings import keeper, setup, sticks, taking
from edge.spool.disk import Disk

CODE = "ABCDE-FGHJK"
WORDS = "correct horse battery"
TEXT = '[box]\nae_title = "%s"\n'
SIGNING = {"Ed25519": ("genpkey", "-algorithm", "ed25519"), "P-256": ("ecparam", "-genkey", "-name", "prime256v1")}


def openssl(*words):
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, check=True).stdout


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Seal with little work: a sealed file says itself how much it takes to open."""
    monkeypatch.setattr(seal, "_LOG_N", 10)


def write(path, octets):
    path.write_bytes(octets)
    return path


class Box:
    """A box that looks at one stick: its configuration, what it heard, and what it would say of itself."""

    def __init__(self, folder, text=""):
        self.stick = folder / "stick"
        self.stick.mkdir(exist_ok=True)
        self.path = folder / "edge.toml"
        if not self.path.exists():
            self.path.write_text(text)
        self.code, self.fault, self.told, self.fails = CODE, None, [], None
        loaded = keeper.settle(load.load(str(self.path)))
        self.config = loaded.config
        self.kept = keeper.Keeper(loaded, self._apply)
        self.taker = taking.Taker(
            self.kept, lambda: self.config, lambda: self.code, lambda: self.fault, self._hear
        )

    def _apply(self, loaded):
        if self.fails is not None:
            raise self.fails
        self.config = loaded.config

    def _hear(self, *words):
        self.told.append(words)

    def put(self, octets):
        """Put the stick in with a file; return what the box found it to be."""
        self.taker.look({})
        (self.stick / sticks.NAME).write_bytes(octets)
        return self.look()

    def look(self):
        self.taker.look(sticks.find([str(self.stick.parent)]))
        return self.taker.found()[0]

    def answer(self):
        return (self.stick / sticks.ANSWER).read_text()


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


def parcel(tmp_path, text=TEXT % "NEW", **more):
    return setup.make(text, str(tmp_path / "edge.toml"), Disk(), **more)[0]


def claimed(tmp_path, *words, code=CODE, **more):
    return setup.sealed(parcel(tmp_path, *words, **more), setup.CLAIM_CODE, code)


def test_a_box_that_nobody_has_claimed_takes_what_its_own_code_sealed_and_says_so_on_the_stick(box, tmp_path):
    found = box.put(claimed(tmp_path, code="abcde fghjk"))
    assert (found.state, box.config.box.ae_title, box.kept.trial) == ("taken", "NEW", None)
    assert box.path.read_text() == TEXT % "NEW"
    assert "taken" in box.answer() and CODE not in box.answer()
    assert [words[1] for words in box.told] == ["taken"]
    again = Box(tmp_path)
    assert (again.look().state, again.told) == ("taken", [])  # the stick stays in: it is not taken again


@pytest.mark.parametrize("kind", SIGNING)
def test_what_a_key_signed_that_the_box_knows_is_taken_and_openssl_agrees(tmp_path, kind):
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_bytes(openssl(*SIGNING[kind]))
    other = openssl("pkey", "-in", write(tmp_path / "other.pem", openssl(*SIGNING["P-256"])), "-pubout")
    public.write_bytes(other + openssl("pkey", "-in", private, "-pubout"))
    octets = setup.signed(parcel(tmp_path), private.read_bytes())
    _, line, body = octets.split(b"\n", 2)
    (tmp_path / "body").write_bytes(body)
    (tmp_path / "signature").write_bytes(setup.base64.b64decode(line))
    raw = ("-rawin",) if kind == "Ed25519" else ("-rawin", "-digest", "sha256")
    given = ("pkeyutl", "-inkey", private, *raw, "-in", tmp_path / "body")
    assert b"Success" in openssl(*given, "-verify", "-sigfile", tmp_path / "signature")
    theirs = setup.base64.b64encode(openssl(*given, "-sign"))

    box = Box(tmp_path, '[setup]\nsigners = "public.pem"\n')
    box.code = None  # it is claimed
    for wrong in (octets[:-9], octets.replace(b'"any"', b'"ANY"'), octets.replace(line, b"AAAA"), octets[:30]):
        assert (box.put(wrong).state, box.config.box.ae_title) == ("refused", "EDGE")
    other = setup.signed(parcel(tmp_path), openssl(*SIGNING["P-256"]))
    assert "by no key that this box believes" in box.put(other).words
    assert box.put(b"edge-setup 1 signed\n" + theirs + b"\n" + body).state == "taken"
    assert box.config.box.ae_title == "NEW"


def test_a_signed_file_with_a_secret_in_it_is_sealed_too(tmp_path):
    (tmp_path / "private.pem").write_bytes(openssl(*SIGNING["Ed25519"]))
    (tmp_path / "public.pem").write_bytes(openssl("pkey", "-in", tmp_path / "private.pem", "-pubout"))
    (tmp_path / "phrase").write_text(WORDS + "\n")
    (tmp_path / "phrase").chmod(0o600)
    laptop = tmp_path / "laptop"
    laptop.mkdir()
    (laptop / "token").write_text("hush token")
    text = (
        '[[destination]]\nname = "cloud"\nkind = "stow"\nurl = "https://pacs.example.org"\ntoken_file = "token"\n'
    )
    made = parcel(laptop, text)
    private = (tmp_path / "private.pem").read_bytes()
    with pytest.raises(setup.Refused, match="token_file of .destination. is a secret"):
        setup.signed(made, private)
    octets = setup.signed(made, private, WORDS)
    assert b"hush" not in octets and b"pacs" not in octets and setup.base64.b64encode(b"hush token") not in octets
    box = Box(tmp_path, '[setup]\nsigners = "public.pem"\n')
    assert "passphrase_file under [setup] is not set" in box.put(octets).words
    box.kept.begin('[setup]\nsigners = "public.pem"\npassphrase_file = "phrase"\n', "anna", "", 0)
    assert box.put(octets).state == "taken"
    with open(box.config.destinations[0].token_file, encoding="utf-8") as file:
        assert file.read() == "hush token"


def test_a_serial_never_goes_back_and_a_file_for_another_box_stays_out(box, tmp_path):
    assert box.put(claimed(tmp_path, serial=7)).state == "taken"
    for serial in (7, 6):
        found = box.put(claimed(tmp_path, TEXT % "OLD", serial=serial))
        assert found.state == "refused" and f"its serial, {serial}, is not above 7" in found.words
    found = box.put(claimed(tmp_path, TEXT % "OTHER", serial=8, whose="CT2"))
    assert found.state == "refused" and found.words.startswith("it is for another box, CT2; this one is NEW or ")
    assert Box(tmp_path).put(claimed(tmp_path, serial=7)).state == "refused"  # after a restart, too
    assert box.put(claimed(tmp_path, TEXT % "ME", serial=8, whose="new")).state == "taken"


def test_wrong_codes_are_few_and_a_claimed_box_takes_none(box, tmp_path):
    words = [box.put(claimed(tmp_path, code="WRONG-CODE2", serial=number)).words for number in range(1, 7)]
    assert words[0] == "it is sealed by another claim code, or it was changed or cut short"
    assert words[5].startswith("there were too many wrong codes or passphrases; try again in ")
    box.code = None
    assert box.put(claimed(tmp_path)).words.startswith("it is sealed by a claim code, and this box is claimed")
    assert box.config.box.ae_title == "EDGE"


def test_a_passphrase_that_a_person_types_begins_a_trial_which_that_person_confirms(box, tmp_path):
    found = box.put(setup.sealed(parcel(tmp_path), setup.PASSPHRASE, WORDS))
    assert (found.state, box.config.box.ae_title) == ("waiting", "EDGE")
    with pytest.raises(sticks.Refused, match="another passphrase"):
        box.taker.take(str(box.stick), "not this", "anna (web)", "10.0.0.7")
    trial, _, _ = box.taker.take(str(box.stick), WORDS, "anna (web)", "10.0.0.7")
    assert (box.config.box.ae_title, box.taker.found()[0].state) == ("NEW", "on trial")
    box.kept.confirm(trial.id, "anna")
    assert box.taker.found()[0].state == "taken"
    later = setup.sealed(parcel(tmp_path, TEXT % "OLD", serial=1), setup.PASSPHRASE, WORDS)
    box.put(later)
    with pytest.raises(sticks.Refused, match="its serial, 1, is not above"):
        box.taker.take(str(box.stick), WORDS, "anna (web)", "10.0.0.7")
    text = TEXT % "BACK"
    box.put(setup.sealed(parcel(tmp_path, text, serial=2**40), setup.PASSPHRASE, WORDS))
    box.taker.take(str(box.stick), WORDS, "anna (web)", "10.0.0.7")
    box.kept.revert("in a test")
    assert (box.taker.found()[0].state, box.config.box.ae_title) == ("refused", "NEW")
    box.put(setup.sealed(parcel(tmp_path, text, serial=2**40), setup.PASSPHRASE, WORDS))
    box.taker.take(str(box.stick), WORDS, "anna (web)", "10.0.0.7")  # what went back may come again


def test_a_box_that_does_not_work_by_it_goes_back_and_files_of_it_are_taken_away(box, tmp_path):
    laptop = tmp_path / "laptop"
    laptop.mkdir()
    (laptop / "ca.pem").write_text("hush")
    text = TEXT % "NEW" + '[[destination]]\nname = "a"\nae_title = "A"\nhost = "h"\nauthorities = "ca.pem"\n'
    octets = setup.sealed(setup.make(text, str(laptop / "edge.toml"), Disk())[0], setup.CLAIM_CODE, CODE)
    for fault, fails, said in (
        ("nothing answers at port 104: refused", None, "the box did not work by it, so all is as it was: nothing ans"),
        (None, OSError(98, "Address already in use"), "the box cannot run with this, so all is as it was"),
    ):
        box.fault, box.fails = fault, fails
        found = box.put(octets)
        assert found.state == "refused" and found.words.startswith(said)
        assert (box.path.read_text(), box.config.box.ae_title, box.kept.trial) == ("", "EDGE", None)
        assert said in box.answer()
        assert not (tmp_path / "ca.pem").exists() and not (tmp_path / "var" / "settings" / "files").exists()
    box.fault = box.fails = None
    assert box.put(octets).state == "taken"


def test_a_file_on_which_the_box_ended_is_not_tried_again_before_its_stick_was_out(box, tmp_path):
    octets = claimed(tmp_path)
    box.fails = KeyboardInterrupt()  # nothing of the box catches that, as nothing catches a power cut
    with pytest.raises(KeyboardInterrupt):
        box.put(octets)
    again = Box(tmp_path)
    assert (again.look().state, again.config.box.ae_title) == ("refused", "EDGE")
    assert "to try it again, take the stick out" in again.look().words
    assert again.put(octets).state == "taken"


def edited(tmp_path, **more):
    made = parcel(tmp_path)
    made["setup"].update(more)
    return setup.sealed(made, setup.CLAIM_CODE, CODE)


FILE = {"section": "tls", "number": None, "key": "authorities", "octets": "aHVzaA=="}
HOSTILE = {
    "no setup file": (lambda path: b"PK\3\4" * 100, "it is no setup file"),
    "empty": (lambda path: b"", "it is no setup file"),
    "newer": (lambda path: b"edge-setup 2 claim-code\nx", "it is of another kind than this version"),
    "cut": (lambda path: claimed(path)[:60], "or not all of it"),
    "cut by little": (lambda path: claimed(path)[:-1], "changed or cut short"),
    "too long": (lambda path: claimed(path) + bytes(setup.LIMIT_BYTES), "longer than a setup file may be"),
    "too much work": (lambda path: claimed(path)[:32] + b"\x11" + claimed(path)[33:], "more work than this box does"),
    "no configuration": (lambda path: edited(path, text="nonsense"), "no TOML"),
    "a mistake": (lambda path: edited(path, text="[dicom]\nport = 70000\n"), "port: expected"),
    "a file nobody names": (lambda path: edited(path, files=[FILE]), "does not name"),
    "a path": (
        lambda path: edited(path, text='[tls]\nauthorities = "../../root/x"\n', files=[FILE]),
        "authorities of .tls. leads out of its folder",
    ),
    "a path in a file": (lambda path: edited(path, files=[{**FILE, "path": "/etc/passwd"}]), "damaged"),
    "no list": (lambda path: edited(path, files={"a": 1}), "damaged"),
    "a number": (lambda path: edited(path, text=7), "damaged"),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_file_is_refused_in_words_and_changes_nothing(box, tmp_path, hostile):
    make, words = HOSTILE[hostile]
    found = box.put(make(tmp_path))
    assert found.state == "refused"
    assert re.search(words, found.words), found.words
    assert box.path.read_text() == "" and words.split(".")[0] in box.answer()


def test_nothing_leads_out_of_the_stick(box, tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes(claimed(tmp_path))
    os.symlink(outside, box.stick / sticks.NAME)
    os.symlink(outside, box.stick / sticks.ANSWER)
    assert box.look().words == "it is a symbolic link, and may lead out of the stick; copy the file itself there"
    assert outside.read_bytes().startswith(b"edge-setup 1 claim-code\n") and "symbolic link" in box.answer()
    os.unlink(box.stick / sticks.NAME)
    box.taker.look({})
    os.mkfifo(box.stick / sticks.NAME)
    assert box.look().words == "it is no file"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / sticks.NAME).write_bytes(b"")
    (box.stick / "deeper").symlink_to(elsewhere)
    assert list(sticks.find([str(box.stick)])) == [str(box.stick)]


def test_what_was_taken_last_is_written_whole(box, tmp_path):
    box.put(claimed(tmp_path, serial=3))
    with open(tmp_path / "var" / "settings" / "setup.json", encoding="utf-8") as file:
        found = json.load(file)
    assert (found["tried"] or found["taken"])["serial"] == 3
