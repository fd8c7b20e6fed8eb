"""Exports made from a spool: what lies on the volume, and what is refused, left out, or given up."""

import hashlib
import os
import re
import subprocess
import zipfile

import pydicom
import pytest

from edge.box import load, media_keys
from edge.demo import phantom
from edge.dicom import syntax
from edge.export import make, order, target
from edge.export.staging import Staging
from edge.media import examine, profile
from edge.media.errors import MediaError
from edge.spool.intake import Source
from tests.media import sets
from tests.spool.data import SMALL, open_spool
from tests.support import mediafiles

SOURCE = Source("", "", "a test")
SMALLEST = 64  # columns of a phantom


def give(spool, folder, made):
    path = phantom.save(made, str(folder))
    fd = os.open(path, os.O_RDONLY)
    try:
        return spool.adopt(fd, [], SOURCE)
    finally:
        os.close(fd)


@pytest.fixture(scope="module")
def spool(tmp_path_factory):
    """CT in implicit VR, MR and US of one patient, CR of another."""
    folder = tmp_path_factory.mktemp("box")
    made = open_spool(folder / "state")
    for modality, seed, known in (
        ("CT", 3, syntax.IMPLICIT_LITTLE), ("MR", 3, syntax.EXPLICIT_LITTLE), ("CR", 4, syntax.EXPLICIT_LITTLE),
    ):  # fmt: skip
        head = phantom.study(modality, seed)
        for number in (1, 2):
            give(made, folder, phantom.MAKERS[modality](head, number=number, of=2, syntax=known, size=SMALLEST))
    yield made
    made.close()


def settings_of(spool, more=""):
    text = f'[box]\nstate_dir = "{spool.path}"\n[media]\ninstitution = "City Hospital"\n' + more
    return load.parse(text, os.path.join(spool.path, "edge.toml")).config


def asked(spool, to, settings=None, is_owner=True, **request):
    if not {"study", "patient", "since", "until"} & set(request):
        request["patient"] = "DEMO-00003"
    return order.read({"to": to, **request}, settings or settings_of(spool), is_owner)


def export(spool, to, settings=None, **request):
    """The Result of an export, and the stages that it went through."""
    settings = settings or settings_of(spool)
    stages = []
    with Staging(spool, 1) as staging:
        made = make.run(spool, settings, asked(spool, to, settings, **request), staging)
        while True:
            try:
                progress = next(made)
            except StopIteration as end:
                result = end.value
                break
            assert 0 <= progress.done <= progress.total
            if progress.stage not in stages:
                stages.append(progress.stage)
    assert not os.path.exists(os.path.join(spool.path, "export", "1")), "staging is left"
    return result, stages


def refusal(spool, to, **request):
    with pytest.raises(MediaError) as caught:
        export(spool, to, **request)
    return str(caught.value)


@pytest.fixture(scope="module")
def folder(spool, tmp_path_factory):
    """(the folder of an export, its Result)."""
    path = tmp_path_factory.mktemp("out") / "set"
    result, _ = export(spool, f"dir:{path}")
    return path, result


def test_a_folder_holds_a_patients_studies_and_nobody_elses(spool, folder):
    path, result = folder
    found = sets.loaded(path / "DICOMDIR")
    assert {each.PatientID for each in found} == {"DEMO-00003"}
    assert sorted(each.Modality for each in found) == ["CT", "CT", "MR", "MR"]
    assert (result.tally.objects, result.tally.left_out) == (4, 0)
    for each in found:
        pydicom.dcmread(each.path).PixelData


def test_its_directory_satisfies_foreign_checkers_and_ours(folder):
    path, _ = folder
    assert not [line for line in sets.validated(path / "DICOMDIR") if line.startswith("Error")]
    sets.dumped(path / "DICOMDIR")
    assert list(examine.examine(str(path), profile.named("STD-GEN-CD"))) == []


