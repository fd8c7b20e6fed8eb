"""What an archive reports of its commitments, on whichever association it does: from its N-EVENT-REPORT to the spool.

    report = reports.begin(calling, elements, transfer_syntax)
    report.feed(views)                       # each piece of its data set
    status, comment = report.finish()        # when all of it has come: success only when the outcome is durable

A report counts only for a transaction of a destination that the caller answers for, and only for what was asked for in
it. The same report again is answered with success, and changes nothing.
"""

import logging

from edge.dicom import syntax
from edge.dicom.errors import DicomError, LimitError, PeerError
from edge.protocol import commitment, status
from edge.spool.errors import NoSpace

_log = logging.getLogger("edge.net")


# Which failure is which status (PS3.7 Annex C), the first that fits: the last is a disk's, and may pass
_STATUS_OF = (
    (NoSpace, status.PROCESSING_FAILURE),
    (LimitError, status.RESOURCE_LIMITATION),
    (PeerError, status.INVALID_ARGUMENT),
    (DicomError, status.PROCESSING_FAILURE),
)


class Reports:
    """Who may report what.

    commitments: the spool's; answering: {AE title: names of the destinations it answers for}; now: function, the time.
    """

    def __init__(self, commitments, answering, now):
        self._commitments = commitments
        self._answering = answering
        self._now = now

    def renew(self, answering):
        """Go by others who may report, from the next report on."""
        self._answering = answering

    def expects(self, calling):
        """Say whether reports of a caller with this AE title would be taken."""
        return calling in self._answering

    def begin(self, calling, elements, transfer_syntax):
        """Return the Report that an N-EVENT-REPORT-RQ announces. elements: of its command; transfer_syntax: its UID."""
        names = self._answering.get(calling, ())
        return Report(self._commitments, names, elements, syntax.lookup(transfer_syntax), self._now)


class Report:
    """One report on its way in."""

    def __init__(self, commitments, names, elements, known, now):
        self._commitments = commitments
        self._names = names
        self._now = now
        self._reader = commitment.ReportReader(known)
        self._fault = commitment.report_fault(elements)
        self._transaction = None
        self._committed = set()
        self._refused = {}

    def feed(self, views):
        """Take a piece of its data set, a list of views."""
        try:
            for view in views:
                if self._fault is not None:
                    return
                self._reader.feed(view)
                for event in self._reader.events():
                    self._take(event)
        except DicomError as error:
            self._refuse(error)

    def _take(self, event):
        if self._fault is not None:
            return
        if isinstance(event, commitment.Transaction):
            found = self._commitments.transaction(event.uid)
            if found is None or found.destination not in self._names:
                self._fault = status.INVALID_ARGUMENT, "no such transaction is open here"
            self._transaction = found
        elif event.sop_instance not in self._transaction.instances:
            return
        elif isinstance(event, commitment.Committed):
            self._committed.add(event.sop_instance)
        else:
            self._refused[event.sop_instance] = commitment.reason(event.reason)

    def _refuse(self, error):
        for kind, code in _STATUS_OF:
            if isinstance(error, kind):
                self._fault = code, str(error)
                return

    def finish(self):
        """Put down what it says; return (status, comment) to answer with."""
        outcome = None
        try:
            if self._fault is None:
                self._reader.finish()
                outcome = self._commitments.answer(self._transaction, self._committed, self._refused, self._now())
        except DicomError as error:
            self._refuse(error)
        if self._fault is not None:
            code, why = self._fault
            _log.warning("a report on storage commitment was refused: %s: %s", status.words(code), why)
            return self._fault
        name = self._transaction.destination
        level = logging.WARNING if outcome.refused or outcome.unnamed else logging.INFO
        words = "%s commits to %d objects, refuses %d, says nothing of %d"
        _log.log(level, words, name, outcome.committed, outcome.refused, outcome.unnamed)
        return status.SUCCESS, ""
