"""A running box on a small disk: high water, the alarm, what goes and what stays, and receiving again."""

import os

from tests.hostile import sending
from tests.support import dcmtk, faults, process
from tests.support.service import Service, destination, route

MIB = 1 << 20
SUCCESS, OUT_OF_RESOURCES = 0x0000, 0xA700
LIMITS = {"reserve_bytes": 8 * MIB, "high_water_percent": 80, "low_water_percent": 50}


def send(box, first, number):
    """Send so many objects of 1 MiB; return the UIDs of those that were acknowledged, and the statuses."""
    uids = ["2.25.9%03d" % each for each in range(first, first + number)]
    pixels = os.urandom(MIB)
    statuses = sending.store(box.port, *[(uid.encode(), sending.ct(uid.encode(), pixels)) for uid in uids])
    return [uid for uid, status in zip(uids, statuses) if status == SUCCESS], set(statuses)


def alarm(box):
    """What `edge status` says of high water, or None."""
    return {each["key"]: each["error"] for each in box.status()["troubles"]}.get("high water")


def removed(box):
    """The causes of all removals that the journal tells of."""
    lines = [line for path in sorted(box.state_dir.glob("journal/*.log")) for line in path.read_bytes().split(b"\n")]
    return {b"space" if b'"cause":"space"' in line else line for line in lines if b" removed " in line}


def test_from_high_water_on_there_is_an_alarm_until_what_was_delivered_has_gone_down_to_low_water(tmp_path):
    archive = destination("archive", process.free_port(), retry_first_s=0.2, retry_cap_s=1)
    with faults.tmpfs(tmp_path / "disk", 64 * MIB) as disk:
        with Service(tmp_path, [archive], [route("archive")], state_dir=disk / "state", limits=LIMITS) as box:
            kept, statuses = send(box, 0, 30)
            assert statuses == {SUCCESS}
            assert alarm(box) is None
            more, _ = send(box, 30, 14)
            process.wait_until(lambda: alarm(box), 10, "the alarm at high water")
            assert " not delivered to archive" in alarm(box)
            assert "trouble: the objects take" in box.log()
            said = box.edge("status", check=False)
            assert said.returncode == 1
            assert "trouble       the objects take" in said.stdout
            assert 80 <= box.status()["taken_percent"] < 95
            last, statuses = send(box, 44, 16)
            assert statuses == {SUCCESS, OUT_OF_RESOURCES}
            kept += more + last
            assert sorted(sending.kept(box)) == sorted(kept), "what was not delivered was removed"
            assert not removed(box)
            with dcmtk.Storescp(tmp_path / "archive", port=archive["port"]):
                process.wait_until(lambda: alarm(box) is None, 30, "the alarm to end", 0.1)
                process.wait_until(lambda: "no trouble any more: high water" in box.log(), 20, "the log to say so")
                process.wait_until(
                    lambda: len(list((tmp_path / "archive").iterdir())) == len(kept), 30, "everything to arrive", 0.1
                )
            assert 0 < box.status()["taken_percent"] <= 50
            assert removed(box) == {b"space"}
            assert send(box, 100, 3)[1] == {SUCCESS}
            assert set(sending.kept(box)) > {"2.25.9100", "2.25.9101", "2.25.9102"}


def test_a_box_that_is_filled_while_its_archive_listens_goes_on_without_refusing(tmp_path):
    with (
        dcmtk.Storescp(tmp_path / "archive") as scp,
        faults.tmpfs(tmp_path / "disk", 64 * MIB) as disk,
        Service(
            tmp_path, [destination("archive", scp.port)], [route("archive")], state_dir=disk / "state", limits=LIMITS
        ) as box,
    ):
        acknowledged = []
        for part in range(12):
            uids, statuses = send(box, 8 * part, 8)
            assert statuses == {SUCCESS}
            acknowledged += uids
            process.wait_until(
                lambda: len(list((tmp_path / "archive").iterdir())) == len(acknowledged), 30, "deliveries", 0.02
            )
        process.wait_until(lambda: alarm(box) is None and box.status()["taken_percent"] < 80, 20, "low water", 0.1)