def test_what_the_profile_does_not_take_is_transcoded_and_the_pixels_stay(spool, folder, tmp_path):
    path, result = folder
    assert result.tally.changed == 2 and "becomes Explicit VR Little Endian" in result.tally.notes[0]
    mine = {each.SOPInstanceUID: pydicom.dcmread(each.path) for each in sets.loaded(path / "DICOMDIR")}
    assert {each.file_meta.TransferSyntaxUID for each in mine.values()} == {syntax.EXPLICIT_LITTLE}
    head = phantom.study("CT", 3)
    was = phantom.ct(head, number=1, of=2, syntax=syntax.IMPLICIT_LITTLE, size=SMALLEST)
    assert mine[was.sop_instance].PixelData == was.data_set[was.pixels]


def test_pages_and_a_viewer_go_with_it_and_nothing_that_runs_by_itself(folder):
    path, _ = folder
    assert (path / "README.TXT").is_file() and (path / "INDEX.HTM").is_file()
    assert (path / "VIEWER" / "VIEWER.HTM").is_file() and (path / "IHE_PDI").is_dir()
    assert "City Hospital" in (path / "INDEX.HTM").read_text(encoding="utf-8")
    assert "AUTORUN.INF" not in os.listdir(path)


def test_an_image_is_called_by_its_label_and_reads_as_what_was_written(spool, tmp_path):
    result, stages = export(spool, f"iso:{tmp_path}/disc", label="Ward 7", viewer=False)
    path = tmp_path / "disc.iso"
    told = subprocess.run(["isoinfo", "-d", "-i", path], capture_output=True, text=True, check=True).stdout
    assert "Volume id: WARD_7\n" in told
    digest = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
    assert result.volumes == [make.Done(str(path), path.stat().st_size, digest, 4, "1 of 1")]
    subprocess.run(["7z", "x", "-y", f"-o{tmp_path}/read", path], capture_output=True, check=True)
    assert list(examine.examine(str(tmp_path / "read"), profile.named("STD-GEN-CD"))) == []
    assert not (tmp_path / "read" / "VIEWER").exists() and "making the viewer" not in stages


def test_an_archive_is_opened_by_others(spool, tmp_path):
    export(spool, f"zip:{tmp_path}/out.zip", viewer=False)
    with zipfile.ZipFile(tmp_path / "out.zip") as opened:
        assert opened.testzip() is None and "DICOMDIR" in opened.namelist()


def test_what_exceeds_a_disc_is_shared_out_and_each_reads_alone(spool, tmp_path, monkeypatch):
    monkeypatch.setitem(make.layout.CAPACITIES, "cd74", (3 << 20) + (260 << 10))
    monkeypatch.setattr(make, "_FIXED", 3 << 20)
    result, _ = export(spool, f"iso:{tmp_path}/disc.iso", medium="cd74", viewer=False, patient=None, since="2000-01-01")
    assert len(result.volumes) > 1 and sum(each.objects for each in result.volumes) == 6
    for number, each in enumerate(result.volumes, 1):
        assert each.path == f"{tmp_path}/disc_{number}_{len(result.volumes)}.iso"
        subprocess.run(["7z", "x", "-y", f"-o{tmp_path}/{number}", each.path], capture_output=True, check=True)
        found = sets.loaded(tmp_path / f"{number}" / "DICOMDIR")
        assert len(list(found)) == each.objects and found.ID == f"DICOM_{number}_{len(result.volumes)}"


def test_documents_that_lie_beside_the_pages_are_reckoned_before_a_disc_is_full(tmp_path, monkeypatch):
    made = open_spool(tmp_path / "state")
    for number in (1, 2):
        document = b"%PDF-1.4 " + os.urandom(3 << 20) + b" "
        more = {"StudyInstanceUID": f"1.2.3.{number}", "EncapsulatedDocument": document}
        ds = mediafiles.data_set("ENCAP DOC", PatientID="P1", **more)
        (tmp_path / "file").write_bytes(mediafiles.octets(ds))
        fd = os.open(tmp_path / "file", os.O_RDONLY)
        made.adopt(fd, [], SOURCE)
        os.close(fd)
    monkeypatch.setitem(make.layout.CAPACITIES, "cd74", 10 << 20)
    result, _ = export(made, f"iso:{tmp_path}/disc.iso", medium="cd74", viewer=False, patient="P1")
    made.close()
    assert [each.label for each in result.volumes] == ["1 of 2", "2 of 2"]
    for each in result.volumes:
        assert 6 << 20 < each.octets < 10 << 20
        told = subprocess.run(["isoinfo", "-f", "-i", each.path], capture_output=True, text=True, check=True).stdout
        assert "/IHE_PDI/D0000001.PDF" in told


