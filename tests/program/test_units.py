"""The units that the box runs in on an appliance: what each may do is judged by systemd's own measure."""

import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
UNITS = PROJECT / "image-build" / "units"
# systemd's figure, 0 to 10: less is less exposed. The box faces the network; a steward is asked by the box alone.
MOST = {
    "edge.service": 1.5,
    "edge-steward-lamps.service": 1.5,
    "edge-steward-mounts.service": 4.5,
    "edge-steward-network.service": 3.0,
    "edge-steward-network-start.service": 3.1,
    "edge-steward-resetting.service": 1.6,
    "edge-steward-updating.service": 3.0,
    "edge-wifi@.service": 2.6,
}


def settings(unit):
    """Return the settings of a unit as {name: [values]}."""
    found = {}
    for line in (UNITS / unit).read_text(encoding="ascii").splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A root with the units in it, for a board with 128 MiB for the box, and with what they run."""
    made = tmp_path_factory.mktemp("root")
    subprocess.run([UNITS / "put", made, "128"], check=True)
    for name in ("usr/bin/edge", "usr/bin/sh", "bin/sh", "usr/sbin/wpa_supplicant"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).touch(mode=0o755)
    return made


def test_every_unit_is_judged():
    assert sorted(MOST) == sorted(path.name for path in UNITS.glob("*.service"))


@pytest.mark.parametrize("unit", sorted(MOST))
def test_a_unit_is_as_little_exposed_as_said(unit):
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", UNITS / unit]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said)[1]) <= MOST[unit]


def test_systemd_understands_all_of_them(root):
    units = [f"/usr/lib/systemd/system/{path.name.replace('@', '@wlan0')}" for path in UNITS.glob("*.s[eo][rc]*")]
    assert len(units) > 10
    command = ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", f"--root={root}", *units]
    said = subprocess.run(command, capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")


def test_the_box_has_no_privileges_and_tells_systemd_that_it_moves():
    box = settings("edge.service")
    assert box["User"] == ["edge"] and box["CapabilityBoundingSet"] == [""] and "AmbientCapabilities" not in box
    assert box["Type"] == ["notify"] and int(box["WatchdogSec"][0]) > 0 and box["Restart"] == ["always"]
    assert "LogsDirectory" not in box


def test_every_steward_is_asked_over_a_socket_that_the_box_may_open():
    stewards = [name for name in MOST if name.startswith("edge-steward-") and not name.endswith("-start.service")]
    for name in stewards:
        socket = settings(name.replace(".service", ".socket"))
        role = name.removeprefix("edge-steward-").removesuffix(".service")
        assert socket["ListenStream"] == [f"/run/edge/steward/{role}.sock"]
        assert (socket["SocketGroup"], socket["SocketMode"]) == (["edge"], ["0660"])
        assert settings(name)["ExecStart"] == [f"/usr/bin/edge steward {role}"]


def test_a_boards_memory_is_the_boxs_limit(root):
    limit = (root / "usr/lib/systemd/system/edge.service.d/limit.conf").read_text(encoding="ascii")
    assert "MemoryHigh=115M\nMemoryMax=128M\n" in limit
