"""Query/Retrieve, Study Root: what an archive has (C-FIND), and objects from it (C-GET, C-MOVE) (PS3.4 Annex C).

    octets = identifier(known, STUDY, {PATIENT_ID: "4711", STUDY_UID: None})
    command set = find(message_id), then the identifier; each answer is read by `answer`:
        Answer(status, counters, comment, has_data_set)
    for the data set of a pending answer:
        match = Match(known);  match.feed(piece) ...;  match.finish() -> {tag: str}

A key that is None asks for its value; one with a value has to be matched. What an archive sends beyond the keys that
were asked for is passed over, and what one match may have is limited.
"""

from collections import namedtuple

from edge.dicom import reader, syntax, text, writer
from edge.dicom.errors import LimitError
from edge.protocol import command, status
from edge.protocol.status import DONE, LATER, NEVER, PENDING, Meaning

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
GET = "1.2.840.10008.5.1.4.1.2.2.3"

SYNTAXES = (syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE)  # that we offer for identifiers

STUDY, SERIES, IMAGE = "STUDY", "SERIES", "IMAGE"

CHARSET = 0x00080005
SOP_CLASS = 0x00080016
SOP_INSTANCE = 0x00080018
STUDY_DATE = 0x00080020
ACCESSION = 0x00080050
LEVEL = 0x00080052
FAILED_INSTANCES = 0x00080058
MODALITY = 0x00080060
MODALITIES = 0x00080061
DESCRIPTION = 0x00081030
PATIENT_NAME = 0x00100010
PATIENT_ID = 0x00100020
STUDY_UID = 0x0020000D
SERIES_UID = 0x0020000E
SERIES_INSTANCES = 0x00201209
STUDY_INSTANCES = 0x00201208

_VR = {
    CHARSET: "CS", SOP_CLASS: "UI", SOP_INSTANCE: "UI", STUDY_DATE: "DA", ACCESSION: "SH", LEVEL: "CS",
    FAILED_INSTANCES: "UI", MODALITY: "CS", MODALITIES: "CS", DESCRIPTION: "LO", PATIENT_NAME: "PN", PATIENT_ID: "LO",
    STUDY_UID: "UI", SERIES_UID: "UI", SERIES_INSTANCES: "IS", STUDY_INSTANCES: "IS",
}  # fmt: skip
_UTF_8 = "ISO_IR 192"

_VALUE_LIMIT = 1024  # octets of the longest value of a match that is looked at
_DEPTH_LIMIT = 8
OCTETS_LIMIT = 8 << 20  # of one identifier that comes: a list of failed instances may be long

# Statuses of these services beside those of any (PS3.4 C.4.1.1.4, C.4.2.1.5, C.4.3.1.4)
OUT_OF_RESOURCES = 0xA700
UNABLE_TO_COUNT = 0xA701
UNABLE_TO_PERFORM = 0xA702
UNKNOWN_DESTINATION = 0xA801
IDENTIFIER_MISMATCH = 0xA900
PARTLY = 0xB000
CANCELED = 0xFE00

_MEANINGS = (
    Meaning(0xA700, 0xA700, LATER, "refused: out of resources"),
    Meaning(0xA701, 0xA701, LATER, "refused: out of resources, the number of matches cannot be told"),
    Meaning(0xA702, 0xA702, LATER, "refused: out of resources, objects cannot be sent"),
    Meaning(0xA801, 0xA801, NEVER, "refused: move destination unknown"),
    Meaning(0xA900, 0xA900, NEVER, "error: the identifier does not match the SOP class"),
    Meaning(0xB000, 0xB000, DONE, "warning: one or more objects failed"),
    Meaning(0xC000, 0xCFFF, NEVER, "error: unable to process"),
)

# remaining, completed, failed, warned: sub-operations, None where the answer does not say
Counters = namedtuple("Counters", ("remaining", "completed", "failed", "warned"))
# An answer to one of these requests. status: int; counters: Counters; comment: the peer's own words, "" for none;
# has_data_set: whether an identifier follows
Answer = namedtuple("Answer", ("status", "counters", "comment", "has_data_set"))


