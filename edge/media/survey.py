"""What a directory record needs of an object, read from the head of its file and never from its pixels.

Ten thousand files pass here before a disc is written, so the plain case, explicit VR little endian with lengths, is
read in one piece of WINDOW_BYTES and stepped over by the C extension. Whatever is written otherwise (implicit VR, big
endian, deflated, sequences without length, no preamble) is read by `edge.dicom` event by event and comes out as if it
had been plain: values in little endian, sequences in explicit VR.
"""

import os
from collections import namedtuple

from edge.dicom import element, part10, reader, syntax, uid
from edge.dicom.errors import DicomError, LimitError, PeerError
from edge.dicom.octets import head_explicit
from edge.dicom.rewriter import Rewriter
from edge.media import records
from edge.media.errors import MediaError, NotDicom
from edge.spool.inflate import inflater
from edge.spool.stepper import stepper

WINDOW_BYTES = 16384
_COLLECT_BYTES = 1 << 20  # of what a record may need; more is no key any more
_INFLATE_BYTES = 1 << 30
_CHUNK_BYTES = 65536
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY  # a FIFO would keep us waiting

CHARSETS, SOP_CLASS, SOP_INSTANCE = 0x00080005, 0x00080016, 0x00080018
_META_CLASS, _META_INSTANCE, _META_SYNTAX = 0x00020002, 0x00020003, 0x00020010
SHARED_GROUPS = 0x52009229  # Shared Functional Groups Sequence

# Dates and times that stand in where the study's own are missing, and what a label, a page or a report wants to know
DATES = (0x00080021, 0x00080022, 0x00080023, 0x00080012)
TIMES = (0x00080031, 0x00080032, 0x00080033, 0x00080013)
COMMON = frozenset(
    (CHARSETS, SOP_CLASS, SOP_INSTANCE, records.BIRTH_DATE, records.SEX, records.SERIES_DESCRIPTION)
    + DATES + TIMES + (0x00080080,)
    + tuple([tag for kind in (records.PATIENT, records.STUDY, records.SERIES) for tag, _ in records.KEYS[kind]])
)  # fmt: skip
_CONCEPT_MODIFIER = b"HAS CONCEPT MOD"
_RELATIONSHIP = 0x0040A010

# record_type: as in records.KEYS; sop_class, sop_instance, transfer_syntax: str; values: tag -> octets, little endian,
# of what there is among COMMON and the record's keys, a sequence as its items in explicit VR; size: octets of the file
Surveyed = namedtuple("Surveyed", "record_type sop_class sop_instance transfer_syntax values size")


