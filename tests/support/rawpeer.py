"""A sender that writes PDUs octet by octet as a test likes, right or wrong. Shares no code with edge/.

    with RawPeer(port) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        peer.write(p_data([pdv(1, COMMAND | LAST, store_rq(1, CT, uid))]))
        answer = peer.read_pdu()

Written from PS3.8 9.3 and PS3.7 6.3, 9.3 alone, with nothing in the way of what no library would send: wrong lengths,
split PDVs, several to a PDU, padded UIDs.
"""

import socket
import struct
from collections import namedtuple

VERIFICATION = b"1.2.840.10008.1.1"
CT = b"1.2.840.10008.5.1.4.1.1.2"
IMPLICIT = b"1.2.840.10008.1.2"
EXPLICIT = b"1.2.840.10008.1.2.1"
BIG_ENDIAN = b"1.2.840.10008.1.2.2"

COMMAND = 1  # bits of the message control header (PS3.8 E.2)
LAST = 2

Pdu = namedtuple("Pdu", "kind body")
Answer = namedtuple("Answer", "status comment fields")
Accepted = namedtuple("Accepted", "contexts max_pdu_bytes")  # contexts: {id: (result, transfer syntax)}


def pdu(kind, body, length=None):
    """A PDU; `length` stands in for the true one."""
    return struct.pack(">BBI", kind, 0, len(body) if length is None else length) + body


def item(kind, body, length=None):
    """An item of an A-ASSOCIATE PDU; `length` stands in for the true one."""
    return struct.pack(">BBH", kind, 0, len(body) if length is None else length) + body


def pdv(context_id, control, payload, length=None):
    """A presentation data value; `length` stands in for the true one."""
    return struct.pack(">IBB", len(payload) + 2 if length is None else length, context_id, control) + payload


def p_data(pdvs, length=None):
    """A P-DATA-TF PDU of PDVs already made."""
    return pdu(4, b"".join(pdvs), length)


def user_information(max_pdu_bytes=16384, more=b""):
    """The user information item, with maximum length and implementation class UID."""
    return item(0x50, item(0x51, struct.pack(">I", max_pdu_bytes)) + item(0x52, b"1.2.3.4.5") + more)


def associate_rq(contexts, calling=b"RAW", called=b"EDGE", max_pdu_bytes=16384, user=None, length=None):
    """An A-ASSOCIATE-RQ; contexts: (id, abstract syntax, [transfer syntaxes]), all octets."""
    body = struct.pack(">HH", 1, 0) + called.ljust(16) + calling.ljust(16) + bytes(32)
    body += item(0x10, b"1.2.840.10008.3.1.1.1")
    for context_id, abstract, transfers in contexts:
        inner = item(0x30, abstract) + b"".join(item(0x40, transfer) for transfer in transfers)
        body += item(0x20, struct.pack(">BBBB", context_id, 0, 0, 0) + inner)
    body += user_information(max_pdu_bytes) if user is None else user
    return pdu(1, body, length)


def _element(number, value):
    return struct.pack("<HHI", 0, number, len(value)) + value


def command_set(*elements):
    """A command set of (element number, octets), with its group length."""
    body = b"".join(_element(number, value) for number, value in elements)
    return _element(0, struct.pack("<I", len(body))) + body


def _even(value, pad=b"\0"):
    return value + pad if len(value) % 2 else value


def store_rq(message_id, sop_class, sop_instance, pad=b"\0"):
    """A C-STORE-RQ command set; UIDs of odd length are padded with `pad`."""
    return command_set(
        (0x0002, _even(sop_class, pad)),
        (0x0100, struct.pack("<H", 1)),
        (0x0110, struct.pack("<H", message_id)),
        (0x0700, struct.pack("<H", 0)),
        (0x0800, struct.pack("<H", 1)),
        (0x1000, _even(sop_instance, pad)),
    )


def echo_rq(message_id):
    """A C-ECHO-RQ command set."""
    return command_set(
        (0x0002, _even(VERIFICATION)),
        (0x0100, struct.pack("<H", 0x30)),
        (0x0110, struct.pack("<H", message_id)),
        (0x0800, struct.pack("<H", 0x0101)),
    )


