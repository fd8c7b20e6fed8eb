"""A running box routes by any element and changes what goes out, as its configuration says."""

import pydicom
import pydicom.data

from tests.support import dcmtk, service
from tests.support.dcmtk import Storescp
from tests.support.process import wait_until

CT = pydicom.data.get_testdata_file("CT_small.dcm")
MR = pydicom.data.get_testdata_file("MR_small.dcm")


def test_what_rules_say_is_what_foreign_archives_get(tmp_path):
    with Storescp(tmp_path / "small") as small, Storescp(tmp_path / "all") as everything:
        destinations = [service.destination("small", small.port), service.destination("all", everything.port)]
        routes = [
            service.route("small", where=[{"tag": "Rows", "at_most": 100}, {"tag": "PatientID", "present": True}]),
            service.route("all"),
        ]
        changes = [
            {"for": ["all"], "tag": "PatientID", "do": "prefix", "value": "S1-", "modality": ["CT"]},
            {"for": ["all"], "tag": "PatientName", "do": "delete"},
        ]
        with service.Service(tmp_path, destinations, routes, change=changes) as box:
            dcmtk.send("storescu", box.port, [CT, MR])
            wait_until(lambda: len(list((tmp_path / "all").iterdir())) == 2, 30, "two objects")
            wait_until(lambda: len(list((tmp_path / "small").iterdir())) == 1, 30, "one object")
            wait_until(lambda: all(each["state"] == "delivered" for each in box.queue()), 30, "delivery")
    (kept,) = [pydicom.dcmread(path) for path in (tmp_path / "small").iterdir()]
    mr, ct = pydicom.dcmread(MR), pydicom.dcmread(CT)
    assert (kept.PatientID, kept.PatientName, kept.PixelData) == (mr.PatientID, mr.PatientName, mr.PixelData)
    assert "OriginalAttributesSequence" not in kept
    got = {each.Modality: each for each in map(pydicom.dcmread, (tmp_path / "all").iterdir())}
    assert got["CT"].PatientID == "S1-" + ct.PatientID and got["MR"].PatientID == mr.PatientID
    for after, before in ((got["CT"], ct), (got["MR"], mr)):
        assert "PatientName" not in after and after.PixelData == before.PixelData
        assert after.OriginalAttributesSequence[-1].ModifiedAttributesSequence[0].PatientName == before.PatientName
    log = box.log()
    assert "S1-" not in log and str(ct.PatientName) not in log
