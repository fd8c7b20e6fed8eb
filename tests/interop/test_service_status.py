"""The statuses of PS3.4 B.2.3, each where it belongs: what the box answers, and what it makes of other answers."""

import pytest

from tests.bench import material
from tests.support import process, rawpeer, samples
from tests.support.archive import Archive
from tests.support.rawpeer import COMMAND, CT, EXPLICIT, LAST, RawPeer, p_data, pdv
from tests.support.service import Service, destination, route

SUCCESS, OUT_OF_RESOURCES, MISMATCH, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xA900, 0xC000
WARNING_COERCION = 0xB000
MR = b"1.2.840.10008.5.1.4.1.1.4"
LIMIT_S = 60


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("box")) as running:
        yield running


def new_ct(folder, side=64):
    """(SOP Instance UID, data set) of a CT nobody has sent yet, explicit little endian."""
    (path,) = material.ct_series(folder, 1, side)
    octets = path.read_bytes()
    return samples.read(path).SOPInstanceUID.encode(), octets[samples.data_set_offset(octets) :]


def store(box, uid, data_set, sop_class=CT, context=CT):
    """One C-STORE on an association of its own; return the status."""
    with RawPeer(box.port) as peer:
        peer.associate([(1, context, [EXPLICIT])])
        answer = peer.store(1, sop_class, uid, data_set)
        peer.release()
    return answer.status


def test_an_object_that_is_kept_is_answered_with_0000(box, tmp_path):
    assert store(box, *new_ct(tmp_path)) == SUCCESS


def test_the_answer_names_the_request_it_belongs_to(box, tmp_path):
    uid, data_set = new_ct(tmp_path)
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        fields = peer.store(1, CT, uid, data_set, message_id=777).fields
    assert int.from_bytes(fields[0x0120], "little") == 777
    assert int.from_bytes(fields[0x0100], "little") == 0x8001
    assert fields[0x0002].rstrip(b"\0") == CT
    assert fields[0x1000].rstrip(b"\0") == uid


def test_an_object_beyond_the_quota_is_answered_with_a700_and_nothing_of_it_is_left(tmp_path):
    with Service(tmp_path / "box", limits={"quota_bytes": 1 << 20}) as box:
        with RawPeer(box.port) as peer:
            peer.associate([(1, CT, [EXPLICIT])])
            objects = [new_ct(tmp_path / str(number), 512) for number in range(3)]
            statuses = [peer.store(1, CT, *each).status for each in objects]
        assert statuses[0] == SUCCESS
        assert statuses[2] == OUT_OF_RESOURCES
        assert len(box.stored()) == statuses.count(SUCCESS)
        assert box.partial() == []


def test_associations_are_refused_as_temporary_below_the_reserve_of_free_space(tmp_path):
    with Service(tmp_path, limits={"reserve_bytes": 1000 << 40}) as box:
        with RawPeer(box.port) as peer:
            peer.write(rawpeer.associate_rq([(1, CT, [EXPLICIT])]))
            answer = peer.read_pdu()
    assert (answer.kind, answer.body[1]) == (3, 2)


def test_a_data_set_of_another_instance_is_answered_with_a900(box, tmp_path):
    _, data_set = new_ct(tmp_path)
    assert store(box, b"2.25.1234", data_set) == MISMATCH


def test_a_data_set_of_another_class_is_answered_with_a900(box, tmp_path):
    uid, data_set = new_ct(tmp_path)
    assert store(box, uid, data_set, MR, MR) == MISMATCH


def test_a_command_of_another_class_than_its_context_is_answered_with_a900(box, tmp_path):
    uid, data_set = new_ct(tmp_path)
    assert store(box, uid, data_set, CT, MR) == MISMATCH


@pytest.mark.parametrize("octets", [b"\x00\x01 not a data set \xff\xff" * 20, b"\x08\x00", b"\xff" * 4000])
def test_what_is_not_a_data_set_is_answered_with_c000(box, octets):
    assert store(box, b"2.25.99", octets) == CANNOT_UNDERSTAND


