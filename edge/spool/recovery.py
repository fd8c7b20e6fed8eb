"""What a crash can have left behind, and what is done about it when the spool is opened.

A final name without a line in the journal: the crash came between the rename and the line, so nobody was told that
the object is safe, and its file may be torn. As long as the journal is whole it is discarded; its sender has a copy
and will send it again. Where the journal is damaged or missing, the line may have been lost with it: then the file is
looked at. One that is whole is adopted and held, because nobody knows any more where it was meant to go; anything
else is moved to quarantine/. Only folders that were in use lately are looked through, unless the index had to be
rebuilt.
"""

from collections import namedtuple

from edge.dicom.errors import DicomError
from edge.spool.disk import READ
from edge.spool.examine import check_whole, identify
from edge.spool.intake import Source, facts
from edge.spool.jobs import FOUND

_LATELY = 4  # folders that may have been in use at the same moment: around midnight, or when one was full

# How many files that no line knew were discarded, adopted, or moved to quarantine/
Recovered = namedtuple("Recovered", "discarded adopted set_aside")

FOUND_WORDS = "found without a journal line: nobody knows any more where it was to go; send it by hand, or remove it"


class Recovery:
    """Looks through the folders of a spool that is being opened, before anything new comes in."""

    def __init__(self, spool):
        """`spool`: the Spool that is being opened, all of its parts made."""
        self._disk = spool.disk
        self._objects_fd = spool.objects_fd
        self._journal = spool.journal
        self._index = spool.index
        self._files = spool.files
        self._intake = spool.intake
        self._now = spool.now

    def look_through(self, objects_path, everywhere, damaged):
        """Deal with every file that no line knows; return how many were Recovered.

        `everywhere`: in all folders, not only those in use lately; `damaged`: whether lines of the journal may be lost.
        """
        known = self._index.folders()
        counts = [0, 0, 0]
        for folder in sorted(self._disk.listdir(objects_path)):
            if everywhere or folder not in known or folder in known[:_LATELY]:
                for path in self._strays(objects_path, folder, everywhere):
                    counts[self._deal_with(path, damaged)] += 1
        if everywhere:
            self._index.forget_paths()
        return Recovered(*counts)

    def _strays(self, objects_path, folder, everywhere):
        try:
            names = self._disk.listdir("%s/%s" % (objects_path, folder))
        except NotADirectoryError:
            return []
        paths = self._index.paths(folder, everywhere)
        strays = ["%s/%s" % (folder, name) for name in names if name.endswith(".dcm")]
        strays = [path for path in sorted(strays) if path not in paths]
        known = self._index.known_paths(strays)
        return [path for path in strays if path not in known]

    def _deal_with(self, path, damaged):
        if not damaged:
            self._disk.unlink(path, dir_fd=self._objects_fd)
            self._note("discarded", path, "it was never acknowledged: the crash came before its line in the journal")
            return 0
        fd = self._disk.open(path, READ, dir_fd=self._objects_fd)
        try:
            return self._adopt(path, fd)
        except DicomError as error:
            self._files.set_aside(path)
            self._note("set aside", path, "moved to quarantine/: %s" % error)
            return 2
        finally:
            self._disk.close(fd)

    def _adopt(self, path, fd):
        found = identify(self._disk, fd)
        crc = check_whole(self._disk, fd, found)
        known = self._index.find(found.sop_instance)
        if any((stored.crc, stored.size) == (crc, found.size) for stored in known):
            self._files.set_aside(path)
            self._note("set aside", path, "moved to quarantine/: the spool has the same object under another name")
            return 2
        self._disk.fsync(fd)
        facts_ = facts(found.sop_class, found.sop_instance, found.transfer_syntax, Source("", "", ""), found.values)
        record = {
            "id": self._intake.next_id(), "at": self._now(), "uid": found.sop_instance,
            "copy": 1 + max((stored.copy for stored in known), default=0), "class": found.sop_class,
            "syntax": found.transfer_syntax, "path": path, "offset": found.offset, "size": found.size, "crc": crc,
            "head_crc": self._files.checksum(fd, 0, found.offset), "source": [found.source_ae, "", ""],
            "study": facts_[4:10], "series": facts_.series, "modality": facts_.modality, "number": facts_.number,
            "jobs": [], "hold": [FOUND, FOUND_WORDS],
        }  # fmt: skip
        self._journal.append("object", record)
        return 1

    def _note(self, kind, path, why):
        self._journal.append(kind.replace(" ", "-"), {"path": path, "why": why, "at": self._now()}, durable=False)