class Surveyor:
    """Reads what records need of one file after the other.

    extra: {record type: keys} beyond those of records.KEYS, as a profile demands them.
    """

    def __init__(self, extra=None):
        extra = extra or {}
        self._wanted = {}
        for kind, keys in records.KEYS.items():
            own = {tag for tag, _ in (*keys, *extra.get(kind, ()))}
            if records.VERIFIED_AT in own:
                own.add(records.VERIFYING_OBSERVERS)
            self._wanted[kind] = COMMON.union(own)
        above = {tag for kind in (records.PATIENT, records.STUDY, records.SERIES) for tag, _ in extra.get(kind, ())}
        if above:
            self._wanted = {kind: wanted | above for kind, wanted in self._wanted.items()}
        plain = self._wanted[records.IMAGE]
        self._after = max(plain - {SHARED_GROUPS}) + 1
        quick = (plain - {SHARED_GROUPS}) | {_META_CLASS, _META_INSTANCE, _META_SYNTAX}
        self._asks_shared = SHARED_GROUPS in plain
        self._step = stepper(quick, self._after)
        self._window = memoryview(bytearray(WINDOW_BYTES))

    def look(self, path):
        """Return what is Surveyed of the file at `path`; MediaError when it cannot be referenced, and why."""
        try:
            fd = os.open(path, _READ)
        except OSError as error:
            raise MediaError("it cannot be opened: %s" % error.strerror.lower()) from None
        try:
            return self.look_at(fd)
        finally:
            os.close(fd)

    def look_at(self, fd):
        """Return what is Surveyed of an open file, as `look` does."""
        try:
            count = os.preadv(fd, (self._window,), 0)
            size = count if count < WINDOW_BYTES else os.fstat(fd).st_size
            return self._quick(count, size) or self._whole(fd, size)
        except DicomError as error:
            raise MediaError(str(error)) from None
        except OSError as error:
            raise MediaError("it cannot be read: %s" % error.strerror.lower()) from None

    def _quick(self, count, size):
        """Return what is Surveyed where all of it lies plain in the window, else None."""
        window = self._window[:count]
        if self._step is None or window[128:132] != part10.PREFIX:
            return None
        values = {}
        at = self._step(window, 132, values)
        known = _plain_syntaxes.get(values.pop(_META_SYNTAX, None))
        if known is None:
            return None
        if count - at < 8:
            if count != at or size != count:
                return None
        else:
            group, number, code, _ = head_explicit(window, at, True)
            if (group << 16 | number) < self._after or code not in element.FORMS:
                return None
        if self._asks_shared and 0x00200032 not in values:
            return None
        sop_class = _uid(values.get(SOP_CLASS) or values.get(_META_CLASS))
        kind = records.record_type(sop_class)
        if kind != records.IMAGE:
            return None
        instance = _uid(values.pop(SOP_INSTANCE, None) or values.get(_META_INSTANCE))
        if not uid.is_tolerable(instance):
            return None
        return Surveyed(kind, sop_class, instance, known, values, size)

    def _whole(self, fd, size):
        """Return what is Surveyed of a file that is not plain, or not short: read event by event."""
        head = part10.HeadReader()
        try:
            for chunk in _chunks(fd, 0):
                if head.feed(chunk):
                    break
            else:
                head.finish()
        except DicomError as error:
            raise NotDicom(str(error)) from None
        known = head.transfer_syntax
        sop_class = head.meta.sop_class or ""
        kind = records.record_type(sop_class)
        values = _picked(fd, head, self._wanted.get(kind) or COMMON)
        named = _uid(values.get(SOP_CLASS))
        if named and named != sop_class:  # the data set is what it says it is
            sop_class, before = named, kind
            kind = records.record_type(named)
            if kind != before:
                values = _picked(fd, head, self._wanted.get(kind) or COMMON)
        if sop_class == uid.MEDIA_STORAGE_DIRECTORY:
            raise MediaError("it is a directory (DICOMDIR) and no object")
        if not sop_class:
            raise MediaError("the file does not say its SOP Class UID: no object is in it")
        if kind is None:
            raise MediaError(
                "no directory record references %s (PS3.3 F.4): leave it out of the file-set" % uid.name(sop_class)
            )
        instance = _uid(values.pop(SOP_INSTANCE, None)) or head.meta.sop_instance or ""
        if not uid.is_tolerable(instance):
            raise MediaError("the file does not say its SOP Instance UID, or not as a UID: no record can reference it")
        if records.VERIFYING_OBSERVERS in values:
            latest = _latest_verification(values.pop(records.VERIFYING_OBSERVERS))
            if latest and values.get(records.VERIFICATION_FLAG, b"").strip(b"\0 ") == b"VERIFIED":
                values[records.VERIFIED_AT] = latest
        if SHARED_GROUPS in values:
            _add_shared(values, values.pop(SHARED_GROUPS), self._wanted[kind])
        return Surveyed(kind, sop_class, instance, known.uid, values, size)


_plain_syntaxes = {}  # the value of Transfer Syntax UID in a file -> its UID, of those that are plain
for _known in syntax.table().values():
    if _known.little and _known.explicit and not _known.deflated:
        _plain_syntaxes[_known.uid.encode() + b"\0" * (len(_known.uid) & 1)] = _known.uid


def _uid(octets):
    return uid.from_octets(octets) if octets else ""


def _chunks(fd, offset):
    window = memoryview(bytearray(_CHUNK_BYTES))
    while True:
        count = os.preadv(fd, (window,), offset)
        if count == 0:
            return
        yield window[:count]
        offset += count


def _picked(fd, head, wanted):
    """Return tag -> octets of the wanted elements at the top level of the file's data set."""
    known = head.transfer_syntax
    inflate = inflater() if known.deflated else None
    source = reader.Reader(known, 4096, inflate=inflate, inflate_limit=_INFLATE_BYTES, start=head.data_set_offset)
    picker = Picker(source, wanted)
    try:
        for chunk in _chunks(fd, head.data_set_offset):
            if picker.feed(chunk):
                break
    except LimitError:
        raise
    except PeerError:
        if SOP_INSTANCE not in picker.values:
            raise  # what is cut off further on, where no key is, may still be the last copy there is
    return picker.values


