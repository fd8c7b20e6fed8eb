"""What the tests of this folder send: objects of any kind on one association, and what the box then has."""

import struct

from tests.support import samples
from tests.support.rawpeer import CT, EXPLICIT, RawPeer


def ct(uid, pixels=bytes(2000), sop_class=CT):
    """A minimal CT data set, explicit little endian: SOP Class, SOP Instance, patient, pixels."""

    def element(group, number, vr, value, pad=b"\0"):
        value += pad if len(value) % 2 else b""
        if vr in (b"OB", b"OW"):
            return struct.pack("<HH2sHI", group, number, vr, 0, len(value)) + value
        return struct.pack("<HH2sH", group, number, vr, len(value)) + value

    return (
        element(0x0008, 0x0016, b"UI", sop_class)
        + element(0x0008, 0x0018, b"UI", uid)
        + element(0x0010, 0x0020, b"LO", b"HOSTILE", b" ")
        + element(0x0020, 0x000D, b"UI", b"2.25.7001")
        + element(0x0020, 0x000E, b"UI", b"2.25.7002")
        + element(0x7FE0, 0x0010, b"OW", pixels)
    )


def store(port, *objects, source="127.0.0.1"):
    """Store (uid, data set) pairs on one association; return their statuses."""
    with RawPeer(port, source=source) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        statuses = [
            peer.store(1, CT, uid, data_set, number + 1).status for number, (uid, data_set) in enumerate(objects)
        ]
        peer.release()
    return statuses


def kept(box):
    """{file name without .dcm: data set octets} of what the box has under final names."""
    found = {}
    for path in box.stored():
        octets = path.read_bytes()
        found[path.stem] = octets[samples.data_set_offset(octets) :]
    return found
