"""The configuration with all its files, sealed: opened by its passphrase alone, and put back without a loss."""

import io
import json
import os

import pytest

from edge.access import seal
from edge.box import load
from edge.settings import backup, keeper
from edge.spool.disk import Disk
from edge.verbs import table
from edge.verbs.box import Box
from edge.verbs.verb import ENGINEER, OPERATOR, Asker, Forbidden, Refused

ANNA = Asker("anna", ENGINEER, "web")
WORDS = "correct horse"
USERS = json.dumps({"users": [{"name": "anna", "role": "engineer", "key": "aa", "salt": "bb", "n": 1}]})
TEXT = """\
[tls]  # ours
certificate = "tls/edge.pem"
authorities = "system"

[[destination]]
name = "cloud"
kind = "stow"
url = "https://pacs.example.org"
token_file = "%s"

[[deidentify]]
for = ["cloud"]
key_file = "%s"
"""


def make_box(folder, text=None, follow=lambda loaded: None):
    """A running box with its configuration in `folder`."""
    folder.mkdir(exist_ok=True)
    path = folder / "edge.toml"
    path.write_text(text or "")
    loaded = load.load(str(path))
    box = Box(loaded.config, None, list)
    box.settings = keeper.Keeper(loaded, follow)
    return box


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Seal with little work: a sealed file says itself how much it takes to open."""
    monkeypatch.setattr(seal, "_LOG_N", 10)


@pytest.fixture
def secrets(tmp_path):
    """Files that a configuration names: outside of its folder, but for the certificate."""
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "token").write_bytes(b"hush token")
    (folder / "research.key").write_bytes(b"hush key")
    return folder


@pytest.fixture
def box(tmp_path, secrets):
    (tmp_path / "one" / "tls").mkdir(parents=True)
    (tmp_path / "one" / "tls" / "edge.pem").write_bytes(b"hush certificate")
    found = make_box(tmp_path / "one", TEXT % (secrets / "token", secrets / "research.key"))
    users = tmp_path / "one" / "var" / "console"
    users.mkdir(parents=True)
    (users / "users.json").write_text(USERS)
    return found


def ask(box, verb, file, who=ANNA, **request):
    asked = table.ask(box, verb, {"file": file, "passphrase": WORDS, **request}, who)
    with pytest.raises(StopIteration) as end:
        next(asked)
    return end.value.value


def backed_up(box):
    file = io.BytesIO()
    said = ask(box, "backup", file)
    return file.getvalue(), said


def test_a_backup_has_the_configuration_its_files_and_the_users_and_shows_none_of_it(box):
    octets, said = backed_up(box)
    assert (said["files"], said["users"], said["notes"]) == (3, True, [])
    assert not [word for word in (b"hush", b"cloud", b"anna", b"certificate") if word in octets]
    setup = backup.opened(octets, WORDS)
    assert setup.text == box.settings.text
    assert sorted(setup.files.values()) == [b"hush certificate", b"hush key", b"hush token"]
    assert setup.users == USERS


def test_a_file_that_cannot_be_read_is_named(box, secrets):
    os.unlink(secrets / "token")
    assert backed_up(box)[1]["notes"] == [f"{secrets}/token is not in it: there is no such file"]


def test_on_another_box_the_files_lie_where_the_configuration_says(box, tmp_path, secrets):
    octets, _ = backed_up(box)
    (secrets / "token").write_bytes(b"that of another")  # is here, and stays
    os.unlink(secrets / "research.key")
    other = make_box(tmp_path / "two", '[box]\nstate_dir = "./lib"  # here\n')
    said = ask(other, "restore-backup", io.BytesIO(octets), users=True)
    two = tmp_path / "two"
    found = load.load(str(two / "edge.toml")).config
    assert found.tls.certificate == str(two / "tls" / "edge.pem")
    assert (two / "tls" / "edge.pem").read_bytes() == b"hush certificate"
    assert found.destinations[0].token_file == str(two / "lib" / "settings" / "files" / "token")
    token, key = found.destinations[0].token_file, found.identities[0].key_file
    for path, inside in ((token, b"hush token"), (key, b"hush key")):
        with open(path, "rb") as file:
            assert file.read() == inside
        assert os.stat(path).st_mode & 0o777 == 0o600
    assert found.box.state_dir == str(two / "lib")
    assert (secrets / "token").read_bytes() == b"that of another"
    users = two / "lib" / "console" / "users.json"
    assert users.read_text() == USERS
    assert len(said["notes"]) == 4 and "token_file of [[destination]] 1 is now " in said["notes"][1]
    assert "[tls]  # ours" in (two / "edge.toml").read_text()
    assert said["trial"] is not None
    other.settings.revert("in a test")
    assert (two / "edge.toml").read_text() == '[box]\nstate_dir = "./lib"  # here\n'
    assert not users.exists()  # they were on trial, too


@pytest.mark.parametrize("ends", ["confirmed", "reverted", "a crash", "not applied"])
def test_restored_users_stay_or_go_with_the_trial(box, tmp_path, ends):
    octets, _ = backed_up(box)
    mine = USERS.replace("anna", "otto")
    fails = []

    def follow(loaded):
        if fails:
            raise OSError(98, "Address already in use")

    other = make_box(tmp_path / "two", "", follow)
    path = tmp_path / "two" / "var" / "console" / "users.json"
    path.parent.mkdir(parents=True)
    path.write_text(mine)
    reloaded = []
    other.settings.users_changed = lambda: reloaded.append(path.read_text())
    if ends == "not applied":
        fails.append(True)
        with pytest.raises(Refused, match="all is as it was"):
            ask(other, "restore-backup", io.BytesIO(octets), users=True)
        assert path.read_text() == mine and reloaded == [USERS, mine]
        return
    ask(other, "restore-backup", io.BytesIO(octets), users=True)
    assert path.read_text() == USERS and reloaded == [USERS]
    if ends == "confirmed":
        other.settings.confirm(None, "anna")
        assert path.read_text() == USERS
    elif ends == "reverted":
        other.settings.revert("in a test")
        assert path.read_text() == mine and reloaded == [USERS, mine]
    else:
        keeper.settle(load.load(str(tmp_path / "two" / "edge.toml")))  # as whoever starts the box does
        assert path.read_text() == mine


def test_on_the_same_box_nothing_is_copied_and_the_change_is_on_trial(box):
    octets, _ = backed_up(box)
    before = box.settings.text
    box.settings.begin("[dicom]\nport = 1\n", "otto", "empty", 0)
    said = ask(box, "restore-backup", io.BytesIO(octets))
    assert (box.settings.text, said["notes"]) == (before, [])
    assert box.settings.trial.id == said["trial"]
    assert not os.path.exists(os.path.join(box.settings.state_dir, "settings", "files"))


@pytest.mark.parametrize("place", [0, 9, 20, 40, -1])
def test_a_bit_that_is_flipped_anywhere_is_seen(box, place):
    octets = bytearray(backed_up(box)[0])
    octets[place] ^= 1
    with pytest.raises(Refused, match="nothing that an edge has sealed|another one|changed since|more work"):
        ask(box, "restore-backup", io.BytesIO(bytes(octets)))


def test_another_passphrase_opens_nothing_and_a_short_one_seals_nothing(box):
    octets, _ = backed_up(box)
    with pytest.raises(Refused, match="the passphrase is another one"):
        ask(box, "restore-backup", io.BytesIO(octets), passphrase="correct hors")
    with pytest.raises(Refused, match="the passphrase is too short"):
        ask(box, "backup", io.BytesIO(), passphrase="1234567")


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ({"schema": 2, "edge": "9.0"}, "made by a newer edge .9.0; schema 2, this one knows 1.: update this box first"),
        ({"schema": "x"}, "no backup of a box"),
        ([], "no backup of a box"),
        ({"schema": 1, "made": 1, "text": 3, "users": None, "files": []}, "no backup of a box"),
        ({"schema": 1, "made": 1, "text": "", "users": '{"users": [{"name": 1}]}', "files": []}, "no backup of a box"),
        ({"schema": 1, "made": 1, "text": "[[x", "users": None, "files": []}, "cannot run with .* this is not TOML"),
        ({"schema": 1, "made": 1, "text": "[dicom]\nport = -1", "users": None, "files": []}, "line 2: .dicom. port"),
    ],
)
def test_what_no_box_has_made_or_can_run_with_is_refused_before_anything_is_written(box, inside, words):
    octets = seal.seal(json.dumps(inside).encode(), WORDS)
    with pytest.raises(Refused, match=words):
        ask(box, "restore-backup", io.BytesIO(octets))
    assert not os.path.exists(os.path.join(box.settings.state_dir, "settings", "history"))


def test_files_of_a_backup_that_the_box_cannot_run_with_are_taken_away_again(box, tmp_path):
    octets, _ = backed_up(box)

    def follow(loaded):
        raise OSError("port 11112 is taken")

    other = make_box(tmp_path / "two", "", follow)
    with pytest.raises(Refused, match="all is as it was: port 11112 is taken"):
        ask(other, "restore-backup", io.BytesIO(octets))
    assert not (tmp_path / "two" / "tls" / "edge.pem").exists()
    assert (tmp_path / "two" / "edge.toml").read_text() == ""


def test_only_an_engineer_makes_or_restores_a_backup(box):
    for verb in ("backup", "restore-backup"):
        with pytest.raises(Forbidden):
            table.ask(box, verb, {"file": io.BytesIO(), "passphrase": WORDS}, Asker("otto", OPERATOR, "web"))


def test_the_same_name_twice_is_two_files(box, tmp_path):
    state = box.settings.state_dir
    other = make_box(tmp_path / "two")
    text = "".join('[[destination]]\nname = "%s"\nkind = "stow"\nurl = "http://h"\ntoken_file = "/none/%s/token"\n'
                   % (name, name) for name in "ab")  # fmt: skip
    files = {("destination", 1, "token_file"): b"a", ("destination", 2, "token_file"): b"b"}
    plan = backup.plan(backup.Setup(0, text, None, files), other.settings, Disk())
    assert [(os.path.basename(path), octets) for path, octets in plan.files] == [("token", b"a"), ("token.2", b"b")]
    assert state not in plan.text