class Picker(Rewriter):
    """Collects `wanted` top-level elements of what a reader.Reader reads, rewritten as explicit VR little endian.

    `feed` it the data set until it says True, or the data set ends. values: tag -> octets; a sequence as its items, of
    Content Sequence those alone that modify the title. LimitError where that is more than a directory can carry.
    """

    def __init__(self, source, wanted):
        super().__init__(source, True)
        self.values = {}
        self._wanted = wanted
        self._last = max(wanted)
        self._depth = 0  # of sequences that are open
        self._tag = None  # of the sequence that is being collected
        self._item = 0  # where its item that is open begins in _out
        self._is_modifier = False

    def feed(self, chunk):
        """Take the next octets; say whether nothing more is needed."""
        self._source.feed(chunk)
        event = self._source.next_event()
        steps = self._steps()
        while event is not None:
            if self._step(event, steps):
                return True
            event = self._source.next_event()
        return False

    def _step(self, event, steps):
        kind = type(event)
        if self._depth:
            self._inside(event, kind, steps)
        elif kind is reader.Element:
            tag = event.tag
            if tag > self._last:
                return True
            if tag in self._wanted and tag not in self.values:
                value = bytes(event.value)
                odd = len(value) & 1 or not self._source.little
                self.values[tag] = self._even(event.vr, value) if odd else value
        elif kind is reader.SequenceBegan:
            if event.tag > self._last:
                return True
            self._depth = 1
            self._tag = event.tag if event.tag in self._wanted and event.tag not in self.values else None
        elif kind is reader.ValueBegan or kind is reader.FragmentsBegan:
            return event.tag > self._last
        return False

    def _inside(self, event, kind, steps):
        if kind is reader.SequenceBegan:
            self._depth += 1
        elif kind is reader.SequenceEnded:
            self._depth -= 1
            if self._depth == 0:
                if self._tag is not None:
                    self.values[self._tag] = bytes(self._out)
                    self._out = bytearray()
                    self._tag = None
                return
        if self._tag is None:
            return
        if self._depth == 1 and kind is reader.ItemBegan:
            self._item = len(self._out)
            self._is_modifier = False
        if self._depth == 1 and kind is reader.Element and event.tag == _RELATIONSHIP:
            self._is_modifier = bytes(event.value).strip(b"\0 ") == _CONCEPT_MODIFIER
        view = steps[kind](event)
        if view is not None:
            self._out += view
        if self._depth == 1 and kind is reader.ItemEnded:
            if self._tag == records.CONTENT_SEQUENCE and not self._is_modifier:
                del self._out[self._item :]
        if len(self._out) > _COLLECT_BYTES and self._tag != records.CONTENT_SEQUENCE:
            raise LimitError("%s is longer than a directory record can be" % element.name(self._tag))
        if len(self._out) > 64 * _COLLECT_BYTES:
            raise LimitError("an item of %s is longer than anybody can hold" % element.name(self._tag))


def items(octets):
    """Return the items of a sequence (in explicit VR little endian) as dicts of tag -> octets, nested ones likewise."""
    source = reader.Reader(syntax.lookup(syntax.EXPLICIT_LITTLE), _COLLECT_BYTES)
    head = element.write(0x00080000, "SQ", len(octets))
    source.feed(head + octets)
    top, stack = [], []
    for event in source.events():
        kind = type(event)
        if kind is reader.SequenceBegan:
            below = []
            if stack:
                stack[-1][event.tag] = below
                stack.append(below)
            else:
                stack.append(top)
        elif kind is reader.ItemBegan:
            item = {}
            stack[-1].append(item)
            stack.append(item)
        elif kind is reader.Element:
            stack[-1][event.tag] = bytes(event.value)
        elif kind is reader.ItemEnded or kind is reader.SequenceEnded:
            stack.pop()
    return top


def _latest_verification(observers):
    """Return the latest Verification DateTime of the verifying observers, b"" where there is none."""
    try:
        return max([item.get(records.VERIFIED_AT, b"") for item in items(observers)], default=b"")
    except DicomError:
        return b""


# Where the keys of a multi-frame image may stand in its shared functional groups: tag -> the sequence around it
_IN_SHARED = {0x00200032: 0x00209113, 0x00200037: 0x00209116, 0x00280030: 0x00289110}
_REFERENCED_IMAGES = 0x00081140


def _add_shared(values, octets, wanted):
    """Add to `values` what stands in the shared functional groups alone."""
    try:
        shared = items(octets)
    except DicomError:
        return
    for item in shared[:1]:
        for tag, around in _IN_SHARED.items():
            inner = item.get(around)
            if tag in wanted and tag not in values and inner and tag in inner[0]:
                values[tag] = inner[0][tag]
        if _REFERENCED_IMAGES in wanted and _REFERENCED_IMAGES not in values and item.get(_REFERENCED_IMAGES):
            values[_REFERENCED_IMAGES] = _sequence(item[_REFERENCED_IMAGES])


def _sequence(found):
    """Return the items of a sequence of references as octets again."""
    from edge.dicom import tags

    octets = b""
    for item in found:
        body = b""
        for tag in sorted(item):
            value = item[tag]
            if isinstance(value, list):
                value = _sequence(value)
                body += element.write(tag, "SQ", len(value)) + value
            else:
                body += element.write_any(tag, tags.vr(tag), len(value)) + value
        octets += element.write(element.ITEM, "", len(body)) + body
    return octets
