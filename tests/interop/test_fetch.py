"""`edge fetch` from foreign archives: DCMTK's, and pynetdicom ones that do not keep to their trade."""

import threading

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom import status as foreign
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as FIND
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as GET
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as MOVE

from edge.box import config
from edge.net.outbound import LinkFailure
from edge.protocol import query
from edge.spool.spool import Spool
from edge.ways.archive import Archive, CannotFetch
from tests.bench import material
from tests.support import process
from tests.support.archive import CT
from tests.support.dcmqrscp import Dcmqrscp
from tests.support.process import free_port
from tests.support.service import Service, destination, route

COUNT = 5


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    return material.ct_series(tmp_path_factory.mktemp("series"), COUNT, 32)


@pytest.fixture(scope="module")
def study(series):
    return pydicom.dcmread(series[0], stop_before_pixels=True)


@pytest.fixture(scope="module")
def pair(tmp_path_factory, series):
    """A running box, and the DCMTK archive that knows it."""
    folder, port = tmp_path_factory.mktemp("fetch"), free_port()
    with Dcmqrscp(folder / "archive", series, {"EDGE": port}) as archive:
        tables = [
            destination("archive", archive.port), destination("mover", archive.port, retrieve="move"),
            destination("stranger", archive.port, retrieve="move", calling_ae_title="NOBODY"),
            destination("reader", free_port()),
        ]  # fmt: skip
        box = Service(folder / "box", tables, [route("reader")], dicom={"port": port})
        box.port = port
        with box:
            yield box


def empty(box):
    for each in box.objects():
        box.ask("remove", object=each["id"], yes=True)
    assert box.objects() == []


def same_pixels(box, series):
    kept = {pydicom.dcmread(path).SOPInstanceUID: pydicom.dcmread(path).PixelData for path in box.stored()}
    return kept == {each.SOPInstanceUID: each.PixelData for each in map(pydicom.dcmread, series)}


@pytest.mark.parametrize("name, way", [("archive", "get"), ("mover", "move")])
def test_a_study_is_fetched_is_forwarded_nowhere_and_is_here_when_asked_for_again(pair, series, study, name, way):
    empty(pair)
    rows, found = pair.ask("fetch", **{"from": name, "study": [study.StudyInstanceUID]})
    assert found == {"studies": 1, "taken": COUNT, "known": 0, "failed": 0, "missing": 0}
    assert (rows[-1]["way"], rows[-1]["total"], rows[-1]["error"]) == (way, COUNT, None)
    assert same_pixels(pair, series)
    assert all(each["hold"] is None for each in pair.objects())
    queued = [(each["destination"], each["state"]) for each in pair.queue()]
    assert [each for each in queued if each[1] != "delivered"] == []
    again = pair.ask("fetch", **{"from": name, "study": [study.StudyInstanceUID]})[1]
    assert again == {"studies": 1, "taken": 0, "known": COUNT, "failed": 0, "missing": 0}
    assert study.PatientID not in pair.log() and str(study.PatientName) not in pair.log()


def test_dcmtk_sends_a_study_that_counts_as_delivered_to_it_and_is_here_the_second_time(spool, tmp_path, series):
    study = pydicom.dcmread(series[0]).StudyInstanceUID
    with Dcmqrscp(tmp_path / "archive", series) as peer:
        first, again = [outcome(reach(spool, peer.port), study) for _ in range(2)]
    assert (first.way, first.total, first.taken, first.missing, first.error) == ("get", COUNT, COUNT, 0, None)
    assert (again.taken, again.known, again.error) == (0, COUNT, None)
    for stored in spool.objects():
        assert stored.hold is None
        assert [(job.destination, job.state) for job in spool.jobs.of_object(stored.id)] == [("archive", "delivered")]
        assert pydicom.dcmread(spool.path_of(stored)).PixelData in [each.PixelData for each in instances(series)]


def test_statuses_are_those_that_another_implementation_knows():
    tables = (
        foreign.QR_FIND_SERVICE_CLASS_STATUS, foreign.QR_GET_SERVICE_CLASS_STATUS, foreign.QR_MOVE_SERVICE_CLASS_STATUS
    )  # fmt: skip
    verdicts = {"Success": ("done",), "Pending": ("pending",), "Warning": ("done",), "Cancel": ("later",)}
    for table in tables:
        for code, (kind, _) in table.items():
            assert query.meaning(code).verdict in verdicts.get(kind, ("later", "never")), hex(code)
    assert (query.FIND, query.GET, query.MOVE) == (FIND, GET, MOVE)


# Archives that do not keep to their trade


class Hostile:
    """A pynetdicom archive while the `with` block lasts: find, get: generators as its handlers are."""

    def __init__(self, find=None, get=None):
        self.port = process.free_port()
        self._ae = AE(ae_title="ARCHIVE")
        self.cancelled = threading.Event()
        self._handlers = []
        if find is not None:
            self._ae.add_supported_context(FIND)
            self._handlers.append((evt.EVT_C_FIND, find))
        if get is not None:
            self._ae.add_supported_context(GET)
            self._ae.add_supported_context(CT, scu_role=True, scp_role=True)
            self._handlers.append((evt.EVT_C_GET, get))

    def __enter__(self):
        self._server = self._ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=self._handlers)
        return self

    def __exit__(self, *exception):
        self._server.shutdown()


