"""PDVs to messages: a command set collected whole, a data set passed on piece by piece (PS3.7 6.3, PS3.8 E).

    messages = Messages()
    for each association.Data:
        event = messages.take(data)        # Command, the data itself, or None

One message is under way at a time on an association without asynchronous operations; a peer that begins another in the
middle of a data set has lost its place, and so have we: PeerError.
"""

from collections import namedtuple

from edge.dicom.errors import LimitError, PeerError
from edge.protocol import command

_COMMENT_LIMIT = 64  # characters of an LO (PS3.5 6.2)

# A command set is complete. context_id: int; elements: dict as command.decode makes it. When command.has_data_set says
# so, pieces of the data set that belongs to it follow.
Command = namedtuple("Command", ("context_id", "elements"))


class Messages:
    """The messages that come in on one association."""

    def __init__(self):
        self._octets = bytearray()  # of the command set under way
        self._context_id = None  # of the message under way
        self._in_data_set = False

    def within(self):
        """Say whether a message has begun and is not complete."""
        return self._context_id is not None

    def take(self, data):
        """Take one association.Data; return a Command, or `data` itself when it is a piece of a data set, or None.

        Raises PeerError for a piece that has no place here, LimitError for a command set beyond command.SIZE_LIMIT.
        """
        if self._context_id is None:
            self._context_id = data.context_id
        elif data.context_id != self._context_id:
            raise PeerError(
                "a PDV of context %d in the middle of a message of context %d" % (data.context_id, self._context_id)
            )
        if self._in_data_set:
            if data.is_command:
                raise PeerError("a command set in the middle of a data set")
            if data.is_last:
                self._in_data_set = False
                self._context_id = None
            return data
        if not data.is_command:
            raise PeerError("a data set that no command set announced")
        for view in data.views:
            if len(self._octets) + len(view) > command.SIZE_LIMIT:
                raise LimitError("a command set of more than %d octets" % command.SIZE_LIMIT)
            self._octets.extend(view)
        if not data.is_last:
            return None
        elements = command.decode(bytes(self._octets))
        self._octets = bytearray()
        self._in_data_set = command.has_data_set(elements)
        if not self._in_data_set:
            self._context_id = None
        return Command(data.context_id, elements)


def answer_to(elements, status, comment=""):
    """Return the elements of a response without a data set to the request `elements`.

    status: code of PS3.7 Annex C; comment: ASCII for the peer's log, without patient data; of more than 64
    characters the last words are left out.
    """
    answer = {
        command.COMMAND_FIELD: elements[command.COMMAND_FIELD] | command.RESPONSE,
        command.MESSAGE_ID_RESPONDED_TO: elements.get(command.MESSAGE_ID, 0),
        command.DATA_SET_TYPE: command.NO_DATA_SET,
        command.STATUS: status,
    }
    sop_class = elements.get(command.AFFECTED_SOP_CLASS) or elements.get(command.REQUESTED_SOP_CLASS)
    if sop_class:
        answer[command.AFFECTED_SOP_CLASS] = sop_class
    instance = elements.get(command.AFFECTED_SOP_INSTANCE) or elements.get(command.REQUESTED_SOP_INSTANCE)
    if instance:
        answer[command.AFFECTED_SOP_INSTANCE] = instance
    for number in (command.EVENT_TYPE, command.ACTION_TYPE):
        if number in elements:
            answer[number] = elements[number]
    if comment:
        answer[command.ERROR_COMMENT] = _cut(comment)
    return answer


def _cut(comment):
    """Return as many whole words of a comment as an LO takes."""
    if len(comment) <= _COMMENT_LIMIT:
        return comment
    end = comment.rfind(" ", 0, _COMMENT_LIMIT + 1)
    return comment[:end].rstrip(" ,;:(") if end > 0 else comment[:_COMMENT_LIMIT]
