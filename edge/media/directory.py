"""DICOMDIR written in one pass: each record goes out as it comes, and only the ends of open branches are remembered.

A record's length is known when it is made, so its offset is known when it is written; what is not known yet is which
record will follow it in its directory entity. So a record is written with empty links, and the link in front of it is
filled in when it comes: most often while that is still in the buffer. What is remembered is a node for each patient,
study and series, and sixteen octets for each object, to tell one that was there before; not the objects.

Source: PS3.3 F.2, F.3; PS3.10 8.6.
"""

import os
from array import array

from edge.dicom import element, part10, syntax, tags, uid
from edge.dicom.octets import pad_even, put_u32_le
from edge.media import person, records
from edge.media.errors import MediaError
from edge.media.fit import TEXT, charsets, fit, is_plain
from edge.media.supply import named, supplied
from edge.media.survey import CHARSETS

NAME = "DICOMDIR"

_FLUSH_BYTES = 1 << 16
_LIMIT = 0xFFFFFFF0  # no offset may be longer than 32 bits
_NEXT_AT, _LOWER_AT = 16, 38  # where the values of the two links lie in a record
_LEVELS = (records.PATIENT, records.STUDY, records.SERIES)
_NAMES = (records.PATIENT_ID, records.STUDY_UID, records.SERIES_UID)

FILE_ID, CLASS, INSTANCE, SYNTAX = 0x00041500, 0x00041510, 0x00041511, 0x00041512


class Seen:
    """Which UIDs there were, in sixteen octets each: an open table of 64-bit hashes.

    Two of a million UIDs have the same hash once in thirty million times.
    """

    def __init__(self):
        self._table = array("Q", bytes(8 << 10))
        self._count = 0

    def add(self, name):
        """Add a UID (str); say whether it is new."""
        if not self._insert(self._table, hash(name) & 0xFFFFFFFFFFFFFFFF or 1):
            return False
        self._count += 1
        if 2 * self._count > len(self._table):
            table = array("Q", bytes(16 * len(self._table)))
            for each in self._table:
                if each:
                    self._insert(table, each)
            self._table = table
        return True

    @staticmethod
    def _insert(table, code):
        mask = len(table) - 1
        at = code & mask
        while table[at]:
            if table[at] == code:
                return False
            at = at + 1 & mask
        table[at] = code
        return True


class Node:
    """A record that others may stand below: where it is, the last of those below it, how many, and those by name."""

    __slots__ = ("offset", "last", "count", "below")

    def __init__(self, offset):
        self.offset = offset
        self.last = 0
        self.count = 0
        self.below = {}


