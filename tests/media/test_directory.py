"""Directories that the box writes, judged by dciodvfy, DCMTK and pydicom, and read back by its own walk."""

import subprocess

import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from edge.media import directory, records, survey
from edge.media.errors import MediaError
from tests.media import sets
from tests.support import mediafiles, samples

# What this validator does not know a record of, having no later editions, or knows from an earlier one
_TOO_YOUNG = (
    "PALETTE", "IMPLANT", "MEASUREMENT", "SURFACE", "TRACT", "ASSESSMENT", "RADIOTHERAPY", "ANNOTATION", "PLAN",
    "SPECTROSCOPY",
)  # fmt: skip


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory):
    """A file-set with an object of each kind."""
    root = tmp_path_factory.mktemp("kinds")
    for number, kind in enumerate(mediafiles.KINDS):
        mediafiles.write(root / "A" / ("F%03d" % number), kind)
    path, notes = sets.make(root)
    return root, path, notes


def test_every_kind_of_object_gets_the_record_that_is_for_it(every_kind):
    root, path, notes = every_kind
    found, defects = sets.walked(path)
    assert not defects
    assert sorted(each.kind for each in found if each.file_id) == sorted(mediafiles.KINDS)
    assert not any(notes.values())
    for each in found:
        if each.file_id:
            ds = pydicom.dcmread(root.joinpath(*each.file_id))
            assert each.kind == records.record_type(ds.SOPClassUID)
            assert (each.sop_class, each.sop_instance) == (ds.SOPClassUID, ds.SOPInstanceUID)
            assert each.transfer_syntax == ds.file_meta.TransferSyntaxUID


def test_the_keys_of_every_kind_are_those_of_the_file(every_kind):
    root, path, _ = every_kind
    for record in pydicom.dcmread(path).DirectoryRecordSequence:
        kind = record.DirectoryRecordType
        if "ReferencedFileID" not in record:
            continue
        ds = pydicom.dcmread(root.joinpath(*record.ReferencedFileID))
        for tag, need in records.KEYS[kind]:
            if tag in (records.VERIFIED_AT, records.CONTENT_SEQUENCE):
                continue
            assert tag in record or need == "1C" and tag not in ds, (kind, hex(tag))
            if tag in record and tag in ds:
                assert record[tag].value == ds[tag].value, (kind, hex(tag))


def test_a_report_is_recorded_with_what_modifies_its_title_and_when_it_was_verified(every_kind):
    _, path, _ = every_kind
    report = next(
        each for each in pydicom.dcmread(path).DirectoryRecordSequence if each.DirectoryRecordType == "SR DOCUMENT"
    )
    assert [item.RelationshipType for item in report.ContentSequence] == ["HAS CONCEPT MOD"]
    assert report.VerificationDateTime == "20260302101700"


def test_dciodvfy_has_nothing_to_say_about_kinds_that_it_knows(tmp_path):
    for number, kind in enumerate(kind for kind in mediafiles.KINDS if not kind.startswith(_TOO_YOUNG)):
        mediafiles.write(tmp_path / ("F%03d" % number), kind)
    assert sets.validated(sets.make(tmp_path)[0]) == []


def test_pydicom_loads_every_instance(tmp_path):
    for number, kind in enumerate(kind for kind in mediafiles.KINDS if kind != "ANNOTATION"):  # which it does not know
        mediafiles.write(tmp_path / "A" / ("F%03d" % number), kind)
    loaded = sets.loaded(sets.make(tmp_path)[0])
    wanted = {pydicom.dcmread(file).SOPInstanceUID for file in (tmp_path / "A").iterdir()}
    assert {each.SOPInstanceUID for each in loaded} == wanted
    assert all(pydicom.dcmread(each.path).SOPInstanceUID == each.SOPInstanceUID for each in loaded)


def test_dcmtk_prints_every_instance(every_kind):
    _, path, _ = every_kind
    assert sets.dumped(path).count("-> A\\F") == len(mediafiles.KINDS)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, "1.2.840.10008.1.2.1.99"])
def test_a_file_in_another_transfer_syntax_has_the_same_record(tmp_path, syntax):
    for kind in ("IMAGE", "SR DOCUMENT", "SPECTROSCOPY"):
        ds = mediafiles.data_set(kind)
        for folder, known in (("PLAIN", ExplicitVRLittleEndian), ("OTHER", pydicom.uid.UID(syntax))):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / kind[:2]).write_bytes(mediafiles.octets(ds, known))
    plain, other = [
        [(each.kind, each.values) for each in sets.walked(sets.make(tmp_path / folder)[0])[0]]
        for folder in ("PLAIN", "OTHER")
    ]
    assert plain == other


