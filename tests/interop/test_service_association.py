"""Who may open an association with the box, under which name, for what: echoscu, pynetdicom and a raw peer ask."""

import subprocess

import pytest
from pynetdicom import AE
from pynetdicom.pdu_primitives import AsynchronousOperationsWindowNegotiation, UserIdentityNegotiation

from tests.bench import material
from tests.support import dcmtk, samples
from tests.support.rawpeer import BIG_ENDIAN, CT, EXPLICIT, IMPLICIT, VERIFICATION, RawPeer, associate_rq, item
from tests.support.service import Service

PRIVATE_CLASS = b"1.2.840.113619.4.26"
UNKNOWN_CLASS = b"1.2.3.4.5.6.7"
PRIVATE_SYNTAX = b"1.2.840.113619.5.2"
JPEG_BASELINE = b"1.2.840.10008.1.2.4.50"
JPEG_LOSSLESS = b"1.2.840.10008.1.2.4.70"

REJECTED_PERMANENT, REJECTED_TRANSIENT = 1, 2


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("box"), dicom={"called_aliases": ["OLDSTORE"]}) as running:
        yield running


def rejection(box, **request):
    """(result, source, reason) of the A-ASSOCIATE-RJ that a request gets."""
    with RawPeer(box.port) as peer:
        peer.write(associate_rq([(1, VERIFICATION, [IMPLICIT])], **request))
        answer = peer.read_pdu()
    assert answer.kind == 3, f"expected an A-ASSOCIATE-RJ, got PDU type {answer.kind}"
    return tuple(answer.body[1:4])


def echoscu(box, *options):
    return subprocess.run([dcmtk.ECHOSCU, *options, "127.0.0.1", str(box.port)], capture_output=True, timeout=30)


def test_echoscu_is_answered(box):
    assert echoscu(box, "-aec", "EDGE").returncode == 0


def test_echoscu_with_many_contexts_and_transfer_syntaxes_is_answered(box):
    assert echoscu(box, "-aec", "EDGE", "-ppc", "128", "-pts", "38", "--repeat", "10").returncode == 0


def test_pynetdicom_verifies_the_box(box):
    ae = AE(ae_title="PYNETDICOM")
    ae.add_requested_context("1.2.840.10008.1.1")
    link = ae.associate("127.0.0.1", box.port, ae_title="EDGE")
    assert link.is_established
    assert link.send_c_echo().Status == 0
    link.release()
    assert link.is_released


def test_pynetdicom_with_every_kind_of_user_information_is_served(box):
    ae = AE(ae_title="PYNETDICOM")
    ae.add_requested_context("1.2.840.10008.1.1")
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = 5
    window.maximum_number_operations_performed = 5
    identity = UserIdentityNegotiation()
    identity.user_identity_type = 2
    identity.primary_field = b"user"
    identity.secondary_field = b"secret"
    link = ae.associate("127.0.0.1", box.port, ae_title="EDGE", ext_neg=[window, identity])
    assert link.is_established
    assert link.send_c_echo().Status == 0
    link.release()
    assert "secret" not in box.log()


def test_pynetdicom_stores_an_object_in_the_box(box, tmp_path):
    (path,) = material.ct_series(tmp_path, 1, 64)
    ds = samples.read(path)
    ae = AE(ae_title="PYNETDICOM")
    ae.add_requested_context(ds.SOPClassUID, [samples.EXPLICIT])
    link = ae.associate("127.0.0.1", box.port, ae_title="EDGE")
    assert link.send_c_store(ds).Status == 0x0000
    link.release()
    (stored,) = box.state_dir.glob(f"objects/*/{ds.SOPInstanceUID}.dcm")
    assert samples.differences(samples.read(stored, force=False), ds) == []


@pytest.mark.parametrize("called", [b"EDGE", b"OLDSTORE"])
def test_the_box_answers_to_its_title_and_to_its_aliases(box, called):
    with RawPeer(box.port) as peer:
        peer.associate([(1, VERIFICATION, [IMPLICIT])], called=called)
        assert peer.echo(1).status == 0


def test_a_title_that_is_not_the_boxs_is_refused_as_called_ae_title_not_recognized(box):
    assert rejection(box, called=b"SOMEONE") == (REJECTED_PERMANENT, 1, 7)


def test_a_calling_title_that_is_not_listed_is_refused_as_calling_ae_title_not_recognized(tmp_path):
    with Service(tmp_path, dicom={"accept_calling": ["CT1", "MR1@127.0.0.1", "US1@192.0.2.1"]}) as box:
        assert rejection(box, calling=b"RAW") == (REJECTED_PERMANENT, 1, 3)
        assert rejection(box, calling=b"US1") == (REJECTED_PERMANENT, 1, 3)
        for listed in (b"CT1", b"MR1"):
            with RawPeer(box.port) as peer:
                peer.associate([(1, VERIFICATION, [IMPLICIT])], calling=listed)