def meaning(code):
    """Return the status.Meaning of `code`, a status of C-FIND, C-GET or C-MOVE."""
    for entry in _MEANINGS:
        if entry.lowest <= code <= entry.highest:
            return entry
    return status.meaning(code)


def is_pending(code):
    """Say whether further answers follow one with this status."""
    return meaning(code).verdict == PENDING


def words(code):
    """Say `code` in words, with the code itself."""
    return "%s (%04X)" % (meaning(code).words, code)


# Requests


def find(message_id):
    """Return a C-FIND-RQ as a command set; its identifier follows."""
    return _request(FIND, command.C_FIND_RQ, message_id, None)


def get(message_id):
    """Return a C-GET-RQ as a command set; its identifier follows."""
    return _request(GET, command.C_GET_RQ, message_id, None)


def move(message_id, destination):
    """Return a C-MOVE-RQ as a command set; its identifier follows. destination: the AE title that is to be sent to."""
    return _request(MOVE, command.C_MOVE_RQ, message_id, destination)


def _request(sop_class, field, message_id, destination):
    elements = {
        command.AFFECTED_SOP_CLASS: sop_class,
        command.COMMAND_FIELD: field,
        command.MESSAGE_ID: message_id,
        command.PRIORITY: command.PRIORITY_MEDIUM,
        command.DATA_SET_TYPE: command.DATA_SET,
    }
    if destination is not None:
        elements[command.MOVE_DESTINATION] = destination
    return command.encode(elements)


def cancel(message_id):
    """Return a C-CANCEL-RQ for the request `message_id`; it has no answer of its own."""
    return command.encode(
        {
            command.COMMAND_FIELD: command.C_CANCEL_RQ,
            command.MESSAGE_ID_RESPONDED_TO: message_id,
            command.DATA_SET_TYPE: command.NO_DATA_SET,
        }
    )


def identifier(known, level, keys):
    """Return the octets of an identifier. known: syntax.TransferSyntax of the context; keys: {tag above: str or None}.

    A value is text in UTF-8, and says so, where ASCII does not do.
    """
    charsets = ()
    for value in keys.values():
        if value is not None and len(value.encode()) != len(value):
            charsets = (_UTF_8,)
    content = [(tag, _VR[tag], value) for tag, value in keys.items()]
    content.append((LEVEL, "CS", level))
    if charsets:
        content.append((CHARSET, "CS", _UTF_8))
    return writer.data_set(content, known, charsets)


# Answers


def answer(elements):
    """Read the command set of an answer into an Answer; one without a status counts as a failure."""
    counters = [elements.get(each) for each in (command.REMAINING, command.COMPLETED, command.FAILED, command.WARNED)]
    code = elements.get(command.STATUS, status.PROCESSING_FAILURE)
    comment = elements.get(command.ERROR_COMMENT, "")
    return Answer(code, Counters(*counters), comment, command.has_data_set(elements))


class Match:
    """Read the identifier of one answer, fed in pieces cut anywhere; PeerError or LimitError for what is none."""

    def __init__(self, known):
        """known: the syntax.TransferSyntax of the context, not a deflated one."""
        self._reader = reader.Reader(known, _VALUE_LIMIT, _DEPTH_LIMIT)
        self._left = OCTETS_LIMIT
        self._depth = 0
        self._octets = {}

    def feed(self, piece):
        """Take the next octets."""
        self._left -= len(piece)
        if self._left < 0:
            raise LimitError("an identifier of more than %d octets" % OCTETS_LIMIT)
        self._reader.feed(piece)
        for event in self._reader.events():
            if isinstance(event, reader.SequenceBegan):
                self._depth += 1
            elif isinstance(event, reader.SequenceEnded):
                self._depth -= 1
            elif isinstance(event, reader.Element) and self._depth == 0 and event.tag in _VR:
                self._octets[event.tag] = bytes(event.value)

    def finish(self):
        """Return {tag: str}, of the tags above, of what was fed; several values stand with a backslash between them."""
        self._reader.finish()
        charsets = text.terms(self._octets.get(CHARSET, b""))
        found = {}
        for tag, octets in self._octets.items():
            in_set = charsets if _VR[tag] in ("LO", "SH", "PN") else ()
            found[tag] = text.decode(octets, in_set, _VR[tag] == "PN").strip("\0 ")
        return found
