"""The objects of an export as they go out: checked, de-identified and transcoded where that is wanted, listed.

An object that goes as it is stays where it lies in the spool; one that is changed is written into the staging folder.
What cannot go is left out with the reason, and the export is only of the others, which its result says.
"""

import json
import os
from collections import namedtuple

from edge.dicom import part10, syntax
from edge.dicom.errors import DicomError
from edge.export import choose
from edge.export.ahead import Ahead
from edge.export.staging import NoRoom
from edge.media import directory, pages, person, profile, records, sight
from edge.media.errors import MediaError
from edge.media.survey import Surveyor
from edge.morph.draft import Draft
from edge.pixels import registry, transcode
from edge.spool.errors import Unknown
from edge.spool.inflate import inflater
from edge.spool.jobs import CONFLICT

# One object as it goes out. path: of its Part 10 file; size: of that, in octets; patient: the number of its person, by
# what it says itself; study, series: str, the same within one; read: octets that are likely to lie beside its page
Item = namedtuple("Item", "path size patient study series read")

STAGE = "reading the objects"
_CHUNK = 1 << 20
_PEOPLE = 4  # who are named in a note
_REASONS = 100  # that are kept; the number of all is


class Tally:
    """What came of the objects: how many go, how many do not and why, what had to be done for some."""

    def __init__(self):
        self.objects = self.octets = self.left_out = self.changed = 0
        self.read = 0  # octets of what lies beside the pages: PDFs, and pages of reports
        self.series = set()
        self.studies = set()
        self.reasons = []
        self.notes = []

    def leave_out(self, number, words):
        """Count an object that does not go."""
        self.left_out += 1
        if len(self.reasons) < _REASONS:
            self.reasons.append("object %d: %s" % (number, words))

    def note(self, words):
        """Put down what whoever asked should know, once."""
        if words not in self.notes and len(self.notes) < _REASONS:
            self.notes.append(words)


