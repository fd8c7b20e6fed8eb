"""Nothing that the box tells of itself has a patient in it: objects full of marks, and everything that goes wrong."""

import json
import re
import zipfile

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from tests.support import process
from tests.support.dcmtk import send
from tests.support.hookserver import HookServer
from tests.support.service import Service, destination, route

MARK = "ZWINGLI"
ROOT = "1.2.276.0.7230010.3.9.77"
SECRET = "hush-hush-4711"


def marked(number, series=1, text=MARK):
    """An object whose every text element has the mark in it, and whose UIDs all begin with ROOT."""
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.SOPClassUID, found.SOPInstanceUID = CTImageStorage, f"{ROOT}.1.{number}"
    found.StudyInstanceUID, found.SeriesInstanceUID = f"{ROOT}.2.1", f"{ROOT}.3.{series}"
    found.FrameOfReferenceUID = f"{ROOT}.4"
    found.PatientName, found.PatientID = f"{text}^JOHN", f"{text}-17"
    found.PatientBirthDate, found.StudyDate, found.StudyTime = "19111213", "20191213", "121314"
    for keyword in ("StudyDescription", "SeriesDescription", "AccessionNumber", "ReferringPhysicianName",
                    "InstitutionName", "StationName", "ProtocolName", "StudyID", "PatientComments", "OperatorsName",
                    "ImageComments", "BodyPartExamined"):  # fmt: skip
        setattr(found, keyword, text.upper()[:16])
    found.Modality = "CT"
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """All that a box tells after a day on which everything went wrong: {what: text}."""
    folder = tmp_path_factory.mktemp("told")
    share = folder / "share"
    share.mkdir()
    word = folder / "word"
    word.write_text(SECRET)
    word.chmod(0o600)
    with HookServer() as hooks:
        hook = {
            "name": "hook", "kind": "webhook", "url": f"http://127.0.0.1:{hooks.port}/", "after_s": 0,
            "token_file": str(word), "secret_file": str(word),
        }  # fmt: skip
        mail = {
            "name": "mail", "kind": "email", "host": "127.0.0.1", "port": process.free_port(), "after_s": 0,
            "from": "a@b", "to": ["c@d"], "encryption": "none", "user": "edge", "password_file": str(word),
        }  # fmt: skip
        change = {"for": ["share"], "tag": "PatientName", "do": "set", "value": MARK + "^CHANGED"}
        rule = {"tag": "PatientName", "like": MARK + "*"}
        down = destination("archive", process.free_port(), retry_first_s=0.5, retry_cap_s=1)
        there = {"name": "share", "kind": "folder", "path": str(share), "layout": "{PatientName}/{SOPInstanceUID}"}
        routes = [route("archive", "share", where=[rule])]
        with Service(folder, [down, there], routes, alert=[hook, mail], change=[change]) as box:
            yield from _day(folder, box, hooks)


def _day(folder, box, hooks):
    files = []
    for number, found in enumerate(
        (marked(1), marked(2), marked(1, text=MARK + "2"), marked(3, text="OTHER"), marked(4))
    ):
        files.append(folder / f"{number}.dcm")
        pydicom.dcmwrite(files[-1], found, enforce_file_format=True)
    (folder / "share" / (MARK + "^CHANGED")).write_text("a file in the way of a folder")
    send("storescu", box.port, files)
    (rotting,) = [each for each in box.stored() if each.name.endswith(".1.4.dcm")]
    rotting.write_bytes(rotting.read_bytes()[:-1] + b"X")
    box.edge("release", "--destination", "share", check=False)
    process.wait_until(lambda: ("held conflict", "begin") in hooks.alerts(), 60, "an alert of a conflict", 0.2)
    process.wait_until(lambda: "is down" in box.edge("events").stdout, 20, "an event of the link", 0.2)
    box.edge("test-alert", "mail", check=False)
    said = {
        "log": box.edge("log").stdout + box.log(),
        "events": box.edge("events").stdout,
        "alerts": box.edge("alerts", "--json").stdout + "".join([each.decode() for _, _, each, _ in hooks.requests]),
        "kept": "".join([each.read_text(errors="replace") for each in (box.state_dir / "watch").iterdir()]),
    }
    said["bundle"] = _unpacked(box, folder / "running.zip")
    assert box.stop() == 0
    said["bundle without a service"] = _unpacked(box, folder / "alone.zip")
    yield said


def _unpacked(box, path):
    box.edge("bundle", path)
    with zipfile.ZipFile(path) as bundle:
        return "".join(["\n== %s\n%s" % (name, bundle.read(name).decode()) for name in bundle.namelist()])


WHAT = ("log", "events", "alerts", "kept", "bundle", "bundle without a service")


@pytest.mark.parametrize("what", WHAT)
def test_it_has_no_patient_and_no_secret(told, what):
    for mark in (MARK, "JOHN", "19111213", "20191213", "OTHER^", "OTHER-17", SECRET):
        assert mark not in told[what], f"{what} has {mark}"


@pytest.mark.parametrize("what", ["alerts", "events", "kept", "bundle", "bundle without a service"])
def test_it_has_no_uid_of_an_object(told, what):
    assert ROOT not in told[what]


def test_the_bundle_has_what_support_needs(told):
    bundle = told["bundle"]
    for words in ("== configuration.toml", "== machine.json", "== log.jsonl", "== dmesg.txt", "held conflict",
                  "archive is down", 'ae_title = "ARCHIVE"', "token_file", "STORESCU"):  # fmt: skip
        assert words in bundle
    assert json.loads(bundle.split("== held.json\n")[1].split("\n==")[0])["objects"]["conflict"] == 1
    assert "box runs here" not in bundle
    assert "the running box keeps the last of its log" in told["bundle without a service"]


def test_something_was_told_of_each_kind(told):
    """Otherwise the tests above would be of nothing."""
    assert "held conflict" in told["alerts"] and "objects are held" in told["alerts"]
    assert re.search(r"archive is down", told["events"])
    assert "association of" in told["log"]