class Writer:
    """Writes the directory of a file-set to `path`, a file that is not there yet: `add` each object, then `finish`.

    file_set_id: at most 16 characters; extra: {record type: keys} that a profile demands beside those of records.KEYS;
    instance: the UID of the directory itself, a new one without it. `count` is the number of objects in it.
    """

    def __init__(self, path, file_set_id="", extra=None, instance=None):
        self.path = path
        self.count = 0
        self._plans = _plans(extra or {})
        self._root = Node(0)
        self._first = 0
        self._seen = Seen()
        self._ids = set()  # Patient IDs that have a record
        self._recent = None, None  # raw names of patient, study and series; node of that series
        self._heads = {}
        self._forms = {}
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise MediaError("%s cannot be written: %s" % (path, error.strerror.lower())) from None
        self._flushed = 0
        self._out = bytearray()
        self._begin(file_set_id, instance or uid.from_random(os.urandom(16)))

    def _begin(self, file_set_id, instance):
        out = self._out
        out += part10.head(uid.MEDIA_STORAGE_DIRECTORY, instance, syntax.EXPLICIT_LITTLE)
        name = pad_even(fit(0x00041130, file_set_id.encode("ascii", "replace"))[0], b" ")
        out += self._head(0x00041130, "CS", len(name)) + name
        self._roots_at = len(out) + 8  # the two offsets stand 12 octets apart
        for tag in (0x00041200, 0x00041202):
            out += self._head(tag, "UL", 4) + b"\0\0\0\0"
        out += self._head(0x00041212, "US", 2) + b"\0\0"
        self._length_at = len(out) + 8
        out += element.write(0x00041220, "SQ", 0)
        self._start = len(out)

    def add(self, found, file_id):
        """Add the records of an object; return in words what was supplied or changed for them.

        found: survey.Surveyed; file_id: the components of its File ID, a sequence of str. MediaError for one whose SOP
        Instance UID is there already, and for one that cannot have a record.
        """
        if not self._seen.add(found.sop_instance):
            raise MediaError("an object with its SOP Instance UID is in the file-set already")
        notes = []
        terms = charsets(found.values[CHARSETS]) if CHARSETS in found.values else ()
        if found.record_type in records.TOP_LEVEL:
            parent = self._root
        else:
            parent = self._series(found.values, terms, notes)
        content = self._content(found.record_type, found.values, terms, parent.count + 1, notes)
        self._append(found.record_type, self._reference(found, file_id), content, parent)
        self.count += 1
        return notes

    def copy(self, kind, content, parent, names=()):
        """Write a record of another directory and return its Node, for those below it.

        kind: its record type; content: its octets behind the Directory Record Type; parent: Node, or None for the
        root; names: the key by which `add` is to find it, in a sequence: as `patient_key` has it, a Study or Series
        Instance UID as octets without padding, or the SOP Instance UID as str for one that references a file.
        """
        above = parent or self._root
        node = Node(self._append(kind, b"", content, above))
        for name in names:
            if isinstance(name, str):
                self._seen.add(name)
                self.count += 1
            else:
                above.below[name] = node
                if kind == records.PATIENT:
                    self._ids.add(name[0])
        return node

    def finish(self):
        """Complete the directory and make it durable; return its size in octets."""
        self._patch(self._length_at, self._flushed + len(self._out) - self._start)
        self._patch(self._roots_at, self._first)
        self._patch(self._roots_at + 12, self._root.last)
        self._flush()
        os.fsync(self._fd)
        self.close()
        return self._flushed

    def close(self):
        """Let go of the file, finished or not."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    # Nodes

    def _series(self, values, terms, notes):
        """Return the Node of the series an object belongs to, with records for it and those above where they lack."""
        raw = [values.get(tag) for tag in _NAMES]
        raw += [values.get(CHARSETS, b""), values.get(records.PATIENT_NAME, b"")]
        if None not in raw and raw == self._recent[0]:
            return self._recent[1]
        node = self._root
        for kind, tag in zip(_LEVELS, _NAMES):
            name = fit(tag, values.get(tag, b""), terms)[0].rstrip(b"\0 ")
            key = name or supplied(tag, kind, values, node.count + 1).rstrip(b"\0 ")
            if kind == records.PATIENT:
                told = fit(records.PATIENT_NAME, values.get(records.PATIENT_NAME, b""), terms)[0]
                key = patient_key({**values, tag: key, records.PATIENT_NAME: told})
            below = node.below.get(key)
            if below is None:
                content = self._content(kind, values, terms, node.count + 1, notes)
                below = Node(self._append(kind, b"", content, node))
                node.below[key] = below
                if kind == records.PATIENT:
                    if key[0] in self._ids:
                        notes.append("the patient's name is another one than in a record of the same Patient ID")
                    self._ids.add(key[0])
            node = below
        self._recent = raw, node
        return node

    # Records

    def _content(self, kind, values, terms, number, notes):
        """Return the octets of a record's keys, and of its character set where they need one."""
        out = []
        needs_set = bool(terms) and terms[0].endswith(" 13")  # whose first half is not quite ASCII
        for tag, vr, need in self._plans[kind]:
            octets = values.get(tag)
            if octets:
                octets, done = fit(tag, octets, terms)
                if done:
                    notes.append("%s %s in the directory" % (named(tag), done))
            if not octets:
                if need == "1":
                    octets = supplied(tag, kind, values, number)
                    notes.append("%s is missing and was supplied in the directory" % named(tag))
                elif need == "2":
                    octets = b""
                else:
                    continue
            if vr == "SQ" or vr in TEXT and not is_plain(octets):
                needs_set = True
            out.append(self._head(tag, vr, len(octets)) + octets)
        if needs_set and terms:
            octets = pad_even("\\".join(terms).encode(), b" ")
            out.append(self._head(CHARSETS, "CS", len(octets)) + octets)
            out.sort(key=_by_tag)
        return b"".join(out)

    def _reference(self, found, file_id):
        name = pad_even("\\".join(file_id).encode("ascii"), b" ")
        pair = found.sop_class, found.transfer_syntax
        form = self._forms.get(pair)
        if form is None:
            sop_class, known = [pad_even(each.encode(), b"\0") for each in pair]
            form = self._forms[pair] = (
                self._head(CLASS, "UI", len(sop_class)) + sop_class,
                self._head(SYNTAX, "UI", len(known)) + known,
            )
        instance = pad_even(found.sop_instance.encode(), b"\0")
        sop_class, known = form
        head = self._head
        return b"".join(
            (head(FILE_ID, "CS", len(name)), name, sop_class, head(INSTANCE, "UI", len(instance)), instance, known)
        )

    def _head(self, tag, vr, length):
        head = self._heads.get((tag, length))
        if head is None:
            head = self._heads[tag, length] = element.write_any(tag, vr, length)
        return head

    def _append(self, kind, reference, content, parent):
        """Write a record at the end, link it to its place, and return its offset."""
        links = _LINKS.get(kind) or _links(kind)
        length = len(links) + len(reference) + len(content)
        offset = self._flushed + len(self._out)
        if offset + length + 8 > _LIMIT:
            raise MediaError("the directory would be longer than 4 GB; make several volumes")
        out = self._out
        out += element.write(element.ITEM, "", length)
        out += links
        out += reference
        out += content
        if parent.last:
            self._patch(parent.last + _NEXT_AT, offset)
        elif parent is self._root:
            self._first = offset
        else:
            self._patch(parent.offset + _LOWER_AT, offset)
        parent.last = offset
        parent.count += 1
        if len(out) > 2 * _FLUSH_BYTES:
            self._flush(_FLUSH_BYTES)
        return offset

    # Octets

    def _patch(self, offset, value):
        octets = put_u32_le(value)
        at = offset - self._flushed
        if at >= 0:
            self._out[at : at + 4] = octets
        elif at <= -4:
            os.pwrite(self._fd, octets, offset)
        else:
            self._flush()
            os.pwrite(self._fd, octets, offset)

    def _flush(self, keep=0):
        """Write out all but the last `keep` octets."""
        count = len(self._out) - keep
        done = 0
        with memoryview(self._out) as view:
            while done < count:
                done += os.pwrite(self._fd, view[done:count], self._flushed + done)
        del self._out[:count]
        self._flushed += count


def _plans(extra):
    """Return {record type: (tag, VR, type of the key) in ascending order} of the standard's keys and a profile's."""
    plans = {}
    for kind, keys in records.KEYS.items():
        both = dict(keys)
        for tag, need in extra.get(kind, ()):
            both.setdefault(tag, need)
        both.pop(0x52009229, None)
        plans[kind] = tuple([(tag, tags.vr(tag), both[tag]) for tag in sorted(both)])
    return plans


def _links(kind):
    name = pad_even(kind.encode(), b" ")
    return b"".join(
        (
            element.write(0x00041400, "UL", 4) + b"\0\0\0\0",
            element.write(0x00041410, "US", 2) + b"\xff\xff",
            element.write(0x00041420, "UL", 4) + b"\0\0\0\0",
            element.write(0x00041430, "CS", len(name)) + name,
        )
    )


_LINKS = {kind: _links(kind) for kind in records.KEYS}


def _by_tag(octets):
    return octets[1::-1] + octets[3:1:-1]


def patient_key(values):
    """Return the key of a PATIENT record, by what the record has or is to have: (Patient ID, name as it is compared).

    The name belongs to it, as two persons may have the same Patient ID.
    """
    found = person.of(values)
    return found.id, person.folded(found.name)
