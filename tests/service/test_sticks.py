"""A setup file on a stick that is plugged into the running box: mounted for real, taken, and seen everywhere."""

import json
import os
import subprocess

import pytest

from edge.access.access import Access
from tests.support import process
from tests.support.process import OWN_MOUNTS
from tests.support.service import Service

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
LIMIT_S = 20  # the box looks every half minute anyway: what comes sooner, the kernel has told it
# A stick is made ready elsewhere, and then is there all at once, as a real one
PLUG = 'mkdir -p "$1" "$2" && mount -t tmpfs none "$2" && cp "$3" "$2/edge-setup" && $4 && mount --move "$2" "$1"'


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sticks")
    (folder / "media").mkdir()
    with Service(folder / "box", wrap=OWN_MOUNTS, setup={"stick_dirs": [str(folder / "media")]}) as running:
        running.media, running.beside = folder / "media", folder / "beside"
        yield running


def within(box, *words):
    """Run a command among the mounts of the box."""
    given = ["nsenter", f"--mount=/proc/{box.pid}/ns/mnt", *map(str, words)]
    return subprocess.run(given, capture_output=True, text=True, timeout=60, check=True).stdout


def plug(box, name, path, then="true"):
    folder = box.media / name
    within(box, "sh", "-ec", PLUG.replace("$4", then), "sh", folder, box.beside, path)
    return folder


def made(box, tmp_path, title, *words):
    """A setup file for the box as it is, with another AE title."""
    text = box.config_path.read_text()
    now = next(line for line in text.splitlines() if line.startswith("ae_title"))
    (tmp_path / "edge.toml").write_text(text.replace(now, f'ae_title = "{title}"'))
    box.edge("setup-file", tmp_path / "made", *words, "--config", tmp_path / "edge.toml")
    return tmp_path / "made"


def rows(box):
    return {os.path.basename(row["folder"]): row for row in json.loads(box.edge("setup", "--json").stdout)}


def settled(box, name):
    """What the log says of a stick, once it does: nobody has asked the box to look."""
    said = f"/{name}: "
    process.wait_until(lambda: said in box.log(), LIMIT_S, "a line about the stick")
    return box.log().rpartition(said)[2].splitlines()[0]


def test_a_stick_is_taken_when_it_is_mounted_and_answered_on_it_audited_and_kept(box, tmp_path):
    code = Access(str(box.state_dir)).claim_code()
    stick = plug(box, "ONE", made(box, tmp_path, "FIRST", "--claim-code", code))
    assert settled(box, "ONE") == "it was taken"
    assert "taken" in within(box, "cat", stick / "edge-setup.answer.txt")
    assert 'ae_title = "FIRST"' in box.config_path.read_text()
    newest = json.loads(box.edge("settings", "--history", "--json").stdout)[0]
    assert (newest["who"], newest["outcome"]) == (f"setup file in {stick}", "kept")
    trail = (box.state_dir / "audit" / "00000001.jsonl").read_text().splitlines()
    line = next(json.loads(each) for each in trail if "take-setup" in each)
    assert (line["who"], line["failure"]) == (f"setup file at {stick}", None)
    within(box, "umount", stick)
    assert "it was taken" in (box.state_dir / "watch" / "events").read_text()


def test_a_stick_that_cannot_be_written_is_refused_all_the_same_and_that_is_a_trouble(box, tmp_path):
    stick = plug(box, "TWO", made(box, tmp_path, "SECOND", "--claim-code", "ABCDE-FGHJK"), 'mount -o remount,ro "$2"')
    assert "it is sealed by another claim code" in settled(box, "TWO")
    assert "the setup file in %s is not taken" % stick in box.edge("status", check=False).stdout
    within(box, "umount", stick)
    assert rows(box) == {} and "not taken" not in box.edge("status", check=False).stdout


def test_a_passphrase_that_is_typed_takes_it_on_trial(box, tmp_path):
    for name, words in (("words", "correct horse battery\n"), ("wrong", "no such words\n")):
        (tmp_path / name).write_text(words)
        (tmp_path / name).chmod(0o600)
    stick = plug(box, "THREE", made(box, tmp_path, "THIRD", "--passphrase-file", tmp_path / "words"))
    assert "it waits for its passphrase" in settled(box, "THREE")
    said = box.edge("setup", "--take", stick, "--passphrase-file", tmp_path / "wrong", check=False)
    assert (said.returncode, "it is sealed by another passphrase" in said.stderr) == (1, True)
    away = box.edge("setup", "--take", "/nowhere", "--passphrase-file", tmp_path / "words", check=False)
    assert away.returncode == 1 and "setup files are taken from" in away.stderr and "stick_dirs" in away.stderr
    said = box.edge("setup", "--take", stick, "--passphrase-file", tmp_path / "words").stdout
    assert "-> \"THIRD\"" in said and "edge settings --confirm" in said
    box.edge("settings", "--confirm")
    assert rows(box)["THREE"]["state"] == "taken"
    assert "correct horse" not in box.log() + (box.state_dir / "audit" / "00000001.jsonl").read_text()