class Content:
    """The objects of one export. Iterate it for each Item, as often as needed, once `gather` has come to its end.

    spool: what has `files` and `path_of` of a spool.Spool; listing: choose.Listing; stages: as forwarding has them, see
    edge.morph.draft; title: the AE title of the box.
    """

    def __init__(self, spool, listing, order, stages, staging, title):
        self.tally = Tally()
        self._spool = spool
        self._listing = listing
        self._stages = stages
        self._staging = staging
        self._title = title
        self._profile = profile.named(order.profile)
        self._surveyor = Surveyor(self._profile.extra)
        self._seen = directory.Seen()
        self._fates = {}
        self._list = os.path.join(staging.path, "LIST")
        self._people = person.People()
        self._ids = {}  # Patient ID -> {number of a person: a Person and a study}, of those who have it
        self._ranks = {}  # (patient, study) -> where it comes; (patient, study, series) -> its number, where it comes

    def gather(self, pace):
        """Generator of Progress: look at every object, make those that are changed, and list them."""
        total = self._listing.count
        os.mkdir(os.path.join(self._staging.path, "OBJECTS"))
        with open(self._list, "w", encoding="utf-8") as out, Ahead(self._spool.files.fault, self._listing) as ahead:
            for done, stored in enumerate(self._listing, 1):
                try:
                    item = self._item(stored, ahead.next())
                    out.write(json.dumps(item) + "\n")
                    self._count(item)
                except NoRoom:
                    raise
                except (MediaError, DicomError) as error:
                    self._staging.whole()
                    self.tally.leave_out(stored.id, str(error))
                except OSError as error:
                    self._staging.keep()
                    self.tally.leave_out(stored.id, "it cannot be read: %s" % (error.strerror or error))
                yield pace.at(STAGE, done, total)
        self._sort()
        self._warn()
        if not self.tally.objects:
            why = "; ".join(self.tally.reasons[:3])
            raise MediaError("none of the %d objects can go: %s" % (self.tally.left_out, why))

    def __iter__(self):
        with open(self._list, encoding="utf-8") as file:
            for line in file:
                yield Item._make(json.loads(line))

    def _count(self, item):
        tally = self.tally
        tally.objects += 1
        tally.octets += item.size
        tally.read += item.read
        tally.series.add((item.patient, item.study, item.series))
        tally.studies.add((item.patient, item.study))

    def _item(self, stored, fault):
        if stored.hold == CONFLICT:
            raise MediaError("another object with its UID is here: `edge release` decides which of them is right")
        if fault is not None:
            self._spool.files.report(stored, fault)
            raise MediaError("its file is not what was received; have it sent again")
        draft = self._drafted(stored)
        fate = self._fate(draft.syntax)
        if fate.action == profile.REFUSE:
            raise MediaError(fate.words)
        path = self._spool.path_of(stored)
        if fate.action == profile.TRANSCODE or draft.chunks is not None:
            path = self._made(stored, draft, fate)
        try:
            found = self._surveyor.look(path)
            if not self._seen.add(found.sop_instance):
                raise MediaError("another object of this export has its SOP Instance UID")
        except MediaError:
            if draft.chunks is not None or fate.action == profile.TRANSCODE:
                os.unlink(path)
            raise
        study, series = [found.values.get(tag, b"").strip(b"\0 ").decode("latin-1") for tag in _KEYS]
        number = self._person(person.of(found.values), study)
        self._ranks.setdefault((number, study), len(self._ranks))
        rank = choose.rank(found.values.get(records.SERIES_NUMBER, b"").strip(b"\0 ")), len(self._ranks)
        self._ranks.setdefault((number, study, series), rank)
        return Item(path, found.size, number, study, series, pages.beside(found.sop_class, found.size))

    def _person(self, found, study):
        """Return the number of a person.Person, and keep who else has the same Patient ID."""
        number = self._people.number(found)
        if found.id:
            self._ids.setdefault(found.id, {}).setdefault(number, (found, study))
        return number

    def _warn(self):
        """Put down which Patient IDs several persons have, and who they are: whoever asked is to see to it."""
        for patient_id, people in self._ids.items():
            if len(people) > 1:
                who = ["%s (study %s)" % (_named(found), study) for found, study in list(people.values())[:_PEOPLE]]
                self.tally.note(
                    "Patient ID %s is of %d persons: %s. Each has a heading, and a directory record by name: see whose"
                    " the ID is before this is handed out" % (patient_id, len(people), "; ".join(who))
                )

    def _sort(self):
        """Have the objects of a person follow each other in the list, and the series of a study by their numbers."""
        runs, at = [], 0  # of objects that stand together: [keys, where they begin, how many]
        before = None
        with open(self._list, "rb") as file:
            for line in file:
                item = Item._make(json.loads(line))
                keys = item.patient, item.study, item.series
                if keys != before:
                    before = keys
                    runs.append([(item.patient, self._ranks[keys[:2]], self._ranks[keys]), at, 0])
                runs[-1][2] += 1
                at += len(line)
            wanted = sorted(runs)
            if wanted != runs:
                with open(self._list + ".NEW", "wb") as out:
                    for _, begins, count in wanted:
                        file.seek(begins)
                        for _ in range(count):
                            out.write(file.readline())
                os.rename(self._list + ".NEW", self._list)

    def _drafted(self, stored):
        """Return the Draft of an object; its chunks are None where nothing changes it."""

        def chunks():
            return _chunks(self._spool, stored)

        title = stored.calling or "", stored.called or "", stored.address or ""
        found = Draft(chunks, stored.syntax, stored.sop_class, stored.uid, *title, stored.received or 0)
        for stage in self._stages:
            found = stage.prepare(found)
        return found._replace(chunks=None) if found.chunks == chunks else found

    def _fate(self, syntax_uid):
        fate = self._fates.get(syntax_uid)
        if fate is None:
            fate = self._fates[syntax_uid] = profile.what(self._profile, syntax_uid)
            if fate.action == profile.TRANSCODE:
                self.tally.note(fate.words)
        return fate

    def _made(self, stored, draft, fate):
        """Write an object as it goes out into the staging folder; return the path."""
        chunks = draft.chunks or (lambda: _chunks(self._spool, stored))
        sop_instance, known, most = draft.sop_instance, draft.syntax, stored.size
        if fate.action == profile.TRANSCODE:
            name = registry.of(fate.to).name
            threads = os.cpu_count() or 1 if stored.size > _CHUNK else 1
            made = transcode.Transcoding(chunks, syntax.lookup(known), name, inflater, threads=threads)
            chunks, known, most = made.parts, made.target.uid, max(made.most_octets, stored.size)
            sop_instance = made.sop_instance or sop_instance
            if known not in self._profile.syntaxes:
                raise MediaError("its pixels are too long for %s" % syntax.lookup(fate.to).name)
        self._staging.ask(most, "an object that has to be changed")
        self.tally.changed += 1
        path = os.path.join(self._staging.path, "OBJECTS", "%d" % stored.id)
        try:
            with open(path, "xb") as file:
                file.write(part10.head(draft.sop_class, sop_instance, known, self._title))
                for chunk in chunks():
                    file.write(chunk)
        except BaseException:
            os.unlink(path)
            raise
        return path


_KEYS = (records.STUDY_UID, records.SERIES_UID)


def _named(found):
    """Return a person.Person in words."""
    return ", ".join([each for each in (sight.person(found.name) or "no name", sight.date(found.born)) if each])


def _chunks(spool, stored):
    """Yield the data set of a stored object in pieces."""
    try:
        fd = spool.files.open(stored)
    except FileNotFoundError:
        raise Unknown("it was removed meanwhile") from None
    try:
        at, end = stored.offset, stored.offset + stored.size
        while at < end and (chunk := os.pread(fd, min(_CHUNK, end - at), at)):
            yield chunk
            at += len(chunk)
    finally:
        os.close(fd)
