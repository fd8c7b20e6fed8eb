"""What a destination has changed reaches foreign peers changed, and the stored object stays as it came."""

import time

import pydicom
import pytest

from edge.demo import phantom
from edge.dicom import part10, syntax
from edge.forward import alter
from edge.forward.dicom import DicomTarget
from edge.forward.outgoing import UNCHANGEABLE
from edge.forward.parcel import Desk
from edge.morph import change, match
from edge.morph.path import read as path
from edge.spool.inflate import inflater
from tests.forward import stock
from tests.morph.data import rule
from tests.support import samples
from tests.support.archive import Archive
from tests.support.dcmtk import Storescp


def to(port, *rules):
    stage = change.Changes(rules, "EDGE", inflater)
    return DicomTarget("127.0.0.1", port, "ARCHIVE", "EDGE", stock.TERMS, stages=(stage,))


def as_read(tmp_path, octets, uid, name="one.dcm"):
    (tmp_path / name).write_bytes(part10.head("1.2", "1.3", uid) + octets)
    return samples.read(tmp_path / name)


@pytest.mark.parametrize("stored", [syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE, syntax.DEFLATED_LITTLE])
@pytest.mark.parametrize("taken", [syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE])
def test_pynetdicom_gets_a_changed_object_in_the_syntax_it_takes(tmp_path, stored, taken):
    (made,) = stock.slices(1, syntax=stored)
    with stock.opened(tmp_path / "state") as spool, Archive(syntaxes=[taken]) as archive:
        number = stock.put(spool, made, "archive")
        with stock.working(spool, "archive", to(archive.port, rule("PatientID", "prefix", "SITE-"))):
            (got,) = archive.await_received(1)
        kept = spool.index.get(number)
        octets = open(spool.path_of(kept), "rb").read()[kept.offset :]
    assert octets == made.data_set
    assert (got.transfer_syntax, got.sop_instance) == (taken, made.sop_instance)
    before, after = as_read(tmp_path, made.data_set, stored), as_read(tmp_path, got.data_set, taken, "two.dcm")
    assert after.PatientID == "SITE-" + before.PatientID
    (record,) = after.OriginalAttributesSequence
    assert record.SourceOfPreviousValues == "CT1"
    assert record.ModifiedAttributesSequence[0].PatientID == before.PatientID
    del after.OriginalAttributesSequence
    after.PatientID = before.PatientID
    assert samples.differences(before, after) == []


def test_storescp_gets_changed_objects_with_their_pixels(tmp_path):
    objects = [phantom.us(phantom.study("US"), size=640, frames=4), phantom.cr(phantom.study("CR"), size=1024)]
    with stock.opened(tmp_path / "state") as spool, Storescp(tmp_path / "there") as archive:
        for made in objects:
            stock.put(spool, made, "archive")
        rules = rule("InstitutionName", "set", "Elsewhere"), rule("**.CodeMeaning", "delete")
        with stock.working(spool, "archive", to(archive.port, *rules)):
            stock.await_count(spool, "archive", "delivered", len(objects))
    found = {each.SOPInstanceUID: each for each in map(pydicom.dcmread, (tmp_path / "there").iterdir())}
    for made in objects:
        before = as_read(tmp_path, made.data_set, made.transfer_syntax)
        assert found[made.sop_instance].InstitutionName == "Elsewhere"
        assert found[made.sop_instance].PixelData == before.PixelData


def test_an_object_that_would_become_illegal_is_held_and_the_rest_goes_on(tmp_path):
    objects = stock.slices(3)
    only = rule("PatientComments", "copy", "InstanceNumber")
    too_long = rule("PatientID", "prefix", "x" * 64, where=(_number(objects[1]),))
    with stock.opened(tmp_path / "state") as spool, Archive() as archive:
        numbers = [stock.put(spool, made, "archive") for made in objects]
        with stock.working(spool, "archive", to(archive.port, only, too_long)):
            archive.await_received(2)
            stock.await_count(spool, "archive", "held", 1)
        row = stock.job_of(spool, "archive", numbers[1])
    assert {each.sop_instance for each in archive.received} == {objects[0].sop_instance, objects[2].sop_instance}
    assert archive.associations == 1
    assert row.cause == UNCHANGEABLE
    assert "PatientID would have" in row.why and "release the object" in row.why


def _number(made):
    return match.equals(path("SOPInstanceUID"), (made.sop_instance,))


def test_an_object_that_no_change_is_for_goes_as_it_is(tmp_path):
    (made,) = stock.slices(1)
    only = rule("PatientID", "set", "X", where=(match.like("calling AE title", "calling", ("MR*",)),))
    with stock.opened(tmp_path / "state") as spool, Archive() as archive:
        stock.put(spool, made, "archive")
        with stock.working(spool, "archive", to(archive.port, only)):
            (got,) = archive.await_received(1)
    assert got.data_set == made.data_set


def test_what_is_changed_can_be_compressed_then(tmp_path):
    (made,) = stock.slices(1, size=64)
    stages = (change.Changes([rule("PatientID", "prefix", "SITE-")], "EDGE", inflater),)
    jpeg_ls = "1.2.840.10008.1.2.4.80"
    with stock.opened(tmp_path / "state") as spool, Archive(syntaxes=[jpeg_ls]) as archive:
        stock.put(spool, made, "archive")
        target = DicomTarget("127.0.0.1", archive.port, "ARCHIVE", "EDGE", stock.TERMS, jpeg_ls, stages)
        with stock.working(spool, "archive", target):
            (got,) = archive.await_received(1)
    assert got.transfer_syntax == jpeg_ls
    before, after = as_read(tmp_path, made.data_set, made.transfer_syntax), as_read(tmp_path, got.data_set, jpeg_ls)
    assert after.PatientID == "SITE-" + before.PatientID
    assert (after.pixel_array == before.pixel_array).all()


def test_a_large_object_is_changed_in_the_memory_of_a_small_one(tmp_path):
    import tracemalloc

    made = phantom.us(phantom.study("US"), size=64, frames=1)
    head = made.data_set[: made.data_set.rindex(b"\xe0\x7f\x10\x00")]
    made = made._replace(data_set=head + b"\xe0\x7f\x10\x00OB\0\0" + (60 << 20).to_bytes(4, "little") + bytes(60 << 20))
    stage = change.Changes([rule("**.PatientID", "set", "X")], "EDGE", inflater)
    with stock.opened(tmp_path / "state") as spool:
        stock.put(spool, made, "archive")
        (job,) = spool.jobs.claim("archive", 1e12, 1)
        desk = Desk()
        parcel = desk.open(spool.path_of(job), job)
        assert parcel.octets is None and job.size > 50 << 20
        tracemalloc.start()
        octets = 0
        for part in alter.altered((stage,), parcel).chunks():
            octets += len(part)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        parcel.close()
    assert octets > job.size and peak < 3 << 20


def test_what_is_sent_again_has_the_same_octets(tmp_path):
    (made,) = stock.slices(1)
    with stock.opened(tmp_path / "state") as spool, Archive() as one, Archive() as other:
        stock.put(spool, made, "one", "other")
        with stock.working(spool, "one", to(one.port, rule("PatientID", "prefix", "S-"))):
            (first,) = one.await_received(1)
        time.sleep(1.1)
        with stock.working(spool, "other", to(other.port, rule("PatientID", "prefix", "S-"))):
            (second,) = other.await_received(1)
    assert first.data_set == second.data_set
