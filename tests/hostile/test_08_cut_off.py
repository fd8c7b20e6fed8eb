"""A resend that is cut off leaves the acknowledged copy as it was."""

import struct

import pytest

from tests.hostile import sending
from tests.support import process, rawpeer
from tests.support.rawpeer import COMMAND, CT, EXPLICIT, LAST, RawPeer, p_data, pdu, pdv, store_rq
from tests.support.service import Service

UID = b"2.25.800"
ORIGINAL = sending.ct(UID, b"\1\2" * 100_000)


def close(peer):
    peer.socket.close()


def reset(peer):
    peer.socket.setsockopt(rawpeer.socket.SOL_SOCKET, rawpeer.socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.socket.close()


def abort(peer):
    peer.write(pdu(7, bytes(4)))
    peer.is_closed()
    peer.socket.close()


def release(peer):
    peer.write(pdu(5, bytes(4)))
    peer.is_closed()
    peer.socket.close()


@pytest.mark.parametrize("end", [close, reset, abort, release])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 1.0])
def test_a_resend_that_is_cut_off_leaves_the_acknowledged_copy_as_it_was(tmp_path, end, share):
    with Service(tmp_path) as box:
        assert sending.store(box.port, (UID, ORIGINAL)) == [0]
        peer = RawPeer(box.port)
        peer.associate([(1, CT, [EXPLICIT])])
        peer.write(p_data([pdv(1, COMMAND | LAST, store_rq(1, CT, UID))]))
        sent = ORIGINAL[: int(len(ORIGINAL) * share)]
        for begin in range(0, len(sent), 10_000):
            peer.write(p_data([pdv(1, 0, sent[begin : begin + 10_000])]))
        end(peer)
        process.wait_until(lambda: box.partial() == [], 10, "the partial file to go")
        assert sending.kept(box) == {UID.decode(): ORIGINAL}
        assert len(box.objects()) == 1


def test_an_object_that_is_killed_half_way_is_gone_after_the_restart_and_the_acknowledged_ones_are_there(tmp_path):
    with Service(tmp_path) as box:
        assert sending.store(box.port, (UID, ORIGINAL)) == [0]
        with RawPeer(box.port) as peer:
            peer.associate([(1, CT, [EXPLICIT])])
            peer.write(p_data([pdv(1, COMMAND | LAST, store_rq(1, CT, b"2.25.801"))]))
            peer.write(p_data([pdv(1, 0, sending.ct(b"2.25.801")[:1500])]))
            assert peer_is_received(box)
            box.kill()
        box.restart()
        assert sending.kept(box) == {UID.decode(): ORIGINAL}
        assert box.partial() == []
        assert len(box.objects()) == 1


def peer_is_received(box):
    return process.wait_until(box.partial, 10, "a partial file")