def test_one_association_too_many_is_refused_as_transient(tmp_path):
    with Service(tmp_path, dicom={"max_associations": 2}) as box:
        with RawPeer(box.port) as first, RawPeer(box.port) as second:
            first.associate([(1, VERIFICATION, [IMPLICIT])])
            second.associate([(1, VERIFICATION, [IMPLICIT])])
            assert rejection(box) == (REJECTED_TRANSIENT, 3, 2)
            first.release()
        assert echoscu(box, "-aec", "EDGE").returncode == 0


def test_unknown_and_private_sop_classes_are_accepted_for_storage(box):
    with RawPeer(box.port) as peer:
        accepted = peer.associate([(1, PRIVATE_CLASS, [IMPLICIT]), (3, UNKNOWN_CLASS, [EXPLICIT])]).contexts
    assert accepted == {1: (0, IMPLICIT), 3: (0, EXPLICIT)}


def test_sop_classes_that_the_setting_leaves_out_are_not_accepted(tmp_path):
    with Service(tmp_path, dicom={"storage_sop_classes": [CT.decode()]}) as box:
        with RawPeer(box.port) as peer:
            proposed = [(1, CT, [IMPLICIT]), (3, UNKNOWN_CLASS, [IMPLICIT]), (5, VERIFICATION, [IMPLICIT])]
            accepted = peer.associate(proposed).contexts
    assert [accepted[context_id][0] for context_id in (1, 3, 5)] == [0, 3, 0]


def test_services_other_than_storage_and_verification_are_not_accepted(box):
    query = b"1.2.840.10008.5.1.4.1.2.2.1"
    worklist = b"1.2.840.10008.5.1.4.31"
    with RawPeer(box.port) as peer:
        proposed = [(1, query, [IMPLICIT]), (3, worklist, [IMPLICIT]), (5, VERIFICATION, [IMPLICIT])]
        accepted = peer.associate(proposed).contexts
    assert [accepted[context_id][0] for context_id in (1, 3, 5)] == [3, 3, 0]


def test_every_transfer_syntax_is_taken_private_ones_too(box):
    syntaxes = [IMPLICIT, EXPLICIT, BIG_ENDIAN, JPEG_BASELINE, JPEG_LOSSLESS, PRIVATE_SYNTAX]
    with RawPeer(box.port) as peer:
        proposed = [(2 * number + 1, CT, [syntax]) for number, syntax in enumerate(syntaxes)]
        accepted = peer.associate(proposed).contexts
    assert [accepted[2 * number + 1] for number in range(len(syntaxes))] == [(0, syntax) for syntax in syntaxes]


def test_one_transfer_syntax_is_accepted_a_context_in_the_order_of_preference(box):
    with RawPeer(box.port) as peer:
        proposed = [
            (1, CT, [BIG_ENDIAN, IMPLICIT, EXPLICIT]),
            (3, CT, [JPEG_BASELINE, JPEG_LOSSLESS]),
            (5, CT, [JPEG_LOSSLESS, IMPLICIT]),
        ]
        accepted = peer.associate(proposed).contexts
    assert accepted == {1: (0, EXPLICIT), 3: (0, JPEG_LOSSLESS), 5: (0, IMPLICIT)}


def test_the_order_of_preference_is_a_setting(tmp_path):
    with Service(tmp_path, dicom={"transfer_syntaxes": [IMPLICIT.decode(), EXPLICIT.decode()]}) as box:
        with RawPeer(box.port) as peer:
            assert peer.associate([(1, CT, [EXPLICIT, IMPLICIT])]).contexts == {1: (0, IMPLICIT)}


def test_128_contexts_are_negotiated(box):
    with RawPeer(box.port) as peer:
        proposed = [(number, CT, [IMPLICIT, EXPLICIT]) for number in range(1, 256, 2)]
        accepted = peer.associate(proposed).contexts
    assert len(accepted) == 128
    assert set(accepted.values()) == {(0, EXPLICIT)}


def test_sub_items_that_nobody_knows_are_passed_over(box):
    more = item(0x5F, b"future") + item(0x54, b"\x00\x11" + VERIFICATION + b"\x01\x00")
    user = item(0x50, item(0x51, b"\0\0\x40\0") + item(0x52, b"1.2.3") + more)
    with RawPeer(box.port) as peer:
        peer.associate([(1, VERIFICATION, [IMPLICIT])], user=user)
        assert peer.echo(1).status == 0


def test_edge_echo_verifies_another_box(box):
    said = box.edge("echo", "127.0.0.1", box.port, "--called", "EDGE")
    assert said.returncode == 0