def test_a_burnt_disc_is_compared(spool, tmp_path):
    disc = tmp_path / "disc"
    disc.touch()
    result, stages = export(spool, f"burner:stdio:{disc}", viewer=False)
    assert result.words == "burnt and compared; may be handed out" and stages[-1] == "burning and comparing"
    assert "is not blank" in refusal(spool, f"burner:stdio:{disc}")


def test_the_second_of_two_discs_is_waited_for_and_burnt_when_it_is_put_in(spool, tmp_path, monkeypatch):
    monkeypatch.setitem(make.layout.CAPACITIES, "cd74", (3 << 20) + (260 << 10))
    monkeypatch.setattr(make, "_FIXED", 3 << 20)
    monkeypatch.setattr(target, "_LOOK_S", 0.05)
    drive = tmp_path / "drive"
    drive.write_bytes(b"")
    order = asked(spool, f"burner:stdio:{drive}", medium="cd74", viewer=False, patient=None, since="2000-01-01")
    taken, waits = [], 0
    with Staging(spool, 1) as staging:
        made = make.run(spool, settings_of(spool), order, staging)
        while True:
            try:
                each = next(made)
            except StopIteration as end:
                result = end.value
                break
            if each.stage.startswith("waiting for a blank disc"):
                waits += 1
                assert each.stage == "waiting for a blank disc, %d of %d" % (each.done + 1, each.total)
                if waits % 3 == 0:  # somebody takes the disc that is burnt out, and puts a blank one in
                    taken.append(tmp_path / f"taken{len(taken)}")
                    drive.rename(taken[-1])
                    drive.write_bytes(b"")
    discs = [*taken, drive]
    assert len(discs) == len(result.volumes) > 1 and result.words.startswith("burnt and compared")
    assert waits == 3 * len(taken)
    for number, (disc, each) in enumerate(zip(discs, result.volumes), 1):
        assert each.label == f"{number} of {len(discs)}"
        assert hashlib.sha256(disc.read_bytes()[: each.octets]).hexdigest() == each.sha256
        subprocess.run(["7z", "x", "-y", "-tiso", f"-o{tmp_path}/{number}", disc], capture_output=True)
        assert len(list(sets.loaded(tmp_path / f"{number}" / "DICOMDIR"))) == each.objects
    assert sum(each.objects for each in result.volumes) == 6