@pytest.fixture
def spool(tmp_path):
    opened = Spool.open(str(tmp_path / "state"))
    yield opened
    opened.close()


def reach(spool, port, **more):
    values = {"name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": port, **more}
    table = config.build(config.DESTINATION, values)
    return Archive(config.defaults()._replace(destinations=(table,)), table, spool)


def outcome(archive, study):
    progress = archive.fetch(study)
    while True:
        try:
            next(progress)
        except StopIteration as end:
            return end.value


def finder(study, uids, classes=CT):
    """A handler that finds the instances `uids` in one series."""

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


def instances(series):
    return [pydicom.dcmread(path) for path in series]


def test_matches_without_end_are_cancelled(spool):
    stopped = threading.Event()

    def find(event):
        while not event.is_cancelled:
            match = Dataset()
            match.QueryRetrieveLevel = "STUDY"
            match.StudyInstanceUID = "1.2.3"
            match.PatientID = "47"
            yield 0xFF00, match
        stopped.set()
        yield 0xFE00, None

    with Hostile(find) as peer:
        with pytest.raises(CannotFetch, match="more than 20 matches"):
            reach(spool, peer.port).studies({query.PATIENT_ID: "47"}, 20)
        assert stopped.wait(10)


def test_a_study_of_another_patient_is_no_match(spool):
    def find(event):
        match = Dataset()
        match.QueryRetrieveLevel = "STUDY"
        match.StudyInstanceUID = "1.2.3"
        match.PatientID = "OTHER"
        yield 0xFF00, match

    with Hostile(find) as peer:
        assert reach(spool, peer.port).studies({query.PATIENT_ID: "47"}) == []


def test_what_is_listed_and_not_sent_is_missing_whatever_the_counters_say(spool, series, study):
    sets = instances(series)

    def get(event):
        yield 2
        yield 0xFF00, sets[0]
        yield 0xFF00, sets[1]

    with Hostile(finder(study.StudyInstanceUID, [each.SOPInstanceUID for each in sets]), get) as peer:
        found = outcome(reach(spool, peer.port), study.StudyInstanceUID)
    assert (found.taken, found.missing, found.total) == (2, COUNT - 2, COUNT)
    assert found.error == "archive said that all were sent, and they were not"


def test_an_object_of_another_study_is_refused_and_nothing_of_it_stays(spool, series, study):
    sets = instances(series)
    sets[0].StudyInstanceUID = "1.2.3.999"

    def get(event):
        yield 2
        yield 0xFF00, sets[0]
        yield 0xFF00, sets[1]

    with Hostile(finder(study.StudyInstanceUID, [each.SOPInstanceUID for each in sets[:2]]), get) as peer:
        found = outcome(reach(spool, peer.port), study.StudyInstanceUID)
    assert (found.taken, found.failed) == (1, 1)
    assert "another study" in found.error
    assert [each.uid for each in spool.objects()] == [sets[1].SOPInstanceUID]


def test_an_archive_that_aborts_midway_leaves_what_was_durable_and_an_error(spool, series, study):
    sets = instances(series)

    def get(event):
        yield 2
        yield 0xFF00, sets[0]
        event.assoc.abort()

    with Hostile(finder(study.StudyInstanceUID, [each.SOPInstanceUID for each in sets]), get) as peer:
        found = outcome(reach(spool, peer.port), study.StudyInstanceUID)
    assert found.error and found.missing == COUNT - 1
    assert len(spool.objects()) == 1


@pytest.mark.parametrize("code", [0xA701, 0xA900, 0xC001])
def test_a_status_of_failure_is_said_in_words(spool, study, code):
    def get(event):
        yield 1
        yield code, None

    with Hostile(finder(study.StudyInstanceUID, ["1.2.3.5"]), get) as peer:
        found = outcome(reach(spool, peer.port), study.StudyInstanceUID)
    assert query.words(code) in found.error


def test_an_answer_to_another_message_ends_the_association(spool):
    def find(event):
        answer = C_FIND()
        answer.MessageIDBeingRespondedTo = event.request.MessageID + 7
        answer.AffectedSOPClassUID = FIND
        answer.Status = 0x0000
        event.assoc.dimse.send_msg(answer, event.context.context_id)
        yield 0x0000, None

    with Hostile(find) as peer:
        with pytest.raises(LinkFailure, match="answered a message that was not sent"):
            reach(spool, peer.port).studies({query.PATIENT_ID: "47"})


def test_closing_the_fetch_has_the_archive_stop(spool, series, study):
    sets = instances(series)
    stopped = threading.Event()

    def get(event):
        yield 60000
        while not event.is_cancelled:
            yield 0xFF00, sets[0]
        stopped.set()
        yield 0xFE00, None

    with Hostile(finder(study.StudyInstanceUID, [each.SOPInstanceUID for each in sets]), get) as peer:
        progress = reach(spool, peer.port).fetch(study.StudyInstanceUID)
        next(progress)
        progress.close()
        assert stopped.wait(10)


def test_without_a_running_box_an_archive_that_only_moves_is_said_in_words(spool, study):
    with Hostile(finder(study.StudyInstanceUID, ["1.2.3.5"])) as peer:
        with pytest.raises(CannotFetch, match="edge serve"):
            outcome(reach(spool, peer.port), study.StudyInstanceUID)
