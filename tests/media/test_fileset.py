"""File-sets on a disk: names given out, objects added and removed, and what is there after a crash at any step."""

import os
import shutil

import pydicom
import pytest

from edge.media import examine, fileset, profile, survey
from edge.media.errors import MediaError
from tests.media import sets
from tests.support import mediafiles

CD = profile.named("STD-GEN-CD")


def _sources(folder, count=6, start=0, **more):
    paths = []
    for number in range(start, start + count):
        mediafiles.write(
            folder / ("source-%d.dcm" % number), PatientID="P%d" % (number % 2),
            StudyInstanceUID="1.2.%d" % (number % 2), SeriesInstanceUID="1.2.3.%d" % (number % 4),
            InstanceNumber=str(number), **more,
        )  # fmt: skip
        paths.append(str(folder / ("source-%d.dcm" % number)))
    return paths


def _instances(root):
    return sorted(each.sop_instance for each in sets.walked(root / "DICOMDIR")[0] if each.file_id)


def _findings(root):
    return [(each.code, each.words) for each in examine.examine(str(root), CD)]


def test_file_ids_are_those_of_the_standard():
    assert fileset.is_file_id(("DICOM", "P0000001", "A_9"))
    for name in ((), ("a",), ("ABCDEFGHI",), ("A.B",), ("A B",), ("",), ("A",) * 9, ("..",)):
        assert not fileset.is_file_id(name)


def test_objects_lie_by_patient_study_and_series(tmp_path):
    root = tmp_path / "set"
    added = list(fileset.FileSet(str(root), CD).add(_sources(tmp_path), "MYSET"))
    assert [name[1:3] for _, name, _ in added[:2]] == [("P0000001", "S0000001"), ("P0000002", "S0000001")]
    assert all(fileset.is_file_id(name) for _, name, _ in added)
    for source, name, notes in added:
        assert not notes
        with open(source, "rb") as one, open(root.joinpath(*name), "rb") as other:
            assert one.read() == other.read()
    assert _findings(root) == []
    assert pydicom.dcmread(root / "DICOMDIR").FileSetID == "MYSET"


def test_a_set_that_is_there_is_added_to_and_keeps_what_it_has(tmp_path):
    root = tmp_path / "set"
    sources = _sources(tmp_path, 6)
    assert all(name for _, name, _ in fileset.FileSet(str(root), CD).add(sources[:4], "MYSET"))
    before = {each.file_id: each.values for each in sets.walked(root / "DICOMDIR")[0] if each.file_id}
    instance = pydicom.dcmread(root / "DICOMDIR").file_meta.MediaStorageSOPInstanceUID
    added = list(fileset.FileSet(str(root), CD).add(sources))
    assert [name is None for _, name, _ in added] == [True] * 4 + [False] * 2
    after = {each.file_id: each.values for each in sets.walked(root / "DICOMDIR")[0] if each.file_id}
    assert len(after) == 6 and {name: after[name] for name in before} == before
    assert _findings(root) == []
    kinds = [each.kind for each in sets.walked(root / "DICOMDIR")[0]]
    assert [kinds.count(kind) for kind in ("PATIENT", "STUDY", "SERIES")] == [2, 2, 4]
    now = pydicom.dcmread(root / "DICOMDIR")
    assert now.FileSetID == "MYSET" and now.file_meta.MediaStorageSOPInstanceUID == instance


def test_what_is_removed_takes_its_empty_folders_and_records_along(tmp_path):
    root = tmp_path / "set"
    list(fileset.FileSet(str(root), CD).add(_sources(tmp_path, 6)))
    removed = fileset.FileSet(str(root)).remove(lambda record: record.above[0].values[0x00100020].startswith(b"P0"))
    assert removed == 3 and len(_instances(root)) == 3
    assert _findings(root) == []
    assert [each.kind for each in sets.walked(root / "DICOMDIR")[0]].count("PATIENT") == 1
    assert os.listdir(root / "DICOM") == ["P0000002"]


