"""Storage: C-STORE in both roles (PS3.7 9.1.1, PS3.4 Annex B)."""

from collections import namedtuple

from edge.dicom.errors import PeerError
from edge.protocol import command, dimse

# What a C-STORE-RQ asks for. context_id, message_id: int; sop_class, sop_instance: str as the peer wrote them;
# priority: 0 medium, 1 high, 2 low; elements: the whole command set, to answer to
Request = namedtuple("Request", ("context_id", "message_id", "sop_class", "sop_instance", "priority", "elements"))


def asked(event):
    """Read a dimse.Command with Command Field C-STORE-RQ into a Request; PeerError when it lacks what it must have."""
    elements = event.elements
    if not command.has_data_set(elements):
        raise PeerError("a C-STORE request without a data set")
    for number in (command.MESSAGE_ID, command.AFFECTED_SOP_CLASS, command.AFFECTED_SOP_INSTANCE):
        if number not in elements:
            raise PeerError("a C-STORE request without element (0000,%04X)" % number)
    return Request(
        event.context_id,
        elements[command.MESSAGE_ID],
        elements[command.AFFECTED_SOP_CLASS],
        elements[command.AFFECTED_SOP_INSTANCE],
        elements.get(command.PRIORITY, command.PRIORITY_MEDIUM),
        elements,
    )


def request(message_id, sop_class, sop_instance, priority=command.PRIORITY_MEDIUM):
    """Return a C-STORE-RQ as a command set; the data set follows it in the same context."""
    return command.encode(
        {
            command.AFFECTED_SOP_CLASS: sop_class,
            command.COMMAND_FIELD: command.C_STORE_RQ,
            command.MESSAGE_ID: message_id,
            command.PRIORITY: priority,
            command.DATA_SET_TYPE: command.DATA_SET,
            command.AFFECTED_SOP_INSTANCE: sop_instance,
        }
    )


def response(asked_for, status, comment=""):
    """Return the C-STORE-RSP to `asked_for`, a Request, with `status` and a comment for the peer's log."""
    return command.encode(dimse.answer_to(asked_for.elements, status, comment))
