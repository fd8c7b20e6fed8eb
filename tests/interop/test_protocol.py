"""The Upper Layer's tables and PDUs, held against pynetdicom's, which others have read and used for years."""

from hypothesis import given, settings
from hypothesis import strategies as some
from pynetdicom import fsm
from pynetdicom import pdu as foreign
from pynetdicom import pdu_primitives
from pynetdicom.dimse_messages import C_ECHO_RQ, C_STORE_RQ
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.status import GENERAL_STATUS, STORAGE_SERVICE_CLASS_STATUS

from edge.dicom.errors import DicomError
from edge.protocol import association, command, contexts, echo, items, pdu, states, status, store
from tests.protocol import pair


TITLES = b"CALLED          CALLING         "


def test_the_state_table_is_that_of_the_standard_as_others_read_it():
    ours = {("Evt%d" % event, "Sta%d" % state): action for (event, state), (action, _) in states.TABLE.items()}
    assert ours == {key: action.replace("_", "-") for key, action in fsm.TRANSITION_TABLE.items()}


def test_every_action_leads_to_the_state_that_others_name():
    for (event, state), (action, following) in states.TABLE.items():
        allowed = fsm.ACTIONS[action][2]
        allowed = allowed if isinstance(allowed, tuple) else (allowed,)
        assert any("Sta%d" % following in str(each) for each in allowed), (event, state, action, allowed)


def test_every_status_that_others_name_for_storage_is_judged_by_its_class():
    verdicts = {"Success": {status.DONE}, "Warning": {status.DONE}, "Pending": {status.PENDING}}
    for table in (GENERAL_STATUS, STORAGE_SERVICE_CLASS_STATUS):
        for code, (category, _) in table.items():
            allowed = verdicts.get(category, {status.LATER, status.NEVER})
            assert status.judge(code) in allowed, "%04X" % code


def _proposals():
    return contexts.propose([(pair.CT, (pair.EXPLICIT, pair.IMPLICIT)), (pair.VERIFICATION, (pair.IMPLICIT,))])


def _user():
    return items.user_information(
        16384,
        "2.25.1",
        "EDGE",
        asynchronous=items.Asynchronous(1, 1),
        roles=(items.Role(pair.CT, True, False),),
        extended=(items.Extended(pair.CT, b"\x02\x00\x00\x00\x01\x00"),),
        common_extended=(items.CommonExtended(pair.CT, "1.2.840.10008.4.2", ("1.2.3",)),),
        identity=items.Identity(2, True, b"user", b"word"),
    )


def test_a_foreign_reader_reads_our_request_and_writes_it_back_octet_by_octet():
    request = pdu.request("CALLED", "CALLING", _proposals(), _user())
    octets = pdu.associate_request(request)
    read = foreign.A_ASSOCIATE_RQ()
    read.decode(octets)
    assert read.encode() == octets
    primitive = read.to_primitive()
    assert primitive.called_ae_title == "CALLED" and primitive.calling_ae_title == "CALLING"
    assert [context.context_id for context in primitive.presentation_context_definition_list] == [1, 3]
    assert primitive.maximum_length_received == 16384


def test_a_foreign_reader_reads_our_acceptance_and_writes_it_back_octet_by_octet():
    answers = (pdu.Answer(1, 0, pair.EXPLICIT), pdu.Answer(3, 3, pair.IMPLICIT))
    octets = pdu.associate_accept(pdu.AssociateAccept(TITLES, answers, _user()))
    read = foreign.A_ASSOCIATE_AC()
    read.decode(octets)
    assert read.encode() == octets
    results = [(context.context_id, context.result) for context in read.presentation_context]
    assert results == [(1, 0), (3, 3)]


def test_foreign_readers_read_our_short_pdus():
    for octets, kind in (
        (pdu.RELEASE_RQ, foreign.A_RELEASE_RQ),
        (pdu.RELEASE_RP, foreign.A_RELEASE_RP),
        (pdu.abort(2, 6), foreign.A_ABORT_RQ),
        (pdu.associate_reject(pdu.AssociateReject(2, 3, 2)), foreign.A_ASSOCIATE_RJ),
    ):
        read = kind()
        read.decode(octets)
        assert read.encode() == octets


