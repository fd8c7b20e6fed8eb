"""Orthanc's DICOMweb plug-in takes what the box sends by STOW-RS, and what it answers is understood."""

import pytest

from edge.demo import phantom
from edge.dicom import syntax
from tests.support import samples
from tests.support.orthanc import PASSWORD, USER, DicomwebOrthanc
from tests.support.process import wait_until
from tests.support.service import Service, route


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    with DicomwebOrthanc(tmp_path_factory.mktemp("orthanc") / "archive") as running:
        yield running


def cloud(folder, orthanc, password=PASSWORD, **more):
    path = folder / "password"
    path.write_text(password + "\n", encoding="ascii")
    path.chmod(0o600)
    return {"name": "cloud", "kind": "stow", "url": orthanc.url, "user": USER, "password_file": str(path), **more}


def saved(folder, objects):
    return [phantom.save(made, folder) for made in objects]


def test_orthanc_has_each_object_bit_for_bit_in_its_own_transfer_syntax(tmp_path, orthanc):
    head = phantom.study("CT", 3)
    objects = [phantom.ct(head, number, 40, size=64) for number in range(1, 41)]
    objects += [phantom.cr(phantom.study("CR", 3), size=1024)]
    objects += [phantom.mr(phantom.study("MR", 3), size=64, syntax=syntax.IMPLICIT_LITTLE)]
    (tmp_path / "files").mkdir()
    paths = saved(tmp_path / "files", objects)
    with Service(tmp_path / "box", [cloud(tmp_path, orthanc)], [route("cloud")]) as box:
        assert "cloud is there: %s" % orthanc.url in box.edge("echo", "cloud").stdout
        box.edge("send", "cloud", *map(str, paths))
        wait_until(lambda: {job["state"] for job in box.queue()} == {"delivered"}, 30, "the outcomes")
        assert "a pass word" not in box.log()
    found = {}
    for octets in orthanc.instances():
        (tmp_path / "one.dcm").write_bytes(octets)
        found[samples.read(tmp_path / "one.dcm").SOPInstanceUID] = octets
    for made in objects:
        octets = found[made.sop_instance]
        assert octets[samples.data_set_offset(octets) :] == made.data_set


def test_a_path_that_orthanc_does_not_know_is_told_before_anything_is_sent(tmp_path, orthanc):
    (tmp_path / "box").mkdir()
    elsewhere = cloud(tmp_path, orthanc, url=orthanc.url + "-elsewhere")
    with Service(tmp_path / "box", [elsewhere], [route("cloud")]) as box:
        asked = box.edge("echo", "cloud", check=False)
    assert asked.returncode == 1 and "has no STOW-RS service at /dicom-web-elsewhere/studies" in asked.stderr


def test_what_orthanc_does_not_take_is_held_with_its_reason_and_the_rest_arrives(tmp_path, orthanc):
    head = phantom.study("CT", 4)
    good = [phantom.ct(head, number, 3, size=32) for number in range(1, 4)]
    whole = phantom.ct(head, 1, 3, size=32, sop_instance="1.2.3.99")
    start = whole.data_set.index(b"\x20\x00\x0d\x00UI")  # Study Instance UID: without it Orthanc keeps nothing
    length = int.from_bytes(whole.data_set[start + 6 : start + 8], "little")
    bad = whole._replace(data_set=whole.data_set[:start] + whole.data_set[start + 8 + length :], pixels=None)
    (tmp_path / "files").mkdir()
    paths = saved(tmp_path / "files", [*good, bad])
    with Service(tmp_path / "box", [cloud(tmp_path, orthanc, attempts=1)], [route("cloud")]) as box:
        box.edge("send", "cloud", *map(str, paths))
        wait_until(lambda: "waiting" not in str(box.queue()) and "sending" not in str(box.queue()), 30, "the outcomes")
        states = {job["sop_instance"]: job["state"] for job in box.queue()}
    assert states == {**{made.sop_instance: "delivered" for made in good}, "1.2.3.99": "held"}


def test_a_wrong_password_makes_the_destination_wait_in_words(tmp_path, orthanc):
    (tmp_path / "files").mkdir()
    paths = saved(tmp_path / "files", [phantom.ct(phantom.study("CT", 5), size=32)])
    with Service(tmp_path / "box", [cloud(tmp_path, orthanc, "xyzzy-plugh")], [route("cloud")]) as box:
        assert "does not accept the credentials: unauthorized (401)" in box.edge("echo", "cloud", check=False).stderr
        box.edge("send", "cloud", *map(str, paths))
        wait_until(lambda: "does not accept the credentials" in box.edge("queue").stdout, 20, "the reason")
        (job,) = box.queue()
        assert (job["state"], job["attempts"]) == ("waiting", 0)
        assert "xyzzy" not in box.log()
