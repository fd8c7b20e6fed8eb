"""A file-set on a disk: files under names that every reader takes, a directory of them, and changes that never tear it.

Objects are written first and made durable, then the directory beside the one that is there, then it takes that one's
place by a rename; what is removed is deleted after that. So at every instant the DICOMDIR that is there references
nothing that is not, and its consistency flag is 0000 in truth; FFFF, by which updaters once said that they were at it,
is never written, as the standard has it today. A crash leaves a directory that is not in place yet, which the next
change takes away, or files that no record references: `examine` tells of them, `index` takes them in.

Source: PS3.10 8.2, 8.5, 8.6; PS3.3 F.3.2.2.
"""

import os
import re

from edge.media import directory, records, walk
from edge.media.beside import sync
from edge.media.errors import MediaError, NotDicom
from edge.media.profile import what
from edge.media.survey import Surveyor

FOLDER = "DICOM"  # where the box's own files are: a root directory takes few names on some file systems
UNFINISHED = "DICOMDIR.NEW"
_COPY_BYTES = 1 << 20
_COMPONENT = re.compile("[A-Z0-9_]{1,8}").fullmatch
_OWN = re.compile("([PSEI])([0-9]{7})").fullmatch


def is_file_id(components):
    """Say whether a sequence of str is a File ID: one to eight components of one to eight characters A-Z 0-9 _."""
    return 1 <= len(components) <= 8 and all([_COMPONENT(each) for each in components])


class Names:
    """Gives File IDs out, DICOM/P0000001/S0000001/E0000001/I0000001: patient, study, series (E), instance, counted.

    Those that a series has been given go on where it is named again. taken: function of a File ID, whether it is.
    """

    def __init__(self, taken=None):
        self._taken = taken or (lambda components: False)
        self._counts = {}
        self._known = {}

    def next(self, found):
        """Return the File ID for an object: a tuple of str. found: survey.Surveyed."""
        at = (FOLDER,)
        for letter, tag in zip("PSE", (records.PATIENT_ID, records.STUDY_UID, records.SERIES_UID)):
            if found.record_type in records.TOP_LEVEL:
                break
            at = self._folder(at, letter, found.values.get(tag, b"").strip(b"\0 "))
        return self._fresh(at, "I")

    def _folder(self, above, letter, name):
        key = above, letter, name
        if key not in self._known:
            self._known[key] = self._fresh(above, letter)
        return self._known[key]

    def _fresh(self, above, letter):
        while True:
            count = self._counts.get((above, letter), 0) + 1
            if count > 9999999:
                raise MediaError("a folder of the file-set has no name left; make several volumes")
            self._counts[above, letter] = count
            name = (*above, "%s%07d" % (letter, count))
            if not self._taken(name):
                return name


