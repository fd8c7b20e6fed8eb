"""Looks up elements that only a route asks for, beside what the index needs of every object.

It is a second look, which goes further into the data set, so that objects no route asks more about are looked at as
briefly as ever; and where a route asks for what stands in sequences a third, which reads all of it. What cannot be read
here is no reason to refuse an object.
"""

from edge.dicom import seek, skim
from edge.dicom.errors import DicomError
from edge.spool.inflate import inflater

_VALUE_BYTES = 4096  # the longest value that is of use to a route
_INFLATE_LIMIT = 1 << 30


class Further:
    """Collects what is `wanted` (a collection of tags and of seek's places, not empty) of one data set in `known`."""

    def __init__(self, known, wanted):
        self._tags = frozenset([each for each in wanted if not seek.is_place(each)])
        places = [each for each in wanted if seek.is_place(each)]
        self._skim = self._seek = None
        self._values = {}
        self._failed = False
        if self._tags:
            inflate = inflater() if known.deflated else None
            self._skim = skim.Skim(known, self._tags, max(self._tags), inflate, value_limit=_VALUE_BYTES)
            self._values = self._skim.values
        if places:
            inflate = inflater() if known.deflated else None
            self._seek = seek.Seek(known, places, _VALUE_BYTES, inflate, _INFLATE_LIMIT)
        self._seeking = self._seek is not None

    def look(self, views):
        """Look at the next octets, a sequence of views; say whether nothing more is needed."""
        for view in views:
            if self._skim is not None:
                self._try(self._skim.feed, view)
            if self._seeking:
                self._seeking = not self._seek.feed(view)
        return self._skim is None and not self._seeking

    def _try(self, step, *octets):
        try:
            if step(*octets):
                self._skim = None
        except DicomError:
            self._failed = True
            self._skim = None

    def values(self):
        """Return what was found once the data set has ended; None for what could not be read.

        It is a dict of tag -> raw octets, and place -> what seek has of it.
        """
        if self._skim is not None:
            self._try(self._skim.finish)
        found = self._values
        if self._failed:
            found = {tag: self._values.get(tag) for tag in self._tags}
        if self._seek is not None:
            self._seek.finish()
            found = found | self._seek.values
        return found
