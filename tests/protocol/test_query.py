"""Query/Retrieve: requests octet by octet, identifiers as they go and come, statuses."""

from edge.dicom import syntax
from edge.dicom.errors import DicomError
from edge.protocol import command, query, status

IMPLICIT = syntax.lookup(syntax.IMPLICIT_LITTLE)
EXPLICIT = syntax.lookup(syntax.EXPLICIT_LITTLE)


def read(octets, known, step=None):
    match = query.Match(known)
    for at in range(0, len(octets), step or len(octets) or 1):
        match.feed(octets[at : at + (step or len(octets))])
    return match.finish()


def test_a_request_to_move_names_the_destination_and_announces_an_identifier():
    assert command.decode(query.move(7, "EDGE")) == {
        command.AFFECTED_SOP_CLASS: "1.2.840.10008.5.1.4.1.2.2.2",
        command.COMMAND_FIELD: 0x0021,
        command.MESSAGE_ID: 7,
        command.PRIORITY: 0,
        command.DATA_SET_TYPE: 1,
        command.MOVE_DESTINATION: "EDGE",
    }


def test_requests_to_find_and_to_get_differ_in_class_and_command_alone():
    found, got = command.decode(query.find(1)), command.decode(query.get(1))
    assert (found[command.AFFECTED_SOP_CLASS], found[command.COMMAND_FIELD]) == (query.FIND, 0x0020)
    assert (got[command.AFFECTED_SOP_CLASS], got[command.COMMAND_FIELD]) == (query.GET, 0x0010)
    assert command.MOVE_DESTINATION not in got


def test_a_cancel_names_the_request_and_has_no_data_set():
    elements = command.decode(query.cancel(9))
    assert elements[command.COMMAND_FIELD] == 0x0FFF
    assert elements[command.MESSAGE_ID_RESPONDED_TO] == 9
    assert not command.has_data_set(elements)


def test_an_identifier_has_its_level_and_keys_in_ascending_order():
    octets = query.identifier(IMPLICIT, query.STUDY, {query.STUDY_UID: None, query.PATIENT_ID: "47"})
    assert octets == (
        b"\x08\x00\x52\x00\x06\0\0\0STUDY \x10\x00\x20\x00\x02\0\0\x0047\x20\x00\x0d\x00\0\0\0\0"
    )


def test_an_identifier_that_ascii_cannot_say_is_utf_8_and_says_so():
    octets = query.identifier(EXPLICIT, query.STUDY, {query.PATIENT_ID: "\u00e97"})
    assert b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192" in octets
    assert read(octets, EXPLICIT)[query.PATIENT_ID] == "\u00e97"


def test_a_match_is_read_however_it_is_cut():
    keys = {query.PATIENT_ID: "47", query.STUDY_UID: "1.2.3", query.MODALITIES: "CT\\SR"}
    for known in (IMPLICIT, EXPLICIT):
        octets = query.identifier(known, query.STUDY, keys)
        for step in (1, 5, None):
            found = read(octets, known, step)
            assert found == {
                query.PATIENT_ID: "47", query.STUDY_UID: "1.2.3", query.MODALITIES: "CT\\SR", query.LEVEL: "STUDY"
            }  # fmt: skip


def test_what_is_no_identifier_is_refused():
    for octets in (b"\x08\x00\x52\x00\xff\xff\0\0STUDY ", b"\x08\x00\x52"):
        try:
            read(octets, IMPLICIT)
        except DicomError:
            continue
        raise AssertionError(octets)


def test_an_identifier_without_end_is_refused():
    match = query.Match(IMPLICIT)
    match.feed(b"\x09\x00\x01\x10\xf0\xff\xff\x7f")
    try:
        for _ in range(3000):
            match.feed(bytes(4096))
    except DicomError:
        return
    raise AssertionError("it was read without end")


def test_counters_that_an_answer_lacks_are_none():
    elements = {
        command.COMMAND_FIELD: 0x8010, command.MESSAGE_ID_RESPONDED_TO: 1, command.DATA_SET_TYPE: 0x0101,
        command.STATUS: 0xFF00, command.REMAINING: 3, command.COMPLETED: 2,
    }  # fmt: skip
    found = query.answer(command.decode(command.encode(elements)))
    assert found == query.Answer(0xFF00, query.Counters(3, 2, None, None), "", False)


def test_an_answer_without_a_status_is_a_failure():
    assert query.answer({command.COMMAND_FIELD: 0x8020, command.DATA_SET_TYPE: 0x0101}).status == 0x0110


def test_statuses_are_what_the_standard_says():
    assert query.is_pending(0xFF00) and query.is_pending(0xFF01)
    assert query.meaning(0xA801).verdict == status.NEVER
    assert query.meaning(0xB000).verdict == status.DONE
    assert query.words(0xA801) == "refused: move destination unknown (A801)"
    for code in (0xA700, 0xA701, 0xA702, 0xA900, 0xC123, 0xFE00, 0x0122, 0x0110):
        assert query.meaning(code).verdict in (status.LATER, status.NEVER)
