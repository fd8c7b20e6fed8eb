"""A running box routes by any element and changes what goes out, as its configuration says."""

import subprocess

import pydicom
import pydicom.data
import pytest

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


def test_what_a_research_archive_gets_names_nobody_and_what_cannot_be_made_safe_is_held(tmp_path):
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef0123456789abcdef")
    key.chmod(0o600)
    ct = pydicom.dcmread(CT)
    captured = pydicom.dcmread(CT)
    captured.SOPClassUID = captured.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    captured.SOPInstanceUID = captured.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    captured.save_as(tmp_path / "captured.dcm")
    with Storescp(tmp_path / "there") as archive:
        tables = {
            "deidentify": [{"for": ["research"], "key_file": "key", "options": ["shifted-dates", "clean-descriptors"]}],
            "change": [{"for": ["research"], "tag": "ClinicalTrialProtocolID", "do": "set", "value": "T1"}],
        }
        destinations = [service.destination("research", archive.port)]
        with service.Service(tmp_path, destinations, [service.route("research")], **tables) as box:
            dcmtk.send("storescu", box.port, [CT, tmp_path / "captured.dcm"])
            wait_until(lambda: len(list((tmp_path / "there").iterdir())) == 1, 30, "one object")
            wait_until(lambda: any(each["state"] == "held" for each in box.queue()), 30, "the other one held")
            (held,) = [each for each in box.queue() if each["state"] == "held"]
    assert "does not say that it has none" in held["error"]
    (found,) = [pydicom.dcmread(path) for path in (tmp_path / "there").iterdir()]
    assert found.SOPInstanceUID == found.file_meta.MediaStorageSOPInstanceUID != ct.SOPInstanceUID
    assert found.PatientIdentityRemoved == "YES" and found.ClinicalTrialProtocolID == "T1"
    assert found.PixelData == ct.PixelData
    everything = " ".join(str(each.value) for each in found.iterall() if each.VR not in ("SQ", "OW"))
    for secret in (ct.PatientID, str(ct.PatientName), ct.StudyInstanceUID, ct.StudyDate, ct.SOPInstanceUID):
        assert secret not in everything, secret
    assert "0123456789abcdef" not in box.log() and str(ct.PatientName) not in box.log()


@pytest.mark.parametrize(
    "make, why", [(lambda key: None, "no such file"), (lambda key: key.write_bytes(b"x" * 32), "chmod")]
)
def test_a_box_without_the_key_does_not_start_and_says_how_to_make_one(tmp_path, make, why):
    make(tmp_path / "key")
    (tmp_path / "edge.toml").write_text(
        service.toml(
            {
                "dicom": {"port": 0},
                "destination": [service.destination("research", 104)],
                "deidentify": [{"for": ["research"], "key_file": "key"}],
            }
        )
    )
    said = subprocess.run(
        [service.EDGE, "serve", "--config", tmp_path / "edge.toml"], capture_output=True, text=True, timeout=60
    )
    assert said.returncode == 1
    assert why in said.stderr and "head -c 32 /dev/urandom" in said.stderr
