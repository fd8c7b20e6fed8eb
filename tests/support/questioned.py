"""An archive made of pynetdicom that answers C-FIND, C-GET and C-MOVE as a test tells it to.

find, get, move: generators as pynetdicom's handlers of these requests are; a test sets those that it needs.
"""

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as FIND
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as GET
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as MOVE

from tests.support import process
from tests.support.archive import CT


class Questioned:
    """The archive ARCHIVE at `port` while the `with` block lasts."""

    def __init__(self):
        self.port = process.free_port()
        self.find = self.get = self.move = None
        self._ae = AE(ae_title="ARCHIVE")
        for each in (FIND, GET, MOVE):
            self._ae.add_supported_context(each)
        self._ae.add_supported_context(CT, scu_role=True, scp_role=True)
        self._ae.add_requested_context(CT)

    def __enter__(self):
        handlers = [
            (evt.EVT_C_FIND, lambda event: self.find(event)),
            (evt.EVT_C_GET, lambda event: self.get(event)),
            (evt.EVT_C_MOVE, lambda event: self.move(event)),
        ]
        self._server = self._ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        return self

    def __exit__(self, *exception):
        self._server.shutdown()


def finder(study, uids, classes=CT):
    """Return a handler that finds the instances `uids` in one series of `study`."""

    def find(event):
        level = event.identifier.QueryRetrieveLevel
        for each in uids if level == "IMAGE" else uids[:1]:
            match = Dataset()
            match.QueryRetrieveLevel = level
            match.StudyInstanceUID = study
            match.SeriesInstanceUID = "1.2.3.4"
            if level == "IMAGE":
                match.SOPInstanceUID, match.SOPClassUID = each, classes
            yield 0xFF00, match

    return find
