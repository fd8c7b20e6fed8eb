"""A file-set held against the standard: its directory, its files, and each against the other.

No checker that there is sees everything: one knows the keys and never follows a link, one follows the links and never
opens a file, none notices a patient who is there twice. Here all of it is looked at, in one walk through the directory
and one through the files. What is found is yielded as it is found.

Source: PS3.3 F.2 to F.5; PS3.10 7, 8; PS3.11 D.3.3, H.3.3, J.3.3.
"""

import os
from collections import namedtuple

from edge.dicom import element, syntax, tags
from edge.dicom.part10 import ABSENT, EXECUTABLE
from edge.media import directory, inside, opened, person, records, walk
from edge.media.errors import Locked, MediaError, NotDicom
from edge.media.fileset import UNFINISHED, is_file_id
from edge.media.fit import charsets, fit, is_plain, TEXT
from edge.media.supply import named
from edge.media.survey import CHARSETS, Surveyor

# code: a word for the kind of finding, one of CODES; where: the record, by its offset, or the file, by its name, ""
# for the file-set; words: what is wrong, without patients' data but the Patient ID that two persons have
Finding = namedtuple("Finding", "code where words")

CODES = {
    "missing-directory": "there is no DICOMDIR, or it cannot be read",
    "directory": "the DICOMDIR is not written as one has to be",
    "flag": "the consistency flag says that the file-set was not finished",
    "offset": "a link leads where no record is",
    "last": "the header names another last record than the links lead to",
    "loop": "a link leads to a record a second time",
    "depth": "records stand below each other without end",
    "orphan": "records are in no directory entity",
    "unused": "a record says that it is not in use",
    "type": "a record of a type that there is not, or that does not stand there",
    "key": "a record lacks a key, or has one that no such value may have",
    "childless": "a patient, study or series with nothing below it",
    "file-id": "a File ID that is none",
    "missing-file": "a record references a file that is not there",
    "case": "a file whose name on the volume is spelled otherwise than in its record",
    "not-dicom": "a record references a file that is no DICOM file",
    "class": "a record names another SOP Class than its file",
    "instance": "a record names another SOP Instance than its file",
    "syntax": "a record names another transfer syntax than its file",
    "mismatch": "a record says otherwise than its file",
    "persons": "a Patient ID that two persons have",
    "duplicate": "a patient, study, series, object or file that is recorded twice",
    "unreferenced": "a DICOM file that no record references",
    "profile": "something that the application profile does not allow",
    "autorun": "something that would run by itself",
    "protected": "a secure file-set, whose directory and files cannot be looked at",
    "unprotected": "a file beside protected ones that is not protected",
    "unfinished": "a directory that was never put in its place",
}
_UIDS = (records.STUDY_UID, records.SERIES_UID)
_AUTORUN = ("AUTORUN.INF",)


def examine(path, profile=None, folder=None, ask=inside.nothing_asked):
    """Yield each Finding about the file-set in a folder, an image or a ZIP archive.

    profile: a profile.Profile to hold it against; folder, ask: where files of the latter two lie, unpacked, one at a
    time, as edge.media.inside has it. Raises MediaError for what is none of them.
    """
    medium = inside.opened(path, None, folder, ask)
    try:
        yield from _examined(path, medium, profile)
    finally:
        medium.close()


def _examined(path, medium, profile):
    listed = medium.find((directory.NAME,))
    if listed is None:
        yield Finding("missing-directory", "", "%s has no DICOMDIR; `edge media index` makes one" % path)
        return
    if listed[-1] != directory.NAME:
        yield Finding("case", listed[-1], "the directory has to be called DICOMDIR, in capitals")
    try:
        fd = _open(medium, listed)
    except Locked as error:
        yield Finding("protected", "", str(error))
        return
    except MediaError as error:
        yield Finding("missing-directory", directory.NAME, str(error))
        return
    try:
        if opened.is_sealed_at(fd):
            yield from _secure(medium)
            return
        try:
            found = walk.Directory("/proc/self/fd/%d" % fd)
        except MediaError as error:
            yield Finding("missing-directory", directory.NAME, str(error))
            return
        with found:
            yield from _Examination(found, medium, profile).findings()
    finally:
        os.close(fd)


def _open(medium, names):
    """Return the descriptor of a file; MediaError where it cannot be had."""
    try:
        return medium.open(names)
    except OSError as error:
        raise MediaError("it cannot be opened: %s" % (error.strerror or str(error)).lower()) from None


def _secure(medium):
    """Yield what can be said of a secure file-set without its password: whether all of it is protected."""
    yield Finding("protected", "", "it is a secure file-set: `edge import` opens it, nothing checks it as it is")
    for names in medium.list():
        if not _is_sealed(medium, names):
            yield Finding("unprotected", "/".join(names), "it is not protected, and the DICOMDIR beside it is")


