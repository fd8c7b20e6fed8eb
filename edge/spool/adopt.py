"""Takes files that were not sent by a modality: what somebody has on a disk, and wants to go to a destination."""

from edge.dicom import syntax
from edge.dicom.errors import DicomError, PeerError
from edge.dicom.reader import Reader
from edge.spool import errors
from edge.spool.disk import READ
from edge.spool.examine import INFLATE_LIMIT, chunks, identify
from edge.spool.inflate import inflater
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

        It is copied as it is, behind a new head. `destinations`: their names, or a route. What turns out to be cut off
        or broken further on is kept, and held with the reason: a damaged copy may be the last one. Raises Unreadable
        when it is no DICOM file, or OSError when it cannot be read; NoSpace and Degraded as for any object.
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
            damage = self._copy(fd, found, arrival)
            if damage is not None:
                return arrival.commit(lambda facts: damage)
            return arrival.commit(destinations if callable(destinations) else lambda facts: list(destinations))
        finally:
            arrival.abandon()
            self._intake.keep_up()

    def _copy(self, fd, found, arrival):
        """Write the data set that was found to `arrival`; return in words what is wrong with it, None for nothing."""
        known = syntax.lookup(found.transfer_syntax)
        inflate, start = (inflater(), 0) if known.deflated else (None, found.offset)
        look = _Look(Reader(known, 0, inflate=inflate, inflate_limit=INFLATE_LIMIT, start=start))
        for chunk in chunks(self._disk, fd, found.offset):
            arrival.write(chunk)
            look.at(chunk)
        look.at(None)
        return look.damage


class _Look:
    """Reads a data set through up to where it is broken. damage: in words what is wrong, None as long as nothing is."""

    def __init__(self, reader):
        self._reader = reader
        self.damage = None

    def at(self, chunk):
        """Look at the next octets; None for their end."""
        reader = self._reader
        if reader is None:
            return
        try:
            if chunk is None:
                reader.finish()
            else:
                reader.feed(chunk)
                while reader.next_event() is not None:
                    pass
        except PeerError as error:
            self._reader = None
            self.damage = (
                "the data set is damaged: %s; find a whole copy, or release this one to a destination as it is" % error
            )
        except DicomError:
            self._reader = None  # more than this box agreed to look into is no damage
