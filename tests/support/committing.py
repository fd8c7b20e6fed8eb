"""An archive made of pynetdicom that is asked for storage commitment, and answers as a test tells it to."""

import threading

from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from tests.support import process
from tests.support.archive import CT, Archive

NO_SUCH_INSTANCE = 0x0112


class CommittingArchive(Archive):
    """An Archive that takes requests for commitment, too.

    status: of each N-ACTION; on_request: function of (this, the association, transaction UID, [(SOP Class, Instance)]),
    called in a thread of its own once each answer is out (before it, where `is_hasty`), which may `report` or not;
    ssl_context: to serve with TLS.
    """

    is_hasty = False

    def __init__(self, on_request=None, status=0x0000, classes=(CT,), ssl_context=None, **more):
        super().__init__(classes, **more)
        self._ssl_context = ssl_context
        self.requests = []  # (transaction UID, [(SOP Class, Instance)]) in the order in which they came
        self.status = status
        self._on_request = on_request
        self._threads = []
        self._answering = []  # (association, thread) of requests whose answers are not out yet
        self._ae.add_supported_context(StorageCommitmentPushModel)

    def __enter__(self):
        handlers = [
            (evt.EVT_C_STORE, self._store), (evt.EVT_ACCEPTED, self._accepted), (evt.EVT_N_ACTION, self._action),
            (evt.EVT_PDU_SENT, self._answered),
        ]  # fmt: skip
        self._server = self._ae.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=handlers, ssl_context=self._ssl_context
        )
        return self

    def __exit__(self, *exception):
        for each in self._threads:
            if each.ident is not None:
                each.join(20)
        super().__exit__(*exception)

    def _action(self, event):
        asked = event.action_information
        items = asked.ReferencedSOPSequence
        instances = [(str(each.ReferencedSOPClassUID), str(each.ReferencedSOPInstanceUID)) for each in items]
        with self._lock:
            self.requests.append((str(asked.TransactionUID), instances))
        if self.status == 0 and self._on_request is not None:
            work = (self, event.assoc, str(asked.TransactionUID), instances)
            thread = threading.Thread(target=self._on_request, args=work, daemon=True)
            self._threads.append(thread)
            if self.is_hasty:
                thread.start()
                thread.join(10)
            else:
                self._answering.append((event.assoc, thread))
        return self.status, None

    def _answered(self, event):
        """Let work begin that waits for the answer on this association: two messages must not go out as one."""
        for each in list(self._answering):
            if each[0] is event.assoc:
                self._answering.remove(each)
                each[1].start()

    def await_requests(self, count, limit_s=30):
        """Wait until commitment was asked for `count` times, and return all requests."""
        process.wait_until(lambda: len(self.requests) >= count, limit_s, f"{count} requests for commitment")
        return list(self.requests)


def report(association, transaction, committed, failed=(), event_type=None):
    """Send an N-EVENT-REPORT on an association; return the status it is answered with, None for no answer.

    committed: (SOP Class, Instance) pairs; failed: the same with a Failure Reason.
    """
    data_set = Dataset()
    data_set.TransactionUID = transaction
    for keyword, instances in (("FailedSOPSequence", failed), ("ReferencedSOPSequence", committed)):
        if instances:
            setattr(data_set, keyword, [item(*each) for each in instances])
    kind = event_type or (2 if failed else 1)
    answer, _ = association.send_n_event_report(
        data_set, kind, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    return answer.Status if "Status" in answer else None


def item(sop_class, instance, reason=None):
    """An item of either sequence of a report."""
    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = sop_class, instance
    if reason is not None:
        made.FailureReason = reason
    return made


def report_later(
    port, transaction, committed, failed=(), calling="ARCHIVE", with_role=True, event_type=None, tls_args=None
):
    """Open an association to the box and report on it; return the status, or None where it takes no such report."""
    ae = AE(ae_title=calling)
    roles = [build_role(StorageCommitmentPushModel, scp_role=True)] if with_role else []
    wanted = [build_context(StorageCommitmentPushModel)]
    association = ae.associate("127.0.0.1", port, contexts=wanted, ae_title="EDGE", ext_neg=roles, tls_args=tls_args)
    try:
        if not association.is_established:
            return None
        if not with_role:  # pynetdicom would not report without it; others do
            for context in association.accepted_contexts:
                context._as_scp = True
        return report(association, transaction, committed, failed, event_type)
    finally:
        association.release()


def on_same_association(archive, association, transaction, instances):
    """Commit to everything at once, on the association of the request."""
    report(association, transaction, instances)


def refuse_all(archive, association, transaction, instances):
    """Commit to nothing: no such instance."""
    report(association, transaction, [], [(*each, NO_SUCH_INSTANCE) for each in instances])
