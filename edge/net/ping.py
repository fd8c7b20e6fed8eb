"""One ICMP echo: whether a machine is there at all, where nothing on it need answer.

Source: RFC 792; RFC 4443 4.1 and 4.2
"""

import os
import select
import socket
import struct
import time

_ECHO = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}  # the types of request and reply
_PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_HEAD = struct.Struct(">BBHHH")  # type, code, checksum, identifier, sequence
_PAYLOAD = b"edge appliance!"
_SEQUENCE = 1


class NotAllowed(Exception):
    """This user may not ping: neither as any user (net.ipv4.ping_group_range) nor as root (CAP_NET_RAW)."""


def ping(address, family, limit_s):
    """Return the round trip to `address` (str, of socket.AF_INET or AF_INET6) in s; None for no answer in `limit_s`.

    Raises NotAllowed, or OSError where there is no way to the address.
    """
    asker, is_raw = _socket(family)
    with asker:
        token = os.urandom(8)
        request = _request(_ECHO[family][0], token)
        asker.connect((address, 0))
        began = time.monotonic()
        asker.send(request)
        while True:
            left_s = began + limit_s - time.monotonic()
            if left_s <= 0 or not select.select([asker], (), (), left_s)[0]:
                return None
            answer = asker.recv(2048)
            if is_raw and family == socket.AF_INET:
                answer = answer[(answer[0] & 15) * 4 :]  # behind the IPv4 header
            if answer[:1] == bytes([_ECHO[family][1]]) and answer[_HEAD.size :] == token + _PAYLOAD:
                return time.monotonic() - began


def _socket(family):
    """Return a socket for ICMP, and whether it is a raw one."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(family, kind, _PROTOCOL[family]), kind == socket.SOCK_RAW
        except PermissionError:
            pass
        except OSError:  # a system without one of the two
            pass
    raise NotAllowed("this user may not ping")


def _request(kind, token):
    """Return an echo request. The kernel puts another identifier in for a user that is not root, and ICMPv6's sum."""
    octets = _HEAD.pack(kind, 0, 0, os.getpid() & 0xFFFF, _SEQUENCE) + token + _PAYLOAD
    return _HEAD.pack(kind, 0, checksum(octets), os.getpid() & 0xFFFF, _SEQUENCE) + token + _PAYLOAD


def checksum(octets):
    """Return the Internet checksum of octets, an int of 16 bits. Source: RFC 1071"""
    octets += bytes(len(octets) % 2)
    total = sum(struct.unpack(">%dH" % (len(octets) // 2), octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
