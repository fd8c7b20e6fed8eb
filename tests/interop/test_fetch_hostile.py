"""`edge fetch` from archives that do not keep to their trade, made of pynetdicom."""

import threading

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as FIND

from edge.box import config
from edge.net.outbound import LinkFailure
from edge.protocol import query
from edge.spool.spool import Spool
from edge.ways.archive import Archive, CannotFetch
from tests.bench import material
from tests.support.questioned import Questioned, finder

COUNT = 5


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    return material.ct_series(tmp_path_factory.mktemp("series"), COUNT, 32)


@pytest.fixture(scope="module")
def study(series):
    return pydicom.dcmread(series[0], stop_before_pixels=True)


@pytest.fixture(scope="module")
def peer():
    with Questioned() as archive:
        yield archive


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


def instances(series):
    return [pydicom.dcmread(path) for path in series]


def test_matches_without_end_are_cancelled(peer, spool):
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

    peer.find = find
    with pytest.raises(CannotFetch, match="more than 20 matches"):
        reach(spool, peer.port).studies({query.PATIENT_ID: "47"}, 20)
    assert stopped.wait(10)


def test_a_study_of_another_patient_is_no_match(peer, spool):
    def find(event):
        match = Dataset()
        match.QueryRetrieveLevel = "STUDY"
        match.StudyInstanceUID = "1.2.3"
        match.PatientID = "OTHER"
        yield 0xFF00, match

    peer.find = find
    assert reach(spool, peer.port).studies({query.PATIENT_ID: "47"}) == []


def test_what_is_listed_and_not_sent_is_missing_whatever_the_counters_say(peer, spool, series, study):
    sets = instances(series)

    def get(event):
        yield 2
        yield 0xFF00, sets[0]
        yield 0xFF00, sets[1]

    peer.find = finder(study.StudyInstanceUID, [each.SOPInstanceUID for each in sets])
    peer.get = get
    found = outcome(reach(spool, peer.port), study.StudyInstanceUID)
    assert (found.taken, found.missing, found.total) == (2, COUNT - 2, COUNT)
    assert found.error == "archive said that all were sent, and they were not"


def test_an_object_of_another_study_is_refused_and_nothing_of_it_stays(peer, spool, series, study):
    sets = instances(series)
    sets[0].StudyInstanceUID = "1.2.3.999"

    def get(event):
        yield 2
        yield 0xFF00, sets[0]
        yield 0xFF00, sets[1]

    peer.find = finder(study.StudyInstanceUID, [each.SOPInstanceUID for each in sets[:2]])
    peer.get = get
    found = outcome(reach(spool, peer.port), study.StudyInstanceUID)
    assert (found.taken, found.failed) == (1, 1)
    assert "another study" in found.error
    assert [each.uid for each in spool.objects()] == [sets[1].SOPInstanceUID]


def test_an_archive_that_aborts_midway_leaves_what_was_durable_and_an_error(peer, spool, series, study):
    sets = instances(series)

    def get(event):
        yield 2
        yield 0xFF00, sets[0]
        event.assoc.abort()

    peer.find = finder(study.StudyInstanceUID, [each.SOPInstanceUID for each in sets])
    peer.get = get
    found = outcome(reach(spool, peer.port), study.StudyInstanceUID)
    assert found.error and found.missing == COUNT - 1
    assert len(spool.objects()) == 1


@pytest.mark.parametrize("code", [0xA701, 0xA702, 0xA900, 0xC001])
def test_a_status_of_failure_is_said_in_words(peer, spool, study, code):
    def get(event):
        yield 1
        yield code, None

    peer.find = finder(study.StudyInstanceUID, ["1.2.3.5"])
    peer.get = get
    found = outcome(reach(spool, peer.port), study.StudyInstanceUID)
    assert query.words(code) in found.error


def test_an_answer_to_another_message_ends_the_association(peer, spool):
    def find(event):
        answer = C_FIND()
        answer.MessageIDBeingRespondedTo = event.request.MessageID + 7
        answer.AffectedSOPClassUID = FIND
        answer.Status = 0x0000
        event.assoc.dimse.send_msg(answer, event.context.context_id)
        yield 0x0000, None

    peer.find = find
    with pytest.raises(LinkFailure, match="answered a message that was not sent"):
        reach(spool, peer.port).studies({query.PATIENT_ID: "47"})


def test_closing_the_fetch_has_the_archive_stop(peer, spool, series, study):
    sets = instances(series)
    stopped = threading.Event()

    def get(event):
        yield 60000
        while not event.is_cancelled:
            yield 0xFF00, sets[0]
        stopped.set()
        yield 0xFE00, None

    peer.find = finder(study.StudyInstanceUID, [each.SOPInstanceUID for each in sets])
    peer.get = get
    progress = reach(spool, peer.port).fetch(study.StudyInstanceUID)
    next(progress)
    progress.close()
    assert stopped.wait(10)


def test_without_a_running_box_an_archive_that_only_moves_is_said_in_words(peer, spool, study):
    peer.find = finder(study.StudyInstanceUID, ["1.2.3.5"])
    with pytest.raises(CannotFetch, match="edge serve"):
        outcome(reach(spool, peer.port, retrieve="move"), study.StudyInstanceUID)
