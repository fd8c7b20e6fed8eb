"""Frames out of fragments: encapsulated pixel data cut where its frames begin, in one pass and without holding more.

Which fragments make up a frame is said in up to three ways, and old writers get each of them wrong: by the Extended
Offset Table, by the Basic Offset Table, and by the codestreams themselves, each of which has a signature where it
begins. What the codestreams say can be seen and is believed first; a table decides where they say nothing, and is
ignored, with a notice, where they contradict it. With neither, each fragment is a frame, unless there is to be one
frame only: then all fragments are it.

Source: PS3.5 A.4 and its tables; PS3.3 C.7.6.3.1.8 (Extended Offset Table); PS3.5 Annex G (RLE).
"""

from collections import namedtuple

from edge.dicom import reader
from edge.dicom.errors import LimitError, PeerError, TruncatedError, note
from edge.dicom.octets import get_u32_le, put_u32_le

_TABLE_LIMIT = 1 << 26  # octets of the longest offset table: 16 million frames
ITEM = b"\xfe\xff\x00\xe0"
END = b"\xfe\xff\xdd\xe0"
_SIGNATURE_OCTETS = 64

# What a fragment that begins a frame begins with. JPEG, JPEG-LS: SOI and a marker; JPEG 2000: SOC and SIZ
_JPEG = (b"\xff\xd8\xff",)
_JPEG_2000 = (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")
_SIGNATURES = {"jpeg": _JPEG, "jpeg-lossless": _JPEG, "jpeg-ls": _JPEG, "j2k": _JPEG_2000, "htj2k": _JPEG_2000}

# A part of a frame. starts: whether it is the first of its frame; octets: bytes-like, good until the next is asked for
Piece = namedtuple("Piece", "starts octets")


def offsets_of(octets, width=4):
    """Return the numbers of an offset table: `width` 4 for the Basic one, 8 for the Extended one and its lengths."""
    whole = len(octets) - len(octets) % width
    return [int.from_bytes(octets[at : at + width], "little") for at in range(0, whole, width)]


def begins(codec, head):
    """Say whether a fragment that begins with `head` begins a frame: True, False, or None where nobody can tell."""
    if codec == "rle":
        return _begins_rle(head)
    signatures = _SIGNATURES.get(codec)
    if signatures is None:
        return None
    return any([head.startswith(each) for each in signatures])


def _begins_rle(head):
    """Say whether this is an RLE header: a number of segments, their ascending offsets from 64 on, and zeros."""
    if len(head) < _SIGNATURE_OCTETS:
        return None
    count = get_u32_le(head, 0)
    offsets = [get_u32_le(head, at) for at in range(4, 64, 4)]
    if not 1 <= count <= 15 or offsets[0] != 64:
        return False
    rising = all([one < other for one, other in zip(offsets[: count - 1], offsets[1:count])])
    return rising and not any(offsets[count:])


class Splitter:
    """Cut fragments into frames. Fed the reader's events of one encapsulated value, it says where frames begin.

    codec: a key of the registry, or None; frames: how many there are to be; extended: offsets of the Extended Offset
    Table, or (); notices: list that Notices go to.
    """

    def __init__(self, codec, frames, extended=(), notices=None):
        self.found = 0
        self._codec = codec
        self._frames = frames
        self._notices = [] if notices is None else notices
        self._table = None
        self._take_table(extended, "the Extended Offset Table")
        self._bot = None  # octets of the Basic Offset Table while it comes
        self._is_first = True
        self._at = 0  # where the fragment under way begins, counted from the first one's item
        self._next = 0
        self._head = None  # octets of the fragment under way that are looked at before its frame is known
        self._left = 0

    def _take_table(self, offsets, name):
        if not offsets or self._table is not None:
            return
        rises = all([one < other for one, other in zip(offsets, offsets[1:])])
        if len(offsets) != self._frames or offsets[0] != 0 or not rises or any([each & 1 for each in offsets]):
            note(self._notices, "%s does not fit the %d frames; it is ignored" % (name, self._frames), None)
        else:
            self._table = frozenset(offsets)

    def take(self, event):
        """Return the Pieces (none, one or two) that the next event makes known."""
        kind = type(event)
        if kind is reader.Chunk:
            return self._chunk(event.view)
        if kind is reader.FragmentBegan:
            if self._is_first:
                if event.length > _TABLE_LIMIT:
                    raise LimitError("a Basic Offset Table of %d octets is longer than is taken" % event.length)
                self._bot = bytearray()
            else:
                self._at = self._next
                self._next += 8 + event.length
                self._head = bytearray()
                self._left = event.length
        elif kind is reader.FragmentEnded:
            if self._bot is not None:
                self._take_table(offsets_of(self._bot), "the Basic Offset Table")
                self._bot = None
                self._is_first = False
            elif self._head:
                return self._decided()
        return ()

    def _chunk(self, view):
        if self._bot is not None:
            self._bot += view
            return ()
        if self._head is None:
            return (Piece(False, view),)
        missing = min(_SIGNATURE_OCTETS, self._left) - len(self._head)
        self._head += view[:missing]
        if len(self._head) < min(_SIGNATURE_OCTETS, self._left):
            return ()
        pieces = self._decided()
        return (*pieces, Piece(False, view[missing:])) if len(view) > missing else pieces

    def _decided(self):
        head, self._head = bytes(self._head), None
        if self.found == 0 and not begins(self._codec, head):
            self._codec = None  # the first frame has no signature, so there is nothing to know the others by
        starts = self.found == 0 or self._starts(head)
        self.found += starts
        return (Piece(starts, head),)

    def _starts(self, head):
        seen = begins(self._codec, head)
        if self._table is None:
            return self._frames > 1 if seen is None else seen
        said = self._at in self._table
        if seen is None or seen == said:
            return said
        note(self._notices, "the offset table does not point to where frames begin; it is ignored", None)
        self._table = None
        return seen

    def finish(self):
        """Check, behind the last fragment, that all frames were there; PeerError, TruncatedError when they were not."""
        if self.found < self._frames:
            raise TruncatedError("there are %d of %d frames; have the object sent again" % (self.found, self._frames))
        if self.found > self._frames:
            raise PeerError("there are %d frames, Number of Frames says %d" % (self.found, self._frames))


class Cutter:
    """Reads compressed pixel data that were given a length, which the standard does not allow: as items, or as bare.

    Fed the octets of the value, it gives the events that the reader would have given for the proper form.
    """

    def __init__(self):
        self._held = b""
        self._left = None  # octets to come of the fragment under way; None: between fragments
        self._bare = None  # whether a codestream begins at once, without items
        self._ended = False

    def take(self, view):
        """Yield the events that the next octets of the value make known."""
        octets = self._held + bytes(view)
        self._held = b""
        at = 0
        if self._bare is None and len(octets) >= 4:
            self._bare = octets[:4] != ITEM
            if self._bare:
                yield from (reader.FragmentBegan(0, None), reader.FragmentEnded(), reader.FragmentBegan(0, None))
        if self._bare is None:
            self._held = octets
        elif self._bare:
            yield reader.Chunk(memoryview(octets))
        else:
            while at < len(octets) and not self._ended:
                if self._left is None:
                    if len(octets) - at < 8:
                        self._held = octets[at:]
                        return
                    at = self._open(octets, at)
                    if not self._ended:
                        yield reader.FragmentBegan(self._left, None)
                count = min(self._left or 0, len(octets) - at)
                if count:
                    yield reader.Chunk(memoryview(octets)[at : at + count])
                    at += count
                    self._left -= count
                if self._left == 0 and not self._ended:
                    self._left = None
                    yield reader.FragmentEnded()

    def _open(self, octets, at):
        if octets[at : at + 4] == END:
            self._ended = True
            return at
        length = get_u32_le(octets, at + 4)
        if octets[at : at + 4] != ITEM or length == 0xFFFFFFFF:
            raise PeerError("compressed pixel data of a given length are neither items nor a codestream")
        self._left = length
        return at + 8

    def finish(self):
        """Yield what ends the last fragment."""
        if self._bare:
            yield reader.FragmentEnded()
        elif self._left is not None or self._held.strip(b"\0"):
            raise TruncatedError("the pixel data end within a fragment")


class Joined:
    """Collects the Pieces of a frame until the next one starts. limit: octets of the longest coded frame."""

    def __init__(self, limit):
        self._limit = limit
        self._octets = None

    def take(self, piece):
        """Take the next Piece; return the frame that it ends, or None."""
        before = None
        if piece.starts:
            before, self._octets = self._octets, bytearray()
        elif self._octets is None:
            raise PeerError("a fragment belongs to no frame")
        if len(self._octets) + len(piece.octets) > self._limit:
            raise LimitError("a coded frame is longer than %d octets, several times its pixels" % self._limit)
        self._octets += piece.octets
        return before

    def last(self):
        """Return the last frame, or None when there was none."""
        frame, self._octets = self._octets, None
        return frame


class Encapsulation:
    """Writes frames as encapsulated pixel data, one fragment each, and keeps where they are for an offset table.

    frames: how many there will be; extended: whether the Basic Offset Table stays empty, for an Extended one in front
    of the pixel data. Frames are padded to even length by a zero, which the lengths of the Extended one leave out.
    """

    def __init__(self, frames, extended=False, has_table=True):
        self.is_extended = extended
        self._frames = frames
        self._has_table = has_table and not extended
        self._at = 0
        self._offsets = []
        self._lengths = []

    def begin(self):
        """Return the item of the Basic Offset Table, zeros still where `tables` has to be put; empty without one."""
        length = 4 * self._frames if self._has_table else 0
        return ITEM + put_u32_le(length) + bytes(length)

    def head(self, length):
        """Return the head of the next frame's fragment, and what it is padded with at its end."""
        padding = b"\0" * (length & 1)
        self._offsets.append(self._at)
        self._lengths.append(length)
        self._at += 8 + length + len(padding)
        return ITEM + put_u32_le(length + len(padding)), padding

    def end(self):
        """Return the end of the fragments; PeerError when there were not as many as announced."""
        if len(self._offsets) != self._frames:
            raise PeerError("%d frames were written, %d announced" % (len(self._offsets), self._frames))
        return END + bytes(4)

    def coded_octets(self):
        """Return how many octets all frames together have, padding left out."""
        return sum(self._lengths)

    def basic(self):
        """Return the content of the Basic Offset Table; LocalError from `put_u32_le` when offsets exceed 32 bits."""
        return b"".join([put_u32_le(each) for each in self._offsets]) if self._has_table else b""

    def extended(self):
        """Return the contents of the Extended Offset Table and its Lengths."""
        tables = (self._offsets, self._lengths)
        return tuple([b"".join([each.to_bytes(8, "little") for each in table]) for table in tables])
