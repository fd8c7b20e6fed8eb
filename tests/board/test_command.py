"""`edge board` says what the machine is, and `--check` what is wrong with a profile."""

import json
import subprocess
from pathlib import Path

import pytest

from edge.board import timekeeping
from tests.support.service import EDGE

BOARDS = Path(__file__).parents[2] / "boards"


def edge(tmp_path, *words):
    return subprocess.run([EDGE, "board", *map(str, words)], capture_output=True, text=True, cwd=tmp_path, timeout=60)


@pytest.fixture
def configured(tmp_path):
    """A configuration that names the board, in the current folder."""
    (tmp_path / "edge.toml").write_text('[box]\nstate_dir = "state"\n[board]\nprofile = "pi-4"\n')
    return tmp_path


def test_the_board_that_is_named_is_shown_with_what_is_missing_for_programs_too(configured):
    done = edge(configured, "--json")
    found = json.loads(done.stdout)
    assert (found["name"], found["tier"], found["how"]) == ("pi-4", "hardware-unverified", "the configuration names it")
    assert found["missing"] == sum(each["is_there"] is False for each in found["parts"])
    assert done.returncode == (1 if found["missing"] else 0)


def test_a_person_reads_the_same_without_a_box_or_its_state(configured):
    done = edge(configured)
    assert done.stdout.startswith("board    pi-4: Raspberry Pi 4 Model B, arm64, hardware-unverified\n")
    assert "GPIO chip" in done.stdout and not (configured / "state").exists()


def test_a_wrong_profile_is_refused_with_the_lines_of_its_mistakes(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    text = (BOARDS / "pi-4/profile.toml").read_text().replace('id = "pi-4"', 'id = "mine"').replace('"arm64"', '"vax"')
    (folder / "profile.toml").write_text(text)
    done = edge(tmp_path, "--check", folder)
    assert done.returncode == 3
    assert f'{folder}/profile.toml, line 4: [board] arch: expected one of "arm64", "amd64", found "vax"' in done.stderr
    said = json.loads(edge(tmp_path, "--check", folder, "--json").stdout)
    assert (said["good"], said["mistakes"][0]["line"]) == (False, 4)


def test_a_good_profile_is_said_to_be_good(tmp_path):
    done = edge(tmp_path, "--check", BOARDS / "cm4")
    assert done.returncode == 0 and "good: Raspberry Pi Compute Module 4" in done.stdout


def test_a_clock_that_shows_more_than_was_saved_stays(configured):
    timekeeping.save(timekeeping.path_of(str(configured / "state")), timekeeping.MADE + 1, True)
    done = edge(configured, "--set-clock")
    assert (done.returncode, done.stdout) == (0, "the clock shows more than was saved, and stays\n")
