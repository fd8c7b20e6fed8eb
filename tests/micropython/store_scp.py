"""Receive objects by C-STORE into Part 10 files, on CPython or MicroPython: store_scp.py PORT FOLDER

An example of edge/dicom and edge/protocol on a microcontroller. It serves one association and ends; payload goes from
the window to the file and is nowhere else. It prints "ready" when it listens. It does not sync: a card that is pulled
out may lose what was just acknowledged. The box itself does (edge/spool).
"""

import gc
import socket
import sys
import time

if hasattr(gc, "threshold"):
    gc.threshold(16384)  # MicroPython: collect often, so that what stays lies together and large pieces remain free

from edge.dicom import part10, uid
from edge.dicom.errors import DicomError
from edge.protocol import association, command, contexts, dimse, echo, items, status, store

PIECE_BYTES = 8192  # what is received at a time
LIMITS = association.Limits(8192, 16384, 16384, 30000, 2000, 60000, 30000)
USER = items.user_information(LIMITS.max_pdu_bytes, uid.IMPLEMENTATION_CLASS_UID, uid.IMPLEMENTATION_VERSION_NAME)


def now_ms():
    """Return the time in ms; CPython and MicroPython name their clocks differently."""
    if hasattr(time, "ticks_ms"):
        return time.ticks_ms()
    return time.monotonic_ns() // 1000000


def takes_any(abstract_syntax):
    """Say that every SOP Class is taken."""
    return True


class Receiver:
    """What one association brings, written to `folder`."""

    def __init__(self, engine, folder):
        self._engine = engine
        self._folder = folder
        self._messages = dimse.Messages()
        self._asked = None
        self._file = None
        self._calling = ""
        self._code = status.SUCCESS

    def take(self, event):
        """Act on one event of the association."""
        if isinstance(event, association.Requested):
            self._calling = event.request.calling
            policy = contexts.Policy(takes_any, contexts.PREFERENCE, True)
            self._engine.accept(contexts.answer(event.request.proposals, policy), USER)
        elif isinstance(event, association.ReleaseAsked):
            self._engine.release_answer()
        elif isinstance(event, association.Data):
            message = self._messages.take(event)
            if isinstance(message, dimse.Command):
                self._begin(message)
            elif message is not None:
                self._go_on(message)
        else:
            print(event)

    def _begin(self, message):
        if message.elements[command.COMMAND_FIELD] == command.C_ECHO_RQ:
            self._engine.command(message.context_id, echo.response(message.elements))
            return
        self._asked = asked = store.asked(message)
        if not uid.is_tolerable(asked.sop_instance):
            self._code = status.INVALID_INSTANCE
            return
        self._code = status.SUCCESS
        accepted = self._engine.accepted[asked.context_id]
        self._file = open("%s/%s.dcm" % (self._folder, asked.sop_instance), "wb")
        self._file.write(
            part10.head(asked.sop_class, asked.sop_instance, accepted.transfer_syntax, "STORE_SCP", self._calling)
        )

    def _go_on(self, payload):
        if self._file is not None:
            for view in payload.views:
                self._file.write(view)
        if payload.is_last:
            if self._file is not None:
                self._file.close()
                self._file = None
            self._engine.command(self._asked.context_id, store.response(self._asked, self._code))
            print(self._asked.sop_instance, status.words(self._code))


def serve(connected, folder):
    """Serve one association on a connected socket until it has ended."""
    engine = association.Association(LIMITS, now_ms())
    engine.listen()
    receiver = Receiver(engine, folder)
    while not engine.finished():
        window = engine.window()
        octets = connected.recv(min(len(window), PIECE_BYTES))
        if not octets:
            engine.lost(now_ms())
        window[: len(octets)] = octets
        engine.filled(len(octets), now_ms())
        while True:
            event = engine.next_event()
            if event is None:
                break
            try:
                receiver.take(event)
            except DicomError as error:
                engine.abort(str(error))
        outgoing = engine.outgoing()
        if outgoing:
            connected.sendall(outgoing)
    connected.close()


def main(port, folder):
    """Listen on `port`, serve one association and return 0."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(socket.getaddrinfo("127.0.0.1", int(port))[0][-1])
    server.listen(1)
    print("ready")
    connected = server.accept()[0]
    server.close()
    serve(connected, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
