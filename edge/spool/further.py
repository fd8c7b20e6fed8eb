"""Looks up elements that only a route asks for, beside what the index needs of every object.

It is a second look, which goes further into the data set, so that objects no route asks more about are looked at as
briefly as ever. What cannot be read here is no reason to refuse an object.
"""

from edge.dicom import skim
from edge.dicom.errors import DicomError
from edge.spool.inflate import inflater

_VALUE_BYTES = 4096  # the longest value that is of use to a route


class Further:
    """Collects the elements `tags` (a collection of int, not empty) of one data set in the TransferSyntax `known`."""

    def __init__(self, known, tags):
        self._tags = tags
        inflate = inflater() if known.deflated else None
        self._skim = skim.Skim(known, tags, max(tags), inflate, value_limit=_VALUE_BYTES)
        self._values = self._skim.values
        self._failed = False

    def look(self, views):
        """Look at the next octets, a sequence of views; say whether nothing more is needed."""
        for view in views:
            if self._skim is None:
                break
            self._try(self._skim.feed, view)
        return self._skim is None

    def _try(self, step, *octets):
        try:
            if step(*octets):
                self._skim = None
        except DicomError:
            self._failed = True
            self._skim = None

    def values(self):
        """Return what was found (tag -> raw octets), once the data set has ended; None for what could not be read."""
        if self._skim is not None:
            self._try(self._skim.finish)
        if self._failed:
            return {tag: self._values.get(tag) for tag in self._tags}
        return self._values
