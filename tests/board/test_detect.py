"""A machine is known by what its kernel says, and what of its profile is missing there is said."""

from pathlib import Path

import pytest

from edge.board import detect, profile

BOARDS = (str(Path(__file__).parents[2] / "boards"),)


def write(root, path, words=""):
    """A file below a root."""
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(words, encoding="utf-8")


def found(root, machine="x86_64", wanted=None):
    return detect.found(str(root), wanted, BOARDS, machine)


def tree(root, *words, model="A board"):
    """The device tree of a machine."""
    write(root, "proc/device-tree/compatible", "\0".join(words) + "\0")
    write(root, "proc/device-tree/model", model + "\0")


# As the device trees of Debian's kernel 6.12 have them
@pytest.mark.parametrize(
    "words, name",
    (
        (("raspberrypi,model-zero-2-w", "brcm,bcm2837"), "pi-zero-2-w"),
        (("raspberrypi,3-model-b", "brcm,bcm2837"), "pi-3"),
        (("raspberrypi,3-model-b-plus", "brcm,bcm2837"), "pi-3"),
        (("raspberrypi,4-model-b", "brcm,bcm2711"), "pi-4"),
        (("raspberrypi,4-compute-module", "brcm,bcm2711"), "cm4"),
        (("raspberrypi,5-model-b", "brcm,bcm2712"), "pi-5"),
        (("linux,dummy-virt",), "qemu-arm64"),
    ),
)
def test_a_board_with_a_device_tree_is_known_by_it(tmp_path, words, name):
    tree(tmp_path, *words, model="Raspberry Pi")
    board = found(tmp_path, "aarch64")
    assert (board.name, board.profile.board.id, board.model) == (name, name, "Raspberry Pi")
    assert board.how == f"the device tree says {words[0]}"


def test_a_pc_is_known_by_what_its_firmware_says(tmp_path):
    write(tmp_path, "sys/class/dmi/id/sys_vendor", "QEMU\n")
    write(tmp_path, "sys/class/dmi/id/product_name", "Standard PC (Q35 + ICH9, 2009)\n")
    board = found(tmp_path)
    assert (board.name, board.how) == ("qemu-amd64", "the firmware says QEMU")
    assert board.model == "QEMU Standard PC (Q35 + ICH9, 2009)"


def test_a_pc_that_no_profile_knows_is_the_general_one(tmp_path):
    write(tmp_path, "sys/class/dmi/id/sys_vendor", "ACME\n")
    assert found(tmp_path).name == "x86-64"


def test_a_board_that_no_profile_knows_is_none_and_says_what_it_calls_itself(tmp_path):
    tree(tmp_path, "acme,thing", model="ACME Thing")
    board = found(tmp_path, "aarch64")
    assert (board.name, board.profile, board.model, board.how) == (None, None, "ACME Thing", "no profile knows it")


def test_what_the_image_says_goes_before_what_the_kernel_says(tmp_path):
    tree(tmp_path, "raspberrypi,4-model-b")
    write(tmp_path, "etc/edge/board", "cm4\n")
    board = found(tmp_path, "aarch64")
    assert (board.name, board.how) == ("cm4", "/etc/edge/board names it")


def test_what_the_configuration_says_goes_before_all(tmp_path):
    write(tmp_path, "etc/edge/board", "cm4\n")
    assert found(tmp_path, wanted="pi-5").name == "pi-5"


def test_a_name_that_no_board_has_is_said_with_those_there_are(tmp_path):
    board = found(tmp_path, wanted="pi-6")
    assert board.profile is None and board.mistakes[0].startswith("no board is called pi-6; there are: cm4, pi-3")


def test_a_profile_with_mistakes_does_not_keep_others_from_being_found(tmp_path):
    write(tmp_path, "boards/broken/profile.toml", "[board\n")
    tree(tmp_path, "linux,dummy-virt")
    board = detect.found(str(tmp_path), None, (str(tmp_path / "boards"), *BOARDS), "aarch64")
    assert board.name == "qemu-arm64"
    named = detect.found(str(tmp_path), "broken", (str(tmp_path / "boards"), *BOARDS), "aarch64")
    assert named.profile is None and "this is not TOML" in named.mistakes[0]


def pi_4(root, memory_kib=3_900_000, sectors=62_333_952):
    """A Pi 4 with all that its profile promises."""
    for name in ("PWR", "ACT"):
        write(root, f"sys/class/leds/{name}/brightness", "0")
    for path in ("dev/watchdog0", "dev/ttyS1", "sys/class/net/end0/address", "sys/class/net/wlan0/address"):
        write(root, path)
    write(root, "sys/class/block/mmcblk0/size", f"{sectors}\n")
    write(root, "proc/meminfo", f"MemTotal:        {memory_kib} kB\nMemFree: 1 kB\n")
    return profile.load(Path(BOARDS[0]) / "pi-4")


def test_a_board_that_has_all_of_its_profile_lacks_nothing(tmp_path):
    parts = detect.parts(pi_4(tmp_path), str(tmp_path), {"pinctrl-bcm2711": "/dev/gpiochip0"})
    assert {each.name: each.is_there for each in parts} == {
        "GPIO chip": True, "lamp ready": True, "lamp busy": True, "watchdog": True,
        "serial port header (console)": True, "ethernet for modality": True, "wifi for uplink": True, "storage": True,
        "memory": True,
    }  # fmt: skip


def test_what_is_missing_is_said_with_what_was_looked_for(tmp_path):
    board = pi_4(tmp_path, memory_kib=500_000, sectors=2_000_000)
    for path in ("sys/class/leds/PWR/brightness", "dev/watchdog0", "sys/class/net/wlan0/address"):
        (tmp_path / path).unlink()
    (tmp_path / "sys/class/net/wlan0").rmdir()
    missing = {each.name: each.words for each in detect.parts(board, str(tmp_path), {}) if not each.is_there}
    assert missing == {
        "GPIO chip": "pinctrl-bcm2711: ready 5, busy 6, error 13, held 19, button 26",
        "lamp ready": "/sys/class/leds/PWR",
        "watchdog": "/dev/watchdog0: is the module bcm2835_wdt loaded?",
        "wifi for uplink": "no wlan0 (brcmfmac)",
        "storage": "/dev/mmcblk0, 1.0 GB; 4 GiB are wanted",
        "memory": "488 MiB, of which the box may take 1024",
    }


def test_a_chip_that_nobody_may_ask_for_is_neither_there_nor_missing(tmp_path):
    parts = detect.parts(pi_4(tmp_path), str(tmp_path), None)
    assert next(each for each in parts if each.name == "GPIO chip").is_there is None


def test_a_serial_port_is_found_by_what_it_is_for():
    board = profile.load(Path(BOARDS[0]) / "x86-64")
    assert [detect.serial_port(board, role) for role in ("console", "modality", "modem")] == [
        "/dev/ttyS0", "/dev/ttyS1", None,
    ]  # fmt: skip
