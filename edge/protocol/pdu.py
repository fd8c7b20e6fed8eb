"""The PDUs of the Upper Layer, read and written (PS3.8 9.3). P-DATA-TF is `framing`'s: only its header is made here."""

from collections import namedtuple

from edge.dicom import ascii
from edge.dicom.errors import LocalError, PeerError
from edge.dicom.octets import get_u16_be, put_u8, put_u16_be, put_u32_be
from edge.protocol import framing, items

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"  # PS3.7 A.2.1
_PROTOCOL_VERSION = 1
_ASSOCIATE_FIXED_BYTES = 68

_APPLICATION_CONTEXT_ITEM = 0x10
_PROPOSED_CONTEXT_ITEM = 0x20
_ANSWERED_CONTEXT_ITEM = 0x21
_ABSTRACT_SYNTAX_ITEM = 0x30
_TRANSFER_SYNTAX_ITEM = 0x40
_USER_INFORMATION_ITEM = 0x50

# id: odd, 1 to 255; abstract_syntax: str; transfer_syntaxes: tuple of str, at least one
Proposal = namedtuple("Proposal", ("id", "abstract_syntax", "transfer_syntaxes"))
# id: that of the proposal; result: one of the ACCEPTANCE.. below; transfer_syntax: str, "" unless accepted
Answer = namedtuple("Answer", ("id", "result", "transfer_syntax"))

# Results of a presentation context (PS3.8 9.3.3.2)
ACCEPTANCE = 0
USER_REJECTION = 1
NO_REASON = 2
ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
TRANSFER_SYNTAXES_NOT_SUPPORTED = 4

# called, calling: AE titles, str without padding; titles: both as the 32 octets of the PDU, which the acceptance
# echoes; proposals: tuple of Proposal; user: items.UserInformation; application_context: str; version_1: bool, whether
# the peer speaks version 1 of the protocol
AssociateRequest = namedtuple(
    "AssociateRequest", ("called", "calling", "titles", "proposals", "user", "application_context", "version_1")
)
# titles: of the request; answers: tuple of Answer; user: items.UserInformation
AssociateAccept = namedtuple("AssociateAccept", ("titles", "answers", "user"))
# result: 1 permanent, 2 transient; source: 1 service user, 2 provider (ACSE), 3 provider (presentation); reason: by
# source
AssociateReject = namedtuple("AssociateReject", ("result", "source", "reason"))
# source: 0 service user, 2 service provider; reason: 0 unless the provider's
Abort = namedtuple("Abort", ("source", "reason"))

REJECTED_PERMANENT = 1
REJECTED_TRANSIENT = 2

# (source, reason) of an A-ASSOCIATE-RJ, in words (PS3.8 9.3.4)
REJECT_REASONS = {
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognized",
    (1, 7): "called AE title not recognized",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}
NO_REASON_GIVEN = ((1, 1), (2, 1))
CALLING_NOT_RECOGNIZED = (1, 3)
CALLED_NOT_RECOGNIZED = (1, 7)
APPLICATION_CONTEXT_NOT_SUPPORTED = (1, 2)
PROTOCOL_VERSION_NOT_SUPPORTED = (2, 2)
TEMPORARY_CONGESTION = (3, 1)
LOCAL_LIMIT_EXCEEDED = (3, 2)

# Reason of an A-ABORT of the service provider, in words (PS3.8 9.3.8)
ABORT_REASONS = {
    0: "no reason given",
    1: "unrecognized PDU",
    2: "unexpected PDU",
    4: "unrecognized PDU parameter",
    5: "unexpected PDU parameter",
    6: "invalid PDU parameter value",
}
ABORT_BY_USER = 0
ABORT_BY_PROVIDER = 2
UNRECOGNIZED_PDU = 1
UNEXPECTED_PDU = 2
INVALID_PARAMETER = 6


def _header(kind, length):
    return put_u8(kind) + b"\x00" + put_u32_be(length)


