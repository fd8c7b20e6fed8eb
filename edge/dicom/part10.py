"""Part 10 files: the head of a new one, and the head of whatever lies on a disk (PS3.10 7, PS3.5 10).

A head is a preamble of 128 octets, "DICM", and the File Meta Information (group 0002, explicit VR little endian),
which names the transfer syntax of the data set that follows. Old devices leave out any of these or write them wrong;
HeadReader goes by the evidence of the octets, and reports what it tolerated.

The preamble of a file that this box writes is always 128 zeros. A preamble is not part of the object: what stands
there is run by nobody who reads DICOM, but it makes the file a program for an operating system that takes it for one
(CVE-2019-11687), so none is carried over. That goes for a TIFF header too: its offsets count from the beginning of
the file, whose File Meta Information is another one now, so that they would point into the middle of something else.
"""

from collections import namedtuple

from edge.dicom import element, meta, syntax, uid
from edge.dicom.errors import LimitError, Notice, PeerError, TruncatedError
from edge.dicom.meta import PREAMBLE_OCTETS, PREFIX
from edge.dicom.octets import get_u32_be, get_u32_le, head_implicit

head = meta.head  # for those who have to do with heads of both kinds

# Every field a str; None where the file has no such element. transfer_syntax: as the file says, right or wrong
FileMeta = namedtuple(
    "FileMeta",
    (
        "sop_class", "sop_instance", "transfer_syntax", "implementation_class", "implementation_version", "source_ae",
        "sending_ae", "receiving_ae",
    ),
)  # fmt: skip

