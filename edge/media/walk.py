"""A DICOMDIR read the way its links lead, whoever wrote it, and whatever is wrong with it.

Offsets come from a disc that anybody may have made: each is held against the file's size and against those that were
followed before, so that a walk ends, whatever they say. What is wrong is a Defect among what is yielded; the walk goes
on wherever there is a way on. Records are read one by one and not kept.

Source: PS3.3 F.2, F.3; PS3.10 8.6.
"""

import os
from collections import namedtuple

from edge.dicom import element, octets, part10, syntax, uid
from edge.dicom.errors import DicomError
from edge.media import records
from edge.media.errors import MediaError

_BLOCK_BYTES = 1 << 17
_RECORD_BYTES = 4 << 20  # the longest record that is looked into
_HEADER_BYTES = 1 << 20
_DEPTH = 16  # of records below each other, and of sequences in one of them

NEXT, IN_USE, LOWER, TYPE = 0x00041400, 0x00041410, 0x00041420, 0x00041430
FILE_ID, CLASS, INSTANCE, SYNTAX = 0x00041500, 0x00041510, 0x00041511, 0x00041512
_FIRST, _LAST, _FLAG, _SEQUENCE, _SET_ID = 0x00041200, 0x00041202, 0x00041212, 0x00041220, 0x00041130

# offset: where its item begins; kind: its record type; above: the Records it stands below, from the root; in_use: bool;
# next, lower: offsets, 0 for none; file_id: tuple of str, () where it references no file; sop_class, sop_instance,
# transfer_syntax: str, of the file, "" where the record does not say; values: tag -> octets as they stand, of its keys
Record = namedtuple(
    "Record",
    "offset kind above in_use next lower file_id sop_class sop_instance transfer_syntax values",
)
# code: a word for the kind of defect; offset: where; words: what is wrong
Defect = namedtuple("Defect", "code offset words")


