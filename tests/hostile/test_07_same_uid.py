"""The same SOP Instance UID again: the same bytes make one object, other bytes are kept beside it, never silently."""

from tests.hostile import sending
from tests.support import process
from tests.support.archive import Archive
from tests.support.service import Service, destination, route

UID = b"2.25.700"
ORIGINAL = sending.ct(UID, b"\1\2" * 1000)
OTHER = sending.ct(UID, b"\3\4" * 1000)


def data_sets(box):
    return sorted(sending.kept(box).values())


def test_the_same_bytes_again_are_a_success_and_one_object(tmp_path):
    with Service(tmp_path) as box:
        assert sending.store(box.port, (UID, ORIGINAL), (UID, ORIGINAL)) == [0, 0]
        assert sending.store(box.port, (UID, ORIGINAL)) == [0]
        assert data_sets(box) == [ORIGINAL]
        assert len(box.objects()) == 1
        assert box.partial() == []


def test_the_same_bytes_again_are_not_forwarded_twice(tmp_path):
    with Archive() as archive:
        with Service(tmp_path, [destination("archive", archive.port)], [route("archive")]) as box:
            sending.store(box.port, (UID, ORIGINAL))
            archive.await_received(1)
            sending.store(box.port, (UID, ORIGINAL), (b"2.25.701", sending.ct(b"2.25.701")))
            archive.await_received(2)
    assert [each.sop_instance for each in archive.received] == [UID.decode(), "2.25.701"]


def test_other_bytes_are_kept_beside_the_first_and_held(tmp_path):
    with Archive() as archive:
        with Service(tmp_path, [destination("archive", archive.port)], [route("archive")]) as box:
            assert sending.store(box.port, (UID, ORIGINAL), (UID, OTHER)) == [0, 0]
            archive.await_received(1)
            assert data_sets(box) == sorted([ORIGINAL, OTHER])
            assert len(box.objects()) == 2
            held = process.wait_until(lambda: [job for job in box.queue() if job["state"] == "held"], 20, "a held job")
            assert len(held) == 1
            assert UID.decode() in str(held[0])
    assert [each.data_set for each in archive.received] == [ORIGINAL]


def test_other_bytes_stay_beside_the_first_through_a_kill_and_a_lost_index(tmp_path):
    with Service(tmp_path) as box:
        assert sending.store(box.port, (UID, ORIGINAL), (UID, OTHER)) == [0, 0]
        box.kill()
        for path in box.state_dir.glob("index.db*"):
            path.unlink()
        box.restart()
        assert data_sets(box) == sorted([ORIGINAL, OTHER])
        assert len(box.objects()) == 2
        assert sending.store(box.port, (UID, ORIGINAL), (UID, OTHER)) == [0, 0]
        assert data_sets(box) == sorted([ORIGINAL, OTHER])
