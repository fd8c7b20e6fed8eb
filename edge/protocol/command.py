"""Command sets: group 0000 in implicit VR little endian, read and written (PS3.7 6.3.1, Annex E).

A command set is a dict from element number (the group is always 0000) to value: int for US and UL, str for UI, AE and
LO, a tuple of (group, element) pairs for AT. What is not in the table below is kept out: retired or private elements
mean nothing here.
"""

from edge.dicom import ascii
from edge.dicom.errors import LimitError, LocalError, PeerError
from edge.dicom.octets import (
    get_u16_le,
    head_implicit,
    pad_even,
    put_element_u16,
    put_head_implicit,
    put_u16_le,
    put_u32_le,
)

AFFECTED_SOP_CLASS = 0x0002
REQUESTED_SOP_CLASS = 0x0003
COMMAND_FIELD = 0x0100
MESSAGE_ID = 0x0110
MESSAGE_ID_RESPONDED_TO = 0x0120
MOVE_DESTINATION = 0x0600
PRIORITY = 0x0700
DATA_SET_TYPE = 0x0800
STATUS = 0x0900
OFFENDING_ELEMENT = 0x0901
ERROR_COMMENT = 0x0902
ERROR_ID = 0x0903
AFFECTED_SOP_INSTANCE = 0x1000
REQUESTED_SOP_INSTANCE = 0x1001
EVENT_TYPE = 0x1002
ATTRIBUTES = 0x1005
ACTION_TYPE = 0x1008
REMAINING = 0x1020
COMPLETED = 0x1021
FAILED = 0x1022
WARNED = 0x1023
MOVE_ORIGINATOR = 0x1030
MOVE_ORIGINATOR_MESSAGE_ID = 0x1031

_VR = {
    AFFECTED_SOP_CLASS: "UI",
    REQUESTED_SOP_CLASS: "UI",
    COMMAND_FIELD: "US",
    MESSAGE_ID: "US",
    MESSAGE_ID_RESPONDED_TO: "US",
    MOVE_DESTINATION: "AE",
    PRIORITY: "US",
    DATA_SET_TYPE: "US",
    STATUS: "US",
    OFFENDING_ELEMENT: "AT",
    ERROR_COMMENT: "LO",
    ERROR_ID: "US",
    AFFECTED_SOP_INSTANCE: "UI",
    REQUESTED_SOP_INSTANCE: "UI",
    EVENT_TYPE: "US",
    ATTRIBUTES: "AT",
    ACTION_TYPE: "US",
    REMAINING: "US",
    COMPLETED: "US",
    FAILED: "US",
    WARNED: "US",
    MOVE_ORIGINATOR: "AE",
    MOVE_ORIGINATOR_MESSAGE_ID: "US",
}

# Command fields (PS3.7 E.1); a response is the request with the highest bit set
C_STORE_RQ = 0x0001
C_GET_RQ = 0x0010
C_FIND_RQ = 0x0020
C_MOVE_RQ = 0x0021
C_ECHO_RQ = 0x0030
N_EVENT_REPORT_RQ = 0x0100
N_GET_RQ = 0x0110
N_SET_RQ = 0x0120
N_ACTION_RQ = 0x0130
N_CREATE_RQ = 0x0140
N_DELETE_RQ = 0x0150
C_CANCEL_RQ = 0x0FFF
RESPONSE = 0x8000

NAMES = {
    C_STORE_RQ: "C-STORE",
    C_GET_RQ: "C-GET",
    C_FIND_RQ: "C-FIND",
    C_MOVE_RQ: "C-MOVE",
    C_ECHO_RQ: "C-ECHO",
    N_EVENT_REPORT_RQ: "N-EVENT-REPORT",
    N_GET_RQ: "N-GET",
    N_SET_RQ: "N-SET",
    N_ACTION_RQ: "N-ACTION",
    N_CREATE_RQ: "N-CREATE",
    N_DELETE_RQ: "N-DELETE",
    C_CANCEL_RQ: "C-CANCEL",
}

NO_DATA_SET = 0x0101  # the value of Command Data Set Type that says so; any other announces one (PS3.7 E.1)
DATA_SET = 0x0001

PRIORITY_MEDIUM = 0
PRIORITY_HIGH = 1
PRIORITY_LOW = 2

SIZE_LIMIT = 16384  # octets; a real command set has fewer than 500


def has_data_set(elements):
    """Say whether a data set follows this command set."""
    return elements[DATA_SET_TYPE] != NO_DATA_SET


def decode(octets):
    """Read a command set into a dict of element number -> value.

    Raises PeerError for a malformed one or one without Command Field and Command Data Set Type, LimitError for one of
    more than SIZE_LIMIT octets. A wrong group length, which old senders write, is passed over.
    """
    end = len(octets)
    if end > SIZE_LIMIT:
        raise LimitError("command set of %d octets, the limit is %d" % (end, SIZE_LIMIT))
    elements = {}
    at = 0
    while at < end:
        if at + 8 > end:
            raise PeerError("%d octets at the end of a command set are too few for an element" % (end - at), at)
        group, number, length = head_implicit(octets, at, True)
        begin = at + 8
        at = begin + length
        if group != 0:
            raise PeerError("element (%04X,%04X) in a command set" % (group, number), begin - 8)
        if at > end:
            message = "element (0000,%04X) of %d octets runs over the end of its command set" % (number, length)
            raise PeerError(message, begin - 8)
        vr = _VR.get(number)
        if vr == "US":
            if length != 2:
                raise PeerError("element (0000,%04X) has %d octets, not 2" % (number, length), begin)
            elements[number] = get_u16_le(octets, begin)
        elif vr == "AT":
            elements[number] = tuple(
                [(get_u16_le(octets, n), get_u16_le(octets, n + 2)) for n in range(begin, at - 3, 4)]
            )
        elif vr is not None:
            elements[number] = ascii.unpadded(octets[begin:at])
    for number in (COMMAND_FIELD, DATA_SET_TYPE):
        if number not in elements:
            raise PeerError("the command set has no element (0000,%04X)" % number)
    return elements


def _value(number, vr, value):
    if vr == "AT":
        return b"".join([put_u16_le(group) + put_u16_le(element) for group, element in value])
    if vr == "UI":
        return pad_even(ascii.strict(value), b"\0")
    limit = 64 if vr == "LO" else 16
    if len(value) > limit:
        raise LocalError("element (0000,%04X) has %d characters, at most %d are allowed" % (number, len(value), limit))
    return pad_even(ascii.strict(value), b" ")


def encode(elements):
    """Return the dict `elements` as a command set, in ascending order, group length first.

    Raises LocalError for an element that is not in the table or a value that does not fit it.
    """
    parts = []
    for number in sorted(elements):
        vr = _VR.get(number)
        if vr is None:
            raise LocalError("(0000,%04X) is not an element of a command set" % number)
        if vr == "US":
            parts.append(put_element_u16(0, number, elements[number]))
        else:
            value = _value(number, vr, elements[number])
            parts.append(put_head_implicit(0, number, len(value)))
            parts.append(value)
    body = b"".join(parts)
    return b"\0\0\0\0\x04\0\0\0" + put_u32_le(len(body)) + body