_EXECUTABLE = (
    # how it begins, what it is
    (b"MZ", "a Windows program"),
    (b"ZM", "a DOS program"),
    (b"\x7fELF", "an ELF program"),
    (b"#!", "a script"),
    (b"\xfe\xed\xfa\xce", "a Mach-O program"),
    (b"\xfe\xed\xfa\xcf", "a Mach-O program"),
    (b"\xce\xfa\xed\xfe", "a Mach-O program"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O program"),
    (b"\xca\xfe\xba\xbe", "a Mach-O or Java program"),
    (b"dex\n", "an Android program"),
    (b"\0asm", "a WebAssembly program"),
    (b"PK\x03\x04", "an archive"),
    (b"<", "markup"),
    (b"@", "a batch script"),
    (b"%PDF", "a PDF"),
)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# What `preamble` of HeadReader may be
ABSENT, ZERO, TIFF, EXECUTABLE, OTHER = "absent", "zero", "tiff", "executable", "other"


class HeadReader:
    """Find out what a file is from as few of its first octets as that takes, however it was written.

    Feed it the file from its beginning until `feed` says True; call `finish` when the file ends before that. Then:
    `transfer_syntax` is the syntax.TransferSyntax that the data set really has, `data_set_offset` where it begins and
    `meta_offset` where the File Meta Information does (None until that is known), `meta` a FileMeta, `preamble` one of
    ABSENT, ZERO, TIFF, EXECUTABLE, OTHER, and `notices` the list of Notice.

    Raises PeerError when this is no DICOM file, TruncatedError when it ends within its head, LimitError when the
    File Meta Information is longer than `limit` octets.
    """

    def __init__(self, limit=65536):
        self.transfer_syntax = None
        self.meta_offset = None
        self.data_set_offset = None
        self.meta = None
        self.preamble = None
        self.notices = []
        self._limit = limit
        self._octets = bytearray()
        self._at = 0
        self._ended = False
        self._values = {}
        self._little = True
        self._group_end = None
        self._step = self._read_preamble

    def feed(self, view):
        """Take the next octets of the file; say whether the head is complete. The view is not kept."""
        if self._step is not None:
            self._octets.extend(view[: max(0, self._limit + 256 - len(self._octets))])
            self._advance()
        return self._step is None

    def finish(self):
        """Declare that the file ends here. TruncatedError when its head is not whole, PeerError when it is empty."""
        self._ended = True
        self._advance()
        if self._step is not None:
            where = len(self._octets)
            raise TruncatedError("the file ends within its File Meta Information; copy it again from its source", where)

    def _advance(self):
        while self._step is not None and self._step():
            pass

    def _note(self, message, offset):
        self.notices.append(Notice(message, offset))

    def _has(self, count):
        """Say whether `count` octets are there from where we are."""
        return len(self._octets) - self._at >= count

    # The steps: each returns whether it got anywhere; the last sets _step to None

    def _read_preamble(self):
        octets = self._octets
        if not self._has(PREAMBLE_OCTETS + 4) and not self._ended:
            return False
        if octets[PREAMBLE_OCTETS : PREAMBLE_OCTETS + 4] == PREFIX:
            self.preamble, what = judge_preamble(bytes(octets[:PREAMBLE_OCTETS]))
            if what is not None:
                self._note(what, 0)
            self._at = PREAMBLE_OCTETS + 4
        else:
            self.preamble = ABSENT
            if octets[:4] == PREFIX:
                self._note('"DICM" stands at the beginning of the file: its preamble is missing', 0)
                self._at = 4
            elif not octets:
                raise PeerError("this is not a DICOM file: it is empty")
            elif not _may_begin(octets):
                raise PeerError(
                    'this is not a DICOM file: "DICM" is not at offset 128, and no data set begins at offset 0'
                )
            else:
                self._note("no preamble: the file begins with its first element", 0)
        self._step = self._read_meta
        self.meta_offset = self._at
        return True

    def _read_meta(self):
        octets, at = self._octets, self._at
        if not self._has(8):
            start = bytes(octets[at : at + 2])
            if self._ended and not (start and b"\2\0".startswith(start)):
                return self._end_meta()
            return False
        if at == self.meta_offset and octets[at : at + 2] == b"\0\2":
            self._note("the File Meta Information is in big endian", at)
            self._little = False
        if octets[at : at + 2] != (b"\2\0" if self._little else b"\0\2"):
            return self._end_meta()
        found = element.read(octets, at, len(octets) - at, self._little, True)
        if found is None:
            return False
        tag, vr, length, size = found
        if length == element.UNDEFINED:
            raise PeerError("%s of the File Meta Information has no length" % element.name(tag), at)
        if at + size + length - self.meta_offset > self._limit:
            raise LimitError("the File Meta Information is longer than %d octets" % self._limit, at)
        if not self._has(size + length):
            return False
        if vr == "" and at == self.meta_offset:
            self._note("the File Meta Information is in implicit VR", at)
        if length & 1:
            self._note("%s has an odd length" % element.name(tag), at)
        value = bytes(octets[at + size : at + size + length])
        self._at = at + size + length
        if tag == meta.GROUP_LENGTH and length == 4:
            self._group_end = self._at + (get_u32_le(value, 0) if self._little else get_u32_be(value, 0))
        else:
            self._values[tag] = value
        return True

    def _end_meta(self):
        if self._at == self.meta_offset:
            self._note("no File Meta Information", self._at)
        elif self._group_end is None:
            self._note("the File Meta Information has no group length", self.meta_offset)
        elif self._group_end != self._at:
            self._note(
                "the group length says that the File Meta Information ends at offset %d, it ends at %d"
                % (self._group_end, self._at),
                self.meta_offset,
            )
        fields = [self._values.get(tag) for tag, _ in meta.TAGS]
        self.meta = FileMeta(*[None if value is None else uid.from_octets(value) for value in fields])
        self._values = {}
        self._step = self._judge_data_set
        return True

    def _judge_data_set(self):
        if not self._has(8) and not self._ended:
            return False
        start = bytes(self._octets[self._at : self._at + 8])
        declared = self.meta.transfer_syntax
        if declared:
            known = syntax.lookup(declared)
            self.transfer_syntax = self._agreed(known, start)
        else:
            if self._at != self.meta_offset:
                self._note("the File Meta Information names no transfer syntax", self.meta_offset)
            found = element.layout(start)
            if found is None:
                raise PeerError("no data set begins here, and nothing says which transfer syntax it is in", self._at)
            self.transfer_syntax = syntax.of_layout(*found)
        self.data_set_offset = self._at
        self._octets = bytearray()
        self._step = None
        return True

    def _agreed(self, known, start):
        """Return the transfer syntax that `start` is in: `known`, unless the octets plainly say something else."""
        found = element.layout(start, known.little)
        if known.deflated:
            # Plain elements where a deflated stream should be: group, VR and all have to fit to believe it
            if found != (True, True) or start[:2] != b"\x08\0":
                return known
            self._note("the data set is not deflated, although its transfer syntax is %s" % known.name, self._at)
            return syntax.lookup(syntax.EXPLICIT_LITTLE)
        if found is None or found == (known.little, known.explicit):
            return known
        actual = syntax.of_layout(*found)
        self._note("said to be in %s, the data set is in %s" % (known.name, actual.name), self._at)
        if known.encapsulated:
            return syntax.with_layout(known, *found)
        return actual


def judge_preamble(preamble):
    """Tell what 128 octets before "DICM" are: (ZERO, TIFF, EXECUTABLE or OTHER; what to tell a person, or None)."""
    if preamble == bytes(PREAMBLE_OCTETS):
        return ZERO, None
    for start, what in _EXECUTABLE:
        if preamble.startswith(start):
            return EXECUTABLE, "the preamble makes the file %s; it is not carried over" % what
    for start in _TIFF:
        if preamble.startswith(start):
            return TIFF, "the preamble makes the file a TIFF image as well; it is not carried over"
    return OTHER, "the preamble is not empty; it is not carried over"


def _may_begin(octets):
    """Say whether a file without preamble begins with File Meta Information or a data set.

    Both begin with a low element of group 0002 or 0008, and a VR or a sane length (implicit VR) after it.
    """
    found = element.layout(octets)
    if found is None:
        return False
    group, number, _ = head_implicit(octets, 0, found[0])
    return group in (0x0002, 0x0008) and number <= 0x0018
