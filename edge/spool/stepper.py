"""The plain part of skimming a data set by the C extension, where it was built: see `edge.dicom.skim`."""

try:
    from edge._native import ffi, lib
except ImportError:
    ffi = None


def stepper(wanted, stop_after):
    """Return the `step` of a Skim for these tags, or None where the extension was not built."""
    if ffi is None:
        return None
    tags = ffi.new("uint32_t[]", sorted(wanted))
    room = len(tags)
    from_buffer, new, edge_step = ffi.from_buffer, ffi.new, lib.edge_step

    def step(octets, at, values):
        length = len(octets) - at
        if length <= 0:
            return at
        found, count = new("edge_found[]", room), new("size_t *")
        stepped = edge_step(from_buffer("uint8_t[]", octets) + at, length, stop_after, tags, room, found, room, count)
        for each in found[0 : count[0]]:
            begin = at + each.offset
            values.setdefault(each.tag, bytes(octets[begin : begin + each.length]))
        return at + stepped

    return step