def test_we_read_every_item_that_a_foreign_requestor_writes():
    primitive = pdu_primitives.A_ASSOCIATE()
    primitive.application_context_name = pdu.APPLICATION_CONTEXT
    primitive.calling_ae_title = "CALLING"
    primitive.called_ae_title = "CALLED"
    from pynetdicom.presentation import build_context

    context = build_context(pair.CT, [pair.EXPLICIT, pair.IMPLICIT])
    context.context_id = 1
    primitive.presentation_context_definition_list = [context]
    length = pdu_primitives.MaximumLengthNotification()
    length.maximum_length_received = 65536
    class_uid = pdu_primitives.ImplementationClassUIDNotification()
    class_uid.implementation_class_uid = "1.2.3.4"
    role = pdu_primitives.SCP_SCU_RoleSelectionNegotiation()
    role.sop_class_uid = pair.CT
    role.scu_role = True
    role.scp_role = True
    asynchronous = pdu_primitives.AsynchronousOperationsWindowNegotiation()
    asynchronous.maximum_number_operations_invoked = 5
    identity = pdu_primitives.UserIdentityNegotiation()
    identity.user_identity_type = 1
    identity.primary_field = b"someone"
    common = pdu_primitives.SOPClassCommonExtendedNegotiation()
    common.sop_class_uid = pair.CT
    common.service_class_uid = "1.2.840.10008.4.2"
    common.related_general_sop_class_identification = ["1.2.3.9"]
    extended = pdu_primitives.SOPClassExtendedNegotiation()
    extended.sop_class_uid = pair.CT
    extended.service_class_application_information = b"\x01\x01"
    primitive.user_information = [length, class_uid, role, asynchronous, identity, common, extended]
    written = foreign.A_ASSOCIATE_RQ()
    written.from_primitive(primitive)
    request = pdu.read_associate_request(written.encode()[6:])
    assert request.proposals == (pdu.Proposal(1, pair.CT, (pair.EXPLICIT, pair.IMPLICIT)),)
    assert request.user.max_pdu_bytes == 65536
    assert request.user.implementation_class_uid == "1.2.3.4"
    assert request.user.roles == (items.Role(pair.CT, True, True),)
    assert request.user.asynchronous == items.Asynchronous(5, 1)
    assert request.user.identity == items.Identity(1, False, b"someone", b"")
    assert request.user.common_extended == (items.CommonExtended(pair.CT, "1.2.840.10008.4.2", ("1.2.3.9",)),)
    assert request.user.extended == (items.Extended(pair.CT, b"\x01\x01"),)


def _foreign_command(primitive, message):
    message.primitive_to_message(primitive)
    return encode(message.command_set, True, True)


def test_our_command_sets_are_those_of_a_foreign_writer():
    asked = C_ECHO()
    asked.MessageID = 7
    asked.AffectedSOPClassUID = echo.SOP_CLASS
    assert echo.request(7) == _foreign_command(asked, C_ECHO_RQ())
    asked = C_STORE()
    asked.MessageID = 9
    asked.AffectedSOPClassUID = pair.CT
    asked.AffectedSOPInstanceUID = "1.2.3.4"
    asked.Priority = 1
    import io

    asked.DataSet = io.BytesIO(b"\x08\x00\x05\x00\x00\x00\x00\x00")
    theirs = command.decode(_foreign_command(asked, C_STORE_RQ()))
    assert theirs == command.decode(store.request(9, pair.CT, "1.2.3.4", 1))


@settings(max_examples=400, deadline=None)
@given(some.binary(max_size=400), some.integers(1, 64))
def test_any_octets_at_all_give_events_and_never_an_exception(octets, step):
    for engine in (pair.acceptor(), pair.established()[1], pair.requestor()[0]):
        pair.give(engine, octets, step=step)
        engine.outgoing()


@settings(max_examples=400, deadline=None)
@given(some.data())
def test_a_damaged_conversation_gives_events_and_never_an_exception(data):
    _, octets = pair.requestor()
    octets = bytearray(octets)
    for _ in range(data.draw(some.integers(1, 4))):
        octets[data.draw(some.integers(0, len(octets) - 1))] = data.draw(some.integers(0, 255))
    engine = pair.acceptor()
    events = pair.give(engine, bytes(octets), step=data.draw(some.integers(1, 400)))
    for event in events:
        if isinstance(event, association.Requested):
            engine.accept(contexts.answer(event.request.proposals, pair.POLICY), pair.USER)
    assert len(events) <= 1


@settings(max_examples=400, deadline=None)
@given(some.binary(max_size=300))
def test_any_octets_are_a_command_set_or_a_dicom_error(octets):
    try:
        command.decode(octets)
    except DicomError:
        pass
