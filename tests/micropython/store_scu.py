"""Send one Part 10 file by C-STORE, from CPython or MicroPython: store_scu.py HOST PORT CALLED FILE

An example of edge/dicom and edge/protocol on a microcontroller. The object is never in memory: what is read from the
file goes to the socket, a few kilobytes at a time, whatever its size.
"""

import gc
import socket
import sys
import time

if hasattr(gc, "threshold"):
    gc.threshold(16384)  # MicroPython: collect often, so that what stays lies together and large pieces remain free

from edge.dicom import part10, uid
from edge.dicom.errors import DicomError
from edge.protocol import association, command, contexts, dimse, items, pdu, status, store

PIECE_BYTES = 8192  # what is read from the file at a time, and so the longest PDU sent
LIMITS = association.Limits(8192, 8192, 8192, 30000, 2000, 60000, 30000)


def now_ms():
    """Return the time in ms; CPython and MicroPython name their clocks differently."""
    if hasattr(time, "ticks_ms"):
        return time.ticks_ms()
    return time.monotonic_ns() // 1000000


def read_head(file):
    """Return the part10.HeadReader that has read the head of `file`."""
    head = part10.HeadReader()
    while True:
        octets = file.read(PIECE_BYTES)
        if not octets:
            head.finish()
            return head
        if head.feed(octets):
            return head


def await_event(engine, connected, kinds):
    """Receive until an event of one of the types `kinds` comes; RuntimeError when the association ends before."""
    while True:
        event = engine.next_event()
        if isinstance(event, kinds):
            return event
        if event is not None:
            raise RuntimeError("the association ended: %s" % (event,))
        window = engine.window()
        octets = connected.recv(min(len(window), PIECE_BYTES))
        if not octets:
            engine.lost(now_ms())
            continue
        window[: len(octets)] = octets
        engine.filled(len(octets), now_ms())


def send_object(engine, connected, file, head):
    """Send the object whose head was read from `file`; return the status code that the peer answered with."""
    context_id = 1
    file.seek(head.data_set_offset)
    engine.command(context_id, store.request(1, head.meta.sop_class, head.meta.sop_instance))
    connected.sendall(engine.outgoing())
    limit = min(engine.payload_limit(), PIECE_BYTES)
    octets = file.read(limit)
    while True:
        following = file.read(limit)
        connected.sendall(engine.data_header(context_id, len(octets), not following))
        connected.sendall(octets)
        if not following:
            break
        octets = following
    messages = dimse.Messages()
    answer = None
    while answer is None:
        answer = messages.take(await_event(engine, connected, association.Data))
    return answer.elements[command.STATUS]


def main(host, port, called, path):
    """Send the file `path` and return 0 when the peer has stored it."""
    with open(path, "rb") as file:
        head = read_head(file)
        user = items.user_information(
            LIMITS.max_pdu_bytes, uid.IMPLEMENTATION_CLASS_UID, uid.IMPLEMENTATION_VERSION_NAME
        )
        proposals = contexts.propose([(head.meta.sop_class, (head.transfer_syntax.uid,))])
        engine = association.Association(LIMITS, now_ms())
        engine.associate(pdu.request(called, "STORE_SCU", proposals, user))
        connected = socket.socket()
        connected.connect(socket.getaddrinfo(host, int(port))[0][-1])
        engine.connected(now_ms())
        connected.sendall(engine.outgoing())
        await_event(engine, connected, association.Established)
        if not engine.accepted:
            print("the peer takes no such object in", head.transfer_syntax.name)
            return 1
        code = send_object(engine, connected, file, head)
        engine.release()
        connected.sendall(engine.outgoing())
        await_event(engine, connected, association.Released)
        connected.close()
    print(status.words(code))
    return 0 if status.judge(code) == status.DONE else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4]))
    except (DicomError, RuntimeError, OSError) as error:
        print("not sent:", error)
        sys.exit(1)
