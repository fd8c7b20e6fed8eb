"""Senders as old modalities are: small or unlimited PDUs, PDVs cut anywhere, padded UIDs, Nagle's algorithm on."""

import random
import time

import pytest

from tests.bench import material
from tests.support import dcmtk, rawpeer, samples
from tests.support.rawpeer import COMMAND, CT, EXPLICIT, IMPLICIT, LAST, VERIFICATION, RawPeer, p_data, pdv, store_rq
from tests.support.service import Service


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("box")) as running:
        yield running


@pytest.fixture
def ct(tmp_path):
    """(SOP Instance UID, data set) of a CT nobody has sent yet, explicit little endian."""
    (path,) = material.ct_series(tmp_path / "ct", 1, 128)
    octets = path.read_bytes()
    return samples.read(path).SOPInstanceUID.encode(), octets[samples.data_set_offset(octets) :]


def kept(box, sop_instance):
    """The data set that the box keeps under a SOP Instance UID."""
    (path,) = box.state_dir.glob(f"objects/*/{sop_instance.decode()}.dcm")
    octets = path.read_bytes()
    return octets[samples.data_set_offset(octets) :]


def as_pdvs(data_set, sizes):
    """The data set cut into PDVs of context 1, whose sizes come from an iterator."""
    pdvs, at = [], 0
    while at < len(data_set):
        size = next(sizes)
        at += size
        pdvs.append(pdv(1, LAST if at >= len(data_set) else 0, data_set[at - size : at]))
    return pdvs


@pytest.mark.parametrize("max_pdu_bytes", [4096, 16384, 131072])
@pytest.mark.parametrize("tool", [dcmtk.STORESCU, dcmtk.DCMSEND])
def test_dcmtk_with_any_pdu_size_is_served(box, tmp_path, tool, max_pdu_bytes):
    paths = material.ct_series(tmp_path / "ct", 3, 256)
    dcmtk.send(tool, box.port, paths, options=["-pdu", max_pdu_bytes, "--max-send-pdu", max_pdu_bytes])
    for path in paths:
        octets = path.read_bytes()
        uid = samples.read(path).SOPInstanceUID.encode()
        assert kept(box, uid) == octets[samples.data_set_offset(octets) :]


@pytest.mark.parametrize("max_pdu_bytes", [0, 128, 4096])
def test_a_sender_that_takes_pdus_of_any_size_gets_answers_that_fit(box, max_pdu_bytes):
    with RawPeer(box.port) as peer:
        peer.associate([(1, VERIFICATION, [IMPLICIT])], max_pdu_bytes=max_pdu_bytes)
        peer.write(p_data([pdv(1, COMMAND | LAST, rawpeer.echo_rq(1))]))
        answer = peer.read_pdu()
        assert answer.kind == 4
        assert max_pdu_bytes == 0 or len(answer.body) <= max_pdu_bytes
        assert answer.body[6:18].hex() == "000000000400000042000000" or max_pdu_bytes == 128


def test_pdvs_may_be_cut_anywhere(box, ct):
    uid, data_set = ct
    sizes = random.Random(1)
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        peer.write(p_data([pdv(1, COMMAND | LAST, store_rq(1, CT, uid))]))
        cut = as_pdvs(data_set, iter(lambda: sizes.choice((1, 2, 3, 7, 100, 4000, 9001)), None))
        for each in cut:
            peer.write(p_data([each]))
        assert peer.read_answer().status == 0
    assert kept(box, uid) == data_set


def test_several_pdvs_in_one_pdu_are_taken_apart(box, ct):
    uid, data_set = ct
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        peer.write(p_data([pdv(1, COMMAND | LAST, store_rq(1, CT, uid))]))
        cut = as_pdvs(data_set, iter(lambda: 1500, None))
        for begin in range(0, len(cut), 7):
            peer.write(p_data(cut[begin : begin + 7]))
        assert peer.read_answer().status == 0
    assert kept(box, uid) == data_set


def test_command_and_data_may_share_a_pdu(box, ct):
    uid, data_set = ct
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        peer.write(p_data([pdv(1, COMMAND | LAST, store_rq(1, CT, uid)), pdv(1, LAST, data_set)]))
        assert peer.read_answer().status == 0
    assert kept(box, uid) == data_set


def test_a_command_may_come_in_many_pdvs(box, ct):
    uid, data_set = ct
    command = store_rq(1, CT, uid)
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        for at in range(len(command)):
            peer.write(p_data([pdv(1, COMMAND | (LAST if at + 1 == len(command) else 0), command[at : at + 1])]))
        peer.write(p_data([pdv(1, LAST, data_set)]))
        assert peer.read_answer().status == 0
    assert kept(box, uid) == data_set