def test_a_foreign_set_is_added_to_in_place(tmp_path):
    theirs = os.path.join(os.path.dirname(pydicom.__file__), "data", "test_files", "dicomdirtests", "TINY_ALPHA")
    root = tmp_path / "set"
    shutil.copytree(theirs, root)
    before = _instances(root)
    assert all(name for _, name, _ in fileset.FileSet(str(root)).add(_sources(tmp_path, 4)))
    assert len(_instances(root)) == len(before) + 4
    assert {each.SOPInstanceUID for each in sets.loaded(root / "DICOMDIR")} == set(_instances(root))
    assert [code for code, _ in _findings(root) if code not in ("key", "profile")] == []


def test_a_damaged_set_is_not_changed(tmp_path):
    root = tmp_path / "set"
    added = list(fileset.FileSet(str(root), CD).add(_sources(tmp_path, 2)))
    root.joinpath(*added[0][1]).unlink()
    before = (root / "DICOMDIR").read_bytes()
    with pytest.raises(MediaError, match="damaged"):
        list(fileset.FileSet(str(root), CD).add(_sources(tmp_path, 1, 7)))
    assert (root / "DICOMDIR").read_bytes() == before and not (root / fileset.UNFINISHED).exists()


def test_adding_that_is_given_up_leaves_the_set_as_it_was(tmp_path):
    root = tmp_path / "set"
    list(fileset.FileSet(str(root), CD).add(_sources(tmp_path, 2)))
    before = sorted(str(each) for each in root.rglob("*")), (root / "DICOMDIR").read_bytes()
    adding = fileset.FileSet(str(root), CD).add(_sources(tmp_path, 4, 10))
    next(adding)
    next(adding)
    adding.close()
    assert (sorted(str(each) for each in root.rglob("*")), (root / "DICOMDIR").read_bytes()) == before


class _Cut(BaseException):
    """The power goes."""


@pytest.mark.parametrize("change", ["add", "remove"])
def test_a_crash_at_any_step_leaves_a_directory_that_references_what_is_there(tmp_path, monkeypatch, change):
    sources = _sources(tmp_path, 4)
    steps = ("fsync", "rename", "unlink", "rmdir", "makedirs", "pwrite", "sendfile")
    at = 0
    while True:
        root = tmp_path / ("set-%d" % at)
        list(fileset.FileSet(str(root), CD).add(sources[:2]))
        left = [at]
        with monkeypatch.context() as cutting:
            for name in steps:
                cutting.setattr(os, name, _cut_after(getattr(os, name), left))
            try:
                if change == "add":
                    list(fileset.FileSet(str(root), CD).add(sources[2:]))
                else:
                    fileset.FileSet(str(root)).remove(lambda record: record.values[0x00200013].strip() == b"0")
                ended = True
            except _Cut:
                ended = False
        codes = {code for code, _ in _findings(root)}
        assert codes <= {"unreferenced", "unfinished"}, (at, codes)
        list(fileset.FileSet(str(root), CD).index())
        assert _findings(root) == []
        if ended:
            break
        at += 1
    assert at > 5


def _cut_after(call, left):
    def cut(*arguments, **more):
        if left[0] < 0:
            raise _Cut()
        left[0] -= 1
        if left[0] < 0:
            raise _Cut()
        return call(*arguments, **more)

    return cut


def test_an_object_that_the_profile_does_not_take_is_left_out_with_the_reason(tmp_path):
    mediafiles.write(tmp_path / "a.dcm", syntax="1.2.840.10008.1.2")
    (tmp_path / "b.txt").write_bytes(b"no object")
    added = list(fileset.FileSet(str(tmp_path / "set"), CD).add([str(tmp_path / "a.dcm"), str(tmp_path / "b.txt")]))
    assert [name for _, name, _ in added] == [None, None]
    assert "Implicit VR" in added[0][2][0] and "not a DICOM file" in added[1][2][0]


def test_names_go_on_where_a_series_is_met_again(tmp_path):
    mediafiles.write(tmp_path / "a")
    found = survey.Surveyor().look(str(tmp_path / "a"))
    names = fileset.Names()
    assert [names.next(found)[-1] for _ in range(3)] == ["I0000001", "I0000002", "I0000003"]
    mediafiles.write(tmp_path / "b", "PALETTE")
    assert names.next(survey.Surveyor().look(str(tmp_path / "b"))) == ("DICOM", "I0000001")