def test_the_association_goes_on_after_a_refused_object(box, tmp_path):
    uid, data_set = new_ct(tmp_path)
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        assert peer.store(1, CT, b"2.25.99", data_set).status == MISMATCH
        assert peer.store(1, CT, uid, data_set).status == SUCCESS
        peer.release()


def test_a_sender_that_goes_on_after_being_refused_does_not_flood_the_log(tmp_path):
    _, data_set = new_ct(tmp_path)
    with Service(tmp_path / "box") as box:
        with RawPeer(box.port) as peer:
            peer.associate([(1, CT, [EXPLICIT])])
            for number in range(20):
                assert peer.store(1, CT, b"2.25.%d" % number, data_set, message_id=number + 1).status == MISMATCH
            peer.release()
        process.wait_until(lambda: "20 refused" in box.log(), LIMIT_S, "the association's end in the log")
        lines = [line for line in box.log().splitlines() if "refused an object" in line]
    assert len(lines) == 3
    assert lines[2].endswith("further ones of this association are only counted")


def test_nothing_of_a_refused_object_is_left_on_the_disk(box, tmp_path):
    before = box.stored()
    _, data_set = new_ct(tmp_path)
    store(box, b"2.25.4321", data_set)
    store(box, b"2.25.4322", b"\xff" * 1000)
    assert box.stored() == before
    assert box.partial() == []


def test_a_service_that_the_context_does_not_have_is_answered_with_0211(box):
    find = rawpeer.command_set(
        (0x0002, CT + b"\0"), (0x0100, b"\x20\0"), (0x0110, b"\1\0"), (0x0700, b"\0\0"), (0x0800, b"\1\1")
    )
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        peer.write(p_data([pdv(1, COMMAND | LAST, find)]))
        assert peer.read_answer().status == 0x0211


def forwarded(tmp_path, answer, until):
    """Send one object through a box to an archive that answers as told; return its job when `until(job)` is true."""
    with Archive(answer=answer) as archive:
        with Service(tmp_path / "box", [destination("archive", archive.port)], [route("archive")]) as box:
            assert store(box, *new_ct(tmp_path / "ct")) == SUCCESS

            def job():
                (found,) = box.queue()
                return found if until(found) else None

            return process.wait_until(job, LIMIT_S, "the job to get there", 0.2), archive


def test_a_warning_of_the_archive_counts_as_delivered(tmp_path):
    job, archive = forwarded(tmp_path, lambda _: WARNING_COERCION, lambda job: job["state"] == "delivered")
    assert len(archive.received) == 1


@pytest.mark.parametrize("status", [MISMATCH, CANNOT_UNDERSTAND, 0x0122])
def test_an_object_that_the_archive_will_never_take_is_held_with_the_status_in_words(tmp_path, status):
    job, archive = forwarded(tmp_path, lambda _: status, lambda job: job["state"] == "held")
    assert f"{status:04X}" in job["error"]
    assert 1 <= len(archive.received) <= 5
    assert len({each.data_set for each in archive.received}) == 1


def test_an_archive_that_is_out_of_resources_is_asked_again(tmp_path):
    said = []

    def answer(_):
        said.append(OUT_OF_RESOURCES if not said else SUCCESS)
        return said[-1]

    job, archive = forwarded(tmp_path, answer, lambda job: job["state"] == "delivered")
    assert said == [OUT_OF_RESOURCES, SUCCESS]
    assert len({each.data_set for each in archive.received}) == 1


def test_an_archive_that_is_down_gets_the_object_when_it_is_back(tmp_path):
    port = process.free_port()
    with Service(tmp_path / "box", [destination("archive", port)], [route("archive")]) as box:
        uid, data_set = new_ct(tmp_path / "ct")
        assert store(box, uid, data_set) == SUCCESS
        job = process.wait_until(
            lambda: next((job for job in box.queue() if job["error"]), None), LIMIT_S, "a first try"
        )
        assert job["state"] == "waiting"
        assert "refused" in job["error"]
        with Archive(port=port) as archive:
            (received,) = archive.await_received(1, LIMIT_S)
    assert received.data_set == data_set
