from edge.dicom import syntax
from edge.dicom.errors import LimitError, PeerError
from edge.protocol import command, commitment, contexts, items, pdu
from edge.protocol.commitment import Committed, Failed, Transaction
from tests.protocol import pair
from tests.protocol.test_dimse import refused

EXPLICIT = syntax.lookup(syntax.EXPLICIT_LITTLE)
IMPLICIT = syntax.lookup(syntax.IMPLICIT_LITTLE)
BIG = syntax.lookup(syntax.EXPLICIT_BIG)


def read(octets, known=EXPLICIT, step=None):
    """The events of a data set that is fed `step` octets at a time."""
    report = commitment.ReportReader(known)
    found = []
    for at in range(0, len(octets), step or len(octets)):
        report.feed(octets[at : at + (step or len(octets))])
        found += list(report.events())
    report.finish()
    return found


def short(tag, vr, value):
    """An element of explicit VR little endian with a short value."""
    return tag + vr + len(value).to_bytes(2, "little") + value


TRANSACTION = short(b"\x08\x00\x95\x11", b"UI", b"2.25.7")


def sequence(tag, body):
    """A sequence of explicit length with one item."""
    item = b"\xfe\xff\x00\xe0" + len(body).to_bytes(4, "little") + body
    return b"\x08\x00" + tag + b"SQ\0\0" + len(item).to_bytes(4, "little") + item


def test_a_request_is_the_command_that_the_standard_draws():
    elements = command.decode(commitment.request(9))
    assert elements == {
        command.REQUESTED_SOP_CLASS: "1.2.840.10008.1.20.1",
        command.COMMAND_FIELD: 0x0130,
        command.MESSAGE_ID: 9,
        command.DATA_SET_TYPE: 1,
        command.REQUESTED_SOP_INSTANCE: "1.2.840.10008.1.20.1.1",
        command.ACTION_TYPE: 1,
    }


def test_a_request_names_transaction_and_instances_octet_by_octet():
    octets = b"".join(commitment.request_data_set(IMPLICIT, "2.25.7", [("1.2", "1.2.3")]))
    assert octets == (
        b"\x08\x00\x95\x11\x06\0\0\x002.25.7"
        b"\x08\x00\x99\x11\xff\xff\xff\xff"
        b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
        b"\x08\x00\x50\x11\x04\0\0\x001.2\0"
        b"\x08\x00\x55\x11\x06\0\0\x001.2.3\0"
        b"\xfe\xff\x0d\xe0\0\0\0\0"
        b"\xfe\xff\xdd\xe0\0\0\0\0"
    )


def test_a_report_comes_out_as_it_went_in_however_it_is_cut():
    for known in (EXPLICIT, IMPLICIT):
        committed, failed = [("1.2", "1.2.3"), ("1.2", "1.2.4")], [("1.2", "1.2.5", 0x0112)]
        octets = b"".join(commitment.report_data_set(known, "2.25.7", committed, failed))
        for step in (1, 7, None):
            assert read(octets, known, step) == [
                Transaction("2.25.7"),
                Failed("1.2", "1.2.5", 0x0112),
                Committed("1.2", "1.2.3"),
                Committed("1.2", "1.2.4"),
            ]


def test_a_report_in_big_endian_is_read():
    octets = (
        b"\x00\x08\x11\x95UI\x00\x062.25.7"
        b"\x00\x08\x11\x98SQ\0\0\0\0\0\x24\xff\xfe\xe0\x00\0\0\0\x1c"
        b"\x00\x08\x11\x55UI\x00\x0a1.2.3.4.56\x00\x08\x11\x97US\x00\x02\x01\x22"
    )
    assert read(octets, BIG) == [Transaction("2.25.7"), Failed("", "1.2.3.4.56", 0x0122)]


def test_what_else_stands_in_a_report_is_passed_over():
    instance = short(b"\x08\x00\x55\x11", b"UI", b"1.2.3\0")
    inner = sequence(b"\x55\x55", short(b"\x08\x00\x55\x11", b"UI", b"9.9.9\0"))
    octets = short(b"\x08\x00\x54\x00", b"AE", b"PACS") + TRANSACTION + sequence(b"\x99\x11", instance + inner)
    assert read(octets) == [Transaction("2.25.7"), Committed("", "1.2.3")]


