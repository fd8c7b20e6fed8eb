"""The card of setup files on sticks: what was found and why it waits, a wrong passphrase, and the way to take it."""

import os

import pytest

from tests.support import process
from tests.support.console import Console


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    folder = tmp_path_factory.mktemp("setups")
    (folder / "media").mkdir()
    with Console(folder / "box", setup={"stick_dirs": [str(folder / "media")]}) as made:
        made.claim()
        made.sticks = folder / "media"
        yield made


def plug(console, folder, name, words, title):
    """Put a setup file with another AE title on a stick; return the stick's folder."""
    text = console.box.config_path.read_text()
    now = next(line for line in text.splitlines() if line.startswith("ae_title"))
    (folder / "edge.toml").write_text(text.replace(now, f'ae_title = "{title}"'))
    (folder / "words").write_text(words)
    (folder / "words").chmod(0o600)
    sealed = "--passphrase-file", folder / "words", "--config", folder / "edge.toml"
    console.box.edge("setup-file", folder / "made", *sealed)
    (console.sticks / name).mkdir()
    os.rename(folder / "made", console.sticks / name / "edge-setup")
    process.wait_until(lambda: console.box.ask("setups")[0], 60, "the setup file to be seen")
    return str(console.sticks / name)


def taking(console, form):
    """Ask for a setup file to be taken; return the page that one is led to."""
    answer = console.post("/backup/setup", form, csrf="/backup")
    assert answer.status == 303
    return console.get(answer.field("location")).text


def test_a_setup_file_is_shown_with_what_it_waits_for_and_taken_by_its_passphrase_alone(console, tmp_path):
    assert "There is none below" in console.get("/backup").text
    stick = plug(console, tmp_path, "ONE", "correct horse battery", "SECOND")
    shown = console.get("/backup").text
    assert stick in shown and "it waits for its passphrase" in shown and "Take it" in shown
    wrong = {"folder": stick, "passphrase": "no such words"}
    assert "sealed by another passphrase" in taking(console, wrong)
    assert "etup files are taken from" in taking(console, {**wrong, "folder": "/etc"})
    right = {"folder": stick, "passphrase": "correct horse battery"}
    told = taking(console, right)
    assert "SECOND" in told and "ae_title" in told
    console.box.ask("confirm")
    assert console.box.ask("setups")[0][0]["state"] == "taken"
    assert "Take it" not in console.get("/backup").text
    assert "correct horse" not in console.box.log()


def test_who_is_no_engineer_sees_no_setup_files(console):
    anonymous = console.curl("/backup", jar=False)
    assert anonymous.status in (303, 403) and "Setup files" not in anonymous.text