def _ae_title_octets(title):
    octets = ascii.strict(title)
    if not 1 <= len(octets) <= 16:
        raise LocalError("AE title %r has %d characters, 1 to 16 are allowed" % (title, len(octets)))
    return octets + b" " * (16 - len(octets))


def _ae_title(octets):
    return ascii.unpadded(octets).lstrip().replace("\0", "?")  # it is logged and shown


def request(called, calling, proposals, user):
    """Return the AssociateRequest of a requestor of ours; LocalError when an AE title is not one (PS3.5 6.2)."""
    titles = _ae_title_octets(called) + _ae_title_octets(calling)
    return AssociateRequest(called, calling, titles, proposals, user, APPLICATION_CONTEXT, True)


def _associate(kind, titles, context_items, user):
    body = (
        put_u16_be(_PROTOCOL_VERSION)
        + b"\x00\x00"
        + titles
        + bytes(32)
        + items.item(_APPLICATION_CONTEXT_ITEM, items.uid_octets(APPLICATION_CONTEXT))
        + context_items
        + items.item(_USER_INFORMATION_ITEM, items.encode(user))
    )
    return _header(kind, len(body)) + body


def associate_request(asked):
    """Return `asked`, an AssociateRequest, as an A-ASSOCIATE-RQ PDU; LocalError when a field does not fit."""
    contexts = []
    for proposal in asked.proposals:
        parts = [put_u8(proposal.id), b"\x00\x00\x00"]
        parts.append(items.item(_ABSTRACT_SYNTAX_ITEM, items.uid_octets(proposal.abstract_syntax)))
        for uid in proposal.transfer_syntaxes:
            parts.append(items.item(_TRANSFER_SYNTAX_ITEM, items.uid_octets(uid)))
        contexts.append(items.item(_PROPOSED_CONTEXT_ITEM, b"".join(parts)))
    return _associate(framing.ASSOCIATE_RQ, asked.titles, b"".join(contexts), asked.user)


def associate_accept(accept):
    """Return `accept`, an AssociateAccept, as an A-ASSOCIATE-AC PDU."""
    contexts = []
    for answer in accept.answers:
        body = put_u8(answer.id) + b"\x00" + put_u8(answer.result) + b"\x00"
        body += items.item(_TRANSFER_SYNTAX_ITEM, items.uid_octets(answer.transfer_syntax))
        contexts.append(items.item(_ANSWERED_CONTEXT_ITEM, body))
    return _associate(framing.ASSOCIATE_AC, accept.titles, b"".join(contexts), accept.user)


def associate_reject(reject):
    """Return `reject`, an AssociateReject, as an A-ASSOCIATE-RJ PDU."""
    body = b"\x00" + put_u8(reject.result) + put_u8(reject.source) + put_u8(reject.reason)
    return _header(framing.ASSOCIATE_RJ, 4) + body


RELEASE_RQ = _header(framing.RELEASE_RQ, 4) + bytes(4)
RELEASE_RP = _header(framing.RELEASE_RP, 4) + bytes(4)


def abort(source, reason):
    """Return an A-ABORT PDU."""
    return _header(framing.ABORT, 4) + b"\x00\x00" + put_u8(source) + put_u8(reason)


def data_header(context_id, length, is_command, is_last):
    """Return the twelve octets before `length` octets of payload: a P-DATA-TF PDU that holds one PDV (PS3.8 9.3.5)."""
    control = (1 if is_command else 0) | (2 if is_last else 0)
    return _header(framing.P_DATA_TF, length + 6) + put_u32_be(length + 2) + put_u8(context_id) + put_u8(control)


def _require_fixed_part(body):
    if len(body) < _ASSOCIATE_FIXED_BYTES:
        raise PeerError("A-ASSOCIATE PDU of %d octets, at least %d are needed" % (len(body), _ASSOCIATE_FIXED_BYTES), 0)


