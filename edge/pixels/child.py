"""The process that runs the bound codecs: it takes its limits, gives up its rights, and then serves frame by frame.

The libraries read hostile data, so nothing in here is trusted by who started it (edge/pixels/limited.py). It serves
until the other side hangs up, and dies of whatever goes wrong.
"""

import importlib
import mmap
import os
import resource
import socket
import sys
import time

from edge.pixels import wire

UNUSED_OCTETS = 128 << 20  # what malloc may keep between frames


def take_limits(memory_octets):
    """Limit memory to what is taken now and `memory_octets`, and as much again that is shared; no core, no files."""
    with open("/proc/self/statm", encoding="ascii") as sizes:
        fields = [int(field) * resource.getpagesize() for field in sizes.read().split()]
    mapped, data = fields[0], fields[5]
    for limit, most in (
        (resource.RLIMIT_AS, mapped + 2 * memory_octets),
        (resource.RLIMIT_DATA, data + memory_octets),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        hard = resource.getrlimit(limit)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))


def load():
    """Return the modules of the libraries in the order of wire.LIBRARIES; where one cannot be loaded, why, as a str."""
    found = []
    for name in wire.LIBRARIES:
        try:
            found.append(importlib.import_module("edge._" + name))
        except ImportError as missing:
            found.append(str(missing))
    return found


def confine():
    """Give up rights for good; return what was reached, as edge_confine does, or 0 without the extension."""
    try:
        from edge import _confine
    except ImportError:
        return 0
    _confine.lib.edge_keep_memory(UNUSED_OCTETS)
    return _confine.lib.edge_confine()


class Server:
    """Answers requests over a socket."""

    def __init__(self, line, modules, confined):
        self.line = line
        self.modules = modules
        self.confined = confined
        self.memory = None
        self.words = bytearray(wire.WORDS_OCTETS)

    def run(self):
        """Serve until the other side hangs up."""
        while True:
            octets, descriptors, _, _ = socket.recv_fds(self.line, wire.REQUEST_OCTETS + 1, 1)
            if not octets:
                return
            request = wire.unpack_request(octets)
            if descriptors:
                self._map(descriptors[0], request.memory_octets if request else 0)
            self.line.send(wire.pack_reply(self._answer(request)))

    def _map(self, descriptor, octets):
        self.memory = None
        self.memory = mmap.mmap(descriptor, octets)
        os.close(descriptor)

    def _answer(self, request):
        if request is None:
            return wire.Reply(0, wire.BAD_REQUEST, 0, b"no request")
        if request.task == wire.VERSIONS:
            return wire.Reply(request.number, wire.DONE, 0, self._versions())
        room = 0 if self.memory is None else len(self.memory)
        if (
            request.task not in (wire.DECODE, wire.ENCODE)
            or request.library >= len(self.modules)
            or request.octets > request.out_at
            or request.out_at + request.out_room > room
        ):
            return wire.Reply(request.number, wire.BAD_REQUEST, 0, b"the request is out of bounds")
        module = self.modules[request.library]
        if isinstance(module, str):
            return wire.Reply(request.number, wire.MISSING, 0, module.encode("ascii", "replace"))
        return self._work(request, module.ffi, module.lib)

    def _work(self, request, ffi, lib):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + request.cpu_s, hard))
        image = ffi.new("edge_bound_image *", request[3:10])
        wish = ffi.new("edge_bound_wish *", request[10:14])
        with ffi.from_buffer("uint8_t[]", self.memory) as octets, ffi.from_buffer("char[]", self.words) as words:
            out = octets + request.out_at
            if request.task == wire.DECODE:
                result = lib.edge_bound_decode(
                    image, wish, octets, request.octets, out, request.out_room, words, len(words)
                )
                made = request.out_room if result == wire.DONE else 0
            else:
                length = ffi.new("size_t *")
                result = lib.edge_bound_encode(
                    image, wish, octets, request.octets, out, request.out_room, length, words, len(words)
                )
                made = length[0] if result == wire.DONE else 0
            text = b"" if result == wire.DONE else ffi.string(words)
        return wire.Reply(request.number, result, made, text)

    def _versions(self):
        lines = [b"confined %d" % self.confined]
        for name, module in zip(wire.LIBRARIES, self.modules):
            if not isinstance(module, str):
                words = module.ffi.string(module.lib.edge_bound_version())
                lines.append(name.encode("ascii") + b" " + words)
        return b"\n".join(lines)


def main(descriptor, memory_octets):
    """Serve on the socket with this descriptor, and end the process."""
    modules = load()
    take_limits(memory_octets)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=descriptor)
    Server(line, modules, confine()).run()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
