"""An association that we asked for, and on which the peer may ask for something, too.

A kind of it says what a message comes to: `_command` for a command set, `_payload` for each piece of a data set; both
return what `_next` is to return, None to go on.
"""

from edge.dicom.errors import DicomError
from edge.net import outbound, transport
from edge.protocol import association


class Talk(outbound.Link):
    """An outbound.Link on which messages may come at any time."""

    def _next(self, deadline_ms):
        """Act on the next message; return what it comes to, None for nothing yet or when none came."""
        engine = self._association
        while True:
            event = engine.next_event()
            if isinstance(event, association.Data):
                return self._message(event)
            if event is not None:
                raise self._failure(event)
            if engine.finished():
                raise self._failure(association.Lost())
            now_ms = transport.now_ms()
            if now_ms >= deadline_ms:
                return None
            count = self._wire.receive_into(engine.window(), deadline_ms - now_ms)
            if count:
                engine.filled(count, transport.now_ms())
            elif count == 0:
                engine.lost(transport.now_ms())

    def _message(self, data):
        try:
            message = self._messages.take(data)
            if message is data:
                return self._payload(data)
            return None if message is None else self._command(message)
        except DicomError as error:
            raise self._give_up("%s broke the protocol: %s" % (self.peer, error)) from error
