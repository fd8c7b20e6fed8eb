"""Names that lead elsewhere, end a command or hide something: no path leaves its root, and nobody runs anything.

The box writes what comes in below its state, and into a folder of a destination whose names are made of what the data
set says. Beside both stand files that no name may reach.
"""

import os
import re
import struct

import pytest

from tests.support import process
from tests.support.rawpeer import CT, EXPLICIT, RawPeer
from tests.support.service import Service, route

HOSTILE = [
    b"../../../bait", b"..", b".", b"/etc/bait", b"a/../../bait", b"1.2.3/4", b"1.2\x003", b"1.2;touch bait;",
    b"$(touch bait)", b"`touch bait`", b"|touch bait", b"&touch bait", b"-rf", b"--output=bait", b"%2e%2e%2fbait",
    b"..\\..\\bait", b"C:\\bait", b"CON", b"1" * 65, b"9" * 300, b"1.2.3\r\nbait: 1", b"\x1b[2Jbait", b"\xff\xfe", b"~",
    b"{bait}", b"%s%n", b"1.2.3 ", b"\xe2\x80\xaebait", b"<script>bait</script>", b"' or 1=1 --",
]  # fmt: skip
# Below the state only what a UID is made of; for people, whatever any system takes for a name, and shows as it is
PLAIN = re.compile(r"[0-9A-Za-z._-]{1,255}")
FOR_PEOPLE = re.compile(r"""[^\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200b-\u200f\u202a-\u202e]{1,255}""")


def element(group, number, vr, value):
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    if vr == b"OW":
        return struct.pack("<HH2sHI", group, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def hostile_ct(uid, name):
    """A CT whose patient, study and everything else that names are made of is `name`."""
    return b"".join((
        element(0x0008, 0x0016, b"UI", CT), element(0x0008, 0x0018, b"UI", uid), element(0x0008, 0x0050, b"SH", name),
        element(0x0008, 0x0060, b"CS", name), element(0x0010, 0x0010, b"PN", name),
        element(0x0010, 0x0020, b"LO", name), element(0x0020, 0x000D, b"UI", name),
        element(0x0020, 0x000E, b"UI", name), element(0x0020, 0x0013, b"IS", name),
        element(0x7FE0, 0x0010, b"OW", bytes(200)),
    ))  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder that has a box, a folder that it delivers to, and nothing else that it may touch."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def box(place):
    (place / "away").mkdir()
    away = {
        "name": "away", "kind": "folder", "path": str(place / "away"),
        "layout": "{PatientID}/{StudyInstanceUID}/{Modality}/{SOPInstanceUID}.dcm",
    }  # fmt: skip
    with Service(place / "box", [away], [route("away")]) as running:
        yield running


def outside(place):
    """What lies in the place but for what the box is to write."""
    return sorted(each.name for each in place.iterdir())


def judge(box, place):
    """Hold every name that the box has given a file or a folder against what fits there."""
    state = box.state_dir
    for root, fit in ((state / "objects", PLAIN), (state / "partial", PLAIN), (place / "away", FOR_PEOPLE)):
        for folder, folders, files in os.walk(root):
            for each in folders + files:
                assert fit.fullmatch(each) and each not in (".", ".."), os.path.join(folder, each)
                assert not os.path.islink(os.path.join(folder, each))


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_no_name_leads_out_of_its_folder(box, place, name):
    number = HOSTILE.index(name)
    good = b"2.25.18%02d" % number
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])], calling=name[:16])
        assert peer.store(1, CT, good, hostile_ct(good, name)).status == 0
        peer.release()
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        try:
            peer.store(1, CT, name, hostile_ct(name, name), 2)
        except AssertionError as abort:  # it is no UID: some are not even worth an answer
            assert "PDU type 7" in str(abort)
    assert outside(place) == ["away", "box"]
    judge(box, place)


def test_everything_that_came_was_delivered_and_nobody_ran_anything(box, place):
    process.wait_until(
        lambda: all(job["state"] in ("delivered", "held") for job in box.queue()), 20, "all to be delivered"
    )
    judge(box, place)
    delivered = list((place / "away").rglob("*.dcm"))
    assert len(delivered) >= len([row for row in box.objects() if row["sop_instance"].startswith("2.25.18")])
    assert not [path for path in place.rglob("*bait*") if not path.is_relative_to(place / "away")]
    log = box.log()
    assert "Traceback" not in log and "\x1b" not in log and "\r" not in log