def _read_proposal(body, begin, end):
    if end - begin < 4:
        raise PeerError("a presentation context item of %d octets holds no context" % (end - begin), begin)
    context_id = body[begin]
    if not context_id & 1:
        raise PeerError("presentation context ID %d is not odd" % context_id, begin)
    abstract_syntax = ""
    transfer_syntaxes = []
    for kind, at, item_end in items.walk(body, begin + 4, end, "a presentation context"):
        if kind == _ABSTRACT_SYNTAX_ITEM:
            abstract_syntax = items.read_uid(body, at, item_end)
        elif kind == _TRANSFER_SYNTAX_ITEM:
            transfer_syntaxes.append(items.read_uid(body, at, item_end))
    return Proposal(context_id, abstract_syntax, tuple(transfer_syntaxes))


def read_associate_request(body):
    """Read the body of an A-ASSOCIATE-RQ PDU into an AssociateRequest; PeerError when it is malformed."""
    _require_fixed_part(body)
    application_context = ""
    proposals = []
    seen = set()
    user = items.decode(b"", 0, 0)
    for kind, at, item_end in items.walk(body, _ASSOCIATE_FIXED_BYTES, len(body), "the A-ASSOCIATE-RQ PDU"):
        if kind == _APPLICATION_CONTEXT_ITEM:
            application_context = items.read_uid(body, at, item_end)
        elif kind == _PROPOSED_CONTEXT_ITEM:
            proposal = _read_proposal(body, at, item_end)
            if proposal.id in seen:
                raise PeerError("presentation context ID %d is proposed twice" % proposal.id, at)
            seen.add(proposal.id)
            proposals.append(proposal)
        elif kind == _USER_INFORMATION_ITEM:
            user = items.decode(body, at, item_end)
    titles = bytes(body[4:36])
    return AssociateRequest(
        _ae_title(titles[:16]),
        _ae_title(titles[16:]),
        titles,
        tuple(proposals),
        user,
        application_context,
        bool(get_u16_be(body, 0) & 1),
    )


def _read_answer(body, begin, end):
    if end - begin < 4:
        raise PeerError("a presentation context item of %d octets holds no answer" % (end - begin), begin)
    transfer_syntax = ""
    for kind, at, item_end in items.walk(body, begin + 4, end, "a presentation context"):
        if kind == _TRANSFER_SYNTAX_ITEM and not transfer_syntax:
            transfer_syntax = items.read_uid(body, at, item_end)
    result = body[begin + 2]
    return Answer(body[begin], result, transfer_syntax if result == ACCEPTANCE else "")


def read_associate_accept(body):
    """Read the body of an A-ASSOCIATE-AC PDU into an AssociateAccept; PeerError when it is malformed."""
    _require_fixed_part(body)
    answers = []
    user = items.decode(b"", 0, 0)
    for kind, at, item_end in items.walk(body, _ASSOCIATE_FIXED_BYTES, len(body), "the A-ASSOCIATE-AC PDU"):
        if kind == _ANSWERED_CONTEXT_ITEM:
            answers.append(_read_answer(body, at, item_end))
        elif kind == _USER_INFORMATION_ITEM:
            user = items.decode(body, at, item_end)
    return AssociateAccept(bytes(body[4:36]), tuple(answers), user)


def read_associate_reject(body):
    """Read the body of an A-ASSOCIATE-RJ PDU into an AssociateReject."""
    return AssociateReject(body[1], body[2], body[3])


def read_abort(body):
    """Read the body of an A-ABORT PDU into an Abort."""
    return Abort(body[2], body[3])


def reject_words(reject):
    """Say an AssociateReject in words."""
    lasting = "for good" if reject.result == REJECTED_PERMANENT else "for now"
    unknown = "reason %d of source %d" % (reject.reason, reject.source)
    reason = REJECT_REASONS.get((reject.source, reject.reason), unknown)
    return "rejected %s: %s" % (lasting, reason)


def abort_words(abort_pdu):
    """Say an Abort in words."""
    if abort_pdu.source == ABORT_BY_PROVIDER:
        return "aborted by the service provider: %s" % ABORT_REASONS.get(
            abort_pdu.reason, "reason %d" % abort_pdu.reason
        )
    return "aborted by the service user"
