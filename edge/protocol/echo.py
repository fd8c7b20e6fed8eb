"""Verification: C-ECHO in both roles (PS3.7 9.1.5, PS3.4 Annex A)."""

from edge.dicom import uid
from edge.protocol import command, dimse, status

SOP_CLASS = uid.VERIFICATION


def request(message_id):
    """Return a C-ECHO-RQ as a command set."""
    return command.encode(
        {
            command.AFFECTED_SOP_CLASS: SOP_CLASS,
            command.COMMAND_FIELD: command.C_ECHO_RQ,
            command.MESSAGE_ID: message_id,
            command.DATA_SET_TYPE: command.NO_DATA_SET,
        }
    )


def response(elements):
    """Return the C-ECHO-RSP to the request `elements`: success."""
    return command.encode(dimse.answer_to(elements, status.SUCCESS))