class Directory:
    """A DICOMDIR that is open: `walk` it, `close` it. MediaError when it is none.

    file_set_id, instance: str; flag: File-set Consistency Flag; explicit, little: how it is written; size: octets.
    """

    def __init__(self, path):
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise MediaError("%s cannot be opened: %s" % (path, error.strerror.lower())) from None
        try:
            self._block, self._block_at = b"", 0
            self.size = os.fstat(self._fd).st_size
            self._read_header()
        except DicomError as error:
            self.close()
            raise MediaError("%s is no DICOMDIR: %s" % (path, error)) from None
        except OSError as error:
            self.close()
            raise MediaError("%s cannot be read: %s" % (path, error.strerror.lower())) from None
        except MediaError as error:
            self.close()
            raise MediaError("%s is no DICOMDIR: %s" % (path, error)) from None

    def close(self):
        """Let go of the file."""
        os.close(self._fd)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _read_header(self):
        reader = part10.HeadReader()
        at = 0
        while not reader.feed(self._at(at, 65536)):
            at += 65536
            if at >= self.size:
                reader.finish()
                break
        meta, known = reader.meta, reader.transfer_syntax
        if meta.sop_class not in (uid.MEDIA_STORAGE_DIRECTORY, None):
            raise MediaError("it is an object of %s" % uid.name(meta.sop_class))
        if known.deflated:
            raise MediaError("its data set is deflated, which no directory may be")
        self.transfer_syntax = known.uid
        self.preamble = reader.preamble
        self.meta = meta
        self.notices = [notice.message for notice in reader.notices]
        self.little, self.explicit = known.little, known.explicit
        self.instance = meta.sop_instance or ""
        start = reader.data_set_offset
        header = self._at(start, _HEADER_BYTES)
        values = {}
        self._records_at = self._records_end = 0
        for tag, _, begin, end in self._elements(header, 0, len(header)):
            if tag == _SEQUENCE:
                self._records_at = start + begin
                self._records_end = self.size if end is None else min(self.size, start + end)
                break
            values[tag] = header[begin:end]
        if _FIRST not in values:
            raise MediaError("it has no Offset of the First Directory Record (0004,1200)")
        self.file_set_id = values.get(_SET_ID, b"").decode("ascii", "replace").strip("\0 ")
        self.first = self._number(values[_FIRST])
        self.last = self._number(values.get(_LAST, b""))
        self.flag = self._number(values.get(_FLAG, b""))

    def _number(self, value):
        if len(value) == 4:
            return octets.get_u32_le(value, 0) if self.little else octets.get_u32_be(value, 0)
        if len(value) == 2:
            return octets.get_u16_le(value, 0) if self.little else octets.get_u16_be(value, 0)
        return 0

    def _at(self, offset, count):
        """Return at most `count` octets from `offset` on."""
        begin = offset - self._block_at
        if begin < 0 or begin + count > len(self._block):
            self._block = os.pread(self._fd, max(count, _BLOCK_BYTES), offset)
            self._block_at, begin = offset, 0
        return self._block[begin : begin + count]

    # Elements

    def _elements(self, view, at, end):
        """Yield (tag, vr, begin, end of the value) of elements in `view`; end None for a sequence without length."""
        while at < end:
            found = element.read(view, at, end - at, self.little, self.explicit)
            if found is None:
                raise MediaError("it ends within the head of an element")
            tag, vr, length, size = found
            at += size
            if tag == element.ITEM_END or tag == element.SEQUENCE_END:
                return
            if length == element.UNDEFINED:
                if tag == _SEQUENCE:
                    yield tag, vr, at, None
                    return
                after = self._skip(view, at, end, 0)
                yield tag, vr, at, after - 8
                at = after
                continue
            if length > end - at and tag != _SEQUENCE:
                raise MediaError("%s is longer than what is left" % element.name(tag))
            yield tag, vr, at, at + length
            at += length

    def _skip(self, view, at, end, depth):
        """Return where a sequence, or an item of one, ends that has no length and whose content begins at `at`."""
        if depth > _DEPTH:
            raise MediaError("its sequences are nested deeper than %d" % _DEPTH)
        while at < end:
            found = element.read(view, at, end - at, self.little, self.explicit)
            if found is None:
                break
            tag, _, length, size = found
            at += size
            if tag == element.ITEM_END or tag == element.SEQUENCE_END:
                return at
            at = self._skip(view, at, end, depth + 1) if length == element.UNDEFINED else at + length
        raise MediaError("it ends within a sequence that is not closed")

    # Records

    def walk(self):
        """Yield each Record that the links lead to, one below another before the next beside it, and Defects."""
        followed = bytearray(self.size // 16 + 1)  # a bit for each even offset
        yield from self._odd_header()
        stack = [(self.first, (), self.last)] if self.first else []
        while stack:
            offset, above, last = stack.pop()
            if not self._is_fresh(followed, offset):
                yield Defect("loop", offset, "a link leads to the record at offset %d a second time" % offset)
                continue
            try:
                record = self._record(offset, above)
            except (MediaError, DicomError) as error:
                yield Defect("offset", offset, "a link leads to offset %d, where no record is: %s" % (offset, error))
                continue
            if not record.next and not above and offset != last:
                words = "the last record of the root entity is at offset %d, the header says %d"
                yield Defect("last", offset, words % (offset, last))
            if record.next:
                stack.append((record.next, above, last))
            if record.lower:
                if len(above) >= _DEPTH:
                    yield Defect("depth", offset, "records stand below each other deeper than %d" % _DEPTH)
                else:
                    stack.append((record.lower, (*above, record), 0))
            yield record
        yield from self._orphans(followed)

    def _odd_header(self):
        if self.flag:
            words = "the File-set Consistency Flag is %04X: whoever changed the file-set last did not come to an end"
            yield Defect("flag", 0, words % self.flag)
        if not self.first and self._records_end - self._records_at >= 8:
            yield Defect("offset", 0, "there are records, but the header does not say where the first one is")

    @staticmethod
    def _is_fresh(followed, offset):
        """Say whether `offset` was not followed before, and note that it is now; an odd one is no record's."""
        place, bit = offset >> 4, 1 << (offset >> 1 & 7)
        if offset & 1 or place >= len(followed):
            return True  # `_record` says what is wrong with it
        if followed[place] & bit:
            return False
        followed[place] |= bit
        return True

    def _item(self, offset):
        """Return (octets, where the record's elements begin in them, where they end); MediaError when it is none."""
        if offset < self._records_at or offset + 8 > self._records_end:
            raise MediaError("it lies outside of the Directory Record Sequence")
        view = self._at(offset, 512)
        found = element.read(view, 0, len(view), self.little, self.explicit)
        if found is None or found[0] != element.ITEM:
            raise MediaError("no item begins there")
        length = found[2]
        if length != element.UNDEFINED:
            if length > _RECORD_BYTES or offset + 8 + length > self.size:
                raise MediaError("its item would be %d octets long" % length)
            return self._at(offset, 8 + length), 8, 8 + length
        view = self._at(offset, _RECORD_BYTES)
        return view, 8, self._skip(view, 8, len(view), 0) - 8

    def _record(self, offset, above):
        view, begin, end = self._item(offset)
        values = {}
        for tag, _, start, stop in self._elements(view, begin, end):
            values.setdefault(tag, bytes(view[start:stop]))
        if TYPE not in values:
            raise MediaError("its item has no Directory Record Type (0004,1430)")
        names = values.pop(FILE_ID, b"").decode("ascii", "replace").strip("\0 ")
        return Record(
            offset,
            values.pop(TYPE).decode("ascii", "replace").strip("\0 "),
            above,
            self._number(values.pop(IN_USE, b"\xff\xff")) != 0,
            self._number(values.pop(NEXT, b"")),
            self._number(values.pop(LOWER, b"")),
            tuple([name.strip() for name in names.split("\\")]) if names else (),
            uid.from_octets(values.pop(CLASS, b"")),
            uid.from_octets(values.pop(INSTANCE, b"")),
            uid.from_octets(values.pop(SYNTAX, b"")),
            values,
        )

    def content(self, record):
        """Return the octets of a Record behind its links and references as explicit VR little endian, to be copied."""
        from edge.dicom import reader
        from edge.dicom.rewriter import Rewriter

        view, begin, end = self._item(record.offset)
        known = syntax.of_layout(self.little, self.explicit)
        source = reader.Reader(known, _RECORD_BYTES)
        body = b"".join([bytes(part) for part in Rewriter(source, True).rewrite([view[begin:end]])])
        at = 0
        while at < len(body):
            tag, _, length, size = element.read(body, at, len(body) - at, True, True)
            if tag > TYPE:
                break
            at += size + length
        return body[at:]

    def _orphans(self, followed):
        """Yield a Defect for each stretch of records that no link leads to."""
        at = self._records_at
        count, first = 0, 0
        try:
            while at + 8 <= self._records_end:
                view = self._at(at, 8)
                found = element.read(view, 0, len(view), self.little, self.explicit)
                if found is None or found[0] != element.ITEM:
                    break
                if self._is_fresh(followed, at):
                    count += 1
                    first = first or at
                if found[2] == element.UNDEFINED:
                    _, _, end = self._item(at)
                    at += end + 8
                else:
                    at += 8 + found[2]
        except (MediaError, DicomError):
            pass  # what leads nowhere is no record either
        if count:
            words = "%d records are in no directory entity, the first at offset %d"
            yield Defect("orphan", first, words % (count, first))


def name_of(record):
    """Return the key by which records of this type are told apart, without padding: a patient's ID, a UID; or b""."""
    tag = {records.PATIENT: records.PATIENT_ID, records.STUDY: records.STUDY_UID, records.SERIES: records.SERIES_UID}
    return record.values.get(tag.get(record.kind), b"").strip(b"\0 ")