def test_pydicoms_samples_are_recorded_as_dcmtk_records_them(tmp_path):
    surveyor = survey.Surveyor()
    ours, by_instance = directory.Writer(str(tmp_path / "OURS"), "TEST"), {}
    refused = []
    for number, sample in enumerate(samples.rounds(samples.readable())[0]):
        name = "F%05d" % number
        (tmp_path / name).write_bytes(samples.part_10(sample))
        try:
            ours.add(surveyor.look(tmp_path / name), (name,))
            by_instance[sample.sop_instance] = name
        except MediaError as error:
            refused.append(str(error))
    ours.finish()
    assert len(by_instance) > 100 and all("UID" in words for words in refused)
    names = sorted(by_instance.values())
    subprocess.run(
        ["dcmmkdir", "-q", "+I", "-Nxc", "-Nec", "+Nrs", "+D", str(tmp_path / "THEIRS"), *names], cwd=tmp_path,
        capture_output=True, check=False,
    )  # fmt: skip
    theirs = {each.sop_instance: each for each in sets.walked(tmp_path / "THEIRS")[0] if each.file_id}
    found, defects = sets.walked(tmp_path / "OURS")
    assert not defects and len(theirs) > 100
    for each in found:
        other = theirs.get(each.sop_instance)
        if other is None:
            continue  # dcmmkdir leaves out what is inconsistent
        assert (each.kind, each.file_id, each.sop_class) == (other.kind, other.file_id, other.sop_class)
        assert each.transfer_syntax == other.transfer_syntax
        for mine, its in zip(each.above, other.above):
            for tag, _ in records.KEYS[mine.kind]:
                if tag in its.values and tag in (records.STUDY_UID, records.SERIES_UID, records.MODALITY):
                    assert its.values[tag].strip(b"\0 ") in (mine.values[tag].strip(b"\0 "), b""), hex(tag)
    said = [line for line in sets.validated(tmp_path / "OURS") if line.startswith("Error")]
    assert [line for line in said if "Illegal root for UID" not in line] == []  # which the files have, too


def test_an_object_is_recorded_once(tmp_path):
    ds = mediafiles.write(tmp_path / "A")
    writer = directory.Writer(str(tmp_path / "DICOMDIR"))
    found = survey.Surveyor().look(tmp_path / "A")
    writer.add(found, ("A",))
    with pytest.raises(MediaError, match="already"):
        writer.add(found, ("B",))
    writer.finish()
    assert [each.SOPInstanceUID for each in sets.loaded(tmp_path / "DICOMDIR")] == [ds.SOPInstanceUID]


def test_uids_are_told_apart_by_the_hundred_thousand():
    seen = directory.Seen()
    names = ["1.2.3.%d" % number for number in range(100_000)]
    assert all([seen.add(name) for name in names])
    assert not any([seen.add(name) for name in names])


def test_objects_that_come_in_any_order_stand_below_their_series(tmp_path):
    for number in range(40):
        mediafiles.write(
            tmp_path / ("F%03d" % number), PatientID="P%d" % (number % 2), StudyInstanceUID="1.2.%d" % (number % 4),
            SeriesInstanceUID="1.2.3.%d" % (number % 8), InstanceNumber=str(number),
        )  # fmt: skip
    path, _ = sets.make(tmp_path)
    found, defects = sets.walked(path)
    assert not defects
    kinds = [each.kind for each in found]
    assert [kinds.count(kind) for kind in ("PATIENT", "STUDY", "SERIES", "IMAGE")] == [2, 4, 8, 40]
    for each in found:
        if each.file_id:
            ds = pydicom.dcmread(tmp_path / each.file_id[0])
            above = [record.values[tag].strip(b"\0 ").decode() for record, tag in zip(each.above, directory._NAMES)]
            assert above == [ds.PatientID, ds.StudyInstanceUID, ds.SeriesInstanceUID]


def test_an_empty_directory_is_one_all_the_same(tmp_path):
    path, _ = sets.make(tmp_path)
    assert sets.walked(path) == ([], [])
    assert len(sets.loaded(path)) == 0
