"""`edge settings` as a person types it, where no box runs: on the file itself."""

import json

import pytest

from tests.support import warm

TEXT = """\
# the CT room
[dicom]
port = 104  # as the CT has it

[[destination]]
name = "archive"
ae_title = "PACS"
host = "10.0.0.9"

[[route]]
to = ["archive"]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "edge.toml").write_text(TEXT)
    return tmp_path


def edge(folder, *words):
    return warm.run(words, cwd=folder)


def test_the_file_in_the_current_folder_is_used_and_a_key_explains_itself(folder):
    said = edge(folder, "settings", "dicom.port")
    assert said.stdout.startswith("dicom.port = 104\nThe TCP port it listens on")
    assert "default: 11112" in said.stdout
    assert str(folder / "edge.toml") in said.stdout
    rows = json.loads(edge(folder, "settings", "destination.archive", "--json").stdout)["settings"]
    assert {row["key"]: row["value"] for row in rows if row["is_set"]}["host"] == "10.0.0.9"


def test_several_changes_go_together_and_all_else_stays(folder):
    said = edge(folder, "settings", "--set", "dicom.port=11112", "--set", "destination.archive.host=pacs.example.org",
                "--unset", "route.1.to", "--set", "route.1.to=archive", "--set", "box.ae_title=CT 2")  # fmt: skip
    assert (said.returncode, said.stderr) == (1, "edge: [[route]] 1, to: it is missing; expected a list, "
        "each item a name of up to 64 letters, digits and - _ .\n")  # fmt: skip
    assert (folder / "edge.toml").read_text() == TEXT
    said = edge(folder, "settings", "--set", "dicom.port=11112", "--set", "destination.archive.host=pacs.example.org",
                "--set", "box.ae_title=CT 2")  # fmt: skip
    assert '[[destination]] "archive", host: "10.0.0.9" -> "pacs.example.org"' in said.stdout
    assert "no box runs here, so it counts from its next start on" in said.stdout
    wanted = TEXT.replace("104 ", "11112 ").replace("10.0.0.9", "pacs.example.org")
    wanted = wanted.replace("\n[[destination]]", '\n[box]\nae_title = "CT 2"\n\n[[destination]]')
    assert (folder / "edge.toml").read_text() == wanted


def test_what_would_change_is_shown_and_what_was_is_restored(folder):
    said = edge(folder, "settings", "--set", "dicom.port=1", "--check")
    assert "-port = 104  # as the CT has it\n+port = 1  # as the CT has it" in said.stdout
    assert edge(folder, "settings", "--set", "dicom.port=x", "--check").returncode == 1
    assert (folder / "edge.toml").read_text() == TEXT
    edge(folder, "settings", "--set", "dicom.port=1")
    rows = json.loads(edge(folder, "settings", "--history", "--json").stdout)
    assert [(row["id"], row["words"], row["now"]) for row in rows] == [
        (2, "[dicom] port = 1", True), (1, "as it was found", False),
    ]  # fmt: skip
    assert edge(folder, "settings", "--restore", "1").returncode == 0
    assert (folder / "edge.toml").read_text() == TEXT


def test_without_a_file_a_change_makes_one(tmp_path):
    assert edge(tmp_path, "settings", "--add", "destination.share", "--set", "destination.share.kind=folder",
                "--set", "destination.share.path=/mnt").returncode == 0  # fmt: skip
    assert (tmp_path / "edge.toml").read_text() == '[[destination]]\nname = "share"\nkind = "folder"\npath = "/mnt"\n'


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--set", "dicom.port"), 2, "--set: expected KEY=VALUE, found dicom.port"),
        (("--set", "dicom=1"), 2, "expected a key like dicom.port or destination.NAME.host"),
        (("--set", "dicom.prot=1"), 1, 'no such key: "prot"; did you mean "port"?'),
        (("--set", "destination.pacs.port=1"), 1, 'is called "pacs"; there are: archive'),
        (("--confirm",), 1, "no change is on trial"),
        (("--confirm", "--history"), 2, "one thing at a time: --confirm, --history"),
        (("--restore", "7"), 1, "the history has no version 7"),
        (("--restore", "x"), 2, "expected the number of a version"),
        (("nothing",), 1, "no key is called nothing"),
        (("--set", "dicom.port=1", "--within", "5"), 1, "a trial takes 10 to 3600 seconds, or 0 for none; asked for 5"),
    ],
)
def test_what_cannot_be_done_is_said(folder, words, code, says):
    said = edge(folder, "settings", *words)
    assert (said.returncode, says in said.stderr) == (code, True), said.stderr
    assert (folder / "edge.toml").read_text() == TEXT


def test_a_backup_is_put_back_from_its_file(folder):
    (folder / "words").write_text("correct horse\n")
    (folder / "words").chmod(0o600)
    words = ("--passphrase-file", "words")
    said = edge(folder, "backup", "monday.backup", *words)
    assert said.stdout.startswith("monday.backup has the configuration and 0 files; keep the passphrase")
    assert (folder / "monday.backup").stat().st_mode & 0o777 == 0o600
    assert "is there already" in edge(folder, "backup", "monday.backup", *words).stderr
    edge(folder, "settings", "--set", "dicom.port=1")
    said = edge(folder, "restore", "monday.backup", *words)
    assert "[dicom] port: 1 -> 104" in said.stdout
    assert (folder / "edge.toml").read_text() == TEXT
    (folder / "words").write_text("correct hors\n")
    said = edge(folder, "restore", "monday.backup", *words)
    assert (said.returncode, "the passphrase is another one" in said.stderr) == (1, True)
    assert "give its file with --passphrase-file" in edge(folder, "restore", "monday.backup").stderr
