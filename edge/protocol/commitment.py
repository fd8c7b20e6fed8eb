"""Storage Commitment Push Model: an archive says that it keeps what it was sent, or what it does not (PS3.4 Annex J).

The user asks with an N-ACTION whose data set has a Transaction UID and the instances. The provider answers that it was
asked, and later, on any association, tells the outcome with an N-EVENT-REPORT that names the transaction:

    octets = b"".join(request_data_set(known_syntax, transaction, instances))
    report = ReportReader(known_syntax)
    for each piece of its data set:
        report.feed(piece)
        for event in report.events(): ...      # Transaction, then Failed and Committed, one for each instance
    report.finish()

Nothing is kept of a data set but the item under way, and what an item or a data set may have is limited. An archive
that opens an association to tell an outcome is its provider although it is the requestor, and says so by role selection
(PS3.7 D.3.3.4); some do not, and are understood all the same.
"""

from collections import namedtuple

from edge.dicom import reader, syntax, uid, writer
from edge.dicom.errors import LimitError, PeerError
from edge.dicom.octets import get_numbers
from edge.protocol import command, contexts, items, status

SOP_CLASS = "1.2.840.10008.1.20.1"
SOP_INSTANCE = "1.2.840.10008.1.20.1.1"  # the well-known one: there is no other (PS3.4 J.3.5)

REQUEST = 1  # Action Type ID (PS3.4 J.3.2.1)
ALL_COMMITTED, SOME_FAILED = 1, 2  # Event Type ID (PS3.4 J.3.3.1)

SYNTAXES = (syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE)  # that we offer
_READ = SYNTAXES + (syntax.EXPLICIT_BIG,)

_TRANSACTION_UID = 0x00081195
_FAILURE_REASON = 0x00081197
_FAILED_SEQUENCE = 0x00081198
_REFERENCED_SEQUENCE = 0x00081199
_REFERENCED_CLASS = 0x00081150
_REFERENCED_INSTANCE = 0x00081155

_VALUE_LIMIT = 256  # octets of the longest value that is looked at
_DEPTH_LIMIT = 8
_ELEMENT_LIMIT = 64  # of one item, and of what stands around the items
INSTANCES_LIMIT = 20000  # of one data set
OCTETS_LIMIT = 8 << 20  # of one data set

# Failure Reason (PS3.3 C.14.1.1). words; is_lasting: whether sending the instance again cannot change it
Reason = namedtuple("Reason", ("words", "is_lasting"))

PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
CLASS_CONFLICT = 0x0119
CLASS_NOT_SUPPORTED = 0x0122
DUPLICATE_TRANSACTION = 0x0131
RESOURCE_LIMITATION = 0x0213

REASONS = {
    PROCESSING_FAILURE: Reason("it failed while processing it", False),
    NO_SUCH_INSTANCE: Reason("it does not have it", False),
    CLASS_CONFLICT: Reason("it has it under another SOP Class", True),
    CLASS_NOT_SUPPORTED: Reason("it commits to nothing of this SOP Class", True),
    DUPLICATE_TRANSACTION: Reason("it takes the transaction for another one", False),
    RESOURCE_LIMITATION: Reason("it has no room to keep it", False),
}


def reason(code):
    """Return the Reason for a Failure Reason, None for one that was not given; unknown ones are no lasting ones."""
    if code is None:
        return Reason("it does not say why", False)
    known = REASONS.get(code)
    if known is None:
        return Reason("reason %04X" % code, False)
    return Reason("%s (%04X)" % (known.words, code), known.is_lasting)


# The user's side


def request(message_id):
    """Return an N-ACTION-RQ that asks for commitment, as a command set; `request_data_set` follows it."""
    return command.encode(
        {
            command.REQUESTED_SOP_CLASS: SOP_CLASS,
            command.COMMAND_FIELD: command.N_ACTION_RQ,
            command.MESSAGE_ID: message_id,
            command.DATA_SET_TYPE: command.DATA_SET,
            command.REQUESTED_SOP_INSTANCE: SOP_INSTANCE,
            command.ACTION_TYPE: REQUEST,
        }
    )