def read_command(octets):
    """A command set as {element number: octets}."""
    fields, at = {}, 0
    while at < len(octets):
        _, number, length = struct.unpack_from("<HHI", octets, at)
        fields[number] = octets[at + 8 : at + 8 + length]
        at += 8 + length
    return fields


class RawPeer:
    """A TCP connection to the service, and PDUs on it."""

    def __init__(self, port, nodelay=True, timeout_s=20, source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s, (source, 0))
        if nodelay:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def write(self, octets):
        """Send octets as they are."""
        self.socket.sendall(octets)

    def write_split(self, octets, size):
        """Send octets `size` at a time, each in a system call of its own."""
        for begin in range(0, len(octets), size):
            self.socket.sendall(octets[begin : begin + size])

    def read(self, count):
        """Receive exactly `count` octets; ConnectionError when the service closes before."""
        octets = b""
        while len(octets) < count:
            more = self.socket.recv(count - len(octets))
            if not more:
                raise ConnectionError(f"closed after {len(octets)} of {count} octets")
            octets += more
        return octets

    def read_pdu(self):
        """Receive one PDU."""
        kind, _, length = struct.unpack(">BBI", self.read(6))
        return Pdu(kind, self.read(length))

    def associate(self, contexts, **more):
        """Propose and return Accepted; AssertionError when it is not accepted."""
        self.write(associate_rq(contexts, **more))
        answer = self.read_pdu()
        assert answer.kind == 2, f"expected an A-ASSOCIATE-AC, got PDU type {answer.kind}: {answer.body.hex()}"
        accepted, max_pdu_bytes, at = {}, None, 68
        while at < len(answer.body):
            kind, _, length = struct.unpack_from(">BBH", answer.body, at)
            body = answer.body[at + 4 : at + 4 + length]
            if kind == 0x21:
                accepted[body[0]] = (body[2], body[8:])
            elif kind == 0x50:
                max_pdu_bytes = struct.unpack_from(">I", body, body.index(b"\x51\x00\x00\x04") + 4)[0]
            at += 4 + length
        return Accepted(accepted, max_pdu_bytes)

    def read_answer(self):
        """Receive a DIMSE response whole."""
        command, done = b"", False
        while not done:
            got = self.read_pdu()
            assert got.kind == 4, f"expected a P-DATA-TF, got PDU type {got.kind}: {got.body.hex()}"
            at = 0
            while at < len(got.body):
                length, _, control = struct.unpack_from(">IBB", got.body, at)
                assert control & COMMAND
                command += got.body[at + 6 : at + 4 + length]
                done = bool(control & LAST)
                at += 4 + length
        fields = read_command(command)
        return Answer(struct.unpack("<H", fields[0x0900])[0], fields.get(0x0902, b""), fields)

    def echo(self, context_id, message_id=1):
        """C-ECHO; return the Answer."""
        self.write(p_data([pdv(context_id, COMMAND | LAST, echo_rq(message_id))]))
        return self.read_answer()

    def store(self, context_id, sop_class, sop_instance, data_set, message_id=1, max_pdu_bytes=16384):
        """C-STORE in PDUs of the given size; return the Answer."""
        self.write(p_data([pdv(context_id, COMMAND | LAST, store_rq(message_id, sop_class, sop_instance))]))
        room = max_pdu_bytes - 6
        for begin in range(0, len(data_set), room):
            control = LAST if begin + room >= len(data_set) else 0
            self.write(p_data([pdv(context_id, control, data_set[begin : begin + room])]))
        return self.read_answer()

    def release(self):
        """Release; AssertionError when the service does not agree."""
        self.write(pdu(5, bytes(4)))
        answer = self.read_pdu()
        assert answer.kind == 6, f"expected an A-RELEASE-RP, got PDU type {answer.kind}"

    def is_closed(self):
        """Wait for the service to close; False when octets came instead, or nothing within the limit."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False
