"""What the service and its decoding child say to each other: fixed messages, checked on both sides.

Coded frames and pixels lie in memory that both have mapped; a message names where. It travels over a Unix socket that
keeps messages whole (SOCK_SEQPACKET), and one that brings other memory carries its descriptor. This file is loaded by
the child at every start: it imports next to nothing.
"""

import struct
from collections import namedtuple

MAGIC = 0x45444745
DECODE, ENCODE, VERSIONS = 1, 2, 3
LIBRARIES = ("openjpeg", "openjph", "jpeg")  # in the order of their numbers in messages

# Results are those of edge_bound_result in native/bound/edge_bound.h, and these:
DONE, CONTRADICTS, CORRUPT, UNSUPPORTED, NO_MEMORY, NO_ROOM, BAD_IMAGE, BAD_SAMPLE, ELSEWHERE = range(9)
MISSING = 100  # the library cannot be loaded
BAD_REQUEST = 101

# number: of the request, given back in the reply; task: DECODE ...; library: its number; columns to planar: the image;
# colour, rpcl, lossy, step: edge_bound_wish; memory_octets: size of the memory, new where a descriptor comes with it;
# octets: of input, at 0; out_at, out_room: where the output goes; cpu_s: processor time for this request
Request = namedtuple(
    "Request",
    "number task library columns rows components bits_allocated bits_stored is_signed planar colour rpcl lossy step"
    " memory_octets octets out_at out_room cpu_s",
)
# made: octets of output; words: bytes of ASCII, what is wrong
Reply = namedtuple("Reply", "number result made words")

_REQUEST = struct.Struct("<IIBBIIBBBBBBBBfQQQQI")
_REPLY = struct.Struct("<IIIQ")
REQUEST_OCTETS = _REQUEST.size
WORDS_OCTETS = 400
REPLY_OCTETS = _REPLY.size + WORDS_OCTETS


def pack_request(request):
    """Return the octets of a Request."""
    return _REQUEST.pack(MAGIC, *request)


def unpack_request(octets):
    """Return the Request in a message, or None where it is none."""
    if len(octets) != _REQUEST.size:
        return None
    magic, *fields = _REQUEST.unpack(octets)
    return Request(*fields) if magic == MAGIC else None


def pack_reply(reply):
    """Return the octets of a Reply."""
    return _REPLY.pack(MAGIC, reply.number, reply.result, reply.made) + reply.words[:WORDS_OCTETS]


def unpack_reply(octets):
    """Return the Reply in a message, or None where it is none."""
    if not _REPLY.size <= len(octets) <= REPLY_OCTETS:
        return None
    magic, number, result, made = _REPLY.unpack_from(octets)
    return Reply(number, result, made, octets[_REPLY.size :]) if magic == MAGIC else None
