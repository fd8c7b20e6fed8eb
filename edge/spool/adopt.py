"""Takes files that were not sent by a modality: what somebody has on a disk, and wants to go to a destination."""

from edge.dicom.errors import DicomError
from edge.spool import errors
from edge.spool.disk import READ
from edge.spool.examine import chunks, identify
from edge.spool.intake import Source
from edge.spool.jobs import NORMAL

BY_HAND = Source("", "", "by hand")


class Adoption:
    """Reads Part 10 files, and others that come near enough, and takes their data sets in like any other object."""

    def __init__(self, disk, intake):
        self._disk = disk
        self._intake = intake

    def adopt(self, file, destinations, source=BY_HAND, priority=NORMAL):
        """Take the data set of `file` (a path, or an open descriptor, which stays open) in; return its Stored.

        It is copied as it is, behind a new head. `destinations`: their names, or a route. Raises Unreadable when it
        is no DICOM file, or OSError when it cannot be read; NoSpace and Degraded as for any object.
        """
        if isinstance(file, int):
            return self._adopt(file, destinations, source, priority)
        fd = self._disk.open(file, READ)
        try:
            return self._adopt(fd, destinations, source, priority)
        finally:
            self._disk.close(fd)

    def _adopt(self, fd, destinations, source, priority):
        try:
            found = identify(self._disk, fd)
        except DicomError as error:
            raise errors.Unreadable(str(error))
        if not source.calling:
            source = Source(found.source_ae, source.called, source.address)
        arrival = self._intake.begin(found.sop_class, found.sop_instance, found.transfer_syntax, source, priority)
        try:
            for chunk in chunks(self._disk, fd, found.offset):
                arrival.write(chunk)
            return arrival.commit(destinations if callable(destinations) else lambda facts: list(destinations))
        finally:
            arrival.abandon()
            self._intake.keep_up()