def test_an_empty_last_pdv_ends_the_data_set(box, ct):
    uid, data_set = ct
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        peer.write(p_data([pdv(1, COMMAND | LAST, store_rq(1, CT, uid))]))
        peer.write(p_data([pdv(1, 0, data_set)]))
        peer.write(p_data([pdv(1, LAST, b"")]))
        assert peer.read_answer().status == 0
    assert kept(box, uid) == data_set


def test_octets_may_come_one_by_one(box):
    with RawPeer(box.port) as peer:
        peer.write_split(rawpeer.associate_rq([(1, VERIFICATION, [IMPLICIT])]), 1)
        assert peer.read_pdu().kind == 2
        peer.write_split(p_data([pdv(1, COMMAND | LAST, rawpeer.echo_rq(1))]), 1)
        assert peer.read_answer().status == 0
        peer.write_split(rawpeer.pdu(5, bytes(4)), 1)
        assert peer.read_pdu().kind == 6


def test_uids_of_odd_length_may_be_padded_with_a_space(box, ct):
    uid, data_set = ct
    odd = uid + b"7"
    data_set = data_set.replace(b"\x08\x00\x18\x00UI\x2c\x00" + uid, b"\x08\x00\x18\x00UI\x2e\x00" + odd + b" ")
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        peer.write(p_data([pdv(1, COMMAND | LAST, store_rq(1, CT, odd, pad=b" "))]))
        peer.write(p_data([pdv(1, LAST, data_set)]))
        assert peer.read_answer().status == 0
    assert kept(box, odd) == data_set


def test_uids_in_the_association_request_may_be_padded(box):
    with RawPeer(box.port) as peer:
        padded = [(1, VERIFICATION + b"\0", [IMPLICIT + b" "])]
        accepted = peer.associate(padded)
        assert accepted.contexts[1][0] == 0
        assert peer.echo(1).status == 0


def test_a_sender_of_implicit_little_endian_alone_is_served(box, tmp_path):
    (path,) = material.ct_series(tmp_path / "ct", 1, 64)
    dcmtk.send(dcmtk.STORESCU, box.port, [path], options=["-xi"])
    uid = samples.read(path).SOPInstanceUID
    (stored,) = box.state_dir.glob(f"objects/*/{uid}.dcm")
    ours = samples.read(stored, force=False)
    assert ours.file_meta.TransferSyntaxUID == samples.IMPLICIT
    assert samples.differences(ours, samples.read(path)) == []


def waits_for_no_acknowledgement(send):
    """Say whether `send(attempt)`, the seconds that 20 objects took, stays below 20 delayed acknowledgements of 40 ms.

    Waiting for them is no matter of chance, so that one attempt without is proof; a busy machine may need several.
    """
    return any(send(attempt) < 20 * 0.04 for attempt in range(10))


def test_a_sender_with_nagle_on_does_not_wait_for_delayed_acknowledgements(box, tmp_path):
    def send(attempt):
        paths = material.ct_series(tmp_path / str(attempt), 20, 64)
        return dcmtk.send(dcmtk.STORESCU, box.port, paths, nagle=True)

    # this sender would run into two of them for each object
    assert waits_for_no_acknowledgement(send)


def test_small_segments_with_nagle_on_are_acknowledged_at_once(box, ct):
    uid, data_set = ct

    def send(_):
        begun = time.monotonic()
        for number in range(20):
            peer.write(p_data([pdv(1, COMMAND | LAST, store_rq(number + 1, CT, uid))]))
            for begin in range(0, 4):
                peer.write(p_data([pdv(1, 0, data_set[begin * 100 : begin * 100 + 100])]))
            peer.write(p_data([pdv(1, LAST, data_set[400:])]))
            assert peer.read_answer().status == 0
        return time.monotonic() - begun

    with RawPeer(box.port, nodelay=False) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        assert waits_for_no_acknowledgement(send)


def test_many_objects_on_one_association_and_many_associations_are_the_same(box, tmp_path):
    paths = material.ct_series(tmp_path / "ct", 12, 64)
    dcmtk.send(dcmtk.STORESCU, box.port, paths[:6])
    for path in paths[6:]:
        dcmtk.send(dcmtk.STORESCU, box.port, [path])
    for path in paths:
        octets = path.read_bytes()
        uid = samples.read(path).SOPInstanceUID.encode()
        assert kept(box, uid) == octets[samples.data_set_offset(octets) :]


def test_a_release_that_collides_with_the_end_of_a_message_is_answered(box, ct):
    uid, data_set = ct
    with RawPeer(box.port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        peer.write(
            p_data([pdv(1, COMMAND | LAST, store_rq(1, CT, uid)), pdv(1, LAST, data_set)]) + rawpeer.pdu(5, bytes(4))
        )
        assert peer.read_answer().status == 0
        assert peer.read_pdu().kind == 6
    assert kept(box, uid) == data_set
