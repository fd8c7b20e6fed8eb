"""Part 10 files as what a transcoding takes, and gives: read in pieces from any place, written with places kept."""

import os

from edge.dicom import part10
from edge.dicom.errors import LocalError, PeerError

CHUNK_BYTES = 1 << 18


class FileSource:
    """A DICOM file, open for reading under the descriptor `fd`: its transfer syntax, and its data set in chunks.

    PeerError when it is no DICOM file, OSError when it cannot be read.
    """

    def __init__(self, fd):
        self._fd = fd
        head = part10.HeadReader()
        at = 0
        while True:
            octets = os.pread(fd, 4096, at)
            at += len(octets)
            if not octets:
                head.finish()
                break
            if head.feed(octets):
                break
        self.syntax = head.transfer_syntax
        self.meta = head.meta
        self.offset = head.data_set_offset
        self.notices = head.notices
        self.size = os.fstat(fd).st_size

    def chunks(self):
        """Yield views of the data set, from its beginning; each is good until the next, of whichever iterator."""
        return octets_of(self._fd, self.offset, self.size - self.offset)


def octets_of(fd, offset, size, chunk_bytes=CHUNK_BYTES):
    """Yield `size` octets of an open file from `offset`, in views that are good until the next."""
    buffer = memoryview(bytearray(min(chunk_bytes, size)))
    end = offset + size
    while offset < end:
        count = os.preadv(fd, [buffer[: end - offset]], offset)
        if not count:
            raise PeerError("the file has become shorter while it was read")
        offset += count
        yield buffer[:count]


def write(fd, transcoding, tell=lambda: None):
    """Write a transcoding to the new file under the descriptor `fd`, as a Part 10 file; return how many octets it has.

    tell: function that is called now and then, for whoever shows how far it is.
    DicomError where the object turns out to be damaged, OSError where the file cannot be written.
    """
    if not transcoding.sop_class or not transcoding.sop_instance:
        raise LocalError("the object names no SOP Class or no SOP Instance UID, which a file must")
    head = part10.head(transcoding.sop_class, transcoding.sop_instance, transcoding.target.uid)
    at = _written(fd, head)
    held = bytearray()
    for part in transcoding.parts():
        tell()
        if len(part) >= CHUNK_BYTES:
            at += _written(fd, held) + _written(fd, part)
            held = bytearray()
        else:
            held += part
            if len(held) >= CHUNK_BYTES:
                at += _written(fd, held)
                held = bytearray()
    at += _written(fd, held)
    for offset, octets in transcoding.patches():
        os.pwrite(fd, octets, len(head) + offset)
    return at


def _written(fd, octets):
    """Write all of `octets`; return how many they are."""
    view = memoryview(octets)
    while len(view):
        view = view[os.write(fd, view) :]
    return len(octets)
