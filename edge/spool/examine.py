"""What is in a file that did not come over the network: which object it is, and whether all of it is there."""

from collections import namedtuple

from edge.dicom import part10, skim, syntax, uid
from edge.dicom.errors import PeerError, TruncatedError
from edge.dicom.reader import Reader
from edge.spool.checksum import crc32
from edge.spool.further import Further
from edge.spool.inflate import inflater
from edge.spool.intake import LAST_WANTED, WANTED

CHUNK_BYTES = 256 << 10
INFLATE_LIMIT = 1 << 40
_UIDS = ((0x00080016, "sop_class", "SOP Class"), (0x00080018, "sop_instance", "SOP Instance"))  # tag, in meta, words

# sop_class, sop_instance, transfer_syntax: str; offset: where the data set begins; size: octets of the data set;
# values: tag -> raw octets of what identifies it; source_ae: who sent it or wrote it, "" when nobody is named;
# notices: words
Found = namedtuple("Found", "sop_class sop_instance transfer_syntax offset size values source_ae notices")


def chunks(disk, fd, offset):
    """Yield the rest of an open file from `offset`, in pieces that are good until the next."""
    buffer = memoryview(bytearray(CHUNK_BYTES))
    while True:
        count = disk.preadv(fd, (buffer,), offset)
        if count == 0:
            return
        yield buffer[:count]
        offset += count


def identify(disk, fd, further=frozenset()):
    """Return what is Found in an open file; PeerError when it is no DICOM file, or does not say which object it is.

    further: tags of elements that are looked up beside what identifies it.
    """
    reader = part10.HeadReader()
    for chunk in chunks(disk, fd, 0):
        if reader.feed(chunk):
            break
    else:
        reader.finish()
    known, offset, meta = reader.transfer_syntax, reader.data_set_offset, reader.meta
    seeker = skim.Skim(known, WANTED, LAST_WANTED, inflater() if known.deflated else None)
    for chunk in chunks(disk, fd, offset):
        if seeker.feed(chunk):
            break
    else:
        try:
            seeker.finish()
        except TruncatedError:
            pass  # what identifies it may be there all the same
    values = seeker.values
    if further:
        values = values | _look_further(disk, fd, offset, Further(known, further))
    names = []
    for tag, in_meta, what in _UIDS:
        name = uid.from_octets(seeker.values.get(tag, b"")) or getattr(meta, in_meta) or ""
        if not name:
            raise PeerError("the file does not say its %s UID: no data set of an object is in it" % what)
        names.append(name)
    size = disk.fstat(fd).st_size - offset
    source_ae = meta.sending_ae or meta.source_ae or ""
    notices = [notice.message for notice in reader.notices]
    return Found(*names, known.uid, offset, size, values, source_ae, notices)


def _look_further(disk, fd, offset, looking):
    for chunk in chunks(disk, fd, offset):
        if looking.look((chunk,)):
            break
    return looking.values()


def check_whole(disk, fd, found):
    """Return the CRC-32 of the data set that was found; DicomError when it is not whole."""
    known = syntax.lookup(found.transfer_syntax)
    reader = Reader(known, 0, inflate=inflater() if known.deflated else None, inflate_limit=INFLATE_LIMIT)
    crc = 0
    for chunk in chunks(disk, fd, found.offset):
        crc = crc32(chunk, crc)
        reader.feed(chunk)
        while reader.next_event() is not None:
            pass
    reader.finish()
    return crc
