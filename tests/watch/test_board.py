"""What the kernel tells of the machine, from trees of files like its own; and a state folder that turns read-only."""

import os

import pytest

from edge.watch.board import Board
from tests.crash.ext4 import Ext4
from tests.spool.data import Clock
from tests.support.process import wait_until
from tests.support.service import Service
from tests.watch.asking import ask


class Machine:
    """A folder with files of the kernel's, for the disk that a state folder lies on."""

    def __init__(self, root, state):
        self.root = root
        self.state = state
        number = os.stat(state).st_dev
        partition = root / "sys/devices/platform/emmc/block/mmcblk0/mmcblk0p2"
        partition.mkdir(parents=True)
        (partition / "partition").write_text("2\n")
        numbers = root / "sys/dev/block"
        numbers.mkdir(parents=True)
        (numbers / f"{os.major(number)}:{os.minor(number)}").symlink_to(partition)
        self.put("sys/devices/platform/emmc/block/mmcblk0/stat", " 1 2 3 4 5 6 2000 8 9 10 11\n")
        self.put("sys/fs/ext4/mmcblk0p2/lifetime_write_kbytes", "1048576\n")

    def put(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def life(self, text, eol="0x01"):
        self.put("sys/devices/platform/emmc/block/mmcblk0/device/life_time", text + "\n")
        self.put("sys/devices/platform/emmc/block/mmcblk0/device/pre_eol_info", eol + "\n")

    def board(self, now=Clock()):
        return Board(str(self.state), str(self.root), now)

    def troubles(self):
        return {each.key: each.words for each in self.board().troubles()}


@pytest.fixture
def machine(tmp_path):
    (tmp_path / "state").mkdir()
    return Machine(tmp_path / "root", tmp_path / "state")


def test_a_machine_that_tells_nothing_has_no_troubles(tmp_path):
    board = Board(str(tmp_path), str(tmp_path / "nothing"))
    found = board.readings()
    assert found._replace(storage=None) == (None,) * 7
    assert found.storage == (None, None, None, None, False, None)
    assert board.troubles() == []


def test_the_storage_below_the_state_folder_is_found_by_its_number(machine):
    found = machine.board().readings().storage
    assert (found.device, found.written_bytes, found.written_since_start_bytes) == ("mmcblk0", 1 << 30, 2000 * 512)
    assert found.read_only is False


def test_the_storage_below_an_encrypted_volume_is_found(machine):
    volume = machine.root / "sys/devices/virtual/block/dm-0"
    (volume / "slaves").mkdir(parents=True)
    partition = machine.root / "sys/devices/platform/emmc/block/mmcblk0/mmcblk0p2"
    (volume / "slaves/mmcblk0p2").symlink_to(partition)
    (link,) = (machine.root / "sys/dev/block").iterdir()
    link.unlink()
    link.symlink_to(volume)
    machine.life("0x03 0x02")
    found = machine.board().readings().storage
    assert (found.device, found.wear_percent) == ("mmcblk0", 30)


@pytest.mark.parametrize(
    "life, eol, percent, is_trouble",
    [
        ("0x01 0x01", "0x01", 10, False),
        ("0x02 0x07", "0x01", 70, False),
        ("0x08 0x02", "0x01", 80, True),
        ("0x0b 0x01", "0x01", 110, True),
        ("0x01 0x01", "0x02", 80, True),
        ("0x00 0x00", "0x00", None, False),
        ("nonsense", "", None, False),
    ],
)
def test_the_life_of_an_emmc_is_told_and_four_fifths_of_it_are_a_trouble(machine, life, eol, percent, is_trouble):
    machine.life(life, eol)
    assert machine.board().readings().storage.wear_percent == percent
    assert ("wear" in machine.troubles()) is is_trouble
    if is_trouble:
        assert "%d %% of the life of mmcblk0" % percent in machine.troubles()["wear"]


def test_errors_that_the_file_system_found_are_a_trouble(machine):
    machine.put("sys/fs/ext4/mmcblk0p2/errors_count", "0\n")
    assert "file system" not in machine.troubles()
    machine.put("sys/fs/ext4/mmcblk0p2/errors_count", "2\n")
    assert "found 2 errors in itself" in machine.troubles()["file system"]


def test_heat_is_a_trouble_until_it_is_well_over(machine, monkeypatch):
    monkeypatch.setattr("edge.watch.board._STANDS_S", 0)
    board = machine.board()
    for zone, temperature, expected in ((0, 62500, 0), (1, 91000, 1), (1, 86000, 1), (1, 84000, 0), (1, 86000, 0)):
        machine.put("sys/class/thermal/thermal_zone%d/temp" % zone, "%d\n" % temperature)
        assert len(board.troubles()) == expected
        assert board.readings().temperature_c == temperature / 1000


@pytest.mark.parametrize("bits, now, before", [("0", False, False), ("50000", False, True), ("50005", True, True)])
def test_a_power_supply_that_is_too_weak_is_told(machine, bits, now, before):
    machine.put("sys/devices/platform/soc/soc:firmware/get_throttled", bits + "\n")
    found = machine.board().readings()
    assert (found.undervoltage, found.undervoltage_before) == (now, before)
    assert ("undervoltage" in machine.troubles()) is now


def test_the_alarm_of_the_voltage_sensor_is_told_too(machine):
    machine.put("sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    machine.put("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")
    assert machine.board().readings().undervoltage is True


def test_a_supply_that_was_too_weak_for_a_moment_is_a_trouble_for_some_minutes(machine, monkeypatch):
    monkeypatch.setattr("edge.watch.board._STANDS_S", 0)
    clock = Clock()
    board = machine.board(clock)
    machine.put("sys/devices/platform/soc/soc:firmware/get_throttled", "1")
    assert [each.key for each in board.troubles()] == ["undervoltage"]
    machine.put("sys/devices/platform/soc/soc:firmware/get_throttled", "10000")
    clock.now += 300
    assert [each.key for each in board.troubles()] == ["undervoltage"]
    clock.now += 400
    assert board.troubles() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_state_folder_that_turns_read_only_is_said_loudly_and_the_box_goes_on(tmp_path):
    with Ext4(tmp_path / "disk", 64, "-e", "remount-ro") as disk:
        with Service(tmp_path / "box", state_dir=disk.path + "/state", limits={"reserve_bytes": "1 MiB"}) as box:
            assert ask(box, "health")[1] == {"state": "ready", "reasons": []}
            number = os.stat(disk.path).st_dev
            device = os.path.basename(os.path.realpath("/sys/dev/block/%d:%d" % (os.major(number), os.minor(number))))
            with open("/sys/fs/ext4/%s/trigger_fs_error" % device, "w", encoding="ascii") as fault:
                fault.write("a fault that a test made\n")
            found = wait_until(lambda: find(ask(box, "health")[1], "read-only"), 10, "the trouble")
            assert "cannot be written" in found["words"] and "dmesg" in found["words"]
            assert find(ask(box, "health")[1], "file system")
            assert ask(box, "status")[1]["board"]["storage"]["read_only"] is True
            wait_until(lambda: "trouble: the file system of" in box.log(), 20, "the log to say so")


def find(health, key):
    assert health["state"] == ("degraded" if health["reasons"] else "ready")
    return next((each for each in health["reasons"] if each["key"] == key), None)