def request_data_set(known, transaction, instances):
    """Yield, in pieces, the data set that asks for commitment of `instances`, pairs of SOP Class and Instance UID.

    known: the syntax.TransferSyntax of the context; transaction: a UID that was never used for this.
    """
    written = writer.Writer(known)
    yield written.element(_TRANSACTION_UID, "UI", transaction)
    yield _sequence(written, _REFERENCED_SEQUENCE, [(sop_class, instance, None) for sop_class, instance in instances])
    written.finish()


def report_fault(elements):
    """Return (status, comment) of why an N-EVENT-REPORT-RQ cannot be one of this service, or None when it can."""
    if elements.get(command.AFFECTED_SOP_CLASS) != SOP_CLASS:
        return status.NO_SUCH_CLASS, "not an event of storage commitment"
    if elements.get(command.AFFECTED_SOP_INSTANCE) != SOP_INSTANCE:
        return status.NO_SUCH_INSTANCE, "storage commitment has one SOP instance only"
    if elements.get(command.EVENT_TYPE) not in (ALL_COMMITTED, SOME_FAILED):
        return status.NO_SUCH_EVENT, "no such event of storage commitment"
    if not command.has_data_set(elements):
        return status.INVALID_ARGUMENT, "an event without its data set"
    return None


# The provider's side


def report(message_id, event_type):
    """Return an N-EVENT-REPORT-RQ, as a command set; `report_data_set` follows it. event_type: as above."""
    return command.encode(
        {
            command.AFFECTED_SOP_CLASS: SOP_CLASS,
            command.COMMAND_FIELD: command.N_EVENT_REPORT_RQ,
            command.MESSAGE_ID: message_id,
            command.DATA_SET_TYPE: command.DATA_SET,
            command.AFFECTED_SOP_INSTANCE: SOP_INSTANCE,
            command.EVENT_TYPE: event_type,
        }
    )


def report_data_set(known, transaction, committed, failed=()):
    """Yield, in pieces, the data set of a report: pairs as above, and triples whose third is the Failure Reason."""
    written = writer.Writer(known)
    yield written.element(_TRANSACTION_UID, "UI", transaction)
    if failed:
        yield _sequence(written, _FAILED_SEQUENCE, failed)
    if committed:
        triples = [(sop_class, instance, None) for sop_class, instance in committed]
        yield _sequence(written, _REFERENCED_SEQUENCE, triples)
    written.finish()


def _sequence(written, tag, instances):
    parts = [written.begin_sequence(tag)]
    for sop_class, instance, code in instances:
        parts.append(written.begin_item())
        parts.append(written.element(_REFERENCED_CLASS, "UI", sop_class))
        parts.append(written.element(_REFERENCED_INSTANCE, "UI", instance))
        if code is not None:
            parts.append(written.element(_FAILURE_REASON, "US", code))
        parts.append(written.end_item())
    parts.append(written.end_sequence())
    return b"".join(parts)


# Reading either data set

# The transaction that a data set is of: before anything else. uid: str
Transaction = namedtuple("Transaction", ("uid",))
# An instance of the Referenced SOP Sequence: asked for, or committed. Both UIDs as the peer wrote them
Committed = namedtuple("Committed", ("sop_class", "sop_instance"))
# An instance of the Failed SOP Sequence. reason: int, None where there is none
Failed = namedtuple("Failed", ("sop_class", "sop_instance", "reason"))


