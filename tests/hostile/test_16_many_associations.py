"""Three hundred associations: the cap answers, and afterwards nothing is left of them; an endless object stops."""

import os

import pytest

from tests.bench import measure
from tests.hostile import sending
from tests.support import process, rawpeer
from tests.support.rawpeer import COMMAND, CT, EXPLICIT, IMPLICIT, LAST, VERIFICATION, RawPeer, p_data, pdv, store_rq
from tests.support.service import Service

CAP = 20
ATTEMPTS = 300
LOCAL_LIMIT_EXCEEDED = (2, 3, 2)
MIB = 1 << 20


def descriptors(box):
    return len(os.listdir(f"/proc/{box.pid}/fd"))


def test_the_cap_answers_local_limit_exceeded_and_nothing_is_left_afterwards(tmp_path):
    with Service(tmp_path, dicom={"max_associations": CAP}, limits={"per_address": 1000}) as box:
        peers = [RawPeer(box.port) for _ in range(CAP)]
        for peer in peers:
            peer.associate([(1, VERIFICATION, [IMPLICIT])])
        for peer in peers:
            peer.release()
            peer.socket.close()
        process.wait_until(lambda: box.status()["associations"] == [], 10, "the associations to end")
        threads, opened, memory = measure.threads(box.pid), descriptors(box), measure.memory(box.pid)
        answers, peers = [], []
        for _ in range(ATTEMPTS):
            peer = RawPeer(box.port)
            peers.append(peer)
            peer.write(rawpeer.associate_rq([(1, VERIFICATION, [IMPLICIT])]))
            answer = peer.read_pdu()
            answers.append(2 if answer.kind == 2 else tuple(answer.body[1:4]))
        assert answers == [2] * CAP + [LOCAL_LIMIT_EXCEEDED] * (ATTEMPTS - CAP)
        assert all(peer.echo(1).status == 0 for peer in peers[:CAP])
        for peer in peers:
            peer.socket.close()
        process.wait_until(lambda: measure.threads(box.pid) <= threads, 10, "the threads to end")
        process.wait_until(lambda: descriptors(box) <= opened, 10, "the descriptors to be closed")
        assert measure.memory(box.pid).rss_bytes - memory.rss_bytes < MIB
        assert sending.store(box.port, (b"2.25.1600", sending.ct(b"2.25.1600"))) == [0]


def test_an_object_without_end_stops_at_the_limit_and_leaves_nothing(tmp_path):
    with Service(tmp_path, limits={"object_bytes": MIB}) as box:
        with RawPeer(box.port) as peer:
            peer.associate([(1, CT, [EXPLICIT])])
            peer.write(p_data([pdv(1, COMMAND | LAST, store_rq(1, CT, b"2.25.1601"))]))
            peer.write(p_data([pdv(1, 0, sending.ct(b"2.25.1601"))]))
            with pytest.raises(ConnectionError):
                for _ in range(100):
                    peer.write(p_data([pdv(1, 0, bytes(100_000))]))
                peer.read(1)
                raise ConnectionError("an answer came: the abort")
        process.wait_until(lambda: box.partial() == [], 10, "the partial object to go")
        assert box.stored() == []
        assert sending.store(box.port, (b"2.25.1602", sending.ct(b"2.25.1602"))) == [0]


def test_pdvs_without_end_in_an_empty_object_stop(tmp_path):
    with Service(tmp_path, dicom={"idle_timeout_s": 2, "pdu_s": 2}) as box:
        with RawPeer(box.port, timeout_s=6) as peer:
            peer.associate([(1, CT, [EXPLICIT])])
            peer.write(p_data([pdv(1, COMMAND | LAST, store_rq(1, CT, b"2.25.1603"))]))
            for _ in range(1000):
                peer.write(p_data([pdv(1, 0, b"")]))
            assert peer.read_pdu().kind == 7
        process.wait_until(lambda: box.partial() == [], 10, "the partial object to go")
        assert box.stored() == []
