"""No space, no names, files too big: A700, nothing torn under a final name, the rest whole, and it resumes."""

import os
import shutil

import pytest

from tests.hostile import sending
from tests.support import faults, process, rawpeer
from tests.support.rawpeer import CT, EXPLICIT, RawPeer
from tests.support.service import Service

SUCCESS, OUT_OF_RESOURCES = 0x0000, 0xA700
MIB = 1 << 20
PIXELS = os.urandom(MIB)
NO_RESERVE = {"reserve_bytes": 0}


def test_a_full_disk_is_answered_with_a700_and_receiving_resumes_by_itself(tmp_path):
    with faults.tmpfs(tmp_path / "disk", 64 * MIB) as disk:
        with Service(tmp_path / "box", state_dir=disk / "state", limits=NO_RESERVE) as box:
            first = b"2.25.101"
            assert sending.store(box.port, (first, sending.ct(first, PIXELS))) == [SUCCESS]
            ballast = faults.fill_space(disk, MIB // 2)
            late = b"2.25.102"
            assert sending.store(box.port, (late, sending.ct(late, PIXELS))) == [OUT_OF_RESOURCES]
            assert box.partial() == []
            assert sending.kept(box) == {first.decode(): sending.ct(first, PIXELS)}
            ballast.unlink()
            assert sending.store(box.port, (late, sending.ct(late, PIXELS))) == [SUCCESS]
            assert set(sending.kept(box)) == {"2.25.101", "2.25.102"}
            assert len(box.objects()) == 2


def test_a_disk_that_fills_up_to_the_last_octet_while_objects_come_loses_none_that_was_acknowledged(tmp_path):
    with faults.tmpfs(tmp_path / "disk", 48 * MIB) as disk:
        with Service(tmp_path / "box", state_dir=disk / "state", limits=NO_RESERVE) as box:
            ballast = faults.fill_space(disk, 3 * MIB)
            sizes = [300_000, 100_000, 10_000, 100] * 8
            objects = [
                (b"2.25.2%02d" % n, sending.ct(b"2.25.2%02d" % n, PIXELS[:size])) for n, size in enumerate(sizes)
            ]
            statuses = sending.store(box.port, *objects)
            assert set(statuses) == {SUCCESS, OUT_OF_RESOURCES}
            acknowledged = {uid.decode(): data for (uid, data), status in zip(objects, statuses) if status == SUCCESS}
            assert sending.kept(box) == acknowledged
            assert box.partial() == []
            box.kill()
            ballast.unlink()
            box.restart()
            assert sending.kept(box) == acknowledged
            assert {each["sop_instance"] for each in box.objects()} == set(acknowledged)


def test_a_disk_without_names_is_answered_with_a700_and_receiving_resumes_by_itself(tmp_path):
    with faults.tmpfs(tmp_path / "disk", 64 * MIB, inodes=2000) as disk:
        with Service(tmp_path / "box", state_dir=disk / "state", limits=NO_RESERVE) as box:
            with RawPeer(box.port) as peer:
                peer.associate([(1, CT, [EXPLICIT])])
                assert peer.store(1, CT, b"2.25.301", sending.ct(b"2.25.301")).status == SUCCESS
                ballast = faults.fill_inodes(disk, 0)
                late = sending.ct(b"2.25.302")
                assert peer.store(1, CT, b"2.25.302", late).status == OUT_OF_RESOURCES
                assert set(sending.kept(box)) == {"2.25.301"}
                shutil.rmtree(ballast)
                process.wait_until(
                    lambda: peer.store(1, CT, b"2.25.302", late).status == SUCCESS, 20, "receiving to resume", 0.2
                )
            assert set(sending.kept(box)) == {"2.25.301", "2.25.302"}
            assert box.partial() == []


def test_a_file_beyond_the_size_limit_of_the_process_is_answered_with_a700(tmp_path):
    with Service(tmp_path, wrap=["prlimit", f"--fsize={72 * MIB}"]) as box:
        large = sending.ct(b"2.25.401", bytes(80 * MIB))
        assert sending.store(box.port, (b"2.25.401", large), (b"2.25.402", sending.ct(b"2.25.402"))) == [
            OUT_OF_RESOURCES,
            SUCCESS,
        ]
        assert set(sending.kept(box)) == {"2.25.402"}
        assert box.partial() == []


@pytest.mark.parametrize("number", range(1, 9))
def test_no_space_at_any_one_write_of_an_object_is_a700_or_nothing_at_all(tmp_path, number):
    with Service(tmp_path) as box:
        with faults.failing(box.pid, "write,writev,pwrite64,pwritev", "ENOSPC", number):
            objects = [(b"2.25.5%02d" % n, sending.ct(b"2.25.5%02d" % n, PIXELS[:200_000])) for n in range(4)]
            statuses = sending.store(box.port, *objects)
        assert set(statuses) <= {SUCCESS, OUT_OF_RESOURCES}
        assert statuses.count(OUT_OF_RESOURCES) <= 1
        acknowledged = {uid.decode(): data for (uid, data), status in zip(objects, statuses) if status == SUCCESS}
        assert sending.kept(box) == acknowledged
        assert box.partial() == []
        box.kill()
        box.restart()
        assert sending.kept(box) == acknowledged


def test_the_reserve_of_free_space_stops_receiving_before_the_disk_is_full(tmp_path):
    with faults.tmpfs(tmp_path / "disk", 128 * MIB) as disk:
        with Service(tmp_path / "box", state_dir=disk / "state", limits={"reserve_bytes": 32 * MIB}) as box:
            with RawPeer(box.port) as peer:
                peer.associate([(1, CT, [EXPLICIT])])
                assert peer.store(1, CT, b"2.25.601", sending.ct(b"2.25.601")).status == SUCCESS
                ballast = faults.fill_space(disk, 31 * MIB)
                assert peer.store(1, CT, b"2.25.602", sending.ct(b"2.25.602")).status == OUT_OF_RESOURCES
            with RawPeer(box.port) as late:
                late.write(rawpeer.associate_rq([(1, CT, [EXPLICIT])]))
                answer = late.read_pdu()
                assert (answer.kind, answer.body[1]) == (3, 2), "not an A-ASSOCIATE-RJ, transient"
            assert set(sending.kept(box)) == {"2.25.601"}
            ballast.unlink()
            assert sending.store(box.port, (b"2.25.602", sending.ct(b"2.25.602"))) == [SUCCESS]
