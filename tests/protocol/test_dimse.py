from edge.dicom.errors import DicomError, LimitError, LocalError, PeerError
from edge.protocol import command, dimse, echo, status, store
from edge.protocol.association import Data


def refused(act, kind):
    try:
        act()
    except kind:
        return True
    return False


def test_a_command_set_is_what_the_standard_draws():
    assert echo.request(7) == (
        b"\0\0\0\0\x04\0\0\0\x38\0\0\0"
        b"\0\0\x02\0\x12\0\0\x001.2.840.10008.1.1\0"
        b"\0\0\0\x01\x02\0\0\0\x30\0"
        b"\0\0\x10\x01\x02\0\0\0\x07\0"
        b"\0\0\0\x08\x02\0\0\0\x01\x01"
    )


def test_every_element_survives_writing_and_reading():
    elements = {
        command.AFFECTED_SOP_CLASS: "1.2.3",
        command.COMMAND_FIELD: command.C_MOVE_RQ,
        command.MESSAGE_ID: 65535,
        command.MOVE_DESTINATION: "SOMEWHERE",
        command.DATA_SET_TYPE: command.DATA_SET,
        command.STATUS: 0xB000,
        command.OFFENDING_ELEMENT: ((0x10, 0x20), (0x7FE0, 0x10)),
        command.ERROR_COMMENT: "odd",
    }
    assert command.decode(command.encode(elements)) == elements


def test_uids_padded_with_spaces_or_nul_and_wrong_group_lengths_are_read():
    octets = echo.request(1).replace(b"1.1\0", b"1.1 ")
    assert command.decode(octets)[command.AFFECTED_SOP_CLASS] == echo.SOP_CLASS
    assert command.decode(octets[:8] + b"\xff\xff\0\0" + octets[12:])[command.MESSAGE_ID] == 1


def test_a_malformed_command_set_is_refused():
    whole = echo.request(1)
    for broken in (
        whole[:-1],
        whole[:16],
        whole + b"\0",
        b"\x08\0\x16\0\x02\0\0\0ab",
        whole.replace(b"\x10\x01\x02\0\0\0\x01\0", b"\x10\x01\x04\0\0\0\x01\0\0\0"),
        whole[:12],
        b"",
    ):
        assert refused(lambda: command.decode(broken), PeerError)
    assert refused(lambda: command.decode(bytes(command.SIZE_LIMIT + 1)), LimitError)


def test_values_that_do_not_fit_are_errors_of_ours():
    for elements in (
        {command.MESSAGE_ID: 65536},
        {command.ERROR_COMMENT: "x" * 65},
        {command.MOVE_DESTINATION: "x" * 17},
        {0x5555: 1},
        {command.AFFECTED_SOP_CLASS: "\u00e4"},
    ):
        assert refused(lambda: command.encode(elements), LocalError)


def test_a_message_is_put_together_and_its_data_set_passed_on():
    octets = store.request(5, "1.2.3", "1.2.3.4")
    messages = dimse.Messages()
    assert messages.take(Data(3, True, False, [octets[:20]])) is None
    assert messages.within()
    event = messages.take(Data(3, True, True, [octets[20:]]))
    asked = store.asked(event)
    assert (asked.context_id, asked.message_id, asked.sop_class, asked.sop_instance) == (3, 5, "1.2.3", "1.2.3.4")
    assert messages.take(Data(3, False, False, [b"ab"])) == Data(3, False, False, [b"ab"])
    assert messages.take(Data(3, False, True, [b""])) == Data(3, False, True, [b""])
    assert not messages.within()


def test_pieces_out_of_place_are_refused():
    octets = store.request(5, "1.2.3", "1.2.3.4")

    def begun():
        messages = dimse.Messages()
        messages.take(Data(3, True, True, [octets]))
        return messages

    assert refused(lambda: begun().take(Data(5, False, False, [b""])), PeerError)
    assert refused(lambda: begun().take(Data(3, True, True, [octets])), PeerError)
    assert refused(lambda: dimse.Messages().take(Data(3, False, True, [b"data"])), PeerError)


def test_a_command_set_without_end_is_refused_at_its_limit():
    messages = dimse.Messages()

    def flood():
        for _ in range(100):
            messages.take(Data(1, True, False, [bytes(1000)]))

    assert refused(flood, LimitError)


def test_a_store_request_without_what_it_must_have_is_refused():
    whole = command.decode(store.request(5, "1.2.3", "1.2.3.4"))
    for number in (command.MESSAGE_ID, command.AFFECTED_SOP_CLASS, command.AFFECTED_SOP_INSTANCE):
        elements = dict(whole)
        del elements[number]
        assert refused(lambda: store.asked(dimse.Command(1, elements)), PeerError)
    elements = dict(whole)
    elements[command.DATA_SET_TYPE] = command.NO_DATA_SET
    assert refused(lambda: store.asked(dimse.Command(1, elements)), PeerError)


def test_a_response_names_the_request_and_its_object():
    asked = store.asked(dimse.Command(1, command.decode(store.request(9, "1.2.3", "1.2.3.4"))))
    elements = command.decode(store.response(asked, status.OUT_OF_RESOURCES, "no room " * 20))
    assert elements[command.COMMAND_FIELD] == 0x8001
    assert elements[command.MESSAGE_ID_RESPONDED_TO] == 9
    assert elements[command.STATUS] == 0xA700
    assert elements[command.AFFECTED_SOP_INSTANCE] == "1.2.3.4"
    assert len(elements[command.ERROR_COMMENT]) <= 64


def test_statuses_are_judged_as_done_later_or_never():
    for code, verdict in (
        (0x0000, status.DONE),
        (0xB000, status.DONE),
        (0xB123, status.DONE),
        (0xA700, status.LATER),
        (0xA7FF, status.LATER),
        (0x0110, status.LATER),
        (0x0213, status.LATER),
        (0xA900, status.NEVER),
        (0xC000, status.NEVER),
        (0x0122, status.NEVER),
        (0x4711, status.NEVER),
        (0xFF00, status.PENDING),
    ):
        assert status.judge(code) == verdict
    assert status.words(0xA712) == "refused: out of resources (A712)"


def test_no_octets_make_the_command_reader_raise_anything_else():
    octets = bytearray(store.request(5, "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"))
    seed = 12345
    for _ in range(3000):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        broken = bytearray(octets)
        broken[seed % len(broken)] = (seed >> 8) & 0xFF
        broken[(seed >> 4) % len(broken)] = (seed >> 16) & 0xFF
        try:
            command.decode(bytes(broken))
        except DicomError:
            pass


def test_a_comment_too_long_for_its_element_ends_with_a_whole_word():
    asked = command.decode(echo.request(7))
    words = "free space is below the reserve of this box, " * 3
    said = dimse.answer_to(asked, 0xA700, words)[command.ERROR_COMMENT]
    assert said == "free space is below the reserve of this box, free space is below"
    assert dimse.answer_to(asked, 0xA700, words[1:])[command.ERROR_COMMENT].endswith(" free space is below")
    assert dimse.answer_to(asked, 0xA700, "1" * 70)[command.ERROR_COMMENT] == "1" * 64