class ReportReader:
    """Read the data set of a report, or of a request, fed in pieces cut anywhere; see the module.

    `events` and `finish` raise PeerError for what is no such data set, LimitError for one that is too long.
    """

    def __init__(self, known):
        """known: the syntax.TransferSyntax of the context, not a deflated one."""
        self._reader = reader.Reader(known, _VALUE_LIMIT, _DEPTH_LIMIT)
        self._left = OCTETS_LIMIT
        self._has_transaction = False
        self._depth = 0  # of sequences
        self._sequence = None  # the one at the top that is open
        self._item = None
        self._elements = 0
        self._instances = 0

    def feed(self, piece):
        """Take the next octets; they have to stay as they are until `events` has ended."""
        self._left -= len(piece)
        if self._left < 0:
            raise LimitError("a report of more than %d octets" % OCTETS_LIMIT)
        self._reader.feed(piece)

    def events(self):
        """Yield what the octets fed so far say."""
        for event in self._reader.events():
            found = self._take(event)
            if found is not None:
                yield found

    def finish(self):
        """Declare the end of the data set."""
        self._reader.finish()
        if not self._has_transaction:
            raise PeerError("a report without Transaction UID")

    def _take(self, event):
        if isinstance(event, reader.Element):
            self._elements += 1
            if self._elements > _ELEMENT_LIMIT:
                raise LimitError("an item of a report with more than %d elements" % _ELEMENT_LIMIT)
            if self._depth == 0 and event.tag == _TRANSACTION_UID:
                return self._transaction(event)
            if self._depth == 1 and self._item is not None:
                self._item[event.tag] = event
        elif isinstance(event, reader.SequenceBegan):
            self._depth += 1
            if self._depth == 1:
                self._sequence = event.tag
        elif isinstance(event, reader.SequenceEnded):
            self._depth -= 1
        elif isinstance(event, reader.ItemBegan):
            if self._depth == 1:
                self._item = {}
                self._elements = 0
        elif isinstance(event, reader.ItemEnded) and self._depth == 1:
            item, self._item = self._item, None
            self._elements = 0
            if self._sequence == _FAILED_SEQUENCE or self._sequence == _REFERENCED_SEQUENCE:
                return self._instance(item)
        return None

    def _transaction(self, element):
        if self._has_transaction:
            raise PeerError("a second Transaction UID in a report", element.offset)
        self._has_transaction = True
        return Transaction(uid.from_octets(element.value))

    def _instance(self, item):
        if not self._has_transaction:
            raise PeerError("a report whose instances come before its Transaction UID")
        self._instances += 1
        if self._instances > INSTANCES_LIMIT:
            raise LimitError("a report of more than %d instances" % INSTANCES_LIMIT)
        element = item.get(_REFERENCED_INSTANCE)
        if element is None or not element.value:
            raise PeerError("an item of a report without Referenced SOP Instance UID")
        instance = uid.from_octets(element.value)
        element = item.get(_REFERENCED_CLASS)
        sop_class = "" if element is None else uid.from_octets(element.value)
        if self._sequence == _REFERENCED_SEQUENCE:
            return Committed(sop_class, instance)
        element = item.get(_FAILURE_REASON)
        if element is None or len(element.value) != 2:
            return Failed(sop_class, instance, None)
        return Failed(sop_class, instance, get_numbers(element.value, "US", self._reader.little)[0])


# Negotiation by an acceptor


def answer(proposals, policy, is_expected):
    """Return contexts.answer of `policy`, with contexts of this service taken too when reports are expected."""
    if not is_expected:
        return contexts.answer(proposals, policy)
    reports = contexts.Policy(_is_this_service, _READ, False)
    answers = []
    for proposal in proposals:
        of_proposal = reports if _is_this_service(proposal.abstract_syntax) else policy
        answers.extend(contexts.answer((proposal,), of_proposal))
    return tuple(answers)


def roles(proposed, is_expected):
    """Return what an acceptor says to the items.Roles proposed: it is provider of everything, and user of this."""
    answers = []
    for role in proposed:
        if is_expected and role.sop_class == SOP_CLASS:
            answers.append(items.Role(role.sop_class, False, role.scp))
        else:
            answers.append(items.Role(role.sop_class, role.scu, False))
    return answers


def _is_this_service(abstract_syntax):
    return abstract_syntax == SOP_CLASS
