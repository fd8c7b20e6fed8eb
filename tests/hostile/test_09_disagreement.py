"""Command, data set and presentation context disagree: A900, and nothing is left on the disk."""

import pytest

from tests.hostile import sending
from tests.support.rawpeer import CT, EXPLICIT, RawPeer
from tests.support.service import Service

MISMATCH = 0xA900
MR = b"1.2.840.10008.5.1.4.1.1.4"
UID, OTHER_UID = b"2.25.900", b"2.25.901"

# context's SOP class, command's, command's instance, data set's class and instance
CASES = {
    "instance of the data set": (CT, CT, UID, CT, OTHER_UID),
    "class of the data set": (CT, CT, UID, MR, UID),
    "class of the command": (CT, MR, UID, MR, UID),
    "class of the context": (MR, CT, UID, CT, UID),
    "class of the command alone": (CT, MR, UID, CT, UID),
    "everything": (MR, CT, UID, MR, OTHER_UID),
}


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("box")) as running:
        yield running


@pytest.mark.parametrize("case", CASES)
def test_disagreement_on_the(box, case):
    context, command_class, command_uid, data_class, data_uid = CASES[case]
    with RawPeer(box.port) as peer:
        peer.associate([(1, context, [EXPLICIT])])
        answer = peer.store(1, command_class, command_uid, sending.ct(data_uid, sop_class=data_class))
        peer.release()
    assert answer.status == MISMATCH
    assert box.stored() == []
    assert box.partial() == []
    assert box.objects() == []


def test_an_object_that_arrived_before_is_not_touched_by_one_that_disagrees(tmp_path):
    with Service(tmp_path) as box:
        good = sending.ct(UID)
        assert sending.store(box.port, (UID, good), (UID, sending.ct(OTHER_UID))) == [0, MISMATCH]
        assert sending.kept(box) == {UID.decode(): good}
