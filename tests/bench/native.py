"""Our codecs called as the box calls them: through the extension."""

from edge._native import ffi, lib


def step(function, state, source, room):
    """Call a step once, for all of `source`; return how many octets it gave."""
    io = ffi.new("edge_io *")
    setattr(io, "in", ffi.from_buffer("uint8_t[]", source))
    io.in_left, io.in_ended = len(source), 1
    io.out, io.out_left = ffi.from_buffer("uint8_t[]", room), len(room)
    result = function(state, io)
    if result != lib.EDGE_DONE:
        raise RuntimeError(ffi.string(lib.edge_result_text(result)).decode("ascii"))
    return len(room) - io.out_left
