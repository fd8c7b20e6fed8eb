"""Storage commitment by Orthanc: it answers on an association that it opens to the box, some time after the request."""

import json
import urllib.request

import pydicom.data
import pytest

from tests.support import dcmtk
from tests.support.orthanc import Orthanc
from tests.support.process import free_port, wait_until
from tests.support.service import Service, destination, route

IMAGES = [pydicom.data.get_testdata_file(name) for name in ("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm")]
LIMIT_S = 60


@pytest.fixture
def pair(tmp_path):
    """A box and the Orthanc that commits to what the box sends."""
    port = free_port()
    known = {"box": {"AET": "EDGE", "Host": "127.0.0.1", "Port": port, "AllowStorageCommitment": True}}
    with Orthanc(tmp_path / "orthanc", DicomModalities=known) as orthanc:
        more = {"commitment": True, "retry_first_s": 0.1, "commitment_tries": 2}
        tables = [destination("archive", orthanc.port, "ORTHANC", **more)]
        box = Service(tmp_path / "box", tables, [route("archive")], dicom={"port": port})
        box.port = port
        with box:
            yield box, orthanc


def held_by(orthanc):
    """Orthanc's own identifiers of the instances that it has."""
    return json.loads(orthanc.get("/instances"))


def lose(orthanc, instance):
    """Have Orthanc forget an instance."""
    path = f"http://127.0.0.1:{orthanc.http_port}/instances/{instance}"
    urllib.request.urlopen(urllib.request.Request(path, method="DELETE"), timeout=20).close()


def states(box):
    """The states of all jobs."""
    return [job["state"] for job in box.queue()]


def test_what_orthanc_has_it_commits_to(pair):
    box, orthanc = pair
    dcmtk.send(dcmtk.STORESCU, box.port, IMAGES[:2])
    wait_until(lambda: states(box) == ["delivered"] * 2, LIMIT_S, "both to be committed to: " + box.log(), 0.2)
    assert len(held_by(orthanc)) == 2
    assert "archive commits to" in box.log()


def test_what_orthanc_has_lost_is_sent_again_and_then_committed_to(pair):
    box, orthanc = pair
    dcmtk.send(dcmtk.STORESCU, box.port, IMAGES[:1])
    (instance,) = wait_until(lambda: held_by(orthanc), LIMIT_S, "the object to arrive")
    lose(orthanc, instance)
    wait_until(lambda: states(box) == ["delivered"], LIMIT_S, "it to be committed to", 0.2)
    assert held_by(orthanc) == [instance]
    assert "refuses 1" in box.log()
