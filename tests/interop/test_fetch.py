"""`edge fetch` from foreign archives: DCMTK's, Orthanc with TLS, and pynetdicom that takes its time."""

import json
import signal
import subprocess
import threading
import urllib.request

import pydicom
import pytest
from pynetdicom import status as foreign
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as FIND
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as GET
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as MOVE

from edge.box import config
from edge.protocol import query
from edge.ways.archive import Archive
from tests.bench import material
from tests.spool.data import open_spool
from tests.support.certificates import tables
from tests.support.dcmqrscp import Dcmqrscp
from tests.support.dcmtk import Storescp
from tests.support.orthanc import Orthanc
from tests.support.process import free_port, has_connection, wait_until
from tests.support.questioned import Questioned, finder
from tests.support.service import EDGE, Service, destination, route

COUNT = 5


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    return material.ct_series(tmp_path_factory.mktemp("series"), COUNT, 32)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A second study of the same patient."""
    return material.ct_series(tmp_path_factory.mktemp("other"), 2, 32)


@pytest.fixture(scope="module")
def study(series):
    return pydicom.dcmread(series[0], stop_before_pixels=True)


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory, authority, series, ports):
    """Debian's Orthanc with the series, which speaks DICOM over TLS alone and wants to see a certificate."""
    own = authority.issue("orthanc")
    settings = {
        "DicomTlsEnabled": True, "DicomTlsCertificate": str(own.certificate), "DicomTlsPrivateKey": str(own.key),
        "DicomTlsTrustedCertificates": str(authority.certificate), "DicomTlsRemoteCertificateRequired": True,
        "DicomAlwaysAllowFind": True, "DicomAlwaysAllowGet": True, "DicomAlwaysAllowMove": True,
        "DicomModalities": {"edge": {"AET": "EDGE", "Host": "127.0.0.1", "Port": ports[1], "UseDicomTls": True}},
    }  # fmt: skip
    with Orthanc(tmp_path_factory.mktemp("orthanc"), **settings) as archive:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for path in series:
            opener.open(f"http://127.0.0.1:{archive.http_port}/instances", path.read_bytes(), 20).close()
        yield archive


@pytest.fixture(scope="module")
def ports():
    """The box's own: DICOM, and DICOM with TLS."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def dcmtk(tmp_path_factory, series, other, ports):
    with Dcmqrscp(tmp_path_factory.mktemp("dcmtk"), [*series, *other], {"EDGE": ports[0]}) as archive:
        yield archive


@pytest.fixture(scope="module")
def peer():
    with Questioned() as archive:
        yield archive


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    with Storescp(tmp_path_factory.mktemp("reader")) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def box(tmp_path_factory, authority, ports, orthanc, dcmtk, peer, reader):
    """A running box, and the archives that know it. All that comes in is for the reader and for DCMTK's archive."""
    secure = {"ae_title": "ORTHANC", "host": "localhost", "tls": True}
    destinations = [
        destination("archive", dcmtk.port), destination("mover", dcmtk.port, retrieve="move"),
        destination("stranger", dcmtk.port, retrieve="move", calling_ae_title="NOBODY"),
        destination("orthanc", orthanc.port, **secure),
        destination("orthanc-mover", orthanc.port, retrieve="move", **secure),
        destination("slow", peer.port), destination("reader", reader.port, "ANY"),
    ]  # fmt: skip
    made = tables(authority, authority.issue("edge"), ports[1])
    made["dicom"]["port"] = ports[0]
    with Service(tmp_path_factory.mktemp("box"), destinations, [route("reader", "archive")], **made) as running:
        yield running


def empty(box):
    for each in box.objects():
        box.ask("remove", object=each["id"], yes=True)
    assert box.objects() == []


def same_pixels(box, series):
    kept = {pydicom.dcmread(path).SOPInstanceUID: pydicom.dcmread(path).PixelData for path in box.stored()}
    return kept == {each.SOPInstanceUID: each.PixelData for each in map(pydicom.dcmread, series)}


@pytest.mark.parametrize(
    "name, way", [("archive", "get"), ("mover", "move"), ("orthanc", "get"), ("orthanc-mover", "move")]
)
def test_a_study_is_fetched_is_forwarded_nowhere_and_is_here_when_asked_for_again(box, series, study, name, way):
    empty(box)
    rows, found = box.ask("fetch", **{"from": name, "study": [study.StudyInstanceUID]})
    assert found == {"studies": 1, "taken": COUNT, "known": 0, "failed": 0, "missing": 0}
    assert (rows[-1]["way"], rows[-1]["total"], rows[-1]["error"]) == (way, COUNT, None)
    assert same_pixels(box, series)
    assert all(each["hold"] is None for each in box.objects())
    assert {(each["destination"], each["state"]) for each in box.queue()} <= {(name, "delivered")}
    again = box.ask("fetch", **{"from": name, "study": [study.StudyInstanceUID]})[1]
    assert again == {"studies": 1, "taken": 0, "known": COUNT, "failed": 0, "missing": 0}
    assert study.PatientID not in box.log() and str(study.PatientName) not in box.log()