def test_a_failure_without_a_good_reason_is_a_failure():
    instance = short(b"\x08\x00\x55\x11", b"UI", b"1.2.3\0")
    for code in (b"", short(b"\x08\x00\x97\x11", b"US", b""), short(b"\x08\x00\x97\x11", b"US", b"\1\0\2\0")):
        assert read(TRANSACTION + sequence(b"\x98\x11", instance + code))[1] == Failed("", "1.2.3", None)


def test_a_report_that_says_not_which_transaction_or_instance_is_refused():
    instance = short(b"\x08\x00\x55\x11", b"UI", b"1.2.3\0")
    for octets in (
        b"",
        sequence(b"\x99\x11", instance),
        TRANSACTION + sequence(b"\x99\x11", b""),
        TRANSACTION + sequence(b"\x99\x11", short(b"\x08\x00\x55\x11", b"UI", b"")),
        TRANSACTION + TRANSACTION,
        TRANSACTION[:-1],
        TRANSACTION + sequence(b"\x99\x11", instance)[:-3],
    ):
        assert refused(lambda: read(octets) if octets else commitment.ReportReader(EXPLICIT).finish(), PeerError)


def test_a_report_is_limited_in_instances_octets_and_elements_of_an_item():
    limit, commitment.INSTANCES_LIMIT = commitment.INSTANCES_LIMIT, 3
    try:
        four = b"".join(commitment.request_data_set(EXPLICIT, "2.25.7", [("1.2", "1.2.%d" % n) for n in range(4)]))
        assert refused(lambda: read(four), LimitError)
    finally:
        commitment.INSTANCES_LIMIT = limit
    filler = b"".join([short(b"\x09\x00" + bytes([n, 1]), b"LO", b"") for n in range(100)])
    assert refused(lambda: read(TRANSACTION + sequence(b"\x99\x11", filler)), LimitError)
    report = commitment.ReportReader(EXPLICIT)
    report.feed(b"\x09\x00\x01\x00OB\0\0\xf0\xff\xff\xff")
    piece = bytes(8192)

    def endlessly():
        for _ in range(commitment.OCTETS_LIMIT // 8192 + 1):
            for _event in report.events():
                pass
            report.feed(piece)

    assert refused(endlessly, LimitError)


def test_reasons_are_in_words_and_say_whether_sending_again_can_help():
    assert commitment.reason(0x0112) == ("it does not have it (0112)", False)
    assert commitment.reason(0x0122).is_lasting
    assert commitment.reason(0xC123) == ("reason C123", False)
    assert commitment.reason(None) == ("it does not say why", False)


def test_an_event_that_is_none_of_this_service_gets_the_status_that_says_so():
    good = command.decode(commitment.report(1, commitment.ALL_COMMITTED))
    assert commitment.report_fault(good) is None
    for number, value, status in (
        (command.AFFECTED_SOP_CLASS, "1.2", 0x0118),
        (command.AFFECTED_SOP_INSTANCE, "1.2", 0x0112),
        (command.EVENT_TYPE, 3, 0x0113),
        (command.DATA_SET_TYPE, command.NO_DATA_SET, 0x0115),
    ):
        broken = dict(good)
        broken[number] = value
        assert commitment.report_fault(broken)[0] == status


def test_an_archive_that_opens_an_association_may_be_the_provider_and_nobody_else():
    wanted = [(commitment.SOP_CLASS, (syntax.DEFLATED_LITTLE, syntax.IMPLICIT_LITTLE)), (pair.CT, (pair.EXPLICIT,))]
    proposals = contexts.propose(wanted)
    policy = contexts.Policy(lambda each: each == pair.CT, contexts.PREFERENCE, True)
    results = [(each.result, each.transfer_syntax) for each in commitment.answer(proposals, policy, True)]
    assert results == [(pdu.ACCEPTANCE, syntax.IMPLICIT_LITTLE), (pdu.ACCEPTANCE, pair.EXPLICIT)]
    assert commitment.answer(proposals, policy, False)[0].result == pdu.ABSTRACT_SYNTAX_NOT_SUPPORTED
    proposed = [items.Role(commitment.SOP_CLASS, True, True), items.Role(pair.CT, True, True)]
    granted = [items.Role(commitment.SOP_CLASS, False, True), items.Role(pair.CT, True, False)]
    assert commitment.roles(proposed, True) == granted
    assert commitment.roles(proposed, False)[0] == items.Role(commitment.SOP_CLASS, True, False)