def test_a_de_identified_export_names_nobody(spool, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef" * 2)
    key.chmod(0o600)
    more = '[[destination]]\nname = "a"\nae_title = "A"\nhost = "127.0.0.1"\n[[deidentify]]\nfor = ["a"]\n'
    settings = settings_of(spool, more + f'key_file = "{key}"\n')
    path = tmp_path / "out"
    export(spool, f"dir:{path}", settings, deidentify=True)
    for each in path.rglob("*"):
        if each.is_file():
            content = each.read_bytes()
            assert not [word for word in (b"DEMO^", b"DEMO-00003", b"City Hospital") if word in content], each.name
    assert list(examine.examine(str(path), profile.named("STD-GEN-CD"))) == []


def test_hostile_names_stand_nowhere_but_in_text(tmp_path):
    spool = open_spool(tmp_path / "state")
    name = "../..\\<script>alert(1)</script>^" + "Æ" * 40
    head = phantom.study("CR", 3)._replace(patient_name=name, description="..\\\\<b>" + "X" * 50)
    give(spool, tmp_path, phantom.cr(head, size=SMALLEST))
    export(spool, f"dir:{tmp_path}/out")
    names = [os.path.relpath(os.path.join(at, each), tmp_path / "out") for at, _, files in os.walk(tmp_path / "out")
             for each in files]  # fmt: skip
    assert all(each.isascii() and ".." not in each and each == each.upper() for each in names)
    for each in [*tmp_path.rglob("*.HTM"), *tmp_path.rglob("STUDIES.JS")]:
        assert "<script>alert" not in each.read_text(encoding="utf-8"), each.name
    assert list(examine.examine(str(tmp_path / "out"), profile.named("STD-GEN-CD"))) == []
    assert len(list(sets.loaded(tmp_path / "out" / "DICOMDIR"))) == 1
    spool.close()


def of_two(tmp_path, patient_id):
    """What an export holds of two persons with this Patient ID, whose studies came in turn: Alpha, Beta, Alpha."""
    spool = open_spool(tmp_path / "state")
    for seed, name, born in (1, "Alpha^A", "19500101"), (2, "Beta^B", "19990101"), (3, "Alpha^A", "19500101"):
        head = phantom.study("CR", seed)._replace(patient_id=patient_id, patient_name=name, birth_date=born)
        give(spool, tmp_path, phantom.cr(head, size=SMALLEST))
    result, _ = export(spool, f"dir:{tmp_path}/out", patient=None, since="2000-01-01")
    spool.close()
    out = tmp_path / "out"
    studies = (out / "VIEWER" / "STUDIES.JS").read_text()
    headings = re.findall("<h2>(?:<[^>]*>)?([^<]+)|href=\"(IHE_PDI/ST[0-9]*.HTM)", (out / "INDEX.HTM").read_text())
    pages = {each.name: re.search("<h1>(?:<[^>]*>)?([^<]+)", each.read_text())[1] for each in out.rglob("ST*.HTM")}
    rows = re.findall('{"(patient|study)":"([^"]*)', studies)
    return out, result, [first or pages[os.path.basename(second)] for first, second in headings], rows


@pytest.mark.parametrize("patient_id", ["", "SAME"])
def test_two_persons_are_never_put_under_one_name(tmp_path, patient_id):
    out, _, headings, rows = of_two(tmp_path, patient_id)
    assert headings == ["Alpha A"] * 3 + ["Beta B"] * 2, "each heading, and whose its studies are"
    heads = [each if kind == "patient" else kind for kind, each in rows]
    assert heads == ["Alpha A", "study", "study", "Beta B", "study"]
    patients = [each for each in sets.walked(out / "DICOMDIR")[0] if each.kind == "PATIENT"]
    assert {each.values[0x00100010].strip() for each in patients} == {b"Alpha^A", b"Beta^B"}
    assert not [each for each in examine.examine(str(out)) if each.code != "persons"]
    assert sets.dumped(out / "DICOMDIR").count("Beta^B") == 1


def test_a_patient_id_that_two_persons_have_is_told_with_both_and_their_studies(tmp_path):
    out, result, _, _ = of_two(tmp_path, "SAME")
    told = [each for each in result.tally.notes if "Patient ID SAME is of 2 persons" in each]
    assert len(told) == 1 and f"Alpha A, 1950-01-01 (study {_uid('CR', 1)}); Beta B, 1999-01-01" in told[0]
    found = [each.words for each in examine.examine(str(out), profile.named("STD-GEN-CD"))]
    assert len(found) == 1 and f"Patient ID SAME of study {_uid('CR', 2)} " in found[0]


def test_objects_of_two_persons_in_one_series_are_told_apart_even_where_they_come_in_turn(tmp_path):
    spool = open_spool(tmp_path / "state")
    for number, name in enumerate(("Alpha^A", "Beta^B", "Alpha^A", "Beta^B"), 1):
        head = phantom.study("MR", 3)._replace(patient_name=name)
        give(spool, tmp_path, phantom.mr(head, number=number, of=4, size=SMALLEST))
    export(spool, f"dir:{tmp_path}/out")
    spool.close()
    studies = (tmp_path / "out" / "VIEWER" / "STUDIES.JS").read_text()
    assert re.findall('"patient":"([^"]*)|"images":([0-9]+)', studies) == [
        ("Alpha A", ""), ("", "2"), ("Beta B", ""), ("", "2"),
    ]  # fmt: skip


def test_series_stand_in_the_order_of_their_numbers(tmp_path):
    spool = open_spool(tmp_path / "state")
    for number in (10, 9, 2):
        made = phantom.cr(phantom.study("CR", 3), size=SMALLEST)
        data = pydicom.dcmread(phantom.save(made, str(tmp_path)))
        data.SeriesNumber, data.SeriesInstanceUID = number, f"1.2.{1000 - number}"
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        data.save_as(tmp_path / "one.dcm")
        with open(tmp_path / "one.dcm", "rb") as file:
            spool.adopt(os.dup(file.fileno()), [], SOURCE)
    export(spool, f"dir:{tmp_path}/out")
    spool.close()
    studies = (tmp_path / "out" / "VIEWER" / "STUDIES.JS").read_text()
    assert re.findall('"number":"([0-9]*)"', studies) == ["2", "9", "10"]


def test_a_study_that_is_not_here_is_named(spool, tmp_path):
    assert "no study 1.2.3 is here" in refusal(spool, f"dir:{tmp_path}/x", study=["1.2.3", _uid("CT", 3)])
    assert "no study here is" in refusal(spool, f"dir:{tmp_path}/x", patient="DEMO-0000*")


def _uid(modality, seed):
    return phantom.study(modality, seed).uid


@pytest.mark.parametrize(
    "to, is_owner, words",
    [
        ("floppy:x", True, "is no place to export to"),
        ("dir:x/y", True, "without folders"),
        ("dir:/etc", True, "is there already"),
        ("dir:../x", False, "letters, digits"),
        ("iso:/tmp/x", False, "letters, digits"),
        ("zip:.hidden", False, "letters, digits"),
        ("burner:stdio:/tmp/x", False, "is no burner of this box"),
        ("usb:/tmp", False, "no stick is mounted"),
    ],
)
def test_a_place_that_may_not_be_written_is_refused(spool, to, is_owner, words):
    with pytest.raises(MediaError, match=words):
        asked(spool, to, is_owner=is_owner)


def test_the_console_writes_into_the_folder_for_exports_alone(spool):
    found = asked(spool, "iso:disc", is_owner=False)
    assert found.place == os.path.join(spool.path, "exports", "disc.iso")


def test_nothing_is_written_over(spool, tmp_path):
    (tmp_path / "disc.iso").write_bytes(b"mine")
    assert "is there already" in refusal(spool, f"iso:{tmp_path}/disc.iso")
    assert (tmp_path / "disc.iso").read_bytes() == b"mine"


def test_an_export_that_the_spool_has_no_room_for_is_refused_before_it_takes_any(spool, tmp_path):
    spool.renew(SMALL._replace(reserve_bytes=1 << 60))
    try:
        assert "can spare 0 MB" in refusal(spool, f"dir:{tmp_path}/x")
    finally:
        spool.renew(SMALL)
    assert os.listdir(tmp_path) == []


def test_an_export_that_is_cancelled_leaves_nothing(spool, tmp_path):
    settings = settings_of(spool)
    with Staging(spool, 1) as staging:
        made = make.run(spool, settings, asked(spool, f"dir:{tmp_path}/x", settings), staging)
        for progress in made:
            if progress.stage == "writing and comparing":
                break
        made.close()
    assert os.listdir(tmp_path) == []


def test_an_object_whose_file_has_rotted_is_left_out_and_said(tmp_path):
    spool = open_spool(tmp_path / "state")
    head = phantom.study("CR", 3)
    for number in (1, 2):
        give(spool, tmp_path, phantom.cr(head, number=number, of=2, size=SMALLEST))
    rotten = spool.index.get(1)
    with open(spool.path_of(rotten), "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xa5")
    result, _ = export(spool, f"dir:{tmp_path}/out", viewer=False)
    assert (result.tally.objects, result.tally.left_out) == (1, 1)
    assert "object 1: its file is not what was received" in result.tally.reasons[0]
    spool.close()


def test_the_configuration_knows_the_profiles_that_there_are():
    assert media_keys.PROFILES == tuple(each.name for each in profile.PROFILES)