class FileSet:
    """The file-set in the folder `root`, which may hold none yet.

    A set that is there, foreign ones too, is added to as it is: its records stay, octet for octet in their keys.
    """

    def __init__(self, root, profile=None):
        self.root = root
        self.path = os.path.join(root, directory.NAME)
        self._profile = profile
        self._extra = profile.extra if profile else None
        self._id = ""

    def add(self, sources, file_set_id=None):
        """Copy the objects of `sources` (paths) into the set; yield (path, File ID or None, words) for each.

        Words are what was supplied for it, or, where the File ID is None, why it was left out. Nothing of it is in the
        directory before the last has been yielded and the generator has ended; closed before that, it leaves the set as
        it was.
        """
        writer, names = self._begin(file_set_id)
        surveyor = Surveyor(self._extra)
        written = []
        try:
            for source in sources:
                try:
                    found = surveyor.look(source)
                    self._check(found)
                    file_id = names.next(found)
                    notes = writer.add(found, file_id)
                except MediaError as error:
                    yield source, None, [str(error)]
                    continue
                written.append(self.file(file_id))
                _copy(source, written[-1])
                yield source, file_id, notes
            self._sync_folders(written)
            self._replace(writer)
            written = []
        finally:
            self._abandon(writer, written)

    def remove(self, is_wanted):
        """Remove the objects for which `is_wanted` (function of a walk.Record) is true; return how many.

        Patients, studies and series that have none left go with them.
        """
        if not os.path.exists(self.path):
            raise MediaError("%s has no DICOMDIR: there is nothing to remove from" % self.root)
        removed = []

        def keeps(record):
            if record.file_id and is_wanted(record):
                removed.append(record.file_id)
                return False
            return True

        writer, _ = self._begin(None, keeps)
        try:
            self._replace(writer)
        finally:
            self._abandon(writer, ())
        for file_id in removed:
            self._delete(file_id)
        return len(removed)

    def file(self, file_id):
        """Return the path of a File ID; MediaError for one that would lie outside of the set."""
        if not all([name and name not in (".", "..") and "/" not in name and "\0" not in name for name in file_id]):
            raise MediaError("the File ID %s leads out of the file-set" % "\\".join(file_id))
        return os.path.join(self.root, *file_id)

    def index(self, file_set_id=None):
        """Make the directory anew of the files as they lie; yield (File ID, words) for each, None for one left out.

        A file that is no DICOM file is left out with the reason where its name is a File ID, and is otherwise none of
        the file-set's: pages, a viewer. Closed before its end, the generator leaves the directory there is.
        """
        unfinished = self._clear()
        writer = directory.Writer(unfinished, file_set_id or "", self._extra)
        surveyor = Surveyor(self._extra)
        try:
            for path, file_id in files(self.root):
                if file_id in ((directory.NAME,), (UNFINISHED,)):
                    continue
                try:
                    found = surveyor.look(path)
                    if not is_file_id(file_id):
                        raise MediaError("its name is no File ID: at most 8 levels, each of 1 to 8 of A-Z 0-9 _")
                    self._check(found)
                    notes = writer.add(found, file_id)
                except NotDicom as error:
                    if is_file_id(file_id):
                        yield None, ["%s: passed over: %s" % ("/".join(file_id), error)]
                    continue
                except MediaError as error:
                    yield None, ["%s: %s" % ("/".join(file_id), error)]
                    continue
                yield file_id, notes
            self._replace(writer)
        finally:
            self._abandon(writer, ())

    # The steps

    def _check(self, found):
        """Raise MediaError for an object that the profile does not take as it is."""
        if self._profile and found.transfer_syntax not in self._profile.syntaxes:
            raise MediaError(what(self._profile, found.transfer_syntax).words)

    def _clear(self):
        """Take away what a change before left unfinished; return the path for the next one."""
        unfinished = os.path.join(self.root, UNFINISHED)
        try:
            os.makedirs(self.root, exist_ok=True)
            if os.path.lexists(unfinished):
                os.unlink(unfinished)
        except OSError as error:
            raise MediaError("%s cannot be written: %s" % (self.root, error.strerror.lower())) from None
        return unfinished

    def _begin(self, file_set_id, keeps=None):
        """Return (a Writer that has the records there are, Names for more)."""
        unfinished = self._clear()
        there = walk.Directory(self.path) if os.path.exists(self.path) else None
        try:
            self._id = file_set_id if file_set_id is not None else there.file_set_id if there else ""
            writer = directory.Writer(unfinished, self._id, self._extra, there.instance if there else None)
            names = Names(lambda components: os.path.lexists(self.file(components)))
            try:
                if there:
                    self._copy_records(there, writer, keeps or (lambda record: True))
            except BaseException:
                self._abandon(writer, ())
                raise
            return writer, names
        finally:
            if there:
                there.close()

    def _copy_records(self, there, writer, keeps):
        """Copy the records that are to stay; those above them come when the first below them does."""
        nodes = {}

        def node_of(record):
            if record.offset not in nodes:
                parent = node_of(record.above[-1]) if record.above else None
                name = walk.name_of(record)
                if name and record.kind == records.PATIENT:
                    name = directory.patient_key(record.values)
                names = [record.sop_instance] if record.file_id else [name] if name else []
                nodes[record.offset] = writer.copy(record.kind, there.content(record), parent, names)
            return nodes[record.offset]

        defects = []
        for each in there.walk():
            if isinstance(each, walk.Defect):
                defects.append(each.words)
            elif each.in_use and each.file_id and keeps(each):
                if not os.path.exists(self.file(each.file_id)):
                    defects.append("%s is referenced and not there" % "\\".join(each.file_id))
                node_of(each)
        if defects:
            raise MediaError(
                "the file-set in %s is damaged, and is not changed: %s; `edge media check` says more,"
                " `edge media index` makes its directory anew" % (self.root, defects[0])
            )

    def _replace(self, writer):
        writer.finish()
        os.rename(writer.path, self.path)
        sync(self.root)

    @staticmethod
    def _abandon(writer, written):
        """Take away what is not in place yet."""
        writer.close()
        for path in (writer.path, *written):
            try:
                os.unlink(path)
                os.removedirs(os.path.dirname(path))
            except OSError:
                pass

    def _sync_folders(self, written):
        folders = set()
        for path in written:
            folder = os.path.dirname(path)
            while folder not in folders and len(folder) >= len(self.root):
                folders.add(folder)
                folder = os.path.dirname(folder)
        for folder in sorted(folders, reverse=True):
            sync(folder)

    def _delete(self, file_id):
        """Delete a file that no record references any more, and the folders that are empty then."""
        path = self.file(file_id)
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        folder = os.path.dirname(path)
        while len(folder) > len(self.root):
            try:
                os.rmdir(folder)
            except OSError:
                break
            folder = os.path.dirname(folder)
        sync(folder)


class Listing:
    """What lies in the folders of a volume, folder by folder, whatever case it was written in."""

    def __init__(self, root):
        self.root = root
        self._folders = {}

    def find(self, components):
        """Return the path of a file by its File ID, in the case it has on the volume; None when it is not there."""
        path = self.root
        for name in components:
            there = self._listed(path)
            found = there.get(name) or there.get(name.upper())
            if found is None:
                return None
            path = os.path.join(path, found)
        return path if os.path.isfile(path) and not os.path.islink(path) else None

    def _listed(self, folder):
        """Return {name: name, NAME: name} of a folder."""
        if folder not in self._folders:
            if len(self._folders) > 64:
                self._folders.clear()
            try:
                listed = os.listdir(folder)
            except OSError:
                listed = []
            self._folders[folder] = {**{name.upper(): name for name in listed}, **{name: name for name in listed}}
        return self._folders[folder]


def files(root):
    """Yield (path, names from the root as a tuple) of each regular file below `root`, folder by folder, by name."""
    waiting = [(root, ())]
    while waiting:
        folder, names = waiting.pop()
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                yield entry.path, (*names, entry.name)
        below = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
        waiting += [(entry.path, (*names, entry.name)) for entry in reversed(below)]


def _copy(source, target):
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(source, "rb", buffering=0) as one, open(target, "xb", buffering=0) as other:
            left = os.fstat(one.fileno()).st_size
            while left > 0:
                done = os.sendfile(other.fileno(), one.fileno(), None, min(left, _COPY_BYTES))
                if not done:
                    raise MediaError("%s grew shorter while it was copied; nothing was changed" % source)
                left -= done
            os.fsync(other.fileno())
    except OSError as error:
        words = "%s cannot be written: %s; the file-set is as it was"
        raise MediaError(words % (target, (error.strerror or str(error)).lower())) from None