def test_dcmtk_sends_a_study_that_counts_as_delivered_to_it_and_is_here_the_second_time(tmp_path, dcmtk, series, study):
    spool = open_spool(tmp_path / "state")
    values = {"name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": dcmtk.port}
    table = config.build(config.DESTINATION, values)
    archive = Archive(config.defaults()._replace(destinations=(table,)), table, spool)
    first, again = [outcome(archive.fetch(study.StudyInstanceUID)) for _ in range(2)]
    assert (first.way, first.total, first.taken, first.missing, first.error) == ("get", COUNT, COUNT, 0, None)
    assert (again.taken, again.known, again.error) == (0, COUNT, None)
    for stored in spool.objects():
        assert stored.hold is None
        assert [(job.destination, job.state) for job in spool.jobs.of_object(stored.id)] == [("archive", "delivered")]
    spool.close()


def outcome(progress):
    while True:
        try:
            next(progress)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("name", ["archive", "mover"])
def test_with_route_it_goes_where_routes_say_but_not_back_to_where_it_came_from(box, study, name):
    empty(box)
    found = box.ask("fetch", **{"from": name, "study": [study.StudyInstanceUID], "route": True})[1]
    assert found["taken"] == COUNT
    wait_until(lambda: all(each["state"] == "delivered" for each in box.queue()), 10, "the reader to have it")
    assert sorted({each["destination"] for each in box.queue()}) == sorted([name, "reader"])


def test_all_studies_of_a_patient_are_listed_and_with_yes_fetched(box, series, other, study):
    empty(box)
    asked = ("fetch", "--patient", study.PatientID, "--from", "archive", "--json")
    listed = json.loads(box.edge(*asked).stdout)
    uids = {pydicom.dcmread(each[0], stop_before_pixels=True).StudyInstanceUID for each in (series, other)}
    assert {each["study"] for each in listed} == uids and box.objects() == []
    assert all(each["patient_id"] == study.PatientID for each in listed)
    rows = json.loads(box.edge(*asked, "--yes").stdout)
    last = {each["study"]: each for each in rows if each["done"]}
    assert sorted(each["taken"] for each in last.values()) == [2, COUNT] and set(last) == uids
    assert len(box.objects()) == COUNT + 2


def test_an_archive_that_does_not_know_the_box_is_told_of_with_what_to_enter_there(box, ports, study):
    empty(box)
    done = box.edge("fetch", "--study", study.StudyInstanceUID, "--from", "stranger", check=False)
    assert done.returncode == 1
    assert "archive does not know" not in done.stderr
    words = "stranger does not know where NOBODY is (A801): enter this box there with AE title NOBODY"
    assert words in done.stderr and f"port {ports[0]}" in done.stderr


def test_ctrl_c_has_the_archive_stop_and_keeps_what_has_come(box, peer, series, study):
    empty(box)
    sets = [pydicom.dcmread(path) for path in series]
    stopped = threading.Event()

    def get(event):
        yield 60000
        yield 0xFF00, sets[0]
        while not event.is_cancelled:
            yield 0xFF00, sets[1]
        stopped.set()
        yield 0xFE00, None

    peer.find = finder(study.StudyInstanceUID, [each.SOPInstanceUID for each in sets])
    peer.get = get
    asked = [EDGE, "fetch", "--config", box.config_path, "--study", study.StudyInstanceUID, "--from", "slow"]
    with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        try:
            wait_until(lambda: len(box.objects()) == 2, 10, "two objects")
            command.send_signal(signal.SIGINT)
            words = command.communicate(timeout=10)[1]
        finally:
            command.kill()
    assert command.returncode == 130 and "interrupted" in words
    assert stopped.wait(10)
    wait_until(lambda: not has_connection(peer.port), 10, "the association to end")
    assert {each["sop_instance"] for each in box.objects()} == {each.SOPInstanceUID for each in sets[:2]}
    assert box.partial() == []


def test_statuses_are_those_that_another_implementation_knows():
    known = (
        foreign.QR_FIND_SERVICE_CLASS_STATUS, foreign.QR_GET_SERVICE_CLASS_STATUS, foreign.QR_MOVE_SERVICE_CLASS_STATUS
    )  # fmt: skip
    verdicts = {"Success": ("done",), "Pending": ("pending",), "Warning": ("done",), "Cancel": ("later",)}
    for table in known:
        for code, (kind, _) in table.items():
            assert query.meaning(code).verdict in verdicts.get(kind, ("later", "never")), hex(code)
    assert (query.FIND, query.GET, query.MOVE) == (FIND, GET, MOVE)