def _is_sealed(medium, names):
    try:
        fd = _open(medium, names)
    except MediaError:
        return False
    try:
        return opened.is_sealed_at(fd)
    except OSError:
        return False
    finally:
        os.close(fd)


class _Examination:
    def __init__(self, opened, medium, profile):
        self._opened = opened
        self._medium = medium
        self._profile = profile
        extra = profile.extra if profile else {}
        self._surveyor = Surveyor(extra)
        self._extra = extra
        self._others = {}  # offset of a PATIENT record -> that of the first one with its Patient ID and another name
        self._seen = {}  # (kind, name) -> offset of the record of a patient, study or series
        self._instances = directory.Seen()
        self._referenced = set()  # hashes of the paths that records reference
        self._parents = set()  # offsets of records that have some below them

    def findings(self):
        yield from self._header()
        branches = []
        for each in self._opened.walk():
            if isinstance(each, walk.Defect):
                yield Finding(each.code, "record %d" % each.offset if each.offset else directory.NAME, each.words)
                continue
            if each.above:
                self._parents.add(each.above[-1].offset)
            if each.kind in (records.PATIENT, records.STUDY, records.SERIES):
                branches.append((each.offset, each.kind))
            for code, words in self._record(each):
                yield Finding(code, "record %d (%s)" % (each.offset, each.kind), words)
        for offset, kind in branches:
            if offset not in self._parents:
                yield Finding("childless", "record %d (%s)" % (offset, kind), "nothing stands below it")
        yield from self._unreferenced()

    def _header(self):
        opened = self._opened
        if opened.transfer_syntax != syntax.EXPLICIT_LITTLE:
            known = syntax.lookup(opened.transfer_syntax).name
            words = "it is in %s, and has to be in Explicit VR Little Endian" % known
            yield Finding("directory", directory.NAME, words)
        if opened.preamble == ABSENT or opened.meta.sop_class is None:
            yield Finding("directory", directory.NAME, "it has no preamble or no File Meta Information")
        if opened.preamble == EXECUTABLE:
            yield Finding("autorun", directory.NAME, "its preamble makes it a program")
        for words in opened.notices:
            yield Finding("directory", directory.NAME, words)
        if opened.file_set_id and not fit(0x00041130, opened.file_set_id.encode("ascii", "replace"))[1] is None:
            yield Finding("directory", directory.NAME, "its File-set ID is not 16 of A-Z 0-9 _ at most")

    # Records

    def _record(self, record):
        """Yield (code, words) of what is wrong with a record and the file it references."""
        if not record.in_use:
            yield "unused", "its Record In-use Flag is 0000, which no record may have any more"
            return
        above = record.above[-1].kind if record.above else None
        if record.kind not in records.KEYS and record.kind not in records.OTHER:
            kind = "retired" if record.kind in records.RETIRED else "unknown"
            yield "type", "its record type is %s" % kind
        elif not records.may_stand_below(record.kind, above):
            yield "type", "such a record may not stand below %s" % (above or "the root entity")
        yield from self._keys(record)
        yield from self._again(record)
        if record.file_id:
            yield from self._file(record)
        elif record.kind in records.KEYS and records.references(record.kind):
            yield "file-id", "it references no file"

    def _keys(self, record):
        terms = charsets(record.values.get(CHARSETS, b""))
        for tag, need in (*records.KEYS.get(record.kind, ()), *self._extra.get(record.kind, ())):
            octets = record.values.get(tag)
            if need == "1" and not (octets or b"").strip(b"\0 ") and not self._is_number(tag, octets):
                yield "key", "%s has to be there, with a value" % named(tag)
            elif need == "2" and octets is None:
                yield "key", "%s has to be there, be it empty" % named(tag)
            if octets and self._opened.little:
                _, wrong = fit(tag, octets, terms)
                if wrong:
                    yield "key", "the value of %s is none that it may have" % named(tag)
                if tags.vr(tag) in TEXT and not is_plain(octets) and not terms:
                    yield "key", "%s is not in ASCII, and the record names no character set" % named(tag)

    @staticmethod
    def _is_number(tag, octets):
        return bool(octets) and tags.vr(tag) in element.WIDTHS

    def _again(self, record):
        """Yield what is recorded twice."""
        name = walk.name_of(record)
        if name and record.kind == records.PATIENT:
            first = self._seen.setdefault(("ID", name), record.offset)
            name = directory.patient_key(record.values)
            if first != record.offset and (record.kind, name) not in self._seen:
                self._others[record.offset] = first
        if record.kind == records.STUDY and record.above and record.above[-1].offset in self._others:
            yield "persons", self._shared_id(record)
        if name:
            key = record.kind, name
            if key in self._seen:
                words = "the same %s is in the record at offset %d"
                known = {records.PATIENT: "Patient ID", records.STUDY: "study", records.SERIES: "series"}
                yield "duplicate", words % (known[record.kind], self._seen[key])
            self._seen.setdefault(key, record.offset)
        if record.file_id and record.sop_instance and not self._instances.add(record.sop_instance):
            yield "duplicate", "its SOP Instance is in another record, too"

    def _shared_id(self, study):
        """Return in words that the Patient ID of a study is another person's, too."""
        above = study.above[-1]
        return (
            "Patient ID %s of study %s is another person's in the record at offset %d: readers that go by the ID alone"
            " show both under one name" % (
                person.of(above.values).id, walk.name_of(study).decode("ascii", "replace"), self._others[above.offset])
        )  # fmt: skip

    # Files

    def _file(self, record):
        shown = "/".join(record.file_id)
        if not is_file_id(record.file_id):
            yield "file-id", "%s is no File ID: at most 8 levels, each of 1 to 8 of A-Z 0-9 _" % shown
            if not all([name and name not in (".", "..") and "/" not in name for name in record.file_id]):
                return
        names = self._medium.find(record.file_id)
        if names is None:
            yield "missing-file", "it references %s, which is not there" % shown
            return
        if names != record.file_id:
            yield "case", "it references %s, which is spelled otherwise on the volume" % shown
        code = hash(names)
        if code in self._referenced:
            yield "duplicate", "%s is referenced by another record, too" % shown
        self._referenced.add(code)
        try:
            found = self._look(names)
        except NotDicom as error:
            yield "not-dicom", "it references %s: %s" % (shown, error)
            return
        except MediaError as error:
            yield "mismatch", "it references %s: %s" % (shown, error)
            return
        for code, words in self._against(record, found):
            yield code, "%s: %s" % (shown, words)

    def _look(self, names):
        """Return what is Surveyed of a file; MediaError when it cannot be referenced, and why."""
        fd = _open(self._medium, names)
        try:
            return self._surveyor.look_at(fd)
        finally:
            os.close(fd)

    def _against(self, record, found):
        """Yield where a record and the file it references disagree."""
        if record.sop_class != found.sop_class:
            yield "class", "the file is of another SOP Class than the record says"
        elif record.kind != found.record_type and record.kind in records.KEYS:
            yield "type", "objects of its SOP Class are in records of the type %s" % found.record_type
        if record.sop_instance != found.sop_instance:
            yield "instance", "the file has another SOP Instance UID than the record"
        if record.transfer_syntax != found.transfer_syntax:
            yield "syntax", "the file is in another transfer syntax than the record says"
        if self._profile and found.transfer_syntax not in self._profile.syntaxes:
            known = syntax.lookup(found.transfer_syntax)
            yield "profile", "%s takes no %s" % (self._profile.name, known.name)
        terms = charsets(found.values.get(CHARSETS, b""))
        for each in (*record.above, record):
            for tag, need in (*records.KEYS.get(each.kind, ()), *self._extra.get(each.kind, ())):
                if tags.vr(tag) == "SQ" or need == "shared" or not self._opened.little:
                    continue
                theirs = fit(tag, found.values.get(tag, b""), terms)[0].rstrip(b"\0 ")
                if not theirs:
                    continue
                own = each.values.get(tag)
                if own is None:
                    if need == "1C" and each is record:
                        yield "key", "%s has to be in the record, as it is in the file" % named(tag)
                elif not _same(own.strip(b"\0 "), theirs, tag):
                    yield "mismatch", "%s of its %s record is another than the file's" % (named(tag), each.kind)

    def _unreferenced(self):
        for names in self._medium.list():
            if len(names) == 1 and names[0].upper() == directory.NAME:
                continue
            shown = "/".join(names)
            if names == (UNFINISHED,):
                yield Finding("unfinished", shown, "a change of the file-set did not come to its end; delete the file")
                continue
            if names[-1].upper() in _AUTORUN:
                yield Finding("autorun", shown, "a volume for patients' images runs nothing by itself; delete the file")
                continue
            if hash(names) in self._referenced:
                continue
            try:
                self._look(names)
            except NotDicom:
                continue
            except MediaError as error:
                yield Finding("unreferenced", shown, "no record references it, and none can: %s" % error)
                continue
            yield Finding("unreferenced", shown, "no record references it: readers will not find it")


def _same(own, theirs, tag):
    """Say whether two values of a key are the same, but for how names, numbers and case may be written."""
    if own == theirs:
        return True
    vr = tags.vr(tag)
    if vr in ("IS", "DS"):
        try:
            return [float(one) for one in own.split(b"\\")] == [float(one) for one in theirs.split(b"\\")]
        except ValueError:
            return False
    if vr == "PN":
        return own.rstrip(b"^= ") == theirs.rstrip(b"^= ")
    if vr in ("TM", "DT"):
        return own.rstrip(b"0.") == theirs.rstrip(b"0.")
    return False
