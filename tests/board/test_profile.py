"""A board is one folder, whose profile is right, or refused in words."""

import re
from pathlib import Path

import pytest

from edge.board import keys, profile
from edge.board.profile import ConfigError

BOARDS = Path(__file__).parents[2] / "boards"
LINUX = sorted(each.name for each in BOARDS.iterdir() if each.is_dir() and profile.kind_of(each) == "linux")
GOOD = (BOARDS / "pi-4" / profile.FILE).read_text(encoding="utf-8")


def refused(tmp_path, text, name="pi-4"):
    """The lines that a profile of these words is refused with."""
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    (folder / profile.FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        profile.load(folder)
    return [line.removeprefix(str(folder / profile.FILE)) for line in raised.value.lines()]


def without(pattern, text=GOOD):
    """The good profile without the lines that a pattern fits."""
    left = re.sub(rf"(?m)^{pattern}.*\n", "", text)
    assert left != text
    return left


@pytest.mark.parametrize("name", LINUX)
def test_every_board_that_is_shipped_has_a_good_profile(name):
    assert profile.load(BOARDS / name).board.id == name


def test_the_boards_that_were_promised_are_there():
    promised = {"pi-zero-2-w", "pi-3", "pi-4", "cm4", "pi-5", "x86-64", "qemu-arm64", "qemu-amd64"}
    assert promised <= set(LINUX)


def test_a_board_whose_kernel_is_the_vendors_says_why():
    found = profile.load(BOARDS / "pi-5")
    assert found.boot.kernel == "vendor" and "MFD_RP1" in found.board.notes[0]


def test_every_board_and_its_tier_stand_in_the_readme():
    rows = dict(re.findall(r"^\| `([^`]+)` [^|]*\| ([a-z-]+) \|", (BOARDS / "README.md").read_text("utf-8"), re.M))
    assert {name: profile.load(BOARDS / name).board.tier for name in LINUX} == {name: rows[name] for name in LINUX}


def test_what_no_profile_says_has_the_default_of_the_table():
    found = profile.load(BOARDS / "x86-64")
    assert (found.gpio.chip, found.gpio.hold_s, found.leds.ready, found.qemu.machine) == (None, 10, None, None)


def test_every_mistake_is_said_at_once_with_its_line(tmp_path):
    text = GOOD.replace('arch = "arm64"', 'arch = "vax"').replace("max_s = 15", 'max_s = "long"')
    text = text.replace('path = "/dev/ttyS1"', 'path = "ttyS1"').replace("[leds]", "[lamps]")
    lines = refused(tmp_path, text)
    numbers = [int(re.match(r", line (\d+): ", line)[1]) for line in lines]
    assert numbers == sorted(numbers) and len(lines) == 4
    assert lines[0].endswith('[board] arch: expected one of "arm64", "amd64", found "vax"')
    assert lines[1].endswith('[[serial]] "header", path: expected a device, "/dev/NAME", found "ttyS1"')
    assert 'no such table: "lamps"; ' in lines[2]
    assert lines[3].endswith('[watchdog] max_s: expected a whole number from 1 to 3600, found "long"')


@pytest.mark.parametrize(
    "text, words",
    (
        (without("id = "), "[board] id: it is missing"),
        (without("uboot = "), "[boot] uboot: it is missing; a board that U-Boot starts needs it"),
        (without("chip = "), "[gpio] ready_line: it is a line of no chip; expected chip beside it"),
        (without("max_s = "), "[watchdog] max_s: it is missing"),
        (without("dt_compatible = "), "[board] dt_compatible: expected one word at least"),
        (GOOD.replace("hardware-unverified", "ci-booted"), "expected [qemu] with a machine, or hardware-unverified"),
        (GOOD.replace('"uboot"', '"tryboot"'), "[boot] uboot: it is of no use: this board starts by"),
        (GOOD.replace("button_line = 26", "button_line = 6"), "line 6 is that of busy_line already"),
        (GOOD.replace('name = "wlan0"', 'name = "end0"'), '"end0" is there already; expected each once'),
        (GOOD.replace("memory_mib = 1024", "memory_mb = 1024"), 'no such key: "memory_mb"; did you mean "memory_mib"?'),
        (GOOD.replace("[rtc]", "[rtc"), "this is not TOML"),
    ),
)
def test_a_profile_that_cannot_be_meant_is_refused(tmp_path, text, words):
    assert any(words in line for line in refused(tmp_path, text))


def test_a_folder_of_another_name_is_refused(tmp_path):
    assert refused(tmp_path, GOOD, "pi-44") == [
        ', line 2: [board] id: expected the name of its folder, "pi-44"; rename one of them'
    ]


def test_a_folder_without_a_profile_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="it cannot be read: No such file"):
        profile.load(tmp_path)


def test_the_first_folder_that_has_a_board_counts(tmp_path):
    for place in ("system", "tree"):
        (tmp_path / place / "pi-4").mkdir(parents=True)
        (tmp_path / place / "pi-4" / profile.FILE).write_text(GOOD)
    found = profile.names((tmp_path / "system", tmp_path / "nowhere", tmp_path / "tree"))
    assert found == {"pi-4": str(tmp_path / "system" / "pi-4")}


def test_no_two_boards_are_known_by_the_same_words():
    words = [word for name in LINUX for word in profile.load(BOARDS / name).board.dt_compatible]
    assert len(words) == len(set(words))


def test_the_table_has_a_meaning_for_every_key():
    assert all(key.meaning.endswith(".") for section in keys.SECTIONS for key in section.keys)
